//! Sessions, passwords, throttling.

use futures::future::join;
use http::StatusCode;
use http::header::SET_COOKIE;
use secrecy::ExposeSecret;

use super::rig::{Browser, PASSWORD, Rig, person};
use crate::store::{AuditFilter, PasswordRecord, UserKind, UserState};

const SESSION: &str = "__Host-tollgate";

#[tokio::test]
async fn the_session_is_new_at_every_sign_in_and_dies_at_sign_out() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    let planted = "tg_ss_planted";
    browser.cookies.insert(SESSION.to_owned(), planted.to_owned());
    let answer = browser.try_sign_in("/login", "ada@acme.test", PASSWORD).await;
    let set =
        answer.headers.get_all(SET_COOKIE).iter().find(|c| c.as_bytes().starts_with(SESSION.as_bytes())).expect("a session");
    assert!(set.to_str().is_ok_and(|s| s.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure")), "{set:?}");
    assert_eq!(answer.location(), "/settings/applications");
    let first = browser.cookies[SESSION].clone();
    assert_ne!(first, planted);

    let page = browser.get("/").await;
    let csrf = page.csrf("/logout");
    let out = browser.post("/logout", &[("csrf", "wrong")]).await;
    assert_eq!(out.status, StatusCode::FORBIDDEN);
    let out = browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/?signed-out"));
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), first);
    assert!(browser.get("/password").await.location().starts_with("/login"), "the old cookie is dead on the server");
}

#[tokio::test]
async fn a_second_sign_in_ends_the_first_session() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let first = browser.cookies[SESSION].clone();
    let csrf = browser.get("/login?request=ar_1").await.csrf("/login");
    let answer = browser.post("/login", &[("csrf", &csrf), ("email", "bob@beta.test"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookies[SESSION], first);
    browser.cookies.insert(SESSION.to_owned(), first);
    assert!(browser.get("/password").await.location().starts_with("/login"));
}

#[tokio::test]
async fn sessions_end_by_idling_and_by_age_and_with_their_user() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    for _ in 0..14 {
        rig.later(11 * 3600);
        assert_eq!(browser.get("/password").await.status, StatusCode::OK, "seen within twelve hours");
    }
    rig.later(24 * 3600);
    assert!(browser.get("/password").await.location().starts_with("/login"));

    browser.sign_in("ada@acme.test", PASSWORD).await;
    rig.later(12 * 3600);
    assert!(browser.get("/password").await.location().starts_with("/login"), "it idled");

    browser.sign_in("ada@acme.test", PASSWORD).await;
    for (state, status) in [(UserState::Frozen, StatusCode::SEE_OTHER), (UserState::Active, StatusCode::OK)] {
        rig.node.store.set_user_state(&rig.ada.id, state, &rig.cause()).await.expect("done");
        assert_eq!(browser.get("/password").await.status, status, "{state:?}");
    }
    rig.node.store.set_user_state(&rig.ada.id, UserState::Disabled, &rig.cause()).await.expect("done");
    assert!(browser.get("/password").await.location().starts_with("/login"), "its user is gone");
}

#[tokio::test]
async fn refusals_do_not_say_which_part_was_wrong() {
    let rig = Rig::new().await;
    person(&rig.node, "robot@acme.test", UserKind::Service, false).await;
    rig.node.store.set_user_state(&rig.bob.id, UserState::Disabled, &rig.cause()).await.expect("done");
    let mut bodies = Vec::new();
    for (email, password) in
        [("ada@acme.test", "wrong"), ("nobody@acme.test", "wrong"), ("robot@acme.test", PASSWORD), ("bob@beta.test", PASSWORD)]
    {
        let mut browser = Browser::new(&rig);
        let csrf = browser.get("/login").await.csrf("/login");
        let answer = browser.post("/login", &[("csrf", &csrf), ("email", email), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{email}");
        assert!(!browser.cookies.contains_key(SESSION));
        bodies.push(answer.body.replace(email, "E").replace(&csrf, "C"));
    }
    assert!(bodies.windows(2).all(|w| w[0] == w[1]));
}

#[tokio::test]
async fn too_many_attempts_wait_whether_or_not_the_account_exists() {
    let rig = Rig::new().await;
    for email in ["ada@acme.test", "nobody@acme.test"] {
        let mut browser = Browser::new(&rig);
        for _ in 0..3 {
            assert_eq!(browser.try_sign_in("/login", email, "wrong").await.status, StatusCode::UNAUTHORIZED);
        }
        let blocked = browser.try_sign_in("/login", email, PASSWORD).await;
        assert_eq!(blocked.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(blocked.body.contains("Too many attempts"));
    }
    rig.later(15 * 60);
    Browser::new(&rig).sign_in("ada@acme.test", PASSWORD).await;
}

#[tokio::test]
async fn one_address_locks_nobody_out_elsewhere() {
    let rig = Rig::new().await;
    let mut attacker = Browser::at(&rig, "198.51.100.1:4711");
    let mut told = Vec::new();
    for _ in 0..20 * 3 {
        told.push(attacker.try_sign_in("/login", "ada@acme.test", "wrong").await.status);
    }
    let refused = told.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!((refused, told.last()), (3, Some(&StatusCode::TOO_MANY_REQUESTS)));
    Browser::new(&rig).sign_in("ada@acme.test", PASSWORD).await;
    let elsewhere = attacker.try_sign_in("/login", "bob@beta.test", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::SEE_OTHER, "nor at another account");
    assert_eq!(rig.refusals("login.fail").await, ["credentials", "credentials", "credentials", "locked"]);
}

#[tokio::test]
async fn a_lock_of_an_account_or_a_network_is_on_record_once() {
    let rig = Rig::new().await;
    let many = ["198.51.100.1:1", "198.51.100.2:1", "198.51.100.3:1", "198.51.100.4:1", "198.51.100.5:1"];
    let more = ["203.0.113.1:1", "203.0.113.2:1", "203.0.113.3:1", "203.0.113.4:1", "203.0.113.5:1"];
    for from in many.into_iter().chain(more) {
        for _ in 0..3 {
            let mut attacker = Browser::at(&rig, from);
            let answer = attacker.try_sign_in("/login", "ada@acme.test", "wrong").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{from}");
        }
    }
    for _ in 0..3 {
        let owner = Browser::new(&rig).try_sign_in("/login", "ada@acme.test", PASSWORD).await;
        assert_eq!(owner.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let reasons = rig.refusals("login.fail").await;
    assert_eq!((reasons.len(), reasons.first().map(String::as_str)), (31, Some("account_locked")));
}

#[tokio::test]
async fn a_reset_is_not_undone_by_a_change_under_way() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let csrf = browser.get("/password").await.csrf("/password");
    let fields = [("csrf", csrf.as_str()), ("current-password", PASSWORD), ("new-password", "another long password")];
    let (reset, cause) = (PasswordRecord { phc: "$reset".into(), one_time: true }, rig.cause());
    // The change hashes twice; the reset is done long before that.
    let change = browser.post("/password", &fields);
    let (_, done) = join(change, rig.node.store.set_password(&rig.ada.id, &reset, &cause)).await;
    done.expect("a reset");
    let left = rig.node.store.password(&rig.ada.id).await.expect("an answer").expect("there is one");
    assert_eq!((left.phc.expose_secret(), left.one_time), ("$reset", true));
}

#[tokio::test]
async fn wrong_current_passwords_are_on_record() {
    let rig = Rig::new().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let csrf = browser.get("/password").await.csrf("/password");
    let fields = [("csrf", csrf.as_str()), ("current-password", "wrong"), ("new-password", "another long password")];
    for _ in 0..3 {
        assert_eq!(browser.post("/password", &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for _ in 0..2 {
        assert_eq!(browser.post("/password", &fields).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let expected = ["current_password", "current_password", "current_password", "password_locked"];
    assert_eq!(rig.refusals("login.fail").await, expected);
}

#[tokio::test]
async fn successes_do_not_count_against_the_account() {
    let rig = Rig::new().await;
    for _ in 0..5 {
        Browser::new(&rig).sign_in("ada@acme.test", PASSWORD).await;
    }
}

#[tokio::test]
async fn who_signs_in_over_a_session_is_no_stranger_in_its_users_log() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let start = browser.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("prompt", "login")]))).await;
    let over = browser.try_sign_in(start.location(), "bob@beta.test", PASSWORD).await;
    assert!(over.location().starts_with("/consent?request="), "{}", over.body);
    let page = rig.node.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
    let ends = page.rows.iter().filter(|row| crate::record::operation(&row.record) == "logout");
    let actors: Vec<_> = ends.map(|row| row.record.actor.user.clone()).collect();
    let ada = rig.node.store.user_by_email("ada@acme.test").await.expect("an answer").expect("Ada").id;
    assert_eq!(actors, [Some(ada)]);
}

#[tokio::test]
async fn login_csrf_is_refused() {
    let rig = Rig::new().await;
    let (mut attacker, mut victim) = (Browser::new(&rig), Browser::new(&rig));
    let theirs = attacker.get("/login").await.csrf("/login");
    victim.get("/login").await;
    let fields = [("email", "bob@beta.test"), ("password", PASSWORD)];
    let forged = victim.post("/login", &[fields[0], fields[1], ("csrf", &theirs)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let bare = Browser::new(&rig).post("/login", &[fields[0], fields[1]]).await;
    assert_eq!(bare.status, StatusCode::FORBIDDEN);
    let own = victim.get("/login").await.csrf("/login");
    victim.extra.lock().push(("sec-fetch-site", "cross-site"));
    let cross = victim.post("/login", &[fields[0], fields[1], ("csrf", &own)]).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
    assert!(!victim.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_one_time_password_must_be_changed_first() {
    let rig = Rig::new().await;
    let user = person(&rig.node, "new@acme.test", UserKind::Person, true).await;
    let membership = crate::store::Membership { org: rig.acme.id.clone(), user: user.id, roles: Vec::new() };
    rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    let start = browser.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[]))).await;
    let after = browser.try_sign_in(start.location(), "new@acme.test", PASSWORD).await;
    assert!(after.location().starts_with("/password?request=ar_"), "{}", after.location());
    let consent = after.location().replace("/password", "/consent");
    assert!(browser.get(&consent).await.location().starts_with("/password"), "no way around");

    let page = browser.get(after.location()).await;
    let csrf = page.csrf("/password");
    let mut change = async |current: &str, new: &str, csrf: &str| {
        browser.post(after.location(), &[("csrf", csrf), ("current-password", current), ("new-password", new)]).await
    };
    for (current, new) in [("wrong", "another long password"), (PASSWORD, PASSWORD), (PASSWORD, "short")] {
        assert_eq!(change(current, new, &csrf).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{current} {new}");
    }
    assert_eq!(change(PASSWORD, "another long password", "x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = change(PASSWORD, "another long password", &csrf).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, consent.as_str()));
    assert_eq!(browser.get(&consent).await.status, StatusCode::OK);
    Browser::new(&rig).sign_in("new@acme.test", "another long password").await;
}

#[tokio::test]
async fn not_you_signs_out_and_comes_back_to_the_request() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    let csrf = page.csrf("/logout");
    let out = browser.post(&at.replace("/consent", "/logout"), &[("csrf", &csrf)]).await;
    assert_eq!(out.location(), at.replace("/consent", "/login"));
    let back = browser.try_sign_in(out.location(), "bob@beta.test", PASSWORD).await;
    assert_eq!(back.location(), at);
}
