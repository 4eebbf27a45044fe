//! Trial authorizations: this gateway plays an app of an organization for one of its members, so that they see what the app
//! would be given.

use async_trait::async_trait;

use super::StoreError;
use crate::record::Cause;
use crate::types::{AppId, ClientId, GrantId, HashedToken, OrgId, RedirectUri, ScopeSet, Timestamp, UserId};

/// A trial, which belongs to the browser session that began it and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The session; it has one trial at a time.
    pub session: HashedToken,
    /// The organization that owns the app.
    pub org: OrgId,
    /// The app.
    pub app: AppId,
    /// Which of its clients is tried.
    pub client: ClientId,
    /// Where the answer goes: a page of ours, which counts as registered for this trial alone.
    pub redirect_uri: RedirectUri,
    /// Digest of the `state` of its authorization request.
    pub state: HashedToken,
    /// `code_challenge` of its authorization request, S256.
    pub challenge: String,
    /// What the app would keep to itself, sealed: first the verifier, then what the token endpoint answered.
    pub sealed: Vec<u8>,
    /// The grant, once the user agreed and the code was redeemed.
    pub grant: Option<GrantId>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Verbs on trials.
#[async_trait]
pub trait TrialStore {
    /// Begins a trial, in place of the session's last one. `false` when the session has ended, or the client is none of the app's
    /// or the app none of the organization's.
    async fn begin_trial(&self, trial: &Trial, cause: &Cause) -> Result<bool, StoreError>;
    /// The trial of a session.
    async fn trial(&self, session: &HashedToken, at: Timestamp) -> Result<Option<Trial>, StoreError>;
    /// The grants of a user to a client that trials made, whatever became of the trial: they were never given to the app.
    async fn trial_grants(&self, user: &UserId, client: &ClientId) -> Result<Vec<GrantId>, StoreError>;
    /// The scopes that a client was ever given, whatever became of them. Only those who make an app authorize its draft client,
    /// so these are the ones that they tried.
    async fn scopes_tried(&self, client: &ClientId) -> Result<ScopeSet, StoreError>;
    /// Writes down what the trial with this `state` was given; once. The records are those of the grant and the token.
    async fn finish_trial(&self, trial: &Trial, grant: &GrantId, sealed: &[u8], at: Timestamp) -> Result<bool, StoreError>;
    /// Forgets the trial with this `state` and uninstalls its app from its organization, where only trials installed it and nothing of
    /// them lives, and disables the API keys that trials of it made which have ended: its grant is the caller's to revoke, before this. `false` when it is not there any more.
    async fn end_trial(&self, trial: &Trial, cause: &Cause) -> Result<bool, StoreError>;
}
