//! Lists over all organizations: pages join to the whole, whatever is made meanwhile.

use super::apps::app;
use super::world::*;
use crate::store::{App, Client, ClientOrigin, Grant, NewUser, SharedStore, User, Via};
use crate::types::{AppId, ClientId, GrantId, Slug, Timestamp};

pub(crate) async fn organizations_are_listed_page_by_page(store: SharedStore) {
    for slug in ["delta", "alpha", "echo", "charlie", "bravo"] {
        store.create_org(&org(slug), &cause(0)).await.expect("an organization");
    }
    let mut seen: Vec<Slug> = Vec::new();
    for (most, meanwhile) in [(2, "bravo-two"), (2, "aardvark"), (2, "zulu"), (1, ""), (0, "")] {
        let page = store.orgs_behind(seen.last(), 2).await.expect("organizations");
        assert_eq!(page.len(), most, "{seen:?}");
        seen.extend(page.into_iter().map(|org| org.slug));
        if most == 2 {
            store.create_org(&org(meanwhile), &cause(1)).await.expect("an organization");
        }
    }
    // What came in front of the place is not seen, what came behind it is, and nothing is seen twice.
    let names: Vec<_> = seen.iter().map(Slug::as_str).collect();
    assert_eq!(names, ["alpha", "bravo", "bravo-two", "charlie", "delta", "echo", "zulu"]);
}

pub(crate) async fn users_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let make = async |email: &str| {
        let new = NewUser { user: user(email), password: None };
        store.create_user(&new, &cause(0)).await.expect("a user");
    };
    for email in ["eve@example.com", "bob@example.com", "robot"] {
        make(email).await;
    }
    let mut seen: Vec<User> = Vec::new();
    for most in [2, 2, 1] {
        let after = seen.last().map(|user| user.email.clone());
        let page = store.users_behind(after.as_deref(), 2).await.expect("users");
        assert_eq!(page.len(), most, "{seen:?}");
        seen.extend(page);
        make(if seen.len() == 2 { "zoe@example.com" } else { "aaron@example.com" }).await;
    }
    let emails: Vec<_> = seen.iter().map(|user| user.email.as_str()).collect();
    assert_eq!(emails, ["ada@example.com", "bob@example.com", "eve@example.com", "robot", "zoe@example.com"]);
    assert_eq!(seen[0], world.user, "whole");
    assert_eq!(store.users_behind(Some("zz\0"), 2).await.expect("an answer"), [], "no text is a fault");
}

pub(crate) async fn clients_of_all_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let mut made: Vec<(Timestamp, ClientId)> = vec![(world.client.created_at, world.client.id.clone())];
    for n in 0..4 {
        // Two of each instant: the id tells which comes first. Some belong to nobody.
        let owner = Some(&world.org.id).filter(|_| n % 2 == 0);
        let one = Client { created_at: after(10 + n / 2), ..client(owner, ClientOrigin::Administrator) };
        store.create_client(&one, None, &cause(10)).await.expect("a client");
        made.push((one.created_at, one.id));
    }
    made.sort_by(|a, b| b.cmp(a));
    let mut seen: Vec<(Timestamp, ClientId)> = Vec::new();
    for most in [2, 2, 1, 0] {
        let page = store.clients_behind(seen.last(), 2).await.expect("clients");
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|c| (c.created_at, c.id)));
        let newer = Client { created_at: after(50), ..client(None, ClientOrigin::Dynamic) };
        store.create_client(&newer, None, &cause(50)).await.expect("a client");
    }
    assert_eq!(seen, made);
    store.delete_client(&world.client.id, &cause(60)).await.expect("an answer");
    let left = store.clients_behind(None, 50).await.expect("clients");
    assert!(left.iter().all(|c| c.id != world.client.id), "what was removed is not listed");
}

pub(crate) async fn apps_of_all_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let (store, beta) = (&world.store, org("beta"));
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    let mut made: Vec<(Timestamp, AppId)> = Vec::new();
    for n in 0..5 {
        let owner = if n % 2 == 0 { &world.org.id } else { &beta.id };
        let (one, client) = app(owner, "logs:read");
        let one = App { created_at: after(10 + n / 2), ..one };
        store.create_app(&one, &client, None, Via::Hand, MANY, &cause(10)).await.expect("an app");
        made.push((one.created_at, one.id));
    }
    made.sort_by(|a, b| b.cmp(a));
    let mut seen: Vec<(Timestamp, AppId)> = Vec::new();
    for most in [2, 2, 1, 0] {
        let page = store.apps_behind(seen.last(), 2).await.expect("apps");
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|a| (a.created_at, a.id)));
    }
    assert_eq!(seen, made);
}

pub(crate) async fn grants_of_all_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let mut made: Vec<(Timestamp, GrantId)> = Vec::new();
    for n in 0..5 {
        let grant = Grant { created_at: after(10 + n / 2), ..world.wanted(10 + n / 2) };
        world.consent_to(&grant, 10 + n / 2).await;
        made.push((grant.created_at, grant.id));
    }
    made.sort_by(|a, b| b.cmp(a));
    let bob = user("bob@example.com");
    store.create_user(&NewUser { user: bob.clone(), password: None }, &cause(0)).await.expect("a user");
    for (user, pages) in [(None, &[2, 2, 1, 0][..]), (Some(&world.user.id), &[2, 2, 1, 0][..]), (Some(&bob.id), &[0][..])] {
        let mut seen: Vec<(Timestamp, GrantId)> = Vec::new();
        for most in pages {
            let page = store.grants_behind(user, seen.last(), 2).await.expect("grants");
            assert_eq!(page.len(), *most);
            seen.extend(page.into_iter().map(|facts| (facts.grant.created_at, facts.grant.id)));
        }
        let all = if user == Some(&bob.id) { &[][..] } else { made.as_slice() };
        assert_eq!(seen, all);
    }
}
