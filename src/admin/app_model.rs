//! What the administration speaks about apps.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::ClientView;
use crate::apps::Written;
use crate::store::{AppState, ClientKind, Maturity, Stage};
use crate::types::{AppId, AppUuid, ClientId, OrgId, ScopeSet, Setting, Timestamp, UserId, rfc3339};

/// An app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppView {
    /// Its id here.
    #[schema(value_type = String)]
    pub id: AppId,
    /// What it is known by at every site.
    #[schema(value_type = String)]
    pub app_uuid: AppUuid,
    /// The organization that owns it.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where its documentation is.
    pub documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    pub uninstall_instructions: String,
    /// Where an authorization starts.
    pub onboarding_url: Option<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it asks for.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// Lifetime of its clients' access tokens in seconds, when they have one of their own.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    #[serde(default)]
    pub require_state: bool,
    /// Counts the changes of the draft.
    pub revision: u64,
    /// `in_work` or `stable`.
    #[schema(value_type = String)]
    pub maturity: Maturity,
    /// `active` or `disabled`.
    #[schema(value_type = String)]
    pub state: AppState,
    /// `client_id` to try the draft with.
    #[schema(value_type = String)]
    pub draft_client: ClientId,
    /// `client_id` that everybody may authorize, once there is a version.
    #[schema(value_type = Option<String>)]
    pub published_client: Option<ClientId>,
    /// The number of the last version; 0 before the first.
    pub version: u32,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its draft was last changed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// An app with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppDetails {
    /// The app; its definition is the draft's.
    pub app: AppView,
    /// Its clients, the draft's first, with what is known of their secrets.
    pub clients: Vec<ClientView>,
    /// Its versions, newest first.
    pub versions: Vec<AppVersionView>,
    /// What publishing the draft would change.
    pub changes: Vec<ChangeView>,
    /// What must be so before the draft is published.
    pub conditions: Vec<ConditionView>,
    /// Scopes that publishing the draft would add, and that nobody was ever given in a test authorization of it: try them first.
    /// They can be published all the same.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub untried_scopes: ScopeSet,
}

/// A version of an app, which never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppVersionView {
    /// 1 for the first.
    pub number: u32,
    /// Its name for people.
    pub name: String,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it asks for.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// Lifetime of its clients' access tokens in seconds, when they have one of their own.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    #[serde(default)]
    pub require_state: bool,
    /// When it was published.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// By which user; `null` is the operator.
    #[schema(value_type = Option<String>)]
    pub published_by: Option<UserId>,
}

/// What a field loses and gains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// The field.
    pub field: String,
    /// What is no longer there.
    pub removed: Vec<String>,
    /// What is new.
    pub added: Vec<String>,
}

/// A precondition of publishing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// Its name.
    pub need: String,
    /// What must be so.
    pub sentence: String,
    /// Whether it is.
    pub met: bool,
}

/// What kind of clients an app has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewAppKind {
    /// They keep secrets.
    #[default]
    Confidential,
    /// They have none.
    Public,
}

impl From<NewAppKind> for ClientKind {
    fn from(kind: NewAppKind) -> Self {
        match kind {
            NewAppKind::Confidential => Self::Confidential,
            NewAppKind::Public => Self::Public,
        }
    }
}

/// An app to be made.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// The organization that owns it, by id or slug.
    pub org: String,
    /// `confidential` (the default) or `public`; never changes.
    #[serde(default)]
    pub kind: NewAppKind,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where its documentation is.
    #[serde(default)]
    pub documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    #[serde(default)]
    pub uninstall_instructions: String,
    /// Where an authorization starts.
    #[serde(default)]
    pub onboarding_url: Option<String>,
    /// Where answers may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What it asks for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Lifetime of its clients' access tokens in seconds, when they have one of their own.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    #[serde(default)]
    pub require_state: bool,
}

/// What to change of a draft; what is absent stays, an empty text or list takes away.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppChange {
    /// The revision that was looked at; without one the last counts.
    #[serde(default)]
    pub revision: Option<u64>,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Where its documentation is.
    #[serde(default)]
    pub documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    #[serde(default)]
    pub uninstall_instructions: Option<String>,
    /// Where an authorization starts.
    #[serde(default)]
    pub onboarding_url: Option<String>,
    /// Where answers may go; replaces all of them.
    #[serde(default)]
    pub redirect_uris: Option<Vec<String>>,
    /// What it asks for; replaces all of them.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Lifetime of its clients' access tokens in seconds; `null` is the configuration's.
    #[serde(default, skip_serializing_if = "Setting::stays")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Setting<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    #[serde(default)]
    pub require_state: Option<bool>,
}

impl AppChange {
    /// The draft that this makes of another.
    #[must_use]
    pub fn onto(self, before: Written) -> Written {
        Written {
            name: self.name.unwrap_or(before.name),
            description: self.description.unwrap_or(before.description),
            documentation_url: self.documentation_url.unwrap_or(before.documentation_url),
            uninstall_instructions: self.uninstall_instructions.unwrap_or(before.uninstall_instructions),
            onboarding_url: self.onboarding_url.unwrap_or(before.onboarding_url),
            redirect_uris: self.redirect_uris.unwrap_or(before.redirect_uris),
            scopes: self.scopes.unwrap_or(before.scopes),
            access_token_ttl: self.access_token_ttl_seconds.over(before.access_token_ttl),
            require_state: self.require_state.unwrap_or(before.require_state),
        }
    }
}

/// Whether a draft is finished.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StableMark {
    /// `stable`, or `in_work` to take the mark away.
    #[schema(value_type = String)]
    pub maturity: Maturity,
}

/// How to publish a draft.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The `app_uuid` of the integration's manifest; when it is given it must be the app's.
    #[serde(default)]
    pub app_uuid: Option<String>,
}

/// A version that was published.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedApp {
    /// The number of the version.
    pub version: u32,
    /// What the integration's manifest must carry.
    #[schema(value_type = String)]
    pub app_uuid: AppUuid,
    /// `client_id` that everybody may authorize.
    #[schema(value_type = String)]
    pub client_id: ClientId,
    /// Its secret, with the first version and unless it is public; shown here and nowhere else.
    pub client_secret: Option<String>,
    /// Live grants that lost scopes.
    pub narrowed_grants: u64,
    /// Live grants that had nothing left and ended.
    pub ended_grants: u64,
    /// Scopes that the version adds, and that were never tried in a test authorization.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub untried_scopes: ScopeSet,
}

impl std::fmt::Debug for PublishedApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishedApp").field("version", &self.version).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// An app that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApp {
    /// The app.
    pub app: AppView,
    /// The secret of its draft client, unless that is public; shown here and nowhere else.
    pub client_secret: Option<String>,
}

impl std::fmt::Debug for CreatedApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedApp").field("app", &self.app).finish_non_exhaustive()
    }
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedApp {
    /// The app.
    pub app: AppView,
    /// Whether it was made; otherwise its draft is now what the manifest says.
    pub created: bool,
    /// The secret of the draft client that was made, unless that is public; shown here and nowhere else.
    pub client_secret: Option<String>,
    /// Private scopes of the manifest that the app has not been given here: ask the operator for them, then add them. Internal
    /// ones too, which no app can have.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub left_out: ScopeSet,
}

impl std::fmt::Debug for ImportedApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedApp").field("app", &self.app).field("created", &self.created).finish_non_exhaustive()
    }
}

/// A secret to be made for one of an app's clients.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSecret {
    /// `draft` or `published`.
    #[schema(value_type = String)]
    pub stage: Stage,
    /// Seconds that the others live on; they stay as they are when absent, and end at once with 0.
    #[serde(default)]
    #[schema(maximum = 316_224_000)]
    pub others_live_seconds: Option<u64>,
    /// Seconds that the new one lives; for ever when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 316_224_000)]
    pub lives_seconds: Option<u64>,
}

/// Which manifest to export.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The number of a version; the draft when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}
