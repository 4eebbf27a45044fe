//! Records as rows: what a person reads in a table, and CSV that a spreadsheet can't be tricked with.

use std::fmt::Write as _;

use super::ocsf::{self, bounded, is_deceptive, operation};
use super::{AuditRecord, BrokenBy, Call, Decision, Event, Outcome};
use crate::types::{ClientId, GrantId, OrgId, UserId};

/// What a person wants to see of a record in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The client and the user, by name where one is known.
    pub who: String,
    /// The method and path, the tool, or the event's name.
    pub what: String,
    /// `allowed`, or the stable reason of the refusal.
    pub decision: String,
    /// HTTP status, and how it ended when that was early; `done` or `refused` for events.
    pub status: String,
    /// How long it took, whole milliseconds; `None` when that is not known.
    pub millis: Option<u64>,
}

/// The record in one row.
#[must_use]
pub fn summary(record: &AuditRecord) -> Summary {
    let actor = &record.actor;
    let client = actor.client_name.as_deref().or(actor.client.as_ref().map(ClientId::as_str));
    let who = match (client, &actor.user) {
        (Some(client), Some(user)) => format!("{} for {user}", bounded(client, 128)),
        (Some(client), None) => bounded(client, 128),
        (None, Some(user)) => user.to_string(),
        (None, None) => record.origin.peer.map_or_else(|| "tollgate".to_owned(), |peer| peer.ip().to_canonical().to_string()),
    };
    match &record.event {
        Event::Call(call) => Summary {
            who,
            what: what(call),
            decision: decision(call),
            status: status(&call.outcome),
            millis: ocsf::measured(&call.outcome).map(|m| m.micros / 1000),
        },
        Event::Control(event) => Summary {
            who,
            what: match &event.target {
                Some((kind, id)) => format!("{} {kind} {}", event.operation.name(), bounded(id, 128)),
                None => event.operation.name().to_owned(),
            },
            decision: event.refused.clone().unwrap_or_else(|| "allowed".to_owned()),
            status: if event.refused.is_some() { "refused" } else { "done" }.to_owned(),
            millis: None,
        },
    }
}

/// `allowed`, the reason of the refusal, or the reason of the refusal that was not enforced.
fn decision(call: &Call) -> String {
    call.waived().map_or_else(|| call.decision.to_string(), |waived| format!("would_deny:{}", waived.reason))
}

fn what(call: &Call) -> String {
    match &call.mcp {
        Some(mcp) => match &mcp.target {
            Some(target) => format!("{} {} at {}", bounded(&mcp.method, 64), bounded(target, 128), call.api),
            None => format!("{} at {}", bounded(&mcp.method, 64), call.api),
        },
        None => format!("{} {}", bounded(&call.method, 32), bounded(&call.path, 256)),
    }
}

fn status(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Completed(measured) => measured.status.to_string(),
        Outcome::Broken { by, measured } if measured.status == 0 => broken_by(*by).to_owned(),
        Outcome::Broken { by, measured } => format!("{}, {}", measured.status, broken_by(*by)),
        Outcome::Unknown => "unknown".to_owned(),
    }
}

const fn broken_by(by: BrokenBy) -> &'static str {
    match by {
        BrokenBy::Client => "broken by client",
        BrokenBy::Upstream => "broken by upstream",
        BrokenBy::Revocation => "broken by revocation",
        BrokenBy::Shutdown => "broken by shutdown",
        BrokenBy::Fault => "broken by fault",
    }
}

const COLUMNS: [&str; 24] = [
    "time",
    "id",
    "org",
    "user",
    "client",
    "client_name",
    "grant",
    "operation",
    "api",
    "method",
    "path",
    "mcp_method",
    "target",
    "decision",
    "missing_scopes",
    "scopes",
    "outcome",
    "status",
    "bytes",
    "millis",
    "ip",
    "user_agent",
    "request",
    "node",
];

/// The first line of a CSV export (RFC 4180), with its line break.
#[must_use]
pub fn csv_header() -> String {
    row(&COLUMNS.map(str::to_owned))
}

/// One record as a line of CSV, with its line break. No field can start a formula or end the line.
#[must_use]
pub fn csv_line(record: &AuditRecord) -> String {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let (actor, origin) = (&record.actor, &record.origin);
    let [api, method, path, mcp, target, decision, missing, scopes, outcome, status, bytes, millis] =
        event_columns(&record.event);
    row(&[
        record.time.to_string(),
        record.id.to_string(),
        text(record.org.as_ref().map(OrgId::as_str)),
        text(actor.user.as_ref().map(UserId::as_str)),
        text(actor.client.as_ref().map(ClientId::as_str)),
        text(actor.client_name.as_deref()),
        text(actor.grant.as_ref().map(GrantId::as_str)),
        operation(record).to_owned(),
        api,
        method,
        path,
        mcp,
        target,
        decision,
        missing,
        scopes,
        outcome,
        status,
        bytes,
        millis,
        origin.peer.map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default(),
        text(origin.user_agent.as_deref()),
        origin.request.to_string(),
        origin.node.to_string(),
    ])
}

fn event_columns(event: &Event) -> [String; 12] {
    let call = match event {
        Event::Call(call) => call,
        Event::Control(event) => {
            let target = event.target.as_ref().map(|(kind, id)| format!("{kind} {id}")).unwrap_or_default();
            let decision = event.refused.clone().unwrap_or_else(|| "allowed".to_owned());
            let outcome = if event.refused.is_some() { "refused" } else { "done" };
            let none = String::new;
            let scopes = event.scopes.to_string();
            return [none(), none(), none(), none(), target, decision, none(), scopes, outcome.into(), none(), none(), none()];
        }
    };
    let mcp = call.mcp.as_ref();
    let missing = match &call.decision {
        Decision::Denied { missing, .. } => missing.to_string(),
        Decision::Allowed => call.would_deny.as_ref().map(|waived| waived.missing.to_string()).unwrap_or_default(),
    };
    let outcome = match &call.outcome {
        Outcome::Completed(_) => "completed",
        Outcome::Broken { by, .. } => broken_by(*by),
        Outcome::Unknown => "unknown",
    };
    let [status, bytes, millis] = ocsf::measured(&call.outcome).map_or_else(Default::default, |measured| {
        [measured.status.to_string(), measured.bytes.to_string(), (measured.micros / 1000).to_string()]
    });
    [
        call.api.to_string(),
        call.method.clone(),
        call.path.clone(),
        mcp.map(|m| m.method.clone()).unwrap_or_default(),
        mcp.and_then(|m| m.target.clone()).unwrap_or_default(),
        decision(call),
        missing,
        call.scopes_needed.to_string(),
        outcome.to_owned(),
        status,
        bytes,
        millis,
    ]
}

/// One line of CSV (RFC 4180), with its line break. No field can start a formula or end the line.
#[must_use]
pub fn row(fields: &[String]) -> String {
    let mut line = String::with_capacity(512);
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            line.push(',');
        }
        let _ = write!(line, "\"{}\"", cell(field));
    }
    line.push_str("\r\n");
    line
}

/// A field that means only itself: spreadsheets take these first characters (and their full-width forms) for a formula's.
fn cell(field: &str) -> String {
    let mut safe = String::with_capacity(field.len() + 1);
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        safe.push('\'');
    }
    for c in bounded(field, 2048).chars() {
        match c {
            '"' => safe.push_str("\"\""),
            c if is_deceptive(c) => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::ocsf::samples;
    use super::*;

    #[test]
    fn a_spreadsheet_can_not_be_tricked() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert!(cell(evil).starts_with('\''), "{evil:?}");
        }
        assert_eq!(cell("a\"b\r\nc\u{2028}d\u{1b}[0m"), "a\"\"b  c d [0m");
        let mut record = samples::call();
        record.actor.client_name = Some("=HYPERLINK(\"https://evil\")\r\n\"x\",".into());
        let line = csv_line(&record);
        assert!(line.contains(",\"'=HYPERLINK(\"\"https://evil\"\")  \"\"x\"\",\","), "{line}");
        assert_eq!(line.matches(['\r', '\n']).count(), 2, "one line break, at its end");
    }

    #[test]
    fn every_line_has_every_column() {
        for record in [samples::call(), samples::denied(), samples::unknown(), samples::login(), samples::consent()] {
            assert_eq!(csv_line(&record).matches("\",\"").count(), COLUMNS.len() - 1, "{record:?}");
        }
        assert_eq!(csv_header().matches("\",\"").count(), COLUMNS.len() - 1);
    }

    #[test]
    fn people_see_who_did_what() {
        let call = summary(&samples::call());
        assert_eq!(call.who, "Acme CLI for usr_12");
        assert_eq!(
            (call.what.as_str(), call.status.as_str(), call.millis),
            ("tools/call query_logs at loki-mcp", "200", Some(41))
        );
        let denied = summary(&samples::denied());
        assert_eq!((denied.what.as_str(), denied.decision.as_str()), ("POST /loki/api/v1/push", "insufficient_scope"));
        assert_eq!(summary(&samples::unknown()).status, "unknown");
        let login = summary(&samples::login());
        assert_eq!((login.what.as_str(), login.decision.as_str(), login.millis), ("login.fail", "wrong_password", None));
    }
}
