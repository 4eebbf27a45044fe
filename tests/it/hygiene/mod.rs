//! G7 over real sockets: what is ambiguous is refused before the upstream hears of it, and what passes is what was authorized.

mod malformed;
mod property;
mod rows;

use bytes::Bytes;
use http::{Method, Request as Http, Uri, Version};

use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Gateway, Setup, http2, within};
use rows::{Expect, H2Row, Row};

/// The request with its target below the mount of an API that is open to everybody.
fn mounted(raw: &[u8]) -> Option<Vec<u8>> {
    let at = raw.windows(2).position(|w| w == b" /")?;
    raw[..at]
        .iter()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_whitespace())
        .then(|| [&raw[..at], b" /open", &raw[at + 1..]].concat())
}

/// The bytes with the body that their head announces.
fn whole(raw: &[u8]) -> Vec<u8> {
    let chunked = raw.to_ascii_lowercase().windows(26).any(|w| w == b"transfer-encoding: chunked");
    if chunked { [raw, b"0\r\n\r\n"].concat() } else { raw.to_vec() }
}

/// Nothing is mounted where the rows go as they stand: what hygiene lets in ends there.
fn was_let_in(response: &Response) -> bool {
    matches!(response.reason().as_deref(), None | Some("no_api"))
}

async fn replay(gw: &Gateway, row: &Row) {
    gw.advance(1);
    let before = gw.upstream.count();
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&whole(&row.raw)).await;
    let response = within(row.name, conn.try_response()).await;
    match row.expect {
        Expect::Pass(target) => {
            let response = response.unwrap_or_else(|| panic!("{}: no answer", row.name));
            assert!(was_let_in(&response), "{}: {response:?}", row.name);
            passes(gw, row, target).await;
        }
        Expect::Local(status) => assert_eq!(response.map(|r| r.status), Some(status), "{}", row.name),
        Expect::Refused(status, code, close) => {
            let response = response.unwrap_or_else(|| panic!("{}: no answer", row.name));
            check(gw, row.name, &response, status, code).await;
            if close {
                assert!(conn.closed().await, "{}: more came", row.name);
            } else if !row.raw.windows(8).any(|w| w == b"HTTP/1.0") {
                assert_eq!(conn.ask(&Request::get("/open/next")).await.status, 200, "{}: the connection is usable", row.name);
                return;
            }
            assert_eq!(gw.upstream.count(), before, "{}", row.name);
        }
        Expect::Unparsed(status, code) => {
            let response = response.unwrap_or_else(|| panic!("{}: no answer", row.name));
            assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{}: {response:?}", row.name);
            assert_eq!(response.header("content-type"), Some("application/problem+json"), "{}", row.name);
            assert!(response.header("x-request-id").is_some(), "{}: {response:?}", row.name);
            assert_eq!(response.header("allow").is_some(), status == 405, "{}: {response:?}", row.name);
            assert!(conn.closed().await, "{}: more came", row.name);
            assert_eq!(gw.upstream.count(), before, "{}", row.name);
        }
    }
}

async fn check(gw: &Gateway, name: &str, response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{name}: {response:?}");
    assert_eq!(reason(&gw.record_of(response).await), code, "{name}");
}

/// The same row below a mount: the upstream receives the target that the table says.
async fn passes(gw: &Gateway, row: &Row, target: &str) {
    let Some(raw) = mounted(&row.raw) else { return };
    let before = gw.upstream.count();
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&whole(&raw)).await;
    let response = within(row.name, conn.try_response()).await.unwrap_or_else(|| panic!("{}: no answer", row.name));
    assert_eq!(response.status, 200, "{}: {response:?}", row.name);
    let seen = gw.upstream.seen();
    assert_eq!(seen.len(), before + 1, "{}", row.name);
    let seen = seen.last().expect("a request");
    assert_eq!(seen.target(), target, "{}", row.name);
    for name in
        ["authorization", "cookie", "x_scope_orgid", "x.scope.orgid", "x-scope-orgid", "x-original-url", "forwarded", "upgrade"]
    {
        assert!(seen.values(name).is_empty(), "{}: {name} in {}", row.name, seen.text());
    }
    assert!(!seen.text().contains("spoofed"), "{}: {}", row.name, seen.text());
    for name in rows::IDENTITY {
        assert!(seen.values(name).is_empty(), "{}: {name} in {}", row.name, seen.text());
    }
    for name in ["x-http-method-override", "http2-settings", "dpop"] {
        assert!(seen.values(name).is_empty(), "{}: {name} in {}", row.name, seen.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_over_http1() {
    let gw = Gateway::start_with(Setup { limits: "header_timeout = \"3s\"", ..Setup::default() }).await;
    for row in rows::rows() {
        replay(&gw, &row).await;
    }
    gw.running.stop().await;
}

/// What follows the request line may look like another one; of each request on a kept connection the query alone is escaped.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_query_of_each_request_on_a_connection_is_escaped() {
    let gw = Gateway::start().await;
    let trap = "\r\n\r\nGET /open/x?\"<> HTTP/1.1\r\nHost: gw.test\r\n\r\n?\"";
    let post = |query: &str| Request::new("POST", &format!("/open/q?{query}")).header("X-A", "?\"<>");
    let long = "\"".repeat(2_600);
    let mut conn = Conn::open(gw.running.public).await;
    for (query, cut) in [("a=\"<>\"", 1), ("a=\"<>\"", 7), ("a=1", 10_000), (&*long, 10_000), (&*long, 997), ("a=<", 10_000)] {
        for piece in post(query).body(trap).bytes().chunks(cut) {
            conn.send(piece).await;
        }
        let response = conn.response().await;
        assert_eq!(response.status, 200, "{query} {cut}: {response:?}");
        let seen = gw.upstream.last();
        let escaped = query.replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
        assert_eq!((seen.target(), seen.header("x-a").as_str()), (format!("/q?{escaped}"), "?\"<>"), "{cut}");
        assert_eq!(String::from_utf8_lossy(&seen.body), trap, "{query} {cut}");
    }
    gw.running.stop().await;
}

fn h2_request(row: &H2Row, path: &str) -> Http<()> {
    let (uri, version) = match row.authority {
        Some(authority) => (Uri::builder().scheme(row.scheme).authority(authority).path_and_query(path).build(), Version::HTTP_2),
        // The client then sends no authority.
        None => (Uri::builder().path_and_query(path).build(), Version::HTTP_11),
    };
    let method = Method::from_bytes(row.method.as_bytes()).expect("a method");
    let mut request = Http::builder().method(method).uri(uri.expect("a URI")).version(version);
    for (name, value) in row.headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_over_http2() {
    let gw = Gateway::start().await;
    for row in rows::h2_rows() {
        gw.advance(1);
        let before = gw.upstream.count();
        let body = || row.headers.iter().any(|(n, _)| *n == "content-length").then(|| Bytes::from_static(b"ab"));
        let mut conn = http2::Conn::open(gw.running.public).await;
        let response = conn.ask(h2_request(&row, row.path), body()).await;
        match (row.expect, response) {
            (Expect::Pass(target), Ok(response)) => {
                assert!(was_let_in(&response), "{}: {response:?}", row.name);
                let path = format!("/open{}", row.path);
                let passed = conn.ask(h2_request(&row, &path), body()).await.expect("a response");
                assert_eq!((passed.status, gw.upstream.last().target().as_str()), (200, target), "{}", row.name);
                assert!(gw.upstream.last().values("cookie").is_empty());
            }
            (Expect::Local(status), Ok(response)) => assert_eq!(response.status, status, "{}", row.name),
            // The protocol library may notice first, with an answer of its own.
            (Expect::Refused(400, ..), Ok(response)) if response.status == 400 && response.headers.is_empty() => {
                assert_eq!(gw.upstream.count(), before, "{}", row.name);
            }
            (Expect::Refused(status, code, _), Ok(response)) => {
                check(&gw, row.name, &response, status, code).await;
                assert_eq!(gw.upstream.count(), before, "{}", row.name);
            }
            // The protocol library may notice first that the length is none.
            (Expect::Refused(_, code, true), Err(error)) => assert!(error.is_reset(), "{}: {code} {error}", row.name),
            (Expect::Unparsed(..), Err(_)) => assert_eq!(gw.upstream.count(), before, "{}", row.name),
            (expect, got) => panic!("{}: expected {expect:?}, got {got:?}", row.name),
        }
    }
    gw.running.stop().await;
}
