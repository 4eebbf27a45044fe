//! The caller, and what the caller's user authorized.

use axum::Json;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, Nothing, Page, PageQuery, limit};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use super::own::{OwnApplication, Whence, own_application};
use crate::account::activity::last_from;
use crate::account::applications::{keys_of, with_use};
use crate::admin::{self, Administration, EndedSessions, GrantChange, SessionView, api_key_view};
use crate::store::{GrantFacts, RevokeReason};
use crate::types::{GrantId, ScopeToken, Timestamp};

/// Who a token speaks for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// On whose behalf requests are made.
    user: User,
    /// The organization that the token is bound to.
    organization: Organization,
    /// `client_id` of the application that holds the token.
    client: String,
    /// The consent that the token comes from.
    grant: String,
    /// What may be done now: consented to, as far as the user still holds it.
    scopes: Vec<String>,
    /// When the token ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    id: String,
    email: String,
    name: String,
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Organization {
    id: String,
    slug: String,
    name: String,
}

/// Who this token speaks for.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "me", security(("token" = [])),
    responses((status = 200, description = "Done", body = Me), Refusals)
)]
pub(super) async fn me(caller: Caller, _: Params<Nothing>) -> Json<Me> {
    let p = &caller.principal;
    Json(Me {
        user: User { id: p.user.id.to_string(), email: p.user.email.clone(), name: p.user.name.clone() },
        organization: Organization { id: p.org.id.to_string(), slug: p.org.slug.to_string(), name: p.org.name.clone() },
        client: p.client.id.to_string(),
        grant: p.claims.grant.to_string(),
        scopes: p.held.iter().map(ScopeToken::to_string).collect(),
        expires_at: Timestamp::from_millis(p.claims.exp.saturating_mul(1000)).to_string(),
    })
}

/// The applications that you authorized in this organization: one grant each, with what each did and what it never used.
#[utoipa::path(
    get, path = "/api/v1/me/applications", tag = "me", security(("token" = ["applications:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<OwnApplication>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<OwnApplication>> {
    caller.flush.flush().await;
    let now = caller.node.now();
    let mut facts = caller.node.store.grants_of_user(&caller.principal.user.id, now).await?;
    facts.retain(|f| f.grant.org == caller.org().id);
    let own = with_use(&caller.node, &caller.config, facts).await?;
    let views = own.iter().map(|one| own_application(&caller.config, one, now)).collect();
    Ok(Json(Page::cut(views, |own: &OwnApplication| own.grant.id.to_string(), &page)?))
}

/// One of them, with from where it last called, and the API keys that it made on your behalf.
#[utoipa::path(
    get, path = "/api/v1/me/applications/{grant}", tag = "me", security(("token" = ["applications:read"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 200, description = "Done", body = OwnApplication), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(grant): Named, _: Params<Nothing>) -> Answer<OwnApplication> {
    let facts = own(&caller, &grant).await?;
    caller.flush.flush().await;
    detailed(&caller, facts).await
}

/// An application with everything that its user may know of it.
async fn detailed(caller: &Caller, facts: GrantFacts) -> Answer<OwnApplication> {
    let one = with_use(&caller.node, &caller.config, vec![facts]).await?.pop().ok_or_else(missing)?;
    let last_called_from = last_from(&caller.node, &one).await?.map(Whence::from);
    let api_keys = keys_of(&caller.node, &one.facts).await?.iter().map(api_key_view).collect();
    Ok(Json(OwnApplication { api_keys, last_called_from, ..own_application(&caller.config, &one, caller.node.now()) }))
}

/// Takes scopes from what you authorized, or sets when it ends; the application's tokens follow before the answer.
#[utoipa::path(
    patch, path = "/api/v1/me/applications/{grant}", tag = "me", security(("token" = ["applications:write"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    request_body = GrantChange,
    responses((status = 200, description = "Done", body = OwnApplication), Refusals)
)]
pub(super) async fn update(caller: Caller, Named(grant): Named, Body(change): Body<GrantChange>) -> Answer<OwnApplication> {
    let id = own(&caller, &grant).await?.grant.id;
    caller.administration().change_grant(id.as_str(), change).await?;
    detailed(&caller, own(&caller, &grant).await?).await
}

/// Ends what you authorized: the application's tokens stop working before the answer. An API key that it made on your behalf goes on.
#[utoipa::path(
    delete, path = "/api/v1/me/applications/{grant}", tag = "me", security(("token" = ["applications:write"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn revoke(caller: Caller, Named(grant): Named) -> Result<StatusCode, ApiError> {
    let id = own(&caller, &grant).await?.grant.id;
    let (store, user) = (&caller.node.store, &caller.principal.user.id);
    let ended = store.revoke_grant(&id, Some(user), RevokeReason::User, &caller.cause()).await?;
    // Also when it had ended before: another request may just be revoking it.
    caller.node.settle().await?;
    if !ended {
        return Err(missing());
    }
    caller.node.metrics.grants_revoked.inc();
    Ok(StatusCode::NO_CONTENT)
}

fn missing() -> ApiError {
    ApiError::not_found("you authorized no such application in this organization, or it has ended")
}

/// A grant of the caller in this organization, with what it depends on.
pub(super) async fn own(caller: &Caller, grant: &str) -> Result<GrantFacts, ApiError> {
    let id = GrantId::parse(grant).map_err(|_| missing())?;
    let facts = caller.node.store.grant_facts(&id).await?;
    let known = |f: &GrantFacts| f.grant.org == caller.org().id && f.grant.user == caller.principal.user.id;
    facts.filter(known).ok_or_else(missing)
}

/// The browsers in which you are signed in, newest first: in no organization and in all of yours.
#[utoipa::path(
    get, path = "/api/v1/me/sessions", tag = "me", security(("token" = ["sessions:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<SessionView>), Refusals)
)]
pub(super) async fn sessions(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<SessionView>> {
    let asked = admin::PageQuery { limit: u32::try_from(limit(page.limit)?).ok(), cursor: page.cursor };
    let admin::Page { data, next } = caller.administration().sessions(caller.principal.user.id.as_str(), asked).await?;
    Ok(Json(Page { data, next }))
}

/// Signs you out everywhere. Applications keep what you authorized.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions", tag = "me", security(("token" = ["sessions:write"])),
    responses((status = 200, description = "Done", body = EndedSessions), Refusals)
)]
pub(super) async fn end_sessions(caller: Caller) -> Answer<EndedSessions> {
    Ok(Json(caller.administration().end_sessions(caller.principal.user.id.as_str()).await?))
}

/// Signs you out of one browser.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions/{session}", tag = "me", security(("token" = ["sessions:write"])),
    params(("session" = String, Path, description = "Id of a session of yours")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn end_session(caller: Caller, Named(session): Named) -> Result<StatusCode, ApiError> {
    caller.administration().end_session(caller.principal.user.id.as_str(), &session).await?;
    Ok(StatusCode::NO_CONTENT)
}
