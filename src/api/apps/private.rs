//! Private scopes that an app asks the operator for.

use axum::Json;
use http::HeaderMap;

use super::super::answer::{Answer, Page, PageQuery};
use super::super::caller::{Body, Caller, Named, Params};
use super::super::client_scopes::requests_in_order;
use super::super::error::ApiError;
use super::super::once::{Repeatable, once};
use super::super::openapi::Refusals;
use crate::admin::{ScopeAsk, ScopeRequestView, scope_request_view};

/// The private scopes that an app asked for or was given, what waits first.
#[utoipa::path(
    get, path = "/api/v1/apps/{app}/scope_requests", tag = "apps", security(("token" = ["clients:read"])),
    params(("app" = String, Path, description = "Id or `app_uuid`"), PageQuery),
    responses((status = 200, description = "Done", body = Page<ScopeRequestView>), Refusals)
)]
pub(in crate::api) async fn list_scope_requests(
    caller: Caller,
    Named(app): Named,
    Params(page): Params<PageQuery>,
) -> Answer<Page<ScopeRequestView>> {
    let app = caller.app(&app).await?;
    requests_in_order(caller.workshop().scope_requests(&app).await?, &page)
}

/// Asks the operator for a private scope, for both clients of the app. Asking again after a decision renews it; what was given
/// goes on meanwhile.
#[utoipa::path(
    post, path = "/api/v1/apps/{app}/scope_requests", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = ScopeAsk,
    responses((status = 201, description = "Made", body = ScopeRequestView), Refusals)
)]
pub(in crate::api) async fn request_scope(
    caller: Caller,
    Named(app): Named,
    headers: HeaderMap,
    Body(ask): Body<ScopeAsk>,
) -> Result<Repeatable, ApiError> {
    let app = caller.app(&app).await?;
    let made = async { Ok(scope_request_view(caller.workshop().request_scope(&app, &ask.scope, &ask.reason).await?)) };
    once(&caller, &headers, &format!("apps/{}/scope_requests", app.id), &ask, made).await
}

/// Takes a request back that waits for the operator. What was given before goes on.
#[utoipa::path(
    delete, path = "/api/v1/apps/{app}/scope_requests/{scope}", tag = "apps", security(("token" = ["clients:write"])),
    params(("app" = String, Path, description = "Id or `app_uuid`"), ("scope" = String, Path, description = "The scope")),
    responses((status = 200, description = "Done", body = ScopeRequestView), Refusals)
)]
pub(in crate::api) async fn cancel_scope_request(
    caller: Caller,
    Named((app, scope)): Named<(String, String)>,
) -> Answer<ScopeRequestView> {
    let app = caller.app(&app).await?;
    Ok(Json(scope_request_view(caller.workshop().cancel_scope_request(&app, &scope).await?)))
}
