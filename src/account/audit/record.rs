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
use crate::pages::texts::{Text, record as texts};
use crate::pages::views::{AuditRecordPage, FieldGroup, FieldLink, FieldValue, Neighbour, RecordField, Section, Through};
use crate::pages::{DisplayName, When, plain};
use crate::record::{AuditRecord, Call, ControlEvent, Event, Outcome, json_line, operation};
use crate::types::{GrantId, RecordId, ScopeSet, Timestamp};
use crate::web::{Peer, SignedIn, Trouble, page};

/// `GET /orgs/{org}/audit/{record}`.
pub async fn record(State(app): State<App>, peer: Peer, Path((slug, id)): Path<(String, String)>, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    show(&app, &config, (&slug, &id), &who).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn show(app: &App, config: &Config, (slug, id): (&str, &str), who: &SignedIn) -> Result<Response, Trouble> {
    let (org, _) = org(config, who, slug)?;
    let id = RecordId::parse(id).map_err(|_| not_found())?;
    app.flush.flush().await;
    let record = app.node.store.audit_record(&id, Some(&org.id)).await?.ok_or_else(not_found)?.record;
    let facts = match concerned(&record) {
        Some(grant) => app.node.store.grant_facts(&grant).await?.filter(|f| f.grant.org == org.id),
        None => None,
    };
    let mut names = Names::default();
    names.learn(&app.node, record.actor.user.iter()).await?;
    names.learn_clients_of(&app.node, std::iter::once(&record)).await?;
    let (now, path) = (app.node.now(), path(org));
    let view = AuditRecordPage {
        frame: who.frame(config, Section::Audit { slug: org.slug.to_string() }),
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

fn title(record: &AuditRecord) -> Text {
    match &record.event {
        Event::Call(call) => texts::call_on(&what(record), call.api.as_str()),
        Event::Control(_) => texts::change(&what(record)),
    }
}

/// A search that a link leads to.
fn search(path: &str, name: &str, value: &str) -> String {
    let query = Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{path}?{query}")
}

/// The grant that it is about: what a change was done to comes before what it was done with.
fn concerned(record: &AuditRecord) -> Option<GrantId> {
    let target = match &record.event {
        Event::Control(event) => event.target.as_ref().filter(|(kind, _)| kind == "grant"),
        Event::Call(_) => None,
    };
    target.and_then(|(_, id)| GrantId::parse(id).ok()).or_else(|| record.actor.grant.clone())
}

fn neighbours(record: &AuditRecord, path: &str, names: &Names) -> Vec<Neighbour> {
    let actor = &record.actor;
    let neighbour = |label: Text, name: &str, of: String, value: &str| Neighbour { label, of, href: search(path, name, value) };
    let grant = concerned(record).map(|g| neighbour(texts::same_grant(), "grant", g.to_string(), g.as_str()));
    let user = actor.user.as_ref().map(|u| neighbour(texts::same_user(), "user", names.of(u).to_owned(), u.as_str()));
    let request = &record.origin.request;
    let request = neighbour(texts::same_request(), "request", request.to_string(), request.as_str());
    grant.into_iter().chain(user).chain([request]).collect()
}

fn field(label: Text, name: &str, value: FieldValue) -> RecordField {
    RecordField { label, name: name.to_owned(), value }
}

fn code(text: Option<impl AsRef<str>>) -> FieldValue {
    text.map_or(FieldValue::Absent, |t| FieldValue::Code(plain(t.as_ref())))
}

fn scopes(set: &ScopeSet) -> FieldValue {
    if set.is_empty() { FieldValue::Words(texts::none()) } else { FieldValue::Code(set.to_string()) }
}

const fn group(title: Text, fields: Vec<RecordField>) -> FieldGroup {
    FieldGroup { title, fields }
}

fn groups(record: &AuditRecord, path: &str, names: &Names, now: Timestamp) -> Vec<FieldGroup> {
    let mut groups = vec![actor(record, path, names)];
    match &record.event {
        Event::Call(call) => groups.extend([called(record, call, now), authorization(call)]),
        Event::Control(event) => groups.push(changed(record, event, path, now)),
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
        texts::who(),
        vec![
            field(texts::user(), "actor.user.uid", user),
            field(
                texts::application(),
                "actor.app_name",
                match through(record, names) {
                    Through::Application(name) => FieldValue::Text(name.to_string()),
                    other => FieldValue::Words(other.text()),
                },
            ),
            field(texts::client(), "actor.app_uid", client),
            field(texts::grant(), "actor.session.uid", grant),
            field(texts::token(), "actor.session.credential_uid", code(actor.token.as_deref())),
        ],
    )
}

fn called(record: &AuditRecord, call: &Call, now: Timestamp) -> FieldGroup {
    let measured = measured(call);
    let words = |text: Option<Text>| text.map_or(FieldValue::Absent, FieldValue::Words);
    let status = measured.map(|m| m.status).filter(|s| *s != 0).map(|s| s.to_string());
    let mut fields = vec![
        field(texts::operation(), "api.operation", code(Some(operation(record)))),
        field(texts::api(), "api.service.name", code(Some(call.api.as_str()))),
        field(texts::method(), "http_request.http_method", code(Some(&call.method))),
        field(texts::path(), "http_request.url.path", code(Some(&call.path))),
    ];
    if let Some(mcp) = &call.mcp {
        fields.push(field(texts::mcp_method(), "unmapped.mcp.method.name", code(Some(&mcp.method))));
        fields.push(field(texts::mcp_target(), "resources.name", code(mcp.target.as_ref())));
        fields.push(field(texts::mcp_version(), "unmapped.mcp.protocol.version", code(mcp.version.as_ref())));
    }
    fields.extend([
        field(texts::started(), "time", FieldValue::Time(When::new(record.time, now))),
        field(texts::ended(), "status_detail", FieldValue::Words(ended(call))),
        field(texts::status(), "http_response.code", status.map_or(FieldValue::Absent, FieldValue::Text)),
        field(texts::length(), "http_response.length", words(measured.map(|m| texts::bytes(m.bytes)))),
        field(texts::time(), "http_response.latency", words(measured.map(|m| texts::milliseconds(m.micros / 1000)))),
    ]);
    if let Some(forwarder) = &call.forwarder {
        let by = texts::forwarder(&forwarder.peer.to_string(), forwarder.dialect.as_str());
        fields.push(field(texts::forwarded_by(), "unmapped.forwarder.address", FieldValue::Words(by)));
    }
    group(texts::what(), fields)
}

const fn ended(call: &Call) -> Text {
    use crate::record::BrokenBy;
    match &call.outcome {
        Outcome::Completed(_) => texts::ended_whole(),
        Outcome::Broken { by: BrokenBy::Client, .. } => texts::ended_by_caller(),
        Outcome::Broken { by: BrokenBy::Upstream, .. } => texts::ended_by_upstream(),
        Outcome::Broken { by: BrokenBy::Revocation, .. } => texts::ended_by_revocation(),
        Outcome::Broken { by: BrokenBy::Shutdown, .. } => texts::ended_by_shutdown(),
        Outcome::Broken { by: BrokenBy::Fault, .. } => texts::ended_by_fault(),
        Outcome::Unknown if call.forwarder.is_some() => texts::ended_elsewhere(),
        Outcome::Unknown => texts::ended_unknown(),
    }
}

fn authorization(call: &Call) -> FieldGroup {
    let mut fields = vec![
        field(texts::needed(), "unmapped.oauth.scopes_used", scopes(&call.scopes_needed)),
        field(texts::held(), "unmapped.oauth.scopes_granted", scopes(&call.scopes_held)),
        field(texts::token_for(), "unmapped.oauth.resource", code(call.resource.as_ref().map(|r| r.as_str().to_owned()))),
    ];
    if let crate::record::Decision::Denied { reason, missing } = &call.decision {
        fields.push(field(texts::reason(), "unmapped.deny.reason", code(Some(reason))));
        fields.push(field(texts::missing(), "unmapped.deny.missing_scopes", scopes(missing)));
    }
    if let Some(waived) = call.waived() {
        fields.push(field(texts::would_be_refused(), "unmapped.would_deny.reason", code(Some(&waived.reason))));
        fields.push(field(texts::would_be_missing(), "unmapped.would_deny.missing_scopes", scopes(&waived.missing)));
    }
    group(texts::authorization(), fields)
}

fn changed(record: &AuditRecord, event: &ControlEvent, path: &str, now: Timestamp) -> FieldGroup {
    let target = match &event.target {
        Some((kind, id)) if kind == "grant" || kind == "client" => {
            FieldValue::Link(FieldLink { href: search(path, kind, id), text: plain(&format!("{kind} {id}")) })
        }
        other => code(other.as_ref().map(|(kind, id)| format!("{kind} {id}"))),
    };
    group(
        texts::what(),
        vec![
            field(texts::event(), "api.operation", code(Some(operation(record)))),
            field(texts::on(), "entity", target),
            field(texts::scopes(), "privileges", scopes(&event.scopes)),
            field(texts::refused(), "status_detail", code(event.refused.as_ref())),
            field(texts::remark(), "comment", event.comment.as_ref().map_or(FieldValue::Absent, |c| FieldValue::Text(plain(c)))),
            field(texts::time(), "time", FieldValue::Time(When::new(record.time, now))),
        ],
    )
}

fn origin(record: &AuditRecord, path: &str) -> FieldGroup {
    let origin = &record.origin;
    let request = FieldLink { href: search(path, "request", origin.request.as_str()), text: origin.request.to_string() };
    group(
        texts::origin(),
        vec![
            field(texts::address(), "src_endpoint.ip", code(origin.peer.map(|p| p.ip().to_canonical().to_string()))),
            field(texts::program(), "http_request.user_agent", code(origin.user_agent.as_ref())),
            field(texts::request(), "metadata.correlation_uid", FieldValue::Link(request)),
            field(texts::trace(), "trace.uid", code(origin.trace.as_ref())),
            field(texts::node(), "unmapped.service.instance.id", code(Some(origin.node.as_str()))),
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
