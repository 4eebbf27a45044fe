//! Private scopes: which there are, and how an app, or a client that belongs to none, asks for one.

use super::error::{AppError, Refusal};
use super::workshop::Workshop;
use crate::config::{Catalogue, GrantFlow, Visibility};
use crate::node::Node;
use crate::record::Cause;
use crate::store::{App, Holder, ScopeRequest, ScopeRequests};
use crate::types::{ScopeSet, ScopeToken};

/// Longest reason, in characters.
pub const MAX_REASON: usize = 1000;

/// The private scope of this name.
///
/// # Errors
/// When there is none, or anybody may ask for it.
pub fn private_scope(catalogue: &Catalogue, text: &str) -> Result<ScopeToken, Refusal> {
    let text = text.trim();
    let unknown = || Refusal::UnknownScope(text.chars().take(100).collect());
    let scope = ScopeToken::asked(text).map_err(|_| unknown())?;
    match catalogue.entry(&scope).map(|entry| entry.visibility) {
        Some(Visibility::Private) => Ok(scope),
        Some(Visibility::Public | Visibility::Managed) => Err(Refusal::PublicScope(scope)),
        Some(Visibility::Internal) | None => Err(unknown()),
    }
}

/// A reason or a comment without what surrounds it.
///
/// # Errors
/// When it is too long or holds control characters.
pub fn reason(written: &str) -> Result<&str, Refusal> {
    let written = written.trim();
    let fine = written.chars().count() <= MAX_REASON && !written.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
    if fine { Ok(written) } else { Err(Refusal::UnfitReason) }
}

/// Private scopes of one holder's clients, as whoever may change them asks for them.
#[derive(Debug)]
pub struct PrivateScopes<'a> {
    node: &'a Node,
    catalogue: &'a Catalogue,
    cause: &'a Cause,
    holder: Holder,
}

impl<'a> PrivateScopes<'a> {
    /// Those of `holder`; records name what `cause` names.
    #[must_use]
    pub const fn new(node: &'a Node, catalogue: &'a Catalogue, cause: &'a Cause, holder: Holder) -> Self {
        Self { node, catalogue, cause, holder }
    }

    /// What was asked for or given, what waits first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn requests(&self) -> Result<Vec<ScopeRequest>, AppError> {
        Ok(self.node.store.scope_requests(ScopeRequests::For(&self.holder)).await?)
    }

    /// Asks the operator for a private scope. `held` is what was given before.
    ///
    /// # Errors
    /// When there is no such private scope, it is deprecated and not held, there is no reason, or a request for it waits.
    pub async fn request(&self, scope: &str, why: &str, held: &ScopeSet) -> Result<ScopeRequest, AppError> {
        let (scope, why) = (private_scope(self.catalogue, scope)?, reason(why)?);
        if let Some(deprecation) = self.catalogue.entry(&scope).and_then(|entry| entry.deprecated.clone())
            && !held.contains(&scope)
        {
            return Err(Refusal::DeprecatedScope(scope, deprecation).into());
        }
        if why.is_empty() {
            return Err(Refusal::NoReason.into());
        }
        if !self.node.store.request_scope(&self.holder, &scope, why, self.cause).await? {
            return Err(Refusal::Waiting(scope).into());
        }
        self.node.settle().await?;
        self.one(&scope).await
    }

    /// Takes a request back that waits. What was given before goes on.
    ///
    /// # Errors
    /// When none waits.
    pub async fn cancel(&self, scope: &str) -> Result<ScopeRequest, AppError> {
        let scope = private_scope(self.catalogue, scope)?;
        if !self.node.store.cancel_scope_request(&self.holder, &scope, self.cause).await? {
            return Err(Refusal::NotWaiting(scope).into());
        }
        self.node.settle().await?;
        self.one(&scope).await
    }

    async fn one(&self, scope: &ScopeToken) -> Result<ScopeRequest, AppError> {
        let found = self.requests().await?.into_iter().find(|r| r.scope == *scope);
        Ok(found.ok_or(Refusal::Gone)?)
    }
}

impl Workshop<'_> {
    fn private(&self, app: &App) -> PrivateScopes<'_> {
        PrivateScopes::new(self.node, &self.config.catalogue, &self.cause, Holder::App(app.id.clone()))
    }

    /// What the app asked for or was given, what waits first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn scope_requests(&self, app: &App) -> Result<Vec<ScopeRequest>, AppError> {
        self.private(app).requests().await
    }

    /// Asks the operator for a private scope.
    ///
    /// # Errors
    /// As [`PrivateScopes::request`], and when no app can have it.
    pub async fn request_scope(&self, app: &App, scope: &str, why: &str) -> Result<ScopeRequest, AppError> {
        let held = self.approved(app).await?;
        let named = private_scope(&self.config.catalogue, scope)?;
        let entry = self.config.catalogue.entry(&named);
        if !held.contains(&named) && entry.is_some_and(|e| !e.given_by.contains(&GrantFlow::AuthorizationCode)) {
            return Err(Refusal::NotForApps(named).into());
        }
        self.private(app).request(scope, why, &held).await
    }

    /// Takes a request back that waits. What was given before goes on.
    ///
    /// # Errors
    /// When none waits.
    pub async fn cancel_scope_request(&self, app: &App, scope: &str) -> Result<ScopeRequest, AppError> {
        self.private(app).cancel(scope).await
    }
}
