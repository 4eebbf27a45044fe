//! Who belongs to the organization, with which roles.

use axum::Json;
use http::StatusCode;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{Administration, MemberRoles, MemberView, RoleView};
use crate::types::RoleName;

/// Members, the newest users first.
#[utoipa::path(
    get, path = "/api/v1/members", tag = "members", security(("token" = ["members:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<MemberView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<MemberView>> {
    let members = members(&caller).await?;
    Ok(Json(Page::cut(members, |m: &MemberView| m.user.id.to_string(), &page)?))
}

/// One member.
#[utoipa::path(
    get, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:read"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(user): Named) -> Answer<MemberView> {
    find(&caller, &user).await.map(Json)
}

/// Replaces a member's roles; live tokens narrow at once. Only roles that hold nothing beyond what you hold yourself can be given
/// or taken.
#[utoipa::path(
    put, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:write"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    request_body = MemberRoles,
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(super) async fn set(caller: Caller, Named(user): Named, Body(wanted): Body<MemberRoles>) -> Answer<MemberView> {
    let member = find(&caller, &user).await?;
    within_own_reach(&caller, &member, wanted.roles.iter().map(String::as_str)).await?;
    let org = caller.org().id.to_string();
    Ok(Json(caller.administration().set_member(&org, member.user.id.as_str(), wanted).await?))
}

/// Takes a user out of the organization and revokes what the user authorized in it.
#[utoipa::path(
    delete, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:write"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn remove(caller: Caller, Named(user): Named) -> Result<StatusCode, ApiError> {
    let member = find(&caller, &user).await?;
    within_own_reach(&caller, &member, std::iter::empty()).await?;
    caller.administration().remove_member(caller.org().id.as_str(), member.user.id.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The roles that there are, with what they permit.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "members", security(("token" = ["members:read"])),
    responses((status = 200, description = "Done", body = Vec<RoleView>), Refusals)
)]
pub(super) async fn roles(caller: Caller) -> Answer<Vec<RoleView>> {
    Ok(Json(caller.administration().roles().await?))
}

async fn members(caller: &Caller) -> Result<Vec<MemberView>, ApiError> {
    Ok(caller.administration().members(caller.org().id.as_str()).await?)
}

/// A member by id or address; users of other organizations are not known here.
pub(super) async fn find(caller: &Caller, named: &str) -> Result<MemberView, ApiError> {
    let is = |m: &MemberView| m.user.id.as_str() == named || m.user.email.eq_ignore_ascii_case(named);
    let missing = || ApiError::not_found("there is no such member in this organization");
    members(caller).await?.into_iter().find(is).ok_or_else(missing)
}

/// Nobody gives or takes more than they hold, and nobody locks themselves out through an application.
async fn within_own_reach<'r>(
    caller: &Caller,
    member: &MemberView,
    wanted: impl Iterator<Item = &'r str>,
) -> Result<(), ApiError> {
    if member.user.id == caller.principal.user.id {
        return Err(ApiError::forbidden(
            "you can't change your own membership through an application; ask another administrator",
        ));
    }
    let own = caller.permissions().await?;
    let given: Vec<RoleName> = wanted.filter_map(|name| RoleName::parse(name).ok()).collect();
    let (before, after) = (caller.config.roles.permissions(&member.roles), caller.config.roles.permissions(&given));
    if own.covers(&before) && own.covers(&after) {
        return Ok(());
    }
    Err(ApiError::forbidden("these roles permit more than you hold yourself; ask somebody who holds it"))
}
