use insta::assert_json_snapshot;
use serde_json::Value;

use super::samples::{call, consent, control, denied, ended, login, unknown};
use super::*;
use crate::record::{ControlEvent, Operation};

/// What OCSF 1.8.0 requires of each class, and one of each group of which it wants at least one.
fn check(record: &AuditRecord) -> Value {
    let json = json(record);
    let has = |pointer: &str| json.pointer(pointer).is_some_and(|v| !v.is_null());
    let mut required = vec![
        "/activity_id",
        "/category_uid",
        "/class_uid",
        "/type_uid",
        "/severity_id",
        "/time",
        "/metadata/version",
        "/metadata/product/name",
        "/metadata/product/version",
        "/metadata/uid",
        "/metadata/correlation_uid",
        "/status_id",
        "/action_id",
        "/disposition_id",
    ];
    let class = json["class_uid"].as_u64().unwrap();
    let one_of: &[&str] = match class {
        3002 => {
            required.push("/user");
            &["/service", "/dst_endpoint"]
        }
        3003 => {
            required.push("/user");
            &["/privileges", "/group"]
        }
        3004 => {
            required.push("/entity");
            &["/entity/uid", "/entity/name"]
        }
        6003 => {
            required.extend(["/actor", "/api/operation", "/src_endpoint"]);
            &["/src_endpoint/ip", "/src_endpoint/name"]
        }
        other => panic!("class {other}"),
    };
    for pointer in required {
        assert!(has(pointer), "{pointer} is missing in {json:#}");
    }
    assert!(one_of.iter().any(|p| has(p)), "none of {one_of:?} in {json:#}");
    let known = ["/actor/user", "/actor/app_name", "/actor/app_uid", "/actor/session"];
    assert!(known.iter().any(|p| has(p)), "nobody acted in {json:#}");
    assert!(!has("/http_response") || has("/http_response/code"), "{json:#}");
    assert_eq!(json["category_uid"].as_u64().unwrap(), class / 1000);
    assert_eq!(json["type_uid"].as_u64().unwrap(), class * 100 + json["activity_id"].as_u64().unwrap());
    assert_eq!(json["api"]["operation"], operation(record));
    json
}

#[test]
fn every_operation_is_a_valid_event() {
    for op in Operation::ALL {
        for event in [ControlEvent::done(*op), ControlEvent::refused(*op, "why").on("client", "cl_1").with_comment("x")] {
            let mut record = control(event);
            check(&record);
            record.actor = crate::record::Actor::default();
            (record.org, record.origin.peer, record.origin.user_agent) = (None, None, None);
            check(&record);
        }
    }
}

#[test]
fn every_outcome_has_its_verdict() {
    use crate::record::BrokenBy::{Client, Fault, Revocation, Shutdown, Upstream};
    let measured = Measured { status: 200, bytes: 1, micros: 1 };
    let broken = |by| Outcome::Broken { by, measured };
    let ids = |outcome| {
        let json = check(&ended(outcome));
        ["status_id", "severity_id", "action_id", "disposition_id"].map(|name| json[name].as_u64().unwrap())
    };
    assert_eq!(ids(Outcome::Completed(measured)), [1, 1, 1, 1]);
    assert_eq!(ids(Outcome::Completed(Measured { status: 500, ..measured })), [2, 1, 1, 1]);
    assert_eq!(ids(broken(Client)), [2, 1, 1, 1]);
    assert_eq!(ids(broken(Upstream)), [2, 2, 1, 1]);
    assert_eq!(ids(broken(Revocation)), [2, 2, 1, 24]);
    assert_eq!(ids(broken(Shutdown)), [2, 1, 1, 1]);
    assert_eq!(ids(broken(Fault)), [2, 3, 1, 27]);
    assert_eq!(ids(Outcome::Unknown), [0, 3, 1, 0]);
    assert!(json(&ended(Outcome::Broken { by: Client, measured: Measured::default() })).get("http_response").is_none());
}

#[test]
fn calls_are_read_or_written() {
    let activity = |change: fn(&mut Call)| {
        let mut record = call();
        if let Event::Call(call) = &mut record.event {
            change(call);
        }
        check(&record)["activity_id"].as_u64().unwrap()
    };
    assert_eq!(activity(|_| ()), 99, "a tool may do anything");
    assert_eq!(activity(|c| c.mcp.as_mut().unwrap().method = "tools/list".into()), 2);
    assert_eq!(activity(|c| c.mcp = None), 2, "a POST that needs only to read");
    assert_eq!(activity(|c| (c.mcp, c.scopes_needed) = (None, ScopeSet::default())), 1);
    assert_eq!(activity(|c| (c.mcp, c.method) = (None, "DELETE".into())), 4);
    assert_eq!(activity(|c| (c.mcp, c.method) = (None, "PATCH".into())), 3);
    assert_eq!(activity(|c| (c.mcp, c.method) = (None, "PURGE".into())), 99);
}

#[test]
fn nothing_breaks_a_line() {
    let evil = "a\r\nb\u{1b}[2J\u{2028}c\u{2029}\u{85}\u{9b}\u{7f}\u{202e}\0\"\\é";
    let mut record = call();
    record.actor.client_name = Some(evil.into());
    record.origin.user_agent = Some(evil.into());
    if let Event::Call(call) = &mut record.event {
        call.path = evil.into();
    }
    let line = json_line(&record);
    assert!(!line.contains(is_deceptive), "{line}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json(&record), "and nothing is lost");
    assert_eq!(json(&record)["http_request"]["url"]["path"], evil.replace('\0', "\u{FFFD}"));
}

#[test]
fn what_a_caller_chooses_is_bounded() {
    let long = "é".repeat(100_000);
    let mut record = call();
    (record.actor.client_name, record.actor.token) = (Some(long.clone()), Some(long.clone()));
    (record.origin.user_agent, record.origin.trace) = (Some(long.clone()), Some(long.clone()));
    if let Event::Call(call) = &mut record.event {
        (call.method, call.path) = (long.clone(), long.clone());
        if let Some(mcp) = &mut call.mcp {
            (mcp.method, mcp.target, mcp.version) = (long.clone(), Some(long.clone()), Some(long.clone()));
        }
        call.decision = Decision::Denied { reason: long.clone(), missing: ScopeSet::default() };
    }
    assert!(json_line(&record).len() < 8000, "{}", json_line(&record).len());
    let event = ControlEvent::refused(Operation::LoginFail, &*long).on(&long, &*long).with_comment(&*long);
    assert!(json_line(&control(event)).len() < 4000);
    assert_eq!(bounded(&long, 10), "ééé…");
}

#[test]
fn a_tool_call() {
    assert_json_snapshot!(check(&call()), @"");
}

#[test]
fn a_denial() {
    assert_json_snapshot!(check(&denied()), @"");
}

#[test]
fn an_unknown_outcome() {
    assert_json_snapshot!(check(&unknown()), @"");
}

#[test]
fn a_failed_login() {
    assert_json_snapshot!(check(&login()), @"");
}

#[test]
fn a_consent() {
    assert_json_snapshot!(check(&consent()), @"");
}

#[test]
fn a_revoked_grant() {
    assert_json_snapshot!(check(&control(ControlEvent::done(Operation::GrantRevokeUser).on("grant", "gr_9"))), @"");
}

#[test]
fn a_refused_token() {
    assert_json_snapshot!(check(&control(ControlEvent::refused(Operation::TokenRefuse, "invalid_grant"))), @"");
}
