//! What the caller's applications did, and what happened to the caller's account.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Page, PageQuery, limit};
use super::applications::own;
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use super::own::{OwnRecord, own_record};
use crate::account::activity::activity;
use crate::account::log::{Doers, Query, open_cursor, seal_cursor};
use crate::store::{AuditPage, Cursor};

/// What to look for; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ActivityQuery {
    /// Not before: RFC 3339.
    from: String,
    /// Before: RFC 3339.
    to: String,
    /// At which API.
    api: String,
    /// With which MCP tool, prompt or resource.
    tool: String,
    /// Route id or event name; a trailing `*` matches any rest.
    operation: String,
    /// HTTP status such as `404`, or a class of them such as `4xx`; changes have none.
    status: String,
    /// `allowed`, `denied`, `unknown` or `would_deny`.
    decision: String,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    text: String,
    /// In which request (`X-Request-Id`).
    request: String,
}

/// One page of what is looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivityPage {
    #[serde(flatten)]
    activity: ActivityQuery,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// What an application did on your behalf, record by record, newest first, with what was done to your authorization of it.
#[utoipa::path(
    get, path = "/api/v1/me/applications/{grant}/activity", tag = "me", security(("token" = ["applications:read"])),
    params(("grant" = String, Path, description = "Id of a grant"), ActivityQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<OwnRecord>), Refusals)
)]
pub(super) async fn list(caller: Caller, Named(grant): Named, Params(asked): Params<ActivityPage>) -> Answer<Page<OwnRecord>> {
    let facts = own(&caller, &grant).await?;
    let (limit, after) = (most(asked.limit)?, place(&caller, asked.cursor.as_deref())?);
    caller.flush.flush().await;
    let asked = asked.activity;
    let query = Query {
        from: asked.from,
        to: asked.to,
        api: asked.api,
        tool: asked.tool,
        operation: asked.operation,
        status: asked.status,
        decision: asked.decision,
        text: asked.text,
        request: asked.request,
        ..Query::default()
    };
    let filter = query.filter(&caller.node, &caller.org().id).await?;
    let found = match filter.map_err(|unreadable| ApiError::invalid(unreadable.to_string()))? {
        Some(filter) => activity(&caller.node, &facts, filter, (after.as_ref(), limit)).await?,
        None => AuditPage::default(),
    };
    page(&caller, &found).await
}

/// What happened to your account and to what you authorized, newest first: sign-ins, also from new places, passwords, consents,
/// credentials that were used twice, what was narrowed or ended and by whom. Of this organization, and of none.
#[utoipa::path(
    get, path = "/api/v1/me/events", tag = "me", security(("token" = ["sessions:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<OwnRecord>), Refusals)
)]
pub(super) async fn events(caller: Caller, Params(asked): Params<PageQuery>) -> Answer<Page<OwnRecord>> {
    let (limit, after) = (most(asked.limit)?, place(&caller, asked.cursor.as_deref())?);
    let (user, org) = (&caller.principal.user.id, &caller.org().id);
    let found = caller.node.store.own_events(user, Some(org), after.as_ref(), limit).await?;
    page(&caller, &found).await
}

fn most(asked: Option<usize>) -> Result<u32, ApiError> {
    Ok(u32::try_from(limit(asked)?).unwrap_or(u32::MAX))
}

fn place(caller: &Caller, cursor: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    let Some(text) = cursor else { return Ok(None) };
    let opened = open_cursor(&caller.node.keys, &caller.org().id, text).and_then(|ends| ends.last().cloned());
    opened.map(Some).ok_or_else(super::answer::damaged)
}

async fn page(caller: &Caller, found: &AuditPage) -> Answer<Page<OwnRecord>> {
    let (node, user) = (&caller.node, &caller.principal.user.id);
    let doers = Doers::of(node, user, &found.rows).await?;
    let next = found.next.clone().map(|next| seal_cursor(&node.keys, &caller.org().id, &[next]));
    Ok(Json(Page { data: found.rows.iter().map(|row| own_record(&row.record, user, &doers)).collect(), next }))
}
