//! API keys, private scopes and installations.

use axum::Json;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    ApiKeyQuery, ApiKeyView, DecidedScope, InstallView, Page, PageQuery, ScopeAsk, ScopeDecision, ScopeRequestView,
    UninstalledApp, Within,
};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// API keys, newest first, with those that were disabled.
#[utoipa::path(
    get, path = "/admin/v1/api-keys", tag = "API keys", params(ApiKeyQuery),
    responses((status = 200, description = "Done", body = Page<ApiKeyView>), Refusals)
)]
pub(in crate::admin) async fn list_api_keys(
    Operator(local): Operator,
    Params(query): Params<ApiKeyQuery>,
) -> Answer<Page<ApiKeyView>> {
    Ok(Json(local.api_keys(query).await?))
}

/// One API key.
#[utoipa::path(
    get, path = "/admin/v1/api-keys/{key}", tag = "API keys",
    params(("key" = String, Path, description = "Id of an API key")),
    responses((status = 200, description = "Done", body = ApiKeyView), Refusals)
)]
pub(in crate::admin) async fn show_api_key(Operator(local): Operator, Named(key): Named<String>) -> Answer<ApiKeyView> {
    Ok(Json(local.api_key(&key).await?))
}

/// Disables an API key for good: it stops working before the answer.
#[utoipa::path(
    post, path = "/admin/v1/api-keys/{key}/disable", tag = "API keys",
    params(("key" = String, Path, description = "Id of an API key")),
    responses((status = 200, description = "Done", body = ApiKeyView), Refusals)
)]
pub(in crate::admin) async fn disable_api_key(Operator(local): Operator, Named(key): Named<String>) -> Answer<ApiKeyView> {
    Ok(Json(local.disable_api_key(&key).await?))
}

/// Private scopes that were asked for or given, those that wait first.
#[utoipa::path(
    get, path = "/admin/v1/scope-requests", tag = "private scopes", params(Within),
    responses((status = 200, description = "Done", body = Page<ScopeRequestView>), Refusals)
)]
pub(in crate::admin) async fn list_scope_requests(
    Operator(local): Operator,
    Params(within): Params<Within>,
) -> Answer<Page<ScopeRequestView>> {
    Ok(Json(local.scope_requests(within).await?))
}

/// Asks for a private scope.
#[utoipa::path(
    post, path = "/admin/v1/scope-requests/{holder}", tag = "private scopes",
    params(("holder" = String, Path, description = "Id or `app_uuid` of an app, or a `client_id`")),
    request_body = ScopeAsk,
    responses((status = 200, description = "Done", body = ScopeRequestView), Refusals)
)]
pub(in crate::admin) async fn request_scope(
    Operator(local): Operator,
    Named(holder): Named<String>,
    Body(body): Body<ScopeAsk>,
) -> Answer<ScopeRequestView> {
    Ok(Json(local.request_scope(&holder, body).await?))
}

/// Takes a request back that waits for a decision. What was given before goes on.
#[utoipa::path(
    delete, path = "/admin/v1/scope-requests/{holder}/{scope}", tag = "private scopes",
    params(
        ("holder" = String, Path, description = "Id or `app_uuid` of an app, or a `client_id`"),
        ("scope" = String, Path, description = "The scope"),
    ),
    responses((status = 200, description = "Done", body = ScopeRequestView), Refusals)
)]
pub(in crate::admin) async fn cancel_scope_request(
    Operator(local): Operator,
    Named((holder, scope)): Named<(String, String)>,
) -> Answer<ScopeRequestView> {
    Ok(Json(local.cancel_scope_request(&holder, &scope).await?))
}

/// Approves, denies or withdraws a private scope; live tokens and keys follow before the answer.
#[utoipa::path(
    put, path = "/admin/v1/scope-requests/{holder}", tag = "private scopes",
    params(("holder" = String, Path, description = "Id or `app_uuid` of an app, or a `client_id`")),
    request_body = ScopeDecision,
    responses((status = 200, description = "Done", body = DecidedScope), Refusals)
)]
pub(in crate::admin) async fn decide_scope(
    Operator(local): Operator,
    Named(holder): Named<String>,
    Body(body): Body<ScopeDecision>,
) -> Answer<DecidedScope> {
    Ok(Json(local.decide_scope(&holder, body).await?))
}

/// The apps that an organization has, the newest apps first.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/installations", tag = "installations",
    params(("org" = String, Path, description = "Id or slug of an organization"), PageQuery),
    responses((status = 200, description = "Done", body = Page<InstallView>), Refusals)
)]
pub(in crate::admin) async fn list_installs(
    Operator(local): Operator,
    Named(org): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Page<InstallView>> {
    Ok(Json(local.installs(&org, page).await?))
}

/// Installs an app before anybody consents, and lets it through the organization's approval.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/installations/{app}", tag = "installations",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("app" = String, Path, description = "Id or `app_uuid` of an app")),
    responses((status = 200, description = "Done", body = InstallView), Refusals)
)]
pub(in crate::admin) async fn install_app(
    Operator(local): Operator,
    Named((org, app)): Named<(String, String)>,
) -> Answer<InstallView> {
    Ok(Json(local.install_app(&org, &app).await?))
}

/// Uninstalls an app: its grants are revoked and its API keys disabled before the answer.
#[utoipa::path(
    delete, path = "/admin/v1/orgs/{org}/installations/{app}", tag = "installations",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("app" = String, Path, description = "Id or `app_uuid` of an app")),
    responses((status = 200, description = "Done", body = UninstalledApp), Refusals)
)]
pub(in crate::admin) async fn uninstall_app(
    Operator(local): Operator,
    Named((org, app)): Named<(String, String)>,
) -> Answer<UninstalledApp> {
    Ok(Json(local.uninstall_app(&org, &app).await?))
}
