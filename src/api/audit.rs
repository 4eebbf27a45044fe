//! The organization's log.

use std::sync::Arc;

use axum::Json;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Page, PageQuery, limit};
use super::caller::{Caller, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::account::log::{Member, Query, open_cursor, seal_cursor};
use crate::admin::{AuditEntry, audit_entry};
use crate::counts::{self, Asked, By, Counts};
use crate::record::{ControlEvent, FileFormat, Operation};
use crate::store::{AuditFilter, AuditPage};
use crate::types::UserId;
use crate::web::LogFile;

/// What to look for; every field narrows. Without a time, grant or request the last day is searched.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
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
    /// Route id or event name; a trailing `*` matches any rest.
    operation: String,
    /// HTTP status such as `404`, or a class of them such as `4xx`; changes have none.
    status: String,
    /// `allowed`, `denied`, `unknown` or `would_deny`.
    decision: String,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    text: String,
    /// Under which grant.
    grant: String,
    /// In which request (`X-Request-Id`).
    request: String,
}

impl LogQuery {
    /// What the store looks for; nothing when the query names somebody whom the organization does not know.
    async fn filter(self, caller: &Caller) -> Result<Option<AuditFilter>, ApiError> {
        let query = Query {
            from: self.from,
            to: self.to,
            user: self.user,
            client: self.client,
            api: self.api,
            tool: self.tool,
            operation: self.operation,
            status: self.status,
            decision: self.decision,
            text: self.text,
            grant: self.grant,
            request: self.request,
        };
        let found = query.recent(caller.node.now()).filter(&caller.node, &caller.org().id).await?;
        found.map_err(|unreadable| ApiError::invalid(unreadable.to_string()))
    }
}

/// One page of what is looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    #[serde(flatten)]
    log: LogQuery,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// All of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    #[serde(flatten)]
    log: LogQuery,
    format: Option<FileFormat>,
}

/// What to count, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountedQuery {
    #[serde(flatten)]
    log: LogQuery,
    by: Option<By>,
    limit: Option<u32>,
    buckets: Option<u32>,
}

/// Records, newest first, as OCSF with a line for people.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", security(("token" = ["audit:read"])),
    params(LogQuery, PageQuery),
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
    let page = match asked.log.filter(&caller).await? {
        Some(filter) => node.store.search_audit(&filter, after.as_ref(), limit).await?,
        None => AuditPage::default(),
    };
    let next = page.next.map(|next| seal_cursor(&node.keys, org, &[next]));
    Ok(Json(Page { data: page.rows.iter().map(|row| audit_entry(&row.record)).collect(), next }))
}

/// How many records are found and how many of them are refusals: in all, over time, and by application, user, tool, route or decision.
/// The last day when no time is said, and at most 31 days at once.
#[utoipa::path(
    get, path = "/api/v1/audit/counts", tag = "audit", security(("token" = ["audit:read"])),
    params(
        LogQuery,
        ("by" = inline(Option<By>), Query, description = "What groups are made by; none are when it is absent"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most this many groups; 20 when absent"),
        ("buckets" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Into how many equal spans; 24 when absent"),
    ),
    responses((status = 200, description = "Done", body = Counts), Refusals)
)]
pub(super) async fn counts(caller: Caller, Params(asked): Params<CountedQuery>) -> Answer<Counts> {
    let CountedQuery { log, by, limit, buckets } = asked;
    caller.flush.flush().await;
    let filter = match log.clone().filter(&caller).await? {
        Some(filter) => filter,
        None => nobody(log, &caller).await?,
    };
    let counted = counts::count(&caller.node, filter, Asked { by, groups: limit, buckets }).await?;
    counted.map(Json).map_err(|why| ApiError::invalid(why.to_string()))
}

/// The same search of somebody who is nobody: a user whom the organization does not know did nothing in it.
async fn nobody(log: LogQuery, caller: &Caller) -> Result<AuditFilter, ApiError> {
    let anybody = LogQuery { user: String::new(), ..log }.filter(caller).await?.unwrap_or_default();
    let org = Some(caller.org().id.clone());
    let user = Some(UserId::generate(caller.node.now(), &*caller.node.entropy));
    Ok(AuditFilter { org, user, ..anybody })
}

/// Every record that is found, newest first, as a file: OCSF objects on lines of their own, or CSV that a spreadsheet can't be tricked
/// with. It is written as it is read and has no upper bound; it ends with what there was when it was asked for, and is cut when
/// you may no longer read the log. That it was exported is on record before its first byte leaves.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", security(("token" = ["audit:read"])),
    params(LogQuery, ("format" = inline(Option<FileFormat>), Query, description = "`ndjson` (unless said) or `csv`")),
    responses(
        (status = 200, description = "Records", content((String = "application/x-ndjson"), (String = "text/csv"))),
        Refusals,
    )
)]
pub(super) async fn export(caller: Caller, Params(asked): Params<ExportQuery>) -> Result<Response, ApiError> {
    caller.flush.flush().await;
    let (format, filter) = (asked.format.unwrap_or_default(), asked.log.filter(&caller).await?);
    let (node, org, cause) = (&caller.node, caller.org(), caller.cause());
    let reader = Member { node: Arc::clone(node), user: caller.principal.user.id.clone(), org: org.clone() };
    let file = LogFile { format, filter, reader }.until(cause.at);
    let event = ControlEvent::done(Operation::AuditExport).on("audit", format.name()).with_comment(file.remark());
    node.store.note(Some(&org.id), event, &cause).await?;
    Ok(file.answer(node.store.clone(), &format!("audit-{}", org.slug)))
}
