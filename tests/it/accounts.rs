//! An API whose paths name an account, called by a machine that asked for that account: from the token endpoint to the upstream.

use tollgate::store::{Client, ClientAuth, ClientKind, ClientSecret, GrantType, NewUser, Org, User, UserKind};
use tollgate::types::{ClientId, PlainToken, TokenKind, UserId};

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::world::scopes;
use crate::harness::{Api, Gateway, Setup};

fn accounts() -> Setup {
    let api = Api::named("accounts").mount("/account").pack("account-api").keys("aliases = [\"urn:dtaccount:{org.id}\"]");
    Setup { more: format!("[roles.registrar]\npermissions = [\"account-idm-read\"]{api}"), ..Setup::default() }
}

/// A service user of an organization, and the machine client that acts for it with a secret.
async fn machine(gw: &Gateway, org: &Org) -> (Client, String) {
    let node = &gw.running.node;
    let robot = User {
        id: UserId::generate(node.now(), &*node.entropy),
        email: format!("nightly.{}", org.slug),
        kind: UserKind::Service,
        ..gw.user(&format!("pattern@{}.test", org.slug)).await
    };
    node.store.create_user(&NewUser { user: robot.clone(), password: None }, &node.own_cause()).await.expect("a user");
    gw.member(org, &robot, &["registrar"]).await;
    let secret = PlainToken::generate(TokenKind::ClientSecret, &*node.entropy);
    let stored = ClientSecret { hash: secret.hashed(), last4: secret.last4().into(), created_at: node.now(), expires_at: None };
    let client = Client {
        id: ClientId::generate(node.now(), &*node.entropy),
        org: Some(org.id.clone()),
        kind: ClientKind::Confidential,
        auth: ClientAuth::SecretPost,
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::ClientCredentials],
        scopes: Some(scopes("account-idm-read")),
        subject: Some(robot.id),
        ..gw.client(None).await
    };
    node.store.create_client(&client, Some(&stored), &node.own_cause()).await.expect("a client");
    node.settle().await.expect("the change is applied");
    (client, secret.expose().to_owned())
}

async fn token(gw: &Gateway, (client, secret): &(Client, String), resource: &str) -> Response {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client.id.as_str())
        .append_pair("client_secret", secret)
        .append_pair("scope", "account-idm-read")
        .append_pair("resource", resource)
        .finish();
    let request = Request::new("POST", "/oauth2/token").header("Content-Type", "application/x-www-form-urlencoded");
    Conn::open(gw.running.public).await.ask(&request.body(form)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_reads_the_account_that_its_token_names_and_no_other() {
    let gw = Gateway::start_with(accounts()).await;
    let (acme, beta) = (gw.org("acme").await, gw.org("beta").await);
    let who = machine(&gw, &acme).await;
    let (ours, theirs) = (format!("urn:dtaccount:{}", acme.id), format!("urn:dtaccount:{}", beta.id));
    let answer = token(&gw, &who, &ours).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["resource"]), (&"Bearer".into(), &ours.as_str().into()), "{body}");
    assert_eq!((&body["expires_in"], &body["scope"]), (&300.into(), &"account-idm-read".into()), "{body}");
    assert!(body.get("refresh_token").is_none(), "{body}");
    let refused = token(&gw, &who, &theirs).await;
    assert_eq!((refused.status, &refused.json()["error"]), (400, &"invalid_target".into()), "{refused:?}");

    let access = body["access_token"].as_str().expect("a token");
    let users = |account: &str| Request::get(&format!("/account/iam/v1/accounts/{account}/users")).bearer(access);
    let mut conn = Conn::open(gw.running.public).await;
    let fine = conn.ask(&users(acme.id.as_str())).await;
    assert_eq!(fine.status, 200, "{fine:?}");
    assert_eq!(gw.upstream.last().target(), format!("/iam/v1/accounts/{}/users", acme.id));
    let record = gw.record_of(&fine).await;
    assert_eq!((call(&record).api.as_str(), record.org.as_ref()), ("accounts", Some(&acme.id)));
    let before = gw.upstream.count();
    for account in [beta.id.as_str(), "beta", "tenant-beta", "nobody"] {
        let foreign = conn.ask(&users(account)).await;
        let record = gw.record_of(&foreign).await;
        assert_eq!((foreign.status, reason(&record)), (404, "other_organization_path"), "{account}: {foreign:?}");
    }
    // Another API's resource is another audience.
    let elsewhere = conn.ask(&Request::get("/prometheus/api/v1/query").bearer(access)).await;
    assert_eq!(elsewhere.status, 401, "{elsewhere:?}");
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}
