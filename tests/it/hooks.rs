//! Security events reach those who asked for them: signed, at least once, each under one id, and never more than was configured.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tollgate::record::{Actor, Cause};
use tollgate::store::{AuditFilter, ClientSecret, Hand, NewAccess, NewRefreshToken, Redeem, RevokeReason, Rotate};
use tollgate::types::{Clock as _, HashedToken, PlainToken, ScopeSet, TokenKind};
use tollgate::web::started_session;

use crate::harness::http1::{Conn, Request};
use crate::harness::{Caller, Gateway, Setup, within};

const SECRET: [u8; 24] = *b"twenty-four bytes of key";
/// A receiver that does not answer at all.
const SILENT: u16 = 0;

/// What was posted.
#[derive(Debug)]
struct Got {
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    /// Checks the signature as a receiver does.
    fn is_signed(&self) -> bool {
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let tag =
            self.header("webhook-signature").strip_prefix("v1,").and_then(|t| STANDARD.decode(t).ok()).expect("a signature");
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes(), &tag).is_ok()
    }
}

/// Somebody at the other end.
struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    got: mpsc::UnboundedReceiver<Got>,
}

type Shared = (Arc<AtomicU16>, mpsc::UnboundedSender<Got>);

async fn take(State((status, got)): State<Shared>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let status = status.load(Ordering::SeqCst);
    let _ = got.send(Got { headers, body: String::from_utf8(body.to_vec()).expect("text") });
    if status == SILENT {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("location", "/elsewhere")], "ignored ".repeat(10_000)).into_response()
}

impl Receiver {
    async fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (sender, got) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(status));
        let router = axum::Router::new().fallback(take).with_state((Arc::clone(&status), sender));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, status, got }
    }

    async fn next(&mut self) -> Got {
        within("a post", self.got.recv()).await.expect("the receiver runs")
    }

    /// What comes when it is time to try again. The pause begins when the failure is stored, a moment after the answer.
    async fn next_later(&mut self, gw: &Gateway) -> Got {
        within("another attempt", async {
            loop {
                gw.advance(10);
                if let Ok(got) = tokio::time::timeout(Duration::from_millis(300), self.got.recv()).await {
                    return got.expect("the receiver runs");
                }
            }
        })
        .await
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// A hook of this name that posts here.
    fn hook(&self, name: &str, more: &str) -> String {
        format!(
            "\n[[hooks]]\nname = \"{name}\"\nurl = \"http://{}/hook?token=t0ken\"\nsecret = \"env:HOOK\"\n{more}\n",
            self.address
        )
    }
}

fn told(hooks: impl IntoIterator<Item = String>) -> Setup {
    Setup { more: hooks.into_iter().collect(), ..Setup::default() }
}

async fn revoke_as(gw: &Gateway, caller: &Caller, by: Option<&Caller>) {
    let node = &gw.running.node;
    let actor = Actor { user: by.map(|c| c.user.id.clone()), ..Actor::default() };
    let cause = Cause { actor, ..node.own_cause() };
    assert!(node.store.revoke_grant(&caller.grant.id, None, RevokeReason::Admin, &cause).await.expect("an end"));
}

async fn sign_in(gw: &Gateway, caller: &Caller, from: &str) {
    let node = &gw.running.node;
    let (_, session) = started_session(node, &node.config.load(), &caller.user);
    let mut cause = node.own_cause();
    cause.origin.peer = Some(from.parse().expect("an address"));
    cause.origin.user_agent = Some("Browser/1".into());
    node.store.start_session(&session, None, &cause).await.expect("a session");
}

fn fresh(kind: TokenKind, gw: &Gateway) -> HashedToken {
    PlainToken::generate(kind, &*gw.running.node.entropy).hashed()
}

/// Everything that hooks are told of, once, in the organization of `caller`.
async fn every_event(gw: &Gateway, caller: &Caller) {
    let (node, minute) = (&gw.running.node, Duration::from_mins(1));
    let (store, until) = (&node.store, node.now().plus(Duration::from_hours(1)));
    gw.member(&caller.org, &caller.user, &["reader", "admin"]).await;
    let secret =
        ClientSecret { hash: fresh(TokenKind::ClientSecret, gw), last4: "1111".into(), created_at: node.now(), expires_at: None };
    assert!(store.add_secret(&caller.client.id, &secret, None, Hand::Operator, &node.own_cause()).await.is_ok());
    sign_in(gw, caller, "192.0.2.7:1").await;
    sign_in(gw, caller, "198.51.100.7:1").await;
    let code = gw.code(&caller.org, &caller.user, &caller.client, "metrics:read").await;
    let client = &caller.client.id;
    let token = NewRefreshToken { hash: fresh(TokenKind::RefreshToken, gw), expires_at: until };
    let new = NewAccess { jti: "jti_1".to_owned(), scopes: ScopeSet::parse("metrics:read").expect("a scope") };
    let won = store.redeem_code(&code, client, Some(&new), Some(&token), minute, &node.own_cause()).await.expect("an answer");
    assert!(matches!(won, Redeem::Won(_)), "{won:?}");
    let again = store.redeem_code(&code, client, Some(&new), None, minute, &node.own_cause()).await.expect("an answer");
    assert!(matches!(again, Redeem::Replayed { revoked: false, .. }), "{again:?}");
    let next = NewRefreshToken { hash: fresh(TokenKind::RefreshToken, gw), expires_at: until };
    let at = node.own_cause();
    let won = store.rotate_refresh(&token.hash, client, Some(&new), &next, minute, &at).await.expect("an answer");
    assert!(matches!(won, Rotate::Won(_)), "{won:?}");
    let at = node.own_cause();
    let reused = store.rotate_refresh(&token.hash, client, Some(&new), &next, Duration::ZERO, &at).await.expect("an answer");
    assert!(matches!(reused, Rotate::Reused(_)), "{reused:?}");
    revoke_as(gw, caller, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_told_once_signed_and_to_who_asked() {
    let (mut all, mut acme) = (Receiver::answering(200).await, Receiver::answering(204).await);
    let own = "organization = \"acme\"\nevents = [\"app_authorized\", \"new_sign_in_place\", \"grant_revoked\"]";
    let gw = Gateway::start_with(told([all.hook("all", ""), acme.hook("acme", own)])).await;
    let (ada, bob) = (gw.caller("acme", &["reader"], "metrics:read").await, gw.caller("beta", &["reader"], "metrics:read").await);
    every_event(&gw, &ada).await;
    // What a user does to their own grant is no news.
    revoke_as(&gw, &bob, Some(&bob)).await;

    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for _ in 0..9 {
        let got = all.next().await;
        assert!(got.is_signed(), "{got:?}");
        assert_eq!(got.header("webhook-id"), got.json()["id"], "{got:?}");
        assert!(ids.insert(got.header("webhook-id").to_owned()), "one id each");
        *kinds.entry(got.kind()).or_default() += 1;
    }
    let one = |name: &str| (name.to_owned(), 1);
    let mut expected: BTreeMap<_, _> = [
        "code_reused",
        "refresh_token_reused",
        "new_sign_in_place",
        "client_secret_added",
        "administrator_added",
        "grant_revoked",
    ]
    .map(one)
    .into();
    expected.insert("app_authorized".into(), 3);
    assert_eq!(kinds, expected);

    let mut own: Vec<_> = Vec::new();
    for _ in 0..4 {
        let got = acme.next().await;
        assert_eq!(got.json()["data"]["user"]["email"], "ada@acme.test", "{got:?}");
        own.push(got.kind());
    }
    own.sort();
    assert_eq!(own, ["app_authorized", "app_authorized", "grant_revoked", "new_sign_in_place"]);
    // Whatever was too much would come before this.
    gw.grant(&ada.org, &ada.user, &ada.client, "metrics:read").await;
    for receiver in [&mut all, &mut acme] {
        let got = receiver.next().await;
        assert_eq!(got.kind(), "app_authorized");
        assert!(!ids.contains(got.header("webhook-id")), "{got:?}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_says_who_what_and_where() {
    let mut receiver = Receiver::answering(200).await;
    let gw = Gateway::start_with(told([receiver.hook("all", "")])).await;
    let ada = gw.caller("acme", &["reader"], "metrics:read").await;
    let got = receiver.next().await;
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("webhook-timestamp"), gw.clock.now().seconds().to_string());
    let told = got.json();
    let data = &told["data"];
    assert_eq!(told["type"], "app_authorized");
    assert_eq!(data["summary"], "ada@acme.test authorized Test client in acme: metrics:read.");
    assert_eq!(data["operator"], "Tollgate", "who a mail can say that it comes from");
    assert_eq!((&data["organization"]["slug"], &data["client"]["id"]), (&"acme".into(), &ada.client.id.as_str().into()));
    assert_eq!((&data["grant"], &data["scopes"]), (&ada.grant.id.as_str().into(), &serde_json::json!(["metrics:read"])));
    assert!(!got.body.contains(&ada.token));
    gw.running.stop().await;
}

/// What the API is asked with a token of an administrator.
async fn through_the_api(gw: &Gateway, admin: &Caller, (method, path): (&str, &str), body: &Value) -> Value {
    let request = Request::new(method, &format!("/api/v1{path}")).bearer(&admin.token).header("Content-Type", "application/json");
    let answer = Conn::open(gw.running.public).await.ask(&request.body(body.to_string())).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
    if answer.status == 204 { Value::Null } else { answer.json() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_with_a_token_is_told_of_whom_it_was_done_to() {
    let mut receiver = Receiver::answering(200).await;
    let wanted = "events = [\"grant_revoked\", \"administrator_added\", \"client_secret_added\"]";
    let gw = Gateway::start_with(told([receiver.hook("all", wanted)])).await;
    let ada = gw.open_caller("acme", &["admin"], "grants:write members:write clients:write").await;
    assert_eq!(receiver.next().await.json()["data"]["user"]["email"], "ada@acme.test");
    let eve = gw.user("eve@acme.test").await;
    gw.member(&ada.org, &eve, &["viewer"]).await;
    let hers = gw.grant(&ada.org, &eve, &gw.client(None).await, "metrics:read").await;
    let new = serde_json::json!({ "kind": "confidential", "name": "Sync", "redirect_uris": ["https://sync.test/cb"] });
    let made = through_the_api(&gw, &ada, ("POST", "/clients"), &new).await;
    let client = made["client"]["id"].as_str().expect("an id").to_owned();

    through_the_api(&gw, &ada, ("POST", &format!("/clients/{client}/secrets")), &serde_json::json!({})).await;
    let added = receiver.next().await.json();
    assert_eq!((&added["type"], &added["data"]["client"]["id"]), (&"client_secret_added".into(), &client.as_str().into()));
    assert_eq!((&added["data"]["grant"], &added["data"]["by"]["email"]), (&Value::Null, &"ada@acme.test".into()));
    assert_eq!(added["data"]["summary"], "ada@acme.test added a secret to Sync in acme.");

    let role = serde_json::json!({ "roles": ["admin"] });
    through_the_api(&gw, &ada, ("PUT", "/members/eve@acme.test"), &role).await;
    let promoted = receiver.next().await.json();
    let data = &promoted["data"];
    assert_eq!((&promoted["type"], &data["user"]["email"]), (&"administrator_added".into(), &"eve@acme.test".into()));
    assert_eq!((&data["client"], &data["grant"]), (&Value::Null, &Value::Null), "nothing was done to the caller's own");

    through_the_api(&gw, &ada, ("DELETE", &format!("/grants/{}", hers.id)), &Value::Null).await;
    let revoked = receiver.next().await.json();
    let data = &revoked["data"];
    assert_eq!((&revoked["type"], &data["user"]["email"]), (&"grant_revoked".into(), &"eve@acme.test".into()));
    assert_eq!((&data["grant"], &data["client"]["id"]), (&hers.id.as_str().into(), &hers.client.as_str().into()));
    assert_eq!(data["by"]["email"], "ada@acme.test");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_its_installation_is_told() {
    let mut receiver = Receiver::answering(200).await;
    let gw = Gateway::start_with(told([receiver.hook("all", "events = [\"grant_revoked\"]")])).await;
    let ada = gw.open_caller("acme", &["admin"], "grants:write clients:write").await;
    let eve = gw.user("eve@acme.test").await;
    gw.member(&ada.org, &eve, &["viewer"]).await;
    let new = serde_json::json!({ "name": "Sync", "redirect_uris": ["https://sync.test/cb"], "scopes": ["metrics:read"] });
    let made = through_the_api(&gw, &ada, ("POST", "/apps"), &new).await;
    let id = |name: &str| made["app"][name].as_str().expect("an id").to_owned();
    let draft = tollgate::types::ClientId::parse(&id("draft_client")).expect("an id");
    let draft = gw.running.node.store.client(&draft).await.expect("an answer").expect("a client");
    let hers = gw.grant(&ada.org, &eve, &draft, "metrics:read").await;
    through_the_api(&gw, &ada, ("DELETE", &format!("/installations/{}", id("id"))), &Value::Null).await;
    let revoked = receiver.next().await.json();
    let data = &revoked["data"];
    assert_eq!((&revoked["type"], &data["user"]["email"]), (&"grant_revoked".into(), &"eve@acme.test".into()));
    assert_eq!((&data["grant"], &data["client"]["id"]), (&hers.id.as_str().into(), &hers.client.as_str().into()));
    assert_eq!(data["by"]["email"], "ada@acme.test");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_told_later_under_the_same_id() {
    let mut receiver = Receiver::answering(503).await;
    let gw = Gateway::start_with(told([receiver.hook("all", "")])).await;
    gw.caller("acme", &["reader"], "metrics:read").await;
    let first = receiver.next().await;
    receiver.answers(307);
    let second = receiver.next_later(&gw).await;
    receiver.answers(200);
    let third = receiver.next_later(&gw).await;
    for got in [&second, &third] {
        assert!(got.is_signed(), "{got:?}");
        assert_eq!((got.header("webhook-id"), &got.body), (first.header("webhook-id"), &first.body));
    }
    assert!(third.header("webhook-timestamp") > first.header("webhook-timestamp"));
    // It was told: what comes next is something else, however late it is. A redirect was never followed.
    gw.advance(3600);
    gw.caller("beta", &["reader"], "metrics:read").await;
    assert_ne!(receiver.next().await.header("webhook-id"), first.header("webhook-id"));
    let text = gw.running.metrics.text();
    assert!(text.contains("tollgate_hook_deliveries_total{hook=\"all\",outcome=\"failed\"} 2"), "{text}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_holds_up_no_other() {
    let (mut silent, mut other) = (Receiver::answering(SILENT).await, Receiver::answering(200).await);
    let gw = Gateway::start_with(told([silent.hook("silent", ""), other.hook("other", "")])).await;
    for slug in ["a", "b", "c"] {
        gw.caller(slug, &["reader"], "metrics:read").await;
        other.next().await;
    }
    silent.next().await;
    gw.running.stop().await;
}

/// More than are looked at in one go, older than all others, and none of them a record.
const BROKEN: [&str; 2] = [
    "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record) \
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) \
     SELECT printf('rec_broken%03d', i), 1795219199000, 'q', 'password.change', 0, '', '{}' FROM n",
    "INSERT INTO hook_events (record_id, at) SELECT id, time FROM audit_records WHERE id LIKE 'rec_broken%'",
];

#[tokio::test(flavor = "multi_thread")]
async fn records_that_nobody_can_read_hold_up_no_other() {
    let mut receiver = Receiver::answering(200).await;
    let gw = Gateway::start_with(told([receiver.hook("all", "")])).await;
    let mut store = sqlx::SqliteConnection::connect(&gw.store_url).await.expect("the store opens");
    for statement in BROKEN {
        store.execute(statement).await.expect(statement);
    }
    for slug in ["a", "b"] {
        gw.caller(slug, &["reader"], "metrics:read").await;
        assert_eq!(receiver.next().await.kind(), "app_authorized");
    }
    let metrics = gw.running.metrics.text();
    assert!(metrics.contains("tollgate_hook_records_skipped_total 250\n"), "each is spoken of once: {metrics}");
    assert!(metrics.contains("tollgate_hook_records_unread_total 0\n"), "somebody may still read them");
    store.close().await.expect("closed");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_left_behind_the_next_one_tells_under_the_same_id() {
    let mut receiver = Receiver::answering(SILENT).await;
    let hook = receiver.hook("all", "");
    let gw = Gateway::start_with(told([hook.clone()])).await;
    gw.caller("acme", &["reader"], "metrics:read").await;
    let first = receiver.next().await;
    let Gateway { running, dir, store_url, clock, .. } = gw;
    running.stop().await;
    receiver.answers(200);
    let at = Some(clock.now().plus(Duration::from_mins(2)));
    let gw = Gateway::start_with(Setup { store: Some(store_url), at, ..told([hook]) }).await;
    let again = receiver.next().await;
    assert_eq!((again.header("webhook-id"), &again.body), (first.header("webhook-id"), &first.body));
    gw.running.stop().await;
    drop(dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_tell_each_event_once() {
    let mut receiver = Receiver::answering(200).await;
    let hook = receiver.hook("all", "");
    let store = crate::postgres::fresh_database().await;
    let node = || Gateway::start_with(Setup { store: Some(store.clone()), ..told([hook.clone()]) });
    let (one, other) = (node().await, node().await);
    let ada = one.caller("acme", &["reader"], "metrics:read").await;
    for _ in 1..40 {
        one.grant(&ada.org, &ada.user, &ada.client, "metrics:read").await;
    }
    let mut ids = BTreeSet::new();
    for _ in 0..40 {
        let got = receiver.next().await;
        assert!(ids.insert(got.header("webhook-id").to_owned()), "{got:?} twice");
    }
    one.running.stop().await;
    other.running.stop().await;
    assert!(receiver.got.try_recv().is_err(), "nothing more was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_event_on_its_standard_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipe = dir.path().join("told");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let script = "env >&3; cat >&3";
    let hook = format!(
        "\n[[hooks]]\nname = \"mail\"\ncommand = [\"/bin/sh\", \"-c\", 'exec 3>\"$0\"; {script}', \"{}\"]\n",
        pipe.display()
    );
    let gw = Gateway::start_with(told([hook])).await;
    gw.caller("acme", &["reader"], "metrics:read").await;
    let text = within("the program", tokio::fs::read_to_string(&pipe)).await.expect("text");
    let (environment, body) = text.split_once('{').expect("an object");
    let told: Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
    assert_eq!(told["type"], "app_authorized");
    let names: Vec<_> = environment.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    assert!(
        names.iter().all(|n| ["PATH", "PWD", "SHLVL", "OLDPWD", "_"].contains(n)),
        "the gateway's own is kept: {environment}"
    );
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_is_given_up_on_record() {
    let mut receiver = Receiver::answering(500).await;
    let gw = Gateway::start_with(told([receiver.hook("all", "")])).await;
    let ada = gw.caller("acme", &["reader"], "metrics:read").await;
    let got = receiver.next().await;
    let node = &gw.running.node;
    let filter = AuditFilter { operation: Some("hook.give_up".into()), org: Some(ada.org.id.clone()), ..AuditFilter::default() };
    within("a record", async {
        loop {
            gw.advance(2 * 3600);
            let page = node.store.search_audit(&filter, None, 10).await.expect("a page");
            if let [row] = &page.rows[..] {
                assert!(format!("{:?}", row.record).contains(got.header("webhook-id")));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    gw.running.stop().await;
}
