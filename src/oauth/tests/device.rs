//! RFC 8628: a device asks, a person decides on another one, and nobody decides for them.

use std::time::Duration;

use axum::body::Body;
use futures::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::rig::{Answer, Browser, ISSUER, PASSWORD, Rig, encoded, pair_of};
use crate::store::{AuditFilter, ClientAuth, ClientKind, ClientState, GrantType, Hand, Listed, NewClients, Verdict};
use crate::types::{ClientId, RequestId, ScopeSet};
use crate::web::Peer;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A public client for devices alone: it is never redirected to.
async fn registered(rig: &Rig, name: &str) -> String {
    let body = json!({"client_name": name, "grant_types": [GRANT, "refresh_token"], "token_endpoint_auth_method": "none"});
    let answer = rig.json("/oauth2/register", &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert_eq!(answer.json()["grant_types"], json!(["refresh_token", GRANT]));
    assert_eq!(answer.json()["response_types"], json!([]));
    answer.json()["client_id"].as_str().expect("a client_id").to_owned()
}

async fn begin(rig: &Rig, client: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("client_id", client)];
    fields.extend(more);
    rig.form("/oauth2/device_authorization", None, &fields).await
}

/// A device that waits: its code and its user's.
async fn waiting(rig: &Rig, client: &str) -> (String, String) {
    let answer = begin(rig, client, &[("scope", "logs:read metrics:read")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let text = |name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
    (text("device_code"), text("user_code"))
}

async fn poll(rig: &Rig, client: &str, code: &str) -> Answer {
    rig.form("/oauth2/token", None, &[("grant_type", GRANT), ("client_id", client), ("device_code", code)]).await
}

async fn told(rig: &Rig, client: &str, code: &str) -> (StatusCode, String) {
    let answer = poll(rig, client, code).await;
    (answer.status, answer.error())
}

fn refused(error: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_owned())
}

/// Ada, signed in.
async fn ada(rig: &Rig) -> Browser<'_> {
    let mut browser = Browser::new(rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    browser
}

/// Types a code; the page that follows.
async fn typed(browser: &mut Browser<'_>, code: &str) -> Answer {
    let csrf = browser.get("/device").await.csrf("/device");
    browser.post("/device", &[("csrf", &csrf), ("user_code", code), ("continue", "1")]).await
}

async fn decide(rig: &Rig, browser: &mut Browser<'_>, code: &str, decision: &str) -> Answer {
    let csrf = typed(browser, code).await.csrf("/device");
    let org = rig.acme.id.to_string();
    browser.post("/device", &[("csrf", &csrf), ("user_code", code), ("org", &org), (decision, "1")]).await
}

#[tokio::test]
async fn rfc8628_the_whole_way() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let answer = begin(&rig, &client, &[("scope", "logs:read metrics:read")]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    let (device, user) = (body["device_code"].as_str().expect("a code"), body["user_code"].as_str().expect("a code"));
    assert_eq!(body["verification_uri"], format!("{ISSUER}/device"));
    assert_eq!(body["verification_uri_complete"], format!("{ISSUER}/device?user_code={user}"));
    assert_eq!((&body["expires_in"], &body["interval"]), (&json!(600), &json!(5)));
    assert_eq!((device.get(..6), user.len()), (Some("tg_dc_"), 9));

    assert_eq!(told(&rig, &client, device).await, refused("authorization_pending"));
    let mut browser = ada(&rig).await;
    let page = typed(&mut browser, &user.to_lowercase().replace('-', " ")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for text in
        ["Terraform", "registered itself", "Read logs", "metrics:read", "acme Inc", "beta Inc", user, "192.0.2.7", "suite/1"]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert_eq!(told(&rig, &client, device).await, refused("slow_down"), "looking decides nothing");
    let done = decide(&rig, &mut browser, user, "approve").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert!(done.body.contains("Device connected"), "{}", done.body);

    let (access, refresh) = pair_of(&poll(&rig, &client, device).await);
    assert!(rig.works(&access).await);
    let (again, _) = pair_of(&rig.refresh(&client, &refresh, &[]).await);
    assert!(rig.works(&again).await);
    assert_eq!(told(&rig, &client, device).await, refused("invalid_grant"), "one use");
    let grants = rig.node.store.grants_of_org(&rig.acme.id).await.expect("grants");
    assert_eq!(grants.len(), 1);
    assert_eq!((&grants[0].grant.user, grants[0].grant.scopes.to_string()), (&rig.ada.id, "logs:read metrics:read".to_owned()));
    let text = rig.node.metrics.text();
    for outcome in ["requested", "slowed_down", "approved", "redeemed"] {
        let line = format!("tollgate_device_authorizations_total{{outcome=\"{outcome}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test]
async fn a_link_fills_in_the_code_and_decides_nothing() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let (device, user) = waiting(&rig, &client).await;
    let link = format!("/device?user_code={user}");
    let mut browser = Browser::new(&rig);
    let away = browser.get(&link).await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    let back = browser.try_sign_in(away.location(), "ada@acme.test", PASSWORD).await;
    assert_eq!(back.location(), link, "signing in comes back to the link");

    let page = browser.get(&link).await;
    assert!(page.body.contains(&user) && page.body.contains("Compare this code"), "{}", page.body);
    assert!(!page.body.contains("id=\"approve\"") && !page.body.contains("Terraform"), "the link shows no decision");
    let csrf = page.csrf("/device");
    let org = rig.acme.id.to_string();
    let by_get = format!("{link}&csrf={csrf}&org={org}&approve=1");
    assert!(!browser.get(&by_get).await.body.contains("Device connected"));
    assert_eq!(told(&rig, &client, &device).await, refused("authorization_pending"));
    let strange = browser.get("/device?user_code=%3Cscript%3E").await;
    assert!(strange.status == StatusCode::OK && !strange.body.contains("script%3E") && !strange.body.contains("<script>"));
}

#[tokio::test]
async fn forged_decisions_are_refused() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let (device, user) = waiting(&rig, &client).await;
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let foreign = bob.get("/device").await.csrf("/device");
    let mut browser = ada(&rig).await;
    let csrf = browser.get("/device").await.csrf("/device");
    let org = rig.acme.id.to_string();
    for bad in ["", "x", foreign.as_str()] {
        let fields = [("csrf", bad), ("user_code", user.as_str()), ("org", &org), ("approve", "1")];
        assert_eq!(browser.post("/device", &fields).await.status, StatusCode::FORBIDDEN, "{bad}");
    }
    let fields = [("csrf", csrf.as_str()), ("user_code", &user), ("org", &org), ("approve", "1")];
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")] {
        browser.extra.lock().push(header);
        assert_eq!(browser.post("/device", &fields).await.status, StatusCode::FORBIDDEN, "{header:?}");
        browser.extra.lock().clear();
    }
    assert_eq!(told(&rig, &client, &device).await, refused("authorization_pending"));
    let both = [("csrf", csrf.as_str()), ("user_code", &user), ("org", &org), ("approve", "1"), ("deny", "1")];
    assert_eq!(browser.post("/device", &both).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let nowhere = [("csrf", csrf.as_str()), ("user_code", &user), ("approve", "1")];
    assert_eq!(browser.post("/device", &nowhere).await.status, StatusCode::UNPROCESSABLE_ENTITY, "no organization was chosen");
    let mut stranger = Browser::new(&rig);
    let answer = stranger.post("/device", &fields).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/login"), "nobody is signed in");
    rig.later(5);
    assert_eq!(told(&rig, &client, &device).await, refused("authorization_pending"));
}

#[tokio::test]
async fn rfc8628_s3_5_every_answer_to_a_device() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let mut browser = ada(&rig).await;

    let (denied, user) = waiting(&rig, &client).await;
    assert!(decide(&rig, &mut browser, &user, "deny").await.body.contains("Not allowed"));
    assert_eq!(told(&rig, &client, &denied).await, refused("access_denied"));
    let late = decide_late(&rig, &mut browser, &user).await;
    assert_eq!(late, StatusCode::UNPROCESSABLE_ENTITY, "it was decided for good");

    let (expired, user) = waiting(&rig, &client).await;
    rig.later(600);
    assert_eq!(told(&rig, &client, &expired).await, refused("expired_token"));
    assert_eq!(decide_late(&rig, &mut browser, &user).await, StatusCode::UNPROCESSABLE_ENTITY);

    let (hasty, _) = waiting(&rig, &client).await;
    assert_eq!(told(&rig, &client, &hasty).await, refused("authorization_pending"));
    let answer = poll(&rig, &client, &hasty).await;
    assert_eq!((answer.error().as_str(), answer.headers["retry-after"].to_str().ok()), ("slow_down", Some("10")));
    rig.later(10);
    assert_eq!(told(&rig, &client, &hasty).await, refused("authorization_pending"));

    let other = registered(&rig, "Another").await;
    for (client, code) in [(&other, hasty.as_str()), (&client, "tg_dc_x"), (&client, "tg_rt_x"), (&client, &"x".repeat(300))] {
        assert_eq!(told(&rig, client, code).await, refused("invalid_grant"), "{code}");
    }
    let missing = rig.form("/oauth2/token", None, &[("grant_type", GRANT), ("client_id", &client)]).await;
    assert_eq!(missing.error(), "invalid_request");
}

async fn decide_late(rig: &Rig, browser: &mut Browser<'_>, code: &str) -> StatusCode {
    let csrf = browser.get("/device").await.csrf("/device");
    let org = rig.acme.id.to_string();
    browser.post("/device", &[("csrf", &csrf), ("user_code", code), ("org", &org), ("approve", "1")]).await.status
}

#[tokio::test]
async fn fifty_polls_get_one_pair() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let (device, user) = waiting(&rig, &client).await;
    let mut browser = ada(&rig).await;
    decide(&rig, &mut browser, &user, "approve").await;
    let answers = join_all((0..50).map(|_| poll(&rig, &client, &device))).await;
    let won: Vec<_> = answers.iter().filter(|a| a.status == StatusCode::OK).collect();
    assert_eq!(won.len(), 1);
    assert!(answers.iter().all(|a| a.status == StatusCode::OK || a.error() == "invalid_grant"));
    assert!(rig.works(&pair_of(won[0]).0).await, "the losers take nothing away");
}

#[tokio::test]
async fn user_codes_are_not_to_be_guessed() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let (_, user) = waiting(&rig, &client).await;
    let mut browser = ada(&rig).await;
    for code in ["BBBB-BBBB", "nonsense", ""] {
        let answer = typed(&mut browser, code).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}");
    }
    assert_eq!(typed(&mut browser, &user).await.status, StatusCode::TOO_MANY_REQUESTS, "three is this gateway's limit");
    rig.later(15 * 60);
    let (_, user) = waiting(&rig, &client).await;
    for _ in 0..10 {
        assert_eq!(typed(&mut browser, &user).await.status, StatusCode::OK, "right codes are not counted");
    }
}

#[tokio::test]
async fn wrong_user_codes_of_one_account_lock_no_other_out() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let csrf = bob.get("/device").await.csrf("/device");
    for _ in 0..20 * 3 {
        bob.post("/device", &[("csrf", &csrf), ("user_code", "BBBB-BBBB"), ("continue", "1")]).await;
    }
    let (_, user) = waiting(&rig, &client).await;
    assert_eq!(typed(&mut bob, &user).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(typed(&mut ada(&rig).await, &user).await.status, StatusCode::OK, "from the same network");
    assert_eq!(rig.refusals("authorize.error").await, ["user_codes_locked"]);
}

#[tokio::test]
async fn what_a_device_may_ask_for() {
    let rig = Rig::new().await;
    let browser_only = rig.registered().await;
    assert_eq!(begin(&rig, &browser_only, &[]).await.error(), "unauthorized_client");
    let client = registered(&rig, "Terraform").await;
    assert_eq!(begin(&rig, &client, &[("scope", "logs:delete")]).await.error(), "invalid_scope", "it is private");
    assert_eq!(begin(&rig, &client, &[("resource", "https://evil.test")]).await.error(), "invalid_target");
    assert_eq!(begin(&rig, "cl_nobody", &[]).await.error(), "invalid_client");
    let advertised = begin(&rig, &client, &[("resource", &format!("{ISSUER}/logs"))]).await;
    assert_eq!(advertised.status, StatusCode::OK, "{}", advertised.body);
    let id = ClientId::parse(&client).expect("an id");
    rig.node.store.set_client_state(&id, ClientState::Disabled, &rig.cause()).await.expect("switched");
    assert_eq!(begin(&rig, &client, &[]).await.error(), "unauthorized_client");
    let authorize = rig.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[]))).await;
    assert_eq!(authorize.location(), "", "it has no address to go back to");
}

#[tokio::test]
async fn the_token_is_for_the_resource_that_was_asked_for() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let logs = format!("{ISSUER}/logs");
    let answer = begin(&rig, &client, &[("resource", &logs)]).await.json();
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let mut browser = ada(&rig).await;
    decide(&rig, &mut browser, &text("user_code"), "approve").await;
    let device = text("device_code");
    let (fields, other) = (
        [("grant_type", GRANT), ("client_id", client.as_str()), ("device_code", device.as_str())],
        format!("{ISSUER}/prometheus"),
    );
    let wider = rig.form("/oauth2/token", None, &[fields.as_slice(), &[("resource", other.as_str())]].concat()).await;
    assert_eq!(wider.error(), "invalid_target", "and the code is not used up");
    let answer = rig.form("/oauth2/token", None, &fields).await.json();
    assert_eq!(answer["scope"], "logs:read", "what the resource advertises");
}

#[tokio::test]
async fn devices_per_address_are_bounded() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    for _ in 0..60 {
        assert_eq!(begin(&rig, &client, &[]).await.status, StatusCode::OK);
    }
    let refused = begin(&rig, &client, &[]).await;
    assert_eq!((refused.status, refused.error().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
    let elsewhere = Peer {
        addr: Some("198.51.100.1:1".parse().expect("an address")),
        request: RequestId::generate(rig.node.now(), &*rig.node.entropy),
        trace: None,
        user_agent: None,
    };
    let request = Request::post("/oauth2/device_authorization").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut request = request.body(Body::from(encoded(&[("client_id", &client)]))).expect("a request");
    request.extensions_mut().insert(elsewhere);
    let answer = rig.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut browser = ada(&rig).await;
    let code = answer.json()["user_code"].as_str().unwrap_or_default().to_owned();
    let page = typed(&mut browser, &code).await;
    assert!(page.body.contains("198.51.100.1") && page.body.contains("not the network that you are in"), "{}", page.body);
}

#[tokio::test]
async fn private_clients_are_for_members_also_on_devices() {
    let rig = Rig::new().await;
    let (client, secret) = rig.made(|c| c.grant_types = vec![GrantType::DeviceCode]).await;
    let fields = [("client_id", client.id.as_str()), ("client_secret", secret.as_str())];
    let answer = rig.form("/oauth2/device_authorization", None, &fields).await;
    let user = answer.json()["user_code"].as_str().unwrap_or_default().to_owned();
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    assert_eq!(typed(&mut bob, &user).await.status, StatusCode::FORBIDDEN);
    let mut ada = ada(&rig).await;
    assert!(typed(&mut ada, &user).await.body.contains("Published by acme Inc"));
    decide(&rig, &mut ada, &user, "approve").await;
    let device = answer.json()["device_code"].as_str().unwrap_or_default().to_owned();
    let fields = [fields.as_slice(), &[("grant_type", GRANT), ("device_code", &device)]].concat();
    let tokens = rig.form("/oauth2/token", None, &fields).await;
    assert_eq!((tokens.status, tokens.json().get("refresh_token")), (StatusCode::OK, None::<&Value>), "it asked for none");
}

#[tokio::test]
async fn asking_is_not_on_record_and_deciding_is() {
    let rig = Rig::new().await;
    let (client, secret) = rig.made(|c| c.grant_types = vec![GrantType::DeviceCode]).await;
    let fields = [("client_id", client.id.as_str()), ("client_secret", secret.as_str())];
    let answer = rig.form("/oauth2/device_authorization", None, &fields).await.json();
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let device = text("device_code");
    let fields = [fields.as_slice(), &[("grant_type", GRANT), ("device_code", &device)]].concat();
    for _ in 0..3 {
        rig.form("/oauth2/token", None, &fields).await;
    }
    let mut browser = ada(&rig).await;
    decide(&rig, &mut browser, &text("user_code"), "approve").await;
    rig.clock.advance(Duration::from_secs(1));
    rig.form("/oauth2/token", None, &fields).await;
    rig.form("/oauth2/token", None, &fields).await;
    let filter = AuditFilter { org: Some(rig.acme.id.clone()), client: Some(client.id.clone()), ..AuditFilter::default() };
    let page = rig.node.store.search_audit(&filter, None, 50).await.expect("a page");
    let mut names: Vec<_> = page.rows.iter().map(|r| crate::record::operation(&r.record).to_owned()).collect();
    names.retain(|n| n != "client.create");
    names.sort();
    assert_eq!(names, ["authorize.consent", "authorize.request", "token.issue", "token.refuse"]);
}

#[tokio::test]
async fn what_the_organization_decided_holds_for_devices_too() {
    let rig = Rig::new().await;
    let client = registered(&rig, "Terraform").await;
    let (store, id) = (&rig.node.store, ClientId::parse(&client).expect("an id"));
    let (device, user) = waiting(&rig, &client).await;
    let mut browser = ada(&rig).await;

    store.set_new_clients(&rig.acme.id, NewClients::Approval, &rig.cause()).await.expect("decided");
    let page = typed(&mut browser, &user).await;
    assert!(page.body.contains("an administrator approves it first"), "{}", page.body);
    let answer = decide(&rig, &mut browser, &user, "approve").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert!(answer.body.contains("Yours were told"), "{}", answer.body);
    let queue = store.clients_of_org(&rig.acme.id, Listed::Waiting, rig.node.now(), (0, 10)).await.expect("the queue");
    assert_eq!(queue.iter().map(|w| &w.client.id).collect::<Vec<_>>(), [&id]);

    let most = ScopeSet::parse("metrics:read").expect("a scope");
    for org in [&rig.acme.id, &rig.beta.id] {
        store.restrict_client(org, &id, Some(&most), &rig.cause()).await.expect("decided");
    }
    let page = typed(&mut browser, &user).await;
    assert!(page.body.contains("Your organization doesn&#39;t let this application do this"), "{}", page.body);
    store.restrict_client(&rig.acme.id, &id, None, &rig.cause()).await.expect("decided");

    store.decide_client(&rig.acme.id, &id, Verdict::Block, &rig.cause()).await.expect("decided");
    let answer = decide(&rig, &mut browser, &user, "approve").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a form that names it anyway: {}", answer.body);
    assert!(!answer.body.contains("acme Inc") && answer.body.contains("beta Inc"), "{}", answer.body);
    assert_eq!(told(&rig, &client, &device).await, refused("authorization_pending"));

    store.decide_client(&rig.acme.id, &id, Verdict::Allow, &rig.cause()).await.expect("decided");
    let done = decide(&rig, &mut browser, &user, "approve").await;
    assert!(done.body.contains("Device connected"), "{}", done.body);
    rig.later(6);
    let (access, _) = pair_of(&poll(&rig, &client, &device).await);
    assert!(rig.works(&access).await);
}

#[tokio::test]
async fn what_is_dangerous_takes_a_sign_in_of_this_moment_also_for_devices() {
    let rig = Rig::new().await;
    let dangerous = ScopeSet::parse("members:write").ok();
    let (client, secret) = rig.made(|c| (c.org, c.scopes, c.grant_types) = (None, dangerous, vec![GrantType::DeviceCode])).await;
    let fields = [("client_id", client.id.as_str()), ("client_secret", secret.as_str()), ("scope", "members:write")];
    let answer = rig.form("/oauth2/device_authorization", None, &fields).await.json();
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let (device, user) = (text("device_code"), text("user_code"));
    let fields = [fields[0], fields[1], ("grant_type", GRANT), ("device_code", &device)];
    let mut browser = ada(&rig).await;
    rig.later(301);
    let away = decide(&rig, &mut browser, &user, "approve").await;
    assert!(away.location().starts_with("/login?next=%2Fdevice"), "{} {}", away.status, away.location());
    assert_eq!(rig.form("/oauth2/token", None, &fields).await.error(), "authorization_pending");
    let asked = browser.get(away.location()).await;
    assert!(asked.body.contains("asks who you are once more"), "{}", asked.body);
    let back = browser.try_sign_in(away.location(), "ada@acme.test", PASSWORD).await;
    assert_eq!(back.location(), format!("/device?user_code={user}&org={}", rig.acme.id));

    // The code is filled in and the choice kept; that the code is the right one is still the person's to say.
    let entry = browser.get(back.location()).await;
    assert!(entry.body.contains(&user) && !entry.body.contains("id=\"approve\""), "{}", entry.body);
    let (csrf, org) = (entry.csrf("/device"), rig.acme.id.to_string());
    assert!(entry.body.contains(&format!("name=\"org\" value=\"{org}\"")), "{}", entry.body);
    let page = browser.post("/device", &[("csrf", &csrf), ("user_code", &user), ("org", &org), ("continue", "1")]).await;
    let chosen = page.body.split("type=\"radio\"").find(|i| i.contains(&format!("value=\"{org}\""))).expect("the organization");
    assert!(chosen.split('>').next().is_some_and(|i| i.contains("checked")), "{chosen}");
    let done = decide(&rig, &mut browser, &user, "approve").await;
    assert!(done.body.contains("Device connected"), "{}", done.body);
    rig.later(5);
    assert_eq!(rig.form("/oauth2/token", None, &fields).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_device_is_given_nothing_that_its_client_may_no_longer_ask_for() {
    let rig = Rig::new().await;
    let (client, _) = rig
        .made(|c| {
            c.kind = ClientKind::Public;
            c.auth = ClientAuth::None;
            c.grant_types = vec![GrantType::DeviceCode, GrantType::RefreshToken];
            c.scopes = Some(ScopeSet::parse("logs:read metrics:read").expect("scopes"));
            c.redirect_uris = Vec::new();
        })
        .await;
    let (id, store) = (client.id.to_string(), &rig.node.store);
    let (device, user) = waiting(&rig, &id).await;
    let mut browser = ada(&rig).await;
    let page = typed(&mut browser, &user).await;
    assert!(page.body.contains("logs:read"), "{}", page.body);
    let less = ScopeSet::parse("metrics:read").expect("scopes");
    store.set_client_scopes(&client.id, Some(&less), Hand::Operator, &rig.cause()).await.expect("narrowed");
    let (csrf, org) = (page.csrf("/device"), rig.acme.id.to_string());
    let late = browser.post("/device", &[("csrf", &csrf), ("user_code", &user), ("org", &org), ("approve", "1")]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", late.body);
    assert_eq!(typed(&mut browser, &user).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it is not shown any more");
    assert_eq!(told(&rig, &id, &device).await, refused("authorization_pending"));
    assert!(store.grants_of_org(&rig.acme.id).await.expect("grants").is_empty());
    store.set_client_scopes(&client.id, None, Hand::Operator, &rig.cause()).await.expect("widened");
    assert_eq!(decide(&rig, &mut browser, &user, "approve").await.status, StatusCode::OK, "it may ask again");
}
