use serde_json::{Value, json};

use crate::mcp::{Era, Framing, ListFilter, Listening, Lists, NamePolicy, Need, RequestId, ServerPolicy, parse};
use crate::types::{Memory, ScopeBits};

fn scope() -> ScopeBits {
    let mut bits = ScopeBits::NONE;
    bits.set(3);
    bits
}

fn policy() -> ServerPolicy {
    let tools = NamePolicy::new([("a", Need::Scopes(scope())), ("b", Need::Denied)], Need::Denied).expect("a policy");
    ServerPolicy::for_tools(scope(), tools)
}

fn id(body: &str) -> RequestId {
    parse(body.as_bytes(), &crate::mcp::Limits::default()).expect("a message").reply_id().expect("an id").clone()
}

#[test]
fn only_lists_that_depend_on_permissions_are_told_of() {
    assert_eq!(Lists::of(&policy()), Lists { tools: true, prompts: false, resources: false });
    let same = NamePolicy::new([("a", Need::Scopes(ScopeBits::NONE))], Need::Denied).expect("a policy");
    let same = ServerPolicy::for_tools(scope(), same);
    assert!(Lists::of(&same).is_empty());
    assert_eq!(Listening::stream(&same), None, "who reaches the server sees the same as everybody");
}

#[test]
fn a_subscription_is_what_was_asked_for_and_depends_on_permissions() {
    for (params, told) in [
        (json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}}), true),
        (json!({"notifications": {"toolsListChanged": false}}), false),
        (json!({"notifications": {"toolsListChanged": "true"}}), false),
        (json!({"notifications": {}}), false),
        (json!({}), false),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": params}).to_string();
        let listening = Listening::subscription(&policy(), &id(&body), body.as_bytes());
        assert_eq!(listening.is_some(), told, "{body}");
        let events = listening.map(|l| l.events()).unwrap_or_default();
        let data: Option<Value> = events.strip_prefix("event: message\ndata: ").map(|d| serde_json::from_str(d).expect("JSON"));
        let meta = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": 7}});
        assert_eq!(data.map(|d| d["params"].clone()), told.then_some(meta));
    }
}

/// What a filter makes of the answer of a server.
fn filtered(text: &str, listening: Option<Listening>, framing: Framing) -> String {
    let mut filter =
        ListFilter::new(std::sync::Arc::new(policy()), scope(), Era::Modern, framing, &Memory::unlimited()).listening(listening);
    let mut out = filter.push(text.as_bytes()).expect("readable").to_vec();
    out.extend(filter.finish().expect("readable"));
    String::from_utf8(out).expect("text")
}

#[test]
fn what_a_server_offers_gets_what_the_gate_offers() {
    for (capabilities, wanted) in [
        ("{\"tools\":{}}", "{\"tools\":{\"listChanged\":true}}"),
        ("{\"tools\":{\"listChanged\":false,\"x\":1}}", "{\"tools\":{\"listChanged\":true,\"x\":1}}"),
        ("{\"tools\":{\"listChanged\":true}}", "{\"tools\":{\"listChanged\":true}}"),
        ("{\"tools\":{\"x\":1}}", "{\"tools\":{\"listChanged\":true,\"x\":1}}"),
        ("{\"prompts\":{}}", "{\"prompts\":{}}"),
        ("{\"tools\":null}", "{\"tools\":null}"),
    ] {
        let answer = |c: &str| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"capabilities\":{c}}}}}");
        assert_eq!(filtered(&answer(capabilities), None, Framing::Json), answer(wanted));
    }
}

#[test]
fn a_subscription_is_told_after_it_was_accepted_and_never_before() {
    let body = json!({"jsonrpc": "2.0", "id": "x\"", "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}}})
    .to_string();
    let listening = Listening::subscription(&policy(), &id(&body), body.as_bytes()).expect("told");
    let event =
        |method: &str| format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{{\"notifications\":{{}}}}}}\n\n");
    let before = event("notifications/message");
    assert_eq!(filtered(&before, Some(listening.clone()), Framing::Sse), before);
    let accepted = event("notifications/subscriptions/acknowledged");
    let whole = accepted.replace("{}", "{\"toolsListChanged\":true}") + &listening.events();
    assert_eq!(filtered(&accepted, Some(listening), Framing::Sse), whole);
    assert_eq!(filtered(&accepted, None, Framing::Sse), accepted);
}
