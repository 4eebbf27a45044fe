//! What is explained is what is decided: by the same code, for requests that were made and for those that nobody made.

use serde_json::json;
use tollgate::admin::{Administration as _, ClientPolicyChange, ExplainQuery, ExplanationView, Local};

use crate::harness::api::{HTTP2, READERS};
use crate::harness::audit::reason;
use crate::harness::gateway::free_port;
use crate::harness::http1::{Request, ask};
use crate::harness::{Api, Caller, Gateway, Setup};

async fn supposed(gw: &Gateway, caller: Option<&Caller>, scopes: &str, method: &str, path: &str) -> ExplanationView {
    let query = ExplainQuery {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        org: caller.map(|c| c.org.slug.to_string()),
        user: caller.map(|c| c.user.email.clone()),
        client: caller.map(|c| c.client.id.to_string()),
        scopes: caller.map(|_| scopes.to_owned()),
        ..ExplainQuery::default()
    };
    Local::new(gw.running.node.clone()).explain(query).await.expect("an explanation")
}

/// The parts that let the request on, and the one that did not.
fn parts(view: &ExplanationView) -> String {
    let mark = |passed: bool| if passed { "" } else { "!" };
    view.steps.iter().map(|s| format!("{}{}", mark(s.passed), s.stage)).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_made_is_explained_as_the_same_one_is_answered() {
    let gw = Gateway::start().await;
    let caller = gw.open_caller("acme", &["reader", "operator"], "metrics:read dash:read rules:read").await;
    let gone = gw.grant_to(&caller.org, &caller.user, &gw.client(None).await, "metrics:read").await;
    gw.revoke(&gone.grant).await;
    let query = "/prometheus/api/v1/query";
    let cases: [(Option<&Caller>, &str, &str, &str, &str); 14] = [
        (Some(&caller), "metrics:read", "GET", query, "hygiene mount authenticate audience route bind authorize"),
        (
            Some(&caller),
            "metrics:read",
            "GET",
            "/prometheus/api/v1/query?query=up{job=\"x\"}>0",
            "hygiene mount authenticate audience route bind authorize",
        ),
        (None, "", "GET", "/prometheus/api/v1/query\"", "!hygiene"),
        (Some(&caller), "dash:read", "GET", query, "hygiene mount authenticate audience route bind !authorize"),
        (Some(&caller), "metrics:read", "GET", "/prometheus/none", "hygiene mount authenticate audience !route"),
        (Some(&caller), "metrics:read", "DELETE", query, "hygiene mount authenticate audience !route"),
        (
            Some(&caller),
            "metrics:read",
            "GET",
            "/prometheus/api/v1/query?tenant=x",
            "hygiene mount authenticate audience route !bind",
        ),
        (Some(&caller), "dash:read", "GET", "/dash/api/other/dashboards/1", "hygiene mount authenticate audience route !bind"),
        (
            Some(&caller),
            "dash:read",
            "GET",
            "/dash/api/acme/dashboards/1",
            "hygiene mount authenticate audience route bind authorize",
        ),
        (Some(&gone), "metrics:read", "GET", query, "hygiene mount !authenticate"),
        (None, "", "GET", query, "hygiene mount !authenticate"),
        (None, "", "GET", "/dash/health", "hygiene mount route"),
        (None, "", "GET", "/prometheus/a%2Fb", "hygiene mount !authenticate"),
        (None, "", "TRACE", query, "!hygiene"),
    ];
    for (who, scopes, method, path, wanted) in cases {
        let view = supposed(&gw, who, scopes, method, path).await;
        assert_eq!(parts(&view), wanted, "{method} {path}: {view:?}");
        let request = Request::new(method, path);
        let request = match who {
            Some(who) => request.bearer(&gw.token(&who.grant, scopes, &[])),
            None => request,
        };
        let answer = ask(gw.running.public, &request).await;
        if view.allowed {
            assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        } else {
            assert_eq!(answer.reason(), view.reason, "{method} {path}: {answer:?}");
        }
    }
    let nowhere = supposed(&gw, None, "", "GET", "/login").await;
    assert_eq!((parts(&nowhere).as_str(), nowhere.allowed), ("hygiene !mount", false));
    gw.running.stop().await;
}

/// Who is said to take the scope away.
fn takers(view: &ExplanationView, scope: &str) -> Vec<String> {
    view.lacks.iter().filter(|l| l.scope.as_str() == scope).map(|l| l.factor.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_factor_that_takes_a_scope_away_is_named_with_the_way_to_mend_it() {
    let gw = Gateway::start().await;
    let path = "/prometheus/api/v1/query";
    let full = gw.open_caller("acme", &["reader"], "metrics:read dash:read").await;
    let mended = async |caller: &Caller, scopes: &str| supposed(&gw, Some(caller), scopes, "GET", path).await;
    let fine = mended(&full, "metrics:read").await;
    assert!(fine.allowed && fine.lacks.is_empty(), "{fine:?}");

    let view = mended(&full, "dash:read").await;
    assert_eq!(takers(&view, "metrics:read"), ["token"], "{view:?}");

    let narrow = gw.grant_to(&full.org, &full.user, &gw.client(None).await, "dash:read").await;
    let view = mended(&narrow, "metrics:read").await;
    assert_eq!(takers(&view, "metrics:read"), ["grant"], "{view:?}");
    assert!(view.lacks[0].mend.contains("ada@acme.test did not agree"), "{view:?}");

    let limited = gw.grant_to(&full.org, &full.user, &gw.client(Some("dash:read")).await, "metrics:read dash:read").await;
    let view = mended(&limited, "metrics:read").await;
    assert_eq!(takers(&view, "metrics:read"), ["client"], "{view:?}");

    let change = ClientPolicyChange { scopes: Some("dash:read".into()), ..ClientPolicyChange::default() };
    let admin = Local::new(gw.running.node.clone());
    admin.set_client_policy("acme", full.client.id.as_str(), change).await.expect("a restriction");
    let view = mended(&full, "metrics:read").await;
    assert_eq!(takers(&view, "metrics:read"), ["policy"], "{view:?}");

    gw.member(&full.org, &full.user, &["clerk"]).await;
    let other = gw.grant_to(&full.org, &full.user, &gw.client(None).await, "metrics:read dash:read").await;
    assert!(mended(&other, "metrics:read").await.allowed);
    gw.member(&full.org, &full.user, &[]).await;
    let view = mended(&other, "metrics:read").await;
    assert_eq!(takers(&view, "metrics:read"), ["user"], "{view:?}");
    assert!(view.lacks[0].mend.contains("reader"), "roles that have it: {view:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_made_is_explained_as_it_was_and_as_it_would_be_now() {
    let gw = Gateway::start().await;
    let caller = gw.open_caller("acme", &["reader"], "dash:read").await;
    let answer = ask(gw.running.public, &Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token)).await;
    assert_eq!(answer.status, 403);
    gw.record_of(&answer).await;
    let admin = Local::new(gw.running.node.clone());
    let query = ExplainQuery { request: Some(answer.request_id().to_owned()), ..ExplainQuery::default() };
    let view = admin.explain(query.clone()).await.expect("an explanation");
    let then = view.recorded.as_ref().expect("what was decided");
    assert_eq!((then.decision.as_str(), then.needed.to_string()), ("insufficient_scope", "metrics:read".to_owned()));
    assert_eq!((view.allowed, takers(&view, "metrics:read")), (false, vec!["grant".to_owned(), "token".to_owned()]));
    let bad = ExplainQuery { request: Some("req_never".into()), ..ExplainQuery::default() };
    assert!(admin.explain(bad).await.is_err());
    assert!(admin.explain(ExplainQuery { path: Some("/x".into()), ..query }).await.is_err(), "one or the other");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_explained_as_its_message_is_decided() {
    let gw = Gateway::start().await;
    let agent = gw.open_caller("acme", &["agent"], "mcp:tools:invoke mcp:tools:write").await;
    for (tool, reason) in
        [("echo", None), ("write-x", None), ("get-x", Some("insufficient_scope")), ("none", Some("target_denied"))]
    {
        let query = ExplainQuery {
            method: Some("post".into()),
            path: Some("/mcp/tools".into()),
            org: Some("acme".into()),
            user: Some(agent.user.email.clone()),
            client: Some(agent.client.id.to_string()),
            tool: Some(tool.into()),
            ..ExplainQuery::default()
        };
        let view = Local::new(gw.running.node.clone()).explain(query).await.expect("an explanation");
        assert_eq!(view.reason.as_deref(), reason, "{tool}: {view:?}");
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{{}}}}}}"
        );
        let request =
            Request::new("POST", "/mcp/tools").bearer(&agent.token).header("Content-Type", "application/json").body(body);
        let answer = ask(gw.running.public, &request).await;
        assert_eq!(answer.status == 200, reason.is_none(), "{tool}: {answer:?}");
    }
    gw.running.stop().await;
}

/// Everything that decides beside routes and scopes.
fn everything() -> String {
    let echo = Api::named("echo").at(format!("127.0.0.1:{}", free_port()), HTTP2).keys("services = [\"test.v1.Echo\"]");
    let echo = echo.route("call", "POST", "/test.v1.Echo/{method}", READERS);
    let live = Api::named("live").route("socket", "GET", "/socket", &format!("{READERS}\nupgrade = \"websocket\""));
    let search = Api::named("search").pack("opensearch").keys(r#"tenant = { mode = "index", value = "{org.slug}." }"#);
    let deep = Api::mcp("deep").keys(
        r#"
tools = { query = { scopes = [], when = { "arguments.org" = "{org.slug}" } }, guarded = ["metrics:read"] }
prompts = { greet = [], ask = ["metrics:read"] }
resources = { "log:///*" = [], "log:///private/*" = ["metrics:read"] }
"#,
    );
    let roles = r#"
[roles.every]
permissions = ["metrics:read", "rules:read", "logs:read", "mcp:deep:invoke"]
[roles.team]
permissions = ["metrics:read", "mcp:deep:invoke"]
selectors."metrics:read" = { team = ["a", "b"] }
[roles.stage]
permissions = ["metrics:read"]
selectors."metrics:read" = { stage = "p" }
"#;
    format!("{echo}{live}{search}{deep}{roles}")
}

/// What is asked for: a tool, a prompt, a resource, or nothing of an MCP server.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Tool(&'static str),
    Prompt(&'static str),
    Resource(&'static str),
    /// From a page of this origin.
    From(&'static str),
    /// A body of this length.
    Sending(usize),
    Nothing,
}

impl Asks {
    fn body(self, org: &str) -> Option<String> {
        let (method, params) = match self {
            Self::Tool(name) => ("tools/call", json!({"name": name, "arguments": {"org": org}})),
            Self::Prompt(name) => ("prompts/get", json!({"name": name})),
            Self::Resource(uri) => ("resources/read", json!({"uri": uri})),
            Self::Sending(length) => return Some("x".repeat(length)),
            Self::From(_) | Self::Nothing => return None,
        };
        Some(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
    }

    fn query(self, caller: &Caller, method: &str, path: &str) -> ExplainQuery {
        let name = |name: &str| Some(name.to_owned());
        let query = ExplainQuery {
            method: name(method),
            path: name(path),
            org: Some(caller.org.slug.to_string()),
            user: Some(caller.user.email.clone()),
            client: Some(caller.client.id.to_string()),
            ..ExplainQuery::default()
        };
        match self {
            Self::Tool(tool) => ExplainQuery { tool: name(tool), ..query },
            Self::Prompt(prompt) => ExplainQuery { prompt: name(prompt), ..query },
            Self::Resource(uri) => ExplainQuery { resource: name(uri), ..query },
            Self::From(origin) => ExplainQuery { origin: name(origin), ..query },
            Self::Sending(length) => ExplainQuery { length: u64::try_from(length).ok(), ..query },
            Self::Nothing => query,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_decision_is_explained_as_the_gate_makes_it() {
    let gw = Gateway::start_with(Setup { more: everything(), ..Setup::default() }).await;
    let admin = Local::new(gw.running.node.clone());
    let every = gw.open_caller("one", &["every"], "metrics:read rules:read logs:read mcp:deep:invoke").await;
    let few = gw.grant_to(&every.org, &every.user, &gw.client(None).await, "rules:read mcp:deep:invoke").await;
    let team = gw.open_caller("two", &["team"], "metrics:read mcp:deep:invoke").await;
    let torn = gw.open_caller("three", &["team", "stage"], "metrics:read").await;
    let (echo, deep, up) = ("/test.v1.Echo/Call", "/mcp/deep", "/shared/api/v1/query?query=up");
    let prometheus = "/prometheus/api/v1/query?query=up";
    let cases = [
        (&every, "POST", echo, Asks::Nothing, "authorize", "allowed"),
        (&few, "POST", echo, Asks::Nothing, "!authorize", "insufficient_scope"),
        (&every, "POST", "/test.v1.Other/Call", Asks::Nothing, "!mount", "no_route"),
        (&every, "GET", up, Asks::Nothing, "narrow", "allowed"),
        (&every, "GET", "/shared/api/v1/metadata", Asks::Nothing, "!narrow", "route_not_enforceable"),
        (&every, "GET", "/shared/api/v1/query?query=info(up)", Asks::Nothing, "!narrow", "selector_not_enforceable"),
        (&every, "GET", "/shared/api/v1/query", Asks::Nothing, "!narrow", "parameter_missing"),
        (&team, "GET", "/prometheus/api/v1/query?query=up", Asks::Nothing, "narrow", "allowed"),
        (&team, "GET", "/prometheus/api/v1/metadata", Asks::Nothing, "!narrow", "permission_narrowed"),
        (&torn, "GET", "/prometheus/api/v1/query?query=up", Asks::Nothing, "!narrow", "selectors_conflict"),
        (&every, "GET", "/search/one.logs/_search", Asks::Nothing, "body", "allowed"),
        (&every, "GET", "/search/two.logs/_search", Asks::Nothing, "!bind", "other_organization_index"),
        (&every, "GET", "/live/socket", Asks::Nothing, "!connection", "upgrade_required"),
        (&every, "POST", deep, Asks::Tool("query"), "message", "allowed"),
        (&every, "POST", deep, Asks::Tool("guarded"), "message", "allowed"),
        (&few, "POST", deep, Asks::Tool("guarded"), "!message", "insufficient_scope"),
        (&team, "POST", deep, Asks::Tool("guarded"), "!narrow", "permission_narrowed"),
        (&every, "POST", deep, Asks::Tool("none"), "!message", "target_denied"),
        (&few, "POST", deep, Asks::Prompt("greet"), "message", "allowed"),
        (&few, "POST", deep, Asks::Prompt("ask"), "!message", "insufficient_scope"),
        (&every, "POST", deep, Asks::Prompt("none"), "!message", "target_denied"),
        (&few, "POST", deep, Asks::Resource("log:///a"), "message", "allowed"),
        (&few, "POST", deep, Asks::Resource("log:///private/a"), "!message", "insufficient_scope"),
        (&every, "POST", deep, Asks::Resource("log:///x/../private/a"), "!message", "target_denied"),
        (&every, "POST", deep, Asks::From("https://evil.test"), "!origin", "origin_not_allowed"),
        (&every, "GET", prometheus, Asks::From("https://app.test"), "authorize", "allowed"),
        (&every, "GET", prometheus, Asks::From("https://evil.test"), "authorize", "allowed"),
        (&every, "POST", "/tight/small", Asks::Sending(11), "!body", "body_too_large"),
        (&every, "POST", "/tight/small", Asks::Sending(10), "rates", "allowed"),
        (&every, "GET", "/tight/rate", Asks::Nothing, "rates", "allowed"),
    ];
    for (caller, method, path, asks, last, decided) in cases {
        let request = Request::new(method, path).bearer(&caller.token).header("Content-Type", "application/json");
        let request = if let Asks::From(origin) = asks { request.header("Origin", origin) } else { request };
        let request = asks.body(caller.org.slug.as_str()).into_iter().fold(request, Request::body);
        let answer = ask(gw.running.public, &request).await;
        if last != "!mount" {
            assert_eq!(reason(&gw.record_of(&answer).await), decided, "{method} {path} {asks:?}: {answer:?}");
        }
        let view = admin.explain(asks.query(caller, method, path)).await.expect("an explanation");
        assert_eq!(view.reason.as_deref().unwrap_or("allowed"), decided, "{method} {path} {asks:?}: {view:?}");
        assert_eq!(parts(&view).split(' ').next_back(), Some(last), "{method} {path} {asks:?}: {view:?}");
        if last.ends_with("message") {
            let query = ExplainQuery { request: Some(answer.request_id().to_owned()), ..ExplainQuery::default() };
            let again = admin.explain(query).await.expect("an explanation");
            assert_eq!((&again.reason, parts(&again)), (&view.reason, parts(&view)), "{path} {asks:?}: {again:?}");
        }
    }
    let told = admin.explain(Asks::Tool("query").query(&every, "POST", deep)).await.expect("an explanation");
    let says = told.steps.last().map(|step| step.says.as_str()).unwrap_or_default();
    assert!(says.contains("arguments.org") && says.contains("not known"), "{says}");
    for (asks, method, path, stage, expected) in [
        (Asks::From("https://app.test"), "GET", prometheus, "origin", "may call it and read"),
        (Asks::From("https://evil.test"), "GET", prometheus, "origin", "not listed"),
        (
            Asks::Nothing,
            "GET",
            "/tight/rate",
            "rates",
            "100 at once and one every 100ms after that, for all of one; 2 at once and one every 5s after that, for ",
        ),
        (Asks::Nothing, "GET", "/tight/one", "rates", "1 at one time on this route"),
        (Asks::Nothing, "POST", "/tight/small", "body", "10 bytes"),
        (Asks::Nothing, "POST", "/search/one.logs/_search", "body", "names indices of others is refused"),
    ] {
        let view = admin.explain(asks.query(&every, method, path)).await.expect("an explanation");
        let says = view.steps.iter().find(|step| step.stage == stage).map(|step| step.says.as_str()).unwrap_or_default();
        assert!(says.contains(expected), "{path} {asks:?}: {says}");
    }
    gw.running.stop().await;
}

/// What the gateway's own MCP server says about a request that nobody made.
async fn told(gw: &Gateway, token: &str, supposed: serde_json::Value) -> serde_json::Value {
    let params = json!({"name": "explain_denial", "arguments": {"supposed": supposed}});
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string();
    let post = Request::new("POST", "/mcp").bearer(token).header("Content-Type", "application/json");
    let answer = ask(gw.running.public, &post.header("Accept", "application/json, text/event-stream").body(message)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let result = answer.json()["result"].clone();
    assert_ne!(result["isError"], true, "{result}");
    result["structuredContent"]["supposed"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_they_would_be_answered_and_nothing_of_others() {
    let more = "\n[roles.asker]\npermissions = [\"mcp:tollgate:invoke\"]\n".to_owned();
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let granted = "metrics:read dash:read mcp:tools:invoke mcp:tollgate:invoke";
    let caller = gw.open_caller("acme", &["reader", "agent", "asker"], granted).await;
    let other = gw.open_caller("other", &["operator"], "alerts:read metrics:read").await;
    let call = |tool: &str| {
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}}}).to_string()
    };
    for (method, path, tool) in [
        ("GET", "/prometheus/api/v1/query", None),
        ("GET", "/prometheus/api/v1/rules", None),
        ("GET", "/prometheus/none", None),
        ("DELETE", "/prometheus/api/v1/query", None),
        ("GET", "/prometheus/api/v1/query?tenant=x", None),
        ("GET", "/shared/api/v1/query?query=up", None),
        ("GET", "/shared/api/v1/query?query=up%7B", None),
        ("GET", "/dash/api/acme/dashboards/1", None),
        ("GET", "/dash/api/other/dashboards/1", None),
        ("POST", "/mcp/tools", Some("echo")),
        ("POST", "/mcp/tools", Some("get-it")),
        ("POST", "/mcp/tools", Some("write-it")),
        ("POST", "/mcp/tools", Some("drop")),
    ] {
        let supposed = match tool {
            Some(tool) => json!({"method": method, "path": path, "tool": tool}),
            None => json!({"method": method, "path": path}),
        };
        let told = told(&gw, &caller.token, supposed).await;
        let request = Request::new(method, path).bearer(&caller.token);
        let request = match tool {
            Some(tool) => request.header("Content-Type", "application/json").body(call(tool)),
            None => request,
        };
        let answer = ask(gw.running.public, &request).await;
        assert_eq!(answer.status < 400, told["allowed"] == true, "{method} {path} {tool:?}: {told} {answer:?}");
        if told["allowed"] != true {
            let record = gw.record_of(&answer).await;
            assert_eq!(told["reason"], reason(&record), "{method} {path} {tool:?}: {told}");
        }
        for theirs in [other.org.id.as_str(), other.org.tenant.as_str(), &other.user.email, other.client.id.as_str()] {
            assert!(!told.to_string().contains(theirs), "{told}");
        }
    }
    // Whether there is such an organization makes no difference.
    let there = told(&gw, &caller.token, json!({"method": "GET", "path": "/dash/api/other/dashboards/1"})).await;
    let none = told(&gw, &caller.token, json!({"method": "GET", "path": "/dash/api/never/dashboards/1"})).await;
    assert_eq!(there.to_string().replace("other/", "never/"), none.to_string());
    let narrow =
        told(&gw, &caller.token, json!({"method": "GET", "path": "/prometheus/api/v1/query", "scopes": "dash:read"})).await;
    assert_eq!((&narrow["reason"], &narrow["missing"][0]["factor"]), (&json!("insufficient_scope"), &json!("token")), "{narrow}");
    gw.running.stop().await;
}
