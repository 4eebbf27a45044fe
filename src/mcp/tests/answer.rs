//! The errors on the wire.

use serde_json::{Value, json};

use crate::mcp::{Answer, BadMessage, BadReason, Era, Limits, Mismatch, RequestId, Target, UpstreamFault, parse};

fn id(raw: &str) -> RequestId {
    let message = parse(format!(r#"{{"jsonrpc":"2.0","id":{raw},"method":"ping"}}"#).as_bytes(), &Limits::default()).unwrap();
    message.reply_id().unwrap().clone()
}

fn shown(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn bad_messages() {
    let bad = |reason, id| shown(&Answer::bad_message(&BadMessage { reason, id }));
    let code = |reason, id| {
        let (status, body) = bad(reason, id);
        (status, body["error"]["code"].as_i64().unwrap(), body["id"].clone())
    };
    assert_eq!(code(BadReason::Json { line: 1, column: 2 }, None), (400, -32700, Value::Null));
    assert_eq!(code(BadReason::Encoding, None), (400, -32700, Value::Null));
    assert_eq!(code(BadReason::Batch, None), (400, -32600, Value::Null));
    assert_eq!(code(BadReason::Duplicate, None), (400, -32600, Value::Null));
    assert_eq!(code(BadReason::Size(9), None), (413, -32600, Value::Null));
    assert_eq!(code(BadReason::Target, Some(id("\"a\""))), (400, -32602, json!("a")));
    let whole = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "batches are not accepted, send one message per request"}});
    assert_eq!(bad(BadReason::Batch, None).1, whole);
}

#[test]
fn mismatches() {
    let shown = |mismatch, id: Option<RequestId>| shown(&Answer::mismatch(&mismatch, id.as_ref()));
    let differs = Mismatch::Differs { header: "Mcp-Name", said: "a\"b".to_owned() };
    let (status, body) = shown(differs, Some(id("7")));
    assert_eq!((status, &body["error"]["code"], &body["id"]), (400, &json!(-32020), &json!(7)));
    assert_eq!(body["error"]["message"], "Header mismatch: Mcp-Name header value 'a\"b' does not match the body");
    assert_eq!(shown(Mismatch::Missing("Mcp-Name"), None).1["error"]["code"], -32020);
    assert_eq!(shown(Mismatch::NoMetaVersion, None).1["error"]["code"], -32602);
    assert_eq!(shown(Mismatch::Response, None).1["error"]["code"], -32600);
    let (status, body) = shown(Mismatch::Unsupported { requested: "1900-01-01".to_owned(), era: Era::Legacy }, Some(id("1")));
    let data =
        json!({"supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"], "requested": "1900-01-01"});
    assert_eq!((status, &body["error"]["code"], &body["error"]["data"]), (400, &json!(-32022), &data));
}

#[test]
fn refusals_say_what_to_do() {
    let tool = Target::tool("get_x").unwrap();
    let (status, body) = shown(&Answer::insufficient_scope(Some(&id("9007199254740993")), &tool, "a:read b", "https://gw/x"));
    let error = json!({
        "code": 403,
        "message": "The tool \"get_x\" needs the scope \"a:read b\". Authorize this application again at https://gw/x",
        "data": {"source": "gateway", "reason": "insufficient_scope", "scope": "a:read b"},
    });
    assert_eq!((status, &body), (403, &json!({"jsonrpc": "2.0", "id": 9_007_199_254_740_993_i64, "error": error})));
    let (status, body) = shown(&Answer::denied(None, &Target::resource(&"u".repeat(5000)).unwrap()));
    assert_eq!((status, &body["error"]["data"]["reason"]), (403, &json!("access_denied")));
    assert!(body.to_string().len() < 500);
    let upstream = |fault| shown(&Answer::upstream(None, fault)).0;
    let all = [UpstreamFault::Unreachable, UpstreamFault::Unreadable, UpstreamFault::Unavailable, UpstreamFault::Timeout];
    assert_eq!(all.map(upstream), [502, 502, 503, 504]);
}
