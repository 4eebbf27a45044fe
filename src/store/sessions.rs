//! Browser sessions and authorization requests that wait for their user.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Approvals, Client, Grant, Org, StoreError, User};
use crate::record::Cause;
use crate::types::{
    AuthRequestId, ClientId, HashedToken, OrgNamed, RedirectUri, ResourceId, RoleName, ScopeSet, Timestamp, UserId,
};

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Hash of the cookie's value.
    pub hash: HashedToken,
    /// Who is signed in.
    pub user: UserId,
    /// When the password was given.
    pub authenticated_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
}

/// A live session with what its user is and may see, all as of one moment.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// The session.
    pub session: Session,
    /// Its user, who is active.
    pub user: User,
    /// Whether the user still has to change the password that the account was made with.
    pub one_time_password: bool,
    /// Whether the user looks after this gateway.
    pub operator: bool,
    /// The active organizations that the user is a member of, by short name, with the roles there.
    pub orgs: Vec<(Org, Vec<RoleName>)>,
}

/// A session as its user sees it.
#[derive(Clone, Debug)]
pub struct SessionDetails {
    /// The session.
    pub session: Session,
    /// Address that it was started from.
    pub address: Option<String>,
    /// `User-Agent` that it was started with, bounded.
    pub user_agent: Option<String>,
}

impl SessionDetails {
    /// A name for a session of one user: the beginning of the hash of its secret, from which nothing follows.
    #[must_use]
    pub fn handle(&self) -> String {
        self.session.hash.bytes().iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// An authorization request, frozen as it came: nothing that the browser sends later changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthRequest {
    /// Its id.
    pub id: AuthRequestId,
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// What is asked for.
    pub scopes: ScopeSet,
    /// For which resources; empty when none was named.
    pub resources: Vec<ResourceId>,
    /// The organization that resources named: nobody can say yes to it elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgNamed>,
    /// `state`, returned byte for byte.
    pub state: Option<String>,
    /// `code_challenge`, S256.
    pub challenge: String,
    /// When it came.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What the user agreed to.
#[derive(Clone, Debug)]
pub struct ApprovedRequest {
    /// The grant to be made.
    pub grant: Grant,
    /// Whether it is for a trial: what it installs ends with that.
    pub trial: bool,
    /// Hash of the code to be issued.
    pub code: HashedToken,
    /// When the code ends.
    pub code_expires_at: Timestamp,
}

/// The outcome of deciding a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approve {
    /// This decision counts.
    Done,
    /// It was decided before, or has ended.
    Gone,
}

/// Whether a client, with the private scopes that it was given, is still one that somebody can say yes to. Asked in the transaction
/// that writes the yes and holds both: what is published, edited or taken back at the same time came before, or sees the grant.
pub trait StillAsks: Send + Sync {
    /// Whether it is.
    fn still_asks(&self, client: &Client, approvals: &Approvals) -> bool;

    /// Whether the yes replaces `old`, a live grant of the same user to the same client in the same organization.
    fn replaces(&self, _old: &Grant) -> bool {
        false
    }
}

impl<F: Fn(&Client, &Approvals) -> bool + Send + Sync> StillAsks for F {
    fn still_asks(&self, client: &Client, approvals: &Approvals) -> bool {
        self(client, approvals)
    }
}

/// Verbs on sessions and authorization requests.
#[async_trait]
pub trait SessionStore {
    /// Starts a session, from where the cause says; writes `login.ok`, and `login.new_place` when the user never signed in from
    /// there but did from elsewhere. Where they signed in from is forgotten after a year without. `password` is the hash of the one
    /// that was proved: the user must have it still and be active, as both may have changed meanwhile to keep a thief out. Says
    /// whether it did.
    async fn start_session(&self, session: &Session, password: Option<&SecretString>, cause: &Cause) -> Result<bool, StoreError>;
    /// The live session of a cookie with everything that pages depend on, and notes that it was seen (at most once a minute). One
    /// that was not seen for `idle` has ended.
    async fn session(&self, hash: &HashedToken, at: Timestamp, idle: Duration) -> Result<Option<SessionFacts>, StoreError>;
    /// Ends a session.
    async fn end_session(&self, hash: &HashedToken, cause: &Cause) -> Result<(), StoreError>;

    /// The live sessions of a user, seen last first.
    async fn sessions_of(&self, user: &UserId, at: Timestamp, idle: Duration) -> Result<Vec<SessionDetails>, StoreError>;
    /// Ends every session of a user but `keep`; says how many.
    async fn end_other_sessions(&self, user: &UserId, keep: Option<&HashedToken>, cause: &Cause) -> Result<u64, StoreError>;

    /// Freezes a request.
    async fn freeze_request(&self, request: &AuthRequest, cause: &Cause) -> Result<(), StoreError>;
    /// A request that waits for its decision.
    async fn pending_request(&self, id: &AuthRequestId, at: Timestamp) -> Result<Option<AuthRequest>, StoreError>;
    /// Agrees: makes the grant (superseding the same user's live grant for this organization and client is the caller's
    /// choice through [`super::GrantStore::revoke_grant`]) and its code. One decision counts, and only while the client is active and
    /// `still` asks.
    async fn approve_request(
        &self,
        id: &AuthRequestId,
        approved: &ApprovedRequest,
        still: &dyn StillAsks,
        cause: &Cause,
    ) -> Result<Approve, StoreError>;
    /// Declines. One decision counts.
    async fn deny_request(&self, id: &AuthRequestId, cause: &Cause) -> Result<Approve, StoreError>;
}
