//! What the organization's members gave to applications.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{GrantStateView, GrantView, grant_view};
use crate::store::{GrantFacts, RevokeReason};
use crate::types::GrantId;

/// Which grants; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// Of a user, by id or e-mail address.
    user: Option<String>,
    /// Of a client, by `client_id`.
    client: Option<String>,
    /// `live`, `expired` or `revoked`.
    #[param(inline)]
    state: Option<GrantStateView>,
    /// At most this many items, 1 to 1000; 100 when absent.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl GrantQuery {
    fn admits(&self, grant: &GrantView) -> bool {
        self.user.as_ref().is_none_or(|u| u == grant.user.as_str() || u.eq_ignore_ascii_case(&grant.user_email))
            && self.client.as_ref().is_none_or(|c| c == grant.client.as_str())
            && self.state.is_none_or(|s| s == grant.state)
    }
}

/// Grants of the organization's members, newest first.
#[utoipa::path(
    get, path = "/api/v1/grants", tag = "grants", security(("token" = ["grants:read"])),
    params(GrantQuery),
    responses((status = 200, description = "Done", body = Page<GrantView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<GrantQuery>) -> Answer<Page<GrantView>> {
    let facts = caller.node.store.grants_of_org(&caller.org().id).await?;
    let now = caller.node.now();
    let views = facts.iter().map(|f| grant_view(&caller.config, f, now)).filter(|g| query.admits(g)).collect();
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    Ok(Json(Page::cut(views, |g: &GrantView| g.id.to_string(), &page)?))
}

/// One grant.
#[utoipa::path(
    get, path = "/api/v1/grants/{grant}", tag = "grants", security(("token" = ["grants:read"])),
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 200, description = "Done", body = GrantView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(grant): Named) -> Answer<GrantView> {
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
