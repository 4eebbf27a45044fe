//! What a caller is answered whom an upstream can't be told of: in the words of its protocol.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::token_server::{Behave, SECRET, Server};
use crate::harness::api::{HTTP2, READERS};
use crate::harness::audit::{call, reason};
use crate::harness::grpc::{Collector, frame};
use crate::harness::http1::{Request, Response, ask};
use crate::harness::{Api, Caller, Gateway, Setup, http2};

/// What the authorization server does, and what comes of it: HTTP, gRPC, and the reason.
const CASES: [(Behave, u16, &str, &str); 4] = [
    (Behave::Refuse(400, "invalid_target"), 403, "7", "identity_refused"),
    (Behave::Refuse(401, "invalid_client"), 502, "14", "identity_misconfigured"),
    (Behave::Refuse(503, "temporarily_unavailable"), 503, "14", "identity_unavailable"),
    (Behave::Grant(600), 200, "", ""),
];

struct World {
    server: Arc<Server>,
    gw: Gateway,
    collector: Collector,
    caller: Caller,
}

async fn world() -> World {
    let (server, collector) = (Server::start().await, Collector::start().await);
    let exchange = server.keys(SECRET);
    let told = Api::mcp("told").keys("tools = { echo = [], default = \"deny\" }").keys(&exchange);
    let calls = Api::named("calls").at(collector.address, HTTP2).keys("services = [\"test.v1.Echo\"]").keys(&exchange);
    let calls = calls.route("call", "POST", "/test.v1.Echo/Call", READERS);
    let more = format!("{told}{calls}[roles.teller]\npermissions = [\"mcp:told:invoke\", \"metrics:read\"]\n");
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["teller"], "mcp:told:invoke metrics:read").await;
    World { server, gw, collector, caller }
}

fn tool(caller: &Caller, id: &Value) -> Request {
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
    let accept = "application/json, text/event-stream";
    let request = Request::new("POST", "/mcp/told").bearer(&caller.token).header("Content-Type", "application/json");
    request.header("Accept", accept).body(body.to_string())
}

fn is_error(answer: &Response, id: &Value, status: u16, code: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["jsonrpc"], &body["id"], &body["error"]["code"]), (&json!("2.0"), id, &json!(status)), "{body}");
    assert_eq!(body["error"]["data"], json!({"source": "gateway", "reason": code}));
    assert!(body["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{body}");
    assert_eq!((answer.header("retry-after").is_some(), answer.header("www-authenticate")), (status == 503, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_tool_is_answered_as_one() {
    let World { server, gw, caller, collector: _collector } = world().await;
    for (behave, status, _, code) in CASES {
        server.behave(behave);
        for id in [json!(7), json!("seven")] {
            let answer = ask(gw.running.public, &tool(&caller, &id)).await;
            if status == 200 {
                assert_eq!(answer.status, 200, "{answer:?}");
                continue;
            }
            is_error(&answer, &id, status, code);
            let record = gw.record_of(&answer).await;
            assert_eq!((reason(&record), record.org.as_ref()), (code, Some(&caller.org.id)));
            assert_eq!(call(&record).mcp.as_ref().and_then(|m| m.target.as_deref()), Some("echo"));
            assert_eq!(gw.upstream.count(), 0, "nothing is forwarded without a token");
        }
        if status != 200 {
            let listen = Request::get("/mcp/told").bearer(&caller.token).header("Accept", "text/event-stream");
            is_error(&ask(gw.running.public, &listen).await, &Value::Null, status, code);
        }
        gw.advance(5);
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_gets_a_status() {
    let World { server, gw, collector, caller } = world().await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let bearer = format!("Bearer {}", caller.token);
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", bearer.as_str())];
    for (behave, status, grpc, code) in CASES {
        server.behave(behave);
        let request = http2::request("POST", "/test.v1.Echo/Call", &headers);
        let answer = conn.ask(request, Some(frame(b"message"))).await.expect("an answer");
        if status == 200 {
            assert_eq!((answer.header("grpc-status"), collector.count()), (None, 1), "it comes at the end: {answer:?}");
            continue;
        }
        assert_eq!((answer.status, answer.header("grpc-status"), answer.body.len()), (200, Some(grpc), 0), "{answer:?}");
        let details = STANDARD_NO_PAD.decode(answer.header("grpc-status-details-bin").expect("details")).expect("base64");
        let holds = |text: &[u8]| details.windows(text.len()).any(|w| w == text);
        assert!(holds(code.to_ascii_uppercase().as_bytes()), "{code}: {details:?}");
        assert_eq!(holds(b"google.rpc.RetryInfo"), status == 503, "{code}");
        assert_eq!((reason(&gw.record_of(&answer).await), collector.count()), (code, 0));
        gw.advance(5);
    }
    gw.running.stop().await;
}
