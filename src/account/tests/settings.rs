//! `/settings/applications`.

use http::StatusCode;

use super::world::{START, World, call};
use crate::record::Decision;
use crate::store::RevokeReason;

const PATH: &str = "/settings/applications";

fn location(answer: &super::world::Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_user_sees_what_an_application_may_do_and_ends_it() {
    let world = World::new().await;
    let client = world.client("Grafana <b>CLI</b>").await;
    let grant = world.consent(&world.ada, &world.acme, &client, "metrics:read audit:read").await;
    world.happened(&[call(&grant, &client, START, Decision::Allowed)]).await;
    let ada = world.sign_in(&world.ada).await;
    let page = world.get(Some(&ada), PATH).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["Grafana &#60;b&#62;CLI&#60;/b&#62;", "Registered itself", "metrics:read", "1 of 2 never used", "1 call"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(page.body.contains(&format!("{PATH}/{}", grant.id)), "a person may follow the activity");
    assert!(page.headers.contains_key("content-security-policy"));
    assert_eq!(page.headers.get("cache-control").and_then(|v| v.to_str().ok()), Some("no-store"));

    let form = format!("csrf={}&grant_id={id}&revoke-{id}=1", ada.csrf, id = grant.id);
    let done = world.post(&ada, PATH, &form, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!((done.status, location(&done)), (StatusCode::SEE_OTHER, format!("{PATH}?revoked={}", grant.id).as_str()));
    assert!(!world.is_live(&grant).await);
    let page = world.get(Some(&ada), location(&done)).await;
    assert!(page.body.contains("Revoked.") && page.body.contains("No applications yet"), "{}", page.body);
    assert!(!page.body.contains("Its last request"), "it did not try: {}", page.body);
    let denied = || Decision::Denied { reason: "revoked".into(), missing: crate::types::ScopeSet::default() };
    let tried = |after| call(&grant, &client, world.node.now().plus(std::time::Duration::from_millis(after)), denied());
    world.happened(&[tried(100), tried(340)]).await;
    let page = world.get(Some(&ada), location(&done)).await;
    assert!(page.body.contains("Its last request was refused 0.3 s later."), "{}", page.body);
    let again = world.post(&ada, PATH, &form, &[]).await;
    assert_eq!(location(&again), format!("{PATH}?ended={}", grant.id));
    assert!(world.get(Some(&ada), location(&again)).await.body.contains("had already ended"));
}

#[tokio::test]
async fn what_somebody_else_is_just_ending_is_waited_for() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let bob = world.sign_in(&world.bob).await;
    world.lag().await;
    let (store, cause) = (&world.node.store, world.node.own_cause());
    assert!(store.revoke_grant(&grant.id, None, RevokeReason::User, &cause).await.expect("an answer"));
    let form = format!("csrf={}&grant_id={}", bob.csrf, grant.id);
    let pressed = world.post(&bob, PATH, &form, &[]).await;
    assert_eq!(pressed.status, StatusCode::SERVICE_UNAVAILABLE, "it does not hold here yet: {}", location(&pressed));
}

#[tokio::test]
async fn the_button_alone_names_the_grant() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let bob = world.sign_in(&world.bob).await;
    let done = world.post(&bob, PATH, &format!("csrf={}&revoke-{}=1", bob.csrf, grant.id), &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(!world.is_live(&grant).await);
}

#[tokio::test]
async fn nobody_ends_the_access_of_somebody_else() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    for user in [&world.ada, &world.eve] {
        let browser = world.sign_in(user).await;
        for id in [grant.id.as_str(), "gr_unknown", "a%20b", ""] {
            let answer = world.post(&browser, PATH, &format!("csrf={}&grant_id={id}", browser.csrf), &[]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        }
        let page = world.get(Some(&browser), PATH).await;
        assert!(!page.body.contains(grant.id.as_str()), "another user's grant is shown");
    }
    assert!(world.is_live(&grant).await);
}

#[tokio::test]
async fn a_form_of_another_site_ends_nothing() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let (bob, other) = (world.sign_in(&world.bob).await, world.sign_in(&world.bob).await);
    let form = |csrf: &str| format!("csrf={csrf}&grant_id={}", grant.id);
    for (csrf, headers) in [
        ("", &[][..]),
        ("wrong", &[]),
        (other.csrf.as_str(), &[]),
        (bob.csrf.as_str(), &[("sec-fetch-site", "cross-site")]),
        (bob.csrf.as_str(), &[("origin", "https://evil.test")]),
    ] {
        let answer = world.post(&bob, PATH, &form(csrf), headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{csrf} {headers:?}");
    }
    assert!(world.is_live(&grant).await);
}

#[tokio::test]
async fn strangers_are_sent_to_sign_in_and_come_back() {
    let world = World::new().await;
    let answer = world.get(None, PATH).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/login?next=%2Fsettings%2Fapplications"));
}

#[tokio::test]
async fn the_page_says_what_the_gate_would_say_now() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    world.consent(&world.ada, &world.acme, &client, "metrics:read audit:read").await;
    let ada = world.sign_in(&world.ada).await;
    assert!(!world.get(Some(&ada), PATH).await.body.contains("Not now"));
    world.join(&world.ada, &world.acme, &["viewer"]).await;
    let page = world.get(Some(&ada), PATH).await;
    assert_eq!(page.body.matches("Not now: you don&#39;t hold this permission.").count(), 1, "{}", page.body);
    world.node.store.remove_membership(&world.acme.id, &world.ada.id, &world.node.own_cause()).await.expect("a store");
    let page = world.get(Some(&ada), PATH).await;
    assert!(!page.body.contains("It may") || page.body.contains("no longer a member"), "{}", page.body);
}

#[tokio::test]
async fn an_address_can_not_claim_what_did_not_happen() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let mine = world.consent(&world.ada, &world.acme, &client, "metrics:read").await;
    let other = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let bob = world.sign_in(&world.bob).await;
    world.post(&bob, PATH, &format!("csrf={}&grant_id={}", bob.csrf, other.id), &[]).await;
    let ada = world.sign_in(&world.ada).await;
    for id in [&mine.id, &other.id] {
        let page = world.get(Some(&ada), &format!("{PATH}?revoked={id}")).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Revoked."), "{id}");
    }
}
