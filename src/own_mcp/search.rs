//! `search_audit`.

use std::fmt::Write as _;

use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Fault, arguments, instant};
use super::server::Asking;
use crate::account::log::{AUDIT_READ, Names, Query, audit_read, denial, open_cursor, seal_cursor};
use crate::pages::{display_name, plain};
use crate::record::{AuditRecord, Event, summary};
use crate::types::ClientId;

pub(super) const NAME: &str = "search_audit";

/// Records that are given unless another number is asked for.
const USUAL: u32 = 25;
/// Most records that are given at once.
const MOST: u32 = 100;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct In {
    /// Not before this time: RFC 3339, or UTC without a zone. Without any time, the last 24 hours.
    from: Option<String>,
    /// Before this time.
    to: Option<String>,
    /// E-mail address or id of the user on whose behalf it was done.
    user: Option<String>,
    /// Client id, or a part of the application's name.
    client: Option<String>,
    /// Name of the API, for example prometheus.
    api: Option<String>,
    /// Name of the MCP tool, prompt or resource.
    tool: Option<String>,
    /// Route id or event name; a trailing * matches any rest, as in grant.*
    operation: Option<String>,
    /// HTTP status such as 404, or a class of them such as 4xx; changes have none.
    status: Option<String>,
    /// In which request: an X-Request-Id.
    request_id: Option<String>,
    /// Under which grant.
    grant_id: Option<String>,
    /// What was decided: allowed, denied, unknown (let through and never seen to end), or `would_deny` (let through in shadow mode).
    decision: Option<Decided>,
    /// Text in operation, path, tool, application name or reason, ignoring case.
    text: Option<String>,
    /// Most records to give, 1 to 100; 25 when it is left out.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before, with the same other arguments.
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Decided {
    Allowed,
    Denied,
    Unknown,
    WouldDeny,
}

#[derive(Serialize, JsonSchema)]
struct Out {
    /// Newest first.
    records: Vec<Item>,
    /// Where the next, older records are; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One record.
#[derive(Serialize, JsonSchema)]
pub(super) struct Item {
    id: String,
    /// RFC 3339.
    time: String,
    pub(super) request_id: String,
    /// E-mail address of the user on whose behalf it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The application that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    /// The API that was called; absent for sign-ins, consents and changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    /// What was done.
    what: String,
    /// `allowed`, or the reason code of the refusal.
    decision: String,
    /// Scopes that were missing.
    missing_scopes: Vec<String>,
    /// HTTP status, and how it ended when that was early.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
}

pub(super) fn tool() -> Tool {
    let description = "Search the organization's audit log: every call through the gateway and every sign-in, consent and change, \
                       with who did it through which application and how it was decided. Newest first. Needs the scope audit:read.";
    super::answer::tool::<In, Out>(NAME, "Search the audit log", description)
}

pub(super) async fn answer(asking: &Asking<'_>, given: Option<JsonObject>) -> Result<Answer, Fault> {
    let given: In = arguments(given)?;
    let (p, config, node) = (asking.principal, asking.config, asking.node);
    if !audit_read(config).is_some_and(|needed| p.effective.now.covers(&needed)) {
        return Err(Fault::Refused(format!(
            "Searching the log needs the scope {AUDIT_READ}, which this token can't use now. Authorize the application again with \
             it; if you don't hold it, ask an administrator of {}.",
            display_name(&p.org.name)
        )));
    }
    let limit = given.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Fault::Refused(format!("limit must be 1 to {MOST}.")));
    }
    let after = match &given.cursor {
        None => None,
        Some(text) => {
            let opened = open_cursor(&node.keys, &p.org.id, text).and_then(|ends| ends.last().cloned());
            Some(opened.ok_or_else(|| Fault::Refused("The cursor is not one that this log gave out.".to_owned()))?)
        }
    };
    asking.flush.flush().await;
    let query = query(given).recent(node.now());
    let filter = query.filter(node, &p.org.id).await?.map_err(|problem| Fault::Refused(problem.to_string()))?;
    let page = match filter {
        Some(filter) => node.store.search_audit(&filter, after.as_ref(), limit).await?,
        None => crate::store::AuditPage::default(),
    };
    let mut names = Names::default();
    names.learn(node, page.rows.iter().filter_map(|r| r.record.actor.user.as_ref())).await?;
    let out = Out {
        records: page.rows.iter().map(|r| item(&r.record, &names)).collect(),
        next_cursor: page.next.map(|next| seal_cursor(&node.keys, &p.org.id, &[next])),
    };
    Ok(Answer::new(words(&out), &out))
}

fn query(given: In) -> Query {
    let decision = match given.decision {
        None => "",
        Some(Decided::Allowed) => "allowed",
        Some(Decided::Denied) => "denied",
        Some(Decided::Unknown) => "unknown",
        Some(Decided::WouldDeny) => "would_deny",
    };
    Query {
        from: given.from.unwrap_or_default(),
        to: given.to.unwrap_or_default(),
        user: given.user.unwrap_or_default(),
        client: given.client.unwrap_or_default(),
        api: given.api.unwrap_or_default(),
        tool: given.tool.unwrap_or_default(),
        operation: given.operation.unwrap_or_default(),
        status: given.status.unwrap_or_default(),
        decision: decision.to_owned(),
        text: given.text.unwrap_or_default(),
        grant: given.grant_id.unwrap_or_default(),
        request: given.request_id.unwrap_or_default(),
    }
}

/// A record as tools give it.
pub(super) fn item(record: &AuditRecord, names: &Names) -> Item {
    let (summary, actor) = (summary(record), &record.actor);
    let application = actor.client_name.as_deref().or(actor.client.as_ref().map(ClientId::as_str));
    let missing = denial(record).map(|(_, missing)| missing).unwrap_or_default();
    Item {
        id: record.id.to_string(),
        time: instant(record.time),
        request_id: record.origin.request.to_string(),
        user: actor.user.as_ref().map(|u| names.of(u).to_owned()),
        application: application.map(display_name),
        grant_id: actor.grant.as_ref().map(ToString::to_string),
        api: match &record.event {
            Event::Call(call) => Some(call.api.to_string()),
            Event::Control(_) => None,
        },
        what: plain(&summary.what),
        decision: plain(&summary.decision),
        missing_scopes: missing.iter().map(ToString::to_string).collect(),
        status: summary.status,
        millis: summary.millis,
    }
}

/// A record in one line.
pub(super) fn line(item: &Item) -> String {
    let who = match (&item.user, &item.application) {
        (Some(user), Some(application)) => format!("{user} through {application}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "somebody unknown".to_owned(),
    };
    let missing =
        if item.missing_scopes.is_empty() { String::new() } else { format!(", missing {}", item.missing_scopes.join(" ")) };
    format!("{} {who}: {} -> {}{missing}, {} [{}]", item.time, item.what, item.decision, item.status, item.request_id)
}

fn words(out: &Out) -> String {
    let mut text = String::new();
    for item in &out.records {
        let _ = writeln!(text, "{}", line(item));
    }
    match (&out.next_cursor, out.records.is_empty()) {
        (_, true) => text.push_str("No record matches."),
        (Some(cursor), _) => {
            let _ = write!(text, "There are more: ask again with cursor {cursor}");
        }
        (None, _) => text.push_str("These are all."),
    }
    text
}
