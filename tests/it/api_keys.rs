//! API keys: made through a private scope, good for pushing into one organization, gone the moment what they rest on is.

use std::time::Duration;

use serde_json::Value;
use tollgate::admin::{Administration as _, ExplainQuery, Local};
use tollgate::record::{Event, json};
use tollgate::store::{
    App, AppClient, AppState, Client, ClientAuth, ClientState, Definition, Holder, Maturity, NewClients, Org, ScopeRefusal,
    Stage, Verdict, Via,
};
use tollgate::types::{API_KEYS_WRITE, ApiKeyId, AppId, AppUuid, ClientId, PlainToken, ScopeToken, TokenKind};

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, Setup, within};

const SCOPES: &str = "metrics:read metrics:write api_keys:write";
const PUSH: &str = "/prometheus/api/v1/write";
const QUERY: &str = "/prometheus/api/v1/query?query=up";

/// An app of one organization that members of others authorized.
struct Partner {
    gw: Gateway,
    app: App,
    client: Client,
    /// A user who gave it everything.
    caller: Caller,
}

impl Partner {
    async fn new() -> Self {
        Self::on(Gateway::start().await).await
    }

    async fn on(gw: Gateway) -> Self {
        let acme = gw.org("acme").await;
        let (app, client) = app(&gw, &acme).await;
        let partner = Self { caller: member(&gw, &acme, &client).await, gw, app, client };
        partner.approve(3600).await;
        partner
    }

    fn holder(&self) -> Holder {
        Holder::App(self.app.id.clone())
    }

    async fn approve(&self, seconds: u64) {
        let node = &self.gw.running.node;
        let until = node.now().plus(Duration::from_secs(seconds));
        let done = node.store.approve_scope(&self.holder(), &mints(), until, None, &node.own_cause()).await;
        assert!(done.expect("an answer"));
        node.settle().await.expect("the change is applied");
    }

    async fn send(&self, request: &Request) -> Response {
        Conn::open(self.gw.running.public).await.ask(request).await
    }

    async fn mint(&self, caller: &Caller, idempotency: Option<&str>) -> Response {
        let mut request = Request::new("POST", "/api/v1/api_keys").bearer(&caller.token);
        if let Some(key) = idempotency {
            request = request.header("Idempotency-Key", key);
        }
        self.send(&request.body("")).await
    }

    /// The value and the id of a key that was just made.
    async fn key(&self, caller: &Caller) -> (String, ApiKeyId) {
        let made = self.mint(caller, None).await;
        assert_eq!(made.status, 201, "{made:?}");
        let body = made.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned();
        (text("key"), ApiKeyId::parse(&text("id")).expect("an id"))
    }

    async fn push(&self, key: &str) -> Response {
        self.send(&Request::new("POST", PUSH).bearer(key).body("samples")).await
    }

    /// The reason for which a key is refused.
    async fn refused(&self, key: &str) -> String {
        let answer = self.push(key).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.header("www-authenticate").is_some_and(|h| h.contains("invalid_token")), "{answer:?}");
        answer.reason().expect("a reason")
    }
}

fn mints() -> ScopeToken {
    ScopeToken::parse(API_KEYS_WRITE).expect("a scope")
}

/// An app as its organization makes it, with its draft client.
async fn app(gw: &Gateway, org: &Org) -> (App, Client) {
    let node = &gw.running.node;
    let plain = gw.client(None).await;
    let draft = Definition {
        name: "Acme Agent".into(),
        redirect_uris: plain.redirect_uris.clone(),
        scopes: crate::harness::world::scopes(SCOPES),
        ..Definition::default()
    };
    let app = App {
        id: AppId::generate(node.now(), &*node.entropy),
        org: org.id.clone(),
        uuid: AppUuid::generate(&*node.entropy),
        draft,
        revision: 1,
        maturity: Maturity::InWork,
        state: AppState::Active,
        draft_client: ClientId::generate(node.now(), &*node.entropy),
        published_client: None,
        version: 0,
        created_at: node.now(),
        changed_at: node.now(),
    };
    let client = Client {
        id: app.draft_client.clone(),
        org: Some(org.id.clone()),
        app: Some(AppClient { app: app.id.clone(), stage: Stage::Draft }),
        name: app.draft.name.clone(),
        auth: ClientAuth::None,
        scopes: Some(app.draft.scopes.clone()),
        ..plain
    };
    node.store.create_app(&app, &client, None, Via::Hand, u64::MAX, &node.own_cause()).await.expect("an app");
    (app, client)
}

/// An administrator of `org` who gave the client everything.
async fn member(gw: &Gateway, org: &Org, client: &Client) -> Caller {
    let user = gw.user(&format!("ada@{}.test", org.slug)).await;
    gw.member(org, &user, &["admin"]).await;
    gw.grant_to(org, &user, client, SCOPES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pushes_and_does_nothing_else() {
    let partner = Partner::new().await;
    let (key, id) = partner.key(&partner.caller).await;
    assert!(key.starts_with("tg_ak_"), "scanners know it");
    let answer = partner.push(&key).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = partner.gw.upstream.last();
    assert_eq!(seen.header("x-scope-orgid"), "tenant-acme", "exactly one tenant");
    assert!(!seen.text().contains("tg_ak_"), "the key stays here: {}", seen.text());
    assert_eq!(String::from_utf8_lossy(&seen.body), "samples");
    let record = partner.gw.record_of(&answer).await;
    let (actor, caller) = (&record.actor, &partner.caller);
    assert_eq!((actor.token.as_deref(), &actor.grant), (Some(id.as_str()), &Some(caller.grant.id.clone())));
    assert_eq!((&record.org, &actor.user), (&Some(caller.org.id.clone()), &Some(caller.user.id.clone())));
    let shown = json(&record);
    assert_eq!(shown["actor"]["invoked_by"], "api_key", "{shown}");

    // Everything else takes tokens.
    for (method, path) in [("GET", QUERY), ("GET", "/prometheus/nothing"), ("GET", "/api/v1/me")] {
        let answer = partner.send(&Request::new(method, path).bearer(&key).body("")).await;
        assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("key_not_accepted")), "{method} {path}: {answer:?}");
    }
    let wrong = partner.send(&Request::get(QUERY).bearer(&key)).await;
    let record = partner.gw.record_of(&wrong).await;
    assert_eq!(
        (reason(&record), &record.org),
        ("key_not_accepted", &Some(caller.org.id.clone())),
        "its organization learns of it"
    );
    assert!(call(&record).route.is_none());
    assert_eq!(partner.push(&caller.token).await.status, 200, "tokens go everywhere");
    let mistyped = format!("{}x", &key[..key.len() - 1]);
    let mistyped = if mistyped == key { format!("{}y", &key[..key.len() - 1]) } else { mistyped };
    assert_eq!(partner.refused(&mistyped).await, "token_malformed");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_and_an_app_have_one_key() {
    let partner = Partner::new().await;
    let first = partner.mint(&partner.caller, Some("k")).await;
    let again = partner.mint(&partner.caller, Some("k")).await;
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body), "a lost answer comes again");
    let made: Value = first.json();
    for (name, value) in [
        ("name", "Key of app Acme Agent"),
        ("app", partner.app.id.as_str()),
        ("client", partner.client.id.as_str()),
        ("grant", partner.caller.grant.id.as_str()),
        ("user", partner.caller.user.id.as_str()),
        ("state", "live"),
        ("scopes", "metrics:write"),
    ] {
        let shown = &made[name];
        assert!(shown == value || *shown == serde_json::json!([value]), "{name}: {made}");
    }
    let key = made["key"].as_str().expect("the key");
    assert!(key.ends_with(made["last4"].as_str().expect("four characters")), "{made}");
    let taken = partner.mint(&partner.caller, None).await;
    let (status, text) = (taken.status, String::from_utf8_lossy(&taken.body).into_owned());
    let id = made["id"].as_str().expect("an id");
    assert!(status == 409 && text.contains(id) && text.contains("/orgs/acme/applications/"), "{status} {text}");
    assert!(!text.contains(key), "{text}");
    // Its administrator sees and ends it; somebody else's does not know of it.
    let beta = partner.gw.org("beta").await;
    let administrator = partner.gw.client(None).await;
    let admin = partner.gw.grant_to(&partner.caller.org, &partner.caller.user, &administrator, "grants:read grants:write").await;
    let bob = partner.gw.user("bob@beta.test").await;
    partner.gw.member(&beta, &bob, &["admin"]).await;
    let stranger = partner.gw.grant_to(&beta, &bob, &administrator, "grants:read grants:write").await;
    let path = format!("/api/v1/api_keys/{id}");
    for (caller, method, status) in [
        (&stranger, "GET", 404),
        (&stranger, "DELETE", 404),
        (&admin, "GET", 200),
        (&admin, "DELETE", 204),
        (&admin, "DELETE", 204),
    ] {
        let answer = partner.send(&Request::new(method, &path).bearer(&caller.token)).await;
        assert_eq!(answer.status, status, "{method}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(key), "{answer:?}");
    }
    assert_eq!(partner.refused(key).await, "key_disabled");
    let list = |caller: &Caller| Request::get("/api/v1/api_keys").bearer(&caller.token);
    assert_eq!(partner.send(&list(&admin)).await.json()["data"][0]["disabled_because"], "hand");
    assert_eq!(partner.send(&list(&stranger)).await.json()["data"], serde_json::json!([]));
    for (text, many) in [("METRICS%3Awrite", 1), ("nobody", 0)] {
        let found = Request::get(&format!("/api/v1/api_keys?text={text}")).bearer(&admin.token);
        assert_eq!(partner.send(&found).await.json()["data"].as_array().map(Vec::len), Some(many), "{text}");
    }
    assert_eq!(partner.mint(&partner.caller, None).await.status, 201, "there is room for the next one");
    let ours = format!("app={}", partner.app.id);
    let unknown = "app=app_00000000000000000000000000".to_owned();
    for (query, many) in [
        ("state=live".to_owned(), 1),
        ("state=disabled".to_owned(), 1),
        (ours.clone(), 2),
        (format!("{ours}&state=disabled&text=key"), 1),
        (format!("{ours}&limit=1"), 1),
        (unknown, 0),
        ("app=nothing".to_owned(), 0),
    ] {
        let found = Request::get(&format!("/api/v1/api_keys?{query}")).bearer(&admin.token);
        let page = partner.send(&found).await.json();
        assert_eq!(page["data"].as_array().map(Vec::len), Some(many), "{query}: {page}");
        assert_eq!(page["next"].is_string(), query.contains("limit"), "{query}: {page}");
    }
    let first = partner.send(&Request::get("/api/v1/api_keys?state=live").bearer(&admin.token)).await.json();
    assert_eq!((&first["data"][0]["state"], first["data"][0]["id"] == id), (&"live".into(), false), "{first}");
    let wrong = partner.send(&Request::get("/api/v1/api_keys?state=gone").bearer(&admin.token)).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_organizations_have_a_key_each() {
    let partner = Partner::new().await;
    let beta = partner.gw.org("beta").await;
    let other = member(&partner.gw, &beta, &partner.client).await;
    let ((ours, _), (theirs, _)) = (partner.key(&partner.caller).await, partner.key(&other).await);
    for (key, tenant) in [(&theirs, "tenant-beta"), (&ours, "tenant-acme")] {
        assert_eq!(partner.push(key).await.status, 200);
        assert_eq!(partner.gw.upstream.last().header("x-scope-orgid"), tenant);
    }
    let foreign = Request::new("POST", PUSH).bearer(&ours).header("X-Scope-OrgID", "tenant-beta").body("samples");
    let answer = partner.send(&foreign).await;
    assert_eq!(answer.reason().as_deref(), Some("other_organization_header"), "{answer:?}");
    let page = format!("/api/v1/installations/{}", partner.app.id);
    let administrator = partner.gw.client(None).await;
    let bob = partner.gw.grant_to(&beta, &other.user, &administrator, "grants:read grants:write").await;
    let installed = partner.send(&Request::get("/api/v1/installations").bearer(&bob.token)).await.json();
    assert_eq!((&installed["data"][0]["grants"], &installed["data"][0]["keys"]), (&1.into(), &1.into()), "{installed}");
    let done = partner.send(&Request::new("DELETE", &page).bearer(&bob.token)).await;
    assert_eq!(done.status, 200, "{done:?}");
    let done = done.json();
    assert_eq!((&done["grants"], &done["users"], &done["keys"]), (&1.into(), &1.into(), &1.into()), "{done}");
    for method in ["DELETE", "PUT"] {
        let again = partner.send(&Request::new(method, &page).bearer(&bob.token)).await;
        assert_eq!(again.status, 404, "gone, and a draft is not there for others: {again:?}");
    }
    assert_eq!(partner.refused(&theirs).await, "key_disabled");
    assert_eq!(partner.push(&ours).await.status, 200, "the other organization still has it");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stops_with_what_it_rests_on() {
    let partner = Partner::new().await;
    let (key, _) = partner.key(&partner.caller).await;
    let (node, org, id) = (&partner.gw.running.node, &partner.caller.org.id, &partner.client.id);
    let settled = async || node.settle().await.expect("the change is applied");
    let cause = node.own_cause();
    assert_eq!(partner.push(&key).await.status, 200);
    node.store.set_app_state(&partner.app.id, AppState::Disabled, &cause).await.expect("an answer");
    settled().await;
    assert_eq!(partner.refused(&key).await, "client_disabled");
    node.store.set_app_state(&partner.app.id, AppState::Active, &cause).await.expect("an answer");
    settled().await;
    node.store.decide_client(org, id, Verdict::Block, &cause).await.expect("an answer");
    settled().await;
    assert_eq!(partner.refused(&key).await, "client_blocked");
    node.store.decide_client(org, id, Verdict::Allow, &cause).await.expect("an answer");
    node.store.restrict_client(org, id, Some(&crate::harness::world::scopes("metrics:read")), &cause).await.expect("an answer");
    settled().await;
    let narrowed = partner.push(&key).await;
    assert_eq!((narrowed.status, narrowed.reason().as_deref()), (403, Some("permission_missing")), "{narrowed:?}");
    node.store.restrict_client(org, id, None, &cause).await.expect("an answer");
    settled().await;
    assert_eq!(partner.push(&key).await.status, 200, "nothing of that was for good");

    // The approval ends by the clock alone, and is given again.
    partner.gw.advance(3599);
    assert_eq!(partner.push(&key).await.status, 200);
    partner.gw.advance(1);
    assert_eq!(partner.refused(&key).await, "key_not_approved");
    partner.approve(60).await;
    assert_eq!(partner.push(&key).await.status, 200);
    let withdrawn = node.store.refuse_scope(&partner.holder(), &mints(), ScopeRefusal::Withdraw, None, &cause).await;
    assert_eq!(withdrawn.expect("an answer").map(|r| (r.grants, r.keys)), Some((1, 1)));
    settled().await;
    assert_eq!(partner.refused(&key).await, "key_disabled");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_on_when_new_applications_wait() {
    let partner = Partner::new().await;
    let beta = partner.gw.org("beta").await;
    let other = member(&partner.gw, &beta, &partner.client).await;
    let (key, _) = partner.key(&other).await;
    let node = &partner.gw.running.node;
    partner.gw.revoke(&other.grant).await;
    assert_eq!(partner.push(&key).await.status, 200, "it outlives its grant");
    assert!(node.store.set_new_clients(&beta.id, NewClients::Approval, &node.own_cause()).await.expect("an answer"));
    node.settle().await.expect("the change is applied");
    assert_eq!(partner.push(&key).await.status, 200, "it was in use");
    node.store.decide_client(&beta.id, &partner.client.id, Verdict::Block, &node.own_cause()).await.expect("an answer");
    node.settle().await.expect("the change is applied");
    let told = partner.push(&key).await.text();
    assert!(told.contains("this key works again once") && !told.contains("refresh"), "{told}");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_approval_nothing_is_made() {
    let partner = Partner::new().await;
    let plain = partner.gw.client(Some("metrics:write api_keys:write")).await;
    let node = &partner.gw.running.node;
    let holder = Holder::Client(plain.id.clone());
    let caller = partner.gw.grant_to(&partner.caller.org, &partner.caller.user, &plain, "metrics:write api_keys:write").await;
    let refused = partner.mint(&caller, None).await;
    assert_eq!(refused.status, 403, "its client was not given the scope: {refused:?}");
    let until = node.now().plus(Duration::from_secs(60));
    assert!(node.store.approve_scope(&holder, &mints(), until, None, &node.own_cause()).await.expect("an answer"));
    node.settle().await.expect("the change is applied");
    let refused = partner.mint(&caller, None).await;
    assert!(refused.status == 403 && String::from_utf8_lossy(&refused.body).contains("clients of an app"), "{refused:?}");
    let reader =
        partner.gw.grant_to(&partner.caller.org, &partner.caller.user, &partner.client, "metrics:read api_keys:write").await;
    let refused = partner.mint(&reader, None).await;
    assert!(refused.status == 403 && String::from_utf8_lossy(&refused.body).contains("metrics:write"), "{refused:?}");
    partner.gw.advance(3600);
    let late = partner.gw.token(&partner.caller.grant, SCOPES, &[]);
    let refused = partner.send(&Request::new("POST", "/api/v1/api_keys").bearer(&late).body("")).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (403, Some("permission_missing")), "{refused:?}");
    let log = node.store.search_audit(&tollgate::store::AuditFilter::default(), None, 1000).await.expect("a page");
    let mints =
        |r: &tollgate::store::AuditRow| matches!(&r.record.event, Event::Control(e) if e.operation.name() == "api_key.mint");
    assert_eq!(log.rows.iter().filter(|r| mints(r)).count(), 0);
    assert_eq!(partner.client.state, ClientState::Active);
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_key_is_answered_from_memory() {
    let partner = Partner::new().await;
    let (key, _) = partner.key(&partner.caller).await;
    assert_eq!(partner.push(&key).await.status, 200);
    let counts = &partner.gw.running.node.verifier.counts;
    let (hits, misses) = (counts.hits(), counts.misses());
    for _ in 0..5 {
        assert_eq!(partner.push(&key).await.status, 200);
    }
    assert_eq!((counts.hits() - hits, counts.misses() - misses), (5, 0));
    let (node, config) = (&partner.gw.running.node, partner.gw.running.node.config.load_full());
    assert!(node.verifier.principal(&key, &config, node.now()).await.is_err(), "known as a key, it still is no access token");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_keys_ask_the_store_seldom() {
    let partner = Partner::new().await;
    let (key, _) = partner.key(&partner.caller).await;
    assert_eq!(partner.push(&key).await.status, 200);
    let node = &partner.gw.running.node;
    let forged = || PlainToken::generate(TokenKind::ApiKey, &*node.entropy).expose().to_owned();
    let asked = || node.verifier.counts.keys();
    // Where no key is taken the store is not asked at all.
    let before = asked();
    for path in [QUERY, "/prometheus/nothing", "/api/v1/me"] {
        let answer = partner.send(&Request::get(path).bearer(&forged())).await;
        assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("key_not_accepted")), "{path}: {answer:?}");
    }
    assert_eq!(asked() - before, 0);
    // The same one is looked up once.
    let same = forged();
    for _ in 0..5 {
        assert_eq!(partner.refused(&same).await, "key_unknown");
    }
    assert_eq!(asked() - before, 1);
    // Others are until their address has tried enough of them.
    let mut refused = std::collections::BTreeMap::new();
    for _ in 0..80 {
        let answer = partner.push(&forged()).await;
        *refused.entry((answer.status, answer.reason())).or_insert(0) += 1;
    }
    let unknown = refused.remove(&(401, Some("key_unknown".to_owned()))).unwrap_or(0);
    let limited = refused.remove(&(429, Some("rate_limited".to_owned()))).unwrap_or(0);
    assert!(limited > 0 && unknown + limited == 80, "{unknown} {limited} {refused:?}");
    assert_eq!(asked() - before, 1 + unknown);
    assert_eq!(partner.push(&key).await.status, 200, "who is known is not asked about");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_not_carry_what_is_narrowed_to_labels() {
    let partner = Partner::new().await;
    crate::labels::select(&partner.gw, &partner.caller, r#"{"metrics:write":{"team":"a"}}"#).await;
    let answer = partner.mint(&partner.caller, None).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("no scope whole"), "{answer:?}");
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_explained_as_it_is_answered() {
    let partner = Partner::new().await;
    let (key, id) = partner.key(&partner.caller).await;
    let admin = Local::new(partner.gw.running.node.clone());
    let explained = async |path: &str, length: Option<u64>| {
        let (method, path) = (Some("POST".to_owned()), Some(path.to_owned()));
        let query = ExplainQuery { method, path, length, key: Some(id.to_string()), ..ExplainQuery::default() };
        admin.explain(query).await.expect("an explanation")
    };
    let fine = explained(PUSH, Some(7)).await;
    let answer = partner.push(&key).await;
    assert!(fine.allowed && answer.status < 400, "{fine:?}: {answer:?}");
    partner.gw.record_of(&answer).await;
    let again = ExplainQuery { request: Some(answer.request_id().to_owned()), ..ExplainQuery::default() };
    let again = admin.explain(again).await.expect("an explanation");
    assert_eq!(again.steps.iter().find(|s| s.stage == "authenticate"), fine.steps.iter().find(|s| s.stage == "authenticate"));
    let elsewhere = "/prometheus/api/v1/query";
    let refused = partner.send(&Request::new("POST", elsewhere).bearer(&key).body("")).await;
    assert_eq!(
        (refused.reason(), explained(elsewhere, None).await.reason),
        (Some("key_not_accepted".into()), Some("key_not_accepted".into()))
    );
    let node = &partner.gw.running.node;
    assert!(node.store.disable_api_key(&id, None, &node.own_cause()).await.expect("an answer"));
    node.settle().await.expect("the change is applied");
    assert_eq!(
        (partner.refused(&key).await.as_str(), explained(PUSH, None).await.reason.as_deref()),
        ("key_disabled", Some("key_disabled"))
    );
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_stream_ends_when_its_route_takes_no_keys_any_more() {
    let partner = Partner::on(Gateway::start_with(Setup { file: true, ..Setup::default() }).await).await;
    let gw = &partner.gw;
    let (key, _) = partner.key(&partner.caller).await;
    let mut stream = Conn::open(gw.running.public).await;
    stream.send(&Request::new("POST", PUSH).bearer(&key).header("X-Behave", "events").body("samples").bytes()).await;
    assert_eq!(within("a response head", stream.head()).await.expect("a head").status, 200);
    let aliases = "aliases = [\"urn:test:metrics\"]\n";
    let without = format!("{aliases}overrides = {{ remote_write = {{ keys = false }} }}\n");
    assert!(gw.text().contains(aliases));
    gw.rewrite(&gw.text().replace(aliases, &without));
    assert!(gw.running.reload());
    assert_eq!(within("the end of the stream", stream.chunk()).await, None);
    partner.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_many_streams_are_read_again_together() {
    let partner = Partner::on(Gateway::start_with(Setup { file: true, ..Setup::default() }).await).await;
    let gw = &partner.gw;
    let (node, mut streams) = (&gw.running.node, Vec::new());
    for slug in ["beta", "gamma", "delta"] {
        let caller = member(gw, &gw.org(slug).await, &partner.client).await;
        let (key, id) = partner.key(&caller).await;
        let mut stream = Conn::open(gw.running.public).await;
        stream.send(&Request::new("POST", PUSH).bearer(&key).header("X-Behave", "events").body("samples").bytes()).await;
        assert_eq!(within("a response head", stream.head()).await.expect("a head").status, 200);
        streams.push((stream, caller, id));
    }
    let (again, alone) = (node.verifier.counts.again(), node.verifier.counts.keys());
    gw.rewrite(&gw.text().replace("read = \"60s\"", "read = \"59s\""));
    assert!(gw.running.reload());
    within("three keys read again", async {
        while node.verifier.counts.again() < again + 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(node.verifier.counts.keys(), alone, "none of them by itself");
    // One that is disabled while others are doubtful as well.
    let (mut disabled, caller, id) = streams.swap_remove(1);
    assert!(node.store.disable_api_key(&id, Some(&caller.org.id), &node.own_cause()).await.expect("an answer"));
    gw.rewrite(&gw.text().replace("read = \"59s\"", "read = \"58s\""));
    assert!(gw.running.reload());
    assert_eq!(within("the end of its stream", disabled.chunk()).await, None);
    gw.upstream.emit("data: on\n\n");
    for (stream, ..) in &mut streams {
        assert_eq!(within("an event", stream.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
    }
    partner.gw.running.stop().await;
}
