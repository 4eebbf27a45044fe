//! One record of each kind, for tests.

use crate::record::{
    Actor, AuditRecord, Call, ControlEvent, Decision, Event, McpCall, Measured, Operation, Origin, Outcome, WouldDeny,
};
use crate::types::{
    ApiName, ClientId, GrantId, NodeId, OrgId, RecordId, RequestId, ResourceId, RouteId, ScopeSet, Timestamp, UserId,
};

pub(in crate::record) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn record(event: Event) -> AuditRecord {
    AuditRecord {
        id: RecordId::parse("rec_1").unwrap(),
        time: Timestamp::from_millis(1_795_219_200_123),
        org: OrgId::parse("org_7").ok(),
        actor: Actor {
            user: UserId::parse("usr_12").ok(),
            client: ClientId::parse("cl_ab").ok(),
            client_name: Some("Acme CLI".into()),
            grant: GrantId::parse("gr_9").ok(),
            token: Some("jti-1".into()),
        },
        origin: Origin {
            request: RequestId::parse("req_5").unwrap(),
            node: NodeId::parse("node_1").unwrap(),
            peer: "[::ffff:203.0.113.7]:51234".parse().ok(),
            user_agent: Some("acme/1.0".into()),
            trace: Some("0af7651916cd43dd8448eb211c80319c".into()),
            certificate: None,
        },
        event,
    }
}

pub(in crate::record) fn control(event: ControlEvent) -> AuditRecord {
    record(Event::Control(event))
}

/// A tool that was called.
pub(in crate::record) fn call() -> AuditRecord {
    record(Event::Call(Box::new(Call {
        api: ApiName::parse("loki-mcp").unwrap(),
        route: RouteId::parse("loki.query").ok(),
        method: "POST".into(),
        path: "/mcp/loki".into(),
        mcp: Some(McpCall { method: "tools/call".into(), target: Some("query_logs".into()), version: Some("2025-11-25".into()) }),
        scopes_needed: scopes("logs:read"),
        scopes_held: scopes("logs:read metrics:read"),
        resource: ResourceId::parse("https://gw.example.com/mcp/loki").ok(),
        decision: Decision::Allowed,
        would_deny: None,
        outcome: Outcome::Completed(Measured { status: 200, bytes: 8123, micros: 41_700, call: None }),
        forwarder: None,
    })))
}

fn changed(change: impl FnOnce(&mut Call)) -> AuditRecord {
    let mut record = call();
    if let Event::Call(call) = &mut record.event {
        change(call);
    }
    record
}

/// A write without the scope for it.
pub(in crate::record) fn denied() -> AuditRecord {
    changed(|call| {
        call.mcp = None;
        call.path = "/loki/api/v1/push".into();
        call.scopes_needed = scopes("logs:write");
        call.decision = Decision::Denied { reason: "insufficient_scope".into(), missing: scopes("logs:write") };
        call.outcome = Outcome::Completed(Measured { status: 403, bytes: 120, micros: 300, call: None });
    })
}

/// A write without a token, let pass by an API in shadow mode.
pub(in crate::record) fn waived() -> AuditRecord {
    changed(|call| call.would_deny = Some(WouldDeny { reason: "permission_missing".into(), missing: scopes("logs:write") }))
}

/// A call that the process did not live to finish.
pub(in crate::record) fn unknown() -> AuditRecord {
    changed(|call| call.outcome = Outcome::Unknown)
}

/// A call with this outcome.
pub(in crate::record) fn ended(outcome: Outcome) -> AuditRecord {
    changed(|call| call.outcome = outcome)
}

/// A sign-in of nobody we know.
pub(in crate::record) fn login() -> AuditRecord {
    let mut record = control(ControlEvent::refused(Operation::LoginFail, "wrong_password"));
    record.actor = Actor::default();
    record.origin.trace = None;
    record
}

/// A consent.
pub(in crate::record) fn consent() -> AuditRecord {
    control(ControlEvent::done(Operation::AuthorizeConsent).on("grant", "gr_9").with_scopes(scopes("logs:read metrics:read")))
}
