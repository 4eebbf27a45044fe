//! What was done in the world, as the journal has it.

use std::time::Duration;

use super::{START, scopes};
use crate::record::{Actor, AuditRecord, Call, Decision, Event, McpCall, Measured, Origin, Outcome};
use crate::store::{Client, Grant};
use crate::types::{NodeId, RecordId, RequestId, SystemEntropy, Timestamp};

/// A call under `grant` at `at` that the gate decided like this.
pub(crate) fn call(grant: &Grant, client: &Client, at: Timestamp, decision: Decision) -> AuditRecord {
    AuditRecord {
        id: RecordId::generate(at, &SystemEntropy),
        time: at,
        org: Some(grant.org.clone()),
        actor: Actor {
            user: Some(grant.user.clone()),
            client: Some(client.id.clone()),
            client_name: Some(client.name.clone()),
            grant: Some(grant.id.clone()),
            token: Some("jti_1".to_owned()),
        },
        origin: Origin {
            request: RequestId::generate(at, &SystemEntropy),
            node: NodeId::parse("node_1").expect("a valid id"),
            peer: "192.0.2.7:4711".parse().ok(),
            user_agent: Some("suite/1".to_owned()),
            trace: None,
            certificate: None,
        },
        event: Event::Call(Box::new(Call {
            api: crate::types::ApiName::parse("prometheus").expect("a valid name"),
            route: crate::types::RouteId::parse("prometheus.query").ok(),
            method: "GET".to_owned(),
            path: "/prometheus/api/v1/query".to_owned(),
            mcp: Some(McpCall { method: "tools/call".to_owned(), target: Some("query_metrics".to_owned()), version: None }),
            scopes_needed: scopes("metrics:read"),
            scopes_held: scopes("metrics:read"),
            resource: None,
            decision,
            would_deny: None,
            outcome: Outcome::Completed(Measured { status: 200, bytes: 9, micros: 41_500, call: None }),
            forwarder: None,
        })),
    }
}

/// A refusal for want of these scopes.
pub(crate) fn denied(reason: &str, missing: &str) -> Decision {
    Decision::Denied { reason: reason.to_owned(), missing: scopes(missing) }
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    START.minus(Duration::from_secs(seconds))
}
