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
    let measured = Measured { status: 200, bytes: 1, micros: 1, call: None };
    let broken = |by| Outcome::Broken { by, measured };
    let ids = |outcome| {
        let json = check(&ended(outcome));
        ["status_id", "severity_id", "action_id", "disposition_id"].map(|name| json[name].as_u64().unwrap())
    };
    assert_eq!(ids(Outcome::Completed(measured)), [1, 1, 1, 1]);
    assert_eq!(ids(Outcome::Completed(Measured { status: 500, ..measured })), [2, 1, 1, 1]);
    let unavailable = check(&ended(Outcome::Completed(Measured { call: Some(14), ..measured })));
    assert_eq!(unavailable["unmapped"]["rpc.grpc.status_code"], 14);
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

const COMMON: [&str; 8] = ["metadata", "actor", "src_endpoint", "trace", "time", "category_name", "category_uid", "http_request"];

/// The record without what every record has alike.
fn own(record: &AuditRecord) -> Value {
    let mut json = check(record);
    if let Some(all) = json.as_object_mut() {
        all.retain(|name, _| !COMMON.contains(&name.as_str()));
    }
    json
}

#[test]
fn what_every_record_says() {
    let mut json = check(&call());
    json.as_object_mut().unwrap().retain(|name, _| COMMON.contains(&name.as_str()));
    assert_json_snapshot!(json, @r#"
    {
      "actor": {
        "app_name": "Acme CLI",
        "app_uid": "cl_ab",
        "authorizations": [
          {
            "decision": "allow",
            "policy": {
              "name": "route:loki.query",
              "uid": "logs:read"
            }
          }
        ],
        "invoked_by": "oauth_client",
        "session": {
          "credential_uid": "jti-1",
          "uid": "gr_9"
        },
        "user": {
          "uid": "usr_12"
        }
      },
      "category_name": "Application Activity",
      "category_uid": 6,
      "http_request": {
        "http_method": "POST",
        "url": {
          "path": "/mcp/loki"
        },
        "user_agent": "acme/1.0"
      },
      "metadata": {
        "correlation_uid": "req_5",
        "event_code": "loki.query",
        "product": {
          "name": "tollgate",
          "vendor_name": "tollgate",
          "version": "0.1.0"
        },
        "profiles": [
          "security_control",
          "trace"
        ],
        "tenant_uid": "org_7",
        "uid": "rec_1",
        "version": "1.8.0"
      },
      "src_endpoint": {
        "ip": "203.0.113.7",
        "port": 51234
      },
      "time": 1795219200123,
      "trace": {
        "uid": "0af7651916cd43dd8448eb211c80319c"
      }
    }
    "#);
}

#[test]
fn a_tool_call() {
    assert_json_snapshot!(own(&call()), @r#"
    {
      "action": "Allowed",
      "action_id": 1,
      "activity_id": 99,
      "activity_name": "tools/call",
      "api": {
        "operation": "loki.query",
        "request": {
          "uid": "req_5"
        },
        "response": {
          "code": 200
        },
        "service": {
          "name": "loki-mcp"
        }
      },
      "class_name": "API Activity",
      "class_uid": 6003,
      "disposition": "Allowed",
      "disposition_id": 1,
      "dst_endpoint": {
        "svc_name": "loki-mcp"
      },
      "duration": 41,
      "http_response": {
        "code": 200,
        "latency": 41,
        "length": 8123
      },
      "resources": [
        {
          "name": "query_logs",
          "type": "mcp_tool"
        }
      ],
      "severity": "Informational",
      "severity_id": 1,
      "status": "Success",
      "status_id": 1,
      "type_name": "API Activity: tools/call",
      "type_uid": 600399,
      "unmapped": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "query_logs",
        "http.route": "loki.query",
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-11-25",
        "oauth.resource": "https://gw.example.com/mcp/loki",
        "oauth.scopes_granted": [
          "logs:read",
          "metrics:read"
        ],
        "oauth.scopes_used": [
          "logs:read"
        ],
        "service.instance.id": "node_1"
      }
    }
    "#);
}

#[test]
fn a_denial() {
    assert_json_snapshot!(own(&denied()), @r#"
    {
      "action": "Denied",
      "action_id": 2,
      "activity_id": 1,
      "activity_name": "Create",
      "api": {
        "operation": "loki.query",
        "request": {
          "uid": "req_5"
        },
        "response": {
          "code": 403
        },
        "service": {
          "name": "loki-mcp"
        }
      },
      "class_name": "API Activity",
      "class_uid": 6003,
      "disposition": "Unauthorized",
      "disposition_id": 26,
      "dst_endpoint": {
        "svc_name": "loki-mcp"
      },
      "duration": 0,
      "http_response": {
        "code": 403,
        "latency": 0,
        "length": 120
      },
      "severity": "Low",
      "severity_id": 2,
      "status": "Failure",
      "status_detail": "insufficient_scope",
      "status_id": 2,
      "type_name": "API Activity: Create",
      "type_uid": 600301,
      "unmapped": {
        "deny.missing_scopes": [
          "logs:write"
        ],
        "deny.reason": "insufficient_scope",
        "http.route": "loki.query",
        "oauth.resource": "https://gw.example.com/mcp/loki",
        "oauth.scopes_granted": [
          "logs:read",
          "metrics:read"
        ],
        "oauth.scopes_used": [
          "logs:write"
        ],
        "service.instance.id": "node_1"
      }
    }
    "#);
}

#[test]
fn an_unknown_outcome() {
    assert_json_snapshot!(own(&unknown()), @r#"
    {
      "action": "Allowed",
      "action_id": 1,
      "activity_id": 99,
      "activity_name": "tools/call",
      "api": {
        "operation": "loki.query",
        "request": {
          "uid": "req_5"
        },
        "service": {
          "name": "loki-mcp"
        }
      },
      "class_name": "API Activity",
      "class_uid": 6003,
      "disposition": "Unknown",
      "disposition_id": 0,
      "dst_endpoint": {
        "svc_name": "loki-mcp"
      },
      "resources": [
        {
          "name": "query_logs",
          "type": "mcp_tool"
        }
      ],
      "severity": "Medium",
      "severity_id": 3,
      "status": "Unknown",
      "status_detail": "the gateway stopped before the answer: the upstream may have acted",
      "status_id": 0,
      "type_name": "API Activity: tools/call",
      "type_uid": 600399,
      "unmapped": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "query_logs",
        "http.route": "loki.query",
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-11-25",
        "oauth.resource": "https://gw.example.com/mcp/loki",
        "oauth.scopes_granted": [
          "logs:read",
          "metrics:read"
        ],
        "oauth.scopes_used": [
          "logs:read"
        ],
        "service.instance.id": "node_1"
      }
    }
    "#);
}

#[test]
fn a_failed_login() {
    assert_json_snapshot!(own(&login()), @r#"
    {
      "action": "Denied",
      "action_id": 2,
      "activity_id": 1,
      "activity_name": "Logon",
      "api": {
        "operation": "login.fail",
        "request": {
          "uid": "req_5"
        },
        "service": {
          "name": "tollgate"
        }
      },
      "auth_protocol": "Password",
      "auth_protocol_id": 99,
      "class_name": "Authentication",
      "class_uid": 3002,
      "disposition": "Blocked",
      "disposition_id": 2,
      "service": {
        "name": "tollgate"
      },
      "severity": "Low",
      "severity_id": 2,
      "status": "Failure",
      "status_detail": "wrong_password",
      "status_id": 2,
      "type_name": "Authentication: Logon",
      "type_uid": 300201,
      "unmapped": {
        "deny.reason": "wrong_password",
        "service.instance.id": "node_1"
      },
      "user": {
        "name": "unknown",
        "type_id": 0
      }
    }
    "#);
}

#[test]
fn a_consent() {
    assert_json_snapshot!(own(&consent()), @r#"
    {
      "action": "Allowed",
      "action_id": 1,
      "activity_id": 1,
      "activity_name": "Assign Privileges",
      "api": {
        "operation": "authorize.consent",
        "request": {
          "uid": "req_5"
        },
        "service": {
          "name": "tollgate"
        }
      },
      "class_name": "Authorize Session",
      "class_uid": 3003,
      "disposition": "Allowed",
      "disposition_id": 1,
      "privileges": [
        "logs:read",
        "metrics:read"
      ],
      "session": {
        "uid": "gr_9"
      },
      "severity": "Informational",
      "severity_id": 1,
      "status": "Success",
      "status_id": 1,
      "type_name": "Authorize Session: Assign Privileges",
      "type_uid": 300301,
      "unmapped": {
        "oauth.scopes_granted": [
          "logs:read",
          "metrics:read"
        ],
        "service.instance.id": "node_1",
        "target.id": "gr_9",
        "target.type": "grant"
      },
      "user": {
        "uid": "usr_12"
      }
    }
    "#);
}

#[test]
fn a_revoked_grant() {
    assert_json_snapshot!(own(&control(ControlEvent::done(Operation::GrantRevokeUser).on("grant", "gr_9"))), @r#"
    {
      "action": "Allowed",
      "action_id": 1,
      "activity_id": 4,
      "activity_name": "Delete",
      "api": {
        "operation": "grant.revoke.user",
        "request": {
          "uid": "req_5"
        },
        "service": {
          "name": "tollgate"
        }
      },
      "class_name": "Entity Management",
      "class_uid": 3004,
      "disposition": "Allowed",
      "disposition_id": 1,
      "entity": {
        "type": "grant",
        "uid": "gr_9"
      },
      "severity": "Informational",
      "severity_id": 1,
      "status": "Success",
      "status_id": 1,
      "type_name": "Entity Management: Delete",
      "type_uid": 300404,
      "unmapped": {
        "service.instance.id": "node_1",
        "target.id": "gr_9",
        "target.type": "grant"
      }
    }
    "#);
}

#[test]
fn a_refused_token() {
    assert_json_snapshot!(own(&control(ControlEvent::refused(Operation::TokenRefuse, "invalid_grant"))), @r#"
    {
      "action": "Denied",
      "action_id": 2,
      "activity_id": 4,
      "activity_name": "Service Ticket Request",
      "api": {
        "operation": "token.refuse",
        "request": {
          "uid": "req_5"
        },
        "service": {
          "name": "tollgate"
        }
      },
      "auth_protocol": "OAuth 2.0",
      "auth_protocol_id": 6,
      "class_name": "Authentication",
      "class_uid": 3002,
      "disposition": "Blocked",
      "disposition_id": 2,
      "service": {
        "name": "tollgate"
      },
      "session": {
        "uid": "gr_9"
      },
      "severity": "Low",
      "severity_id": 2,
      "status": "Failure",
      "status_detail": "invalid_grant",
      "status_id": 2,
      "type_name": "Authentication: Service Ticket Request",
      "type_uid": 300204,
      "unmapped": {
        "deny.reason": "invalid_grant",
        "service.instance.id": "node_1"
      },
      "user": {
        "uid": "usr_12"
      }
    }
    "#);
}
