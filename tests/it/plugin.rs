//! The gate in somebody else's pingora application: that of `examples/plugin`, word for word.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd as _;
use std::sync::Arc;

use pingora::proxy::http_proxy;
use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::ListenerConfig;
use pingora_core::server::Fds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate::plugin::Gate;

use crate::harness::api::{OPEN, READERS};
use crate::harness::audit::{call, outcome, reason};
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Api, Gateway, Setup, UPSTREAM_SECRET, http2, within};

#[path = "../../examples/plugin/app.rs"]
mod app;

#[test]
fn the_gate_takes_fewer_than_twenty_lines() {
    let text = include_str!("../../examples/plugin/app.rs");
    let (_, rest) = text.split_once("// The gate, from here").expect("a beginning");
    let (hooks, _) = rest.split_once("// to here.").expect("an end");
    // The field, the type of the context, the import and the timeouts come on top.
    let lines = hooks.lines().filter(|l| !l.trim().is_empty()).count() + 4;
    assert!((10..20).contains(&lines), "{lines} lines");
}

/// The application, running beside the gateway that it has its gate from.
struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(gw: &Gateway) -> Self {
        Self::with(gw, gw.running.gate.clone().watching_bodies())
    }

    fn with(gw: &Gateway, gate: Gate) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.set_nonblocking(true).expect("a socket option");
        let address = socket.local_addr().expect("an address");
        let app = app::App { gate, upstream: gw.upstream.address };
        let mut proxy = http_proxy(&Arc::new(ServerConf::default()), app);
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        proxy.server_options = Some(options);
        let mut service = Service::new("app".to_owned(), proxy);
        service.add_listener(ListenerConfig::tcp(address.to_string()));
        let mut fds = Fds::new();
        fds.add(address.to_string(), socket.into_raw_fd());
        let (stop, stopped) = watch::channel(false);
        let fds = Some(Arc::new(parking_lot::Mutex::new(fds)));
        let task = tokio::spawn(async move { service.start_service(fds, stopped, 1).await });
        Self { address, stop, task }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_forwards_what_the_gate_allows_and_nothing_of_the_clients() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(app.address).await;
    let query = Request::get("/prometheus/api/v1/quer%79?query=up&access_token=x")
        .bearer(&caller.token)
        .header("Cookie", "sid=1")
        .header("X-WEBAUTH-USER", "root");
    let response = conn.ask(&query).await;
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!(seen.target(), "/base/api/v1/query?query=up");
    assert_eq!((seen.header("x-scope-orgid").as_str(), seen.header("authorization").as_str()), ("tenant-acme", UPSTREAM_SECRET));
    assert_eq!(seen.header("x-tollgate-user"), caller.user.id.as_str());
    let text = seen.text().to_ascii_lowercase();
    assert!(
        !text.contains("cookie") && !text.contains("webauth") && !text.contains(&caller.token.to_ascii_lowercase()),
        "{text}"
    );
    let record = gw.record_of_request(&seen.header("x-request-id")).await;
    assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "200"), "its end is known: the gate saw it");
    assert_eq!((call(&record).forwarder.as_ref(), record.org.as_ref()), (None, Some(&caller.org.id)));
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_shows_pages_of_its_upstream_in_a_sandbox() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let page = Conn::open(app.address).await.ask(&Request::get("/open/page").header("X-Behave", "page")).await;
    let policies: Vec<_> = page.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-security-policy")).collect();
    assert_eq!((page.status, policies.len(), policies[1].1.as_str()), (200, 2, "sandbox"), "{page:?}");
    assert_eq!((page.header("service-worker-allowed"), page.header("clear-site-data")), (None, None));
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_answers_as_the_gate_where_it_refuses() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    for target in [
        "/prometheus/api/v1/query",
        "/prometheus/api/v1/rules",
        "/prometheus/-/quit",
        "/prometheus/../x",
        "/shared/api/v1/query?query=up",
    ] {
        for token in [None, Some(&caller.token)] {
            let ask = || token.map_or_else(|| Request::get(target), |t| Request::get(target).bearer(t));
            if token.is_some() && target == "/prometheus/api/v1/query" {
                continue;
            }
            let (mut direct, mut through) = (Conn::open(gw.running.public).await, Conn::open(app.address).await);
            let (expected, answer) = (direct.ask(&ask()).await, through.ask(&ask()).await);
            if token.is_some() && target.starts_with("/shared") {
                assert_eq!(
                    (answer.status, answer.reason().as_deref()),
                    (403, Some("label_not_enforceable")),
                    "never let through"
                );
                continue;
            }
            assert_eq!((answer.status, answer.reason()), (expected.status, expected.reason()), "{target}: {answer:?}");
            assert_eq!(answer.header("www-authenticate"), expected.header("www-authenticate"));
            assert_eq!(Some(reason(&gw.record_of(&answer).await).to_owned()), answer.reason());
        }
    }
    let mut conn = Conn::open(app.address).await;
    let smuggled =
        Request::new("POST", "/prometheus/api/v1/query").body("GET /prometheus/-/quit HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    assert_eq!(conn.ask(&smuggled).await.status, 401);
    assert!(conn.closed().await, "a body that nobody read is no request");
    assert_eq!(gw.upstream.count(), 1, "what the gate itself forwarded");
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_message_is_read_to_decide_and_arrives_whole() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let tool =
        |name: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#);
    let post = |body: String| {
        let accept = "application/json, text/event-stream";
        Request::new("POST", "/mcp/tools")
            .bearer(&caller.token)
            .header("Content-Type", "application/json")
            .header("Accept", accept)
            .body(body)
    };
    let mut conn = Conn::open(app.address).await;
    assert_eq!(conn.ask(&post(tool("echo"))).await.status, 200);
    assert_eq!(gw.upstream.last().body.as_slice(), tool("echo").as_bytes());
    let refused = Conn::open(app.address).await.ask(&post(tool("forbidden"))).await;
    assert_eq!((refused.status, refused.json()["id"].as_i64()), (403, Some(7)), "{refused:?}");
    let long = Conn::open(app.address).await.ask(&post(format!("{}{}", " ".repeat(64 * 1024), tool("echo")))).await;
    assert_eq!(long.status, 413, "{long:?}");
    assert_eq!(gw.upstream.count(), 1);
    app.stop().await;
    gw.running.stop().await;
}

/// What is done about a request is done about the path that it is decided about, and no offer to change protocols gets through that
/// the gate would not take; of the answer pages see what the gate lets them.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_sends_on_what_the_gate_would() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
    let spelt = Request::new("POST", "/mcp/t%6Fols").bearer(&caller.token).header("Content-Type", "application/json").body(call);
    let query = || Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token);
    let websocket = query()
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13");
    let h2c =
        query().header("Connection", "Upgrade, HTTP2-Settings").header("Upgrade", "h2c").header("HTTP2-Settings", "AAMAAABk");
    let open = query().header("Origin", "https://evil.test").header("X-Behave", "open");
    for (name, request) in [("spelt", spelt), ("websocket", websocket), ("h2c", h2c), ("open", open)] {
        let mut told = Vec::new();
        for at in [gw.running.public, app.address] {
            let answer = ask(at, &request).await;
            let seen = gw.upstream.last();
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            assert!(seen.values("upgrade").is_empty(), "{name} at {at}: {}", seen.text());
            let cors = ["access-control-allow-origin", "access-control-allow-credentials", "vary"];
            let named = |(name, _): &&(String, String)| cors.iter().any(|header| name.eq_ignore_ascii_case(header));
            let cors: Vec<_> = answer.headers.iter().filter(named).map(|(n, v)| (n.to_lowercase(), v.clone())).collect();
            told.push((seen.target().clone(), seen.body.clone(), cors));
        }
        assert_eq!(told[0], told[1], "{name}");
    }
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_lists_what_the_gate_lists_and_that_can_be_called() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let reader = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let bare = gw.grant_to(&reader.org, &reader.user, &reader.client, "mcp:tools:invoke").await;
    let post = |token: &str, method: &str, params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let request = Request::new("POST", "/mcp/tools").bearer(token).header("Content-Type", "application/json").body(body);
        request.header("Accept", "application/json, text/event-stream")
    };
    let said = crate::harness::upstream::tools();
    let mut seen = Vec::new();
    for token in [&reader.token, &bare.token] {
        for behave in ["say", "say-events"] {
            let list = || post(token, "tools/list", "{}").header("X-Behave", behave).header("X-Say", &said);
            let by_gate = ask(gw.running.public, &list()).await;
            let by_app = ask(app.address, &list()).await;
            assert_eq!((by_app.status, by_app.text()), (200, by_gate.text()), "{behave}");
            let mut conn = http2::Conn::open(app.address).await;
            let bearer = format!("Bearer {token}");
            let more =
                [("authorization", &*bearer), ("content-type", "application/json"), ("x-behave", behave), ("x-say", &*said)];
            let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
            let over_h2 = conn.ask(http2::request("POST", "/mcp/tools", &more), Some(body.into())).await.expect("an answer");
            assert_eq!((over_h2.status, over_h2.text()), (200, by_gate.text()), "{behave} over HTTP/2");
            for name in ["echo", "get-sum", "write-note", "forbidden"] {
                let listed = by_app.text().contains(&format!("\"name\":\"{name}\""));
                let call = post(token, "tools/call", &format!(r#"{{"name":"{name}","arguments":{{}}}}"#));
                let status = ask(app.address, &call).await.status;
                assert_eq!(status == 200, listed, "{name}: {status}");
                seen.push(listed);
            }
        }
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
    for (behave, said) in [("compressed", ""), ("say", "[not json")] {
        let list = post(&reader.token, "tools/list", "{}").header("X-Behave", behave).header("X-Say", said);
        let mut conn = Conn::open(app.address).await;
        conn.send(&list.bytes()).await;
        let answer = within("an end", conn.try_response()).await;
        assert!(answer.as_ref().is_none_or(|a| a.status >= 500), "{behave}: what can't be filtered is not passed on: {answer:?}");
    }
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_mcp_server_is_its_callers() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let ada = gw.open_caller("acme", &["agent"], "mcp:tools:invoke").await;
    let eve = gw.open_caller("evil", &["agent"], "mcp:tools:invoke").await;
    let ping = |token: &str| {
        let request = Request::new("POST", "/mcp/tools").bearer(token).header("Content-Type", "application/json");
        request.body(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#)
    };
    let mut conn = Conn::open(app.address).await;
    let opened = conn.ask(&ping(&ada.token).header("X-Behave", "session")).await;
    let id = opened.header("mcp-session-id").unwrap_or_else(|| panic!("a session in {opened:?}")).to_owned();
    assert!(id.starts_with("up-1.") && id.len() > "up-1.".len(), "{id}");
    let mine = conn.ask(&ping(&ada.token).header("Mcp-Session-Id", &id)).await;
    assert_eq!((mine.status, gw.upstream.last().header("mcp-session-id").as_str()), (200, "up-1"), "{mine:?}");
    for (token, id) in [(&eve.token, id.as_str()), (&ada.token, "up-1")] {
        let refused = Conn::open(app.address).await.ask(&ping(token).header("Mcp-Session-Id", id)).await;
        assert_eq!((refused.status, reason(&gw.record_of(&refused).await)), (404, "session_not_yours"), "{refused:?}");
    }
    assert_eq!(gw.upstream.count(), 2);
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_in_shadow_mode_lets_everybody_through_and_lends_them_nothing() {
    let dark = Api::named("dark").behind("metrics").pack("prometheus").keys("enforce = \"shadow\"");
    let gw = Gateway::start_with(dark.into()).await;
    let app = Running::start(&gw);
    let request = Request::get("/dark/api/v1/query?query=up")
        .header("Authorization", "Basic dXNlcjpwdw==")
        .header("Cookie", "sid=1; __Host-tollgate=ours")
        .header("X-Tollgate-User", "root");
    let response = Conn::open(app.address).await.ask(&request).await;
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!((seen.header("authorization").as_str(), seen.header("cookie").as_str()), ("Basic dXNlcjpwdw==", "sid=1"));
    assert!(!seen.text().to_ascii_lowercase().contains("x-tollgate-"), "{}", seen.text());
    let record = gw.record_of(&response).await;
    let would_deny = call(&record).would_deny.as_ref().map(|w| w.reason.as_str());
    assert_eq!((reason(&record), would_deny, outcome(&record).as_str()), ("allowed", Some("no_token"), "200"));
    app.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_ends_what_an_application_forwards() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(app.address).await;
    let query = || Request::get("/prometheus/api/v1/query").bearer(&caller.token);
    conn.send(&query().header("X-Behave", "events").header("Accept", "text/event-stream").bytes()).await;
    within("a response head", conn.head()).await.expect("a head");
    gw.upstream.emit("data: one\n\n");
    assert_eq!(within("an event", conn.chunk()).await, Some(Some(b"data: one\n\n".to_vec())));
    gw.revoke(&caller.grant).await;
    let id = gw.upstream.last().header("x-request-id");
    within("the end of the stream", async {
        loop {
            gw.upstream.emit("data: two\n\n");
            // The next piece ends it: whatever was on its way before the switch may still arrive.
            if conn.chunk().await.is_none() {
                return;
            }
        }
    })
    .await;
    assert_eq!(outcome(&gw.record_of_request(&id).await), "Revocation");
    assert_eq!(Conn::open(app.address).await.ask(&query()).await.status, 401);
    app.stop().await;
    gw.running.stop().await;
}

/// How a form is sent.
#[derive(Clone, Copy)]
enum Sends {
    Whole,
    InPieces,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_names_a_tenant_never_gets_through() {
    let gw = Gateway::start().await;
    let app = Running::start(&gw);
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let (plain, long) = ("query=up&time=1", format!("query=up&pad={}", "x".repeat(64 * 1024)));
    let form = "application/x-www-form-urlencoded";
    let query = "/prometheus/api/v1/query";
    let cases = [
        (query, form, None, plain, Sends::Whole, "allowed"),
        (query, "Application/X-WWW-Form-URLencoded; charset=UTF-8", None, plain, Sends::Whole, "allowed"),
        (query, "application/json", None, "tenant=x", Sends::Whole, "allowed"),
        (query, form, None, "", Sends::Whole, "allowed"),
        (query, form, None, "query=up&tenant=x", Sends::Whole, "other_organization_query"),
        (query, form, None, "tenant", Sends::Whole, "other_organization_query"),
        (query, form, None, "query=up&%74enant=x", Sends::Whole, "other_organization_query"),
        (query, "text/plain, application/x-www-form-urlencoded", None, plain, Sends::Whole, "form_expected"),
        (query, "multipart/form-data; boundary=x", None, plain, Sends::Whole, "form_expected"),
        (query, form, Some("gzip"), plain, Sends::Whole, "form_expected"),
        // What can't be read first is not let through unread.
        (query, form, None, plain, Sends::InPieces, "body_not_sent"),
        (query, form, None, "tenant=x", Sends::InPieces, "body_not_sent"),
        (query, form, None, &long, Sends::Whole, "body_not_sent"),
        ("/promethe%75s/api/v1/query", form, None, "tenant=x", Sends::Whole, "other_organization_query"),
    ];
    for (path, kind, coding, body, sends, expected) in cases {
        let request = Request::new("POST", path).bearer(&caller.token).header("Content-Type", kind);
        let request = coding.into_iter().fold(request, |request, coding| request.header("Content-Encoding", coding));
        let request = match sends {
            Sends::Whole => request.body(body),
            Sends::InPieces => request.chunked(body.as_bytes(), 4),
        };
        let what = format!("{path} {kind} {}", &body[..body.len().min(40)]);
        let before = gw.upstream.count();
        let answer = Conn::open(app.address).await.ask(&request).await;
        assert_eq!(reason(&gw.record_of(&answer).await), expected, "{what}: {answer:?}");
        let arrived = gw.upstream.count() - before;
        assert_eq!((arrived, answer.status == 200), (usize::from(expected == "allowed"), expected == "allowed"), "{what}");
        if arrived == 1 {
            assert_eq!(gw.upstream.last().body.as_slice(), body.as_bytes(), "{what}: it arrives whole");
        }
    }
    app.stop().await;
    gw.running.stop().await;
}

fn indices() -> Setup {
    let search = Api::named("search").pack("opensearch").keys(r#"tenant = { mode = "index", value = "{org.slug}." }"#);
    let short = Api::named("short").route("any", "POST", "/any", "scopes = [\"logs:read\"]\nmax_body = \"10B\"");
    Setup { more: format!("{search}{short}"), ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_looked_at_as_an_application_passes_them_on() {
    let gw = Gateway::start_with(indices()).await;
    let (watching, blind) = (Running::start(&gw), Running::with(&gw, gw.running.gate.clone()));
    let caller = gw.open_caller("acme", &["admin"], "logs:read logs:write").await;
    let look_up = |index: &str| format!(r#"{{"query":{{"terms":{{"u":{{"index":"{index}","id":"1","path":"p"}}}}}}}}"#);
    let bulk = |index: &str| format!("{{\"index\":{{\"_index\":\"{index}\"}}}}\n{{\"a\":1}}\n");
    let (own, theirs) = (look_up("acme.users"), look_up("beta.users"));
    let (search, many) = ("/search/acme.logs/_search", "/search/acme.logs/_bulk");
    // Where, what, and what becomes of it with the hook and without.
    let cases = [
        (search, own.clone(), "allowed", "body_not_sent"),
        (search, theirs, "other_organization_index", "body_not_sent"),
        (search, "{".to_owned(), "selector_malformed", "body_not_sent"),
        (many, bulk("acme.logs"), "allowed", "body_not_sent"),
        (many, bulk("acme.logs") + &bulk("beta.logs"), "other_organization_index", "body_not_sent"),
        ("/search/beta.logs/_search", own, "other_organization_index", "other_organization_index"),
        ("/short/any", "123456789".to_owned(), "allowed", "length_required"),
        ("/short/any", "12345678901".to_owned(), "body_too_large", "length_required"),
    ];
    for (path, body, watched, unwatched) in cases {
        let kind = if path == many { "application/x-ndjson" } else { "application/json" };
        let post = || Request::new("POST", path).bearer(&caller.token).header("Content-Type", kind);
        for (app, expected) in [(&watching, watched), (&blind, unwatched)] {
            gw.advance(1);
            let request = post().chunked(body.as_bytes(), 5);
            let answer = Conn::open(app.address).await.ask(&request).await;
            assert_eq!(answer.status == 200, expected == "allowed", "{path} {body}: {answer:?}");
            // What is refused on its way is answered by the application, which knows no id: it is the record of this second.
            let now = gw.running.node.now();
            let last = within("the record", async {
                loop {
                    if let Some(last) = gw.calls().await.pop().filter(|record| record.time == now) {
                        break last;
                    }
                    tokio::task::yield_now().await;
                }
            })
            .await;
            assert_eq!(reason(&last), expected, "{path} {body}: {last:?}");
            if expected == "allowed" {
                assert_eq!(gw.upstream.last().body.as_slice(), body.as_bytes(), "it arrives whole");
            }
        }
    }
    let empty = Conn::open(blind.address).await.ask(&Request::get(search).bearer(&caller.token)).await;
    assert_eq!(empty.status, 200, "nothing to look at: {empty:?}");
    watching.stop().await;
    blind.stop().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_takes_no_longer_than_its_route_allows() {
    let slow = Api::named("slow").route("silent", "GET", "/silent", &format!("{OPEN}\ntimeouts = {{ idle = \"200ms\" }}")).route(
        "events",
        "GET",
        "/events",
        &format!("{OPEN}\ntimeouts = {{ total = \"200ms\" }}"),
    );
    let gw = Gateway::start_with(slow.into()).await;
    let app = Running::start(&gw);
    let silent = Request::get("/slow/silent").header("X-Behave", "silent");
    let answer = within("an answer", async { Conn::open(app.address).await.ask(&silent).await }).await;
    assert_eq!(answer.status, 502, "{answer:?}");
    let mut conn = Conn::open(app.address).await;
    conn.send(&Request::get("/slow/events").header("X-Behave", "events").bytes()).await;
    assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
    within("the end of the stream", async {
        loop {
            gw.upstream.emit("data: more\n\n");
            if conn.chunk().await.is_none() {
                return;
            }
        }
    })
    .await;
    app.stop().await;
    gw.running.stop().await;
}

/// What `tollgate::plugin` says that is left to the application: nothing runs while nothing comes, and the read timeout is the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_ends_with_its_read_timeout_at_the_latest() {
    let brief = format!("{READERS}\ntimeouts = {{ idle = \"500ms\" }}");
    let gw = Gateway::start_with(Api::named("quiet").route("events", "GET", "/events", &brief).into()).await;
    let app = Running::start(&gw);
    let caller = gw.open_caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(app.address).await;
    conn.send(&Request::get("/quiet/events").bearer(&caller.token).header("X-Behave", "events").bytes()).await;
    within("a response head", conn.head()).await.expect("a head");
    gw.revoke(&caller.grant).await;
    let id = gw.upstream.last().header("x-request-id");
    within("the end of the silent stream", async { while conn.chunk().await.is_some() {} }).await;
    assert_eq!(outcome(&gw.record_of_request(&id).await), "Revocation");
    app.stop().await;
    gw.running.stop().await;
}
