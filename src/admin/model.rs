//! What the administration speaks: the JSON of the admin API, which the command line prints with `--json`.

mod api_keys;
mod explain;
mod people;
mod policy;
mod shadow;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use api_keys::{
    ApiKeyStateView, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict,
    UninstalledApp, api_key_view, scope_request_view,
};
pub use explain::{ExplainQuery, ExplanationView, LackView, RecordedView, StepView};
pub use people::{
    CreatedInvitation, EndedSessions, GrantChange, InvitationView, NewInvitation, ScopeQuery, ScopeView, SessionView,
};
pub use policy::{ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, RevokedGrants, VerdictName};
pub use shadow::{ShadowEntry, ShadowQuery, ShadowReport};

use crate::store::{
    ClientAuth, ClientOrigin, ClientState, GrantType, KeyState, OrgState, RevokeReason, Stage, UserKind, UserState,
};
use crate::types::{
    AppId, ClientId, GrantId, KeyId, OrgId, RecordId, ResourceId, RoleName, ScopeSet, ScopeToken, Selectors, Slug, Timestamp,
    UserId, rfc3339,
};

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrgView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrgId,
    /// Its short name in URLs.
    #[schema(value_type = String)]
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// What upstreams know it by.
    pub tenant: String,
    /// Values of its own for some APIs: API name to tenant value.
    pub tenants: BTreeMap<String, String>,
    /// Whether anybody may act in it.
    #[schema(value_type = String, example = "active")]
    pub state: OrgState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An organization to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrg {
    /// Its short name in URLs; must be free.
    pub slug: String,
    /// Its name for people; the slug when none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// What upstreams know it by; the slug when none is given.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Values of its own for some APIs: API name to tenant value.
    #[serde(default)]
    pub tenants: BTreeMap<String, String>,
}

/// What to change of an organization; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrgChange {
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// What upstreams know it by.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Values of its own for some APIs; replaces all of them.
    #[serde(default)]
    pub tenants: Option<BTreeMap<String, String>>,
}

/// Whether something may be used from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// It may.
    Active,
    /// It may not; whatever rests on it stops working at once.
    Disabled,
}

/// The body of every request that switches something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchTo {
    /// The state that it shall have.
    pub state: Switch,
}

/// Whether a user may act from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserSwitch {
    /// It may.
    Active,
    /// It may not, and nothing of it works; once active again it goes on with what it had. Only an active user is frozen.
    Frozen,
    /// It may not; its sessions end and its grants are revoked.
    Disabled,
}

/// The body of the request that switches a user.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSwitchTo {
    /// The state that it shall have.
    pub state: UserSwitch,
}

/// A person or a service user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// E-mail address; a service user's is a name of its own.
    pub email: String,
    /// Its name for people.
    pub name: String,
    /// `person` or `service`.
    #[schema(value_type = String, example = "person")]
    pub kind: UserKind,
    /// `active`, `frozen` or `disabled`.
    #[schema(value_type = String, example = "active")]
    pub state: UserState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A user to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    /// E-mail address, or the name of a service user; must be free.
    pub email: String,
    /// Its name for people; the e-mail address when none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// `person` or `service`.
    #[schema(value_type = String, example = "person")]
    pub kind: UserKind,
    /// A password; without one a person gets a one-time password, which the answer carries. Never for a service user.
    #[serde(default)]
    pub password: Option<String>,
}

/// Shows everything but the password.
impl std::fmt::Debug for NewUserRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUserRequest").field("email", &self.email).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A user that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedUser {
    /// The user.
    pub user: UserView,
    /// What to sign in with once; shown here and nowhere else.
    pub one_time_password: Option<String>,
}

impl std::fmt::Debug for CreatedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedUser").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A password to be set.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password; without one a one-time password is made, which the answer carries.
    #[serde(default)]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(..)")
    }
}

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// The organization.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// The user.
    pub user: UserView,
    /// The user's roles there, sorted.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleName>,
}

/// The roles of a member, all of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberRoles {
    /// Names of roles; empty keeps a member without permissions.
    pub roles: Vec<String>,
}

/// A role and what it permits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: RoleName,
    /// What its holders may do.
    #[schema(value_type = Vec<String>)]
    pub permissions: Vec<ScopeToken>,
}

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
    /// What it may ask for, separated by spaces; every public scope when absent.
    #[serde(default)]
    pub scopes: Option<String>,
    /// The user that a machine acts as, by id or e-mail address: active, and a member of the organization.
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
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether it may also use the device authorization grant (RFC 8628), for devices without a browser; never a machine. With it
    /// redirect URIs can be left out.
    #[serde(default)]
    pub device_grant: bool,
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
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether it may be used.
    #[schema(value_type = String)]
    pub state: ClientState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Its live secrets, without the secrets. Empty in lists.
    pub secrets: Vec<SecretView>,
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

/// What becomes of a client's other secrets when it gets a new one.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Seconds that the others live on; they stay as they are when absent, and end at once with 0.
    #[serde(default)]
    pub others_live_seconds: Option<u64>,
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
    /// Scopes separated by spaces; `null` is every public scope.
    pub scopes: Option<String>,
}

/// Which clients or grants to list; everything without a filter.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Within {
    /// An organization, by id or slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// A user, by id or e-mail address; for grants alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A grant: what consent created and revocation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GrantId,
    /// The organization it is bound to.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// That organization's short name.
    #[schema(value_type = String)]
    pub org_slug: Slug,
    /// The user it speaks for.
    #[schema(value_type = String)]
    pub user: UserId,
    /// That user's e-mail address.
    pub user_email: String,
    /// The client that holds it.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// That client's name.
    pub client_name: String,
    /// What was consented to.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// What some of them are narrowed to: scopes, each with its labels, each with its values.
    #[serde(default, skip_serializing_if = "Selectors::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, std::collections::BTreeMap<String, Vec<String>>>)]
    pub selectors: Selectors,
    /// What it can do now: consented to, held by the user, allowed to the client.
    #[schema(value_type = Vec<String>)]
    pub effective_scopes: ScopeSet,
    /// The resources it is for; empty is every API.
    #[schema(value_type = Vec<String>)]
    pub resources: Vec<ResourceId>,
    /// `live`, `expired` or `revoked`.
    pub state: GrantStateView,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    pub revoked_because: Option<RevokeReason>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used at the gate.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// Whether a grant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStateView {
    /// It can.
    Live,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A signing key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// `kid` (RFC 7517 §4.5).
    #[schema(value_type = String)]
    pub id: KeyId,
    /// `next`, `active` or `retired`.
    #[schema(value_type = String)]
    pub state: KeyState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it leaves the published set, once it is retired.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub forget_at: Option<Timestamp>,
}

/// How to rotate the signing key.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Seconds that the key before stays published; the longest lifetime of an access token when absent. With 0 every access
    /// token that it signed ends at once.
    #[serde(default)]
    pub overlap_seconds: Option<u64>,
}

/// What to look for in the audit log; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// An organization, by id or slug; every log when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// On whose behalf, by id or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Through which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Under which grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// In which request (`X-Request-Id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// At which API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// With which MCP tool, prompt or resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Route id or event name; a trailing `*` matches any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// `allowed`, `denied` or `would_deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub decision: Option<DecisionName>,
    /// Not before: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Before: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// At most this many records, 1 to 1000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A decision by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// What was done.
    Allowed,
    /// What was refused.
    Denied,
    /// What an API in shadow mode let pass, and would have refused.
    WouldDeny,
}

/// One record of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RecordId,
    /// When the request was accepted or the change was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The organization whose log it belongs to; `null` is the operator's own.
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// The client and the user, by name where one is known.
    pub who: String,
    /// The method and path, the tool, or the event's name.
    pub what: String,
    /// `allowed`, or the stable reason of the refusal; behind `would_deny:` when it was not enforced.
    pub decision: String,
    /// HTTP status, and how it ended when that was early; `done` or `refused` for events.
    pub status: String,
    /// How long it took, whole milliseconds.
    pub millis: Option<u64>,
    /// The whole record as OCSF 1.8.0.
    #[schema(value_type = Object)]
    pub ocsf: serde_json::Value,
}

/// Records, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPageView {
    /// The records.
    pub records: Vec<AuditEntry>,
    /// Where to go on; `null` at the end.
    pub next: Option<String>,
}
