//! What the organization's members gave to applications.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Nothing, Page, limit, made, one_more, place};
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{GrantStateView, GrantView, grant_view};
use crate::store::{GrantFacts, GrantSearch, GrantStanding, RevokeReason};
use crate::types::{ClientId, GrantId, UserId};

/// Which grants; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// Of a user, by id or e-mail address.
    user: Option<String>,
    /// Of a client, by `client_id`.
    client: Option<String>,
    /// Text that occurs in the name or the address of the user, in the name or the id of the client, or in a scope, ignoring case.
    text: Option<String>,
    /// `live`, `expired` or `revoked`.
    #[param(inline)]
    state: Option<GrantStateView>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl GrantQuery {
    /// What the store looks for; nothing when the query names somebody or something that there is not.
    async fn search(&self, caller: &Caller) -> Result<Option<GrantSearch>, ApiError> {
        let user = match &self.user {
            Some(name) => match user_named(caller, name).await? {
                None => return Ok(None),
                found => found,
            },
            None => None,
        };
        let Ok(client) = self.client.as_deref().map(ClientId::parse).transpose() else { return Ok(None) };
        let standing = self.state.map(|state| match state {
            GrantStateView::Live => GrantStanding::Live,
            GrantStateView::Expired => GrantStanding::Expired,
            GrantStateView::Revoked => GrantStanding::Revoked,
        });
        let text = self.text.clone().unwrap_or_default();
        let standing = standing.map(|s| (s, caller.node.now()));
        Ok(Some(GrantSearch { user, client, standing, text, idle: None }))
    }
}

async fn user_named(caller: &Caller, name: &str) -> Result<Option<UserId>, ApiError> {
    if let Some(user) = caller.node.store.user_by_email(&name.to_lowercase()).await? {
        return Ok(Some(user.id));
    }
    Ok(UserId::parse(name).ok())
}

/// Grants of the organization's members, newest first.
#[utoipa::path(
    get, path = "/api/v1/grants", tag = "grants", security(("token" = ["grants:read"])),
    params(GrantQuery),
    responses((status = 200, description = "Done", body = Page<GrantView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<GrantQuery>) -> Answer<Page<GrantView>> {
    let (limit, after) = (limit(query.limit)?, query.cursor.as_deref().map(|c| place(c, GrantId::parse)).transpose()?);
    let Some(search) = query.search(&caller).await? else { return Ok(Json(Page::empty())) };
    let facts = caller.node.store.find_grants(&caller.org().id, &search, after.as_ref(), one_more(limit)).await?;
    let (cursor, now) = (|last: &GrantFacts| made(last.grant.created_at, &last.grant.id), caller.node.now());
    Ok(Json(Page::found(facts, limit, cursor, |one| grant_view(&caller.config, &one, now))))
}

/// One grant.
#[utoipa::path(
    get, path = "/api/v1/grants/{grant}", tag = "grants", security(("token" = ["grants:read"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 200, description = "Done", body = GrantView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(grant): Named, _: Params<Nothing>) -> Answer<GrantView> {
    let facts = find(&caller, &grant).await?;
    Ok(Json(grant_view(&caller.config, &facts, caller.node.now())))
}

/// Ends a grant: its tokens stop working before the answer.
#[utoipa::path(
    delete, path = "/api/v1/grants/{grant}", tag = "grants", security(("token" = ["grants:write"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 204, description = "Done, or it had ended before"), Refusals)
)]
pub(super) async fn revoke(caller: Caller, Named(grant): Named) -> Result<StatusCode, ApiError> {
    let facts = find(&caller, &grant).await?;
    if caller.node.store.revoke_grant(&facts.grant.id, None, RevokeReason::Admin, &caller.cause()).await? {
        caller.node.metrics.grants_revoked.inc();
    }
    // Also when it had ended before: another request may just be revoking it.
    caller.node.settle().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(caller: &Caller, id: &str) -> Result<GrantFacts, ApiError> {
    let missing = || ApiError::not_found("there is no such grant in this organization");
    let id = GrantId::parse(id).map_err(|_| missing())?;
    caller.node.store.grant_facts(&id).await?.filter(|f| f.grant.org == caller.org().id).ok_or_else(missing)
}
