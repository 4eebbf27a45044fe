//! The organization's log.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Page, limit};
use super::caller::{Caller, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::account::log::{Query, open_cursor, seal_cursor};
use crate::admin::{AuditEntry, audit_entry};
use crate::store::AuditPage;

/// What to look for; every field narrows. Without a time, grant or request the last day is searched.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Not before: RFC 3339.
    from: String,
    /// Before: RFC 3339.
    to: String,
    /// On whose behalf, by id or e-mail address.
    user: String,
    /// Through which client: its `client_id`, or a part of its name.
    client: String,
    /// At which API.
    api: String,
    /// With which MCP tool, prompt or resource.
    tool: String,
    /// `allowed`, `denied` or `unknown`.
    decision: String,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    text: String,
    /// Under which grant.
    grant: String,
    /// In which request (`X-Request-Id`).
    request: String,
    /// At most this many items, 1 to 1000; 100 when absent.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Records, newest first, as OCSF with a line for people.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", security(("token" = ["audit:read"])),
    params(AuditQuery),
    responses((status = 200, description = "Done", body = Page<AuditEntry>), Refusals)
)]
pub(super) async fn search(caller: Caller, Params(asked): Params<AuditQuery>) -> Answer<Page<AuditEntry>> {
    let limit = u32::try_from(limit(asked.limit)?).unwrap_or(u32::MAX);
    let (node, org) = (&caller.node, &caller.org().id);
    let after = match &asked.cursor {
        None => None,
        Some(text) => {
            let opened = open_cursor(&node.keys, org, text).and_then(|ends| ends.last().cloned());
            Some(opened.ok_or_else(|| ApiError::invalid("cursor: use the one of the page before"))?)
        }
    };
    caller.flush.flush().await;
    let query = Query {
        from: asked.from,
        to: asked.to,
        user: asked.user,
        client: asked.client,
        api: asked.api,
        tool: asked.tool,
        decision: asked.decision,
        text: asked.text,
        grant: asked.grant,
        request: asked.request,
    };
    let filter =
        query.recent(node.now()).filter(node, org).await?.map_err(|unreadable| ApiError::invalid(unreadable.to_string()))?;
    let page = match filter {
        Some(filter) => node.store.search_audit(&filter, after.as_ref(), limit).await?,
        None => AuditPage::default(),
    };
    let next = page.next.map(|next| seal_cursor(&node.keys, org, &[next]));
    Ok(Json(Page { data: page.rows.iter().map(|row| audit_entry(&row.record)).collect(), next }))
}
