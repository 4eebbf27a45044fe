//! Records of what the authorization server and the administration do.

use serde_json::{Map, Value, json as object};

use super::class::{self, Class};
use super::{ALLOWED, BLOCKED, ERROR, Verdict, bounded, classified, scopes, unmap};
use crate::record::{AuditRecord, ControlEvent, Operation};
use crate::types::RoleName;

pub(super) fn changed(record: &AuditRecord, event: &ControlEvent) -> Map<String, Value> {
    let (class, activity) = class::of_operation(event.operation);
    let mut all = classified(class, &activity);
    verdict(event).put(&mut all);
    // Every class carries it, so one search finds an event by its name.
    let request = object!({ "uid": record.origin.request.as_str() });
    let service = object!({ "name": "tollgate" });
    all.insert("api".into(), object!({ "operation": event.operation.name(), "service": service, "request": request }));
    match class {
        Class::Authentication => authentication(&mut all, record, event),
        Class::AuthorizeSession => authorize_session(&mut all, record, event),
        Class::EntityManagement => {
            all.insert("entity".into(), entity(record, event));
        }
        Class::ApiActivity => {}
    }
    if let Some(comment) = &event.comment {
        let name = if class == Class::EntityManagement { "comment" } else { "message" };
        all.insert(name.into(), bounded(comment, 512).into());
    }
    details(&mut all, record, event);
    all
}

fn details(all: &mut Map<String, Value>, record: &AuditRecord, event: &ControlEvent) {
    if let Some(agent) = &record.origin.user_agent {
        all.insert("http_request".into(), object!({ "user_agent": bounded(agent, 256) }));
    }
    if let Some((kind, id)) = &event.target {
        unmap(all, "target.type", bounded(kind, 64));
        unmap(all, "target.id", bounded(id, 256));
    }
    if !event.scopes.is_empty() {
        unmap(all, "oauth.scopes_granted", scopes(&event.scopes));
    }
    if !event.roles_given.is_empty() {
        let roles: Vec<_> = event.roles_given.iter().take(super::MAX_SCOPES).map(RoleName::as_str).collect();
        unmap(all, "roles.given", roles);
    }
    if let Some(reason) = &event.refused {
        unmap(all, "deny.reason", bounded(reason, 64));
    }
}

/// Class 3002: whose identity was proved, to which service, by which protocol.
fn authentication(all: &mut Map<String, Value>, record: &AuditRecord, event: &ControlEvent) {
    all.insert("user".into(), user(record, event));
    all.insert("service".into(), object!({ "name": "tollgate" }));
    let (protocol, name) = match event.operation {
        Operation::LoginOk | Operation::LoginFail | Operation::LoginNewPlace | Operation::Logout => (99, "Password"),
        _ => (6, "OAuth 2.0"),
    };
    all.insert("auth_protocol_id".into(), protocol.into());
    all.insert("auth_protocol".into(), name.into());
    if let Some(grant) = &record.actor.grant {
        all.insert("session".into(), object!({ "uid": grant.as_str() }));
    }
}

/// Class 3003: to whom which privileges were given; an empty list when none were.
fn authorize_session(all: &mut Map<String, Value>, record: &AuditRecord, event: &ControlEvent) {
    all.insert("user".into(), user(record, event));
    all.insert("privileges".into(), scopes(&event.scopes));
    if let Some(grant) = &record.actor.grant {
        all.insert("session".into(), object!({ "uid": grant.as_str() }));
    }
}

/// The class needs a user: the record's, or what the event was about, or nobody.
fn user(record: &AuditRecord, event: &ControlEvent) -> Value {
    match (&record.actor.user, &event.target) {
        (Some(user), _) => object!({ "uid": user.as_str() }),
        (None, Some((kind, id))) if kind == "user" => object!({ "uid": bounded(id, 256) }),
        (None, _) => object!({ "name": "unknown", "type_id": 0 }),
    }
}

/// Class 3004: what was managed.
fn entity(record: &AuditRecord, event: &ControlEvent) -> Value {
    match (&event.target, &record.org) {
        (Some((kind, id)), _) => object!({ "type": bounded(kind, 64), "uid": bounded(id, 256) }),
        (None, Some(org)) => object!({ "type": "org", "uid": org.as_str() }),
        (None, None) => object!({ "type": "deployment", "name": "tollgate" }),
    }
}

/// What is a refusal even when no reason was given.
const REFUSALS: [Operation; 6] = [
    Operation::LoginFail,
    Operation::TokenRefuse,
    Operation::AuthorizeDeny,
    Operation::AuthorizeError,
    Operation::CodeReplayDetected,
    Operation::RefreshReuseDetected,
];

fn verdict(event: &ControlEvent) -> Verdict {
    let refused = event.refused.as_deref().map(|reason| bounded(reason, 64));
    let (status, action, disposition) = match (event.operation, &refused) {
        (Operation::RequestPanic, _) => (2, 1, ERROR),
        (operation, reason) if reason.is_some() || REFUSALS.contains(&operation) => (2, 2, BLOCKED),
        _ => (1, 1, ALLOWED),
    };
    let severity = match event.operation {
        Operation::CodeReplayDetected | Operation::RefreshReuseDetected => 4,
        Operation::RequestPanic => 3,
        _ if status == 2 => 2,
        _ => 1,
    };
    Verdict { status, detail: refused, severity, action, disposition }
}
