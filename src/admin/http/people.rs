//! Invitations, sessions and the scope catalogue.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    CreatedInvitation, EndedSessions, InvitationView, NewInvitation, Page, PageQuery, ScopeQuery, ScopeView, SessionView,
};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// The open invitations into an organization, newest first.
#[utoipa::path(
    get, path = "/admin/v1/orgs/{org}/invitations", tag = "members",
    params(("org" = String, Path, description = "Id or slug of an organization"), PageQuery),
    responses((status = 200, description = "Done", body = Page<InvitationView>), Refusals)
)]
pub(in crate::admin) async fn list_invitations(
    Operator(local): Operator,
    Named(org): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Page<InvitationView>> {
    Ok(Json(local.invitations(&org, page).await?))
}

/// Invites an address into an organization. The answer carries the link, this once.
#[utoipa::path(
    post, path = "/admin/v1/orgs/{org}/invitations", tag = "members",
    params(("org" = String, Path, description = "Id or slug of an organization")),
    request_body = NewInvitation,
    responses((status = 201, description = "Done", body = CreatedInvitation), Refusals)
)]
pub(in crate::admin) async fn invite(
    Operator(local): Operator,
    Named(org): Named<String>,
    Body(body): Body<NewInvitation>,
) -> Result<(StatusCode, Json<CreatedInvitation>), AdminError> {
    Ok((StatusCode::CREATED, Json(local.invite(&org, body).await?)))
}

/// Withdraws an open invitation.
#[utoipa::path(
    delete, path = "/admin/v1/orgs/{org}/invitations/{invitation}", tag = "members",
    params(
        ("org" = String, Path, description = "Id or slug of an organization"),
        ("invitation" = String, Path, description = "Id of an invitation"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn withdraw_invitation(
    Operator(local): Operator,
    Named((org, invitation)): Named<(String, String)>,
) -> Result<StatusCode, AdminError> {
    local.withdraw_invitation(&org, &invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The browsers in which a user is signed in, newest first.
#[utoipa::path(
    get, path = "/admin/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user"), PageQuery),
    responses((status = 200, description = "Done", body = Page<SessionView>), Refusals)
)]
pub(in crate::admin) async fn list_sessions(
    Operator(local): Operator,
    Named(user): Named<String>,
    Params(page): Params<PageQuery>,
) -> Answer<Page<SessionView>> {
    Ok(Json(local.sessions(&user, page).await?))
}

/// Ends every session of a user.
#[utoipa::path(
    delete, path = "/admin/v1/users/{user}/sessions", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = EndedSessions), Refusals)
)]
pub(in crate::admin) async fn end_sessions(Operator(local): Operator, Named(user): Named<String>) -> Answer<EndedSessions> {
    Ok(Json(local.end_sessions(&user).await?))
}

/// Ends one session of a user.
#[utoipa::path(
    delete, path = "/admin/v1/users/{user}/sessions/{session}", tag = "users",
    params(
        ("user" = String, Path, description = "Id or e-mail address of a user"),
        ("session" = String, Path, description = "Id of a session of this user"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn end_session(
    Operator(local): Operator,
    Named((user, session)): Named<(String, String)>,
) -> Result<StatusCode, AdminError> {
    local.end_session(&user, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The scopes that there are, by name.
#[utoipa::path(
    get, path = "/admin/v1/scopes", tag = "scopes",
    params(ScopeQuery),
    responses((status = 200, description = "Done", body = Vec<ScopeView>), Refusals)
)]
pub(in crate::admin) async fn list_scopes(
    Operator(local): Operator,
    Params(query): Params<ScopeQuery>,
) -> Answer<Vec<ScopeView>> {
    Ok(Json(local.scopes(query).await?))
}
