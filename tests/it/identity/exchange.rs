//! RFC 8693 towards an upstream: a token of its own authorization server for each caller, and nothing without one.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use super::assertion::{assertion_keys, verified};
use super::token_server::{Behave, Got, SECRET, Server};
use super::{ECHO, gateway, zoe};
use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Caller, Gateway, within};

async fn world(more: &str) -> (Arc<Server>, Gateway, Caller) {
    let server = Server::start().await;
    let gw = gateway(&server.keys(more), "").await;
    let caller = zoe(&gw).await;
    (server, gw, caller)
}

/// What the upstream is shown by the next request of this token.
async fn shown(gw: &Gateway, conn: &mut Conn, token: &str) -> String {
    let answer = conn.ask(&Request::get(ECHO).bearer(token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    gw.upstream.last().header("authorization")
}

async fn refused(gw: &Gateway, caller: &Caller, status: u16, code: &str) {
    let before = gw.upstream.count();
    let answer = ask(gw.running.public, &Request::get(ECHO).bearer(&caller.token)).await;
    assert_eq!((answer.status, answer.reason().as_deref()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("retry-after").is_some(), status == 503);
    assert_eq!(gw.upstream.count(), before, "nothing is forwarded without a token");
    let record = gw.record_of(&answer).await;
    assert_eq!((reason(&record), record.org.as_ref()), (code, Some(&caller.org.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_a_token_of_its_own_for_our_assertion() {
    let (server, gw, caller) =
        world(&format!("{SECRET}, audience = \"grafana\", scope = \"read write\", resource = \"https://grafana.test/\"")).await;
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    let Got { authorization, form, .. } = server.last();
    let field = |name: &str| form.get(name).map(String::as_str);
    assert_eq!(field("grant_type"), Some("urn:ietf:params:oauth:grant-type:token-exchange"));
    assert_eq!(field("subject_token_type"), Some("urn:ietf:params:oauth:token-type:jwt"));
    assert_eq!(field("requested_token_type"), Some("urn:ietf:params:oauth:token-type:access_token"));
    assert_eq!((field("audience"), field("scope")), (Some("grafana"), Some("read write")));
    assert_eq!((field("resource"), field("client_id")), (Some("https://grafana.test/"), None));
    let pair = authorization.as_deref().and_then(|a| a.strip_prefix("Basic ")).and_then(|b| STANDARD.decode(b).ok());
    assert!(pair.is_some_and(|p| p.starts_with(b"gate:whsec_")), "{authorization:?}");
    let subject = field("subject_token").expect("an assertion");
    let claims = verified(&assertion_keys(&gw).await, subject, "https://idp.test").expect("an assertion");
    assert_eq!((claims["email"].as_str(), claims["org_slug"].as_str()), (Some("zoe@acme.test"), Some("acme")));
    assert!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).is_some_and(|(exp, iat)| exp - iat == 60));
    let other = gw.caller("beta", &["reader"], "metrics:read").await;
    assert_eq!(shown(&gw, &mut conn, &other.token).await, "Bearer upstream-2");
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    assert_eq!(server.count(), 2, "what is known is not asked for");
    let answer = conn.ask(&Request::get("/echo/open").header("Authorization", "Bearer forged")).await;
    assert_eq!((answer.status, gw.upstream.last().values("authorization").len()), (200, 0), "nobody is known there");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_proves_itself_as_it_is_told_to() {
    for (keys, form) in [
        ("authentication = \"private_key_jwt\"", "client_assertion"),
        ("authentication = \"client_secret_post\", client_secret = \"env:HOOK\"", "client_secret"),
        ("authentication = \"none\", subject_token_type = \"id_token\", header = \"X-Access\"", "client_id"),
    ] {
        let (server, gw, caller) = world(keys).await;
        assert_eq!(ask(gw.running.public, &Request::get(ECHO).bearer(&caller.token)).await.status, 200, "{keys}");
        let got = server.last();
        let value = got.form.get(form).unwrap_or_else(|| panic!("{form} in {got:?}"));
        assert_eq!(got.authorization, None);
        match form {
            "client_assertion" => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                assert_eq!(got.form["client_assertion_type"], kind);
                assert!(!got.form.contains_key("client_id"));
                let keys = assertion_keys(&gw).await;
                let header = jsonwebtoken::decode_header(value).expect("a header");
                assert_eq!(header.typ.as_deref(), Some("client-authentication+jwt"));
                let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
                validation.set_issuer(&["gate"]);
                validation.set_audience(&["https://idp.test"]);
                validation.validate_exp = false;
                let key = keys.find(&header.kid.expect("a key's name")).expect("a published key");
                let key = jsonwebtoken::DecodingKey::from_jwk(key).expect("a key");
                let claims = jsonwebtoken::decode::<serde_json::Value>(value, &key, &validation).expect("a client's JWT").claims;
                assert_eq!(claims["sub"], "gate");
            }
            "client_secret" => assert!(value.starts_with("whsec_") && got.form["client_id"] == "gate"),
            _ => {
                assert_eq!((value.as_str(), got.form.contains_key("client_secret")), ("gate", false));
                assert_eq!(got.form["subject_token_type"], "urn:ietf:params:oauth:token-type:id_token");
                let seen = gw.upstream.last();
                assert_eq!((seen.header("x-access"), seen.values("authorization").len()), ("upstream-1".into(), 0));
            }
        }
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_a_caller_wait_for_one_token() {
    let (server, gw, caller) = world(SECRET).await;
    // Nobody is answered until there are permits again.
    server.turns.forget_permits(Semaphore::MAX_PERMITS);
    let asks = (0..16).map(|_| {
        let (address, request) = (gw.running.public, Request::get(ECHO).bearer(&caller.token));
        tokio::spawn(async move { ask(address, &request).await.status })
    });
    let asks: Vec<_> = asks.collect();
    within("the request for a token", async {
        while server.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.turns.add_permits(1 << 20);
    let mut statuses = BTreeSet::new();
    for one in asks {
        statuses.insert(one.await.expect("an answer"));
    }
    assert_eq!((statuses, server.count()), (BTreeSet::from([200]), 1));
    assert!(gw.upstream.seen().iter().all(|s| s.header("authorization") == "Bearer upstream-1"));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_its_end_when_its_caller_changes_and_when_the_upstream_refuses_it() {
    let (server, gw, caller) = world(SECRET).await;
    server.behave(Behave::Grant(100));
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    gw.advance(89);
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    gw.advance(1);
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-2", "ten seconds before its end");
    gw.member(&caller.org, &caller.user, &["operator"]).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-3");
    assert!(gw.running.reload(), "the same file again");
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-3", "nothing has changed of it");
    gw.upstream.force(Some("unauthorized"));
    let answer = conn.ask(&Request::get(ECHO).bearer(&caller.token)).await;
    assert_eq!((answer.status, answer.reason().as_deref()), (502, Some("upstream_refused_us")));
    gw.upstream.force(None);
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-4");
    for _ in 0..5 {
        gw.upstream.force(Some("unauthorized"));
        let refused = Conn::open(gw.running.public).await.ask(&Request::get(ECHO).bearer(&caller.token)).await;
        assert_eq!(refused.status, 502);
    }
    gw.upstream.force(None);
    assert_eq!(server.count(), 4, "no token for each request that the upstream refuses");
    gw.advance(5);
    gw.upstream.force(Some("unauthorized"));
    assert_eq!(Conn::open(gw.running.public).await.ask(&Request::get(ECHO).bearer(&caller.token)).await.status, 502);
    gw.upstream.force(None);
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-5");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_the_tokens_of_an_exchange_that_it_does_not_change() {
    let (server, gw, caller) = world(SECRET).await;
    let other = gw.caller("beta", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    assert_eq!(shown(&gw, &mut conn, &other.token).await, "Bearer upstream-2");
    let text = gw.text();
    // It puts every other scope in another place.
    let scope = "[scopes.\"aaa:read\"]\ndescription = \"See more\"\ngroup = \"More\"\nrisk = \"low\"\n[scopes.\"dash:read\"]";
    let reload = |text: &str| {
        gw.rewrite(text);
        assert!(gw.running.reload(), "{text}");
    };
    reload(&text.replace("[scopes.\"dash:read\"]", scope));
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    assert_eq!(shown(&gw, &mut conn, &other.token).await, "Bearer upstream-2");
    assert_eq!(server.count(), 2, "nobody is asked for again");
    let narrower = text.replace("permissions = [\"metrics:read\", \"dash:read\"]", "permissions = [\"metrics:read\"]");
    reload(&narrower);
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-3", "this one may do less");
    assert_eq!(shown(&gw, &mut conn, &other.token).await, "Bearer upstream-2");
    let mut next = 3;
    for (was, is) in [
        ("client_id = \"gate\"", "client_id = \"door\""),
        ("timeout = \"1s\", client_secret", "timeout = \"1s\", audience = \"grafana\", client_secret"),
        ("client_secret = \"env:HOOK\"", "client_secret = \"env:SECRET\""),
        ("public_url = \"https://gw.test\"", "public_url = \"https://gw.test\" # again"),
    ] {
        assert!(narrower.contains(was), "{was}");
        let kept = is.ends_with("again");
        reload(&narrower.replace(was, is));
        next += usize::from(!kept);
        assert_eq!(shown(&gw, &mut conn, &other.token).await, format!("Bearer upstream-{next}"), "{is}");
        if !kept {
            reload(&narrower);
            next += 1;
            assert_eq!(shown(&gw, &mut conn, &other.token).await, format!("Bearer upstream-{next}"), "{is}, and back");
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_what_it_is_and_kept_for_a_moment() {
    let (server, gw, caller) = world(SECRET).await;
    let cases = [
        (Behave::Refuse(400, "invalid_target"), 403, "identity_refused"),
        (Behave::Refuse(403, "access_denied"), 403, "identity_refused"),
        (Behave::Refuse(401, "invalid_client"), 502, "identity_misconfigured"),
        (Behave::Refuse(404, "nothing"), 502, "identity_misconfigured"),
        (Behave::Redirect, 502, "identity_misconfigured"),
    ];
    for (n, (behave, status, code)) in cases.into_iter().enumerate() {
        server.behave(behave);
        for _ in 0..3 {
            refused(&gw, &caller, status, code).await;
        }
        assert_eq!(server.count(), n + 1, "{code}: it is asked once, and no redirect is followed");
        gw.advance(5);
    }
    server.behave(Behave::Grant(600));
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-6");
    let metrics = gw.running.metrics.text();
    for (outcome, count) in [("granted", 1), ("refused", 2), ("misconfigured", 3)] {
        let line = format!("tollgate_identity_exchanges_total{{api=\"echo\",outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_server_that_fails_is_left_alone_and_nothing_goes_on_without_it() {
    let (server, gw, caller) = world(SECRET).await;
    server.behave(Behave::Refuse(503, "temporarily_unavailable"));
    for _ in 0..9 {
        refused(&gw, &caller, 503, "identity_unavailable").await;
    }
    assert_eq!(server.count(), 5, "after five faults it is not asked");
    gw.advance(1);
    for _ in 0..3 {
        refused(&gw, &caller, 503, "identity_unavailable").await;
    }
    assert_eq!(server.count(), 6, "one finds out");
    // APIs that need no token don't notice.
    assert_eq!(ask(gw.running.public, &Request::get("/prometheus/api/v1/query").bearer(&caller.token)).await.status, 200);
    server.behave(Behave::Grant(600));
    gw.advance(2);
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-7");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_is_waited_for_only_so_long() {
    let (server, gw, caller) = world(SECRET).await;
    server.behave(Behave::Silent);
    within("an answer within the timeout", refused(&gw, &caller, 503, "identity_unavailable")).await;
    assert_eq!(server.count(), 1);
    gw.running.stop().await;
}

/// Whoever reads all that a helper answers can be filled by it (Traefik CVE-2026-26998).
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_not_read() {
    let (server, gw, caller) = world(SECRET).await;
    server.behave(Behave::Padded(70 << 10));
    refused(&gw, &caller, 503, "identity_unavailable").await;
    gw.advance(2);
    server.behave(Behave::Padded(60 << 10));
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-2");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_on_no_record() {
    let (_server, gw, caller) = world(SECRET).await;
    let mut conn = Conn::open(gw.running.public).await;
    assert_eq!(shown(&gw, &mut conn, &caller.token).await, "Bearer upstream-1");
    // A client may have its answer a moment before its record has ended.
    gw.record_of_request(&gw.upstream.last().header("x-request-id")).await;
    let records: String = gw.calls().await.iter().map(tollgate::record::json_line).collect();
    assert!(records.contains(caller.user.id.as_str()) && !records.contains("upstream-1"), "{records}");
    gw.running.stop().await;
}
