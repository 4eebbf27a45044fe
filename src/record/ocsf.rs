//! Audit records as OCSF 1.8.0 JSON. OpenTelemetry names, and ours, sit under `unmapped`.
//!
//! A status of 200 says that the upstream answered, not that what it was asked to do worked: MCP and GraphQL put errors into
//! such answers.

mod class;
mod control;
#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
mod text;

use serde_json::{Map, Value, json as object};

use self::class::{Activity, Class};
use super::{AuditRecord, BrokenBy, Call, Decision, Event, Measured, Origin, Outcome};
use crate::types::{ApiKeyId, ChainId, ScopeSet, ScopeToken};

pub(super) use self::text::{bounded, is_deceptive};

/// Version of the schema that every record names.
const SCHEMA: &str = "1.8.0";

/// Most scopes of one list that a record carries.
const MAX_SCOPES: usize = 64;

/// The record's operation: a route id for calls, a stable event name for everything else.
#[must_use]
pub fn operation(record: &AuditRecord) -> &str {
    match &record.event {
        Event::Call(call) => call.route.as_ref().map_or("unmatched", |r| r.as_str()),
        Event::Control(event) => event.operation.name(),
    }
}

/// The record as one OCSF object. Text that a caller could choose is bounded.
#[must_use]
pub fn json(record: &AuditRecord) -> Value {
    let mut all = match &record.event {
        Event::Call(call) => called(record, call),
        Event::Control(event) => control::changed(record, event),
    };
    all.insert("time".into(), record.time.millis().into());
    all.insert("metadata".into(), metadata(record));
    all.insert("actor".into(), actor(record));
    all.insert("src_endpoint".into(), source(&record.origin));
    if let Some(trace) = &record.origin.trace {
        all.insert("trace".into(), object!({ "uid": bounded(trace, 64) }));
    }
    unmap(&mut all, "service.instance.id", record.origin.node.as_str());
    Value::Object(all)
}

/// The record as one line of text, without its line feed. No character in it can end a line, move a cursor or turn the
/// direction of reading.
#[must_use]
pub fn json_line(record: &AuditRecord) -> String {
    text::one_line(&json(record))
}

/// Where a record was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// The chain.
    pub chain: ChainId,
    /// The batch of it.
    pub sequence: u64,
    /// The SHA-256 hash of the text of the record, as it was sealed.
    pub fingerprint: String,
}

/// As [`json_line`], with where the record was sealed.
#[must_use]
pub fn sealed_json_line(record: &AuditRecord, sealing: Option<&Sealing>) -> String {
    let mut all = json(record);
    if let (Value::Object(all), Some(sealing)) = (&mut all, sealing) {
        let Sealing { chain, sequence, fingerprint } = sealing;
        let fingerprint = format!("sha256:{fingerprint}");
        unmap(all, "chain", object!({ "uid": chain.as_str(), "sequence": sequence, "fingerprint": fingerprint }));
    }
    text::one_line(&all)
}

/// What every class starts with.
fn classified(class: Class, activity: &Activity) -> Map<String, Value> {
    let all = object!({
        "class_uid": class.uid(), "class_name": class.name(),
        "category_uid": class.uid() / 1000, "category_name": class.category(),
        "activity_id": activity.id, "activity_name": activity.name,
        "type_uid": u64::from(class.uid()) * 100 + u64::from(activity.id),
        "type_name": format!("{}: {}", class.name(), activity.name),
        "unmapped": {},
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

fn metadata(record: &AuditRecord) -> Value {
    let mut profiles = vec!["security_control"];
    if record.origin.trace.is_some() {
        profiles.push("trace");
    }
    let mut all = object!({
        "uid": record.id.as_str(),
        "version": SCHEMA,
        "product": { "name": "tollgate", "vendor_name": "tollgate", "version": env!("CARGO_PKG_VERSION") },
        "correlation_uid": record.origin.request.as_str(),
        "event_code": operation(record),
        "profiles": profiles,
    });
    if let Some(org) = &record.org {
        all["tenant_uid"] = org.as_str().into();
    }
    all
}

/// User on whose behalf, client that acted, grant and token that allowed it.
fn actor(record: &AuditRecord) -> Value {
    let actor = &record.actor;
    let mut all = Map::new();
    if let Some(user) = &actor.user {
        all.insert("user".into(), object!({ "uid": user.as_str() }));
    }
    if let Some(client) = &actor.client {
        all.insert("app_uid".into(), client.as_str().into());
        let by_key = actor.token.as_deref().is_some_and(ApiKeyId::is_generated);
        all.insert("invoked_by".into(), if by_key { "api_key" } else { "oauth_client" }.into());
    }
    if let Some(name) = &actor.client_name {
        all.insert("app_name".into(), bounded(name, 128).into());
    }
    let mut session = Map::new();
    if let Some(grant) = &actor.grant {
        session.insert("uid".into(), grant.as_str().into());
    }
    if let Some(token) = &actor.token {
        session.insert("credential_uid".into(), bounded(token, 128).into());
    }
    if !session.is_empty() {
        all.insert("session".into(), Value::Object(session));
    }
    if all.is_empty() {
        // The class wants to know somebody: the node itself, its command line, or a caller that nobody knows.
        all.insert("app_name".into(), "tollgate".into());
    }
    if let Event::Call(call) = &record.event {
        all.insert("authorizations".into(), object!([authorization(call)]));
    }
    Value::Object(all)
}

fn authorization(call: &Call) -> Value {
    let route = call.route.as_ref().map_or("unmatched", |r| r.as_str());
    let mut policy = object!({ "name": format!("route:{route}") });
    if !call.scopes_needed.is_empty() {
        policy["uid"] = bounded(&call.scopes_needed.to_string(), 512).into();
    }
    object!({ "decision": if call.decision.is_allowed() { "allow" } else { "deny" }, "policy": policy })
}

fn source(origin: &Origin) -> Value {
    match origin.peer {
        Some(peer) => object!({ "ip": peer.ip().to_canonical().to_string(), "port": peer.port() }),
        None => object!({ "name": origin.node.as_str() }),
    }
}

fn called(record: &AuditRecord, call: &Call) -> Map<String, Value> {
    let mut all = classified(Class::ApiActivity, &class::call_activity(call));
    let mut verdict = verdict(call);
    if call.waived().is_some() {
        (verdict.severity, verdict.disposition) = (verdict.severity.max(2), LOGGED);
    }
    verdict.put(&mut all);
    all.insert("api".into(), api(record, call));
    all.insert("dst_endpoint".into(), object!({ "svc_name": call.api.as_str() }));
    let mut request = object!({ "http_method": bounded(&call.method, 32), "url": { "path": bounded(&call.path, 2048) } });
    if let Some(agent) = &record.origin.user_agent {
        request["user_agent"] = bounded(agent, 256).into();
    }
    all.insert("http_request".into(), request);
    if let Some(measured) = measured(&call.outcome) {
        let millis = measured.micros / 1000;
        all.insert("duration".into(), millis.into());
        if measured.status != 0 {
            let response = object!({ "code": measured.status, "length": measured.bytes, "latency": millis });
            all.insert("http_response".into(), response);
        }
        if let Some(code) = measured.call {
            unmap(&mut all, "rpc.grpc.status_code", code);
        }
    }
    if let Some(certificate) = &record.origin.certificate {
        unmap(&mut all, "tls.client_certificate.sha256", bounded(certificate, 64));
    }
    oauth(&mut all, call);
    if let Some(forwarder) = &call.forwarder {
        unmap(&mut all, "forwarder.address", forwarder.peer.to_string());
        unmap(&mut all, "forwarder.dialect", forwarder.dialect.as_str());
    }
    mcp(&mut all, call);
    all
}

fn api(record: &AuditRecord, call: &Call) -> Value {
    let mut api = object!({
        "operation": operation(record),
        "service": { "name": call.api.as_str() },
        "request": { "uid": record.origin.request.as_str() },
    });
    if let Some(measured) = measured(&call.outcome).filter(|m| m.status != 0) {
        api["response"] = object!({ "code": measured.status });
    }
    api
}

fn oauth(all: &mut Map<String, Value>, call: &Call) {
    unmap(all, "oauth.scopes_used", scopes(&call.scopes_needed));
    unmap(all, "oauth.scopes_granted", scopes(&call.scopes_held));
    if let Some(resource) = &call.resource {
        unmap(all, "oauth.resource", bounded(resource.as_str(), 512));
    }
    if let Some(route) = &call.route {
        unmap(all, "http.route", route.as_str());
    }
    if let Decision::Denied { reason, missing } = &call.decision {
        unmap(all, "deny.reason", bounded(reason, 64));
        unmap(all, "deny.missing_scopes", scopes(missing));
    }
    if let Some(waived) = call.waived() {
        unmap(all, "would_deny.reason", bounded(&waived.reason, 64));
        unmap(all, "would_deny.missing_scopes", scopes(&waived.missing));
    }
}

/// OpenTelemetry's names for MCP, and the target as an OCSF resource.
fn mcp(all: &mut Map<String, Value>, call: &Call) {
    let Some(mcp) = &call.mcp else { return };
    unmap(all, "mcp.method.name", bounded(&mcp.method, 128));
    if let Some(version) = &mcp.version {
        unmap(all, "mcp.protocol.version", bounded(version, 32));
    }
    let Some(target) = &mcp.target else { return };
    let target = bounded(target, 256);
    let (kind, name) = match mcp.method.split('/').next() {
        Some("prompts") => ("mcp_prompt", "gen_ai.prompt.name"),
        Some("resources") => ("mcp_resource", "mcp.resource.uri"),
        _ => ("mcp_tool", "gen_ai.tool.name"),
    };
    if mcp.method == "tools/call" {
        unmap(all, "gen_ai.operation.name", "execute_tool");
    }
    all.insert("resources".into(), object!([{ "type": kind, "name": target }]));
    unmap(all, name, target);
}

/// Status, action and disposition of a record.
struct Verdict {
    /// OCSF `status_id`: 0 unknown, 1 success, 2 failure.
    status: u8,
    detail: Option<String>,
    /// OCSF `severity_id`: 1 informational to 4 high.
    severity: u8,
    /// OCSF `action_id`: 1 allowed, 2 denied.
    action: u8,
    disposition: (u8, &'static str),
}

impl Verdict {
    fn put(self, all: &mut Map<String, Value>) {
        let named = |names: &[&'static str], id: u8| names.get(usize::from(id)).copied().unwrap_or("Other");
        all.insert("status_id".into(), self.status.into());
        all.insert("status".into(), named(&["Unknown", "Success", "Failure"], self.status).into());
        if let Some(detail) = self.detail {
            all.insert("status_detail".into(), detail.into());
        }
        all.insert("severity_id".into(), self.severity.into());
        all.insert("severity".into(), named(&["Unknown", "Informational", "Low", "Medium", "High"], self.severity).into());
        all.insert("action_id".into(), self.action.into());
        all.insert("action".into(), named(&["Unknown", "Allowed", "Denied"], self.action).into());
        all.insert("disposition_id".into(), self.disposition.0.into());
        all.insert("disposition".into(), self.disposition.1.into());
    }
}

const ALLOWED: (u8, &str) = (1, "Allowed");
const BLOCKED: (u8, &str) = (2, "Blocked");
const ACCESS_REVOKED: (u8, &str) = (24, "Access Revoked");
/// What was not allowed, and was only noted.
const LOGGED: (u8, &str) = (17, "Logged");
const UNAUTHORIZED: (u8, &str) = (26, "Unauthorized");
const ERROR: (u8, &str) = (27, "Error");

fn verdict(call: &Call) -> Verdict {
    let allowed = |status, severity, disposition, detail: Option<&str>| Verdict {
        status,
        detail: detail.map(str::to_owned),
        severity,
        action: 1,
        disposition,
    };
    match (&call.decision, &call.outcome) {
        (Decision::Denied { reason, missing }, _) => Verdict {
            status: 2,
            detail: Some(bounded(reason, 64)),
            severity: 2,
            action: 2,
            disposition: if missing.is_empty() { BLOCKED } else { UNAUTHORIZED },
        },
        (_, Outcome::Completed(measured)) if measured.status < 400 => allowed(1, 1, ALLOWED, None),
        (_, Outcome::Completed(measured)) => {
            Verdict { detail: Some(format!("answered {}", measured.status)), ..allowed(2, 1, ALLOWED, None) }
        }
        (_, Outcome::Broken { by, .. }) => {
            let (severity, disposition, detail) = match by {
                BrokenBy::Client => (1, ALLOWED, "the caller went away"),
                BrokenBy::Upstream => (2, ALLOWED, "the upstream failed or went away"),
                BrokenBy::Revocation => (2, ACCESS_REVOKED, "cut: the grant was revoked or the token expired"),
                BrokenBy::Shutdown => (1, ALLOWED, "cut: the node was shutting down"),
                BrokenBy::Fault => (3, ERROR, "a fault of the gateway"),
            };
            allowed(2, severity, disposition, Some(detail))
        }
        (_, Outcome::Unknown) if call.forwarder.is_some() => {
            allowed(0, 1, ALLOWED, Some("decided for a proxy: how it ended is known there"))
        }
        (_, Outcome::Unknown) => {
            allowed(0, 3, (0, "Unknown"), Some("the gateway stopped before the answer: the upstream may have acted"))
        }
    }
}

/// What is known about an answer.
pub(super) const fn measured(outcome: &Outcome) -> Option<&Measured> {
    match outcome {
        Outcome::Completed(measured) | Outcome::Broken { measured, .. } => Some(measured),
        Outcome::Unknown => None,
    }
}

fn scopes(set: &ScopeSet) -> Value {
    set.iter().take(MAX_SCOPES).map(ScopeToken::as_str).collect()
}

fn unmap(all: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    if let Some(Value::Object(unmapped)) = all.get_mut("unmapped") {
        unmapped.insert(name.to_owned(), value.into());
    }
}
