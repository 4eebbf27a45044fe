//! Clients and their secrets.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ClientPolicy, StoreError, User};
use crate::record::Cause;
use crate::types::{
    AppId, ClientId, HashedToken, OrgId, RedirectUri, ResourceId, RoleName, ScopeSet, Setting, Timestamp, UserId,
};

/// A client (RFC 6749 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// The organization that owns it; `None` for clients that registered themselves or belong to the operator.
    pub org: Option<OrgId>,
    /// The app that it belongs to, if it is one's.
    #[serde(default)]
    pub app: Option<AppClient>,
    /// Its name for people, as it calls itself.
    pub name: String,
    /// Confidential or public.
    pub kind: ClientKind,
    /// How we know it.
    pub origin: ClientOrigin,
    /// How it authenticates at the token endpoint.
    pub auth: ClientAuth,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may use.
    pub grant_types: Vec<GrantType>,
    /// What it may ask for; `None` is every public scope of the catalogue.
    pub scopes: Option<ScopeSet>,
    /// The user that a `client_credentials` client acts as.
    pub subject: Option<UserId>,
    /// The resources that a `client_credentials` client may name; empty is every API.
    pub resources: Vec<ResourceId>,
    /// Whether authorization requests must carry `state`.
    pub require_state: bool,
    /// Lifetime of its access tokens, when it has one of its own.
    pub access_token_ttl: Option<Duration>,
    /// Whether it may be used.
    pub state: ClientState,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Client {
    /// Whether it is the operator's own: made by the operator, for no organization, whose members could have its secret.
    #[must_use]
    pub fn is_operators(&self) -> bool {
        self.origin == ClientOrigin::Administrator && self.org.is_none() && self.app.is_none()
    }

    /// The organization that it is private to: nobody else may authorize it, and its log tells of what is asked of it. A
    /// published client is private to nobody, and what strangers do with it is not its maker's to read.
    #[must_use]
    pub fn private_to(&self) -> Option<&OrgId> {
        let published = self.app.as_ref().is_some_and(|a| a.stage == Stage::Published);
        self.org.as_ref().filter(|_| !published)
    }
}

/// Which of an app's clients a client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppClient {
    /// The app.
    pub app: AppId,
    /// Its draft or its published client.
    pub stage: Stage,
}

/// How far a client of an app has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// For trying: only members of the organization that owns the app may authorize it.
    Draft,
    /// For everybody; what it may do is what the last version says.
    Published,
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// It can.
    Confidential,
    /// It can't.
    Public,
}

/// How we know a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOrigin {
    /// An administrator made it.
    Administrator,
    /// It registered itself (RFC 7591).
    Dynamic,
}

/// `token_endpoint_auth_method` (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    /// No secret: public clients.
    #[serde(rename = "none")]
    None,
    /// HTTP Basic (RFC 6749 §2.3.1).
    #[serde(rename = "client_secret_basic")]
    SecretBasic,
    /// Form fields (RFC 6749 §2.3.1).
    #[serde(rename = "client_secret_post")]
    SecretPost,
}

/// `grant_type` values that we serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628 §3.4.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl GrantType {
    /// Every grant type there is.
    pub const ALL: [Self; 4] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode];
}

/// Whether a client may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// Yes.
    Active,
    /// No token of it works.
    Disabled,
    /// The operator switched it off: no token of it works, and its owner can't change that.
    Frozen,
}

/// A secret of a client; several may live at once while one replaces another.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Its hash.
    pub hash: HashedToken,
    /// Its last four characters, to tell one from another.
    pub last4: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

impl ClientSecret {
    /// What people and programs call it: a piece of its hash, which tells nothing of the secret.
    #[must_use]
    pub fn id(&self) -> String {
        self.hash.bytes().iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

/// A client that people may know by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownClient {
    /// `client_id`.
    pub id: ClientId,
    /// Its name for people.
    pub name: String,
    /// The organization that owns it, with its name; `None` is the operator.
    pub owner: Option<(OrgId, String)>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Secrets of one client that live at a time.
pub const MAX_SECRETS: u64 = 5;

/// The outcome of giving a client another secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It has it.
    Done,
    /// It has so many already; nothing was changed.
    Full(u64),
    /// There is no such client.
    Absent,
    /// The operator froze it, and the hand was its owner's.
    Frozen,
}

/// The outcome of taking a secret from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Done,
    /// No other one would live on; it stays.
    Last,
    /// The client has no such secret: somebody else may just have removed it.
    Unknown,
    /// There is no such client.
    Absent,
    /// The operator froze it, and the hand was its owner's.
    Frozen,
}

/// A machine client of an organization, with what its tokens rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The client.
    pub client: Client,
    /// The user that it acts as.
    pub subject: User,
    /// The subject's roles in the organization, if it is a member.
    pub roles: Option<Vec<RoleName>>,
    /// What the organization decided about the client.
    pub policy: ClientPolicy,
    /// When it was last used at the gate, as far back as use is remembered.
    pub last_used_at: Option<Timestamp>,
    /// Whether somebody revoked its authorization, so that it gets no token until it is enabled.
    pub barred: bool,
}

/// Who changes a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The operator, who may change what is frozen.
    Operator,
    /// Its owner, who may not.
    Owner,
}

/// What to change of a client's terms; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTerms {
    /// Lifetime of its access tokens; by default the configuration's.
    pub access_token_ttl: Setting<Duration>,
    /// Whether authorization requests must carry `state`.
    pub require_state: Option<bool>,
}

/// What to change of a client at once; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientChange {
    /// What it may ask for; by default every public scope.
    pub scopes: Setting<ScopeSet>,
    /// Its terms.
    pub terms: ClientTerms,
    /// Whether it is on.
    pub state: Option<ClientState>,
}

impl fmt::Display for ClientTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let life = match self.access_token_ttl {
            Setting::Stays => None,
            Setting::Default => Some("its access tokens live as the configuration says".to_owned()),
            Setting::To(life) => Some(format!("its access tokens live {} seconds", life.as_secs())),
        };
        let state = self.require_state.map(|needed| {
            if needed { "its authorization requests must carry state" } else { "its authorization requests need no state" }
                .to_owned()
        });
        f.write_str(&life.into_iter().chain(state).collect::<Vec<_>>().join(", "))
    }
}

/// Verbs on clients.
#[async_trait]
pub trait ClientStore {
    /// Makes a client with its first secret. The event is `client.create` or `client.register_dynamic`, after its origin.
    async fn create_client(&self, client: &Client, secret: Option<&ClientSecret>, cause: &Cause) -> Result<(), StoreError>;
    /// The same for a client of an organization that has fewer than `most`; `false` when it has no room.
    async fn create_client_within(
        &self,
        client: &Client,
        secret: Option<&ClientSecret>,
        most: u64,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// One client.
    async fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError>;
    /// Clients of one organization, or all of them; newest first.
    async fn clients(&self, org: Option<&OrgId>) -> Result<Vec<Client>, StoreError>;
    /// Clients of one organization, newest first, in whose name or id `text` occurs, or in the name or the address of whom they act
    /// as, ignoring case; at most `limit` behind `after`.
    async fn find_org_clients(
        &self,
        org: &OrgId,
        text: &str,
        after: Option<&(Timestamp, ClientId)>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError>;
    /// The clients that people may know by name: those of `orgs`, those that were published, and the operator's own.
    async fn known_clients(&self, orgs: &[OrgId]) -> Result<Vec<KnownClient>, StoreError>;
    /// The names of clients; those that were deleted or never were are left out.
    async fn client_names(&self, ids: &[ClientId]) -> Result<Vec<(ClientId, String)>, StoreError>;
    /// The machine clients of an organization, newest first, in whose name or id `text` occurs, or in the name or the address of whom
    /// they act as, ignoring case; at most `limit` after skipping `offset`.
    async fn machines(&self, org: &OrgId, text: &str, page: (u32, u32)) -> Result<Vec<Machine>, StoreError>;
    /// One of them.
    async fn machine(&self, org: &OrgId, id: &ClientId) -> Result<Option<Machine>, StoreError>;
    /// Active members whom a machine could act as, by address: service users, and those who hold one of `roles`.
    async fn possible_subjects(&self, org: &OrgId, roles: &[RoleName]) -> Result<Vec<(User, Vec<RoleName>)>, StoreError>;
    /// The secrets of a client that have not ended at `at`.
    async fn live_secrets(&self, id: &ClientId, at: Timestamp) -> Result<Vec<ClientSecret>, StoreError>;
    /// Adds a secret; the others live until `others_until`. Of several callers no more win than leave [`MAX_SECRETS`] that live at the
    /// cause's time.
    async fn add_secret(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        others_until: Option<Timestamp>,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Added, StoreError>;
    /// Removes a secret, unless no other one would live on at the cause's time.
    async fn remove_secret(&self, id: &ClientId, secret: &HashedToken, hand: Hand, cause: &Cause) -> Result<Removed, StoreError>;
    /// Switches a client off or on, or freezes it; `false` when there is none, it already was so, or its app is off. A frozen one
    /// is thawed by switching it on, and then is what its owner or its app made of it. Switching on one that is not frozen also lifts
    /// the revocation of a machine's own authorization.
    async fn set_client_state(&self, id: &ClientId, state: ClientState, cause: &Cause) -> Result<bool, StoreError>;
    /// The same for those who can't undo the operator's freeze: a frozen client stays so.
    async fn set_unfrozen_client_state(&self, id: &ClientId, state: ClientState, cause: &Cause) -> Result<bool, StoreError>;
    /// Writes what the client may ask for; narrows live grants at once through the feed. `false` when there is none, or it is frozen
    /// and the hand its owner's.
    async fn set_client_scopes(
        &self,
        id: &ClientId,
        scopes: Option<&ScopeSet>,
        hand: Hand,
        cause: &Cause,
    ) -> Result<bool, StoreError>;
    /// Writes the lifetime of a client's access tokens, and whether its requests must carry `state`; tokens that are out stay as they
    /// are. `false` when there is none, it is an app's, or it is frozen and the hand its owner's.
    async fn set_client_terms(&self, id: &ClientId, terms: ClientTerms, hand: Hand, cause: &Cause) -> Result<bool, StoreError>;
    /// Writes what it may ask for, its terms and its state in one change, each as its own verb does. `false`, and nothing is written, when
    /// one of them can't be; a state that already is so can.
    async fn change_client(&self, id: &ClientId, change: &ClientChange, hand: Hand, cause: &Cause) -> Result<bool, StoreError>;
    /// Removes a client and revokes its grants.
    async fn delete_client(&self, id: &ClientId, cause: &Cause) -> Result<bool, StoreError>;
    /// Removes dynamic clients without a live grant that were made before `before`; says how many.
    async fn purge_unused_dynamic_clients(&self, before: Timestamp, cause: &Cause) -> Result<u64, StoreError>;
}
