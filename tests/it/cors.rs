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

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_upstream_is_none_of_ours() {
    let gw = Gateway::start().await;
    let open = |host: &str, path: &str| Request::get(path).host(host).header("X-Behave", "page");
    let page = ask(gw.running.public, &open("gw.test", "/open/page")).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")), "{page:?}");
    assert_eq!(values(&page, "content-security-policy"), ["script-src 'self'", "sandbox"]);
    let own = ask(gw.running.public, &open("acme.apps.test", "/dash/health")).await;
    assert_eq!(
        (own.status, values(&own, "content-security-policy")),
        (200, vec!["script-src 'self'"]),
        "a host of the API's own"
    );
    for answer in [&page, &own] {
        for name in ["service-worker-allowed", "clear-site-data", "alt-svc", "strict-transport-security"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
    }
    let data = ask(gw.running.public, &Request::get("/open/data")).await;
    assert_eq!((data.status, data.header("content-security-policy")), (200, None), "{data:?}");
    let before = gw.upstream.count();
    let worker = ask(gw.running.public, &Request::get("/open/worker.js").header("Service-Worker", "script")).await;
    assert_eq!((worker.status, worker.reason().as_deref()), (403, Some("service_worker")), "{worker:?}");
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_pages_are_for_windows_at_our_own_host() {
    let gw = Gateway::start().await;
    let sign_in = || Request::get("/login");
    let window = |mode: &str, dest: &str| sign_in().header("Sec-Fetch-Mode", mode).header("Sec-Fetch-Dest", dest);
    for opened in [sign_in(), window("navigate", "document")] {
        assert_eq!(ask(gw.running.public, &opened).await.status, 200);
    }
    for fetched in [window("cors", "empty"), window("same-origin", "empty"), window("navigate", "iframe")] {
        let refused = ask(gw.running.public, &fetched).await;
        assert_eq!((refused.status, refused.text()), (403, String::new()), "{refused:?}");
    }
    let elsewhere = ask(gw.running.public, &sign_in().host("acme.apps.test")).await;
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    let metadata = Request::get("/.well-known/oauth-authorization-server").host("acme.apps.test");
    assert_eq!(ask(gw.running.public, &metadata).await.status, 200, "clients look there");
    gw.running.stop().await;
}
