//! The whole life of an integration that pushes: drafted, given its private scope, published, installed by a consent, with a key
//! that nobody typed in, and uninstalled.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate::config::own_api::MOUNT;
use tollgate::store::Holder;
use tollgate::types::{API_KEYS_WRITE, AppId, ClientId, ScopeToken};

use crate::api::World;
use crate::harness::Caller;
use crate::harness::http1::{Request, Response};

const PUSH: &str = "/prometheus/api/v1/write";
const PULL: &str = "/prometheus/api/v1/query?query=up";
const SCOPES: &str = "metrics:read metrics:write api_keys:write";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn definition() -> Value {
    json!({
        "name": "Acme Agent",
        "kind": "public",
        "description": "Sends metrics.",
        "documentation_url": "https://agent.test/docs",
        "uninstall_instructions": "Stop it on every host.",
        "onboarding_url": "https://agent.test/start",
        "redirect_uris": ["https://agent.test/cb"],
        "scopes": ["metrics:read", "metrics:write"],
    })
}

/// What is done with the app of [`definition`].
struct Chain {
    world: World,
    /// `/apps/{app}` of its maker.
    path: String,
    app: AppId,
}

impl Chain {
    async fn drafted() -> Self {
        let world = Box::pin(World::new()).await;
        let made = world.post("/apps", &world.admin, &definition(), None).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = text(&made.json()["app"]["id"]);
        Self { path: format!("/apps/{id}"), app: AppId::parse(&id).expect("an id"), world }
    }

    async fn maker(&self, method: &str, below: &str, body: Value) -> Response {
        self.world.with_body(method, &format!("{}{below}", self.path), &self.world.admin, &body, None).await
    }

    async fn publish(&self) -> ClientId {
        assert_eq!(self.maker("PUT", "/stable", json!({ "maturity": "stable" })).await.status, 200);
        let release = self.maker("POST", "/versions", json!({})).await;
        assert_eq!(release.status, 201, "{release:?}");
        ClientId::parse(&text(&release.json()["client_id"])).expect("an id")
    }

    /// The operator's decision.
    async fn approve(&self) {
        let node = &self.world.gw.running.node;
        let (holder, scope) = (Holder::App(self.app.clone()), ScopeToken::parse(API_KEYS_WRITE).expect("a scope"));
        let until = node.now().plus(Duration::from_hours(1));
        let done = node.store.approve_scope(&holder, &scope, until, Some("go ahead"), &node.own_cause()).await;
        assert!(done.expect("an answer"));
        node.settle().await.expect("the change is applied");
    }

    async fn mint(&self, caller: &Caller) -> Response {
        self.world.send(&Request::new("POST", &format!("{MOUNT}/api_keys")).bearer(&caller.token).body("")).await
    }

    async fn push(&self, key: &str) -> u16 {
        self.world.send(&Request::new("POST", PUSH).bearer(key).body("samples")).await.status
    }

    async fn pull(&self, caller: &Caller) -> u16 {
        self.world.send(&Request::get(PULL).bearer(&caller.token)).await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_draft_to_the_end_nobody_types_a_key_in() {
    let chain = Chain::drafted().await;
    let (world, customer) = (&chain.world, &chain.world.other);
    let early = chain.maker("PATCH", "", json!({ "scopes": SCOPES.split(' ').collect::<Vec<_>>() })).await;
    assert_eq!(early.status, 400, "nobody gave it the private scope: {early:?}");

    let asked = chain.maker("POST", "/scope_requests", json!({ "scope": "api_keys_write", "reason": "It pushes." })).await;
    assert_eq!((asked.status, &asked.json()["state"]), (201, &json!("pending")), "{asked:?}");
    let elsewhere = world.get(&format!("{}/scope_requests", chain.path), customer).await;
    assert_eq!(elsewhere.status, 404, "what a maker asks for is its own: {elsewhere:?}");
    chain.approve().await;
    let listed = world.get(&format!("{}/scope_requests", chain.path), &world.admin).await.json();
    let given = &listed["data"][0];
    assert_eq!(
        (&given["state"], &given["comment"], &given["scope"]),
        (&json!("approved"), &json!("go ahead"), &json!("api_keys:write"))
    );

    let edited = chain.maker("PATCH", "", json!({ "scopes": SCOPES.split(' ').collect::<Vec<_>>() })).await;
    assert_eq!(edited.status, 200, "{edited:?}");
    let client = chain.publish().await;
    let client = world.gw.running.node.store.client(&client).await.expect("an answer").expect("a client");

    // The customer's administrator consents, which installs it.
    let installation = format!("/installations/{}", chain.app);
    assert_eq!(world.get("/installations", customer).await.json()["data"], json!([]));
    let theirs = world.gw.grant_to(&customer.org, &customer.user, &client, SCOPES).await;
    let installed = world.get("/installations", customer).await.json();
    assert_eq!(
        (&installed["data"][0]["app"], &installed["data"][0]["keys"]),
        (&json!(chain.app.as_str()), &json!(0)),
        "{installed}"
    );
    let made = chain.mint(&theirs).await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = text(&made.json()["key"]);
    assert_eq!((chain.pull(&theirs).await, chain.push(&key).await), (200, 200));
    assert_eq!(world.gw.upstream.last().header("x-scope-orgid"), "tenant-beta", "it lands at the customer's");

    let gone = world.delete(&installation, customer).await;
    let told = json!({ "app": chain.app.as_str(), "grants": 1, "users": 1, "keys": 1, "instructions": "Stop it on every host." });
    assert_eq!((gone.status, gone.json()), (200, told));
    assert_eq!((chain.pull(&theirs).await, chain.push(&key).await), (401, 401), "at once");
    assert_eq!(chain.mint(&theirs).await.status, 401);
    let again = world.gw.grant_to(&customer.org, &customer.user, &client, SCOPES).await;
    let second = text(&chain.mint(&again).await.json()["key"]);
    assert_eq!((chain.push(&second).await, chain.push(&key).await), (200, 401), "a new beginning brings no old key back");

    let log = world.get("/audit?limit=1000", customer).await.json();
    for operation in
        ["authorize.consent", "app.install", "api_key.mint", "app.uninstall", "grant.revoke.uninstall", "api_key.disable"]
    {
        let found = log["data"].as_array().is_some_and(|all| all.iter().any(|r| r["ocsf"]["api"]["operation"] == operation));
        assert!(found, "{operation} is not on the customer's record");
    }
    chain.world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_scope_is_asked_for_once_and_taken_back() {
    let chain = Chain::drafted().await;
    let (world, ask) = (&chain.world, json!({ "scope": "api_keys:write", "reason": "It pushes." }));
    let path = format!("{}/scope_requests", chain.path);
    let first = world.post(&path, &world.admin, &ask, Some("s-1")).await;
    let again = world.post(&path, &world.admin, &ask, Some("s-1")).await;
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body), "asked once, told twice");
    for (body, status) in [
        (ask.clone(), 409),
        (json!({ "scope": "api_keys:write", "reason": " " }), 400),
        (json!({ "scope": "metrics:read", "reason": "x" }), 400),
        (json!({ "scope": "moon:read", "reason": "x" }), 400),
        (json!({ "scope": "api_keys:write" }), 400),
    ] {
        let refused = world.post(&path, &world.admin, &body, None).await;
        assert_eq!(refused.status, status, "{body}: {refused:?}");
    }
    let one = format!("{path}/api_keys:write");
    for (caller, status) in [(&world.other, 404), (&world.member, 403), (&world.admin, 200), (&world.admin, 409)] {
        let answer = world.delete(&one, caller).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(world.get(&path, &world.admin).await.json()["data"][0]["state"], "withdrawn");
    chain.approve().await;
    assert_eq!(world.post(&path, &world.admin, &ask, None).await.json()["state"], "pending");
    let kept = world.delete(&one, &world.admin).await.json();
    assert_eq!(kept["state"], "approved", "a renewal taken back takes nothing away: {kept}");
    chain.world.gw.running.stop().await;
}
