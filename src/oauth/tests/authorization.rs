//! The authorization endpoint: what becomes a page, what goes back.

use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};

use super::rig::{Browser, CALLBACK, CHALLENGE, ISSUER, PASSWORD, Rig, VERIFIER};
use crate::store::{AuditFilter, ClientState, Holder};
use crate::types::{AuthRequestId, ScopeSet, ScopeToken};

async fn authorize(rig: &Rig, query: &str) -> super::rig::Answer {
    rig.get(&format!("/oauth2/authorize?{query}")).await
}

#[tokio::test]
async fn rfc6749_s4_1_2_1_an_unproved_target_is_never_redirected_to() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let xss = "https://app.test/cb\"><script>alert(1)</script>";
    let mut queries: Vec<String> = [
        "https://app.test/cb/",
        "https://app.test/cb?x",
        "https://app.test/cb#f",
        "https://APP.test/cb",
        "https://app.test:443/cb",
        "https://app.test@evil/cb",
        "https://evil.test/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://app.test/cb",
        xss,
    ]
    .map(|uri| Rig::query(&client, &[("redirect_uri", uri)]))
    .to_vec();
    queries.push(Rig::query("cl_unknown", &[]));
    queries.push(Rig::query("<script>alert(1)</script>", &[]));
    queries.push(Rig::query("", &[]));
    queries.push(format!("{}&client_id={client}", Rig::query(&client, &[])));
    queries.push(format!("{}&redirect_uri=https%3A%2F%2Fapp.test%2Fcb", Rig::query(&client, &[])));
    queries.push("%zz".to_owned());
    for query in queries {
        let answer = authorize(&rig, &query).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{query}");
        assert!(answer.headers[CONTENT_TYPE].to_str().is_ok_and(|t| t.starts_with("text/html")), "{query}");
        assert!(!answer.body.contains("alert(1)") && answer.body.contains("req_"), "{query}");
    }
}

#[tokio::test]
async fn strangers_fill_neither_the_store_nor_the_log_of_an_organization() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let (good, bad) = (Rig::query(&client, &[]), Rig::query(&client, &[("response_type", "token")]));
    let records = async |operation: &str| {
        let page = rig.node.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
        page.rows.iter().filter(|row| crate::record::operation(&row.record) == operation).count()
    };
    for _ in 0..60 {
        assert!(authorize(&rig, &bad).await.location().contains("error="), "the client is told every time");
        assert_eq!(rig.exchange(&client, "tg_ac_wrong").await.error(), "invalid_grant");
    }
    assert_eq!((records("authorize.error").await, records("token.refuse").await), (50, 50), "a hundred of one client");
    for _ in 0..1000 {
        assert_eq!(authorize(&rig, &good).await.status, StatusCode::SEE_OTHER);
    }
    let late = authorize(&rig, &good).await;
    assert_eq!((late.status, late.location()), (StatusCode::TOO_MANY_REQUESTS, ""));
    rig.later(15 * 60);
    assert_eq!(authorize(&rig, &good).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_disabled_client_gets_a_page() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let id = crate::types::ClientId::parse(&client).expect("an id");
    rig.node.store.set_client_state(&id, ClientState::Disabled, &rig.cause()).await.expect("done");
    let answer = authorize(&rig, &Rig::query(&client, &[])).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn rfc6749_s4_1_2_1_what_else_is_wrong_goes_back_with_state_and_iss() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let long = "a".repeat(5000);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "plain"), ("code_challenge", VERIFIER)], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")], "invalid_request"),
        (&[("scope", "no:such")], "invalid_scope"),
        (&[("scope", "logs:delete")], "invalid_scope"),
        (&[("scope", "a\"b")], "invalid_scope"),
        (&[("scope", &long)], "invalid_scope"),
        (&[("resource", "https://other.test/mcp")], "invalid_target"),
        (&[("resource", "https://gw.test/logs#f")], "invalid_target"),
        (&[("resource", "https://gw.test/logs/../prometheus")], "invalid_target"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "urn:x")], "request_uri_not_supported"),
        (&[("prompt", "none")], "login_required"),
    ];
    for (change, error) in cases {
        let answer = authorize(&rig, &Rig::query(&client, change)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{change:?}");
        assert!(answer.location().starts_with(&format!("{CALLBACK}?error={error}&")), "{change:?} {}", answer.location());
        assert_eq!((answer.sent("state").as_deref(), answer.sent("iss").as_deref()), (Some("s-1"), Some(ISSUER)), "{change:?}");
    }
}

#[tokio::test]
async fn rfc6749_s3_1_repeated_parameters_are_refused_but_for_resource() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    for name in ["response_type", "scope", "code_challenge", "code_challenge_method", "unknown"] {
        let answer = authorize(&rig, &format!("{}&{name}=x&{name}=x", Rig::query(&client, &[]))).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{name}");
    }
    let two_states = authorize(&rig, &format!("{}&state=other", Rig::query(&client, &[]))).await;
    assert_eq!((two_states.sent("error").as_deref(), two_states.sent("state")), (Some("invalid_request"), None));
    let both = format!("{}&resource={ISSUER}/logs&resource={ISSUER}/prometheus/", Rig::query(&client, &[]));
    assert!(authorize(&rig, &both).await.location().starts_with("/login?request="));
}

/// The query of a good request without one of its parameters.
fn without(client: &str, name: &str) -> String {
    let query = Rig::query(client, &[]);
    let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
    assert!(kept.len() < query.split('&').count(), "{name} is none");
    kept.join("&")
}

#[tokio::test]
async fn rfc6749_s4_1_1_a_request_needs_each_of_its_parameters() {
    let rig = Rig::new().await;
    let (confidential, _) = rig.made(|_| {}).await;
    for client in [rig.registered().await, confidential.id.to_string()] {
        for name in ["response_type", "code_challenge", "code_challenge_method"] {
            let answer = authorize(&rig, &without(&client, name)).await;
            assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{client} without {name}");
            assert!(answer.location().starts_with(CALLBACK) && answer.sent("code").is_none(), "{name}: {}", answer.location());
        }
        let answer = authorize(&rig, &without(&client, "client_id")).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "nobody to go back to");
    }
}

#[tokio::test]
async fn rfc6749_s3_1_2_3_a_redirect_target_may_be_left_out_when_there_is_one() {
    let rig = Rig::new().await;
    let (several, _) = rig
        .made(|c| {
            let another = crate::types::RedirectUri::parse("https://app.test/other").expect("a URI");
            c.redirect_uris.push(another);
        })
        .await;
    let answer = authorize(&rig, &without(several.id.as_str(), "redirect_uri")).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "none of them is meant");
    let (one, _) = rig.made(|_| {}).await;
    let answer = authorize(&rig, &without(one.id.as_str(), "redirect_uri")).await;
    assert!(answer.location().starts_with("/login?request="), "{}", answer.location());
    for uri in ["https://app.test/cb", "https://app.test/other"] {
        let answer = authorize(&rig, &Rig::query(several.id.as_str(), &[("redirect_uri", uri)])).await;
        assert!(answer.location().starts_with("/login?request="), "{uri}");
    }
}

#[tokio::test]
async fn state_comes_back_byte_for_byte() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    for state in ["\0 &+%=?#é\u{1F600}", &"x".repeat(1500)] {
        let answer = authorize(&rig, &Rig::query(&client, &[("state", state), ("scope", "no:such")])).await;
        assert_eq!(answer.sent("state").as_deref(), Some(state));
        // A decision comes later, from what was kept until then.
        let (at, page) = browser.consent_page(&client, &[("state", state)]).await;
        let allowed = browser.approve(&at, &page).await;
        assert!(allowed.sent("code").is_some(), "{}", allowed.location());
        assert_eq!(allowed.sent("state").as_deref(), Some(state));
        let (at, page) = browser.consent_page(&client, &[("state", state)]).await;
        let denied = browser.post(&at, &[("csrf", &page.csrf("/consent")), ("deny", "1")]).await;
        assert_eq!((denied.sent("error").as_deref(), denied.sent("state").as_deref()), (Some("access_denied"), Some(state)));
    }
    let (at, page) = browser.consent_page(&client, &[("state", "")]).await;
    let allowed = browser.approve(&at, &page).await;
    assert!(allowed.sent("code").is_some() && !allowed.location().contains("state="), "{}", allowed.location());
}

#[tokio::test]
async fn a_form_is_as_good_as_a_query_but_not_both() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let post = async |path: &str, body: String| {
        let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body));
        rig.send(request.expect("a request")).await
    };
    let answer = post("/oauth2/authorize", Rig::query(&client, &[])).await;
    assert!(
        answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/consent?request="),
        "{}",
        answer.location()
    );
    let mixed = post("/oauth2/authorize?scope=logs:read", Rig::query(&client, &[])).await;
    assert_eq!((mixed.status, mixed.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn rfc8252_s7_3_the_port_of_a_loopback_target_may_vary() {
    let rig = Rig::new().await;
    let body =
        r#"{"redirect_uris":["http://localhost/callback","http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}"#;
    let client = rig.json("/oauth2/register", body).await.json()["client_id"].as_str().expect("an id").to_owned();
    for (uri, good) in [
        ("http://localhost:4711/callback", true),
        ("http://127.0.0.1:80/callback", true),
        ("http://127.0.0.1/callback", true),
        ("http://127.1/callback", false),
        ("http://[::1]:4711/callback", false),
        ("http://localhost.evil:1/callback", false),
    ] {
        let answer = authorize(&rig, &Rig::query(&client, &[("redirect_uri", uri)])).await;
        assert_eq!(answer.location().starts_with("/login?request="), good, "{uri}");
    }
}

#[tokio::test]
async fn without_scope_the_resource_decides() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (_, logs) = browser.consent_page(&client, &[("resource", "https://gw.test/logs/")]).await;
    assert!(logs.body.contains("logs:read") && !logs.body.contains("metrics:read"));
    let (_, offline) = browser.consent_page(&client, &[("resource", "https://gw.test/logs"), ("scope", "offline_access")]).await;
    assert!(offline.body.contains("logs:read") && !offline.body.contains("offline_access"));
    for everything in [&[][..], &[("resource", "https://gw.test/")]] {
        let (_, page) = browser.consent_page(&client, everything).await;
        assert!(page.body.contains("logs:read") && page.body.contains("metrics:read"), "{everything:?}");
    }
}

#[tokio::test]
async fn private_scopes_are_for_clients_that_were_given_them() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(|_| {}).await;
    let ask = Rig::query(client.id.as_str(), &[("scope", "logs:delete logs:read")]);
    assert_eq!(authorize(&rig, &ask).await.sent("error").as_deref(), Some("invalid_scope"), "nobody approved it");
    let holder = Holder::Client(client.id.clone());
    let scope = ScopeToken::parse("logs:delete").expect("a scope");
    let until = rig.node.now().plus(Duration::from_secs(600));
    assert!(rig.node.store.approve_scope(&holder, &scope, until, None, &rig.cause()).await.expect("an answer"));
    let good = authorize(&rig, &ask).await;
    assert!(good.location().starts_with("/login?request="), "{}", good.location());
    let beyond = authorize(&rig, &Rig::query(client.id.as_str(), &[("scope", "metrics:read")])).await;
    assert_eq!(beyond.sent("error").as_deref(), Some("invalid_scope"));
    rig.clock.advance(Duration::from_secs(600));
    assert_eq!(authorize(&rig, &ask).await.sent("error").as_deref(), Some("invalid_scope"), "the approval has ended");
}

#[tokio::test]
async fn managed_scopes_are_not_for_clients_that_registered_themselves() {
    let end = "[scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\nvisibility = \"managed\"\n";
    let rig = Rig::with("[[apis.routes]]\nmatch = \"/tail\"\nmethods = [\"GET\"]\nscopes = [\"logs:tail\"]\n", end).await;
    let ask = |client: &str| Rig::query(client, &[("scope", "logs:read logs:tail")]);
    let (made, _) = rig.made(|c| c.scopes = ScopeSet::parse("logs:read logs:tail").ok()).await;
    let good = authorize(&rig, &ask(made.id.as_str())).await;
    assert!(good.location().starts_with("/login?request="), "{}", good.location());
    let (anything, _) = rig.made(|c| c.scopes = None).await;
    assert!(authorize(&rig, &ask(anything.id.as_str())).await.location().starts_with("/login?request="));
    let registered = rig.registered().await;
    assert_eq!(authorize(&rig, &ask(&registered)).await.sent("error").as_deref(), Some("invalid_scope"));
    let metadata = rig.get("/.well-known/oauth-authorization-server").await.json();
    assert!(!metadata["scopes_supported"].to_string().contains("logs:tail"), "who registers asks for what is advertised");
}

#[tokio::test]
async fn a_scope_may_have_another_name() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(|c| c.scopes = ScopeSet::parse("logs:read api_keys:write").ok()).await;
    let holder = Holder::Client(client.id.clone());
    let scope = ScopeToken::parse("api_keys:write").expect("a scope");
    let until = rig.node.now().plus(Duration::from_secs(600));
    assert!(rig.node.store.approve_scope(&holder, &scope, until, None, &rig.cause()).await.expect("an answer"));
    let answer = authorize(&rig, &Rig::query(client.id.as_str(), &[("scope", "api_keys_write logs:read")])).await;
    let id = answer.location().split_once("request=").map(|(_, id)| id.to_owned()).expect("a request");
    let id = AuthRequestId::parse(&id).expect("an id");
    let request = rig.node.store.pending_request(&id, rig.node.now()).await.expect("an answer").expect("it waits");
    assert_eq!(request.scopes.to_string(), "api_keys:write logs:read");
}

#[tokio::test]
async fn a_client_may_have_to_send_state() {
    let rig = Rig::new().await;
    let (client, _) = rig.made(|c| c.require_state = true).await;
    for query in [Rig::query(client.id.as_str(), &[("state", "")]), without(client.id.as_str(), "state")] {
        assert_eq!(authorize(&rig, &query).await.sent("error").as_deref(), Some("invalid_request"), "{query}");
    }
    let sent = authorize(&rig, &Rig::query(client.id.as_str(), &[])).await;
    assert!(sent.location().starts_with("/login?request="), "{}", sent.location());
    let (other, _) = rig.made(|_| {}).await;
    for free in [other.id.to_string(), rig.registered().await] {
        let sent = authorize(&rig, &without(&free, "state")).await;
        assert!(sent.location().starts_with("/login?request="), "nobody asked it to: {}", sent.location());
    }
}

#[tokio::test]
async fn prompt_is_honoured() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let mut ask = async |prompt| browser.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("prompt", prompt)]))).await;
    assert_eq!(ask("none").await.sent("error").as_deref(), Some("consent_required"));
    assert!(ask("consent").await.location().starts_with("/consent?"));
    assert!(ask("login").await.location().starts_with("/login?"));
}

#[tokio::test]
async fn a_dead_store_is_a_page_and_not_a_wrong_answer() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    rig.node.store.close().await;
    let page = authorize(&rig, &Rig::query(&client, &[("code_challenge", CHALLENGE)])).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("req_"));
    let token = rig.refresh(&client, "tg_rt_x", &[]).await;
    assert_eq!((token.status, token.error().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"));
    let revoke = rig.form("/oauth2/revoke", None, &[("token", "tg_rt_x"), ("client_id", &client)]).await;
    assert_eq!(revoke.status, StatusCode::SERVICE_UNAVAILABLE, "an unknown fate is not a success");
}

#[tokio::test]
async fn a_resource_that_names_an_organization_is_for_nobody_elsewhere() {
    let rig = Rig::new().await;
    let client = rig.registered().await;
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (acme, other) = (format!("urn:test:org:{}", rig.acme.id), format!("urn:test:org:{}", rig.beta.id));
    let named = [("resource", "urn:test:acme:metrics"), ("resource", other.as_str()), ("scope", "metrics:read")];
    let (_, page) = ada.consent_page(&client, &named).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "she is in both, and neither has both names: {}", page.body);
    let named = [("resource", "urn:test:acme:metrics"), ("resource", acme.as_str()), ("scope", "metrics:read")];
    let (_, page) = ada.consent_page(&client, &named).await;
    assert!(page.body.contains("acme Inc") && !page.body.contains("beta Inc"), "one by both its names: {}", page.body);
    let (at, page) = ada.consent_page(&client, &[("resource", "urn:test:acme:metrics"), ("scope", "metrics:read")]).await;
    assert!(page.body.contains("acme Inc") && !page.body.contains("beta Inc"), "she is in both: {}", page.body);
    let (csrf, beta) = (page.csrf("/consent"), rig.beta.id.to_string());
    let elsewhere = ada.post(&at, &[("csrf", &csrf), ("org", &beta), ("approve", "1")]).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", elsewhere.body);
    let back = ada.approve(&at, &page).await;
    let code = back.sent("code").expect("a code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", client.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let with = |resource: &'static str| [fields.as_slice(), &[("resource", resource)]].concat();
    let other = rig.form("/oauth2/token", None, &with("urn:test:beta:metrics")).await;
    assert_eq!(other.error(), "invalid_target", "and the code is not used up");
    let (_, refresh) = super::rig::pair_of(&rig.form("/oauth2/token", None, &with("urn:test:acme:metrics")).await);
    let wrong = rig.refresh(&client, &refresh, &[("resource", "urn:test:beta:metrics")]).await;
    assert_eq!(wrong.error(), "invalid_target");
    let right = format!("urn:test:org:{}", rig.acme.id);
    assert_eq!(rig.refresh(&client, &refresh, &[("resource", &right)]).await.status, StatusCode::OK);

    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (_, page) = bob.consent_page(&client, &[("resource", "urn:test:acme:metrics"), ("scope", "metrics:read")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    assert!(page.body.contains("asks for another organization"), "{}", page.body);
    let (_, page) = bob.consent_page(&client, &[("resource", "urn:test:metrics"), ("scope", "metrics:read")]).await;
    assert_eq!(page.status, StatusCode::OK, "an alias without an organization is for every one");
    let two = [("resource", "urn:test:acme:metrics"), ("resource", "urn:test:beta:metrics")];
    let sent = authorize(&rig, &Rig::query(&client, &two)).await;
    assert_eq!(sent.sent("error").as_deref(), Some("invalid_target"));
}
