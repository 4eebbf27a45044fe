//! One record with every field, what it means, and its neighbours.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use url::form_urlencoded::Serializer;

use super::list::{decision, measured, through, what, who};
use super::{org, path};
use crate::account::log::{Names, explain};
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::views::{AuditRecordPage, FieldGroup, FieldLink, FieldValue, Neighbour, RecordField, Section};
use crate::pages::{DisplayName, When, plain};
use crate::record::{AuditRecord, Call, ControlEvent, Event, Outcome, json_line, operation};
use crate::types::{RecordId, ScopeSet, Timestamp};
use crate::web::{Peer, SignedIn, Trouble, page};

/// `GET /orgs/{org}/audit/{record}`.
pub async fn record(State(app): State<App>, peer: Peer, Path((slug, id)): Path<(String, String)>, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    show(&app, &config, (&slug, &id), &who).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn show(app: &App, config: &Config, (slug, id): (&str, &str), who: &SignedIn) -> Result<Response, Trouble> {
    let org = org(app, config, &who.user.id, slug).await?;
    let id = RecordId::parse(id).map_err(|_| not_found())?;
    app.flush.flush().await;
    let record = app.node.store.audit_record(&id, Some(&org.id)).await?.ok_or_else(not_found)?.record;
    let facts = match &record.actor.grant {
        Some(grant) => app.node.store.grant_facts(grant).await?.filter(|f| f.grant.org == org.id),
        None => None,
    };
    let mut names = Names::default();
    names.learn(&app.node, record.actor.user.iter()).await?;
    names.learn_clients_of(&app.node, std::iter::once(&record)).await?;
    let (now, path) = (app.node.now(), path(&org));
    let view = AuditRecordPage {
        frame: who.frame(&app.node, config, Section::Audit { slug: org.slug.to_string() }).await?,
        organization: DisplayName::new(&org.name),
        id: record.id.to_string(),
        title: title(&record),
        at: When::new(record.time, now),
        decision: decision(&record),
        explanation: explain(config, &record, facts.as_ref(), now),
        groups: groups(&record, &path, &names, now),
        neighbours: neighbours(&record, &path, &names),
        raw: indented(&json_line(&record)),
        path,
    };
    Ok(page(StatusCode::OK, &view))
}

fn title(record: &AuditRecord) -> String {
    match &record.event {
        Event::Call(call) => format!("{} on {}", what(record), call.api),
        Event::Control(_) => what(record),
    }
}

/// A search that a link leads to.
fn search(path: &str, name: &str, value: &str) -> String {
    let query = Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{path}?{query}")
}

fn neighbours(record: &AuditRecord, path: &str, names: &Names) -> Vec<Neighbour> {
    let actor = &record.actor;
    let neighbour = |label: &str, name: &str, of: String, value: &str| Neighbour {
        label: label.to_owned(),
        of,
        href: search(path, name, value),
    };
    let grant = actor.grant.as_ref().map(|g| neighbour("Same grant", "grant", g.to_string(), g.as_str()));
    let user = actor.user.as_ref().map(|u| neighbour("Same user", "user", names.of(u).to_owned(), u.as_str()));
    let request = &record.origin.request;
    let request = neighbour("Same request", "request", request.to_string(), request.as_str());
    grant.into_iter().chain(user).chain([request]).collect()
}

fn field(label: &str, name: &str, value: FieldValue) -> RecordField {
    RecordField { label: label.to_owned(), name: name.to_owned(), value }
}

fn code(text: Option<impl AsRef<str>>) -> FieldValue {
    text.map_or(FieldValue::Absent, |t| FieldValue::Code(plain(t.as_ref())))
}

fn scopes(set: &ScopeSet) -> FieldValue {
    if set.is_empty() { FieldValue::Text("none".to_owned()) } else { FieldValue::Code(set.to_string()) }
}

fn group(title: &str, fields: Vec<RecordField>) -> FieldGroup {
    FieldGroup { title: title.to_owned(), fields }
}

fn groups(record: &AuditRecord, path: &str, names: &Names, now: Timestamp) -> Vec<FieldGroup> {
    let mut groups = vec![actor(record, path, names)];
    match &record.event {
        Event::Call(call) => groups.extend([called(record, call, now), authorization(call)]),
        Event::Control(event) => groups.push(changed(record, event, now)),
    }
    groups.push(origin(record, path));
    groups
}

fn actor(record: &AuditRecord, path: &str, names: &Names) -> FieldGroup {
    let actor = &record.actor;
    let link = |name: &str, value: &str, text: String| FieldValue::Link(FieldLink { href: search(path, name, value), text });
    let user = match &actor.user {
        Some(user) => link("user", user.as_str(), names.of(user).to_owned()),
        None => FieldValue::Text(who(record, names)),
    };
    let client = actor.client.as_ref().map_or(FieldValue::Absent, |c| link("client", c.as_str(), c.to_string()));
    let grant = actor.grant.as_ref().map_or(FieldValue::Absent, |g| link("grant", g.as_str(), g.to_string()));
    group(
        "Who",
        vec![
            field("User", "actor.user.uid", user),
            field("Application", "actor.app_name", FieldValue::Text(through(record, names).text().to_owned())),
            field("Client", "actor.app_uid", client),
            field("Grant", "actor.session.uid", grant),
            field("Token", "actor.session.credential_uid", code(actor.token.as_deref())),
        ],
    )
}

fn called(record: &AuditRecord, call: &Call, now: Timestamp) -> FieldGroup {
    let measured = measured(call);
    let number = |n: Option<u64>, unit: &str| n.map_or(FieldValue::Absent, |n| FieldValue::Text(format!("{n}{unit}")));
    let mut fields = vec![
        field("Operation", "api.operation", code(Some(operation(record)))),
        field("API", "api.service.name", code(Some(call.api.as_str()))),
        field("Method", "http_request.http_method", code(Some(&call.method))),
        field("Path", "http_request.url.path", code(Some(&call.path))),
    ];
    if let Some(mcp) = &call.mcp {
        fields.push(field("MCP method", "unmapped.mcp.method.name", code(Some(&mcp.method))));
        fields.push(field("Tool, prompt or resource", "resources.name", code(mcp.target.as_ref())));
        fields.push(field("MCP version", "unmapped.mcp.protocol.version", code(mcp.version.as_ref())));
    }
    fields.extend([
        field("Started", "time", FieldValue::Time(When::new(record.time, now))),
        field("Ended", "status_detail", FieldValue::Text(ended(call).to_owned())),
        field("Status", "http_response.code", number(measured.map(|m| u64::from(m.status)).filter(|s| *s != 0), "")),
        field("Length", "http_response.length", number(measured.map(|m| m.bytes), " bytes")),
        field("Time", "http_response.latency", number(measured.map(|m| m.micros / 1000), " ms")),
    ]);
    group("What", fields)
}

fn ended(call: &Call) -> &'static str {
    use crate::record::BrokenBy;
    match &call.outcome {
        Outcome::Completed(_) => "The answer was written whole",
        Outcome::Broken { by: BrokenBy::Client, .. } => "The caller went away",
        Outcome::Broken { by: BrokenBy::Upstream, .. } => "The upstream failed or went away",
        Outcome::Broken { by: BrokenBy::Revocation, .. } => "Cut: the grant was revoked or the token expired",
        Outcome::Broken { by: BrokenBy::Shutdown, .. } => "Cut: the node was shutting down",
        Outcome::Broken { by: BrokenBy::Fault, .. } => "A fault of the gateway",
        Outcome::Unknown => "Unknown: the gateway stopped before the answer, and the upstream may have acted",
    }
}

fn authorization(call: &Call) -> FieldGroup {
    let mut fields = vec![
        field("Needed", "unmapped.oauth.scopes_used", scopes(&call.scopes_needed)),
        field("Held then", "unmapped.oauth.scopes_granted", scopes(&call.scopes_held)),
        field("Token for", "unmapped.oauth.resource", code(call.resource.as_ref().map(|r| r.as_str().to_owned()))),
    ];
    if let crate::record::Decision::Denied { reason, missing } = &call.decision {
        fields.push(field("Reason", "unmapped.deny.reason", code(Some(reason))));
        fields.push(field("Missing", "unmapped.deny.missing_scopes", scopes(missing)));
    }
    if let Some(waived) = &call.would_deny {
        fields.push(field("Would be refused because", "unmapped.would_deny.reason", code(Some(&waived.reason))));
        fields.push(field("Would be missing", "unmapped.would_deny.missing_scopes", scopes(&waived.missing)));
    }
    group("Authorization", fields)
}

fn changed(record: &AuditRecord, event: &ControlEvent, now: Timestamp) -> FieldGroup {
    let target = event.target.as_ref().map(|(kind, id)| format!("{kind} {id}"));
    group(
        "What",
        vec![
            field("Event", "api.operation", code(Some(operation(record)))),
            field("On", "entity", code(target)),
            field("Scopes", "privileges", scopes(&event.scopes)),
            field("Refused because", "status_detail", code(event.refused.as_ref())),
            field("Remark", "comment", event.comment.as_ref().map_or(FieldValue::Absent, |c| FieldValue::Text(plain(c)))),
            field("Time", "time", FieldValue::Time(When::new(record.time, now))),
        ],
    )
}

fn origin(record: &AuditRecord, path: &str) -> FieldGroup {
    let origin = &record.origin;
    let request = FieldLink { href: search(path, "request", origin.request.as_str()), text: origin.request.to_string() };
    group(
        "Where from",
        vec![
            field("Address", "src_endpoint.ip", code(origin.peer.map(|p| p.ip().to_canonical().to_string()))),
            field("Program", "http_request.user_agent", code(origin.user_agent.as_ref())),
            field("Request", "metadata.correlation_uid", FieldValue::Link(request)),
            field("Trace", "trace.uid", code(origin.trace.as_ref())),
            field("Node", "unmapped.service.instance.id", code(Some(origin.node.as_str()))),
        ],
    )
}

/// JSON text on several lines. Works on the text, so that what was escaped to be harmless stays escaped.
fn indented(line: &str) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let (mut depth, mut text, mut escaped) = (0_usize, false, false);
    let next_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for c in line.chars() {
        match c {
            _ if text => {
                text = escaped || c != '"';
                escaped = c == '\\' && !escaped;
                out.push(c);
            }
            '{' | '[' => {
                depth += 1;
                out.push(c);
                next_line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                next_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                next_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => {
                text = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn indenting_changes_nothing_but_space() {
        let line = r#"{"a":[1,{"b":"x,\"}\\"}],"c":"\u202e:"}"#;
        let shown = indented(line);
        assert_eq!(shown, "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,\\\"}\\\\\"\n    }\n  ],\n  \"c\": \"\\u202e:\"\n}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(line));
    }
}
