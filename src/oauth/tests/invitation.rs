//! Accepting an invitation.

use std::time::Duration;

use http::StatusCode;

use super::rig::{Browser, PASSWORD, Rig};
use crate::store::{Bounds, Invitation};
use crate::types::{InvitationId, PlainToken, RoleName, TokenKind};

/// Invites an address into Beta as a reader: where the link leads.
async fn invited(rig: &Rig, email: &str) -> String {
    let now = rig.node.now();
    let secret = PlainToken::generate(TokenKind::Invitation, &*rig.node.entropy);
    let invitation = Invitation {
        id: InvitationId::generate(now, &*rig.node.entropy),
        org: rig.beta.id.clone(),
        email: email.to_owned(),
        roles: vec![RoleName::parse("reader").expect("a role")],
        invited_by: Some(rig.bob.id.clone()),
        created_at: now,
        expires_at: now.plus(Duration::from_hours(24)),
    };
    let bounds = Bounds { administrators: &[], changer: None };
    assert!(rig.node.store.invite(&invitation, &secret.hashed(), &bounds, &rig.cause()).await.expect("done"));
    format!("/invitations/{}", secret.expose())
}

#[tokio::test]
async fn a_newcomer_makes_an_account_and_signs_in_with_it() {
    let rig = Rig::new().await;
    let path = invited(&rig, "grace@beta.test").await;
    let mut browser = Browser::new(&rig);
    let page = browser.get(&path).await;
    for shown in ["bob@beta.test invited grace@beta.test", "<code>reader</code>", "Make the account and join"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let csrf = page.csrf(&path);
    let fields = |name: &'static str, password: &'static str| {
        [("csrf", csrf.clone()), ("name", name.into()), ("new-password", password.into())]
    };
    for (name, password, told) in [
        ("", "three plain words", "Give a name"),
        ("Grace", "short", "at least 12"),
        ("Grace", "Password1234!", "easy to guess"),
        ("Grace", "", "at least 12"),
    ] {
        let fields = fields(name, password);
        let answer = browser.post(&path, &fields.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert!(answer.body.contains(told), "{told}: {}", answer.body);
    }
    let fields = fields("Grace", "three plain words");
    let fields = fields.each_ref().map(|(n, v)| (*n, v.as_str()));
    let done = browser.post(&path, &fields).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/login"), "{}", done.body);
    assert_eq!(browser.post(&path, &fields).await.status, StatusCode::NOT_FOUND, "the link is good once");
    browser.sign_in("grace@beta.test", "three plain words").await;
    let user = rig.node.store.user_by_email("grace@beta.test").await.expect("a store").expect("she is there");
    assert_eq!(rig.node.store.orgs_of(&user.id).await.expect("a store").len(), 1);
}

#[tokio::test]
async fn somebody_with_an_account_signs_in_and_joins() {
    let rig = Rig::new().await;
    let path = invited(&rig, "ada@acme.test").await;
    let mut browser = Browser::new(&rig);
    let page = browser.get(&path).await;
    let sign_in = page.body.split("href=\"").find(|h| h.starts_with("/login?next=")).and_then(|h| h.split('"').next());
    let sign_in = sign_in.expect("a way to sign in").to_owned();
    let answer = browser.try_sign_in(&sign_in, "ada@acme.test", PASSWORD).await;
    assert_eq!(answer.location(), path);
    let page = browser.get(&path).await;
    let csrf = page.csrf(&path);
    assert_eq!(browser.post(&path, &[("csrf", "wrong"), ("accept", "1")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.post(&path, &[("csrf", &csrf), ("accept", "1")]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/"));
    let roles = rig.node.store.membership(&rig.beta.id, &rig.ada.id).await.expect("a store").expect("a member").roles;
    assert_eq!(roles.iter().map(RoleName::as_str).collect::<Vec<_>>(), ["reader"]);
}

/// What somebody without a session is shown, and told after they asked for an account with a good password.
async fn told(rig: &Rig, email: &str) -> (String, StatusCode, String) {
    let path = invited(rig, email).await;
    let mut browser = Browser::new(rig);
    let page = browser.get(&path).await;
    let csrf = page.csrf(&path);
    let fields = [("csrf", csrf.as_str()), ("name", "Grace"), ("new-password", "three plain words")];
    let weak = browser.post(&path, &[fields[0], fields[1], ("new-password", "short")]).await;
    let done = browser.post(&path, &fields).await;
    assert_eq!((weak.status, done.body.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, ""));
    let plain = |text: &str| text.replace(email, "E").replace(&csrf, "C").replace(&path, "P").replace(&encoded(&path), "P");
    (plain(&page.body) + &plain(&weak.body), done.status, done.location().to_owned())
}

fn encoded(path: &str) -> String {
    url::form_urlencoded::byte_serialize(path.as_bytes()).collect()
}

#[tokio::test]
async fn the_link_does_not_tell_who_has_an_account() {
    let rig = Rig::new().await;
    let (known, newcomer) = (told(&rig, "ada@acme.test").await, told(&rig, "grace@beta.test").await);
    assert_eq!(known, newcomer);
    assert_eq!((known.1, known.2.as_str()), (StatusCode::SEE_OTHER, "/login"));

    // Nothing happened to the account, and nobody joined for it.
    Browser::new(&rig).sign_in("ada@acme.test", PASSWORD).await;
    let refused = Browser::new(&rig).try_sign_in("/login", "ada@acme.test", "three plain words").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let roles = rig.node.store.membership(&rig.beta.id, &rig.ada.id).await.expect("a store").expect("a member").roles;
    assert!(roles.is_empty(), "{roles:?}");
    Browser::new(&rig).sign_in("grace@beta.test", "three plain words").await;
}

#[tokio::test]
async fn who_has_a_link_makes_nobody_else_wait() {
    let rig = Rig::new().await;
    // She has an account: the link stays open, however often it is answered.
    let path = invited(&rig, "ada@acme.test").await;
    let answer = async |from: &'static str| {
        let mut browser = Browser::at(&rig, from);
        let csrf = browser.get(&path).await.csrf(&path);
        let fields = [("csrf", csrf.as_str()), ("name", "Grace"), ("new-password", "three plain words")];
        browser.post(&path, &fields).await
    };
    let (here, there) = ("198.51.100.1:4711", "198.51.100.2:4711");
    for _ in 0..3 {
        assert_eq!(answer(here).await.status, StatusCode::SEE_OTHER);
    }
    for _ in 0..2 {
        let locked = answer(here).await;
        assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(locked.body.contains("answered too often"), "{}", locked.body);
    }
    assert_eq!(answer(there).await.status, StatusCode::SEE_OTHER, "elsewhere it is open");
    assert_eq!(rig.refusals("login.fail").await, ["invitation_locked"]);
    rig.later(15 * 60);
    assert_eq!(answer(here).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_invitation_of_somebody_else_does_nothing() {
    let rig = Rig::new().await;
    let path = invited(&rig, "grace@beta.test").await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let page = browser.get(&path).await;
    assert!(page.body.contains("You are signed in as") && !page.body.contains("id=\"accept\""), "{}", page.body);
    let csrf = page.csrf("/logout");
    browser.post(&path, &[("csrf", &csrf), ("accept", "1"), ("name", "x"), ("new-password", "three plain words")]).await;
    assert!(rig.node.store.user_by_email("grace@beta.test").await.expect("a store").is_none());
    for bad in ["/invitations/tg_iv_unknown", "/invitations/x", "/invitations/tg_ss_x"] {
        assert_eq!(browser.get(bad).await.status, StatusCode::NOT_FOUND, "{bad}");
    }
    rig.later(24 * 3600);
    assert_eq!(Browser::new(&rig).get(&path).await.status, StatusCode::NOT_FOUND, "it ends");
}
