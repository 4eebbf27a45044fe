//! The whole way, and what a browser may and may not do on it.

use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;

use super::rig::{Browser, CALLBACK, ISSUER, PASSWORD, Rig, pair_of};

#[tokio::test]
async fn registration_login_consent_code_token_refresh() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);

    let start = browser.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("scope", "logs:read metrics:read")]))).await;
    assert_eq!(start.status, StatusCode::SEE_OTHER, "{}", start.body);
    assert!(start.location().starts_with("/login?request=ar_"), "{}", start.location());
    let after = browser.try_sign_in(start.location(), "Ada@Acme.test ", PASSWORD).await;
    assert_eq!(after.status, StatusCode::SEE_OTHER, "{}", after.body);
    assert!(after.location().starts_with("/consent?request=ar_"), "{}", after.location());

    let page = browser.get(after.location()).await;
    for text in
        ["Suite", "app.test", "Read logs", "logs:read", "metrics:read", "acme Inc", "beta Inc", "id=\"approve\"", "id=\"deny\""]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.ends_with("form-action 'self' https://app.test"), "{policy}");

    let back = browser.approve(after.location(), &page).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert!(back.location().starts_with(&format!("{CALLBACK}?code=tg_ac_")), "{}", back.location());
    assert_eq!((back.sent("state").as_deref(), back.sent("iss").as_deref()), (Some("s-1"), Some(ISSUER)));

    let answer = rig.exchange(&client, &back.sent("code").expect("a code")).await;
    let (access, refresh) = pair_of(&answer);
    assert_eq!(answer.json()["expires_in"], 600);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["scope"], "logs:read metrics:read");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(rig.works(&access).await);

    rig.later(601);
    assert!(!rig.works(&access).await, "no leeway on our own tokens");
    let renewed = rig.refresh(&client, &refresh, &[]).await;
    assert_eq!(renewed.json()["expires_in"], 600, "as long as the first one");
    let (access, again) = pair_of(&renewed);
    assert!(rig.works(&access).await && again != refresh);
}

#[tokio::test]
async fn an_organization_must_be_chosen_and_be_ones_own() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    let csrf = page.csrf("/consent");
    let none = browser.post(&at, &[("csrf", &csrf), ("approve", "1")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    let foreign = browser.post(&at, &[("csrf", &csrf), ("approve", "1"), ("org", "org_other")]).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(browser.approve(&at, &page).await.sent("code").is_some());

    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (at, page) = bob.consent_page(&client, &[]).await;
    assert!(!page.body.contains("acme Inc"), "Bob is not in Acme");
    let refused = bob.approve(&at, &page).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "Acme is not Bob's to give");
}

#[tokio::test]
async fn each_organization_has_a_token_of_its_own() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let config = rig.node.config.load_full();
    let mut tokens = Vec::new();
    for org in [&rig.acme, &rig.beta] {
        let (at, page) = browser.consent_page(&client, &[]).await;
        let (csrf, id) = (page.csrf("/consent"), org.id.to_string());
        let back = browser.post(&at, &[("csrf", &csrf), ("approve", "1"), ("org", &id)]).await;
        let (access, refresh) = pair_of(&rig.exchange(&client, &back.sent("code").expect("a code")).await);
        tokens.push((access, &org.id));
        tokens.push((pair_of(&rig.refresh(&client, &refresh, &[]).await).0, &org.id));
    }
    for (access, org) in &tokens {
        let principal = rig.node.verifier.principal(access, &config, rig.node.now()).await.expect("both live");
        assert_eq!(principal.claims.org, **org);
    }
}

#[tokio::test]
async fn all_that_was_asked_for_is_given_or_nothing() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[("scope", "logs:read metrics:read")]).await;
    assert!(!page.body.contains("type=\"checkbox\""), "nothing is optional: {}", page.body);
    let (csrf, org) = (page.csrf("/consent"), rig.acme.id.to_string());
    let part = [("csrf", csrf.as_str()), ("org", &org), ("scope", "logs:read"), ("scopes", "logs:read"), ("approve", "1")];
    let back = browser.post(&at, &part).await;
    let answer = rig.exchange(&client, &back.sent("code").expect("a code")).await;
    assert_eq!(answer.json()["scope"], "logs:read metrics:read", "a form that says less is not asked");
}

#[tokio::test]
async fn denying_goes_back_with_access_denied_and_decides_for_good() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    let csrf = page.csrf("/consent");
    let back = browser.post(&at, &[("csrf", &csrf), ("deny", "1")]).await;
    assert_eq!(back.sent("error").as_deref(), Some("access_denied"));
    assert_eq!((back.sent("state").as_deref(), back.sent("iss").as_deref()), (Some("s-1"), Some(ISSUER)));
    let late = browser.approve(&at, &page).await;
    assert_eq!((late.status, late.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn one_approval_gives_one_code() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    assert!(browser.approve(&at, &page).await.sent("code").is_some());
    let again = browser.approve(&at, &page).await;
    assert_eq!((again.status, again.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn a_request_ends_when_nobody_decides() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    rig.later(601);
    assert_eq!(browser.approve(&at, &page).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn forged_consent_is_refused() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    let (csrf, org) = (page.csrf("/consent"), rig.acme.id.to_string());

    let mut other = Browser::new(&rig);
    other.sign_in("bob@beta.test", PASSWORD).await;
    let foreign = other.get(&at).await.csrf("/consent");
    for bad in ["", "x", foreign.as_str()] {
        let answer = browser.post(&at, &[("csrf", bad), ("org", &org), ("approve", "1")]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::UNPROCESSABLE_ENTITY, ""), "{bad}");
    }
    for header in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.test")] {
        browser.extra.lock().push(header);
        let answer = browser.post(&at, &[("csrf", &csrf), ("org", &org), ("approve", "1")]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::FORBIDDEN, ""), "{header:?}");
        browser.extra.lock().clear();
    }
    let by_get = browser.get(&format!("{at}&csrf={csrf}&org={org}&approve=1")).await;
    assert_eq!((by_get.status, by_get.location()), (StatusCode::OK, ""), "a GET decides nothing");
    browser.extra.lock().push(("origin", "null"));
    assert!(browser.approve(&at, &page).await.sent("code").is_some(), "pages that send no referrer post from null");
}

#[tokio::test]
async fn private_clients_are_for_members_of_their_organization() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(|_| {}).await;
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (_, page) = bob.consent_page(client.id.as_str(), &[]).await;
    assert_eq!((page.status, page.location()), (StatusCode::FORBIDDEN, ""));
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (_, page) = ada.consent_page(client.id.as_str(), &[]).await;
    assert!(page.body.contains("Published by acme Inc") && !page.body.contains("beta Inc"), "{}", page.body);
}

#[tokio::test]
async fn consent_says_what_takes_effect_later() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (_, page) = browser.consent_page(&client, &[("scope", "logs:read alerts:read")]).await;
    assert!(page.body.contains("Takes effect if you are given this permission"), "nobody lets Ada read alerts");
    assert!(page.body.contains("You hold this in acme Inc only"), "she reads logs in Acme alone: {}", page.body);
}

#[tokio::test]
async fn a_newer_consent_supersedes_what_it_covers() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let narrow = rig.pair(&client, &[("scope", "logs:read")]).await.0;
    let other = rig.pair(&client, &[("scope", "metrics:read")]).await.0;
    assert!(rig.works(&narrow).await && rig.works(&other).await, "neither covers the other");
    let wide = rig.pair(&client, &[("scope", "logs:read metrics:read")]).await.0;
    assert!(!rig.works(&narrow).await && !rig.works(&other).await && rig.works(&wide).await);
}

/// Agrees in Beta, which is not what the page would choose by itself.
async fn approve_in_beta(rig: &Rig, browser: &mut Browser<'_>, at: &str) -> super::rig::Answer {
    let csrf = browser.get(at).await.csrf("/consent");
    let org = rig.beta.id.to_string();
    browser.post(at, &[("csrf", &csrf), ("org", &org), ("approve", "1")]).await
}

/// A client of nobody's that may ask for something of high risk.
fn dangerous(client: &mut crate::store::Client) {
    client.org = None;
    client.scopes = crate::types::ScopeSet::parse("logs:read members:write").ok();
}

#[tokio::test]
async fn what_is_dangerous_takes_a_sign_in_of_this_moment() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(dangerous).await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    rig.later(301);
    let (at, page) = browser.consent_page(client.id.as_str(), &[("scope", "logs:read members:write")]).await;
    assert!(page.body.contains("Look closely at these"), "{}", page.body);
    let away = approve_in_beta(&rig, &mut browser, &at).await;
    let back = format!("{at}&org={}", rig.beta.id);
    assert_eq!(away.location(), format!("{}&again=1", back.replace("/consent", "/login")));

    // Whoever is signed in is asked all the same; a wrong password asks again, and loses nothing.
    let asked = browser.get(away.location()).await;
    assert!(asked.status == StatusCode::OK && asked.body.contains("asks who you are once more"), "{}", asked.body);
    assert!(asked.body.contains("value=\"ada@acme.test\""), "{}", asked.body);
    let wrong = browser.try_sign_in(away.location(), "ada@acme.test", "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let action = wrong.body.split("action=\"/login").nth(1).and_then(|a| a.split('"').next()).expect("a form");
    let csrf = wrong.csrf("/login");
    let fields = [("csrf", csrf.as_str()), ("email", "ada@acme.test"), ("password", PASSWORD)];
    let returned = browser.post(&format!("/login{}", action.replace("&#38;", "&")), &fields).await;
    assert_eq!((returned.status, returned.location()), (StatusCode::SEE_OTHER, back.as_str()));

    let page = browser.get(&back).await;
    let chosen = page.body.split("<input").find(|i| i.contains(&format!("value=\"{}\"", rig.beta.id))).expect("the organization");
    assert!(chosen.split('>').next().is_some_and(|i| i.contains("checked")), "{chosen}");
    assert_eq!(browser.get(away.location()).await.location(), back, "the way back asks no more");
    let answer = approve_in_beta(&rig, &mut browser, &back).await;
    assert!(answer.sent("code").is_some(), "{} {}", answer.status, answer.location());
}

#[tokio::test]
async fn only_saying_yes_to_something_dangerous_asks_again() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(dangerous).await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    rig.later(300);
    let (at, _) = browser.consent_page(client.id.as_str(), &[("scope", "members:write")]).await;
    assert!(approve_in_beta(&rig, &mut browser, &at).await.sent("code").is_some(), "five minutes are not over");
    rig.later(3600);
    let (at, _) = browser.consent_page(client.id.as_str(), &[("scope", "logs:read")]).await;
    assert!(approve_in_beta(&rig, &mut browser, &at).await.sent("code").is_some(), "nothing of it is dangerous");
    let (at, page) = browser.consent_page(client.id.as_str(), &[("scope", "members:write")]).await;
    let denied = browser.post(&at, &[("csrf", &page.csrf("/consent")), ("deny", "1")]).await;
    assert_eq!(denied.sent("error").as_deref(), Some("access_denied"));
}
