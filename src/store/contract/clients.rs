//! Clients and their secrets.

use std::time::Duration;

use futures::future::join_all;

use super::world::*;
use crate::record::Actor;
use crate::store::{
    Added, AuditFilter, Client, ClientAuth, ClientChange, ClientKind, ClientOrigin, ClientPolicy, ClientSecret, ClientState,
    ClientTerms, Grant, GrantState, GrantType, Hand, KnownClient, MAX_SECRETS, Membership, NewUser, Org, Removed, RevokeReason,
    SharedStore, Stance, Subject, User, UserKind, UserState, Verdict,
};
use crate::types::{ClientId, OrgId, Setting, TokenKind, UserId};

fn secret(last4: &str) -> ClientSecret {
    ClientSecret { hash: hash(TokenKind::ClientSecret), last4: last4.into(), created_at: START, expires_at: None }
}

pub(crate) async fn clients_come_back_whole(store: SharedStore) {
    let world = World::new(store).await;
    let service = User { kind: UserKind::Service, ..user("robot") };
    world.store.create_user(&NewUser { user: service.clone(), password: None }, &cause(0)).await.expect("a user");
    let machine = Client {
        kind: ClientKind::Confidential,
        auth: ClientAuth::SecretPost,
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::ClientCredentials],
        scopes: None,
        subject: Some(service.id),
        resources: vec![resource("https://gw.test/loki")],
        require_state: false,
        access_token_ttl: Some(Duration::from_secs(90)),
        ..client(None, ClientOrigin::Dynamic)
    };
    world.store.create_client(&machine, Some(&secret("9xyz")), &cause(1)).await.expect("a client");
    assert_eq!(world.store.client(&machine.id).await.expect("an answer"), Some(machine.clone()));
    assert_eq!(world.store.client(&world.client.id).await.expect("an answer"), Some(world.client.clone()));
    let secrets = world.store.live_secrets(&machine.id, START).await.expect("secrets");
    assert_eq!(secrets.iter().map(|s| s.last4.as_str()).collect::<Vec<_>>(), ["9xyz"]);
    let log = world.log().await;
    assert!(log.contains(&("client.create".into(), Some(world.org.id.clone()))), "{log:?}");
    assert!(log.contains(&("client.register_dynamic".into(), None)), "{log:?}");
}

pub(crate) async fn clients_are_listed_newest_first(store: SharedStore) {
    let world = World::new(store).await;
    let late = Client { created_at: after(5), ..client(None, ClientOrigin::Dynamic) };
    world.store.create_client(&late, None, &cause(5)).await.expect("a client");
    let all = world.store.clients(None).await.expect("clients");
    assert_eq!(all, [late, world.client.clone()]);
    let own = world.store.clients(Some(&world.org.id)).await.expect("clients");
    assert_eq!(own, std::slice::from_ref(&world.client));
    world.store.delete_client(&world.client.id, &cause(6)).await.expect("an answer");
    assert_eq!(world.store.clients(Some(&world.org.id)).await.expect("clients"), []);
}

pub(crate) async fn no_race_gives_an_organization_more_clients_than_it_may_have(store: SharedStore) {
    let world = World::new(store).await;
    let (store, acme) = (&world.store, &world.org.id);
    let many = async || store.clients(Some(acme)).await.expect("clients").len();
    let make = async |owner: Option<&OrgId>| {
        let new = client(owner, ClientOrigin::Administrator);
        store.create_client_within(&new, Some(&secret("1111")), 4, &cause(1)).await.expect("an answer")
    };
    let outcomes = join_all((0..8).map(|_| make(Some(acme)))).await;
    assert_eq!((outcomes.iter().filter(|made| **made).count(), many().await), (3, 4), "{outcomes:?}");
    // What is refused leaves nothing, the organizations beside it have room of their own, and what is removed makes room.
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "client.create").count(), 4, "{log:?}");
    let beta = org("beta");
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    assert!(make(Some(&beta.id)).await && make(None).await);
    store.delete_client(&world.client.id, &cause(2)).await.expect("an answer");
    let outcomes = join_all((0..4).map(|_| make(Some(acme)))).await;
    assert_eq!((outcomes.iter().filter(|made| **made).count(), many().await), (1, 4), "{outcomes:?}");
}

pub(crate) async fn clients_of_an_organization_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let mut made = vec![(world.client.created_at, world.client.id.clone())];
    for n in 0..4 {
        // Two of each instant: the id tells which comes first.
        let one = Client { created_at: after(10 + n / 2), ..client(Some(&world.org.id), ClientOrigin::Administrator) };
        world.store.create_client(&one, None, &cause(10)).await.expect("a client");
        made.push((one.created_at, one.id));
    }
    world.store.create_client(&client(None, ClientOrigin::Dynamic), None, &cause(10)).await.expect("another's");
    made.sort_by(|a, b| b.cmp(a));
    let mut seen = Vec::new();
    for most in [2, 2, 1, 0] {
        let page = world.store.find_org_clients(&world.org.id, "", seen.last(), 2).await.expect("clients");
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|c| (c.created_at, c.id)));
    }
    assert_eq!(seen, made);
}

pub(crate) async fn machines_come_with_what_they_rest_on(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let service = User { kind: UserKind::Service, ..user("robot") };
    store.create_user(&NewUser { user: service.clone(), password: None }, &cause(0)).await.expect("a user");
    let machine = |seconds| Client {
        kind: ClientKind::Confidential,
        grant_types: vec![GrantType::ClientCredentials],
        subject: Some(service.id.clone()),
        created_at: after(seconds),
        ..client(Some(org), ClientOrigin::Administrator)
    };
    let old = Client { name: "Nightly 100% \u{DC}nion".to_owned(), ..machine(1) };
    let (young, gone) = (machine(2), machine(3));
    for one in [&old, &young, &gone] {
        store.create_client(one, None, &cause(3)).await.expect("a client");
    }
    store.delete_client(&gone.id, &cause(4)).await.expect("deleted");
    let listed = async |page| {
        let all = store.machines(org, "", page).await.expect("machines");
        all.into_iter().map(|m| m.client.id).collect::<Vec<_>>()
    };
    assert_eq!(listed((0, 9)).await, [young.id.clone(), old.id.clone()], "and no client that users authorize");
    assert_eq!(listed((1, 1)).await, std::slice::from_ref(&old.id));
    let found = async |text: &str| {
        let machines = store.machines(org, text, (0, 9)).await.expect("machines");
        let clients = store.find_org_clients(org, text, None, 9).await.expect("clients");
        let (machines, clients): (Vec<_>, Vec<_>) =
            (machines.into_iter().map(|m| m.client.id).collect(), clients.into_iter().map(|c| c.id).collect());
        (machines, clients)
    };
    let one = |id: &ClientId| (vec![id.clone()], vec![id.clone()]);
    for text in ["NIGHTLY", "100%", "\u{DC}nion", "nightly 100% \u{FC}NION", old.id.as_str()] {
        assert_eq!(found(text).await, one(&old.id), "{text}");
    }
    assert_eq!(found("ROBOT").await.0.len(), 2, "by whom they act as");
    assert_eq!(found("robot").await.1.len(), 2);
    for text in ["_ightly", "100%%", "\0", "nobody"] {
        assert_eq!(found(text).await, (Vec::new(), Vec::new()), "{text:?}");
    }
    let read = async |id| store.machine(org, id).await.expect("an answer");
    let fresh = read(&old.id).await.expect("it is there");
    assert_eq!((fresh.client, fresh.subject, fresh.roles, fresh.last_used_at), (old.clone(), service.clone(), None, None));
    assert_eq!(fresh.policy, ClientPolicy { stance: Stance::Allowed, scopes: None });
    for nothing in [&gone.id, &world.client.id] {
        assert_eq!(read(nothing).await, None);
    }
    let elsewhere = Org { name: "Other".to_owned(), ..self::org("elsewhere") };
    store.create_org(&elsewhere, &cause(4)).await.expect("an organization");
    assert_eq!(store.machine(&elsewhere.id, &old.id).await.expect("an answer"), None);

    let membership = Membership { org: org.clone(), user: service.id.clone(), roles: roles(&["viewer"]) };
    store.set_membership(&membership, &cause(5)).await.expect("a member");
    store.decide_client(org, &old.id, Verdict::Block, &cause(5)).await.expect("blocked");
    let seen = read(&old.id).await.expect("it is there");
    assert_eq!((seen.roles, seen.policy.stance), (Some(roles(&["viewer"])), Stance::Blocked));
}

pub(crate) async fn machines_act_as_service_users_and_those_of_some_roles(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let service = |email: &str| User { kind: UserKind::Service, ..user(email) };
    for (one, held) in [
        (service("robot"), &["viewer"][..]),
        (service("off"), &["viewer"]),
        (user("boss@example.com"), &["admin", "viewer"]),
        (user("clerk@example.com"), &["administrator"]),
        (user("zoe@example.com"), &["viewer"]),
    ] {
        store.create_user(&NewUser { user: one.clone(), password: None }, &cause(0)).await.expect("a user");
        let membership = Membership { org: org.clone(), user: one.id.clone(), roles: roles(held) };
        store.set_membership(&membership, &cause(1)).await.expect("a member");
        if one.email == "off" {
            store.set_user_state(&one.id, UserState::Disabled, &cause(2)).await.expect("switched");
        }
    }
    let found = async |names: &[&str]| {
        let all = store.possible_subjects(org, &roles(names)).await.expect("users");
        all.into_iter().map(|(user, _)| user.email).collect::<Vec<_>>()
    };
    assert_eq!(found(&[]).await, ["robot"]);
    assert_eq!(found(&["admin"]).await, ["boss@example.com", "robot"], "a role is its whole name");
    assert_eq!(found(&["admin", "administrator"]).await, ["boss@example.com", "clerk@example.com", "robot"]);
    let held = store.possible_subjects(org, &roles(&["admin"])).await.expect("users").remove(0).1;
    assert_eq!(held, roles(&["admin", "viewer"]));
}

pub(crate) async fn clients_are_known_by_name(store: SharedStore) {
    let world = World::new(store).await;
    let other = Org { name: "Other Inc".to_owned(), ..org("other") };
    world.store.create_org(&other, &cause(0)).await.expect("an organization");
    let own = Client { name: "Own".to_owned(), created_at: after(3), ..client(None, ClientOrigin::Administrator) };
    let theirs = Client { name: "Theirs".to_owned(), ..client(Some(&other.id), ClientOrigin::Administrator) };
    let stranger = Client { name: "Stranger".to_owned(), ..client(None, ClientOrigin::Dynamic) };
    for one in [&own, &theirs, &stranger] {
        world.store.create_client(one, None, &cause(3)).await.expect("a client");
    }
    let known = async |orgs: &[OrgId]| {
        let all = world.store.known_clients(orgs).await.expect("clients");
        all.into_iter().map(|k| (k.id, k.owner.map(|(_, name)| name))).collect::<Vec<_>>()
    };
    assert_eq!(known(&[]).await, [(own.id.clone(), None)], "the operator's own alone");
    let of_other = known(std::slice::from_ref(&other.id)).await;
    assert_eq!(of_other, [(own.id.clone(), None), (theirs.id.clone(), Some("Other Inc".to_owned()))], "by name");
    let whole = world.store.known_clients(&[]).await.expect("clients");
    assert_eq!(whole[0], KnownClient { id: own.id.clone(), name: "Own".to_owned(), owner: None, created_at: after(3) });

    let nobody = ClientId::generate(START, &ENTROPY);
    world.store.delete_client(&theirs.id, &cause(4)).await.expect("deleted");
    let mut names = world.store.client_names(&[own.id.clone(), stranger.id.clone(), theirs.id, nobody]).await.expect("names");
    names.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(names, [(own.id, "Own".to_owned()), (stranger.id, "Stranger".to_owned())]);
    let absent = OrgId::generate(START, &ENTROPY);
    let orgs = world.store.org_names(&[other.id.clone(), absent]).await.expect("names");
    assert_eq!(orgs, [(other.id, "Other Inc".to_owned())]);
    assert_eq!(world.store.org_names(&[]).await.expect("names"), []);
}

pub(crate) async fn secrets_overlap(store: SharedStore) {
    let world = World::new(store).await;
    let (store, id) = (&world.store, &world.client.id);
    let last4 = async |seconds| {
        let live = store.live_secrets(id, after(seconds)).await.expect("secrets");
        let mut last4: Vec<_> = live.into_iter().map(|s| s.last4).collect();
        last4.sort();
        last4
    };
    assert_eq!(store.add_secret(id, &secret("1111"), None, Hand::Operator, &cause(1)).await.expect("an answer"), Added::Done);
    assert_eq!(
        store.add_secret(id, &secret("2222"), Some(after(10)), Hand::Operator, &cause(2)).await.expect("an answer"),
        Added::Done
    );
    assert_eq!(last4(9).await, ["1111", "2222"]);
    assert_eq!(last4(10).await, ["2222"]);
    // What ends sooner stays so.
    assert_eq!(
        store.add_secret(id, &secret("3333"), Some(after(20)), Hand::Operator, &cause(3)).await.expect("an answer"),
        Added::Done
    );
    assert_eq!(last4(15).await, ["2222", "3333"]);
    let nobody = ClientId::generate(START, &ENTROPY);
    assert_eq!(
        store.add_secret(&nobody, &secret("4444"), None, Hand::Operator, &cause(4)).await.expect("an answer"),
        Added::Absent
    );
}

pub(crate) async fn no_race_gives_a_client_more_secrets_than_it_may_have(store: SharedStore) {
    let world = World::new(store).await;
    let (store, id) = (&world.store, &world.client.id);
    let live = async |seconds| store.live_secrets(id, after(seconds)).await.expect("secrets").len() as u64;
    let add = async |name: &str, others_until, seconds| {
        store.add_secret(id, &secret(name), others_until, Hand::Operator, &cause(seconds)).await.expect("an answer")
    };
    for name in ["0001", "0002", "0003"] {
        assert_eq!(add(name, None, 1).await, Added::Done);
    }
    let outcomes =
        join_all((0..8).map(|n| add(["0010", "0011", "0012", "0013", "0014", "0015", "0016", "0017"][n], None, 2))).await;
    let won = outcomes.iter().filter(|one| **one == Added::Done).count();
    assert_eq!((won, live(2).await), (2, MAX_SECRETS), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|one| **one == Added::Full(MAX_SECRETS)).count(), 6, "{outcomes:?}");
    // What is refused ends nothing, and others that end at once make room.
    assert_eq!((add("0020", Some(after(60)), 3).await, live(60).await), (Added::Full(MAX_SECRETS), MAX_SECRETS));
    assert_eq!((add("0021", Some(after(4)), 4).await, live(4).await), (Added::Done, 1));
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "client.secret.create").count(), 6, "{log:?}");
}

pub(crate) async fn the_last_secret_stays(store: SharedStore) {
    let world = World::new(store).await;
    let (store, id) = (&world.store, &world.client.id);
    let (first, second) = (secret("1111"), secret("2222"));
    assert_eq!(store.add_secret(id, &first, None, Hand::Operator, &cause(1)).await.expect("an answer"), Added::Done);
    let remove = async |one: &ClientSecret, at| store.remove_secret(id, &one.hash, Hand::Operator, &cause(at)).await;
    assert_eq!(remove(&first, 1).await.expect("an answer"), Removed::Last);
    assert_eq!(store.add_secret(id, &second, Some(after(10)), Hand::Operator, &cause(2)).await.expect("an answer"), Added::Done);
    // The first ends in 10 seconds: it can still stand in for the second, and after that it can't.
    assert_eq!(remove(&second, 10).await.expect("an answer"), Removed::Last);
    let both = futures::join!(remove(&first, 3), remove(&second, 3));
    let removed = [both.0.expect("an answer"), both.1.expect("an answer")];
    assert!(removed.contains(&Removed::Done) && removed.contains(&Removed::Last), "{removed:?}");
    let (gone, nobody) = (removed[0] == Removed::Done, ClientId::generate(START, &ENTROPY));
    let again = remove(if gone { &first } else { &second }, 4).await;
    assert_eq!(again.expect("an answer"), Removed::Unknown, "it is gone, and no last one");
    let absent = store.remove_secret(&nobody, &first.hash, Hand::Operator, &cause(4)).await;
    assert_eq!(absent.expect("an answer"), Removed::Absent);
    assert_eq!(store.live_secrets(id, after(3)).await.expect("secrets").len(), 1);
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "client.secret.delete").count(), 1, "{log:?}");
    assert_ne!(first.id(), second.id());
}

pub(crate) async fn clients_are_switched_and_narrowed(store: SharedStore) {
    let world = World::new(store).await;
    let (store, id) = (&world.store, &world.client.id);
    assert!(!store.set_client_state(id, ClientState::Active, &cause(1)).await.expect("an answer"));
    let (grant, _) = world.consent(1).await;
    assert!(store.set_client_state(id, ClientState::Disabled, &cause(1)).await.expect("an answer"));
    let customer = org("customer");
    store.create_org(&customer, &cause(0)).await.expect("an organization");
    let elsewhere =
        crate::store::Grant { org: customer.id.clone(), id: crate::types::GrantId::generate(after(2), &ENTROPY), ..grant };
    store.machine_grant(&elsewhere, &cause(2)).await.expect("a grant");
    assert!(store.set_client_scopes(id, Some(&scopes("logs:read")), Hand::Operator, &cause(2)).await.expect("an answer"));
    let log = world.log().await;
    for org in [&world.org.id, &customer.id] {
        assert_eq!(log.iter().filter(|told| **told == ("client.update".into(), Some(org.clone()))).count(), 1, "{log:?}");
    }
    let stored = store.client(id).await.expect("an answer").expect("the client is there");
    assert_eq!((stored.state, stored.scopes), (ClientState::Disabled, Some(scopes("logs:read"))));
    assert!(store.set_client_scopes(id, None, Hand::Operator, &cause(3)).await.expect("an answer"));
    assert!(store.set_client_state(id, ClientState::Active, &cause(3)).await.expect("an answer"));
    assert_eq!(store.client(id).await.expect("an answer"), Some(Client { scopes: None, ..world.client.clone() }));
    let nobody = ClientId::generate(START, &ENTROPY);
    assert!(!store.set_client_scopes(&nobody, None, Hand::Operator, &cause(4)).await.expect("an answer"));
    assert!(!store.set_client_state(&nobody, ClientState::Disabled, &cause(4)).await.expect("an answer"));
}

pub(crate) async fn the_terms_of_a_client_change(store: SharedStore) {
    let world = World::new(store).await;
    let (s, id) = (&world.store, &world.client.id);
    let set = async |terms: ClientTerms, hand| s.set_client_terms(id, terms, hand, &cause(5)).await.expect("an answer");
    let now = async || {
        let client = s.client(id).await.expect("an answer").expect("it is there");
        (client.access_token_ttl.map(|ttl| ttl.as_secs()), client.require_state)
    };
    let minute = ClientTerms { access_token_ttl: Setting::To(MINUTE), require_state: None };
    let (before, position) = (now().await, s.feed_position().await.expect("a position"));
    assert!(set(minute, Hand::Owner).await);
    assert_eq!(now().await, (Some(60), before.1));
    assert!(world.feed_since(position).await.contains(&Subject::Client { id: id.clone() }));
    let stateless = ClientTerms { require_state: Some(false), ..ClientTerms::default() };
    assert!(set(stateless, Hand::Owner).await);
    assert_eq!(now().await, (Some(60), false));
    assert!(s.set_client_state(id, ClientState::Frozen, &cause(6)).await.expect("an answer"));
    let back = ClientTerms { access_token_ttl: Setting::Default, require_state: Some(true) };
    assert!(!set(back, Hand::Owner).await, "it is frozen");
    assert!(!s.set_client_scopes(id, None, Hand::Owner, &cause(6)).await.expect("an answer"));
    let new = secret("9999");
    assert_eq!(s.add_secret(id, &new, None, Hand::Owner, &cause(6)).await.expect("an answer"), Added::Frozen);
    for name in ["8888", "7777"] {
        assert_eq!(s.add_secret(id, &secret(name), None, Hand::Operator, &cause(6)).await.expect("an answer"), Added::Done);
    }
    let one = s.live_secrets(id, after(6)).await.expect("secrets").remove(0).hash;
    assert_eq!(s.remove_secret(id, &one, Hand::Owner, &cause(6)).await.expect("an answer"), Removed::Frozen);
    assert_eq!(s.remove_secret(id, &one, Hand::Operator, &cause(6)).await.expect("an answer"), Removed::Done);
    assert_eq!(now().await, (Some(60), false));
    assert!(set(back, Hand::Operator).await);
    assert_eq!(now().await, (None, true));
    let (_, draft) = super::apps::app(&world.org.id, "logs:read");
    let nobody = s.set_client_terms(&draft.id, minute, Hand::Operator, &cause(7)).await;
    assert!(!nobody.expect("an answer"), "there is none");
}

pub(crate) async fn what_the_operator_froze_its_owner_cant_switch(store: SharedStore) {
    use ClientState::{Active, Disabled, Frozen};

    let world = World::new(store).await;
    let (s, id) = (&world.store, &world.client.id);
    let customer = org("customer");
    s.create_org(&customer, &cause(0)).await.expect("an organization");
    let used = crate::store::Grant { org: customer.id.clone(), ..world.wanted(1) };
    s.machine_grant(&used, &cause(1)).await.expect("a grant");
    let state = async || s.client(id).await.expect("an answer").expect("it is there").state;
    let operator = async |to| s.set_client_state(id, to, &cause(2)).await.expect("an answer");
    let owner = async |to| s.set_unfrozen_client_state(id, to, &cause(3)).await.expect("an answer");

    assert!(operator(Frozen).await && !operator(Frozen).await);
    assert_eq!(state().await, Frozen);
    assert_eq!(s.grant_facts(&used.id).await.expect("an answer").expect("the grant").client.state, Frozen);
    assert!(!owner(Active).await && !owner(Disabled).await);
    assert_eq!(state().await, Frozen);
    assert!(operator(Active).await && !operator(Active).await);
    assert_eq!(state().await, Active);

    // What its owner had switched off is frozen too, and is off again when it is thawed.
    assert!(owner(Disabled).await && operator(Frozen).await && !owner(Active).await);
    assert!(operator(Active).await);
    assert_eq!(state().await, Disabled);
    assert!(owner(Active).await);
    assert_eq!(state().await, Active);

    // Switched off by the operator it is no longer frozen.
    assert!(operator(Frozen).await && operator(Disabled).await && owner(Active).await);
    let log = world.log().await;
    let told = |name: &str| log.iter().filter(|(n, org)| n == name && org.as_ref() == Some(&customer.id)).count();
    assert_eq!((told("client.disable"), told("client.enable")), (5, 4), "{log:?}");
}

pub(crate) async fn removal_ends_grants_and_keeps_history(store: SharedStore) {
    let world = World::new(store).await;
    let (store, id) = (&world.store, &world.client.id);
    store.add_secret(id, &secret("1111"), None, Hand::Operator, &cause(1)).await.expect("an answer");
    let (grant, _) = world.consent(1).await;
    let waiting = request(id);
    store.freeze_request(&waiting, &cause(1)).await.expect("a request");
    assert!(store.delete_client(id, &cause(5)).await.expect("an answer"));
    assert!(!store.delete_client(id, &cause(5)).await.expect("an answer"));
    assert_eq!(store.client(id).await.expect("an answer"), None);
    assert!(store.live_secrets(id, after(5)).await.expect("secrets").is_empty());
    assert_eq!(store.pending_request(&waiting.id, after(5)).await.expect("an answer"), None);
    assert!(!store.set_client_state(id, ClientState::Active, &cause(6)).await.expect("an answer"));
    let facts = store.grant_facts(&grant.id).await.expect("an answer").expect("its history stays");
    assert_eq!(facts.grant.state, GrantState::Revoked { at: after(5), reason: RevokeReason::ClientDeleted });
    assert_eq!((facts.client.name.as_str(), facts.client.state), ("Acme CLI", ClientState::Disabled));
}

pub(crate) async fn unused_dynamic_clients_are_purged(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let dynamic = |seconds| Client { created_at: after(seconds), ..client(None, ClientOrigin::Dynamic) };
    let (unused, used, left, young) = (dynamic(1), dynamic(1), dynamic(1), dynamic(50));
    for client in [&unused, &used, &left, &young] {
        store.create_client(client, None, &cause(1)).await.expect("a client");
    }
    let under = |client: &Client| crate::store::Grant { client: client.id.clone(), ..world.wanted(1) };
    let (living, ended) = (under(&used), under(&left));
    world.consent_to(&living, 1).await;
    world.consent_to(&ended, 1).await;
    store.revoke_grant(&ended.id, None, RevokeReason::User, &cause(2)).await.expect("an answer");
    assert_eq!(store.purge_unused_dynamic_clients(after(50), &cause(60)).await.expect("a number"), 2);
    assert_eq!(store.purge_unused_dynamic_clients(after(50), &cause(60)).await.expect("a number"), 0);
    let kept = store.clients(None).await.expect("clients").into_iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!(kept.len(), 3);
    assert!([&young.id, &used.id, &world.client.id].iter().all(|id| kept.contains(id)), "{kept:?}");
    let history = store.grant_facts(&ended.id).await.expect("an answer").expect("its history stays");
    assert_eq!(history.client.name, "Acme CLI");
}

pub(crate) async fn a_log_names_no_strangers(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let (beta, maker) = (org("beta"), user("maker@beta.example"));
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    store.create_user(&NewUser { user: maker.clone(), password: None }, &cause(0)).await.expect("a user");
    let member = |org: &OrgId, user: &User| Membership { org: org.clone(), user: user.id.clone(), roles: roles(&["viewer"]) };
    store.set_membership(&member(&beta.id, &maker), &cause(0)).await.expect("a membership");
    store.set_membership(&member(&world.org.id, &world.user), &cause(0)).await.expect("a membership");
    let theirs = client(Some(&beta.id), ClientOrigin::Administrator);
    store.create_client(&theirs, None, &cause(0)).await.expect("a client");
    let grant = Grant { client: theirs.id.clone(), ..world.wanted(1) };
    world.consent_to(&grant, 1).await;
    let actors = async |by: &UserId, seconds: u64, state: ClientState| {
        let mut by_them = cause(seconds);
        by_them.actor = Actor { user: Some(by.clone()), token: Some("jti".into()), ..Actor::default() };
        assert!(store.set_client_state(&theirs.id, state, &by_them).await.expect("an answer"));
        let page = store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
        let of = |org: &OrgId| {
            let mut rows =
                page.rows.iter().filter(|row| row.record.org.as_ref() == Some(org) && row.record.time == after(seconds));
            let record = rows.next().map(|row| row.record.clone()).expect("a record");
            (record.actor, record.origin.peer.is_some(), record.origin.user_agent.is_some())
        };
        (of(&beta.id), of(&world.org.id))
    };
    let full = |user: &UserId| (Actor { user: Some(user.clone()), token: Some("jti".into()), ..Actor::default() }, true, true);
    let app = Actor { client: Some(theirs.id.clone()), client_name: Some(theirs.name.clone()), ..Actor::default() };
    let (own, customers) = actors(&maker.id, 2, ClientState::Disabled).await;
    assert_eq!((own, customers), (full(&maker.id), (app, false, false)));
    store.set_membership(&member(&world.org.id, &maker), &cause(3)).await.expect("a membership");
    let (_, customers) = actors(&maker.id, 4, ClientState::Active).await;
    assert_eq!(customers, full(&maker.id), "a member is known");
    assert!(store.remove_membership(&world.org.id, &maker.id, &cause(5)).await.expect("an answer"));
    store.add_operator(&maker.id, &cause(6)).await.expect("an answer");
    let (_, customers) = actors(&maker.id, 7, ClientState::Disabled).await;
    assert_eq!(customers, full(&maker.id), "what the operator does is told everywhere");
}

pub(crate) async fn a_client_is_not_purged_under_a_consent(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    for round in 1..17 {
        let guest = client(None, ClientOrigin::Dynamic);
        s.create_client(&guest, None, &cause(0)).await.expect("a client");
        let asked = request(&guest.id);
        s.freeze_request(&asked, &cause(round)).await.expect("a request");
        let approved = crate::store::ApprovedRequest {
            grant: crate::store::Grant { client: guest.id.clone(), ..world.wanted(round) },
            trial: false,
            code: hash(TokenKind::AuthorizationCode),
            code_expires_at: after(round + 60),
        };
        let at = cause(round);
        let consent = s.approve_request(&asked.id, &approved, &as_ever, &at);
        let (consent, purged) = futures::join!(consent, s.purge_unused_dynamic_clients(after(1), &at));
        purged.expect("a number");
        // One of them came first, and the other saw it. A client whose row is gone takes the request with it.
        let there = s.client(&guest.id).await.expect("an answer").is_some();
        assert_eq!(consent.is_ok_and(|outcome| outcome == crate::store::Approve::Done), there, "round {round}");
    }
}

pub(crate) async fn a_client_changes_whole_or_not_at_all(store: SharedStore) {
    let world = World::new(store).await;
    let (s, id) = (&world.store, &world.client.id);
    let terms = ClientTerms { require_state: Some(false), ..ClientTerms::default() };
    let change = ClientChange { scopes: Setting::To(scopes("logs:read")), terms, state: Some(ClientState::Disabled) };
    let set = async |change: &ClientChange, hand| s.change_client(id, change, hand, &cause(2)).await.expect("an answer");
    let now = async || {
        let client = s.client(id).await.expect("an answer").expect("it is there");
        (client.scopes, client.require_state, client.state)
    };
    let before = s.feed_position().await.expect("a position");
    assert!(set(&change, Hand::Owner).await);
    assert_eq!(world.feed_since(before).await.len(), 1, "one change");
    let changed = (Some(scopes("logs:read")), false, ClientState::Disabled);
    assert_eq!(now().await, changed);
    assert!(set(&change, Hand::Owner).await, "what is off already is no fault");
    // What is frozen its owner changes in nothing.
    s.set_client_state(id, ClientState::Frozen, &cause(3)).await.expect("an answer");
    let back = ClientChange { scopes: Setting::Default, state: Some(ClientState::Active), ..ClientChange::default() };
    assert!(!set(&back, Hand::Owner).await);
    assert!(!set(&ClientChange { state: Some(ClientState::Active), ..ClientChange::default() }, Hand::Owner).await);
    assert_eq!(now().await, (changed.0, changed.1, ClientState::Frozen));
}
