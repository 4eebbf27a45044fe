//! MCP servers behind the gate: which tool is called decides, and what passes passes byte for byte.

mod eras;
mod lists;
mod named;
mod tasks;

use serde_json::{Value, json};

use crate::harness::audit::{call, outcome, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, Setup, within};

const URL: &str = "/mcp/tools";
const HELD: &str = "mcp:tools:invoke metrics:read";

fn post(caller: &Caller, body: impl Into<Vec<u8>>) -> Request {
    let accept = "application/json, text/event-stream";
    Request::new("POST", URL).bearer(&caller.token).header("Content-Type", "application/json").header("Accept", accept).body(body)
}

fn tool(name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": name, "arguments": {"a": 1}}}).to_string()
}

async fn agent() -> (Gateway, Caller, Conn) {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["agent"], HELD).await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_needs_its_scopes() {
    let (gw, caller, mut conn) = agent().await;
    for name in ["echo", "get-sum"] {
        let response = conn.ask(&post(&caller, tool(name))).await;
        assert_eq!(response.status, 200, "{response:?}");
        let seen = gw.upstream.last();
        assert_eq!((seen.target().as_str(), seen.body.as_slice()), ("/", tool(name).as_bytes()));
        let record = gw.record_of(&response).await;
        let mcp = call(&record).mcp.clone().expect("an MCP call");
        assert_eq!((mcp.method.as_str(), mcp.target.as_deref()), ("tools/call", Some(name)));
    }
    let before = gw.upstream.count();
    let missing = conn.ask(&post(&caller, tool("write-note"))).await;
    assert_eq!(missing.status, 403, "{missing:?}");
    let said = missing.header("www-authenticate").expect("a challenge");
    assert!(said.contains("error=\"insufficient_scope\""), "{said}");
    assert!(said.contains("scope=\"mcp:tools:invoke mcp:tools:write metrics:read\""), "the union: {said}");
    assert!(said.contains("oauth-protected-resource/mcp/tools\""), "{said}");
    let body = missing.json();
    assert_eq!((&body["id"], &body["error"]["data"]["reason"]), (&json!(7), &json!("insufficient_scope")), "{body}");
    assert_eq!(body["error"]["data"]["scope"], "mcp:tools:write");
    let record = gw.record_of(&missing).await;
    assert_eq!(
        (reason(&record), call(&record).scopes_needed.to_string().as_str()),
        ("insufficient_scope", "mcp:tools:invoke mcp:tools:write")
    );
    for name in ["forbidden", "no-such-tool"] {
        let denied = conn.ask(&post(&caller, tool(name))).await;
        assert_eq!((denied.status, denied.header("www-authenticate")), (403, None), "{denied:?}");
        assert_eq!(denied.json()["error"]["data"]["reason"], "access_denied");
        let record = gw.record_of(&denied).await;
        assert_eq!((reason(&record), record.org.as_ref()), ("target_denied", Some(&caller.org.id)));
        assert_eq!(call(&record).mcp.as_ref().and_then(|m| m.target.as_deref()), Some(name));
    }
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_two_readers_take_differently_is_refused() {
    let (gw, caller, mut conn) = agent().await;
    let echo = tool("echo");
    let modern = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo",
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}})
    .to_string();
    let said = |body: &str, headers: &[(&str, &str)]| {
        headers.iter().fold(post(&caller, body), |request, (name, value)| request.header(name, value))
    };
    let duplicate = echo.replacen("\"name\":\"echo\"", "\"name\":\"echo\",\"name\":\"forbidden\"", 1);
    let version = ("MCP-Protocol-Version", "2026-07-28");
    let cases = [
        (said(&duplicate, &[]), "message_malformed", -32600),
        (said(&format!("[{echo}]"), &[]), "message_malformed", -32600),
        (said("{", &[]), "message_malformed", -32700),
        (said("", &[]), "message_malformed", -32700),
        (said(&echo.replace("tools/call", "Tools/Call"), &[]), "message_malformed", -32600),
        (said(&echo, &[("Mcp-Name", "forbidden")]), "header_mismatch", -32020),
        (said(&echo, &[("Mcp-Method", "ping")]), "header_mismatch", -32020),
        (said(&modern, &[version, ("Mcp-Method", "tools/call")]), "header_mismatch", -32020),
        (said(&modern, &[("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")]), "header_mismatch", -32020),
        (said(&echo, &[("MCP-Protocol-Version", "2031-01-01")]), "header_mismatch", -32022),
    ];
    for (request, code, number) in cases {
        let response = conn.ask(&request).await;
        assert!(code == "message_malformed" || response.json()["id"].is_u64(), "the id of what was refused: {response:?}");
        assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(number)), "{code}: {response:?}");
        assert_eq!(reason(&gw.record_of(&response).await), code);
    }
    assert_eq!(gw.upstream.count(), 0);
    let good = said(&modern, &[version, ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")]);
    assert_eq!(conn.ask(&good).await.status, 200);
    gw.running.stop().await;
}

fn padded(bytes: usize) -> String {
    let empty = tool("echo").replace("{\"a\":1}", "{\"a\":\"\"}");
    empty.replace("\"a\":\"\"", &format!("\"a\":\"{}\"", "x".repeat(bytes - empty.len())))
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_byte_for_byte() {
    let (gw, caller, mut conn) = agent().await;
    for bytes in [200, 4096, 60_000, 65_535, 65_536, 65_537, 131_072, 131_073, 900_000, 1 << 20] {
        let body = padded(bytes);
        assert_eq!(body.len(), bytes);
        let response = conn.ask(&post(&caller, body.clone())).await;
        assert_eq!(response.status, 200, "{bytes}: {response:?}");
        let seen = gw.upstream.last();
        assert!(seen.body == body.as_bytes(), "{bytes} bytes became {}", seen.body.len());
    }
    let bare = || Request::new("POST", URL).bearer(&caller.token).header("Content-Type", "application/json");
    let chunked = conn.ask(&bare().chunked(padded(60_000).as_bytes(), 1000)).await;
    assert_eq!(chunked.status, 200, "{chunked:?}");
    assert!(gw.upstream.last().body == padded(60_000).as_bytes());
    let before = gw.upstream.count();
    let long = conn.ask(&bare().chunked(padded(70_000).as_bytes(), 1000)).await;
    assert_eq!((long.status, reason(&gw.record_of(&long).await)), (411, "length_required"));
    let mut conn = Conn::open(gw.running.public).await;
    let large = conn.ask(&post(&caller, padded((1 << 20) + 1))).await;
    assert_eq!((large.status, reason(&gw.record_of(&large).await)), (413, "body_too_large"));
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_byte_for_byte_over_http2() {
    let (gw, caller, _) = agent().await;
    let mut conn = crate::harness::http2::Conn::open(gw.running.public).await;
    let bearer = format!("Bearer {}", caller.token);
    for bytes in [200, 60_000, 900_000] {
        let length = bytes.to_string();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("content-length", &length)];
        for headers in [&headers[..], &headers[..2]] {
            let request = crate::harness::http2::request("POST", URL, headers);
            let response = conn.ask(request, Some(padded(bytes).into())).await.expect("a response");
            if bytes > 65_536 && headers.len() < 3 {
                assert_eq!(response.status, 411, "{response:?}");
                continue;
            }
            assert_eq!(response.status, 200, "{response:?}");
            assert!(gw.upstream.last().body == padded(bytes).as_bytes());
        }
    }
    gw.running.stop().await;
}

fn names(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|t| t["name"].as_str().expect("a name").to_owned()).collect()
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// The messages in an event stream.
fn events(response: &Response) -> Vec<Value> {
    let text = response.text();
    text.split("\n\n").filter_map(|e| serde_json::from_str(e.trim().rsplit_once("data: ")?.1).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_names_what_its_reader_may_call() {
    let (gw, caller, mut conn) = agent().await;
    let json = conn.ask(&post(&caller, LIST).header("X-Behave", "tools").header("Accept-Encoding", "gzip")).await;
    assert_eq!((json.status, names(&json.json())), (200, vec!["echo".to_owned(), "get-sum".to_owned()]), "{json:?}");
    assert!(gw.upstream.last().values("accept-encoding").is_empty(), "what is filtered must be readable");
    let everything =
        gw.grant_to(&caller.org, &caller.user, &caller.client, "mcp:tools:invoke mcp:tools:write metrics:read").await;
    let wide = conn.ask(&post(&everything, LIST).header("X-Behave", "tools")).await;
    assert_eq!(names(&wide.json()), ["echo", "get-sum", "write-note"]);
    let least = gw.grant_to(&caller.org, &caller.user, &caller.client, "mcp:tools:invoke").await;
    let narrow = conn.ask(&post(&least, LIST).header("X-Behave", "tools")).await;
    assert_eq!(names(&narrow.json()), ["echo"]);
    let stream = format!("event: message\nid: 1\ndata: {}\n\n", crate::harness::upstream::tools());
    for cut in [1, 20, 60, stream.len() / 2, stream.len() - 1] {
        let number = gw.upstream.count() + 1;
        conn.send(&post(&caller, LIST).header("X-Behave", "events").bytes()).await;
        gw.upstream.asked(number).await;
        let (first, second) = stream.split_at(cut);
        gw.upstream.emit(first);
        gw.upstream.emit(second);
        gw.upstream.finish();
        let response = conn.response().await;
        let lists = events(&response);
        assert_eq!(lists.len(), 1, "{cut}: {:?}", response.text());
        assert_eq!(names(&lists[0]), ["echo", "get-sum"]);
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_can_read_is_not_passed_on() {
    let (gw, caller, mut conn) = agent().await;
    let response = conn.ask(&post(&caller, LIST).header("X-Behave", "chunked")).await;
    assert_eq!(response.status, 502, "neither JSON nor events: {response:?}");
    assert!(!response.text().contains("hello"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_stream_replays_no_more_than_its_reader_may_see() {
    let (gw, caller, mut conn) = agent().await;
    let get = Request::get(URL).bearer(&caller.token).header("Accept", "text/event-stream").header("X-Behave", "events");
    conn.send(&get.bytes()).await;
    gw.upstream.asked(1).await;
    gw.upstream.emit("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n");
    gw.upstream.emit(&format!("id: 4\ndata: {}\n\n", crate::harness::upstream::tools()));
    gw.upstream.finish();
    let response = conn.response().await;
    let seen = events(&response);
    assert_eq!((response.status, seen.len()), (200, 3), "{:?}", response.text());
    assert_eq!(seen[0]["method"], "notifications/tools/list_changed");
    assert_eq!(seen[1]["method"], "notifications/message");
    assert_eq!(names(&seen[2]), ["echo", "get-sum"]);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_and_pages_at_the_door() {
    let (gw, caller, mut conn) = agent().await;
    for method in ["GET", "DELETE", "PUT"] {
        let response = conn.ask(&Request::new(method, URL)).await;
        assert_eq!(response.status, 401, "a client that asks without a token must learn where to get one: {response:?}");
    }
    for bytes in [100, 60_000] {
        let anonymous = Request::new("POST", URL).body(padded(bytes.max(100)));
        let refused = conn.ask(&anonymous).await;
        assert_eq!(refused.status, 401);
        let said = refused.header("www-authenticate").expect("a challenge");
        assert!(said.contains("oauth-protected-resource/mcp/tools\""), "{said}");
        assert_eq!(conn.ask(&post(&caller, tool("echo"))).await.status, 200, "the connection survives the refusal");
    }
    let foreign = conn.ask(&post(&caller, tool("echo")).header("Origin", "https://evil.test")).await;
    assert_eq!((foreign.status, reason(&gw.record_of(&foreign).await)), (403, "origin_not_allowed"));
    assert_eq!(conn.ask(&post(&caller, tool("echo")).header("Origin", "https://gw.test")).await.status, 200);
    let waits = post(&caller, tool("echo")).header("Expect", "100-continue");
    assert_eq!(conn.ask(&waits).await.status, 200);
    assert_eq!(conn.ask(&post(&caller, tool("echo"))).await.status, 200, "the connection survives a 100");
    gw.running.stop().await;
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;

/// A server with a policy for everything that it has.
const DEEP: &str = r#"
[[apis]]
name = "deep"
mount = "/mcp/deep"
kind = "mcp"
upstream = "plain"
prompts = { greet = [], "ask-*" = { scopes = ["metrics:read"], when = { "arguments.org" = "{org.slug}" } } }
resources = { "log:///*" = [], "log:///private/*" = ["metrics:read"] }
[apis.tools]
query = { scopes = [], when = { "arguments.org" = ["{org.slug}", "shared"], "arguments.page.size" = [10, 100] } }
mail = { scopes = ["metrics:read"], when = { "arguments.to" = "{user.email}" } }
"#;

async fn deep(held: &str) -> (Gateway, Caller, Conn) {
    let more = format!("{DEEP}\n[roles.deep]\npermissions = [\"mcp:deep:invoke\", \"metrics:read\"]\n");
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["deep"], held).await;
    let conn = Conn::open(gw.running.public).await;
    (gw, caller, conn)
}

fn at_deep(caller: &Caller, method: &str, params: &Value) -> Request {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    Request::new("POST", "/mcp/deep").bearer(&caller.token).header("Content-Type", "application/json").body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_resources_and_templates_have_policies_of_their_own() {
    let (gw, caller, mut conn) = deep("mcp:deep:invoke").await;
    let completing = |uri: &str| json!({"ref": {"type": "ref/resource", "uri": uri}, "argument": {"name": "a", "value": ""}});
    let cases = [
        ("prompts/get", json!({"name": "greet"}), "allowed"),
        ("prompts/get", json!({"name": "secret"}), "target_denied"),
        ("prompts/get", json!({"name": "ask-x", "arguments": {"org": "acme"}}), "insufficient_scope"),
        ("resources/read", json!({"uri": "log:///a"}), "allowed"),
        ("resources/subscribe", json!({"uri": "log:///a"}), "allowed"),
        ("resources/read", json!({"uri": "log:///private/b"}), "insufficient_scope"),
        ("resources/subscribe", json!({"uri": "log:///private/b"}), "insufficient_scope"),
        ("resources/read", json!({"uri": "file:///c"}), "target_denied"),
        ("resources/read", json!({"uri": "LOG:///a"}), "allowed"),
        ("resources/read", json!({"uri": "LOG:///private/b"}), "insufficient_scope"),
        ("resources/read", json!({"uri": "log:///x/../private/b"}), "target_denied"),
        ("resources/read", json!({"uri": "log:///./private/b"}), "target_denied"),
        ("resources/read", json!({"uri": "log:///%70rivate/b"}), "target_denied"),
        ("resources/read", json!({"uri": "log:////private/b"}), "target_denied"),
        ("resources/subscribe", json!({"uri": "log:///x%2F..%2Fprivate/b"}), "target_denied"),
        ("completion/complete", completing("log:///{a}/../private/{b}"), "target_denied"),
        ("completion/complete", completing("log:///{a}"), "allowed"),
        ("completion/complete", completing("file:///{a}"), "target_denied"),
        ("logging/setLevel", json!({"level": "info"}), "allowed"),
    ];
    for (method, params, expected) in cases {
        let before = gw.upstream.count();
        let response = conn.ask(&at_deep(&caller, method, &params)).await;
        assert_eq!(reason(&gw.record_of(&response).await), expected, "{method} {params}: {response:?}");
        assert_eq!(gw.upstream.count() - before, usize::from(expected == "allowed"));
    }
    let wide = gw.grant_to(&caller.org, &caller.user, &caller.client, "mcp:deep:invoke metrics:read").await;
    let lists = [
        ("prompts/list", "prompts", "name", vec!["greet"], vec!["greet", "ask-org"]),
        ("resources/list", "resources", "uri", vec!["log:///a"], vec!["log:///a", "log:///private/b"]),
        ("resources/templates/list", "resourceTemplates", "uriTemplate", vec!["log:///{a}"], vec!["log:///{a}"]),
    ];
    for (method, member, key, narrow_sees, wide_sees) in lists {
        let behave = if member == "resourceTemplates" { "templates" } else { member };
        for (caller, sees) in [(&caller, narrow_sees), (&wide, wide_sees)] {
            let response = conn.ask(&at_deep(caller, method, &json!({})).header("X-Behave", behave)).await;
            let body = response.json();
            let items = body["result"][member].as_array().expect("a list");
            assert_eq!(items.iter().map(|i| i[key].as_str().expect("a name")).collect::<Vec<_>>(), sees, "{method}");
            assert_eq!(body["result"].get("nextCursor"), (member == "prompts").then(|| json!("2")).as_ref(), "{method}");
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_have_to_be_what_the_policy_says() {
    let (gw, caller, mut conn) = deep("mcp:deep:invoke metrics:read").await;
    let size = json!({"size": 10});
    let query = |org: Value| json!({"name": "query", "arguments": {"org": org, "page": size}});
    let mail = |to: &str| json!({"name": "mail", "arguments": {"to": to}});
    let prompt = json!({"type": "ref/prompt", "name": "ask-x"});
    let cases = [
        ("tools/call", query(json!("acme")), None),
        ("tools/call", query(json!(["acme", "shared"])), None),
        ("tools/call", query(json!("beta")), Some("arguments.org")),
        ("tools/call", query(json!(["acme", "beta"])), Some("arguments.org")),
        ("tools/call", query(json!("{org.slug}")), Some("arguments.org")),
        ("tools/call", json!({"name": "query"}), Some("arguments.org")),
        ("tools/call", json!({"name": "query", "arguments": {"org": "acme"}}), Some("arguments.page.size")),
        ("tools/call", json!({"name": "query", "arguments": {"org": "acme", "page": {"size": 11}}}), Some("arguments.page.size")),
        (
            "tools/call",
            json!({"name": "query", "arguments": {"org": "acme", "ORG": "beta", "page": size}}),
            Some("arguments.org"),
        ),
        ("tools/call", mail("ada@acme.test"), None),
        ("tools/call", mail("bob@acme.test"), Some("arguments.to")),
        ("prompts/get", json!({"name": "ask-x", "arguments": {"org": "acme"}}), None),
        ("prompts/get", json!({"name": "ask-x", "arguments": {"org": "beta"}}), Some("arguments.org")),
        ("completion/complete", json!({"ref": prompt, "argument": {"name": "org", "value": ""}}), Some("arguments.org")),
    ];
    for (method, params, refused) in cases {
        let before = gw.upstream.count();
        let response = conn.ask(&at_deep(&caller, method, &params)).await;
        let record = gw.record_of(&response).await;
        match refused {
            None => assert_eq!((response.status, reason(&record)), (200, "allowed"), "{params}: {response:?}"),
            Some(argument) => {
                assert_eq!((response.status, response.header("www-authenticate")), (403, None), "{params}: {response:?}");
                let body = response.json();
                assert_eq!(body["error"]["data"]["reason"], "argument_denied", "{body}");
                assert!(body["error"]["message"].as_str().is_some_and(|m| m.contains(argument)), "{body}");
                assert_eq!(reason(&record), "argument_denied");
                assert_eq!(
                    call(&record).mcp.as_ref().and_then(|m| m.target.as_deref()),
                    params["name"].as_str().or(Some("ask-x"))
                );
            }
        }
        assert_eq!(gw.upstream.count() - before, usize::from(refused.is_none()), "{params}");
    }
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"org":"acme","org":"beta","page":{"size":10}}}}"#;
    let request = Request::new("POST", "/mcp/deep").bearer(&caller.token).header("Content-Type", "application/json").body(twice);
    let response = conn.ask(&request).await;
    assert_eq!((response.status, reason(&gw.record_of(&response).await)), (400, "message_malformed"));
    gw.running.stop().await;
}

const CHANGED: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";

/// The stream on which a legacy client hears from its server, past the notification that it begins with.
async fn listening(gw: &Gateway, caller: &Caller) -> (Conn, String) {
    let mut conn = Conn::open(gw.running.public).await;
    let request = Request::get(URL).bearer(&caller.token).header("Accept", "text/event-stream").header("X-Behave", "events");
    conn.send(&request.bytes()).await;
    let head = within("a head before the server has said anything", conn.head()).await.expect("a head");
    assert_eq!(head.status, 200);
    assert_eq!(within("a notification", conn.chunk()).await, Some(Some(CHANGED.as_bytes().to_vec())));
    (conn, head.request_id().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_when_its_lists_change() {
    let gw = Gateway::start().await;
    let ada = gw.caller("acme", &["reader", "agent"], "mcp:tools:invoke metrics:read dash:read").await;
    let eve = gw.caller("beta", &["reader", "agent"], HELD).await;
    let ((mut of_ada, id), (mut of_eve, _)) = (listening(&gw, &ada).await, listening(&gw, &eve).await);
    gw.upstream.emit("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n");
    for stream in [&mut of_ada, &mut of_eve] {
        let event = within("an event", stream.chunk()).await.expect("more").expect("bytes");
        assert!(event.windows(8).any(|w| w == b"/message"), "{}", String::from_utf8_lossy(&event));
    }
    let node = &gw.running.node;
    let less = crate::harness::world::scopes("dash:read");
    let narrowed = node.store.narrow_grant(&ada.grant.id, &ada.user.id, &less, &node.own_cause()).await;
    assert!(narrowed.expect("an answer"));
    node.settle().await.expect("it is seen");
    assert_eq!(within("the end of her stream", of_ada.chunk()).await, None, "what she opens again begins with the notification");
    assert_eq!(outcome(&gw.record_of_request(&id).await), "200", "nothing was revoked");
    listening(&gw, &ada).await;

    // Nothing that eve is shown has changed: her stream goes on.
    gw.upstream.emit("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n");
    assert!(within("an event", of_eve.chunk()).await.expect("more").is_some());
    gw.running.stop().await;
}

/// What is narrowed by labels is of no use to a tool, so no list names it.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_narrowed_by_labels_is_told_too() {
    let (gw, caller, mut conn) = agent().await;
    let whole = conn.ask(&post(&caller, LIST).header("X-Behave", "tools")).await;
    assert_eq!(names(&whole.json()), ["echo", "get-sum"]);
    let (mut stream, _) = listening(&gw, &caller).await;
    let node = &gw.running.node;
    let team = serde_json::from_value(json!({"metrics:read": {"team": ["a"]}})).expect("selectors");
    let selected = node.store.select_in_grant(&caller.grant.id, &caller.user.id, &team, &node.own_cause()).await;
    assert!(selected.expect("an answer"));
    node.settle().await.expect("it is seen");
    assert_eq!(within("the end of the stream", stream.chunk()).await, None);
    for behave in ["tools", "events"] {
        let number = gw.upstream.count() + 1;
        conn.send(&post(&caller, LIST).header("X-Behave", behave).bytes()).await;
        gw.upstream.asked(number).await;
        if behave == "events" {
            gw.upstream.emit(&format!("event: message\ndata: {}\n\n", crate::harness::upstream::tools()));
            gw.upstream.finish();
        }
        let answer = conn.response().await;
        let list = if behave == "events" { events(&answer).remove(0) } else { answer.json() };
        assert_eq!(names(&list), ["echo"], "{behave}");
    }
    let refused = conn.ask(&post(&caller, tool("get-sum"))).await;
    assert_eq!(refused.reason().as_deref(), Some("permission_narrowed"), "{refused:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_offer_the_notifications_that_the_gate_sends() {
    let (gw, caller, mut conn) = agent().await;
    let answer = conn.ask(&post(&caller, INITIALIZE).header("X-Behave", "initialize")).await;
    let offered = json!({"tools": {"listChanged": true}, "prompts": {}, "logging": {}});
    assert_eq!(answer.json()["result"]["capabilities"], offered, "prompts are the same for everybody: {answer:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_told_once_its_server_has_accepted_it() {
    let (gw, caller, mut conn) = agent().await;
    let listen = |wanted: &str| {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":"s-1","method":"subscriptions/listen","params":{{"notifications":{{{wanted}}},{meta}}}}}"#
        );
        let request = post(&caller, body).header("X-Behave", "events").header("MCP-Protocol-Version", "2026-07-28");
        request.header("Mcp-Method", "subscriptions/listen")
    };
    let accepted = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":"s-1"}}}"#;
    for (wanted, told) in [("\"toolsListChanged\":true", true), ("\"promptsListChanged\":true", false), ("", false)] {
        let number = gw.upstream.count() + 1;
        conn.send(&listen(wanted).bytes()).await;
        gw.upstream.asked(number).await;
        gw.upstream.emit(&format!("data: {accepted}\n\n"));
        gw.upstream.finish();
        let seen = events(&conn.response().await);
        let agreed = if told { json!({"toolsListChanged": true}) } else { json!({}) };
        assert_eq!(seen[0]["params"]["notifications"], agreed, "{wanted}");
        let methods: Vec<_> = seen[1..].iter().map(|m| (&m["method"], &m["params"]["_meta"])).collect();
        let meta = json!({"io.modelcontextprotocol/subscriptionId": "s-1"});
        let expected = [(&json!("notifications/tools/list_changed"), &meta)];
        assert_eq!(methods, expected[..usize::from(told)], "{wanted}");
    }
    gw.running.stop().await;
}
