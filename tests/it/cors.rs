//! Pages of other origins (Fetch standard, CORS): those that the operator names may call and read, others may not.

use crate::harness::http1::{Request, Response, ask};
use crate::harness::{Gateway, http2};

const QUERY: &str = "/prometheus/api/v1/query";
const OURS: &str = "https://app.test";
const THEIRS: &str = "https://evil.test";

fn preflight(origin: &str, headers: &str) -> Request {
    Request::new("OPTIONS", QUERY)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", headers)
}

/// Every value of a header that may be there more than once.
fn values<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
    response.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
}

fn cors_of(response: &Response) -> Vec<&str> {
    let ours = |n: &str| n.to_ascii_lowercase().starts_with("access-control-");
    response.headers.iter().filter(|(n, _)| ours(n)).map(|(n, _)| n.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_without_a_token_and_never_forwarded() {
    let gw = Gateway::start().await;
    let asked = "authorization, x-grafana-device-id";
    let allowed = ask(gw.running.public, &preflight(OURS, asked)).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, Some(OURS)), "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-headers"), Some(asked));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|m| m.contains("POST")));
    assert_eq!(allowed.header("access-control-allow-credentials"), None, "cookies are never meant");
    assert_eq!(values(&allowed, "vary"), ["Origin", "access-control-request-headers"]);
    let strange = ask(gw.running.public, &preflight(OURS, "a\"b")).await;
    assert!(strange.header("access-control-allow-headers").is_some_and(|h| h.starts_with("Authorization")), "{strange:?}");
    for origin in [THEIRS, "null", "https://app.test.evil.test", "http://app.test"] {
        let refused = ask(gw.running.public, &preflight(origin, asked)).await;
        assert_eq!((refused.status, cors_of(&refused)), (204, vec![]), "{origin}");
        assert_eq!(values(&refused, "vary")[0], "Origin");
    }
    let mut conn = http2::Conn::open(gw.running.public).await;
    let headers = [("origin", OURS), ("access-control-request-method", "POST")];
    let second = conn.ask(http2::request("OPTIONS", QUERY, &headers), None).await.expect("an answer");
    assert_eq!((second.status, second.header("access-control-allow-origin")), (204, Some(OURS)));
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_says_which_pages_may_read_an_answer_and_the_upstream_does_not() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = |origin: &str| Request::get(QUERY).bearer(&caller.token).header("Origin", origin).header("X-Behave", "open");
    let ours = ask(gw.running.public, &query(OURS)).await;
    assert_eq!((ours.status, values(&ours, "access-control-allow-origin")), (200, vec![OURS]), "{ours:?}");
    assert_eq!(ours.header("access-control-allow-credentials"), None);
    let exposed = ours.header("access-control-expose-headers").expect("headers are exposed");
    for name in ["WWW-Authenticate", "X-Request-Id", "Mcp-Session-Id"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert_eq!(values(&ours, "vary"), ["Accept-Encoding", "Origin"], "what the upstream says is kept");
    let theirs = ask(gw.running.public, &query(THEIRS)).await;
    assert_eq!((theirs.status, cors_of(&theirs)), (200, vec![]), "{theirs:?}");
    assert_eq!(values(&theirs, "vary"), ["Accept-Encoding", "Origin"]);
    let plain = ask(gw.running.public, &Request::get("/open/x").header("X-Behave", "open")).await;
    assert_eq!((cors_of(&plain), values(&plain, "vary")), (vec![], vec!["Accept-Encoding"]), "an API without pages");
    for request in [Request::get(QUERY), Request::get("/prometheus/nothing").bearer(&caller.token)] {
        let refused = ask(gw.running.public, &request.header("Origin", OURS)).await;
        assert!(matches!(refused.status, 401 | 404), "{refused:?}");
        assert_eq!(refused.header("access-control-allow-origin"), Some(OURS), "a page must see why");
    }
    gw.running.stop().await;
}
