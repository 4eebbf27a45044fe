//! Organizations and users.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    CreatedUser, NewOrg, NewPassword, NewUserRequest, OrgChange, OrgView, Page, PageQuery, SwitchTo, UserSwitchTo, UserView,
};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// Organizations, by slug.
#[utoipa::path(
    get, path = "/admin/v1/orgs", tag = "organizations", params(PageQuery),
    responses((status = 200, description = "Done", body = Page<OrgView>), Refusals)
)]
pub(in crate::admin) async fn list_orgs(Operator(local): Operator, Params(page): Params<PageQuery>) -> Answer<Page<OrgView>> {
    Ok(Json(local.orgs(page).await?))
}

/// Makes an organization.
#[utoipa::path(
    post, path = "/admin/v1/orgs", tag = "organizations",
    request_body = NewOrg,
    responses((status = 201, description = "Done", body = OrgView), Refusals)
)]
pub(in crate::admin) async fn create_org(
    Operator(local): Operator,
    Body(body): Body<NewOrg>,
) -> Result<(StatusCode, Json<OrgView>), AdminError> {
    Ok((StatusCode::CREATED, Json(local.create_org(body).await?)))
}

/// One organization.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}", tag = "organizations",
    params(("org" = String, Path, description = "Id or slug of an organization")),
    responses((status = 200, description = "Done", body = OrgView), Refusals)
)]
pub(in crate::admin) async fn show_org(Operator(local): Operator, Named(org): Named<String>) -> Answer<OrgView> {
    Ok(Json(local.org(&org).await?))
}

/// Changes names and tenant values.
#[utoipa::path(
    patch, path = "/admin/v1/orgs/{org}", tag = "organizations",
    params(("org" = String, Path, description = "Id or slug of an organization")),
    request_body = OrgChange,
    responses((status = 200, description = "Done", body = OrgView), Refusals)
)]
pub(in crate::admin) async fn update_org(
    Operator(local): Operator,
    Named(org): Named<String>,
    Body(body): Body<OrgChange>,
) -> Answer<OrgView> {
    Ok(Json(local.update_org(&org, body).await?))
}

/// Switches an organization off or on.
#[utoipa::path(
    put, path = "/admin/v1/orgs/{org}/state", tag = "organizations",
    params(("org" = String, Path, description = "Id or slug of an organization")),
    request_body = SwitchTo,
    responses((status = 200, description = "Done", body = OrgView), Refusals)
)]
pub(in crate::admin) async fn switch_org(
    Operator(local): Operator,
    Named(org): Named<String>,
    Body(body): Body<SwitchTo>,
) -> Answer<OrgView> {
    Ok(Json(local.switch_org(&org, body.state).await?))
}

/// Users, by e-mail address.
#[utoipa::path(
    get, path = "/admin/v1/users", tag = "users", params(PageQuery),
    responses((status = 200, description = "Done", body = Page<UserView>), Refusals)
)]
pub(in crate::admin) async fn list_users(Operator(local): Operator, Params(page): Params<PageQuery>) -> Answer<Page<UserView>> {
    Ok(Json(local.users(page).await?))
}

/// Makes a user. The answer may carry a one-time password.
#[utoipa::path(
    post, path = "/admin/v1/users", tag = "users",
    request_body = NewUserRequest,
    responses((status = 201, description = "Done", body = CreatedUser), Refusals)
)]
pub(in crate::admin) async fn create_user(
    Operator(local): Operator,
    Body(body): Body<NewUserRequest>,
) -> Result<(StatusCode, Json<CreatedUser>), AdminError> {
    Ok((StatusCode::CREATED, Json(local.create_user(body).await?)))
}

/// One user.
#[utoipa::path(
    get, path = "/admin/v1/users/{user}", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = UserView), Refusals)
)]
pub(in crate::admin) async fn show_user(Operator(local): Operator, Named(user): Named<String>) -> Answer<UserView> {
    Ok(Json(local.user(&user).await?))
}

/// Switches a user off or on, or freezes it. Off ends its sessions and revokes its grants; frozen, it keeps them.
#[utoipa::path(
    put, path = "/admin/v1/users/{user}/state", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    request_body = UserSwitchTo,
    responses((status = 200, description = "Done", body = UserView), Refusals)
)]
pub(in crate::admin) async fn switch_user(
    Operator(local): Operator,
    Named(user): Named<String>,
    Body(body): Body<UserSwitchTo>,
) -> Answer<UserView> {
    Ok(Json(local.switch_user(&user, body.state).await?))
}

/// Sets a person's password and ends its sessions.
#[utoipa::path(
    post, path = "/admin/v1/users/{user}/password", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    request_body = NewPassword,
    responses((status = 200, description = "Done", body = CreatedUser), Refusals)
)]
pub(in crate::admin) async fn set_password(
    Operator(local): Operator,
    Named(user): Named<String>,
    Body(body): Body<NewPassword>,
) -> Answer<CreatedUser> {
    Ok(Json(local.set_password(&user, body).await?))
}
