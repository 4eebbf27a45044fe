//! `client_credentials`.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};

use super::rig::{Rig, encoded, person};
use crate::clients::{By, Clients, Kind, New};
use crate::store::{AuditFilter, ClientAuth, GrantType, Holder, Membership, UserKind, UserState};
use crate::token::Refusal;
use crate::types::{ClientId, RequestId, ResourceId, ScopeSet, ScopeToken};
use crate::web::Peer;

async fn machine(rig: &Rig) -> (String, String, crate::store::User) {
    let robot = person(&rig.node, "robot", UserKind::Service, false).await;
    let roles = vec![crate::types::RoleName::parse("reader").expect("a role")];
    let membership = Membership { org: rig.acme.id.clone(), user: robot.id.clone(), roles };
    rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
    let subject = robot.id.clone();
    let (client, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(subject);
            c.scopes = Some(ScopeSet::parse("logs:read metrics:read logs:delete").expect("scopes"));
            c.redirect_uris = Vec::new();
        })
        .await;
    (client.id.to_string(), secret, robot)
}

async fn token(rig: &Rig, who: &(String, String, crate::store::User), more: &[(&str, &str)]) -> super::rig::Answer {
    let mut fields = vec![("grant_type", "client_credentials"), ("client_id", who.0.as_str()), ("client_secret", who.1.as_str())];
    fields.extend(more);
    rig.form("/oauth2/token", None, &fields).await
}

#[tokio::test]
async fn rfc6749_s4_4_3_the_answer_has_every_field() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let answer = token(&rig, &who, &[("scope", "metrics:read"), ("resource", "urn:test:metrics")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(300)));
    assert_eq!((body["scope"].as_str(), body["resource"].as_str()), (Some("metrics:read"), Some("urn:test:metrics")));
    assert!(body.get("refresh_token").is_none());
    let both = token(&rig, &who, &[("scope", "metrics:read logs:read"), ("resource", "https://gw.test")]).await.json();
    assert_eq!(both["scope"], "logs:read metrics:read", "a list of scopes");
    let access = body["access_token"].as_str().expect("a token");
    assert!(rig.works(access).await);
    rig.later(300);
    assert!(!rig.works(access).await);
}

#[tokio::test]
async fn tokens_of_different_reach_live_side_by_side() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let config = rig.node.config.load_full();
    let one = token(&rig, &who, &[("scope", "logs:read")]).await.json();
    let two = token(&rig, &who, &[("scope", "metrics:read")]).await.json();
    for (body, scope) in [(one, "logs:read"), (two, "metrics:read")] {
        let access = body["access_token"].as_str().expect("a token");
        let principal = rig.node.verifier.principal(access, &config, rig.node.now()).await.expect("it works");
        assert_eq!(config.catalogue.scopes(&principal.effective.now).to_string(), scope);
        assert_eq!(principal.claims.sub, who.2.id);
    }
}

#[tokio::test]
async fn machines_get_no_more_than_they_were_given() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    for (name, value, error) in [
        ("scope", "alerts:read", "invalid_scope"),
        ("scope", "no:such", "invalid_scope"),
        ("resource", "https://other.test", "invalid_target"),
    ] {
        assert_eq!(token(&rig, &who, &[(name, value)]).await.error(), error, "{name}={value}");
    }
    let all = token(&rig, &who, &[]).await.json();
    let public = (Some("logs:read metrics:read"), Some("https://gw.test"));
    assert_eq!((all["scope"].as_str(), all["resource"].as_str()), public, "logs:delete is private, and nobody approved it");
    let holder = Holder::Client(ClientId::parse(&who.0).expect("an id"));
    let scope = ScopeToken::parse("logs:delete").expect("a scope");
    let until = rig.node.now().plus(std::time::Duration::from_secs(600));
    assert!(rig.node.store.approve_scope(&holder, &scope, until, None, &rig.cause()).await.expect("an answer"));
    let all = token(&rig, &who, &[]).await.json();
    assert_eq!(all["scope"], "logs:delete logs:read metrics:read");
    let logs = ResourceId::parse("https://gw.test/logs").expect("a resource");
    let subject = who.2.id.clone();
    let (bound, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(subject);
            c.resources = vec![logs];
        })
        .await;
    let bound = (bound.id.to_string(), secret, who.2.clone());
    assert_eq!(token(&rig, &bound, &[("resource", "https://gw.test/prometheus")]).await.error(), "invalid_target");
    assert_eq!(token(&rig, &bound, &[("resource", "https://gw.test/logs/")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_machine_stops_with_its_subject() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let access = token(&rig, &who, &[]).await.json()["access_token"].as_str().expect("a token").to_owned();
    rig.node.store.set_user_state(&who.2.id, UserState::Disabled, &rig.cause()).await.expect("done");
    rig.node.settle().await.expect("applied");
    assert!(!rig.works(&access).await);
    assert_eq!(token(&rig, &who, &[]).await.error(), "unauthorized_client");
    rig.node.store.set_user_state(&who.2.id, UserState::Active, &rig.cause()).await.expect("done");
    assert_eq!(token(&rig, &who, &[]).await.status, StatusCode::OK, "it may again");
    rig.node.store.remove_membership(&rig.acme.id, &who.2.id, &rig.cause()).await.expect("done");
    assert_eq!(token(&rig, &who, &[]).await.error(), "unauthorized_client");
}

#[tokio::test]
async fn clients_that_registered_themselves_are_no_machines() {
    let rig = Rig::new().await;
    let body = r#"{"redirect_uris":["https://a.test/cb"]}"#;
    let made = rig.json("/oauth2/register", body).await.json();
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let fields =
        [("grant_type", "client_credentials"), ("client_id", &text("client_id")), ("client_secret", &text("client_secret"))];
    assert_eq!(rig.form("/oauth2/token", None, &fields).await.error(), "unauthorized_client");
}

#[tokio::test]
async fn a_client_may_have_a_lifetime_of_its_own() {
    let rig = Rig::new().await;
    let (_, _, robot) = machine(&rig).await;
    let (client, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(robot.id.clone());
            c.scopes = Some(ScopeSet::parse("metrics:read").expect("scopes"));
            c.redirect_uris = Vec::new();
            c.access_token_ttl = Some(std::time::Duration::from_secs(45));
        })
        .await;
    let answer = token(&rig, &(client.id.to_string(), secret, robot), &[("scope", "metrics:read")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["expires_in"], 45);
    let access = answer.json()["access_token"].as_str().expect("a token").to_owned();
    assert!(rig.works(&access).await);
    rig.later(45);
    assert!(!rig.works(&access).await);
}

#[tokio::test]
async fn users_and_machines_have_lifetimes_of_their_own() {
    let rig = Rig::with_oauth("access_token_ttl = \"7m\"\nmachine_token_ttl = \"2m\"").await;
    let client = rig.registered().await;
    let lives = |answer: &super::rig::Answer| answer.json()["expires_in"].as_u64();
    let first = rig.exchange(&client, &rig.code(&client, &[]).await).await;
    assert_eq!(lives(&first), Some(420));
    let (access, refresh) = super::rig::pair_of(&first);
    assert_eq!(lives(&rig.refresh(&client, &refresh, &[]).await), Some(420));
    let who = machine(&rig).await;
    assert_eq!(lives(&token(&rig, &who, &[]).await), Some(120));
    // One client's own, of a user's tokens too.
    let (own, secret) = rig.made(|c| c.access_token_ttl = Some(std::time::Duration::from_secs(90))).await;
    let code = rig.code(own.id.as_str(), &[("scope", "logs:read")]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", super::rig::CALLBACK),
        ("client_id", own.id.as_str()),
        ("client_secret", secret.as_str()),
        ("code_verifier", super::rig::VERIFIER),
    ];
    assert_eq!(lives(&rig.form("/oauth2/token", None, &fields).await), Some(90));
    rig.later(419);
    assert!(rig.works(&access).await);
    rig.later(1);
    assert!(!rig.works(&access).await);
}

#[tokio::test]
async fn a_token_lives_no_longer_than_the_apis_it_is_good_for_allow() {
    let rig = Rig::with("token_ttl = \"2m\"", "").await;
    let who = machine(&rig).await;
    let lives = async |resources: &[&str]| {
        let more: Vec<_> = resources.iter().map(|r| ("resource", *r)).collect();
        let answer = token(&rig, &who, &more).await.json();
        (answer["expires_in"].as_u64(), answer["access_token"].as_str().expect("a token").to_owned())
    };
    let (logs, metrics) = ("https://gw.test/logs", "https://gw.test/prometheus");
    for (resources, seconds) in [
        (&[logs][..], 120),
        (&[metrics], 300),
        (&["urn:test:metrics"], 300),
        (&[logs, metrics], 120),
        (&["https://gw.test"], 120),
        (&[], 120),
    ] {
        assert_eq!(lives(resources).await.0, Some(seconds), "{resources:?}");
    }
    let (_, short) = lives(&[logs]).await;
    rig.later(120);
    assert!(!rig.works(&short).await);
    let subject = who.2.id.clone();
    let (own, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(subject);
            c.access_token_ttl = Some(std::time::Duration::from_secs(90));
        })
        .await;
    let own = (own.id.to_string(), secret, who.2.clone());
    let less = token(&rig, &own, &[("resource", logs)]).await.json();
    assert_eq!(less["expires_in"], 90, "it is the most, not what every token gets");
}

#[tokio::test]
async fn a_person_is_impersonated_by_no_machine() {
    let rig = Rig::new().await;
    let eve = person(&rig.node, "eve@acme.test", UserKind::Person, false).await;
    let roles = vec![crate::types::RoleName::parse("reader").expect("a role")];
    let membership = Membership { org: rig.acme.id.clone(), user: eve.id.clone(), roles };
    rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
    let subject = eve.id.clone();
    let (client, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(subject);
            c.redirect_uris = Vec::new();
        })
        .await;
    let who = (client.id.to_string(), secret, eve);
    assert_eq!(token(&rig, &who, &[]).await.error(), "unauthorized_client");
}

#[tokio::test]
async fn a_machine_acts_as_a_person_for_as_long_as_they_lend_themselves() {
    let rig = Rig::new().await;
    let eve = person(&rig.node, "eve@acme.test", UserKind::Person, false).await;
    let is = async |roles: &[&str]| {
        let roles = roles.iter().map(|role| crate::types::RoleName::parse(role).expect("a role")).collect();
        let membership = Membership { org: rig.acme.id.clone(), user: eve.id.clone(), roles };
        rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
        rig.node.settle().await.expect("settled");
    };
    is(&["admin", "reader"]).await;
    let subject = eve.id.clone();
    let (client, secret) = rig
        .made(|c| {
            c.grant_types = vec![GrantType::ClientCredentials];
            c.subject = Some(subject);
            c.scopes = Some(ScopeSet::parse("metrics:read").expect("scopes"));
            c.redirect_uris = Vec::new();
        })
        .await;
    let who = (client.id.to_string(), secret, eve.clone());
    let access = token(&rig, &who, &[]).await.json()["access_token"].as_str().expect("a token").to_owned();
    assert!(rig.works(&access).await);
    is(&["reader"]).await;
    let config = rig.node.config.load_full();
    let refused =
        rig.node.verifier.principal(&access, &config, rig.node.now()).await.expect_err("they are impersonated no longer");
    assert_eq!(refused.to_string(), Refusal::SubjectUnfit.to_string());
    assert_eq!(token(&rig, &who, &[]).await.error(), "unauthorized_client");
    is(&["admin", "reader"]).await;
    assert!(rig.works(&access).await);
}

#[tokio::test]
async fn a_machine_without_named_scopes_gets_no_token() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    for unnamed in [None, Some(ScopeSet::default())] {
        let subject = who.2.id.clone();
        let (client, secret) = rig
            .made(|c| {
                c.grant_types = vec![GrantType::ClientCredentials];
                c.subject = Some(subject);
                c.scopes = unnamed;
                c.redirect_uris = Vec::new();
            })
            .await;
        let unnamed = (client.id.to_string(), secret, who.2.clone());
        assert_eq!(token(&rig, &unnamed, &[("scope", "metrics:read")]).await.error(), "unauthorized_client");
    }
}

#[tokio::test]
async fn a_resource_is_the_same_by_each_of_its_names() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let new = New {
        kind: Kind::Machine,
        name: "Robot".to_owned(),
        redirect_uris: Vec::new(),
        scopes: Some("metrics:read".to_owned()),
        subject: Some(who.2.id.to_string()),
        resources: vec!["urn:test:metrics".to_owned(), "https://gw.test/prometheus".to_owned()],
        auth: Some(ClientAuth::SecretPost),
        require_state: false,
        access_token_ttl: None,
        device_grant: false,
        secret_lives: None,
    };
    let made = Clients::new(&rig.node, By::Operator, rig.cause()).create(Some(&rig.acme), &new).await.expect("a machine");
    assert_eq!(made.client.resources, [ResourceId::parse("https://gw.test/prometheus").expect("a resource")]);
    let (secret, _) = made.secret.expect("a secret");
    let bound = (made.client.id.to_string(), secret.expose().to_owned(), who.2.clone());
    for name in ["urn:test:metrics", "https://gw.test/prometheus"] {
        assert_eq!(token(&rig, &bound, &[("resource", name)]).await.status, StatusCode::OK, "{name}");
    }
    assert_eq!(token(&rig, &bound, &[("resource", "https://gw.test/logs")]).await.error(), "invalid_target");
}

#[tokio::test]
async fn wrong_secrets_are_bounded_by_client_and_address_and_the_right_one_always_works() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let from = async |address: &str, secret: &str, token: bool| {
        let peer = Peer {
            addr: Some(format!("{address}:1").parse().expect("an address")),
            request: RequestId::generate(rig.node.now(), &*rig.node.entropy),
            trace: None,
            user_agent: None,
        };
        let path = if token { "/oauth2/token" } else { "/oauth2/introspect" };
        let fields = [("grant_type", "client_credentials"), ("token", "x"), ("client_id", &who.0), ("client_secret", secret)];
        let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").extension(peer);
        rig.send(request.body(Body::from(encoded(&fields))).expect("a request")).await
    };
    let refusals = async || {
        let page = rig.node.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
        page.rows.iter().filter(|row| crate::record::operation(&row.record) == "token.refuse").count()
    };
    for token in [true, false, true] {
        assert_eq!(from("192.0.2.1", "tg_cs_wrong", token).await.error(), "invalid_client");
    }
    for token in [true, false, true, false] {
        let late = from("192.0.2.1", "tg_cs_wrong", token).await;
        assert_eq!((late.status, late.error().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
        assert_eq!(late.headers["retry-after"], "900", "three is this gateway's limit");
        let right = from("192.0.2.1", &who.1, token).await;
        assert_eq!(right.status, StatusCode::OK, "who guesses keeps nobody from their tokens: {}", right.body);
    }
    assert_eq!(refusals().await, 3, "the others are not on record");
    let many = (0..20).map(|i| from(if i % 2 == 0 { "192.0.2.1" } else { "198.51.100.1" }, &who.1, true));
    assert!(futures::future::join_all(many).await.iter().all(|a| a.status == StatusCode::OK), "there and elsewhere");
    for address in 0..60 {
        for _ in 0..2 {
            assert_eq!(from(&format!("203.0.113.{address}"), "tg_cs_wrong", true).await.error(), "invalid_client");
        }
    }
    assert_eq!(refusals().await, 100, "its owner can still read the log");
    rig.later(15 * 60);
    assert_eq!(from("192.0.2.1", "tg_cs_wrong", true).await.error(), "invalid_client");
    assert_eq!(refusals().await, 101);
}

#[tokio::test]
async fn a_resource_may_name_the_organization_that_the_machine_acts_in() {
    let rig = Rig::new().await;
    let who = machine(&rig).await;
    let config = rig.node.config.load_full();
    for resource in [format!("urn:test:org:{}", rig.acme.id), format!("urn:test:{}:metrics", rig.acme.slug)] {
        let answer = token(&rig, &who, &[("resource", &resource)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{resource}: {}", answer.body);
        assert_eq!(answer.json()["resource"], resource, "as it was asked for");
        let access = answer.json()["access_token"].as_str().expect("a token").to_owned();
        let principal = rig.node.verifier.principal(&access, &config, rig.node.now()).await.expect("it works");
        let audience: Vec<_> = principal.claims.aud.iter().map(ToString::to_string).collect();
        assert_eq!(audience, ["https://gw.test/prometheus"], "tokens name the API, whatever it was asked for by");
    }
    let both = format!("urn:test:org:{}", rig.beta.id);
    for wrong in
        [both.as_str(), "urn:test:beta:metrics", "urn:test:org:", "urn:test:org:acme", "urn:test:no-such:metrics", "urn:test:org"]
    {
        assert_eq!(token(&rig, &who, &[("resource", wrong)]).await.error(), "invalid_target", "{wrong}");
    }
    let two = [("resource", "urn:test:acme:metrics"), ("resource", "urn:test:beta:metrics")];
    assert_eq!(token(&rig, &who, &two).await.error(), "invalid_target");
    let (acme, beta) = (format!("urn:test:org:{}", rig.acme.id), format!("urn:test:org:{}", rig.beta.id));
    for same in [["urn:test:acme:metrics", acme.as_str()], [acme.as_str(), "urn:test:acme:metrics"]] {
        let answer = token(&rig, &who, &same.map(|name| ("resource", name))).await;
        assert_eq!(answer.status, StatusCode::OK, "{same:?} is one organization: {}", answer.body);
    }
    for differing in
        [["urn:test:acme:metrics", beta.as_str()], [acme.as_str(), "urn:test:beta:metrics"], [acme.as_str(), beta.as_str()]]
    {
        let answer = token(&rig, &who, &differing.map(|name| ("resource", name))).await;
        assert_eq!(answer.error(), "invalid_target", "{differing:?}");
    }
}
