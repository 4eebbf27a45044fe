//! Who belongs to the organization, with which roles.

use axum::Json;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Nothing, Page, PageQuery, damaged, limit, made, one_more, place};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{
    Administration, CreatedInvitation, InvitationView, MemberRoles, MemberView, NewInvitation, RoleView, Switch, SwitchTo,
};
use crate::store::{MemberSearch, Membership, User, UserKind, UserState};
use crate::types::{InvitationId, RoleName, UserId};

/// Which members; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MemberQuery {
    /// Text that occurs in name or e-mail address, ignoring case.
    text: Option<String>,
    /// `person` or `service`.
    #[param(value_type = Option<String>)]
    kind: Option<UserKind>,
    /// Those who hold this role.
    role: Option<String>,
    /// `active`, `frozen` (by the operator) or `disabled`.
    #[param(value_type = Option<String>)]
    state: Option<UserState>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl MemberQuery {
    /// What the store looks for; nothing when the query names a role that nobody can have.
    fn search(self) -> Option<MemberSearch> {
        let role = self.role.as_deref().map(RoleName::parse).transpose().ok()?;
        Some(MemberSearch { text: self.text.unwrap_or_default(), kind: self.kind, role, state: self.state })
    }
}

/// A service user to be made: somebody for machine clients to act as, who never signs in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewServiceUser {
    /// Lower-case letters, digits and `-`; it is known as `NAME.ORGANIZATION`.
    name: String,
    /// Names of its roles.
    #[serde(default)]
    roles: Vec<String>,
}

/// Members, the newest users first.
#[utoipa::path(
    get, path = "/api/v1/members", tag = "members", security(("token" = ["members:read"])),
    params(MemberQuery),
    responses((status = 200, description = "Done", body = Page<MemberView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<MemberQuery>) -> Answer<Page<MemberView>> {
    let limit = limit(query.limit)?;
    let after = query.cursor.as_deref().map(UserId::parse).transpose().map_err(|_| damaged())?;
    let Some(search) = query.search() else { return Ok(Json(Page::empty())) };
    let found = caller.node.store.find_members(&caller.org().id, &search, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(found, limit, |(last, _)| last.id.to_string(), |(user, roles)| view(&caller, user, roles))))
}

/// One member.
#[utoipa::path(
    get, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:read"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(user): Named, _: Params<Nothing>) -> Answer<MemberView> {
    find(&caller, &user).await.map(Json)
}

/// Replaces a member's roles; live tokens narrow at once. Only roles that hold nothing beyond what you hold yourself can be given
/// or taken, and somebody who administers the organization is always left.
#[utoipa::path(
    put, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:write"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    request_body = MemberRoles,
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(super) async fn set(caller: Caller, Named(user): Named, Body(wanted): Body<MemberRoles>) -> Answer<MemberView> {
    let member = somebody_else(&caller, &user).await?;
    let roster = caller.roster();
    let roles = roster.roles(wanted.roles.iter().map(String::as_str))?;
    roster.change(&member.user.id, roles).await?;
    find(&caller, member.user.id.as_str()).await.map(Json)
}

/// Takes a user out of the organization and revokes what the user authorized in it. Nobody removes who may do more than they.
#[utoipa::path(
    delete, path = "/api/v1/members/{user}", tag = "members", security(("token" = ["members:write"])),
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn remove(caller: Caller, Named(user): Named) -> Result<StatusCode, ApiError> {
    let member = somebody_else(&caller, &user).await?;
    caller.roster().remove(&member.user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The roles that there are, with what they permit.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "members", security(("token" = ["members:read"])),
    responses((status = 200, description = "Done", body = Vec<RoleView>), Refusals)
)]
pub(super) async fn roles(caller: Caller, _: Params<Nothing>) -> Answer<Vec<RoleView>> {
    Ok(Json(caller.administration().roles().await?))
}

/// Open invitations, newest first. Their links are not known any more.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "members", security(("token" = ["members:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<InvitationView>), Refusals)
)]
pub(super) async fn invitations(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<InvitationView>> {
    let (limit, after) = (limit(page.limit)?, page.cursor.as_deref().map(|c| place(c, InvitationId::parse)).transpose()?);
    let (store, org, now) = (&caller.node.store, &caller.org().id, caller.node.now());
    let open = store.find_invitations(org, now, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(open, limit, |last| made(last.created_at, &last.id), InvitationView::from)))
}

/// Invites an address: its owner becomes a member by opening the link and signing in, with an account or to a new one. The link is in
/// this answer and nowhere else. Nobody is put into an organization without their doing.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "members", security(("token" = ["members:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    request_body = NewInvitation,
    responses((status = 201, description = "Made", body = CreatedInvitation), Refusals)
)]
pub(super) async fn invite(caller: Caller, headers: HeaderMap, Body(new): Body<NewInvitation>) -> Result<Repeatable, ApiError> {
    let made = async {
        let roster = caller.roster();
        let roles = roster.roles(new.roles.iter().map(String::as_str))?;
        let invited = roster.invite(&new.email, roles).await?;
        let url = invited.url(&caller.config);
        Ok(CreatedInvitation { invitation: invited.invitation.into(), url })
    };
    once(&caller, &headers, "invitations", &new, made).await
}

/// Withdraws an open invitation: its link is worth nothing.
#[utoipa::path(
    delete, path = "/api/v1/invitations/{invitation}", tag = "members", security(("token" = ["members:write"])),
    params(("invitation" = String, Path, description = "Id of an invitation")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn withdraw(caller: Caller, Named(invitation): Named) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::not_found("the organization has no open invitation of this id");
    let id = InvitationId::parse(&invitation).map_err(|_| missing())?;
    caller.roster().withdraw(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a service user of the organization.
#[utoipa::path(
    post, path = "/api/v1/service-users", tag = "members", security(("token" = ["members:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    request_body = NewServiceUser,
    responses((status = 201, description = "Made", body = MemberView), Refusals)
)]
pub(super) async fn add_service(
    caller: Caller,
    headers: HeaderMap,
    Body(new): Body<NewServiceUser>,
) -> Result<Repeatable, ApiError> {
    let made = async {
        let roster = caller.roster();
        let roles = roster.roles(new.roles.iter().map(String::as_str))?;
        let (user, Membership { roles, .. }) = roster.add_service(&new.name, roles).await?;
        Ok(view(&caller, user, roles))
    };
    once(&caller, &headers, "service-users", &new, made).await
}

/// Switches a service user off or on: off, whatever acts as it has stopped when the answer comes.
#[utoipa::path(
    put, path = "/api/v1/service-users/{user}/state", tag = "members", security(("token" = ["members:write"])),
    params(("user" = String, Path, description = "Id or name of a service user")),
    request_body = SwitchTo,
    responses((status = 200, description = "Done", body = MemberView), Refusals)
)]
pub(super) async fn switch_service(caller: Caller, Named(user): Named, Body(to): Body<SwitchTo>) -> Answer<MemberView> {
    let member = find(&caller, &user).await?;
    let state = match to.state {
        Switch::Active => UserState::Active,
        Switch::Disabled => UserState::Disabled,
    };
    caller.roster().switch_service(&member.user.id, state).await?;
    find(&caller, member.user.id.as_str()).await.map(Json)
}

fn view(caller: &Caller, user: User, roles: Vec<RoleName>) -> MemberView {
    MemberView { org: caller.org().id.clone(), user: user.into(), roles }
}

/// A member by id or address; users of other organizations are not known here.
pub(super) async fn find(caller: &Caller, named: &str) -> Result<MemberView, ApiError> {
    let missing = || ApiError::not_found("there is no such member in this organization");
    let store = &caller.node.store;
    let user = match store.user_by_email(&named.to_lowercase()).await? {
        Some(user) => user,
        None => store.user(&UserId::parse(named).map_err(|_| missing())?).await?.ok_or_else(missing)?,
    };
    let membership = store.membership(&caller.org().id, &user.id).await?.ok_or_else(missing)?;
    Ok(view(caller, user, membership.roles))
}

/// The same; nobody locks themselves out through an application.
async fn somebody_else(caller: &Caller, named: &str) -> Result<MemberView, ApiError> {
    let member = find(caller, named).await?;
    if member.user.id != caller.principal.user.id {
        return Ok(member);
    }
    Err(ApiError::forbidden("you can't change your own membership through an application; ask another administrator"))
}
