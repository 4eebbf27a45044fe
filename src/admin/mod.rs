//! The admin listener: metrics, health, and the administration of organizations, users, clients, grants, keys and the log.
//!
//! `http → Local → store`, and from the command line either the same or `Remote → http → Local → store`. [`Administration`]
//! names every operation once.

mod administration;
mod app_model;
mod error;
mod extract;
mod guard;
mod health;
mod http;
mod local;
mod model;
mod openapi;
mod remote;
mod secret;
#[cfg(test)]
pub(crate) mod tests;
mod upstreams;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

pub use administration::Administration;
pub use app_model::{
    AppChange, AppDetails, AppSecret, AppVersionView, AppView, ChangeView, ConditionView, CreatedApp, ImportedApp, NewApp,
    NewAppKind, Publish, PublishedApp, StableMark,
};
pub use error::{AdminError, Problem, Refusal, RefusalCode, Rule};
pub use health::Readiness;
pub use local::{
    Local, app_view, audit_entry, change_view, client_view, condition_view, grant_view, install_view, policy_view, secret_view,
    version_view,
};
pub use model::{
    ApiKeyQuery, ApiKeyStateView, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict,
    UninstalledApp,
};
pub use model::{
    AuditEntry, AuditPageView, AuditQuery, ClientPolicyChange, ClientPolicyView, ClientScopes, ClientSwitch, ClientSwitchTo,
    ClientTerms, ClientView, CreatedClient, CreatedInvitation, CreatedSecret, CreatedUser, DecisionName, EndedSessions,
    GrantChange, GrantStateView, GrantView, InvitationView, KeyView, MemberRoles, MemberView, NewClient, NewClientKind,
    NewClientsChange, NewInvitation, NewOrg, NewPassword, NewSavedSearch, NewSecret, NewUserRequest, OrgChange, OrgPolicyView,
    OrgView, Page, PageQuery, RevokedGrants, RoleView, Rotation, SavedSearchView, ScopeQuery, ScopeView, SecretView, SessionView,
    Switch, SwitchTo, UserSwitch, UserSwitchTo, UserView, VerdictName, Within,
};
pub use model::{AuditKeyView, VerifyAsked, VerifyStep};
pub use model::{ExplainQuery, ExplanationView, LackView, RecordedView, StepView};
pub use model::{ShadowEntry, ShadowQuery, ShadowReport, api_key_view, scope_request_view};
pub use openapi::document;
pub use remote::Remote;
pub use secret::{new_secret, read_secret, secret_path, write_secret};
pub use upstreams::{CircuitCondition, EndpointCondition, EndpointView, UpstreamView, Upstreams};

use crate::node::Node;
use crate::record::AuditFlush;
use crate::telemetry::Metrics;
use crate::types::HashedToken;

/// Largest body that the admin API reads, bytes.
const MAX_BODY: usize = 64 << 10;

/// What the admin listener shows and administers.
#[derive(Clone)]
pub struct AdminState {
    /// The process.
    pub node: Arc<Node>,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
    /// Whether it should get traffic.
    pub readiness: Arc<dyn Readiness>,
    /// How the upstreams are.
    pub upstreams: Arc<dyn Upstreams>,
    /// Brings what was recorded a moment ago to whoever asks for the log.
    pub flush: Arc<dyn AuditFlush>,
    /// Hash of the bearer secret (see [`write_secret`]).
    pub token: HashedToken,
    /// Ends what has no end of its own, so that the listener can stop.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminState").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Everything that the admin listener answers. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that
/// audit records can name where an operator called from.
pub fn router(state: AdminState) -> Router {
    let (api, document) = openapi::routes().split_for_parts();
    let api = api
        .route_layer(from_fn_with_state(Arc::clone(&state.node), settled))
        .route_layer(from_fn_with_state(state.clone(), guard::bearer));
    let document = Arc::new(document);
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/admin/v1/openapi.json", get(move || openapi::serve(Arc::clone(&document))))
        .merge(api)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}

/// What a change is refused for holds everywhere when it is told.
async fn settled(State(node): State<Arc<Node>>, request: Request, next: Next) -> Result<Response, AdminError> {
    Ok(crate::web::settled_refusal(&node, request, next).await?)
}
