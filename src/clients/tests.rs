//! Whose clients are whose, and whom their makers may lend.

use super::*;
use crate::account::tests::world::{World, scopes};
use crate::store::{Holder, Membership, NewUser, ScopeRefusal, ScopeRequest, ScopeRequestState, ScopeRequests, UserKind};
use crate::types::{API_KEYS_WRITE, ScopeToken};

fn robot(subject: Option<&str>) -> New {
    New {
        kind: Kind::Machine,
        name: "Robot".to_owned(),
        redirect_uris: Vec::new(),
        scopes: Some("metrics:read".to_owned()),
        subject: subject.map(ToOwned::to_owned),
        resources: Vec::new(),
        auth: None,
        require_state: false,
        access_token_ttl: None,
        device_grant: false,
        secret_lives: None,
    }
}

/// A service user of acme with these roles.
async fn service(world: &World, name: &str, roles: &[&str]) -> User {
    let id = UserId::generate(world.node.now(), &*world.node.entropy);
    let user = User { id, email: name.to_owned(), kind: UserKind::Service, ..world.bob.clone() };
    world.node.store.create_user(&NewUser { user: user.clone(), password: None }, &world.node.own_cause()).await.expect("a user");
    let roles = roles.iter().map(|r| RoleName::parse(r).expect("a role")).collect();
    let membership = Membership { org: world.acme.id.clone(), user: user.id.clone(), roles };
    world.node.store.set_membership(&membership, &world.node.own_cause()).await.expect("a member");
    user
}

fn of<'w>(world: &'w World, user: &User) -> Clients<'w> {
    Clients::new(&world.node, By::Member { user: user.id.clone(), org: &world.acme }, world.node.own_cause())
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> Refusal {
    match outcome {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn subjects_are_service_users_and_who_manages_members_within_reach() {
    let world = World::new().await;
    let (strong, weak) = (service(&world, "strong", &["admin"]).await, service(&world, "weak", &["viewer"]).await);
    let off = service(&world, "off", &["viewer"]).await;
    world.node.store.set_user_state(&off.id, UserState::Disabled, &world.node.own_cause()).await.expect("switched");
    let emails = async |clients: Clients<'_>| {
        clients.subjects(&world.acme).await.expect("users").into_iter().map(|u| u.email).collect::<Vec<_>>()
    };
    assert_eq!(emails(of(&world, &world.ada)).await, ["ada@acme.test", "strong", "weak"]);
    assert_eq!(emails(of(&world, &world.bob)).await, ["weak"], "bob reads, and lends nobody who may do more");
    let operator = Clients::new(&world.node, By::Operator, world.node.own_cause());
    assert_eq!(emails(operator).await, ["ada@acme.test", "strong", "weak"]);

    let bob = of(&world, &world.bob);
    let beyond = bob.create(Some(&world.acme), &robot(Some(strong.email.as_str()))).await;
    assert_eq!(refusal(beyond), Refusal::BeyondReach);
    let made = bob.create(Some(&world.acme), &robot(Some(weak.id.as_str()))).await.expect("a machine");
    assert_eq!(made.client.subject, Some(weak.id.clone()));
    // The subject grows beyond who made its client, and with it who may hold a secret.
    world.join(&weak, &world.acme, &["admin"]).await;
    assert_eq!(refusal(bob.add_secret(&made.client, NewSecret::default()).await), Refusal::BeyondReach);
    assert_eq!(refusal(bob.set_scopes(&made.client, Some("metrics:read")).await), Refusal::BeyondReach);
    of(&world, &world.ada).add_secret(&made.client, NewSecret::default()).await.expect("a secret");
}

#[tokio::test]
async fn members_have_the_clients_of_their_organization_and_give_no_private_scopes() {
    let world = World::new().await;
    let ada = of(&world, &world.ada);
    let foreign = world.client("of nobody").await;
    assert_eq!(refusal(ada.find(foreign.id.as_str()).await), Refusal::NotOwn);
    assert_eq!(refusal(ada.find("x").await), Refusal::NotOwn);
    let config = world.node.config.load_full();
    let private = config.catalogue.entries().iter().find(|e| e.visibility == Visibility::Private).expect("a private scope");
    let new = New { scopes: Some(private.name.to_string()), ..robot(Some("ada@acme.test")) };
    assert_eq!(refusal(ada.create(Some(&world.acme), &new).await), Refusal::PrivateScope(private.name.clone()));
    let operator = Clients::new(&world.node, By::Operator, world.node.own_cause());
    let made = operator.create(Some(&world.acme), &new).await.expect("the operator gives it").client;
    assert_eq!(made.scopes, Some(scopes(private.name.as_str())));
    operator.switch(&made, ClientState::Frozen).await.expect("frozen");
    assert_eq!(refusal(ada.find_to_change(made.id.as_str()).await), Refusal::Frozen);
    assert_eq!(refusal(ada.switch(&made, ClientState::Active).await), Refusal::Frozen);
    ada.delete(&made).await.expect("only that");
    assert_eq!(refusal(ada.delete(&made).await), Refusal::NotOwn);
}

#[tokio::test]
async fn what_the_operator_gave_a_client_its_organization_may_leave_with_it() {
    let world = World::new().await;
    let (ada, store, cause) = (of(&world, &world.ada), &world.node.store, world.node.own_cause());
    let operator = Clients::new(&world.node, By::Operator, cause.clone());
    let given = New { scopes: Some("metrics:read metrics:delete".to_owned()), ..robot(Some("ada@acme.test")) };
    let made = operator.create(Some(&world.acme), &given).await.expect("the operator gives it").client;
    let now = async || store.client(&made.id).await.expect("a store").expect("it is there");
    ada.set_scopes(&now().await, Some("members:read metrics:delete")).await.expect("what it holds may stay");
    assert_eq!(now().await.scopes, Some(scopes("members:read metrics:delete")));
    let more = ada.set_scopes(&now().await, Some("metrics:delete upstream:inspect")).await;
    assert_eq!(refusal(more), Refusal::PrivateScope(ScopeToken::parse("upstream:inspect").expect("a scope")));

    let (delete, hour) = (ScopeToken::parse("metrics:delete").expect("a scope"), std::time::Duration::from_hours(1));
    ada.set_scopes(&now().await, Some("members:read")).await.expect("left away");
    let again = ada.set_scopes(&now().await, Some("members:read metrics:delete")).await;
    assert_eq!(refusal(again), Refusal::PrivateScope(delete.clone()), "it was not approved, and is gone");
    let holder = Holder::Client(made.id.clone());
    assert!(store.approve_scope(&holder, &delete, cause.at.plus(hour), None, &cause).await.expect("an answer"));
    ada.set_scopes(&now().await, Some("members:read metrics:delete")).await.expect("it was approved for this client");
    let other = operator.create(Some(&world.acme), &robot(Some("ada@acme.test"))).await.expect("a machine").client;
    assert_eq!(refusal(ada.set_scopes(&other, Some("metrics:delete")).await), Refusal::PrivateScope(delete), "and no other");
}

#[tokio::test]
async fn a_machine_names_a_scope_by_either_name() {
    let world = World::new().await;
    let (ada, cause) = (of(&world, &world.ada), world.node.own_cause());
    let operator = Clients::new(&world.node, By::Operator, cause);
    let new = |named: &str| New { scopes: Some(named.to_owned()), ..robot(Some("ada@acme.test")) };
    let scope = ScopeToken::parse(API_KEYS_WRITE).expect("a scope");
    for named in ["api_keys_write", "api_keys:write", "api_keys_write api_keys:write"] {
        let made = operator.create(Some(&world.acme), &new(named)).await.expect("a machine").client;
        assert_eq!(made.scopes, Some(scopes(API_KEYS_WRITE)), "{named}");
        operator.set_scopes(&made, Some(&format!("metrics:read {named}"))).await.expect("changed");
        let refused = ada.create(Some(&world.acme), &new(named)).await;
        assert_eq!(refusal(refused), Refusal::PrivateScope(scope.clone()), "{named}");
    }
}

#[tokio::test]
async fn a_client_asks_for_a_private_scope_and_has_it_until_it_is_taken_back() {
    let world = World::new().await;
    let (ada, store, cause) = (of(&world, &world.ada), &world.node.store, world.node.own_cause());
    let made = ada.create(Some(&world.acme), &robot(Some("ada@acme.test"))).await.expect("a machine").client;
    let (delete, hour) = (ScopeToken::parse("metrics:delete").expect("a scope"), std::time::Duration::from_hours(1));
    let shared = |refused: Result<ScopeRequest, ClientError>| match refused {
        Err(ClientError::Shared(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let ask = async |scope: &str, why: &str| ada.request_scope(&made, scope, why).await;
    assert!(matches!(shared(ask("metrics:read", "to read").await), apps::Refusal::PublicScope(_)));
    assert!(matches!(shared(ask("no:such", "to try").await), apps::Refusal::UnknownScope(_)));
    assert_eq!(shared(ask("metrics:delete", "  ").await), apps::Refusal::NoReason);
    let asked = ask("metrics:delete", "It tidies up.").await.expect("a request");
    assert_eq!((asked.state, &asked.holder), (ScopeRequestState::Pending, &Holder::Client(made.id.clone())));
    assert_eq!(shared(ask("metrics:delete", "again").await), apps::Refusal::Waiting(delete.clone()));
    let queue = store.scope_requests(ScopeRequests::All).await.expect("the queue");
    assert_eq!(queue.iter().map(|r| (&r.holder, &r.reason[..])).collect::<Vec<_>>(), [(&asked.holder, "It tidies up.")]);
    let taken = ada.cancel_scope_request(&made, "metrics:delete").await.expect("taken back");
    assert_eq!(taken.state, ScopeRequestState::Withdrawn);
    assert_eq!(shared(ada.cancel_scope_request(&made, "metrics:delete").await), apps::Refusal::NotWaiting(delete.clone()));

    ask("metrics:delete", "It tidies up.").await.expect("another request");
    assert!(store.approve_scope(&asked.holder, &delete, cause.at.plus(hour), None, &cause).await.expect("an answer"));
    ada.set_scopes(&made, Some("metrics:read metrics:delete")).await.expect("it may name what it was given");
    let ended = store.refuse_scope(&asked.holder, &delete, ScopeRefusal::Withdraw, None, &cause).await.expect("an answer");
    assert!(ended.is_some());
    let listed = ada.scope_requests(&made).await.expect("requests");
    assert_eq!(listed.iter().map(|r| r.state).collect::<Vec<_>>(), [ScopeRequestState::Withdrawn]);

    let registered = Client { origin: ClientOrigin::Dynamic, ..made.clone() };
    assert_eq!(refusal(ada.request_scope(&registered, "metrics:delete", "why not").await), Refusal::RegisteredItself);
}

#[tokio::test]
async fn terms_change_within_bounds_and_reach() {
    let world = World::new().await;
    let weak = service(&world, "weak", &["viewer"]).await;
    let (ada, bob) = (of(&world, &world.ada), of(&world, &world.bob));
    let made = ada.create(Some(&world.acme), &robot(Some("weak"))).await.expect("a machine").client;
    let now = async || ada.find(made.id.as_str()).await.expect("it is there").access_token_ttl.map(|ttl| ttl.as_secs());
    bob.set_terms(&made, Setting::To(60), Some(true)).await.expect("within reach");
    assert_eq!(now().await, Some(60));
    for wrong in [0, MAX_TTL + 1] {
        assert_eq!(refusal(ada.set_terms(&made, Setting::To(wrong), None).await), Refusal::Lifetime, "{wrong}");
    }
    world.join(&weak, &world.acme, &["admin"]).await;
    assert_eq!(refusal(bob.set_terms(&made, Setting::To(90), None).await), Refusal::BeyondReach);
    let operator = Clients::new(&world.node, By::Operator, world.node.own_cause());
    operator.switch(&made, ClientState::Frozen).await.expect("frozen");
    assert_eq!(refusal(ada.set_terms(&made, Setting::Default, None).await), Refusal::Frozen, "also when it was read before");
    operator.set_terms(&made, Setting::Default, None).await.expect("the operator may");
    assert_eq!(now().await, None);
}

#[tokio::test]
async fn a_first_secret_has_an_end_when_it_shall_have_one() {
    let world = World::new().await;
    let ada = of(&world, &world.ada);
    let lives = |seconds| New { secret_lives: seconds, ..robot(Some("ada@acme.test")) };
    let ends = async |seconds| {
        let made = ada.create(Some(&world.acme), &lives(seconds)).await.expect("a machine");
        made.secret.expect("a secret").1.expires_at
    };
    assert_eq!(ends(None).await, None);
    assert_eq!(ends(Some(60)).await, Some(world.node.now().plus(std::time::Duration::from_secs(60))));
    for wrong in [0, crate::apps::MAX_SECRET_LIFE + 1] {
        let refused = ada.create(Some(&world.acme), &lives(Some(wrong))).await;
        assert!(matches!(refused, Err(ClientError::Shared(apps::Refusal::SecretLife))), "{wrong}");
    }
    let public =
        New { kind: Kind::Public, subject: None, redirect_uris: vec!["https://a.example/cb".to_owned()], ..lives(Some(60)) };
    assert_eq!(refusal(ada.create(Some(&world.acme), &public).await), Refusal::SecretOfPublic);
}
