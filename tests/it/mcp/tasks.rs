//! Tasks: closed where nobody opened them, and where they are open, everybody's own.

use serde_json::{Value, json};

use super::{INITIALIZE, agent, events, post};
use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, Setup};

const LONG: &str = r#"
[[apis]]
name = "long"
mount = "/mcp/long"
kind = "mcp"
upstream = "plain"
tools = { default = [] }
tasks = true
[[apis]]
name = "other"
mount = "/mcp/other"
kind = "mcp"
upstream = "plain"
tools = { default = [] }
tasks = true
[roles.long]
permissions = ["mcp:long:invoke", "mcp:other:invoke", "mcp:tools:invoke"]
"#;
const HELD: &str = "mcp:tools:invoke mcp:long:invoke mcp:other:invoke";
const MODERN: &str = "2026-07-28";
const RELATED: &str = "io.modelcontextprotocol/related-task";

async fn long() -> Gateway {
    Gateway::start_with(Setup { more: LONG.to_owned(), ..Setup::default() }).await
}

fn asks(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

fn at(path: &str, caller: &Caller, body: String) -> Request {
    Request::new("POST", path).bearer(&caller.token).header("Content-Type", "application/json").body(body)
}

/// Asks, and lets the server answer with this result.
async fn told(conn: &mut Conn, request: Request, result: &Value) -> Value {
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let response = conn.ask(&request.header("X-Behave", "say").header("X-Say", &answer)).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["result"].clone()
}

/// Makes the task `t-1`; gives its id as the caller has it.
async fn made(conn: &mut Conn, caller: &Caller, id: &str) -> String {
    let call = at("/mcp/long", caller, asks("tools/call", &json!({"name": "echo", "task": {"ttl": 60000}})));
    let result = told(conn, call, &json!({"task": {"taskId": id, "status": "working"}})).await;
    result["task"]["taskId"].as_str().expect("an id").to_owned()
}

async fn refused(gw: &Gateway, response: &Response, what: &str) {
    let body = response.json();
    let error = (&body["error"]["code"], &body["error"]["message"], &body["error"]["data"]["reason"]);
    assert_eq!(response.status, 400, "{what}: {response:?}");
    assert_eq!(error, (&json!(-32602), &json!("Task not found"), &json!("task_not_yours")), "{what}");
    assert_eq!(reason(&gw.record_of(response).await), "task_not_yours", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_closed_unless_somebody_opens_them() {
    let gw = long().await;
    let caller = gw.open_caller("acme", &["long"], HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    let cases = [
        ("tasks/get", json!({"taskId": "t"})),
        ("tasks/result", json!({"taskId": "t"})),
        ("tasks/update", json!({"taskId": "t"})),
        ("tasks/cancel", json!({"taskId": "t"})),
        ("tasks/list", json!({})),
        ("tools/call", json!({"name": "echo", "task": {"ttl": 60000}})),
        ("subscriptions/listen", json!({"notifications": {"taskIds": ["t"]}})),
    ];
    for (method, params) in cases {
        let before = gw.upstream.count();
        let refused = conn.ask(&post(&caller, asks(method, &params))).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (403, None), "{method}: {refused:?}");
        let error = &refused.json()["error"];
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32601), &json!("tasks_closed")), "{refused:?}");
        assert_eq!((reason(&gw.record_of(&refused).await), gw.upstream.count()), ("tasks_closed", before));
    }
    let unknown = conn.ask(&at("/mcp/long", &caller, asks("tasks/purge", &json!({"taskId": "t"})))).await;
    assert_eq!(reason(&gw.record_of(&unknown).await), "tasks_closed", "what a later revision adds: {unknown:?}");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": MODERN});
    let modern =
        |body: String, method: &str| post(&caller, body).header("MCP-Protocol-Version", MODERN).header("Mcp-Method", method);
    let get = asks("tasks/get", &json!({"taskId": "t", "_meta": meta}));
    let refused = conn.ask(&modern(get, "tasks/get").header("Mcp-Name", "t")).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (404, &json!(-32601)), "{refused:?}");
    let leftover = asks("tools/call", &json!({"name": "echo", "task": {"ttl": 1}, "_meta": meta}));
    let answered = conn.ask(&modern(leftover, "tools/call").header("Mcp-Name", "echo")).await;
    assert_eq!(answered.status, 200, "a leftover of the legacy era, which servers ignore");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_its_users_in_their_organization_at_one_server() {
    let gw = long().await;
    let ada = gw.open_caller("acme", &["long"], HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    let sealed = made(&mut conn, &ada, "t-1").await;
    assert!(sealed.starts_with("t-1.") && sealed.len() > "t-1.".len(), "{sealed}");
    assert_eq!(made(&mut conn, &ada, "t-1").await, sealed);

    let state = json!({"taskId": "t-1", "status": "working"});
    for method in ["tasks/get", "tasks/cancel", "tasks/result", "tasks/update"] {
        let ask = at("/mcp/long", &ada, asks(method, &json!({"taskId": sealed})));
        let result = told(&mut conn, ask, &state).await;
        assert_eq!(result["taskId"], json!(sealed), "{method}");
        let seen: Value = serde_json::from_slice(&gw.upstream.last().body).expect("JSON");
        assert_eq!(seen["params"]["taskId"], json!("t-1"), "{method}: its server knows the id bare");
    }
    let about = json!({"content": [], "_meta": {RELATED: {"taskId": "t-1"}}});
    let ask = at("/mcp/long", &ada, asks("tasks/result", &json!({"taskId": sealed, "_meta": {RELATED: {"taskId": sealed}}})));
    assert_eq!(told(&mut conn, ask, &about).await["_meta"][RELATED]["taskId"], json!(sealed));
    let seen: Value = serde_json::from_slice(&gw.upstream.last().body).expect("JSON");
    assert_eq!(seen["params"]["_meta"][RELATED]["taskId"], json!("t-1"));

    let bob = gw.user("bob@acme.test").await;
    gw.member(&ada.org, &bob, &["long"]).await;
    let bob = gw.grant_to(&ada.org, &bob, &ada.client, HELD).await;
    let beta = gw.org("beta").await;
    gw.member(&beta, &ada.user, &["long"]).await;
    let elsewhere = gw.grant_to(&beta, &ada.user, &ada.client, HELD).await;
    let before = gw.upstream.count();
    for method in ["tasks/get", "tasks/result", "tasks/update", "tasks/cancel"] {
        for (caller, path, id) in [
            (&bob, "/mcp/long", &*sealed),
            (&elsewhere, "/mcp/long", &*sealed),
            (&ada, "/mcp/other", &*sealed),
            (&ada, "/mcp/long", "t-1"),
            (&ada, "/mcp/long", "t-1."),
            (&ada, "/mcp/long", "never"),
        ] {
            let what = format!("{method} {path} {id}");
            refused(&gw, &conn.ask(&at(path, caller, asks(method, &json!({"taskId": id})))).await, &what).await;
        }
        let none = conn.ask(&at("/mcp/long", &ada, asks(method, &json!({})))).await;
        refused(&gw, &none, "no id at all").await;
    }
    let meta = json!({"name": "echo", "_meta": {RELATED: {"taskId": sealed}}});
    refused(&gw, &conn.ask(&at("/mcp/long", &bob, asks("tools/call", &meta))).await, "a call that belongs to one").await;
    assert_eq!(gw.upstream.count(), before, "nothing of it arrives");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_tasks_has_the_readers_own() {
    let gw = long().await;
    let ada = gw.open_caller("acme", &["long"], HELD).await;
    let bob = gw.user("bob@acme.test").await;
    gw.member(&ada.org, &bob, &["long"]).await;
    let bob = gw.grant_to(&ada.org, &bob, &ada.client, HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    let (one, two) = (made(&mut conn, &ada, "t-1").await, made(&mut conn, &bob, "t-2").await);
    let everybodys =
        json!({"tasks": [{"taskId": "t-1"}, {"taskId": "t-2", "status": "working"}, {"taskId": "t-3"}], "nextCursor": "2"});
    for (caller, expected) in [(&ada, json!([{"taskId": one}])), (&bob, json!([{"taskId": two, "status": "working"}]))] {
        let list = told(&mut conn, at("/mcp/long", caller, asks("tasks/list", &json!({}))), &everybodys).await;
        assert_eq!((&list["tasks"], &list["nextCursor"]), (&expected, &json!("2")));
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_client_hears_of_the_tasks_that_it_names() {
    let gw = long().await;
    let ada = gw.open_caller("acme", &["long"], HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": MODERN});
    let modern = |method: &str, params: Value| {
        at("/mcp/long", &ada, asks(method, &params)).header("MCP-Protocol-Version", MODERN).header("Mcp-Method", method)
    };
    let call = modern("tools/call", json!({"name": "echo", "_meta": meta})).header("Mcp-Name", "echo");
    let result = told(&mut conn, call, &json!({"resultType": "task", "taskId": "t-1"})).await;
    let sealed = result["taskId"].as_str().expect("an id").to_owned();
    assert!(sealed.starts_with("t-1."), "{sealed}");

    let get = modern("tasks/get", json!({"taskId": sealed, "_meta": meta})).header("Mcp-Name", &sealed);
    told(&mut conn, get, &json!({"taskId": "t-1"})).await;
    assert_eq!(gw.upstream.last().header("mcp-name"), "t-1", "what the header mirrors is what the body says");

    let wanted = |id: &str| json!({"notifications": {"taskIds": [id]}, "_meta": meta});
    refused(&gw, &conn.ask(&modern("subscriptions/listen", wanted("t-1"))).await, "a bare id").await;
    let number = gw.upstream.count() + 1;
    conn.send(&modern("subscriptions/listen", wanted(&sealed)).header("X-Behave", "events").bytes()).await;
    gw.upstream.asked(number).await;
    let tells = |method: &str, params: Value| {
        gw.upstream.emit(&format!("id: 7\ndata: {}\n\n", json!({"jsonrpc": "2.0", "method": method, "params": params})));
    };
    tells("notifications/subscriptions/acknowledged", json!({"notifications": {"taskIds": ["t-1"]}}));
    tells("notifications/tasks", json!({"taskId": "t-2", "statusMessage": "another's"}));
    tells("notifications/tasks", json!({"taskId": "t-1", "statusMessage": "own"}));
    gw.upstream.finish();
    let seen = events(&conn.response().await);
    assert_eq!(seen.len(), 2, "of another's task nothing is told: {seen:?}");
    assert_eq!(seen[0]["params"]["notifications"]["taskIds"], json!([sealed]));
    assert_eq!(seen[1]["params"], json!({"taskId": sealed, "statusMessage": "own"}));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_tasks_are_not_offered() {
    let (gw, caller, mut conn) = agent().await;
    let capabilities = json!({"tasks": {"list": {}, "cancel": {}}, "extensions": {"io.modelcontextprotocol/tasks": {}, "x/y": {}},
        "tools": {}});
    let left = json!({"extensions": {"x/y": {}}, "tools": {"listChanged": true}});
    let result = told(&mut conn, post(&caller, INITIALIZE), &json!({"capabilities": capabilities})).await;
    assert_eq!(result["capabilities"], left);
    let discover = asks("server/discover", &json!({"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}));
    let discover = post(&caller, discover).header("MCP-Protocol-Version", MODERN).header("Mcp-Method", "server/discover");
    assert_eq!(told(&mut conn, discover, &json!({"capabilities": capabilities})).await["capabilities"], left);
    let tools = json!({"tools": [{"name": "echo"}, {"name": "get-sum", "execution": {"taskSupport": "required"}}]});
    let listed = told(&mut conn, post(&caller, asks("tools/list", &json!({}))), &tools).await;
    assert_eq!(listed["tools"], json!([{"name": "echo"}]), "what can only be called as a task can't be called");
    gw.running.stop().await;

    let gw = long().await;
    let caller = gw.open_caller("acme", &["long"], HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    let result = told(&mut conn, at("/mcp/long", &caller, INITIALIZE.to_owned()), &json!({"capabilities": capabilities})).await;
    assert_eq!(result["capabilities"], capabilities);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_said_to_be_cut_off_for_a_task_that_was_not_sealed_yet() {
    let more = LONG.replace("tasks = true\n[[apis]]", "tasks = true\nenforce = \"shadow\"\n[[apis]]");
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["long"], HELD).await;
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(made(&mut conn, &caller, "t-1").await, "t-1", "as it came, as long as nothing is enforced");
    let asked = at("/mcp/long", &caller, asks("tasks/get", &json!({"taskId": "t-1"})));
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"taskId": "t-1", "status": "working"}}).to_string();
    let response = conn.ask(&asked.header("X-Behave", "say").header("X-Say", &answer)).await;
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), call(&record).would_deny.is_none()), ("allowed", true), "{record:?}");
    gw.running.stop().await;
}
