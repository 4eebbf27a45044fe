//! Assertions: an upstream verifies them with nothing but the published keys, and nobody can pass one for something else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use tollgate::config::DeploymentSecret;
use tollgate::token::KeyRing;

use super::{ECHO, gateway, zoe};
use crate::harness::Gateway;
use crate::harness::http1::{Conn, Request, ask};

const AUDIENCE: &str = "https://grafana.inner";
const ASSERTION: &str = "assertion = { audience = \"https://grafana.inner\", lifetime = \"4m\" }";
const HEADER: &str = "x-tollgate-assertion";
const JWKS: &str = "/.well-known/tollgate-assertion-jwks";

async fn keys(gw: &Gateway, path: &str) -> JwkSet {
    let answer = ask(gw.running.public, &Request::get(path)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=60")));
    serde_json::from_value(answer.json()).expect("a key set")
}

/// The claims, as an upstream verifies them that knows the key set, the issuer and its own name. Time is the test's.
pub(super) fn verified(keys: &JwkSet, token: &str, audience: &str) -> Result<Value, String> {
    let header = decode_header(token).map_err(|e| e.to_string())?;
    let key = keys.find(&header.kid.unwrap_or_default()).ok_or("no such key")?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&["https://gw.test"]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).map_err(|e| e.to_string())?;
    decode::<Value>(token, &key, &validation).map(|t| t.claims).map_err(|e| e.to_string())
}

pub(super) async fn assertion_keys(gw: &Gateway) -> JwkSet {
    keys(gw, JWKS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_learns_from_it_who_calls_and_can_prove_it() {
    let gw = gateway(ASSERTION, "").await;
    let caller = zoe(&gw).await;
    let forged = Request::get(ECHO).bearer(&caller.token).header("X-Tollgate-Assertion", "e30.e30.");
    assert_eq!(ask(gw.running.public, &forged).await.status, 200);
    let token = gw.upstream.last().header(HEADER);
    let keys = assertion_keys(&gw).await;
    let claims = verified(&keys, &token, AUDIENCE).expect("an assertion");
    let now = gw.running.node.now().seconds();
    let expected = serde_json::json!({
        "iss": "https://gw.test",
        "sub": caller.user.id.as_str(),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 240,
        "jti": claims["jti"],
        "client_id": caller.client.id.as_str(),
        "scope": "dash:read metrics:read",
        "org": caller.org.id.as_str(),
        "org_slug": "acme",
        "org_tenant": "tenant-acme",
        "email": "zoe@acme.test",
        "name": "Zoë 100%",
        "grant": caller.grant.id.as_str(),
        "act": { "sub": caller.client.id.as_str() },
    });
    assert_eq!(claims, expected);
    assert_eq!(decode_header(&token).expect("a header").typ.as_deref(), Some("tollgate-assertion+jwt"));
    let jwk = &keys.keys[0];
    assert_eq!(serde_json::to_value(&jwk.common.public_key_use).expect("a use"), "sig");
    // Another's audience, a changed claim, another's signature.
    assert!(verified(&keys, &token, "https://other.inner").is_err());
    let (head, rest) = token.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let changed = String::from_utf8(url.decode(payload).expect("base64")).expect("text").replace("zoe@", "root@");
    assert!(verified(&keys, &format!("{head}.{}.{signature}", url.encode(changed)), AUDIENCE).is_err());
    let open = ask(gw.running.public, &Request::get("/echo/open").header("X-Tollgate-Assertion", &token)).await;
    assert_eq!(open.status, 200);
    assert!(gw.upstream.last().values(HEADER).is_empty(), "nobody is known on a public route");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_no_access_token_and_no_access_token_is_one() {
    let gw = gateway("assertion = { audience = \"urn:test:metrics\", header = \"Authorization\" }", "").await;
    let caller = zoe(&gw).await;
    assert_eq!(ask(gw.running.public, &Request::get(ECHO).bearer(&caller.token)).await.status, 200);
    let sent = gw.upstream.last().header("authorization");
    let token = sent.strip_prefix("Bearer ").expect("a bearer token").to_owned();
    assert_ne!(token, caller.token);
    // Its audience is what our own API is called besides its URL: the key alone makes it worthless here.
    for path in [ECHO, "/prometheus/api/v1/query", "/mcp"] {
        let answer = ask(gw.running.public, &Request::get(path).bearer(&token)).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    let (ours, theirs) = (keys(&gw, "/oauth2/jwks").await, assertion_keys(&gw).await);
    assert!(verified(&theirs, &token, "urn:test:metrics").is_ok());
    assert!(verified(&ours, &token, "urn:test:metrics").is_err());
    assert!(verified(&theirs, &caller.token, "https://gw.test").is_err());
    assert!(verified(&ours, &caller.token, "https://gw.test").is_ok(), "the check itself works");
    for (ours, theirs) in ours.keys.iter().zip(&theirs.keys) {
        assert_ne!(ours.common.key_id, theirs.common.key_id);
        assert_ne!(ours.algorithm, theirs.algorithm, "another key");
    }
    gw.running.stop().await;
}

async fn sent(gw: &Gateway, conn: &mut Conn, token: &str) -> String {
    assert_eq!(conn.ask(&Request::get(ECHO).bearer(token)).await.status, 200);
    gw.upstream.last().header(HEADER)
}

fn signed(gw: &Gateway) -> u64 {
    gw.running.metrics.assertions.with_label_values(&["echo"]).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_signed_once_until_it_is_half_through_or_the_caller_changes() {
    let gw = gateway(ASSERTION, "").await;
    let caller = zoe(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    let first = sent(&gw, &mut conn, &caller.token).await;
    for _ in 0..20 {
        assert_eq!(sent(&gw, &mut conn, &caller.token).await, first);
    }
    assert_eq!(signed(&gw), 1);
    gw.advance(119);
    assert_eq!(sent(&gw, &mut conn, &caller.token).await, first);
    gw.advance(1);
    let second = sent(&gw, &mut conn, &caller.token).await;
    assert_ne!(second, first);
    let keys = assertion_keys(&gw).await;
    let claim = |token: &str, name: &str| verified(&keys, token, AUDIENCE).expect("an assertion")[name].clone();
    assert_ne!(claim(&second, "jti"), claim(&first, "jti"));
    assert_eq!(claim(&second, "scope"), "dash:read metrics:read");
    gw.member(&caller.org, &caller.user, &["operator"]).await;
    let third = sent(&gw, &mut conn, &caller.token).await;
    assert_eq!(claim(&third, "scope"), "metrics:read", "what was kept of the caller before is gone");
    let other = gw.caller("beta", &["reader"], "metrics:read").await;
    let theirs = sent(&gw, &mut conn, &other.token).await;
    assert_eq!(claim(&theirs, "org_slug"), "beta");
    assert_eq!(sent(&gw, &mut conn, &caller.token).await, third, "one caller's is not another's");
    assert_eq!(signed(&gw), 4);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_outlive_the_token_that_it_was_made_from() {
    let gw = gateway("assertion = { audience = \"a\", lifetime = \"1h\" }", "").await;
    let caller = zoe(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    gw.advance(500);
    let token = sent(&gw, &mut conn, &caller.token).await;
    let claims = verified(&assertion_keys(&gw).await, &token, "a").expect("an assertion");
    let verifier = &gw.running.node.verifier;
    let end =
        verifier.verify(&caller.token, &gw.running.node.config.load().issuer, gw.running.node.now()).expect("our token").exp;
    assert_eq!(claims["exp"], end);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_a_gap_and_are_the_same_on_every_node() {
    let gw = gateway(ASSERTION, "").await;
    let caller = zoe(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    let node = &gw.running.node;
    gw.advance(400);
    let before = assertion_keys(&gw).await;
    let first = sent(&gw, &mut conn, &caller.token).await;
    node.rotate_keys(Duration::from_mins(12), &node.own_cause()).await.expect("a new key");
    let after = assertion_keys(&gw).await;
    assert_eq!((before.keys.len(), after.keys.len()), (1, 2));
    assert!(verified(&after, &first, AUDIENCE).is_ok());
    let renewed = gw.token(&caller.grant, "metrics:read", &[]);
    let second = sent(&gw, &mut conn, &renewed).await;
    assert!(verified(&before, &second, AUDIENCE).is_ok(), "an upstream that has not looked again can verify it");
    gw.advance(300);
    let third = sent(&gw, &mut conn, &renewed).await;
    assert!(verified(&before, &third, AUDIENCE).is_err(), "the new key signs");
    assert!(verified(&after, &third, AUDIENCE).is_ok());
    let ring = KeyRing::empty(Arc::new(DeploymentSecret::new([7; 32])));
    ring.reload(&node.store, node.now()).await.expect("the keys");
    assert_eq!(ring.assertion_jwks(), node.keys.assertion_jwks());
    let stranger = KeyRing::empty(Arc::new(DeploymentSecret::new([8; 32])));
    assert!(stranger.reload(&node.store, node.now()).await.is_err());
    gw.running.stop().await;
}
