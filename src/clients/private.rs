//! Private scopes that a client of an organization asks the operator for.

use super::error::{ClientError, Refusal};
use super::{Clients, new, of_its_own};
use crate::apps::{AppError, PrivateScopes, private_scope};
use crate::store::{Client, ClientOrigin, Holder, ScopeRequest};

impl Clients<'_> {
    /// The private scopes that a client asked for or was given, what waits first. Those of an app's clients are the app's.
    ///
    /// # Errors
    /// When the client is an app's, or registered itself.
    pub async fn scope_requests(&self, client: &Client) -> Result<Vec<ScopeRequest>, ClientError> {
        Ok(self.private(client)?.requests().await?)
    }

    /// Asks the operator for a private scope. Given, it may be named among what the client may ask for.
    ///
    /// # Errors
    /// When the client is an app's or registered itself, there is no such private scope, it can't come to such a client, there is no
    /// reason, or a request for it waits.
    pub async fn request_scope(&self, client: &Client, scope: &str, why: &str) -> Result<ScopeRequest, ClientError> {
        let private = self.private(client)?;
        let held = self.held(client).await?;
        let named = private_scope(&self.config.catalogue, scope).map_err(AppError::from)?;
        if !held.contains(&named) {
            new::fits(&self.config, client, &named)?;
        }
        Ok(private.request(scope, why, &held).await?)
    }

    /// Takes a request back that waits. What was given before goes on.
    ///
    /// # Errors
    /// When the client is an app's or registered itself, or no request waits.
    pub async fn cancel_scope_request(&self, client: &Client, scope: &str) -> Result<ScopeRequest, ClientError> {
        Ok(self.private(client)?.cancel(scope).await?)
    }

    fn private(&self, client: &Client) -> Result<PrivateScopes<'_>, Refusal> {
        of_its_own(client)?;
        if client.origin == ClientOrigin::Dynamic {
            return Err(Refusal::RegisteredItself);
        }
        Ok(PrivateScopes::new(self.node, &self.config.catalogue, &self.cause, Holder::Client(client.id.clone())))
    }
}
