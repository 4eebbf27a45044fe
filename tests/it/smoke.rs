//! One request all the way through.

use crate::harness::audit::{call, outcome, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Gateway, UPSTREAM_SECRET};

#[tokio::test(flavor = "multi_thread")]
async fn a_query_passes_and_what_the_client_may_not_say_does_not() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let request = Request::get("/prometheus/api/v1/query?query=up%7Bjob%3D%22x%22%7D&time=1")
        .bearer(&caller.token)
        .header("Cookie", "sid=1")
        .header("X-Forwarded-For", "10.9.9.9")
        .header("X-Real-IP", "10.9.9.9")
        .header("X_Scope_OrgID", "tenant-evil")
        .header("X-Request-Id", "mine")
        .header("X-Custom", "kept")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let mut conn = Conn::open(gw.running.public).await;
    let response = conn.ask(&request).await;
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!(seen.method(), "GET");
    assert_eq!(seen.target(), "/base/api/v1/query?query=up%7Bjob%3D%22x%22%7D&time=1");
    assert_eq!(seen.header("x-scope-orgid"), "tenant-acme");
    assert_eq!(seen.header("authorization"), UPSTREAM_SECRET);
    assert_eq!(seen.header("x-request-id"), response.request_id());
    assert_eq!(seen.header("host"), gw.upstream.address.to_string());
    assert_eq!(seen.header("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.header("x-forwarded-host"), "gw.test");
    assert_eq!(seen.header("x-forwarded-proto"), "https");
    assert_eq!(seen.header("x-custom"), "kept");
    let trace = seen.header("traceparent");
    assert!(trace.contains("0af7651916cd43dd8448eb211c80319c") && !trace.contains("b7ad6b7169203331"), "{trace}");
    let text = seen.text().to_ascii_lowercase();
    for absent in ["cookie", "x-real-ip", "x_scope_orgid", "tenant-evil", "10.9.9.9", &caller.token.to_ascii_lowercase()] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let record = gw.record_of(&response).await;
    assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "200"));
    assert_eq!(call(&record).path, "/prometheus/api/v1/query");
    assert_eq!(record.org.as_ref(), Some(&caller.org.id));
    assert_eq!(record.actor.user.as_ref(), Some(&caller.user.id));
    assert_eq!(record.actor.grant.as_ref(), Some(&caller.grant.id));
    assert_eq!(record.origin.trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_from_the_authorization_header_alone() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = "/prometheus/api/v1/query";
    let token = &caller.token;
    let form = |body: String| {
        Request::new("POST", query).header("Content-Type", "application/x-www-form-urlencoded").body(body.into_bytes())
    };
    let before = gw.upstream.count();
    let mut conn = Conn::open(gw.running.public).await;
    for elsewhere in [
        Request::get(&format!("{query}?query=up&access_token={token}")),
        Request::get(&format!("{query}?query=up&token={token}")),
        form(format!("query=up&access_token={token}")),
        Request::get(query).header("Cookie", &format!("access_token={token}")),
        Request::get(query).header("X-Access-Token", token),
        Request::get(query).header("Proxy-Authorization", &format!("Bearer {token}")),
    ] {
        let refused = conn.ask(&elsewhere).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.header("www-authenticate").is_some_and(|said| said.starts_with("Bearer")), "{refused:?}");
    }
    for no_bearer in [token.clone(), format!("Token {token}"), format!("Bearer  {token}")] {
        let refused = conn.ask(&Request::get(query).header("Authorization", &no_bearer)).await;
        assert!([400, 401].contains(&refused.status), "{refused:?}");
    }
    assert_eq!(gw.upstream.count(), before);
    assert_eq!(conn.ask(&Request::get(query).bearer(token)).await.status, 200);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_upstream_lose_what_would_be_ours() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let query = || Request::get("/prometheus/api/v1/query").bearer(&caller.token);
    let mut conn = Conn::open(gw.running.public).await;
    let cookie = conn.ask(&query().header("X-Behave", "cookie")).await;
    assert_eq!((cookie.status, cookie.header("set-cookie"), cookie.header("x-upstream")), (200, None, Some("yes")));
    assert!(cookie.request_id().starts_with("req_"));
    let missing = conn.ask(&query().header("X-Behave", "missing")).await;
    assert_eq!((missing.status, missing.text().as_str()), (404, "{\"status\":\"error\"}"));
    let chunked = conn.ask(&query().header("X-Behave", "chunked")).await;
    assert_eq!((chunked.status, chunked.text().as_str()), (200, "hello world"));
    assert_eq!(gw.upstream.connections(), 1, "the connection is kept and reused");
    let refused = conn.ask(&query().header("X-Behave", "unauthorized")).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (502, None));
    assert!(refused.text().contains("\"reason\":\"upstream_refused_us\""), "{refused:?}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_passes_on_postgresql() {
    let gw = Gateway::start_on_postgres().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    let query = Request::get("/prometheus/api/v1/query").bearer(&caller.token);
    let response = conn.ask(&query).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(outcome(&gw.record_of(&response).await), "200");
    gw.revoke(&caller.grant).await;
    assert_eq!(conn.ask(&query).await.status, 401);
    gw.running.stop().await;
}
