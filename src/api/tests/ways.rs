//! What is taken from an application is taken alike by page, by API and by command: from what users authorized, and from what it is given
//! in a test.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::account::tests::trial::Scene;
use crate::account::tests::world::{Browser, World};
use crate::admin::{Administration as _, ClientPolicyChange, GrantChange, Local, NewClientsChange, VerdictName};
use crate::record::{Event, operation};
use crate::store::{AuditFilter, Client, Grant, GrantState, NewClients, Stance, User};
use crate::token::Principal;
use crate::types::{ScopeSet, Timestamp};

/// When a grant is to end: behind the last day that a page takes.
const UNTIL: &str = "2026-12-25T00:00:00Z";

/// By what something is taken.
#[derive(Clone, Copy, Debug)]
enum Way {
    Page,
    Api,
    Command,
}

/// Somebody with a browser, and an application of their own that asks the API.
struct Hand {
    browser: Browser,
    principal: Arc<Principal>,
}

/// An application that holds two scopes in acme on behalf of somebody, and of somebody else.
struct Stage {
    world: World,
    client: Client,
    grant: Grant,
    administrator: Hand,
    user: Hand,
}

/// One act, as each way has it.
struct Act {
    what: &'static str,
    /// Whether the user does it with what is theirs, or the administrator.
    own: bool,
    page: String,
    form: String,
    call: (Method, String, Value),
    command: Command,
}

enum Command {
    Policy(ClientPolicyChange),
    RevokeClient,
    NewClients,
    Change(GrantChange),
    Revoke,
}

/// What came of an act.
#[derive(Debug, PartialEq)]
struct Effect {
    /// What a token may do now; `None` when it is worth nothing.
    holds: Option<String>,
    live: bool,
    keeps: String,
    ends: Option<Timestamp>,
    stance: Stance,
    most: Option<ScopeSet>,
    new_clients: NewClients,
    /// What the organization's log says: operation, scopes, kind of what it was done to.
    told: Vec<(String, String, Option<String>)>,
}

async fn hand(world: &World, user: &User) -> Hand {
    let browser = world.sign_in(user).await;
    let client = world.client("Own CLI").await;
    let grant = world.consent(user, &world.acme, &client, "metrics:read").await;
    Hand { browser, principal: world.principal(&grant).await }
}

impl Stage {
    /// Bob authorized an application, and Ada too.
    async fn used() -> Self {
        let world = World::new().await;
        let client = world.client("CLI").await;
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read alerts:read").await;
        world.consent(&world.ada, &world.acme, &client, "metrics:read").await;
        let (administrator, user) = (hand(&world, &world.ada).await, hand(&world, &world.bob).await);
        Self { world, client, grant, administrator, user }
    }

    /// Ada tries an app of acme's, and Bob uses its draft.
    async fn tried() -> Self {
        let scene = Scene::new().await;
        scene.given().await;
        let trial = scene.trial().await.expect("a test");
        let world = scene.world;
        let facts = world.node.store.grant_facts(&trial.grant.expect("a grant")).await.expect("read").expect("there");
        world.consent(&world.bob, &world.acme, &facts.client, "metrics:read").await;
        let (administrator, user) = (hand(&world, &world.ada).await, hand(&world, &world.ada).await);
        Self { world, client: facts.client, grant: facts.grant, administrator, user }
    }

    fn acts(&self) -> Vec<Act> {
        let (client, grant) = (&self.client.id, &self.grant.id);
        let of_all = |what, form: &str, (method, below, body): (Method, &str, Value), command| Act {
            what,
            own: false,
            page: format!("/orgs/acme/applications/{client}"),
            form: form.to_owned(),
            call: (method, format!("/policy/clients/{client}{below}"), body),
            command,
        };
        let of_one = |what, form: &str, body, change| Act {
            what,
            own: true,
            page: format!("/settings/applications/{grant}"),
            form: form.to_owned(),
            call: (Method::PATCH, format!("/me/applications/{grant}"), body),
            command: Command::Change(change),
        };
        let set = |body| (Method::PUT, "", body);
        let policy = |verdict, scopes: Option<&str>, unrestricted| {
            Command::Policy(ClientPolicyChange { verdict, scopes: scopes.map(ToOwned::to_owned), unrestricted })
        };
        let (block, allow) = (policy(Some(VerdictName::Block), None, false), policy(Some(VerdictName::Allow), None, false));
        let (most, free) = (policy(None, Some("metrics:read"), false), policy(None, None, true));
        let kept = GrantChange { scopes: Some("metrics:read".to_owned()), ..GrantChange::default() };
        let until = GrantChange { expires_at: Some(UNTIL.to_owned()), ..GrantChange::default() };
        let all = (Method::DELETE, "/grants", Value::Null);
        vec![
            of_all("block", "block=1", set(json!({ "verdict": "block" })), block),
            of_all("allow", "allow=1", set(json!({ "verdict": "allow" })), allow),
            of_all("restrict", "restrict-surely=1&scope=metrics%3Aread", set(json!({ "scopes": "metrics:read" })), most),
            of_all("unrestrict", "unrestrict=1", set(json!({ "unrestricted": true })), free),
            of_one("narrow", "narrow=1&keep=metrics%3Aread", json!({ "scopes": "metrics:read" }), kept),
            of_one("limit", "limit=1&until=2026-12-24", json!({ "expires_at": UNTIL }), until),
            Act {
                what: "revoke one",
                own: false,
                page: format!("/orgs/acme/applications/{client}"),
                form: format!("revoke-{grant}=1"),
                call: (Method::DELETE, format!("/grants/{grant}"), Value::Null),
                command: Command::Revoke,
            },
            of_all("revoke all", "revoke-all=1", all, Command::RevokeClient),
            Act {
                what: "let new ones wait",
                own: false,
                page: "/orgs/acme/applications".to_owned(),
                form: "save-surely=1&new-clients=approval".to_owned(),
                call: (Method::PUT, "/policy".to_owned(), json!({ "new_clients": "approval" })),
                command: Command::NewClients,
            },
        ]
    }

    /// Does it this way.
    async fn take(&self, way: Way, act: &Act) {
        let hand = if act.own { &self.user } else { &self.administrator };
        match way {
            Way::Page => {
                let answer = self.world.submit(&hand.browser, &act.page, &act.form).await;
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}: {}", act.what, answer.body);
            }
            Way::Api => self.call(&hand.principal, act).await,
            Way::Command => self.run(act).await,
        }
    }

    async fn call(&self, who: &Arc<Principal>, act: &Act) {
        let (method, path, body) = &act.call;
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("content-type", "application/json");
        let mut request = request.body(body).expect("a request");
        request.extensions_mut().insert(Arc::clone(who));
        let router = crate::api::router(Arc::clone(&self.world.node), Arc::clone(&self.world.flush) as _);
        let answer = self.world.send(router, request).await;
        assert!(answer.status.is_success(), "{}: {}", act.what, answer.body);
    }

    async fn run(&self, act: &Act) {
        let admin = Local::new(Arc::clone(&self.world.node));
        let (client, grant) = (self.client.id.as_str(), self.grant.id.as_str());
        let done = match &act.command {
            Command::Policy(change) => admin.set_client_policy("acme", client, change.clone()).await.map(drop),
            Command::RevokeClient => admin.revoke_client("acme", client).await.map(drop),
            Command::NewClients => {
                let approval = NewClientsChange { new_clients: NewClients::Approval };
                admin.set_new_clients("acme", approval).await.map(drop)
            }
            Command::Change(change) => admin.change_grant(grant, change.clone()).await.map(drop),
            Command::Revoke => admin.revoke_grant(grant).await.map(drop),
        };
        done.unwrap_or_else(|e| panic!("{}: {e:?}", act.what));
    }

    async fn effect(&self) -> Effect {
        let (store, org) = (&self.world.node.store, &self.world.acme.id);
        let principal = self.world.try_principal(&self.grant).await;
        let config = self.world.node.config.load_full();
        let grant = store.grant_facts(&self.grant.id).await.expect("read").expect("there").grant;
        let policy = store.client_policy(org, &self.client.id).await.expect("a policy");
        let filter = AuditFilter { org: Some(org.clone()), ..AuditFilter::default() };
        let log = store.search_audit(&filter, None, 1000).await.expect("the log");
        let said = log.rows.iter().filter_map(|row| match &row.record.event {
            Event::Control(event) => {
                let kind = event.target.as_ref().map(|(kind, _)| kind.clone());
                Some((operation(&row.record).to_owned(), event.scopes.to_string(), kind))
            }
            Event::Call(_) => None,
        });
        let mut told: Vec<_> = said.collect();
        // What happened at one instant is in no order.
        told.sort();
        Effect {
            holds: principal.map(|p| config.catalogue.scopes(&p.effective.now).to_string()),
            live: grant.state == GrantState::Live,
            keeps: grant.scopes.to_string(),
            ends: grant.expires_at,
            stance: policy.stance,
            most: policy.scopes,
            new_clients: store.new_clients(org).await.expect("a policy"),
            told,
        }
    }

    /// Does all of it but `without`, one after the other; what came of each.
    async fn through(self, way: Way, without: &[&str]) -> Vec<(&'static str, Effect)> {
        let mut all = Vec::new();
        let mut told = self.effect().await.told.len();
        for act in self.acts().into_iter().filter(|act| !without.contains(&act.what)) {
            self.take(way, &act).await;
            let effect = self.effect().await;
            assert!(effect.told.len() > told, "{} by {way:?} is not on record", act.what);
            told = effect.told.len();
            all.push((act.what, effect));
        }
        all
    }
}

#[tokio::test]
async fn what_was_authorized_is_taken_alike_by_page_api_and_command() {
    let by_page = Stage::used().await.through(Way::Page, &[]).await;
    let held: Vec<_> = by_page.iter().map(|(what, effect)| (*what, effect.holds.as_deref())).collect();
    let (both, read) = (Some("alerts:read metrics:read"), Some("metrics:read"));
    let wanted = [
        ("block", None),
        ("allow", both),
        ("restrict", read),
        ("unrestrict", both),
        ("narrow", read),
        ("limit", read),
        ("revoke one", None),
        ("revoke all", None),
        ("let new ones wait", None),
    ];
    assert_eq!(held, wanted);
    assert_eq!(Stage::used().await.through(Way::Api, &[]).await, by_page);
    assert_eq!(Stage::used().await.through(Way::Command, &[]).await, by_page);
}

#[tokio::test]
async fn what_a_test_was_given_is_taken_alike_by_page_api_and_command() {
    // It ends within the hour, and a page counts days.
    let without = ["limit"];
    let by_page = Stage::tried().await.through(Way::Page, &without).await;
    let held: Vec<_> = by_page.iter().map(|(_, effect)| effect.holds.is_some()).collect();
    assert_eq!(held, [false, true, true, true, true, false, false, false]);
    assert_eq!(Stage::tried().await.through(Way::Api, &without).await, by_page);
    assert_eq!(Stage::tried().await.through(Way::Command, &without).await, by_page);
}
