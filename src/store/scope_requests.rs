//! Private scopes: who asked for one, and who was given it until when.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::record::Cause;
use crate::types::{AppId, ClientId, OrgId, ScopeSet, ScopeToken, Timestamp, UserId};

/// Whose clients a private scope counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An app: its draft and its published client.
    App(AppId),
    /// A client that belongs to no app.
    Client(ClientId),
}

impl Holder {
    /// Its id, which says of which kind it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::App(id) => id.as_str(),
            Self::Client(id) => id.as_str(),
        }
    }
}

/// The private scopes that clients of one holder were given, each with the end of its approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals(pub(super) Vec<(ScopeToken, Timestamp)>);

impl Approvals {
    /// Those that count at `at`.
    #[must_use]
    pub fn live(&self, at: Timestamp) -> ScopeSet {
        self.0.iter().filter(|(_, until)| *until > at).map(|(scope, _)| scope.clone()).collect()
    }

    /// When the first of those that count at `at` ends.
    #[must_use]
    pub fn next_end(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.iter().map(|(_, until)| *until).filter(|until| *until > at).min()
    }

    /// Whether `scope` counts at `at`.
    #[must_use]
    pub fn admits(&self, scope: &str, at: Timestamp) -> bool {
        self.0.iter().any(|(s, until)| s.as_str() == scope && *until > at)
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeRequestState {
    /// It waits for the operator.
    Pending,
    /// The scope was given.
    Approved,
    /// It was not.
    Denied,
    /// It was given and taken back, or who asked took the request back.
    Withdrawn,
}

/// A private scope that somebody asked for, or that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeRequest {
    /// For whose clients.
    pub holder: Holder,
    /// The holder's name.
    pub name: String,
    /// The organization that owns it.
    pub org: Option<OrgId>,
    /// The scope.
    pub scope: ScopeToken,
    /// Why it is wanted, in the words of whoever asked; empty when nobody did.
    pub reason: String,
    /// Who asked, and when; the operator gives scopes without being asked.
    pub asked: Option<(Option<UserId>, Timestamp)>,
    /// What became of it.
    pub state: ScopeRequestState,
    /// Until when the scope counts, if it was given: also while a renewal waits.
    pub approved_until: Option<Timestamp>,
    /// When it was decided last.
    pub decided_at: Option<Timestamp>,
    /// What the operator said.
    pub comment: Option<String>,
}

/// How the operator says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeRefusal {
    /// To a request that waits. What was given before is taken back too.
    Deny,
    /// To what was given.
    Withdraw,
}

/// What ended with an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Live grants that held the scope.
    pub grants: u64,
    /// API keys, when the scope was the one that makes them.
    pub keys: u64,
}

/// Which requests to list.
#[derive(Clone, Copy, Debug)]
pub enum ScopeRequests<'a> {
    /// All of them.
    All,
    /// Those of one organization.
    Of(&'a OrgId),
    /// Those of one holder.
    For(&'a Holder),
}

/// Verbs on private scopes. What is decided reaches live grants, tokens and keys at once, through the feed.
#[async_trait]
pub trait ScopeRequestStore {
    /// Asks for a scope; `false` when a request waits already, or there is no such holder.
    async fn request_scope(&self, holder: &Holder, scope: &ScopeToken, reason: &str, cause: &Cause) -> Result<bool, StoreError>;
    /// Gives a scope until `until`, asked for or not; `false` when there is no such holder.
    async fn approve_scope(
        &self,
        holder: &Holder,
        scope: &ScopeToken,
        until: Timestamp,
        comment: Option<&str>,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// Denies a request or takes a scope back. What had been given ends in the same transaction: the grants that hold the scope,
    /// and with the scope that makes them the holder's API keys. `None` when there is nothing to refuse.
    async fn refuse_scope(
        &self,
        holder: &Holder,
        scope: &ScopeToken,
        how: ScopeRefusal,
        comment: Option<&str>,
        cause: &Cause,
    ) -> Result<Option<Refused>, StoreError>;
    /// Takes a request back that waits: what was given before goes on. `false` when none waits.
    async fn cancel_scope_request(&self, holder: &Holder, scope: &ScopeToken, cause: &Cause) -> Result<bool, StoreError>;
    /// Requests, those that wait first, then the latest.
    async fn scope_requests(&self, which: ScopeRequests<'_>) -> Result<Vec<ScopeRequest>, StoreError>;
    /// What a client was given.
    async fn approvals(&self, client: &ClientId) -> Result<Approvals, StoreError>;
}
