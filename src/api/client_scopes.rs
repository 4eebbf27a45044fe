//! Private scopes that a client of the organization asks the operator for.

use axum::Json;
use http::HeaderMap;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{ScopeAsk, ScopeRequestView, scope_request_view};

/// The private scopes that a client asked for or was given, what waits first. A client of an app has the app's.
#[utoipa::path(
    get, path = "/api/v1/clients/{client}/scope_requests", tag = "clients", security(("token" = ["clients:read"])),
    params(("client" = String, Path, description = "`client_id`"), PageQuery),
    responses((status = 200, description = "Done", body = Page<ScopeRequestView>), Refusals)
)]
pub(super) async fn list_client_scopes(
    caller: Caller,
    Named(client): Named,
    Params(page): Params<PageQuery>,
) -> Answer<Page<ScopeRequestView>> {
    let clients = caller.clients();
    let client = clients.find(&client).await?;
    let views = clients.scope_requests(&client).await?.into_iter().map(scope_request_view).collect();
    Ok(Json(Page::cut(views, |r: &ScopeRequestView| r.scope.to_string(), &page)?))
}

/// Asks the operator for a private scope, for a machine or another client that belongs to no app. Given, the client may name it among
/// its `scopes` until the approval ends. Asking again after a decision renews it; what was given goes on meanwhile.
#[utoipa::path(
    post, path = "/api/v1/clients/{client}/scope_requests", tag = "clients", security(("token" = ["clients:write"])),
    params(
        ("client" = String, Path, description = "`client_id`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = ScopeAsk,
    responses((status = 201, description = "Made", body = ScopeRequestView), Refusals)
)]
pub(super) async fn request_client_scope(
    caller: Caller,
    Named(client): Named,
    headers: HeaderMap,
    Body(ask): Body<ScopeAsk>,
) -> Result<Repeatable, ApiError> {
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    let made = async { Ok(scope_request_view(clients.request_scope(&client, &ask.scope, &ask.reason).await?)) };
    once(&caller, &headers, &format!("clients/{}/scope_requests", client.id), &ask, made).await
}

/// Takes a request back that waits for the operator. What was given before goes on.
#[utoipa::path(
    delete, path = "/api/v1/clients/{client}/scope_requests/{scope}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`"), ("scope" = String, Path, description = "The scope")),
    responses((status = 200, description = "Done", body = ScopeRequestView), Refusals)
)]
pub(super) async fn cancel_client_scope(
    caller: Caller,
    Named((client, scope)): Named<(String, String)>,
) -> Answer<ScopeRequestView> {
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    Ok(Json(scope_request_view(clients.cancel_scope_request(&client, &scope).await?)))
}
