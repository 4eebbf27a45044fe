//! gRPC through the gate: services at the root, trailers, denials as the status of a call, streams that end with their permission.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::Request as Head;
use tollgate::record::Outcome;

use crate::harness::api::{HTTP2, OPEN, READERS};
use crate::harness::audit::{self, outcome, reason};
use crate::harness::gateway::free_port;
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http1::{Request, Response, ask};
use crate::harness::{Api, Caller, Gateway, Setup, http2, within};

const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const ECHO: &str = "/test.v1.Echo/Call";

async fn start() -> (Gateway, Collector) {
    let collector = Collector::start().await;
    let otlp = Api::named("otlp").at(collector.address, HTTP2).pack("otlp-grpc");
    let otlp = otlp.keys(r#"tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }"#);
    let seldom = format!("{READERS}\nrates = [{{ per = \"client\", requests = 1, every = \"1m\" }}]");
    let echo = Api::named("echo").behind("otlp").keys("services = [\"test.v1.Echo\", \"test.v1.Gone\"]");
    let echo = echo.route("call", "POST", "/test.v1.Echo/{method}", READERS);
    let echo = echo.route("seldom", "POST", "/test.v1.Echo/Seldom", &seldom);
    let whole = Api::named("whole").behind("otlp").route("any", "POST", "/**", READERS);
    let down = Api::named("down").at(format!("127.0.0.1:{}", free_port()), HTTP2).keys("services = [\"test.v1.Down\"]");
    let down = down.route("call", "POST", "/test.v1.Down/Call", OPEN);
    let more = format!("{otlp}{echo}{whole}{down}");
    (Gateway::start_with(Setup { more, ..Setup::default() }).await, collector)
}

async fn caller(gw: &Gateway) -> Caller {
    gw.open_caller("acme", &["operator"], "metrics:read metrics:write").await
}

fn call(path: &str, token: &str, more: &[(&str, &str)]) -> Head<()> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/grpc"), ("te", "trailers")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    headers.extend_from_slice(more);
    http2::request("POST", path, &headers)
}

fn message() -> Bytes {
    frame(b"some metrics")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_with_its_trailers() {
    let (gw, collector) = start().await;
    let caller = caller(&gw).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    // The last is a route for whole answers, where a stream may come all the same.
    for (number, path) in [EXPORT, &format!("/otlp{EXPORT}"), &format!("/whole{EXPORT}")].into_iter().enumerate() {
        let tenant = [("x-scope-orgid", "tenant-acme"), ("x-custom", "kept")];
        let (head, mut body) = conn.start(call(path, &caller.token, &tenant), Some(message())).await.expect("an answer");
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/grpc")), "{head:?}");
        assert_eq!(head.header("grpc-status"), None, "it comes at the end");
        let (answer, trailers) = rest(&mut body).await;
        assert_eq!((answer, &trailers["grpc-status"]), (frame(b"done").to_vec(), &http::HeaderValue::from_static("0")));
        let seen = collector.called(number + 1).await;
        assert_eq!((&*seen.path, &*seen.authority), (EXPORT, &*collector.address.to_string()));
        assert_eq!(seen.body, frame(b"some metrics").to_vec());
        assert_eq!((seen.header("te"), seen.header("x-custom")), ("trailers", "kept"));
        if !path.starts_with("/whole") {
            assert_eq!(seen.header("x-scope-orgid"), "tenant-acme");
        }
        assert!(!seen.headers.contains_key("authorization"), "{:?}", seen.headers);
        assert_eq!(seen.header("x-request-id"), head.request_id());
        let record = gw.record_of(&head).await;
        assert_eq!(outcome(&record), "200");
        let Outcome::Completed(measured) = &audit::call(&record).outcome else { panic!("{record:?}") };
        assert_eq!(measured.call, Some(0));
    }
    gw.running.stop().await;
}

/// Checks a refusal: a head that is all of the answer, with the reason in its details.
fn refused(response: &Response, status: &str, code: &str) -> Vec<u8> {
    assert_eq!((response.status, response.header("grpc-status")), (200, Some(status)), "{code}: {response:?}");
    assert_eq!((response.header("content-type"), response.body.len()), (Some("application/grpc"), 0), "{code}");
    assert!(response.header("grpc-message").is_some_and(|m| !m.is_empty()), "{code}: {response:?}");
    let details = STANDARD_NO_PAD.decode(response.header("grpc-status-details-bin").expect("details")).expect("base64");
    let said = code.to_ascii_uppercase();
    assert!(details.windows(said.len()).any(|w| w == said.as_bytes()), "{code} is not in {details:?}");
    details
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_the_status_of_the_call() {
    let (gw, collector) = start().await;
    let caller = caller(&gw).await;
    let narrow = gw.token(&caller.grant, "metrics:read", &[]);
    let mut conn = http2::Conn::open(gw.running.public).await;
    let cases = [
        (call(EXPORT, "", &[]), "16", "no_token"),
        (call(EXPORT, "abc", &[]), "16", "token_malformed"),
        (call(TRACES, &caller.token, &[]), "7", "permission_missing"),
        (call(EXPORT, &narrow, &[]), "7", "insufficient_scope"),
        (call(EXPORT, &caller.token, &[("x-scope-orgid", "tenant-beta")]), "7", "other_organization_header"),
        (call("/test.v1.Gone/Call", &caller.token, &[]), "12", "no_route"),
        (call("/no.such.Service/Call", &caller.token, &[]), "12", "no_route"),
        (call("/test.v1.Echo/../Echo/Call", &caller.token, &[]), "3", "dot_segment"),
        (call("/test.v1.Down/Call", "", &[]), "14", "upstream_unreachable"),
    ];
    for (request, status, code) in cases {
        let (response, body) = conn.start(request, Some(message())).await.expect("an answer");
        assert!(body.is_end_stream(), "{code}: clients take nothing after a head that has the status already");
        refused(&response, status, code);
        let record = gw.record_of(&response).await;
        if status != "14" {
            assert_eq!(reason(&record), code);
        }
        let challenged = matches!(code, "no_token" | "token_malformed" | "insufficient_scope");
        assert_eq!(response.header("www-authenticate").is_some(), challenged, "{response:?}");
    }
    assert_eq!(collector.count(), 0);
    let seldom = || call("/test.v1.Echo/Seldom", &caller.token, &[]);
    assert_eq!(conn.ask(seldom(), Some(message())).await.expect("an answer").header("grpc-status"), None);
    let details = refused(&conn.ask(seldom(), Some(message())).await.expect("an answer"), "8", "rate_limited");
    let info = b"google.rpc.RetryInfo";
    assert!(details.windows(info.len()).any(|w| w == info), "OTLP clients try again only when told after what time");
    let old = Request::new("POST", EXPORT).bearer(&caller.token).header("Content-Type", "application/grpc").body(frame(b"x"));
    let response = ask(gw.running.public, &old).await;
    assert_eq!((response.status, response.reason().as_deref()), (505, Some("http2_required")));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_says_is_the_clients_to_hear_but_not_about_our_credentials() {
    let (gw, _collector) = start().await;
    let caller = caller(&gw).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let missing = call(ECHO, &caller.token, &[("x-behave", "missing")]);
    let (_, mut body) = conn.start(missing, Some(message())).await.expect("an answer");
    let (_, trailers) = rest(&mut body).await;
    assert_eq!(
        (&trailers["grpc-status"], &trailers["grpc-message"]),
        (&"5".parse().expect("5"), &"no such thing".parse().expect("text"))
    );
    let late = call(ECHO, &caller.token, &[("x-behave", "refuse")]);
    let (head, mut body) = conn.start(late, Some(message())).await.expect("an answer");
    let (_, trailers) = rest(&mut body).await;
    assert_eq!((head.status, &trailers["grpc-status"]), (200, &"14".parse().expect("14")), "{trailers:?}");
    let at_once = call(ECHO, &caller.token, &[("x-behave", "refuse-at-once")]);
    refused(&conn.ask(at_once, Some(message())).await.expect("an answer"), "14", "upstream_refused_us");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_stream_at_the_same_time() {
    let (gw, _collector) = start().await;
    let caller = caller(&gw).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let (mut send, answer) = conn.open_stream(call(ECHO, &caller.token, &[("x-behave", "echo")])).await.expect("a stream");
    let (head, mut body) = answer.head().await.expect("an answer before the request has ended");
    assert_eq!(head.status, 200);
    for text in ["one", "two", "three"] {
        send.send_data(frame(text.as_bytes()), false).expect("sent");
        let back = http2::data(&mut body).await.expect("a message").expect("a message");
        assert_eq!(back, frame(text.as_bytes()));
    }
    send.send_data(Bytes::new(), true).expect("sent");
    let (_, trailers) = rest(&mut body).await;
    assert_eq!(trailers["grpc-status"], "0");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_messages_ends_with_its_permission() {
    for how in ["revoked", "expired"] {
        let (gw, collector) = start().await;
        let caller = caller(&gw).await;
        let mut conn = http2::Conn::open(gw.running.public).await;
        let (head, mut body) =
            conn.start(call(ECHO, &caller.token, &[("x-behave", "stream")]), Some(message())).await.expect("an answer");
        collector.called(1).await;
        collector.emit(b"one");
        assert_eq!(http2::data(&mut body).await.expect("data").expect("a message"), frame(b"one"));
        if how == "revoked" {
            gw.revoke(&caller.grant).await;
        } else {
            gw.advance(600);
        }
        let end = http2::data(&mut body).await.expect("no clean end");
        assert!(end.is_err(), "{how}: {end:?}");
        within("the reset", collector.reset()).await;
        assert_eq!(outcome(&gw.record_of(&head).await), "Revocation", "{how}");
        gw.running.stop().await;
    }
}

/// What a caller waits is the longest that a call takes, and the upstream is told what is left of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_no_longer_than_its_caller_waits() {
    let (gw, collector) = start().await;
    let caller = caller(&gw).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    for (number, path) in [ECHO, &format!("/whole{ECHO}")].into_iter().enumerate() {
        let silent = call(path, &caller.token, &[("x-behave", "silent"), ("grpc-timeout", "300m")]);
        let response = conn.ask(silent, Some(message())).await.expect("an answer");
        refused(&response, "4", "upstream_timeout");
        let told = collector.called(number + 1).await.header("grpc-timeout").to_owned();
        let left: u32 = told.strip_suffix('u').expect("microseconds").parse().expect("a number");
        assert!((1..300_000).contains(&left), "{told}");
    }
    let begun = call(ECHO, &caller.token, &[("x-behave", "stream"), ("grpc-timeout", "300m")]);
    let (head, mut body) = conn.start(begun, Some(message())).await.expect("an answer");
    assert_eq!(head.status, 200);
    assert!(http2::data(&mut body).await.expect("no clean end").is_err());
    within("the reset", collector.reset()).await;
    // Nobody has an endpoint left out by waiting for nothing.
    for _ in 0..8 {
        let hasty = call(ECHO, &caller.token, &[("x-behave", "silent"), ("grpc-timeout", "1n")]);
        refused(&conn.ask(hasty, Some(message())).await.expect("an answer"), "4", "upstream_timeout");
    }
    let sound = conn.ask(call(ECHO, &caller.token, &[("grpc-timeout", "1H")]), Some(message())).await.expect("an answer");
    assert_eq!((sound.status, sound.header("grpc-status")), (200, None), "{sound:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_client_gives_up_ends_at_the_upstream() {
    for behave in ["silent", "stream"] {
        let (gw, collector) = start().await;
        let caller = caller(&gw).await;
        let mut conn = http2::Conn::open(gw.running.public).await;
        let (mut send, _answer) = conn.open_stream(call(ECHO, &caller.token, &[("x-behave", behave)])).await.expect("a stream");
        send.send_data(message(), behave == "silent").expect("sent");
        collector.called(1).await;
        send.send_reset(h2::Reason::CANCEL);
        within("the reset", collector.reset()).await;
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_messages_are_compressed_is_between_the_two_ends() {
    let (gw, collector) = start().await;
    let caller = caller(&gw).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let said = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip, identity"), ("x-behave", "missing")];
    let compressed = Bytes::from_static(&[1, 0, 0, 0, 3, 0x1f, 0x8b, 0xff]);
    conn.ask(call(ECHO, &caller.token, &said), Some(compressed.clone())).await.expect("an answer");
    let seen = collector.called(1).await;
    assert_eq!((seen.header("grpc-encoding"), seen.header("grpc-accept-encoding")), ("gzip", "gzip, identity"));
    assert_eq!(seen.body, compressed);
    gw.running.stop().await;
}
