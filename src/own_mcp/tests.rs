//! The server through its router, in both protocol eras.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::account::tests::world::{Answer, START, World, ago, call, denied};
use crate::record::Decision;
use crate::token::Principal;

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

async fn send(world: &World, who: Option<&Arc<Principal>>, version: &str, message: &Value) -> Answer {
    let mut request = Request::post("/mcp")
        .header("host", "127.0.0.1:8080")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", version);
    if version == MODERN {
        request = request.header("mcp-method", message["method"].as_str().unwrap_or_default());
        if let Some(name) = message["params"]["name"].as_str() {
            request = request.header("mcp-name", name);
        }
    }
    let mut request = request.body(Body::from(message.to_string())).expect("a request");
    if let Some(principal) = who {
        request.extensions_mut().insert(Arc::clone(principal));
    }
    let router = super::router(Arc::clone(&world.node), Arc::clone(&world.flush) as _);
    world.send(router, request).await
}

/// A message of an era.
fn message(version: &str, method: &str, mut params: Value) -> Value {
    if version == MODERN {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "suite", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

async fn ask(world: &World, who: &Arc<Principal>, version: &str, method: &str, params: Value) -> Value {
    let answer = send(world, Some(who), version, &message(version, method, params)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let whole: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(whole["id"], 7, "{whole}");
    whole["result"].clone()
}

async fn tool(world: &World, who: &Arc<Principal>, name: &str, arguments: Value) -> Value {
    let result = ask(world, who, LEGACY, "tools/call", json!({ "name": name, "arguments": arguments })).await;
    assert_eq!(result, {
        let mut modern = ask(world, who, MODERN, "tools/call", json!({ "name": name, "arguments": arguments })).await;
        modern.as_object_mut().expect("an object").remove("resultType");
        modern.as_object_mut().expect("an object").remove("_meta");
        modern
    });
    result
}

fn words(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

async fn principal(world: &World, scopes: &str) -> Arc<Principal> {
    let client = world.client("Suite CLI").await;
    let grant = world.consent(&world.ada, &world.acme, &client, scopes).await;
    world.principal(&grant).await
}

#[tokio::test]
async fn a_request_that_the_gate_did_not_authenticate_is_refused() {
    let world = World::new().await;
    for method in ["initialize", "tools/list", "server/discover"] {
        let answer = send(&world, None, LEGACY, &message(LEGACY, method, json!({}))).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""), "{method}");
    }
}

#[tokio::test]
async fn both_eras_find_the_same_tools_without_a_session() {
    let world = World::new().await;
    let ada = principal(&world, "mcp:tollgate:invoke").await;
    let hello = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": { "name": "suite", "version": "1" } });
    let answer = send(&world, Some(&ada), LEGACY, &message(LEGACY, "initialize", hello)).await;
    let whole: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(whole["result"]["protocolVersion"], LEGACY);
    assert_eq!(whole["result"]["serverInfo"]["name"], "tollgate");
    assert!(!answer.headers.contains_key("mcp-session-id"), "nothing to steal, nothing to lose");
    assert_eq!(answer.headers.get("cache-control").and_then(|v| v.to_str().ok()), Some("no-store"));
    let started = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(send(&world, Some(&ada), LEGACY, &started).await.status, StatusCode::ACCEPTED);

    let found = ask(&world, &ada, MODERN, "server/discover", json!({})).await;
    let versions = found["supportedVersions"].as_array().cloned().unwrap_or_default();
    assert!(versions.contains(&MODERN.into()) && versions.contains(&LEGACY.into()), "{found}");
    for era in [LEGACY, MODERN] {
        let list = ask(&world, &ada, era, "tools/list", json!({})).await;
        let tools = list["tools"].as_array().expect("a list");
        let names: Vec<_> = tools.iter().filter_map(|t| t["name"].as_str()).collect();
        assert_eq!(names, ["whoami", "list_applications", "search_audit", "explain_denial"]);
        for tool in tools {
            assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
            for schema in ["inputSchema", "outputSchema"] {
                assert_eq!(tool[schema]["type"], "object", "{tool}");
                let text = tool[schema].to_string();
                assert!(!text.contains("$ref") && !text.contains("$schema") && !text.contains("uint"), "{text}");
            }
        }
        assert_eq!(tools[2]["inputSchema"]["additionalProperties"], false);
        assert!(tools[3]["inputSchema"]["required"].is_null(), "one of two: {}", tools[3]);
    }
}

#[tokio::test]
async fn there_is_no_stream_to_hold_open() {
    let world = World::new().await;
    let ada = principal(&world, "mcp:tollgate:invoke").await;
    for method in [Method::GET, Method::DELETE] {
        let request = Request::builder().method(method).uri("/mcp").header("host", "h").header("accept", "text/event-stream");
        let mut request = request.header("mcp-session-id", "of-somebody-else").body(Body::empty()).expect("a request");
        request.extensions_mut().insert(Arc::clone(&ada));
        let router = super::router(Arc::clone(&world.node), Arc::clone(&world.flush) as _);
        assert_eq!(world.send(router, request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let unknown =
        send(&world, Some(&ada), MODERN, &message(MODERN, "subscriptions/listen", json!({ "notifications": {} }))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.body);
}

#[tokio::test]
async fn whoami_says_for_whom_and_what_now() {
    let world = World::new().await;
    let client = world.client("Suite CLI").await;
    let grant = world.consent(&world.ada, &world.acme, &client, "audit:read mcp:tollgate:invoke").await;
    let ada = world.principal(&grant).await;
    let result = tool(&world, &ada, "whoami", json!({})).await;
    let data = &result["structuredContent"];
    assert_eq!(data["user"]["email"], "ada@acme.test");
    assert_eq!(data["organization"]["slug"], "acme");
    assert_eq!(data["application"]["name"], "Suite CLI");
    assert_eq!(data["scopes"], json!(["audit:read", "mcp:tollgate:invoke"]));
    assert_eq!(data["token_expires_at"], START.plus(std::time::Duration::from_mins(10)).to_string());
    assert!(words(&result).contains("expires in 10 minutes"), "{result}");
    world.join(&world.ada, &world.acme, &["viewer"]).await;
    let narrowed = world.principal(&grant).await;
    let result = tool(&world, &narrowed, "whoami", json!({})).await;
    assert_eq!(result["structuredContent"]["scopes"], json!(["mcp:tollgate:invoke"]));
}

#[tokio::test]
async fn applications_are_those_of_the_user_in_this_organization() {
    let world = World::new().await;
    world.join(&world.ada, &world.evil, &["viewer"]).await;
    let (used, elsewhere) = (world.client("Used here").await, world.client("Used in evil").await);
    let grant = world.consent(&world.ada, &world.acme, &used, "metrics:read mcp:tollgate:invoke").await;
    world.consent(&world.ada, &world.evil, &elsewhere, "metrics:read").await;
    world.consent(&world.bob, &world.acme, &elsewhere, "metrics:read").await;
    world.happened(&[call(&grant, &used, START, Decision::Allowed)]).await;
    let result = tool(&world, &world.principal(&grant).await, "list_applications", json!({})).await;
    let list = result["structuredContent"]["applications"].as_array().expect("a list");
    assert_eq!(list.len(), 1, "{result}");
    assert_eq!((&list[0]["name"], &list[0]["is_this_application"]), (&"Used here".into(), &true.into()));
    assert_eq!((&list[0]["calls_in_30_days"], &list[0]["last_used_at"]), (&1.into(), &START.to_string().into()));
    let scopes: Vec<_> =
        list[0]["scopes"].as_array().expect("a list").iter().map(|s| (s["name"].as_str(), &s["ever_used"])).collect();
    assert!(scopes.contains(&(Some("metrics:read"), &true.into())), "{result}");
    assert!(scopes.contains(&(Some("mcp:tollgate:invoke"), &false.into())), "{result}");
    assert!(!result.to_string().contains("Used in evil"));
}

#[tokio::test]
async fn the_log_is_searched_by_who_may_and_in_one_organization() {
    let world = World::new().await;
    let client = world.client("Bob's CLI").await;
    let bobs = world.consent(&world.bob, &world.acme, &client, "metrics:read mcp:tollgate:invoke").await;
    let eves = world.consent(&world.eve, &world.evil, &client, "metrics:read audit:read").await;
    let records: Vec<_> = (1..=5).map(|n| call(&bobs, &client, ago(n), Decision::Allowed)).collect();
    world.happened(&records).await;
    let ada = principal(&world, "audit:read mcp:tollgate:invoke").await;
    let arguments = json!({ "api": "prometheus", "user": "bob@acme.test", "limit": 2 });
    let first = tool(&world, &ada, "search_audit", arguments.clone()).await;
    let data = &first["structuredContent"];
    assert_eq!(data["records"].as_array().map(Vec::len), Some(2), "{first}");
    assert_eq!(data["records"][0]["id"], records[0].id.as_str());
    assert_eq!(data["records"][0]["user"], "bob@acme.test");
    let mut second = arguments.clone();
    second["cursor"] = data["next_cursor"].clone();
    let second = tool(&world, &ada, "search_audit", second).await;
    assert_eq!(second["structuredContent"]["records"][0]["id"], records[2].id.as_str());

    let found = async |narrowed: Value| {
        let answer = tool(&world, &ada, "search_audit", narrowed).await;
        let records = answer["structuredContent"]["records"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        records.into_iter().map(|r| r["id"].clone()).collect::<Vec<_>>()
    };
    let bobs_grant = found(json!({ "grant_id": bobs.id.as_str(), "operation": "prometheus.*" })).await;
    assert!(bobs_grant.contains(&json!(records[0].id.as_str())), "{bobs_grant:?}");
    assert_eq!(found(json!({ "operation": "nothing.*" })).await, Vec::<Value>::new());
    let one = json!({ "request_id": records[0].origin.request.as_str(), "status": "2xx" });
    assert_eq!(found(one).await, [json!(records[0].id.as_str())]);
    assert_eq!(found(json!({ "status": "5xx" })).await, Vec::<Value>::new());
    assert_eq!(found(json!({ "decision": "would_deny" })).await, Vec::<Value>::new());

    let eve = world.principal(&eves).await;
    let foreign = tool(&world, &eve, "search_audit", json!({ "user": "bob@acme.test" })).await;
    assert_eq!(foreign["structuredContent"]["records"], json!([]));
    let stolen = tool(&world, &eve, "search_audit", json!({ "cursor": data["next_cursor"] })).await;
    assert_eq!(stolen["isError"], true, "{stolen}");
    let bob = world.principal(&bobs).await;
    let barred = tool(&world, &bob, "search_audit", json!({})).await;
    assert!(barred["isError"] == true && words(&barred).contains("audit:read"), "{barred}");
    for bad in [
        json!({ "limit": 101 }),
        json!({ "status": "4x" }),
        json!({ "from": "never" }),
        json!({ "cursor": "x" }),
        json!({ "colour": "red" }),
    ] {
        let refused = tool(&world, &ada, "search_audit", bad.clone()).await;
        assert!(refused["isError"] == true && refused.get("structuredContent").is_none(), "{bad} {refused}");
    }
}

#[tokio::test]
async fn a_refusal_is_explained_to_those_it_concerns() {
    let world = World::new().await;
    let client = world.client("Bob's CLI").await;
    let bobs = world.consent(&world.bob, &world.acme, &client, "mcp:tollgate:invoke").await;
    let refused = call(&bobs, &client, ago(5), denied("insufficient_scope", "metrics:read"));
    let beyond = call(&bobs, &client, ago(4), denied("insufficient_scope", "audit:read"));
    let passed = call(&bobs, &client, ago(3), Decision::Allowed);
    world.happened(&[refused.clone(), beyond.clone(), passed.clone()]).await;
    let about = |record: &crate::record::AuditRecord| json!({ "request_id": record.origin.request.as_str() });
    let bob = world.principal(&bobs).await;
    let told = tool(&world, &bob, "explain_denial", about(&refused)).await;
    let denial = &told["structuredContent"]["denials"][0];
    assert_eq!((&denial["reason"], &denial["missing_scopes"]), (&"insufficient_scope".into(), &json!(["metrics:read"])));
    assert!(words(&told).contains("The user holds metrics:read: authorize the application again"), "{told}");
    let told = tool(&world, &bob, "explain_denial", about(&beyond)).await;
    assert!(words(&told).contains("The user does not hold audit:read"), "{told}");
    let told = tool(&world, &bob, "explain_denial", about(&passed)).await;
    assert!(told["structuredContent"]["denials"] == json!([]) && words(&told).contains("was not refused"), "{told}");

    let member = principal(&world, "mcp:tollgate:invoke").await;
    let admin = principal(&world, "audit:read").await;
    let eves = world.consent(&world.eve, &world.evil, &client, "audit:read").await;
    let eve = world.principal(&eves).await;
    let unknown = tool(&world, &eve, "explain_denial", json!({ "request_id": "req_never" })).await;
    assert_eq!(unknown["isError"], true);
    for stranger in [&member, &eve] {
        assert_eq!(tool(&world, stranger, "explain_denial", about(&refused)).await, unknown, "as if it never was");
    }
    let told = tool(&world, &admin, "explain_denial", about(&refused)).await;
    assert!(words(&told).contains("bob@acme.test through Bob's CLI"), "{told}");
}

#[tokio::test]
async fn a_request_that_nobody_made_is_decided_about_for_who_asks_alone() {
    let world = World::new().await;
    let client = world.client("Bob's CLI").await;
    let bobs = world.consent(&world.bob, &world.acme, &client, "metrics:read mcp:tollgate:invoke").await;
    let bob = world.principal(&bobs).await;
    let suppose = async |given: Value| tool(&world, &bob, "explain_denial", json!({ "supposed": given })).await;
    let own = suppose(json!({ "method": "post", "path": "/mcp", "tool": "whoami" })).await;
    let decided = &own["structuredContent"]["supposed"];
    assert_eq!((&decided["allowed"], &decided["reason"], &decided["missing"]), (&true.into(), &Value::Null, &json!([])), "{own}");
    assert!(
        words(&own).starts_with("The gate would let this request through.") && words(&own).contains("bob@acme.test"),
        "{own}"
    );
    let log = suppose(json!({ "method": "POST", "path": "/mcp", "tool": "search_audit" })).await;
    let decided = &log["structuredContent"]["supposed"];
    assert_eq!((&decided["allowed"], &decided["reason"]), (&false.into(), &"permission_missing".into()), "{log}");
    assert_eq!(decided["steps"].as_array().and_then(|s| s.last()).map(|s| &s["stage"]), Some(&"message".into()), "{log}");
    assert_eq!(decided["missing"][0]["scope"], "audit:read", "{log}");
    let narrow = suppose(json!({ "method": "POST", "path": "/mcp", "scopes": "metrics:read" })).await;
    let decided = &narrow["structuredContent"]["supposed"];
    assert_eq!(
        (&decided["reason"], &decided["missing"][0]["factor"]),
        (&"insufficient_scope".into(), &"token".into()),
        "{narrow}"
    );
    assert_eq!(narrow["structuredContent"]["denials"], json!([]));
    for bad in [
        json!({}),
        json!({ "request_id": "req_never", "supposed": { "method": "GET", "path": "/" } }),
        json!({ "supposed": { "method": "GET" } }),
        json!({ "supposed": { "method": "G T", "path": "/" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "scopes": "a\"b" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "tool": "a", "prompt": "b" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "org": "evil" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "user": "eve@evil.test" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "client": "cl_1" } }),
        json!({ "supposed": { "method": "GET", "path": "/", "key": "key_1" } }),
    ] {
        let refused = tool(&world, &bob, "explain_denial", bad.clone()).await;
        assert!(refused["isError"] == true && refused.get("structuredContent").is_none(), "{bad} {refused}");
    }
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    let world = World::new().await;
    let ada = principal(&world, "mcp:tollgate:invoke").await;
    let answer =
        send(&world, Some(&ada), LEGACY, &message(LEGACY, "tools/call", json!({ "name": "drop", "arguments": {} }))).await;
    let whole: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(whole["error"]["code"], -32602);
}
