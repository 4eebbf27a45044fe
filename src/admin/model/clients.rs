//! Clients and their secrets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::{ClientAuth, ClientOrigin, ClientState, GrantType, Stage};
use crate::types::{AppId, ClientId, OrgId, ResourceId, ScopeSet, Setting, Timestamp, UserId, rfc3339};

/// What kind of client shall be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewClientKind {
    /// A web application that keeps a secret: authorization code and refresh token.
    Confidential,
    /// An application without a secret: authorization code with PKCE and refresh token.
    Public,
    /// A machine that acts as one user in one organization: client credentials.
    Machine,
}

/// A client to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// What it is.
    pub kind: NewClientKind,
    /// Its name for people.
    pub name: String,
    /// The organization that owns it, by id or slug; a machine needs one, others without one belong to the operator.
    #[serde(default)]
    pub org: Option<String>,
    /// Where answers may go; a machine has none.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What it may ask for, separated by spaces; every public scope when absent. A machine's must be named.
    #[serde(default)]
    pub scopes: Option<String>,
    /// The user that a machine acts as, by id or e-mail address: an active member of the organization, and either a service
    /// user or one who may manage members (`members:write`).
    #[serde(default)]
    pub subject: Option<String>,
    /// The resources that a machine may name; every API when empty.
    #[serde(default)]
    pub resources: Vec<String>,
    /// `client_secret_basic` (the default) or `client_secret_post`; a public client has `none`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub auth: Option<ClientAuth>,
    /// Whether its authorization requests must carry `state`.
    #[serde(default)]
    pub require_state: bool,
    /// Lifetime of its access tokens in seconds, when it has one of its own.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether it may also use the device authorization grant (RFC 8628), for devices without a browser; never a machine. With it
    /// redirect URIs can be left out.
    #[serde(default)]
    pub device_grant: bool,
    /// Seconds that its first secret lives; for ever when absent. A public client has none.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 316_224_000)]
    pub secret_lives_seconds: Option<u64>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientView {
    /// `client_id`.
    #[schema(value_type = String)]
    pub id: ClientId,
    /// The organization that owns it; `null` for clients that registered themselves or belong to the operator.
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// The app that it belongs to; `null` for clients of their own.
    #[schema(value_type = Option<String>)]
    pub app: Option<AppId>,
    /// `draft` or `published`: which of its app's clients it is.
    #[schema(value_type = Option<String>)]
    pub stage: Option<Stage>,
    /// Its name for people, as it calls itself.
    pub name: String,
    /// `confidential` or `public` (RFC 6749 §2.1).
    #[schema(value_type = String)]
    pub kind: crate::store::ClientKind,
    /// `administrator` or `dynamic`.
    #[schema(value_type = String)]
    pub origin: ClientOrigin,
    /// `token_endpoint_auth_method` (RFC 7591 §2).
    #[schema(value_type = String)]
    pub auth: ClientAuth,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it may use.
    #[schema(value_type = Vec<String>)]
    pub grant_types: Vec<GrantType>,
    /// What it may ask for; `null` is every public scope.
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<ScopeSet>,
    /// The user that a machine acts as.
    #[schema(value_type = Option<String>)]
    pub subject: Option<UserId>,
    /// The resources that a machine may name; empty is every API.
    #[schema(value_type = Vec<String>)]
    pub resources: Vec<ResourceId>,
    /// Whether its authorization requests must carry `state`.
    pub require_state: bool,
    /// Lifetime of its access tokens in seconds, when it has one of its own.
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// `active`, `disabled`, or `frozen` by the operator.
    #[schema(value_type = String)]
    pub state: ClientState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Its live secrets, without the secrets. Empty in lists.
    pub secrets: Vec<SecretView>,
}

/// What to change of a client; what is absent stays. New tokens and requests follow, tokens that are out live on as they were issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTerms {
    /// Lifetime of its access tokens in seconds; `null` is the configuration's.
    #[serde(default, skip_serializing_if = "Setting::stays")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Setting<u64>,
    /// Whether its authorization requests must carry `state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_state: Option<bool>,
}

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientSwitch {
    /// It may be used; frozen before, it is again what its owner or its app made of it.
    Active,
    /// No token of it works; its owner can switch it on again.
    Disabled,
    /// No token of it works, until the operator switches it on again.
    Frozen,
}

/// A client's new state.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSwitchTo {
    /// `active`, `frozen` or `disabled`.
    pub state: ClientSwitch,
}

/// A client's secret, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// What it is removed by.
    pub id: String,
    /// Its last four characters, to tell one from another.
    pub last4: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends, if it does.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A client that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedClient {
    /// The client.
    pub client: ClientView,
    /// Its secret, unless it is public; shown here and nowhere else.
    pub client_secret: Option<String>,
}

impl std::fmt::Debug for CreatedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedClient").field("client", &self.client).finish_non_exhaustive()
    }
}

/// How long a client's new secret lives, and what becomes of its others.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Seconds that the others live on; they stay as they are when absent, and end at once with 0.
    #[serde(default)]
    #[schema(maximum = 316_224_000)]
    pub others_live_seconds: Option<u64>,
    /// Seconds that the new one lives; for ever when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 316_224_000)]
    pub lives_seconds: Option<u64>,
}

/// A secret that was just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedSecret {
    /// The secret; shown here and nowhere else.
    pub client_secret: String,
    /// What lists show of it.
    pub secret: SecretView,
}

impl std::fmt::Debug for CreatedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedSecret").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// What a client may ask for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientScopes {
    /// Scopes separated by spaces; `null` is every public scope, and nothing for a machine, whose scopes must be named.
    pub scopes: Option<String>,
}
