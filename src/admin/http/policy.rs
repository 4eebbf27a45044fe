//! What organizations decided about clients.

use axum::Json;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, Page, PageQuery, RevokedGrants,
};
use crate::admin::openapi::Refusals;
use crate::review::Entry;

type Answer<T> = Result<Json<T>, AdminError>;

/// What an organization decided about clients.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/policy", tag = "policy",
    params(("org" = String, Path, description = "Id or slug of an organization"), PageQuery),
    responses((status = 200, description = "Done", body = OrgPolicyView), Refusals)
)]
pub(in crate::admin) async fn show_policy(
    Operator(local): Operator,
    Named(org): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<OrgPolicyView> {
    Ok(Json(local.policy(&org, page).await?))
}

/// Decides what happens with clients that nobody decided about. The answer has the first page of them.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/policy", tag = "policy",
    params(("org" = String, Path, description = "Id or slug of an organization")),
    request_body = NewClientsChange,
    responses((status = 200, description = "Done", body = OrgPolicyView), Refusals)
)]
pub(in crate::admin) async fn set_new_clients(
    Operator(local): Operator,
    Named(org): Named<String>,
    Body(body): Body<NewClientsChange>,
) -> Answer<OrgPolicyView> {
    Ok(Json(local.set_new_clients(&org, body).await?))
}

/// Allows, blocks or restricts a client; live tokens follow before the answer.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/policy/clients/{client}", tag = "policy",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("client" = String, Path, description = "`client_id`")),
    request_body = ClientPolicyChange,
    responses((status = 200, description = "Done", body = ClientPolicyView), Refusals)
)]
pub(in crate::admin) async fn set_client_policy(
    Operator(local): Operator,
    Named((org, client)): Named<(String, String)>,
    Body(body): Body<ClientPolicyChange>,
) -> Answer<ClientPolicyView> {
    Ok(Json(local.set_client_policy(&org, &client, body).await?))
}

/// Ends every grant of a client in an organization: its tokens stop working before the answer.
#[utoipa::path(
    post, path = "/admin/v1/orgs/{org}/policy/clients/{client}/revoke", tag = "policy",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("client" = String, Path, description = "`client_id`")),
    responses((status = 200, description = "Done", body = RevokedGrants), Refusals)
)]
pub(in crate::admin) async fn revoke_client(
    Operator(local): Operator,
    Named((org, client)): Named<(String, String)>,
) -> Answer<RevokedGrants> {
    Ok(Json(local.revoke_client(&org, &client).await?))
}

/// Who authorized what, newest first. That it was read is on record, page by page.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/review", tag = "policy",
    params(("org" = String, Path, description = "Id or slug of an organization"), PageQuery),
    responses((status = 200, description = "Done", body = Page<Entry>), Refusals)
)]
pub(in crate::admin) async fn review(
    Operator(local): Operator,
    Named(org): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Page<Entry>> {
    Ok(Json(local.review(&org, page).await?))
}
