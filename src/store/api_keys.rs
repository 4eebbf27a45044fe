//! API keys: what apps push with.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Approvals, Client, ClientPolicy, Org, StoreError, User};
use crate::record::Cause;
use crate::types::{ApiKeyId, AppId, ClientId, GrantId, HashedToken, OrgId, ResourceId, ScopeSet, Timestamp, UserId};

/// An API key, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in records and lists; no secret.
    pub id: ApiKeyId,
    /// The last four characters of its value.
    pub last4: String,
    /// Its name for people.
    pub name: String,
    /// The organization that it is bound to.
    pub org: OrgId,
    /// The app that it belongs to.
    pub app: AppId,
    /// The client that made it.
    pub client: ClientId,
    /// The grant that it was made through.
    pub grant: GrantId,
    /// The user on whose behalf.
    pub user: UserId,
    /// What it may be used for; fixed when it was made.
    pub scopes: ScopeSet,
    /// The resources it is for; empty is every API.
    pub resources: Vec<ResourceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used at the gate.
    pub last_used_at: Option<Timestamp>,
    /// Whether it works.
    pub state: ApiKeyState,
}

/// Whether a key works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It does, as far as it is concerned.
    Live,
    /// It does not, and never will again.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: DisableReason,
    },
}

/// What has become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyStanding {
    /// It works, as far as it is concerned.
    Live,
    /// It was disabled.
    Disabled,
}

/// Which keys; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct ApiKeySearch {
    /// Of an organization.
    pub org: Option<OrgId>,
    /// Of an app.
    pub app: Option<AppId>,
    /// What has become of it.
    pub standing: Option<ApiKeyStanding>,
    /// Text that occurs in the name of the key or its client, in the name or address of its user, in a scope, its last four
    /// characters or its id, ignoring case; empty is every key.
    pub text: String,
}

/// Why a key was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisableReason {
    /// Somebody said so.
    Hand,
    /// Its app was uninstalled.
    Uninstall,
    /// Its app may no longer make keys.
    Withdrawal,
    /// Its app was removed.
    AppDeleted,
    /// It was made in a test of its app, which has ended.
    Trial,
}

/// The outcome of making a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Minted {
    /// It was made.
    Done,
    /// The app has this one in the organization.
    Taken(Box<ApiKey>),
    /// The app may not make keys, or not any more.
    NotApproved,
    /// The grant has ended, or the app was uninstalled.
    Ended,
}

/// A key with everything that its effect depends on, read at one instant.
#[derive(Clone, Debug)]
pub struct ApiKeyFacts {
    /// The key.
    pub key: ApiKey,
    /// The user on whose behalf it was made.
    pub user: User,
    /// Its organization.
    pub org: Org,
    /// The client that made it.
    pub client: Client,
    /// What the organization decided about the client.
    pub policy: ClientPolicy,
    /// The private scopes that the client was given.
    pub approvals: Approvals,
    /// Whether the organization has the app.
    pub installed: bool,
}

/// Verbs on API keys.
#[async_trait]
pub trait ApiKeyStore {
    /// Makes a key, unless the app has one that works in the organization. Exactly one of several callers wins; the approval, the
    /// installation and the grant that it rests on hold until it is made.
    async fn mint_api_key(&self, key: &ApiKey, hash: &HashedToken, cause: &Cause) -> Result<Minted, StoreError>;
    /// A key by its value, and what it depends on, in one read.
    async fn api_key_facts(&self, hash: &HashedToken) -> Result<Option<ApiKeyFacts>, StoreError>;
    /// The same of keys by their ids, the newest first.
    async fn facts_of_api_keys(&self, ids: &[ApiKeyId]) -> Result<Vec<ApiKeyFacts>, StoreError>;
    /// What `api_key_facts` knows a key by.
    async fn api_key_hash(&self, id: &ApiKeyId) -> Result<Option<HashedToken>, StoreError>;
    /// One key.
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError>;
    /// Keys of one organization, or all of them; newest first.
    async fn api_keys(&self, org: Option<&OrgId>) -> Result<Vec<ApiKey>, StoreError>;
    /// Keys of one app in one organization, newest first.
    async fn api_keys_of_app(&self, org: &OrgId, app: &AppId) -> Result<Vec<ApiKey>, StoreError>;
    /// Keys, newest first; at most `limit` behind `after`.
    async fn find_api_keys(
        &self,
        search: &ApiKeySearch,
        after: Option<&(Timestamp, ApiKeyId)>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError>;
    /// Disables a key for good; with an organization, only that one's. `false` when there is none or it already was so.
    async fn disable_api_key(&self, id: &ApiKeyId, org: Option<&OrgId>, cause: &Cause) -> Result<bool, StoreError>;
}
