//! The caller, and what the caller's user authorized.

use axum::Json;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{GrantView, grant_view};
use crate::store::RevokeReason;
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
pub(super) async fn me(caller: Caller) -> Json<Me> {
    let p = &caller.principal;
    Json(Me {
        user: User { id: p.user.id.to_string(), email: p.user.email.clone(), name: p.user.name.clone() },
        organization: Organization { id: p.org.id.to_string(), slug: p.org.slug.to_string(), name: p.org.name.clone() },
        client: p.client.id.to_string(),
        grant: p.claims.grant.to_string(),
        scopes: caller.config.catalogue.scopes(&p.effective.now).iter().map(ScopeToken::to_string).collect(),
        expires_at: Timestamp::from_millis(p.claims.exp.saturating_mul(1000)).to_string(),
    })
}

/// The applications that you authorized in this organization: one grant each.
#[utoipa::path(
    get, path = "/api/v1/me/applications", tag = "me", security(("token" = ["applications:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<GrantView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<GrantView>> {
    let now = caller.node.now();
    let facts = caller.node.store.grants_of_user(&caller.principal.user.id, now).await?;
    let own = facts.iter().filter(|f| f.grant.org == caller.org().id);
    let views = own.map(|f| grant_view(&caller.config, f, now)).collect();
    Ok(Json(Page::cut(views, |g: &GrantView| g.id.to_string(), &page)?))
}

/// Ends what you authorized: the application's tokens stop working before the answer.
#[utoipa::path(
    delete, path = "/api/v1/me/applications/{grant}", tag = "me", security(("token" = ["applications:write"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn revoke(caller: Caller, Named(grant): Named) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::not_found("you authorized no such application in this organization, or it has ended");
    let id = GrantId::parse(&grant).map_err(|_| missing())?;
    let (store, user) = (&caller.node.store, &caller.principal.user.id);
    let known = store.grant_facts(&id).await?.is_some_and(|f| f.grant.org == caller.org().id && f.grant.user == *user);
    if !known || !store.revoke_grant(&id, Some(user), RevokeReason::User, &caller.cause()).await? {
        return Err(missing());
    }
    caller.node.metrics.grants_revoked.inc();
    caller.node.settle().await?;
    Ok(StatusCode::NO_CONTENT)
}
