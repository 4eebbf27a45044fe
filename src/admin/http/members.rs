//! Memberships and roles.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{MemberRoles, MemberView, Page, PageQuery, RoleView};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// The members of an organization, the newest users first.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/members", tag = "members",
    params(("org" = String, Path, description = "Id or slug of an organization"), PageQuery),
    responses((status = 200, description = "Done", body = Page<MemberView>), Refusals)
)]
pub(in crate::admin) async fn list_members(
    Operator(local): Operator,
    Named(org): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Page<MemberView>> {
    Ok(Json(local.members(&org, page).await?))
}

/// Puts a user into an organization, or replaces its roles there.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/members/{user}", tag = "members",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("user" = String, Path, description = "Id or e-mail address of a user")),
    request_body = MemberRoles,
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(in crate::admin) async fn set_member(
    Operator(local): Operator,
    Named((org, user)): Named<(String, String)>,
    Body(body): Body<MemberRoles>,
) -> Answer<MemberView> {
    Ok(Json(local.set_member(&org, &user, body).await?))
}

/// Takes a user out of an organization and revokes its grants there.
#[utoipa::path(
    delete, path = "/admin/v1/orgs/{org}/members/{user}", tag = "members",
    params(("org" = String, Path, description = "Id or slug of an organization"), ("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn remove_member(
    Operator(local): Operator,
    Named((org, user)): Named<(String, String)>,
) -> Result<StatusCode, AdminError> {
    local.remove_member(&org, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every role of the configuration and what it permits.
#[utoipa::path(
    get, path = "/admin/v1/roles", tag = "members",
    responses((status = 200, description = "Done", body = Vec<RoleView>), Refusals)
)]
pub(in crate::admin) async fn list_roles(Operator(local): Operator) -> Answer<Vec<RoleView>> {
    Ok(Json(local.roles().await?))
}
