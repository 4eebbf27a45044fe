//! Shadow mode: nothing is refused, everything that would be is on record, and nothing of ours is lent to somebody unknown.

use std::collections::BTreeMap;

use tollgate::admin::{Administration as _, Local, ShadowQuery};
use tollgate::record::AuditRecord;

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Caller, Gateway, Setup, UPSTREAM_SECRET, within};

const MORE: &str = r#"
[[apis]]
name = "dark"
mount = "/dark"
pack = "prometheus"
upstream = "metrics"
enforce = "shadow"
tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }
identity_headers = ["X-WEBAUTH-USER"]
allowed_origins = ["https://app.test"]
[[apis]]
name = "darkmcp"
mount = "/mcp/dark"
kind = "mcp"
upstream = "plain"
enforce = "shadow"
tools = { echo = [], default = "deny" }
[[apis]]
name = "darktail"
mount = "/darktail"
upstream = "metrics"
enforce = "shadow"
[[apis.routes]]
id = "darktail.tail"
match = "/tail"
methods = ["GET"]
scopes = ["metrics:read"]
upgrade = "websocket"
[[apis]]
name = "deep"
mount = "/dark/deep"
upstream = "plain"
enforce = "shadow"
[[apis.routes]]
id = "deep.read"
match = "/read"
methods = ["GET"]
scopes = ["metrics:read"]
"#;

const QUERY: &str = "/dark/api/v1/query";

async fn gateway() -> Gateway {
    Gateway::start_with(Setup { more: MORE.to_owned(), file: true, ..Setup::default() }).await
}

/// Why a call that passed would have been refused.
fn would_deny(record: &AuditRecord) -> Option<&str> {
    call(record).would_deny.as_ref().map(|w| w.reason.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_unknown_passes_as_they_came_and_is_lent_nothing() {
    let gw = gateway().await;
    let request = Request::get("/dark/api/v1/query?query=up")
        .header("Authorization", "Basic dXNlcjpwdw==")
        .header("Cookie", "sid=1; __Host-tollgate=ours")
        .header("X-Scope-OrgID", "theirs")
        .header("X-WEBAUTH-USER", "admin")
        .header("X-User", "admin")
        .header("X-Auth-Token", "their-own")
        .header("X-Api-Key", "tg_ak_ours")
        .header("X-Real-IP", "10.9.9.9")
        .header("User-Agent", "old/1.0");
    let response = ask(gw.running.public, &request).await;
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!(seen.target(), "/base/api/v1/query?query=up");
    assert_eq!(seen.header("authorization"), "Basic dXNlcjpwdw==");
    assert_eq!(seen.header("cookie"), "sid=1");
    assert_eq!(seen.header("x-scope-orgid"), "theirs");
    assert_eq!(seen.header("x-auth-token"), "their-own", "the upstream judges it by itself");
    let text = seen.text().to_ascii_lowercase();
    for absent in ["x-webauth-user", "x-user", "x-api-key", "10.9.9.9", "ours", &UPSTREAM_SECRET.to_ascii_lowercase()] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), would_deny(&record), record.org.as_ref()), ("allowed", Some("no_token"), None));
    assert!(call(&record).route.is_some() && record.origin.user_agent.as_deref() == Some("old/1.0"));
    let metrics = gw.running.metrics.text();
    let counted =
        metrics.lines().find(|l| l.contains("decision=\"would_deny\"") && l.contains("reason=\"no_token\"") && l.contains("2xx"));
    assert!(counted.is_some_and(|l| l.contains("api=\"dark\"") && l.ends_with(" 1")), "{metrics}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_answers_somebody_unknown_itself() {
    let gw = gateway().await;
    let ask = async |behave: &str| ask(gw.running.public, &Request::get(QUERY).header("X-Behave", behave)).await;
    let challenged = ask("unauthorized").await;
    assert_eq!((challenged.status, challenged.header("www-authenticate")), (401, Some("Basic realm=\"inner\"")));
    let cookie = ask("cookie").await;
    assert_eq!((cookie.status, cookie.header("set-cookie")), (200, Some("a=b; Path=/")));
    gw.running.stop().await;
}

/// What somebody sends, why it would be refused, and what the upstream gets as credential and as tenant.
struct Case {
    request: Request,
    reason: &'static str,
    credential: Option<String>,
    tenant: Option<&'static str>,
}

/// One connection, one request, as often as it is asked for.
async fn send(gw: &Gateway, request: &Request) -> Response {
    ask(gw.running.public, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_noted_and_none_is_made() {
    let gw = gateway().await;
    let reader = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let poor = gw.grant_to(&reader.org, &reader.user, &gw.client(None).await, "dash:read").await;
    let gone = gw.grant_to(&reader.org, &reader.user, &gw.client(None).await, "metrics:read").await;
    assert_eq!(send(&gw, &Request::get(QUERY).bearer(&gone.token)).await.status, 200);
    gw.revoke(&gone.grant).await;
    let elsewhere = gw.token(&reader.grant, "metrics:read", &["https://gw.test/dash"]);
    let case = |request, reason, credential: Option<&str>, tenant| Case {
        request,
        reason,
        credential: credential.map(ToOwned::to_owned),
        tenant,
    };
    let ours = Some(UPSTREAM_SECRET);
    let cases = [
        case(Request::get(QUERY).bearer(&reader.token), "", ours, Some("tenant-acme")),
        case(Request::get(QUERY).bearer(&poor.token), "insufficient_scope", ours, Some("tenant-acme")),
        case(Request::get("/dark/nothing").bearer(&reader.token), "no_route", None, None),
        case(Request::new("DELETE", QUERY).bearer(&reader.token), "method_not_allowed", None, None),
        case(Request::get(QUERY).bearer(&gone.token), "grant_revoked", None, None),
        case(Request::get(QUERY).bearer(&elsewhere), "wrong_audience", None, None),
        case(Request::get(QUERY).bearer("abc"), "token_malformed", Some("Bearer abc"), None),
        case(Request::get(QUERY).bearer("tg_rt_abc"), "token_malformed", None, None),
        case(
            Request::get(QUERY).bearer(&reader.token).header("X-Scope-OrgID", "evil"),
            "other_organization_header",
            None,
            Some("evil"),
        ),
        case(Request::get("/dark/nothing"), "no_token", None, None),
    ];
    for (n, Case { request, reason: wanted, credential, tenant }) in cases.into_iter().enumerate() {
        let before = gw.upstream.count();
        let response = send(&gw, &request).await;
        assert_eq!((response.status, gw.upstream.count()), (200, before + 1), "{n} {wanted}: {response:?}");
        let seen = gw.upstream.last();
        assert_eq!(seen.values("authorization"), credential.into_iter().collect::<Vec<_>>(), "{n} {wanted}");
        assert_eq!(seen.values("x-scope-orgid"), tenant.into_iter().collect::<Vec<_>>(), "{n} {wanted}");
        let record = gw.record_of(&response).await;
        assert_eq!(would_deny(&record).unwrap_or_default(), wanted, "{n}");
        assert_eq!(reason(&record), "allowed", "{n}");
        if matches!(wanted, "grant_revoked" | "wrong_audience" | "insufficient_scope" | "no_route") {
            assert_eq!(record.org.as_ref(), Some(&reader.org.id), "{n} {wanted}: whom it would hit is known");
            assert!(record.actor.client.is_some(), "{n} {wanted}");
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_two_things_is_refused_all_the_same() {
    let gw = gateway().await;
    for (request, code) in [
        (Request::get("/dark/x/../api/v1/query"), "dot_segment"),
        (Request::get("/dark//x/..;/api/v1/query"), "path_parameter"),
        (Request::get("/dark/a%5Cb"), "backslash"),
        (Request::get("/dark/a%252Fb"), "double_encoding"),
        (Request::get("//dark/api/v1/query"), "empty_segment"),
        (Request::get("/dark;v=1/api/v1/query"), "path_parameter"),
        (Request::get("/dark%2Fapi"), "encoded_slash"),
        (Request::get("/dark//deep/x"), "empty_segment"),
        (Request::get("/dark/deep;v=1/x"), "path_parameter"),
        (Request::get("/dark/deep%2Fx"), "encoded_slash"),
        (Request::get(QUERY).header("Host", "other.test"), ""),
        (Request::new("POST", QUERY).header("Content-Length", "3").header("Transfer-Encoding", "chunked"), ""),
    ] {
        let response = send(&gw, &request).await;
        assert!(matches!(response.status, 400 | 404), "{response:?}");
        assert!(code.is_empty() || response.reason().as_deref() == Some(code), "{response:?}");
    }
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

/// Whatever a server takes these for is for the one API, whose upstream got them before there was a gate.
#[tokio::test(flavor = "multi_thread")]
async fn what_servers_read_differently_passes_as_it_came_where_it_is_for_one_api() {
    let gw = gateway().await;
    let reader = gw.caller("acme", &["reader"], "metrics:read").await;
    for (path, arrives, wanted) in [
        ("/dark//api/v1/query?query=up", "/base//api/v1/query?query=up", "empty_segment"),
        ("/dark/api/v1/%6cabel/a%2fb%2F/values", "/base/api/v1/%6cabel/a%2fb%2F/values", "empty_segment"),
        ("/dark/static;v=1/x?access_token=s3cret", "/base/static;v=1/x", "path_parameter"),
        ("/dark//", "/base//", "empty_segment"),
    ] {
        let request =
            Request::get(path).bearer(&reader.token).header("X-Scope-OrgID", "theirs").header("X-WEBAUTH-USER", "admin");
        let response = send(&gw, &request).await;
        assert_eq!(response.status, 200, "{path}: {response:?}");
        let seen = gw.upstream.last();
        assert_eq!(seen.target(), arrives, "byte for byte");
        assert!(seen.values("authorization").is_empty() && seen.values("x-webauth-user").is_empty(), "{}", seen.text());
        assert_eq!(seen.values("x-scope-orgid"), ["theirs"], "nothing is lent: {path}");
        let record = gw.record_of(&response).await;
        assert_eq!((reason(&record), would_deny(&record)), ("allowed", Some(wanted)), "{path}");
        assert_eq!(call(&record).route, None, "{path}");
    }
    // Where some API takes `%2F`, it is the route that does not.
    let before = gw.upstream.count();
    for request in [Request::get("/dark/label/a%2Fb/values").bearer(&reader.token), Request::get("/dark/label/a%2Fb/values")] {
        let response = send(&gw, &request).await;
        assert_eq!((response.status, gw.upstream.last().target().as_str()), (200, "/base/label/a%2Fb/values"), "{response:?}");
        assert!(would_deny(&gw.record_of(&response).await).is_some());
    }
    assert_eq!(gw.upstream.count(), before + 2);
    assert_eq!(
        send(&gw, &Request::get("/prometheus//api/v1/query").bearer(&reader.token)).await.status,
        400,
        "enforced elsewhere"
    );
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_what_is_refused_in_any_mode() {
    let gw = gateway().await;
    for (path, agent) in [("/dark/x/../api/v1/query", "dots/1"), ("//dark/api/v1/query", "slashes/1"), ("/dark//x", "merged/1")] {
        let response = send(&gw, &Request::get(path).header("User-Agent", agent)).await;
        assert_eq!(response.status == 200, agent == "merged/1", "{response:?}");
        gw.record_of(&response).await;
    }
    let refused = send(&gw, &Request::get("/prometheus/x/../y").header("User-Agent", "enforced/1")).await;
    assert_eq!(refused.status, 400);
    gw.record_of(&refused).await;
    let admin = Local::new(gw.running.node.clone());
    let report = admin.shadow_report(ShadowQuery { api: Some("dark".into()), ..ShadowQuery::default() }).await.expect("a report");
    let mut named: Vec<_> = report
        .entries
        .iter()
        .map(|e| (e.user_agent.as_deref().unwrap_or_default(), e.reason.as_str(), e.refused, e.address.as_deref()))
        .collect();
    named.sort_unstable();
    let here = Some("127.0.0.1");
    let wanted = [
        ("dots/1", "dot_segment", true, here),
        ("merged/1", "empty_segment", false, here),
        ("slashes/1", "empty_segment", true, here),
    ];
    assert_eq!(named, wanted, "{report:?}");
    let every = admin.shadow_report(ShadowQuery::default()).await.expect("a report");
    assert_eq!(every.requests, 3, "what an enforcing API refuses is in no report: {every:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_answered_by_the_upstream() {
    let gw = gateway().await;
    let preflight =
        |origin: &str| Request::new("OPTIONS", QUERY).header("Origin", origin).header("Access-Control-Request-Method", "GET");
    assert_eq!(send(&gw, &preflight("https://app.test")).await.status, 204);
    assert_eq!(gw.upstream.count(), 0, "enforcement will answer this one, so it is answered now");
    let response = send(&gw, &preflight("https://other.test")).await;
    assert_eq!((response.status, gw.upstream.last().method().as_str()), (200, "OPTIONS"));
    assert_eq!(would_deny(&gw.record_of(&response).await), Some("origin_not_allowed"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_messages_pass_whole() {
    let gw = gateway().await;
    let agent = gw.open_caller("acme", &["admin"], "mcp:darkmcp:invoke").await;
    let message = |tool: &str, pad: usize| {
        let pad = "x".repeat(pad);
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{{\"p\":\"{pad}\"}}}}}}"
        )
    };
    let post = |body: &str| Request::new("POST", "/mcp/dark").header("Content-Type", "application/json").body(body);
    let bad = "this is no JSON-RPC".to_owned();
    for (body, token, wanted) in [
        (message("echo", 10), true, ""),
        (message("other", 10), true, "target_denied"),
        (message("other", 200_000), true, "target_denied"),
        (bad, true, "message_malformed"),
        (message("echo", 200_000), false, "no_token"),
    ] {
        let request = if token { post(&body).bearer(&agent.token) } else { post(&body) };
        let response = send(&gw, &request).await;
        assert_eq!(response.status, 200, "{wanted}: {response:?}");
        assert!(gw.upstream.last().body == body.as_bytes(), "{wanted}: the message arrives as it was sent");
        assert_eq!(would_deny(&gw.record_of(&response).await).unwrap_or_default(), wanted);
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_somebody_unknown_stays_as_its_server_made_it() {
    let gw = gateway().await;
    let post = |method: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        Request::new("POST", "/mcp/dark").header("Content-Type", "application/json").body(body)
    };
    let opened = send(&gw, &post("initialize").header("X-Behave", "session")).await;
    let session = opened.header("mcp-session-id").expect("a session");
    assert_eq!(session, "up-1", "without the gate's mark, which only its callers can show again");
    assert_eq!(send(&gw, &post("ping").header("Mcp-Session-Id", session)).await.status, 200);
    assert_eq!(gw.upstream.last().header("mcp-session-id"), session);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_passes_to_a_websocket_route_and_changes_no_protocol() {
    let gw = gateway().await;
    let reader = gw.caller("acme", &["reader"], "metrics:read").await;
    let tail = || Request::get("/darktail/tail");
    let offer = |request: Request| request.header("Connection", "Upgrade").header("Upgrade", "websocket");
    for (request, wanted) in [
        (tail().bearer(&reader.token), "upgrade_required"),
        (offer(tail().bearer(&reader.token)), "upgrade_required"),
        (offer(tail().bearer(&reader.token)).body("first frames?"), "upgrade_required"),
        (tail(), "no_token"),
    ] {
        let response = send(&gw, &request).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert!(gw.upstream.last().values("upgrade").is_empty(), "{}", gw.upstream.last().text());
        let record = gw.record_of(&response).await;
        assert_eq!((reason(&record), would_deny(&record)), ("allowed", Some(wanted)));
    }
    assert_eq!(gw.upstream.count(), 4);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_when_its_grant_is_revoked() {
    let gw = gateway().await;
    let stream = async |path: &str, caller: &Caller| {
        let mut conn = Conn::open(gw.running.public).await;
        let request = Request::get(path).bearer(&caller.token).header("X-Behave", "events").header("Accept", "text/event-stream");
        conn.send(&request.bytes()).await;
        assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
        conn
    };
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut dark = stream(QUERY, &caller).await;
    let mut enforced = stream("/prometheus/api/v1/query", &caller).await;
    gw.revoke(&caller.grant).await;
    assert_eq!(within("the end of the enforced stream", enforced.chunk()).await, None);
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", dark.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_whom_enforcement_then_cuts_and_nobody_else() {
    let gw = gateway().await;
    let reader = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let poor = gw.grant_to(&reader.org, &reader.user, &gw.client(None).await, "dash:read").await;
    let requests = [
        ("allowed", Request::get(QUERY).bearer(&reader.token)),
        ("poor", Request::get(QUERY).bearer(&poor.token)),
        ("curl", Request::get(QUERY).header("User-Agent", "curl/8")),
        ("grafana", Request::get("/dark/api/v1/labels").header("User-Agent", "Grafana/12")),
    ];
    for round in 0..3 {
        for (who, request) in &requests {
            let response = send(&gw, request).await;
            assert_eq!(response.status, 200, "{who} {round}");
            gw.record_of(&response).await;
        }
    }
    let admin = Local::new(gw.running.node.clone());
    let report = admin.shadow_report(ShadowQuery::default()).await.expect("a report");
    assert_eq!((report.requests, report.truncated, report.entries.len()), (9, false, 3), "{report:?}");
    let named: BTreeMap<_, _> = report
        .entries
        .iter()
        .map(|e| {
            let who = e.user_agent.clone().or_else(|| e.client.as_ref().map(ToString::to_string)).unwrap_or_default();
            (who, (e.reason.as_str(), e.count, e.email.clone(), e.address.clone()))
        })
        .collect();
    let address = Some("127.0.0.1".to_owned());
    assert_eq!(named["curl/8"], ("no_token", 3, None, address.clone()));
    assert_eq!(named["Grafana/12"], ("no_token", 3, None, address));
    assert_eq!(named[poor.client.id.as_str()], ("insufficient_scope", 3, Some("ada@acme.test".to_owned()), None));
    let other = admin.shadow_report(ShadowQuery { api: Some("open".into()), ..ShadowQuery::default() }).await.expect("a report");
    assert_eq!(other.requests, 0);
    assert_eq!((report.apis.join(" "), other.apis.len()), ("dark darkmcp darktail deep".to_owned(), 0));
    gw.rewrite(&gw.text().replace("enforce = \"shadow\"", "enforce = \"on\""));
    assert!(gw.running.reload());
    for (who, request) in &requests {
        let status = send(&gw, request).await.status;
        assert_eq!(status == 200, *who == "allowed", "{who}: {status}");
    }
    gw.running.stop().await;
}
