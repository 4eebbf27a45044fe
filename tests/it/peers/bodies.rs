//! Where one request ends and the next begins.

use crate::harness::Gateway;
use crate::harness::api::OPEN;
use crate::harness::audit::{call, outcome};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, within};

use super::QUERY;

/// A request that nobody sent, were it one.
const SMUGGLED: &str = "POST /open/smuggled HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n";

/// Nothing that the upstream was sent is what nobody asked for.
fn nothing_smuggled(gw: &Gateway, what: &str) {
    for seen in gw.upstream.seen() {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        assert!(!seen.text().contains("smuggled") && !body.contains("smuggled"), "{what}: {} {body}", seen.text());
    }
}

/// What becomes of a connection: it ends, or the next request of it is answered as what it is.
async fn goes_on_or_ends(conn: &mut Conn, what: &str) {
    conn.send(&Request::get("/open/next").bytes()).await;
    if let Some(next) = within(what, conn.try_response()).await {
        assert_eq!((next.status, next.json()["target"].as_str()), (200, Some("/next")), "{what}: {next:?}");
    }
}

/// An answer of the gate's own while a body is on its way (pingora CVE-2025-4366).
#[tokio::test(flavor = "multi_thread")]
async fn a_body_behind_an_early_answer_is_no_request() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "dash:read metrics:read").await;
    let poor = gw.caller("beta", &["reader"], "dash:read").await;
    let cases: [(&str, Request, u16); 9] = [
        ("who is unknown", Request::new("POST", QUERY), 401),
        ("who lacks a scope", Request::new("POST", QUERY).bearer(&poor.token), 403),
        ("no such page", Request::new("POST", "/nothing/here"), 404),
        ("another method", Request::new("POST", "/prometheus/api/v1/alerts").bearer(&caller.token), 405),
        ("a body that is too long", Request::new("POST", "/tight/small").bearer(&caller.token), 413),
        ("another host", Request::new("POST", QUERY).host("evil.test"), 421),
        ("a path of two readings", Request::new("POST", "/open//x"), 400),
        ("on the way to sign in", Request::get("/settings/applications"), 303),
        ("an upstream that is not there", Request::new("POST", "/gone/x"), 502),
    ];
    for (what, request, status) in cases {
        gw.advance(1);
        let with_length = request.body(SMUGGLED);
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(&with_length.bytes()).await;
        let answer = within(what, conn.try_response()).await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        goes_on_or_ends(&mut conn, what).await;
        nothing_smuggled(&gw, what);
        if status != 413 {
            continue;
        }
        // What is too long in chunks shows while they come.
        let mut conn = Conn::open(gw.running.public).await;
        let pieces = Request::new("POST", "/tight/small").bearer(&caller.token).chunked(SMUGGLED.as_bytes(), 7);
        conn.send(&pieces.bytes()).await;
        if let Some(answer) = within(what, conn.try_response()).await {
            assert_eq!(answer.status, 413, "{what}: {answer:?}");
        }
        goes_on_or_ends(&mut conn, what).await;
        nothing_smuggled(&gw, what);
    }
    gw.running.stop().await;
}

/// The same of a body of which the rest comes after the answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_body_after_its_answer_is_no_request() {
    let gw = Gateway::start().await;
    for (target, status) in [(QUERY, 401), ("/nothing/here", 404), ("/open//x", 400)] {
        let first = format!("POST {target} HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {}\r\n\r\nbegin", 5 + SMUGGLED.len());
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(first.as_bytes()).await;
        let answer = within(target, conn.try_response()).await.unwrap_or_else(|| panic!("{target}: no answer"));
        assert_eq!(answer.status, status, "{target}: {answer:?}");
        conn.send(SMUGGLED.as_bytes()).await;
        goes_on_or_ends(&mut conn, target).await;
        nothing_smuggled(&gw, target);
    }
    gw.running.stop().await;
}

/// What is sent before anybody has agreed to change the protocol (pingora CVE-2026-2833), or to another request on the connection.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_behind_a_request_reaches_nobody() {
    let socket = Api::named("socket").route("any", "GET", "/**", &format!("{OPEN}\nupgrade = \"websocket\""));
    let gw = Gateway::start_with(socket.into()).await;
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, lines) in [
        ("/open/first", ""),
        ("/open/first", websocket),
        ("/open/first", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n"),
        ("/open/first", "Connection: Upgrade\r\nUpgrade: anything\r\n"),
        // The upstream answers 200 there, as if nobody had asked for it.
        ("/socket/first", websocket),
    ] {
        let mut conn = Conn::open(gw.running.public).await;
        conn.send(format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{lines}\r\n{SMUGGLED}").as_bytes()).await;
        let what = format!("{target} {lines}");
        let answer = within(&what, conn.try_response()).await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert!([200, 426, 502].contains(&answer.status), "{what}: {answer:?}");
        assert!(conn.closed().await, "{what}: the second one was answered");
        nothing_smuggled(&gw, &what);
    }
    assert!(gw.upstream.count() >= 4, "the first of each came");
    gw.running.stop().await;
}

/// Chunks that one reader takes otherwise than another.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_that_are_none_is_not_whole() {
    let gw = Gateway::start().await;
    let bad = [
        "0x2\r\nab\r\n0\r\n\r\n",
        "2\nab\n0\n\n",
        "+2\r\nab\r\n0\r\n\r\n",
        "-2\r\nab\r\n0\r\n\r\n",
        "zz\r\nab\r\n0\r\n\r\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nab\r\n0\r\n\r\n",
    ];
    for (n, body) in bad.iter().enumerate() {
        let path = format!("/open/chunks-{n}");
        let mut conn = Conn::open(gw.running.public).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n");
        conn.send(format!("{head}{body}{SMUGGLED}").as_bytes()).await;
        let answer = within(body, conn.try_response()).await;
        assert!(answer.as_ref().is_none_or(|a| a.status == 400), "{body:?}: {answer:?}");
        assert!(conn.closed().await, "{body:?}: more came");
        assert_eq!(gw.upstream.count(), 0, "{body:?}");
        let ended = within("a record", async {
            loop {
                if let Some(record) = gw.calls().await.into_iter().find(|record| call(record).path == path) {
                    return outcome(&record);
                }
            }
        });
        let ended = ended.await;
        assert!(["Client", "400"].contains(&ended.as_str()), "{body:?}: {ended}");
    }
    let mut conn = Conn::open(gw.running.public).await;
    let good = "POST /open/good HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    conn.send(format!("{good}2;said=more\r\nab\r\n0\r\nX-Scope-OrgID: evil\r\n\r\n").as_bytes()).await;
    assert_eq!(conn.response().await.status, 200);
    let seen = gw.upstream.last();
    assert_eq!((seen.target(), seen.body.as_slice()), ("/good".to_owned(), &b"ab"[..]));
    assert!(!seen.text().contains("said") && !seen.text().contains("evil"), "{}", seen.text());
    gw.running.stop().await;
}
