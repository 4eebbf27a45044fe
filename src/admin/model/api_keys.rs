//! API keys, private scopes and installations.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::store::{ApiKey, ApiKeyStanding, ApiKeyState, DisableReason, ScopeRequest, ScopeRequestState};
use crate::types::rfc3339;
use crate::types::{ApiKeyId, AppId, ClientId, GrantId, OrgId, ScopeSet, ScopeToken, Timestamp, UserId};

/// An API key, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyView {
    /// Its id, which is no secret.
    #[schema(value_type = String)]
    pub id: ApiKeyId,
    /// Its name for people.
    pub name: String,
    /// The last four characters of its value.
    pub last4: String,
    /// `live` or `disabled`.
    #[schema(value_type = String, example = "live")]
    pub state: ApiKeyStateView,
    /// What it may be used for: as much of this as its application still may.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// The organization that it is bound to.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// The app that it belongs to.
    #[schema(value_type = String)]
    pub app: AppId,
    /// The client that made it.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// The grant that it was made through.
    #[schema(value_type = String)]
    pub grant: GrantId,
    /// The user on whose behalf.
    #[schema(value_type = String)]
    pub user: UserId,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// When it was disabled.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Why: `hand`, `uninstall`, `withdrawal`, `app_deleted` or `trial`.
    #[schema(value_type = Option<String>)]
    pub disabled_because: Option<DisableReason>,
}

/// Whether a key works, as far as it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyStateView {
    /// It does.
    Live,
    /// It does not, and never will again.
    Disabled,
}

impl From<ApiKeyStateView> for ApiKeyStanding {
    fn from(state: ApiKeyStateView) -> Self {
        match state {
            ApiKeyStateView::Live => Self::Live,
            ApiKeyStateView::Disabled => Self::Disabled,
        }
    }
}

/// Which API keys to list; every field narrows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyQuery {
    /// Of an organization, by id or slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// Of an app, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// `live` or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<ApiKeyStateView>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A key as it is shown.
#[must_use]
pub fn api_key_view(key: &ApiKey) -> ApiKeyView {
    let (state, disabled_at, disabled_because) = match key.state {
        ApiKeyState::Live => (ApiKeyStateView::Live, None, None),
        ApiKeyState::Disabled { at, reason } => (ApiKeyStateView::Disabled, Some(at), Some(reason)),
    };
    ApiKeyView {
        id: key.id.clone(),
        name: key.name.clone(),
        last4: key.last4.clone(),
        state,
        scopes: key.scopes.clone(),
        org: key.org.clone(),
        app: key.app.clone(),
        client: key.client.clone(),
        grant: key.grant.clone(),
        user: key.user.clone(),
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        disabled_at,
        disabled_because,
    }
}

/// A private scope that an app or client asked for, or was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopeRequestView {
    /// The app, or the client that belongs to none.
    pub holder: String,
    /// Its name.
    pub name: String,
    /// The organization that owns it.
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// The scope.
    #[schema(value_type = String)]
    pub scope: ScopeToken,
    /// `pending`, `approved`, `denied` or `withdrawn`.
    #[schema(value_type = String, example = "pending")]
    pub state: ScopeRequestState,
    /// Why it is wanted, in the words of whoever asked.
    pub reason: String,
    /// Who asked; `null` is the operator, or nobody.
    #[schema(value_type = Option<String>)]
    pub asked_by: Option<UserId>,
    /// When.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub asked_at: Option<Timestamp>,
    /// Until when it counts, also while a renewal waits.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub approved_until: Option<Timestamp>,
    /// What the operator said.
    pub comment: Option<String>,
}

/// A request as it is shown.
#[must_use]
pub fn scope_request_view(request: ScopeRequest) -> ScopeRequestView {
    let (asked_by, asked_at) = request.asked.map_or((None, None), |(by, at)| (by, Some(at)));
    ScopeRequestView {
        holder: request.holder.as_str().to_owned(),
        name: request.name,
        org: request.org,
        scope: request.scope,
        state: request.state,
        reason: request.reason,
        asked_by,
        asked_at,
        approved_until: request.approved_until,
        comment: request.comment,
    }
}

/// A private scope to ask for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeAsk {
    /// The scope.
    pub scope: String,
    /// Why it is wanted: 1 to 1000 characters.
    pub reason: String,
}

/// What the operator decides about a private scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeDecision {
    /// The scope.
    pub scope: String,
    /// What is decided.
    pub verdict: ScopeVerdict,
    /// How long the scope counts, seconds, at most five years; a year when absent. Of `approve` alone.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 157_680_000)]
    pub lives: Option<u64>,
    /// What to tell whoever asked.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A decision about a private scope by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeVerdict {
    /// It counts, asked for or not.
    Approve,
    /// What waits is refused; what was given before ends.
    Deny,
    /// What was given ends.
    Withdraw,
}

/// What was decided about a private scope, and what ended with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecidedScope {
    /// The request as it now is.
    pub request: ScopeRequestView,
    /// Live grants that held the scope and ended.
    pub revoked_grants: u64,
    /// API keys that were disabled.
    pub disabled_keys: u64,
}

/// An app in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstallView {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppId,
    /// Its name.
    pub name: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub installed_at: Timestamp,
    /// Through whom: who consented first, or who installed it; `null` is the operator.
    #[schema(value_type = Option<String>)]
    pub installed_by: Option<UserId>,
    /// Live grants.
    pub grants: u64,
    /// Users that they are of.
    pub users: u64,
    /// API keys that work.
    pub keys: u64,
}

/// What ended when an app was uninstalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UninstalledApp {
    /// The app.
    #[schema(value_type = String)]
    pub app: AppId,
    /// Grants that were revoked.
    pub grants: u64,
    /// Users that they were of.
    pub users: u64,
    /// API keys that were disabled.
    pub keys: u64,
    /// What its maker says is left to do.
    pub instructions: String,
}
