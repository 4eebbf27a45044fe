//! Codes, refresh tokens, revocation, introspection.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::rig::{CALLBACK, Rig, VERIFIER, pair_of};
use crate::store::{AuditFilter, Membership, UserState};

#[tokio::test]
async fn rfc6749_s4_1_3_code_is_single_use() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let code = rig.code(&client, &[]).await;
    let (access, refresh) = pair_of(&rig.exchange(&client, &code).await);
    let again = rig.exchange(&client, &code).await;
    assert_eq!((again.status, again.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    assert!(rig.works(&access).await, "asked twice at once is no theft");
    rig.later(11);
    assert_eq!(rig.exchange(&client, &code).await.error(), "invalid_grant");
    assert!(!rig.works(&access).await, "a late replay ends the grant");
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rfc6749_s4_1_3_of_many_redemptions_one_wins() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let code = rig.code(&client, &[]).await;
    let answers = join_all((0..50).map(|_| rig.exchange(&client, &code))).await;
    assert_eq!(answers.iter().filter(|a| a.status == StatusCode::OK).count(), 1);
    assert!(answers.iter().all(|a| a.status == StatusCode::OK || a.error() == "invalid_grant"));
}

#[tokio::test]
async fn rfc6749_s4_1_3_a_code_is_bound_to_its_request() {
    let rig = Rig::new().await;
    let (client, other) = (rig.registered().await, rig.registered().await);
    let code = rig.code(&client, &[("resource", "https://gw.test/logs")]).await;
    let base = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", client.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let changed = async |name: &str, value: &str| {
        let mut fields = base.to_vec();
        fields.retain(|(n, _)| *n != name);
        fields.push((name, value));
        rig.form("/oauth2/token", None, &fields).await
    };
    let wrong = VERIFIER.replace('d', "e");
    for (name, value, error) in [
        ("client_id", other.as_str(), "invalid_grant"),
        ("redirect_uri", "https://app.test/cb/", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("code_verifier", "", "invalid_request"),
        ("code_verifier", "short", "invalid_request"),
        ("code_verifier", &wrong, "invalid_grant"),
        ("code", "tg_ac_unknown", "invalid_grant"),
        ("code", "tg_rt_unknown", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("resource", "https://gw.test/prometheus", "invalid_target"),
        ("resource", "https://other.test/", "invalid_target"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "client_credentials", "unauthorized_client"),
        ("grant_type", "", "invalid_request"),
    ] {
        let answer = changed(name, value).await;
        assert_eq!(answer.error(), error, "{name}={value}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let answer = changed("resource", "https://gw.test/logs/").await;
    assert_eq!(answer.status, StatusCode::OK, "and nobody else used it up: {}", answer.body);
}

#[tokio::test]
async fn a_code_ends_after_a_minute() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    for (seconds, status) in [(59, StatusCode::OK), (60, StatusCode::BAD_REQUEST)] {
        let code = rig.code(&client, &[]).await;
        rig.later(seconds);
        let answer = rig.exchange(&client, &code).await;
        assert_eq!(answer.status, status, "after {seconds} s: {}", answer.body);
        assert!(status == StatusCode::OK || answer.error() == "invalid_grant", "{}", answer.body);
    }
    // Whoever failed begins again.
    assert_eq!(rig.exchange(&client, &rig.code(&client, &[]).await).await.status, StatusCode::OK);
}

/// As Dynatrace's page writes it: everything in one form, the secret too.
#[tokio::test]
async fn a_confidential_client_exchanges_and_refreshes_by_one_form() {
    let rig = Rig::new().await;
    let (client, secret) = rig.made(|c| c.auth = crate::store::ClientAuth::SecretPost).await;
    let code = rig.code(client.id.as_str(), &[("scope", "logs:read")]).await;
    let send = async |fields: &[(&str, &str)], secret: Option<&str>| {
        let mut form = fields.to_vec();
        form.push(("client_id", client.id.as_str()));
        form.extend(secret.map(|s| ("client_secret", s)));
        rig.form("/oauth2/token", None, &form).await
    };
    let exchange =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let missing = |name: &str| exchange.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    for wrong in [None, Some("tg_cs_wrong")] {
        let answer = send(&exchange, wrong).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{wrong:?}");
    }
    for name in ["grant_type", "code", "redirect_uri", "code_verifier"] {
        assert_eq!(send(&missing(name), Some(&secret)).await.error(), "invalid_request", "without {name}");
    }
    let answer = send(&exchange, Some(&secret)).await;
    let (access, mut refresh) = pair_of(&answer);
    assert_eq!((&answer.json()["token_type"], &answer.json()["expires_in"]), (&"Bearer".into(), &600.into()));
    assert!(rig.works(&access).await);
    // Long-lived: each use buys another thirty days, and nobody is asked.
    for _ in 0..2 {
        rig.later(29 * 24 * 3600);
        let form = |refresh: &str| [("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh.to_owned())];
        let form = form(&refresh);
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for wrong in [None, Some("tg_cs_wrong")] {
            assert_eq!(send(&form, wrong).await.error(), "invalid_client", "{wrong:?}");
        }
        let renewed = send(&form, Some(&secret)).await;
        assert_eq!(renewed.json()["expires_in"], 600, "{}", renewed.body);
        let (access, next) = pair_of(&renewed);
        assert!(rig.works(&access).await);
        refresh = next;
    }
}

#[tokio::test]
async fn requests_that_are_no_forms_are_refused() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let json = rig.json("/oauth2/token", r#"{"grant_type":"refresh_token"}"#).await;
    assert_eq!((json.status, json.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
    let query = rig.form("/oauth2/token?client_secret=x", None, &[("client_id", &client)]).await;
    assert_eq!(query.error(), "invalid_request");
    let twice = rig.form("/oauth2/token", None, &[("client_id", &client), ("client_id", &client)]).await;
    assert_eq!(twice.error(), "invalid_request");
    let large = "x".repeat(65 * 1024);
    let large = rig.form("/oauth2/token", None, &[("client_id", &large)]).await;
    assert_eq!((large.status, large.error().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"));
    let many: Vec<(String, &str)> = (0..100).map(|i| (format!("p{i}"), "x")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    assert_eq!(rig.form("/oauth2/token", None, &many).await.error(), "invalid_request");
    let unknown = rig.refresh("cl_unknown", "tg_rt_x", &[]).await;
    assert_eq!((unknown.status, unknown.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
}

#[tokio::test]
async fn rfc6749_s2_3_1_confidential_clients_authenticate() {
    let rig = Rig::new().await;
    let (client, secret) = rig.made(|_| {}).await;
    let id = client.id.as_str();
    let basic = |secret: &str| Some(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))));
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "tg_rt_x")];
    let with = |more: &[(&'static str, &str)]| {
        [
            fields.iter().map(|(a, b)| (*a, (*b).to_owned())).collect::<Vec<_>>(),
            more.iter().map(|(a, b)| (*a, (*b).to_owned())).collect(),
        ]
        .concat()
    };
    let send = async |authorization: Option<String>, more: Vec<(&str, String)>| {
        let more: Vec<(&str, &str)> = more.iter().map(|(a, b)| (*a, b.as_str())).collect();
        rig.form("/oauth2/token", authorization, &more).await
    };
    for (authorization, more) in [
        (basic(&secret), with(&[])),
        (basic(&secret), with(&[("client_id", id)])),
        (None, with(&[("client_id", id), ("client_secret", &secret)])),
    ] {
        assert_eq!(send(authorization, more).await.error(), "invalid_grant", "authenticated, and then the token is unknown");
    }
    let wrong = send(basic("tg_cs_wrong"), with(&[])).await;
    assert_eq!((wrong.status, wrong.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(wrong.headers.contains_key(WWW_AUTHENTICATE));
    for end in [0, 10, secret.len() - 1] {
        assert_ne!(send(basic(&secret[..end]), with(&[])).await.error(), "invalid_grant", "a truncated secret is none");
    }
    let bare = send(None, with(&[("client_id", id)])).await;
    assert_eq!((bare.status, bare.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(!bare.headers.contains_key(WWW_AUTHENTICATE));
    let both = send(basic(&secret), with(&[("client_secret", &secret)])).await;
    assert_eq!((both.status, both.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
}

#[tokio::test]
async fn rfc6749_s6_a_refresh_may_narrow_and_never_widen() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let change = [("scope", "logs:read metrics:read"), ("resource", "https://gw.test/logs")];
    let (_, refresh) = rig.pair(&client, &change).await;
    for (name, value, error) in [
        ("scope", "logs:read alerts:read", "invalid_scope"),
        ("scope", "logs:delete", "invalid_scope"),
        ("resource", "https://gw.test/prometheus", "invalid_target"),
        ("resource", "https://gw.test/", "invalid_target"),
    ] {
        assert_eq!(rig.refresh(&client, &refresh, &[(name, value)]).await.error(), error, "{name}={value}");
    }
    let narrow = rig.refresh(&client, &refresh, &[("scope", "logs:read offline_access")]).await;
    assert_eq!(narrow.json()["scope"], "logs:read");
    let whole = rig.refresh(&client, &pair_of(&narrow).1, &[]).await;
    assert_eq!(whole.json()["scope"], "logs:read metrics:read", "the grant keeps what was consented to");
    let config = rig.node.config.load_full();
    let principal = rig.node.verifier.principal(&pair_of(&whole).0, &config, rig.node.now()).await.expect("it works");
    assert_eq!(principal.claims.aud.iter().map(crate::types::ResourceId::as_str).collect::<Vec<_>>(), ["https://gw.test/logs"]);
}

#[tokio::test]
async fn refresh_tokens_are_bound_and_whole() {
    let rig = Rig::new().await;
    let (client, other) = (rig.registered().await, rig.registered().await);
    let (access, refresh) = rig.pair(&client, &[]).await;
    assert_eq!(rig.refresh(&other, &refresh, &[]).await.error(), "invalid_grant");
    let upper = refresh.to_uppercase();
    for bad in [&refresh[..refresh.len() - 1], &format!("{refresh}x"), &upper, access.as_str(), "", "x"] {
        let answer = rig.refresh(&client, bad, &[]).await;
        assert!(matches!(answer.error().as_str(), "invalid_grant" | "invalid_request"), "{bad}");
    }
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_lost_answer_is_repaired_within_the_grace() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (_, first) = rig.pair(&client, &[]).await;
    let (_, second) = pair_of(&rig.refresh(&client, &first, &[]).await);
    let (access, again) = pair_of(&rig.refresh(&client, &first, &[]).await);
    assert_eq!(again, second, "the same successor, not another family");
    assert!(rig.works(&access).await);
    let (_, third) = pair_of(&rig.refresh(&client, &second, &[]).await);
    let (_, late) = pair_of(&rig.refresh(&client, &first, &[]).await);
    assert_ne!(late, second, "the chain is followed to its living end");
    assert_eq!(rig.refresh(&client, &late, &[]).await.status, StatusCode::OK);
    assert_eq!(rig.refresh(&client, &third, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn rfc9700_s4_14_2_reuse_after_the_grace_ends_the_grant() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (_, first) = rig.pair(&client, &[]).await;
    let (access, second) = pair_of(&rig.refresh(&client, &first, &[]).await);
    rig.later(61);
    assert_eq!(rig.refresh(&client, &first, &[]).await.error(), "invalid_grant");
    assert!(!rig.works(&access).await, "thief and owner both lose it, at once");
    assert_eq!(rig.refresh(&client, &second, &[]).await.error(), "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_refreshes_at_once_all_end_with_a_working_pair() {
    let rig = Arc::new(Rig::new().await);
    let client = rig.registered().await;
    let (_, refresh) = rig.pair(&client, &[]).await;
    let answers = join_all((0..50).map(|_| rig.refresh(&client, &refresh, &[]))).await;
    let pairs: Vec<_> = answers.iter().map(pair_of).collect();
    let successors: HashSet<_> = pairs.iter().map(|(_, r)| r).collect();
    assert_eq!(successors.len(), 1);
    for (access, _) in &pairs {
        assert!(rig.works(access).await);
    }
    assert_eq!(rig.refresh(&client, &pairs[0].1, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_ends_with_what_stands_behind_it() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (_, refresh) = rig.pair(&client, &[]).await;
    rig.later(31 * 24 * 3600);
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant", "it was not used for thirty days");
    let (access, refresh) = rig.pair(&client, &[]).await;
    rig.node.store.remove_membership(&rig.acme.id, &rig.ada.id, &rig.cause()).await.expect("done");
    rig.node.settle().await.expect("applied");
    assert!(!rig.works(&access).await);
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
    let back = Membership { org: rig.acme.id.clone(), user: rig.ada.id.clone(), roles: Vec::new() };
    rig.node.store.set_membership(&back, &rig.cause()).await.expect("done");
    let (_, refresh) = rig.pair(&client, &[]).await;
    rig.node.store.set_user_state(&rig.ada.id, UserState::Disabled, &rig.cause()).await.expect("done");
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn what_can_not_go_on_record_is_not_used_up() {
    let rig = Rig::new().await;
    let (client, other) = (rig.registered().await, rig.registered().await);
    let (code, (_, refresh)) = (rig.code(&client, &[]).await, rig.pair(&other, &[]).await);
    rig.lose_log(true).await;
    for answer in [rig.exchange(&client, &code).await, rig.refresh(&other, &refresh, &[]).await] {
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"));
    }
    rig.lose_log(false).await;
    // Longer than a code may come twice.
    rig.later(11);
    let (access, _) = pair_of(&rig.exchange(&client, &code).await);
    assert!(rig.works(&access).await);
    // Longer than a refresh token may.
    rig.later(61);
    let (access, _) = pair_of(&rig.refresh(&other, &refresh, &[]).await);
    assert!(rig.works(&access).await);
    for operation in ["code.replay_detected", "refresh.reuse_detected", "token.refuse"] {
        let found = AuditFilter { operation: Some(operation.into()), ..AuditFilter::default() };
        assert!(rig.node.store.search_audit(&found, None, 9).await.expect("a page").rows.is_empty(), "{operation}");
    }
}

#[tokio::test]
async fn a_frozen_user_loses_nothing_by_asking() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (access, refresh) = rig.pair(&client, &[]).await;
    let switch = async |to: UserState| {
        assert!(rig.node.store.set_user_state(&rig.ada.id, to, &rig.cause()).await.expect("an answer"), "{to:?}");
        rig.node.settle().await.expect("applied");
    };
    switch(UserState::Frozen).await;
    for _ in 0..3 {
        assert!(!rig.works(&access).await);
        assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
        rig.later(61);
    }
    switch(UserState::Active).await;
    assert!(rig.works(&access).await, "the token of before");
    let (next, _) = pair_of(&rig.refresh(&client, &refresh, &[]).await);
    assert!(rig.works(&next).await, "the refresh token was not used up");
}

#[tokio::test]
async fn rfc7009_s2_revocation_holds_when_it_is_answered() {
    let rig = Rig::new().await;
    let (client, other) = (rig.registered().await, rig.registered().await);
    let (access, refresh) = rig.pair(&client, &[("scope", "logs:read")]).await;
    let revoke =
        async |who: &str, token: &str| rig.form("/oauth2/revoke", None, &[("token", token), ("client_id", who)]).await.status;
    for token in ["unknown", "tg_rt_unknown", "a.b.c"] {
        assert_eq!(revoke(&client, token).await, StatusCode::OK, "{token}");
    }
    assert_eq!(revoke(&other, &refresh).await, StatusCode::OK);
    assert_eq!(revoke(&other, &access).await, StatusCode::OK);
    assert!(rig.works(&access).await, "another client's tokens stay untouched");

    assert_eq!(revoke(&client, &access).await, StatusCode::OK);
    assert!(!rig.works(&access).await);
    let (sibling, refresh) = pair_of(&rig.refresh(&client, &refresh, &[]).await);
    assert!(rig.works(&sibling).await, "an access token goes alone");
    assert_eq!(revoke(&client, &refresh).await, StatusCode::OK);
    assert!(!rig.works(&sibling).await, "a refresh token takes its grant along");
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
    let missing = rig.form("/oauth2/revoke", None, &[("client_id", &client)]).await;
    assert_eq!(missing.error(), "invalid_request");
}

#[tokio::test]
async fn a_clock_that_is_ahead_revokes_what_another_takes() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (access, _) = rig.pair(&client, &[]).await;
    let right = rig.node.now();
    rig.later(600 + 30);
    let revoked = rig.form("/oauth2/revoke", None, &[("token", &access), ("client_id", &client)]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    rig.clock.set(right);
    assert!(!rig.works(&access).await, "nowhere does it live on");
}

#[tokio::test]
async fn rfc7662_s2_introspection_says_what_holds_now_and_only_to_whom_it_concerns() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (access, refresh) = rig.pair(&client, &[("scope", "logs:read alerts:read")]).await;
    let (server, secret) = rig.made(|_| {}).await;
    let beta = rig.beta.id.clone();
    let (foreign, foreign_secret) = rig.made(|c| c.org = Some(beta)).await;
    let ask = async |id: &str, secret: &str, token: &str| {
        rig.form("/oauth2/introspect", None, &[("token", token), ("client_id", id), ("client_secret", secret)]).await
    };
    let answer = ask(server.id.as_str(), &secret, &access).await.json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "logs:read", "nobody lets Ada read alerts");
    assert_eq!((answer["client_id"].as_str(), answer["username"].as_str()), (Some(client.as_str()), Some("ada@acme.test")));
    let inactive = serde_json::json!({"active": false});
    for (id, secret, token) in [
        (foreign.id.as_str(), foreign_secret.as_str(), access.as_str()),
        (server.id.as_str(), &secret, &refresh),
        (server.id.as_str(), &secret, "garbage"),
    ] {
        assert_eq!(ask(id, secret, token).await.json(), inactive, "{token}");
    }
    let public = rig.form("/oauth2/introspect", None, &[("token", &access), ("client_id", &client)]).await;
    assert_eq!(public.status, StatusCode::UNAUTHORIZED);
    rig.form("/oauth2/revoke", None, &[("token", &refresh), ("client_id", &client)]).await;
    assert_eq!(ask(server.id.as_str(), &secret, &access).await.json(), inactive);
}

#[tokio::test]
async fn a_node_that_does_not_learn_of_a_revocation_does_not_call_the_token_active() {
    let mut rig = Rig::new().await;
    let client = rig.registered().await;
    let (access, _) = rig.pair(&client, &[]).await;
    let (server, secret) = rig.made(|_| {}).await;
    rig.node.settle().await.expect("settled");
    rig.lag();
    let fields = [("token", access.as_str()), ("client_id", server.id.as_str()), ("client_secret", secret.as_str())];
    // Within the lease it is known; not a moment longer.
    while rig.node.view.is_fresh() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = rig.form("/oauth2/introspect", None, &fields).await;
    assert_eq!(answer.json()["active"], true, "nothing has changed since");
    rig.node.store.remove_membership(&rig.acme.id, &rig.ada.id, &rig.cause()).await.expect("done");
    let answer = rig.form("/oauth2/introspect", None, &fields).await;
    assert_eq!((answer.status, answer.error().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"));
}
