//! `/orgs/{org}/machines`.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};

use super::world::{Answer, Browser, START, World};
use crate::store::{Client, ClientState, Hand, Holder, ScopeRefusal, User, UserState, Verdict};
use crate::types::ScopeToken;

const PATH: &str = "/orgs/acme/machines";

/// A service user that a page made.
async fn robot(world: &World, ada: &Browser, roles: &str) -> User {
    let made = world.submit(ada, "/orgs/acme/members", &format!("service=ci&{roles}&add-service=1")).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
    world.node.store.user_by_email("ci.acme").await.expect("a store").expect("it is there")
}

/// What a page shows under this id.
fn shown(page: &Answer, id: &str) -> String {
    let mark = format!("id=\"{id}\">");
    let (_, rest) = page.body.split_once(&mark).unwrap_or_else(|| panic!("no {id}: {}", page.body));
    rest.split('<').next().unwrap_or_default().to_owned()
}

async fn only(world: &World) -> Client {
    let mut all = world.node.store.machines(&world.acme.id, "", (0, 10)).await.expect("a store");
    assert_eq!(all.len(), 1);
    all.remove(0).client
}

async fn token(world: &World, client: &Client, secret: &str) -> Answer {
    let request = Request::post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
    let basic = STANDARD.encode(format!("{}:{secret}", client.id));
    let request = request.header("authorization", format!("Basic {basic}"));
    world.send(world.site(), request.body(Body::from("grant_type=client_credentials")).expect("a request")).await
}

#[tokio::test]
async fn a_client_is_made_used_and_stopped() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let empty = world.get(Some(&ada), PATH).await;
    assert!(
        empty.body.contains("No machine clients yet") && empty.body.contains("/orgs/acme/members#services"),
        "{}",
        empty.body
    );
    let robot = robot(&world, &ada, "role=viewer").await;
    let form = world.get(Some(&ada), &format!("{PATH}/new")).await;
    for shown in ["ci.acme", "ada@acme.test", "metrics:read", "as for every machine client here"] {
        assert!(form.body.contains(shown), "{shown}: {}", form.body);
    }
    assert!(!form.body.contains("bob@acme.test"), "an ordinary person lends nobody");
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&lifetime=90&save=1", robot.id);
    let made = world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let (client, secret) = (only(&world).await, shown(&made, "client-secret"));
    let path = format!("{PATH}/{}", client.id);
    assert!(!world.get(Some(&ada), &path).await.body.contains(&secret), "it is shown once");
    let given = token(&world, &client, &secret).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.body);
    assert!(given.body.contains("\"expires_in\":90"), "{}", given.body);

    let off = world.submit(&ada, &path, "switch-off=1").await;
    assert_eq!(off.status, StatusCode::SEE_OTHER);
    assert_ne!(token(&world, &client, &secret).await.status, StatusCode::OK);
    assert!(world.get(Some(&ada), PATH).await.body.contains("Switched off"));
    world.submit(&ada, &path, "switch-on=1").await;
    assert_eq!(token(&world, &client, &secret).await.status, StatusCode::OK);

    world.submit(&ada, "/orgs/acme/members", &format!("deactivate-{}=1", robot.id)).await;
    assert_ne!(token(&world, &client, &secret).await.status, StatusCode::OK);
    let stopped = world.get(Some(&ada), &path).await;
    assert!(stopped.body.contains("Stopped") && stopped.body.contains("is deactivated"), "{}", stopped.body);

    let asked = world.get(Some(&ada), &format!("{path}?confirm=delete")).await;
    assert!(asked.body.contains("Delete Nightly?") && asked.body.contains("Whatever runs with it stops"), "{}", asked.body);
    let gone = world.submit(&ada, &path, "delete=1").await;
    assert_eq!(gone.headers["location"], format!("{PATH}?deleted=1").as_str());
    assert_eq!(world.get(Some(&ada), &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn secrets_overlap_end_and_are_retired() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=viewer").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    let first = shown(&world.submit(&ada, &format!("{PATH}/new"), &fields).await, "client-secret");
    let client = only(&world).await;
    let path = format!("{PATH}/{}", client.id);
    let added = world.submit(&ada, &path, "add-secret=1&lives=2592000&overlap=86400").await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    let second = shown(&added, "client-secret");
    let live = world.node.store.live_secrets(&client.id, world.node.now()).await.expect("a store");
    let end = |days: u64| Some(START.plus(std::time::Duration::from_hours(24 * days)));
    let mut ends: Vec<_> = live.iter().map(|s| s.expires_at).collect();
    ends.sort();
    assert_eq!(ends, [end(1), end(30)]);
    for secret in [&first, &second] {
        assert_eq!(token(&world, &client, secret).await.status, StatusCode::OK);
    }
    let old = live.iter().find(|s| s.expires_at == end(1)).expect("the first");
    let asked = world.get(Some(&ada), &format!("{path}?confirm=retire-{}", old.id())).await;
    assert!(asked.body.contains(&format!("Retire the secret that ends in {}?", old.last4)), "{}", asked.body);
    let retired = world.submit(&ada, &path, &format!("retire-secret={}", old.id())).await;
    assert_eq!(retired.status, StatusCode::SEE_OTHER, "{}", retired.body);
    assert_eq!(token(&world, &client, &first).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(token(&world, &client, &second).await.status, StatusCode::OK);
    let other = live.iter().find(|s| s.expires_at == end(30)).expect("the second").id();
    for (act, status) in [
        (format!("retire-secret={other}"), StatusCode::CONFLICT),
        ("retire-secret=0".to_owned(), StatusCode::CONFLICT),
        ("add-secret=1&lives=0".to_owned(), StatusCode::CONFLICT),
        ("add-secret=1&lives=soon".to_owned(), StatusCode::CONFLICT),
        (String::new(), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(world.submit(&ada, &path, &act).await.status, status, "{act}");
    }
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_a_search_saves_nothing() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=admin").await;
    let new = format!("{PATH}/new");
    for (fields, said) in [
        (format!("subject={}&scopes=metrics:read", robot.id), "The name needs 1 to 100 characters"),
        ("name=x&scopes=metrics:read".to_owned(), "Choose the user that it acts as."),
        (format!("name=x&scopes=metrics:read&subject={}", world.bob.id), "be acted as"),
        (format!("name=x&subject={}", robot.id), "Tick at least one permission"),
        (format!("name=x&subject={}&scopes=metrics:read&lifetime=0", robot.id), "Tokens live 1 to 86,400 seconds."),
        (format!("name=x&subject={}&scopes=metrics:read&lifetime=long", robot.id), "Tokens live 1 to 86,400 seconds."),
        (format!("name=x&subject={}&scopes=metrics:read&resources=urn:x", robot.id), "One of the APIs is not here"),
    ] {
        let answer = world.submit(&ada, &new, &format!("{fields}&save=1")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert!(answer.body.contains(said), "{fields}: {}", answer.body);
    }
    let found = world.submit(&ada, &new, &format!("name=Kept&subject={}&find=metrics&search=1", robot.id)).await;
    assert!(found.status == StatusCode::OK && found.body.contains("value=\"Kept\""), "{}", found.body);
    assert!(found.body.contains("more don&#39;t match") || found.body.contains("more don't match"), "{}", found.body);
    assert_eq!(world.node.store.machines(&world.acme.id, "", (0, 1)).await.expect("a store").len(), 0);
}

#[tokio::test]
async fn nobody_makes_a_machine_that_may_do_more_than_they() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=admin").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let client = only(&world).await;
    world.join(&world.bob, &world.acme, &["maker"]).await;
    let bob = world.sign_in(&world.bob).await;
    let form = world.get(Some(&bob), &format!("{PATH}/new")).await;
    assert!(form.body.contains("There is nobody that it could act as."), "{}", form.body);
    assert_eq!(world.submit(&bob, &format!("{PATH}/new"), &fields).await.status, StatusCode::FORBIDDEN);
    let path = format!("{PATH}/{}", client.id);
    assert_eq!(world.submit(&bob, &path, "add-secret=1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.submit(&bob, &format!("{path}/scopes"), "scopes=metrics:read&save=1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        world.submit(&bob, &path, "switch-off=1").await.status,
        StatusCode::SEE_OTHER,
        "that takes no more than clients:write"
    );
}

#[tokio::test]
async fn a_page_says_what_stops_a_client() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=viewer").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let client = only(&world).await;
    let (path, store, cause) = (format!("{PATH}/{}", client.id), &world.node.store, world.node.own_cause());
    let page = async || world.get(Some(&ada), &path).await.body;
    assert!(page().await.contains("Works"));
    store.decide_client(&world.acme.id, &client.id, Verdict::Block, &cause).await.expect("blocked");
    assert!(page().await.contains("blocks it under third-party access"));
    store.decide_client(&world.acme.id, &client.id, Verdict::Allow, &cause).await.expect("allowed");
    world.join(&robot, &world.acme, &[]).await;
    assert!(page().await.contains("Takes effect when the user that it acts as is given this permission"));
    store.set_user_state(&robot.id, UserState::Frozen, &cause).await.expect("frozen");
    assert!(page().await.contains("froze the user that it acts as"));
    store.set_user_state(&robot.id, UserState::Active, &cause).await.expect("thawed");
    store.remove_membership(&world.acme.id, &robot.id, &cause).await.expect("removed");
    assert!(page().await.contains("is no member of your organization any more"));
    store.set_client_state(&client.id, ClientState::Frozen, &cause).await.expect("frozen");
    let frozen = page().await;
    assert!(frozen.contains("froze it. Ask them to thaw it") && !frozen.contains("id=\"add-secret\""), "{frozen}");
    assert_eq!(world.submit(&ada, &path, "switch-on=1").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn permissions_are_changed_on_a_page_of_their_own() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=viewer").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let client = only(&world).await;
    let path = format!("{PATH}/{}/scopes", client.id);
    let page = world.get(Some(&ada), &path).await;
    assert!(page.body.contains("value=\"metrics:read\" aria-describedby=\"scopes-hint\" checked"), "{}", page.body);
    assert_eq!(world.submit(&ada, &path, "save=1").await.status, StatusCode::UNPROCESSABLE_ENTITY, "none is no choice");
    let set = world.submit(&ada, &path, "scopes=members:read&save=1").await;
    assert_eq!(set.status, StatusCode::SEE_OTHER, "{}", set.body);
    assert_eq!(only(&world).await.scopes, Some(super::world::scopes("members:read")));
}

#[tokio::test]
async fn a_private_scope_that_was_given_stays_when_another_is_changed() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=admin").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let (client, given) = (only(&world).await, super::world::scopes("metrics:delete metrics:read"));
    let set = world.node.store.set_client_scopes(&client.id, Some(&given), Hand::Operator, &world.node.own_cause()).await;
    assert!(set.expect("the operator gave it"));
    let path = format!("{PATH}/{}/scopes", client.id);
    let form = world.get(Some(&ada), &path).await;
    assert!(form.body.contains("value=\"metrics:delete\" aria-describedby=\"scopes-hint\" checked"), "{}", form.body);
    let set = world.submit(&ada, &path, "scopes=metrics:delete&scopes=members:read&save=1").await;
    assert_eq!(set.status, StatusCode::SEE_OTHER, "{}", set.body);
    assert_eq!(only(&world).await.scopes, Some(super::world::scopes("members:read metrics:delete")));
    let more = world.submit(&ada, &path, "scopes=metrics:delete&scopes=upstream:inspect&save=1").await;
    assert_eq!(more.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", more.body);
}

#[tokio::test]
async fn a_private_permission_is_asked_for_given_and_taken_back() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=admin").await;
    let fields = format!("name=Tidy&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    let made = world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let (client, secret) = (only(&world).await, shown(&made, "client-secret"));
    let path = format!("{PATH}/{}", client.id);
    let unsaid = world.submit(&ada, &path, "private_scope=metrics%3Adelete&private_reason=&request-scope=1").await;
    assert_eq!(unsaid.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unsaid.body.contains("value=\"metrics:delete\""), "what was entered stays: {}", unsaid.body);
    let asked = world.submit(&ada, &path, "private_scope=metrics%3Adelete&private_reason=Tidies+up&request-scope=1").await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    let page = world.get(Some(&ada), &path).await;
    for said in ["private-metrics:delete", "Tidies up", "cancel-metrics:delete"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let early = world.submit(&ada, &format!("{path}/scopes"), "scopes=metrics%3Aread&scopes=metrics%3Adelete&save=1").await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "it was not given yet");

    let (holder, scope) = (Holder::Client(client.id.clone()), ScopeToken::parse("metrics:delete").expect("a scope"));
    let (store, cause) = (&world.node.store, world.node.own_cause());
    let until = cause.at.plus(std::time::Duration::from_hours(1));
    assert!(store.approve_scope(&holder, &scope, until, None, &cause).await.expect("an answer"));
    world.node.settle().await.expect("settled");
    let ticked = world.submit(&ada, &format!("{path}/scopes"), "scopes=metrics%3Aread&scopes=metrics%3Adelete&save=1").await;
    assert_eq!(ticked.status, StatusCode::SEE_OTHER, "{}", ticked.body);
    let given = token(&world, &client, &secret).await;
    assert!(given.body.contains("metrics:delete"), "{}", given.body);
    let taken = store.refuse_scope(&holder, &scope, ScopeRefusal::Withdraw, Some("no longer"), &cause).await;
    assert_eq!(taken.expect("an answer").map(|ended| ended.grants), Some(1), "its grant held it");
    world.node.settle().await.expect("settled");
    let given = token(&world, &client, &secret).await;
    assert!(given.status == StatusCode::OK && !given.body.contains("metrics:delete"), "{}", given.body);
    assert!(world.get(Some(&ada), &path).await.body.contains("no longer"), "what the operator said");
}

#[tokio::test]
async fn the_lifetime_of_tokens_is_set_for_those_to_come() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=viewer").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    let made = world.submit(&ada, &format!("{PATH}/new"), &fields).await;
    let (client, secret) = (only(&world).await, shown(&made, "client-secret"));
    let path = format!("{PATH}/{}", client.id);
    for wrong in ["0", "86401", "soon"] {
        let refused = world.submit(&ada, &path, &format!("lifetime={wrong}&set-lifetime=1")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(refused.body.contains(&format!("value=\"{wrong}\"")), "what was entered stays: {}", refused.body);
    }
    for (entered, lives) in [("45", "\"expires_in\":45"), ("", "\"expires_in\":300")] {
        let set = world.submit(&ada, &path, &format!("lifetime={entered}&set-lifetime=1")).await;
        assert_eq!(set.status, StatusCode::SEE_OTHER, "{entered}: {}", set.body);
        let given = token(&world, &client, &secret).await;
        assert!(given.body.contains(lives), "{entered}: {}", given.body);
    }
}

#[tokio::test]
async fn what_was_revoked_of_a_client_stays_so_until_it_is_allowed_again() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let robot = robot(&world, &ada, "role=viewer").await;
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    let secret = shown(&world.submit(&ada, &format!("{PATH}/new"), &fields).await, "client-secret");
    let client = only(&world).await;
    let path = format!("{PATH}/{}", client.id);
    assert_eq!(token(&world, &client, &secret).await.status, StatusCode::OK);
    let revoked = world.submit(&ada, &format!("/orgs/acme/applications/{}", client.id), "revoke-all=1").await;
    assert_eq!(revoked.status, StatusCode::SEE_OTHER, "{}", revoked.body);
    for _ in 0..2 {
        let refused = token(&world, &client, &secret).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.body.contains("unauthorized_client") && refused.body.contains("was revoked"), "{}", refused.body);
    }
    let stopped = world.get(Some(&ada), &path).await.body;
    assert!(stopped.contains("Its authorization was revoked") && stopped.contains("Allow it again"), "{stopped}");
    assert!(world.get(Some(&ada), PATH).await.body.contains("Stopped"));
    world.submit(&ada, &path, "switch-on=1").await;
    assert_eq!(token(&world, &client, &secret).await.status, StatusCode::OK);
    let works = world.get(Some(&ada), &path).await.body;
    assert!(works.contains("Works") && !works.contains("Allow it again"), "{works}");
}
