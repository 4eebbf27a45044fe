//! What an organization decided about clients, and who authorized what in it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiKeyView;
use crate::store::{NewClients, Stance};
use crate::types::rfc3339;
use crate::types::{ClientId, ScopeSet, Timestamp};

/// What an organization decided about clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrgPolicyView {
    /// `open`: members may authorize clients that nobody decided about; `approval`: an administrator approves each first.
    #[schema(value_type = String, example = "open")]
    pub new_clients: NewClients,
    /// A page of the clients that wait for an administrator, hold a live grant or an API key, are installed or were decided about; those
    /// made last first.
    pub clients: Vec<ClientPolicyView>,
    /// Where to go on (`cursor`); `null` at the end.
    pub next: Option<String>,
}

/// A client in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientPolicyView {
    /// `client_id`.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Its name; of a client that registered itself its own claim.
    pub client_name: String,
    /// `allowed`, `blocked` or `pending`.
    #[schema(value_type = String, example = "allowed")]
    pub stance: Stance,
    /// The most that it may hold; `null` restricts nothing.
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<ScopeSet>,
    /// Users with a live grant.
    pub users: u64,
    /// Live grants.
    pub grants: u64,
    /// API keys that it made and that work, also after the grants that made them have ended.
    #[serde(default)]
    pub keys: Vec<ApiKeyView>,
    /// Since when its app is installed; `null` when it is not, or has none.
    #[serde(default, with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub installed_at: Option<Timestamp>,
    /// What those grants and keys hold together.
    #[schema(value_type = Vec<String>)]
    pub granted_scopes: ScopeSet,
    /// When somebody there first authorized it.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_granted_at: Option<Timestamp>,
    /// When it was last used at the gate.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// What happens with clients that nobody decided about.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientsChange {
    /// `open` or `approval`.
    #[schema(value_type = String, example = "approval")]
    pub new_clients: NewClients,
}

/// What to decide about a client; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPolicyChange {
    /// Whether it may be used; its grants stay while it may not.
    #[serde(default)]
    pub verdict: Option<VerdictName>,
    /// The most that it may hold: scopes separated by spaces. Narrows live tokens at once.
    #[serde(default)]
    pub scopes: Option<String>,
    /// Lifts the restriction to `scopes`.
    #[serde(default)]
    pub unrestricted: bool,
}

/// A decision by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictName {
    /// It may be used.
    Allow,
    /// It may not.
    Block,
}

/// How many grants ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedGrants {
    /// That many.
    pub revoked: u64,
}
