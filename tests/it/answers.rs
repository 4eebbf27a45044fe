//! What callers are told, and what the log keeps of it.

use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Caller, Gateway};

const METADATA: &str = "resource_metadata=\"https://gw.test/.well-known/oauth-protected-resource/prometheus\"";
const QUERY: &str = "/prometheus/api/v1/query";

/// Checks a refusal: status, reason, whether it is in the caller's log, and that the upstream saw nothing.
async fn refused(gw: &Gateway, request: &Request, status: u16, code: &str, org: Option<&Caller>) -> Response {
    let before = gw.upstream.count();
    let response = ask(gw.running.public, request).await;
    assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(gw.upstream.count(), before, "{code} reached the upstream");
    let record = gw.record_of(&response).await;
    assert_eq!(reason(&record), code);
    assert_eq!(record.org.as_ref(), org.map(|c| &c.org.id), "{code} is in the wrong log");
    response
}

fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap_or_else(|| panic!("no challenge: {response:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_worth_nothing_are_challenged() {
    let (gw, other) = (Gateway::start().await, Gateway::start().await);
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let foreign = other.caller("acme", &["reader"], "metrics:read").await;
    let none = refused(&gw, &Request::get(QUERY), 401, "no_token", None).await;
    assert!(challenge(&none).starts_with(&format!("Bearer {METADATA}, scope=\"")), "{none:?}");
    assert!(!challenge(&none).contains("error"), "no token is no error (RFC 6750 §3.1): {none:?}");
    let (head, signature) = caller.token.rsplit_once('.').expect("three segments");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{flipped}{}", &signature[1..]);
    let elsewhere = gw.token(&caller.grant, "metrics:read", &["https://gw.test/open"]);
    let cases = [
        ("abc", "token_malformed", None),
        ("a.b.c", "token_foreign", None),
        (foreign.token.as_str(), "token_foreign", None),
        (forged.as_str(), "token_signature", None),
        (elsewhere.as_str(), "wrong_audience", Some(&caller)),
    ];
    for (token, code, org) in cases {
        let response = refused(&gw, &Request::get(QUERY).bearer(token), 401, code, org).await;
        let said = challenge(&response);
        assert!(said.starts_with("Bearer error=\"invalid_token\", error_description=\""), "{said}");
        assert!(said.contains(METADATA) && said.is_ascii(), "{said}");
    }
    refused(&gw, &Request::get(QUERY).header("Authorization", "Basic YTpi"), 401, "no_token", None).await;
    assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await.status, 200);
    gw.advance(601);
    refused(&gw, &Request::get(QUERY).bearer(&caller.token), 401, "token_expired", Some(&caller)).await;
    gw.running.stop().await;
    other.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_its_resources() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    for resource in ["https://gw.test/prometheus", "urn:test:metrics", "https://gw.test"] {
        let token = gw.token(&caller.grant, "metrics:read", &[resource]);
        assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&token)).await.status, 200, "{resource}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_scopes_ask_for_the_union_and_missing_permissions_for_nothing() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "dash:read metrics:write").await;
    let scope = refused(&gw, &Request::get(QUERY).bearer(&caller.token), 403, "insufficient_scope", Some(&caller)).await;
    let said = challenge(&scope);
    assert!(said.starts_with("Bearer error=\"insufficient_scope\""), "{said}");
    assert!(said.contains("scope=\"dash:read metrics:read metrics:write\"") && said.contains(METADATA), "{said}");
    assert_eq!(scope.json()["missing_scopes"], serde_json::json!(["metrics:read"]));
    let write = Request::new("POST", "/prometheus/api/v1/write").bearer(&caller.token).body("x");
    let permission = refused(&gw, &write, 403, "permission_missing", Some(&caller)).await;
    assert_eq!(permission.header("www-authenticate"), None, "authorizing again would not help");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unmatched_paths_methods_and_hosts() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let with = |method: &str, target: &str| Request::new(method, target).bearer(&caller.token);
    refused(&gw, &with("GET", "/prometheus/-/reload"), 404, "no_route", Some(&caller)).await;
    refused(&gw, &Request::get("/prometheus/-/reload"), 401, "no_token", None).await;
    let method = refused(&gw, &with("GET", "/prometheus/api/v1/write"), 405, "method_not_allowed", Some(&caller)).await;
    assert_eq!(method.header("allow"), Some("POST"));
    refused(&gw, &Request::get("/prometheus/api/v1/write"), 401, "no_token", None).await;
    let delete = with("POST", "/prometheus/api/v1/admin/tsdb/delete_series").body("");
    refused(&gw, &delete, 403, "permission_missing", Some(&caller)).await;
    refused(&gw, &Request::get(QUERY).host("evil.test"), 421, "host_unknown", None).await;
    let nothing = ask(gw.running.public, &Request::get("/nothing/here")).await;
    assert_eq!(nothing.status, 404);
    assert!(nothing.request_id().starts_with("req_"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_what_they_may() {
    let gw = Gateway::start().await;
    let preflight =
        |origin: &str| Request::new("OPTIONS", QUERY).header("Origin", origin).header("Access-Control-Request-Method", "GET");
    let ours = ask(gw.running.public, &preflight("https://app.test")).await;
    assert_eq!((ours.status, ours.header("access-control-allow-origin")), (204, Some("https://app.test")));
    assert!(ours.header("access-control-allow-headers").is_some_and(|h| h.contains("Authorization")));
    assert!(!ours.request_id().is_empty());
    let theirs = ask(gw.running.public, &preflight("https://evil.test")).await;
    assert_eq!((theirs.status, theirs.header("access-control-allow-origin")), (204, None));
    let refused = ask(gw.running.public, &Request::get(QUERY).header("Origin", "https://app.test")).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("https://app.test")));
    assert!(refused.header("access-control-expose-headers").is_some_and(|h| h.contains("WWW-Authenticate")));
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = Request::get(QUERY).bearer(&caller.token).header("Origin", "https://app.test");
    let passed = ask(gw.running.public, &query).await;
    assert_eq!((passed.status, passed.header("access-control-allow-origin")), (200, Some("https://app.test")));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_nothing_passes() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    let query = Request::get(QUERY).bearer(&caller.token);
    assert_eq!(conn.ask(&query).await.status, 200);
    let fresh = gw.token(&caller.grant, "metrics:read", &[]);
    gw.running.node.store.close().await;
    let unknown = conn.ask(&Request::get(QUERY).bearer(&fresh)).await;
    assert_eq!(unknown.status, 503, "{unknown:?}");
    assert_eq!(unknown.header("retry-after"), Some("1"));
    // A token that is known goes on while the node's view is fresh, and not a moment longer.
    let stale = crate::harness::within("the end of the lease", async {
        loop {
            let response = conn.ask(&query).await;
            if response.status != 200 {
                return response;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!((stale.status, stale.reason().as_deref()), (503, Some("node_stale")));
    crate::harness::within("a stop without a store", gw.running.stop()).await;
}

/// An upstream knows neither its mount nor that its address is nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_of_upstreams_lead_through_the_mount() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let inside = gw.upstream.address;
    let based = format!("http://{inside}/base/graph?a=b");
    let told = format!("http://{inside}/o/tenant-acme/api/folders/x");
    let outside = format!("http://{inside}/admin");
    for (path, to, wanted) in [
        (QUERY, based.as_str(), Some("/prometheus/graph?a=b")),
        (QUERY, "/base/", Some("/prometheus/")),
        (QUERY, "query_range", Some("/prometheus/api/v1/query_range")),
        // Another API has the whole of the same address.
        (QUERY, outside.as_str(), Some("/shared/admin")),
        (QUERY, "/login", Some("/shared/login")),
        (QUERY, "https://other.example/login", Some("https://other.example/login")),
        ("/dash/api/folders/y", told.as_str(), Some("/dash/api/folders/x")),
        ("/dash/api/folders/y", "/o/tenant-evil/x", Some("/shared/o/tenant-evil/x")),
        // One that knows where it is mounted says so, unless its own paths begin like that.
        ("/open/a/b", "/open/", Some("/open/")),
        ("/open/open/b", "/open/", Some("/open/open/")),
        ("/open/a", "/a/", Some("/open/a/")),
        // What it was told of us it says again, our own credentials never.
        ("/open/a", "https://gw.test/a/", Some("/open/a/")),
        (QUERY, "https://idp.example/?token=upstream-credential-5up3r", None),
    ] {
        let request = Request::get(path).bearer(&caller.token).header("X-Behave", "redirect").header("X-To", to);
        let response = ask(gw.running.public, &request).await;
        assert_eq!(response.status, 307, "{path} {to}: {response:?}");
        let refresh = wanted.map(|to| format!("0; url={to}"));
        let led = ["location", "content-location", "refresh"].map(|name| response.header(name));
        assert_eq!(led, [wanted, wanted, refresh.as_deref()], "{path} {to}");
        // Programs that follow links resolve few that are not whole.
        let whole = wanted.map(|led| {
            if to.starts_with("http") && led.starts_with('/') { format!("https://gw.test{led}") } else { led.to_owned() }
        });
        assert_eq!(response.header("link").map(str::to_owned), whole.map(|to| format!("<{to}>; rel=next")), "{path} {to}");
    }
    let made = Request::new("POST", "/open/a").body("{}").header("X-Behave", "created").header("X-To", "/a/7");
    assert_eq!(ask(gw.running.public, &made).await.header("location"), Some("/open/a/7"));
    gw.running.stop().await;
}
