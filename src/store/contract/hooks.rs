//! What hooks are told.

use std::net::SocketAddr;

use futures::future::join;

use super::world::*;
use crate::record::{Event, Operation};
use crate::store::{AuditFilter, HookDelivery, Membership, NewDelivery, SharedStore};
use crate::types::{RecordId, Timestamp, TokenKind};

/// What waits to be looked at: operations and records.
async fn waiting(store: &SharedStore) -> Vec<(Operation, RecordId)> {
    let records = store.hook_events(None, 100).await.expect("records");
    let told = |r: crate::store::WaitingRecord| match r.record.expect("a record").event {
        Event::Control(event) => (event.operation, r.id),
        Event::Call(_) => panic!("a call is no event"),
    };
    records.into_iter().map(told).collect()
}

fn to(hook: &str, record: &RecordId) -> NewDelivery {
    NewDelivery { hook: hook.to_owned(), record: record.clone(), org: None, body: format!("{hook} {record}") }
}

async fn claim(store: &SharedStore, hook: &str, at: u64) -> Vec<HookDelivery> {
    store.claim_hooks(hook, after(at), after(at + 60), 100).await.expect("deliveries")
}

/// Forgets what making the world announced.
async fn quiet(store: &SharedStore) {
    let ids: Vec<_> = waiting(store).await.into_iter().map(|(_, id)| id).collect();
    store.queue_hooks(&ids, &[], START).await.expect("looked at");
    assert!(waiting(store).await.is_empty());
}

pub(crate) async fn events_wait_until_one_caller_took_them(store: SharedStore) {
    let world = World::new(store).await;
    quiet(&world.store).await;
    world.sign_in(1).await;
    let (grant, _) = world.consent(1).await;
    world.consent(2).await;
    world.store.revoke_grant(&grant.id, None, crate::store::RevokeReason::Admin, &cause(3)).await.expect("an end");
    let found = waiting(&world.store).await;
    let operations: Vec<_> = found.iter().map(|(o, _)| *o).collect();
    assert_eq!(operations, [Operation::AuthorizeConsent, Operation::AuthorizeConsent, Operation::GrantRevokeAdmin]);
    let ids: Vec<_> = found.into_iter().map(|(_, id)| id).collect();
    // Page by page, whoever takes none of them.
    let mut seen: Option<(Timestamp, RecordId)> = None;
    for id in &ids {
        let page = world.store.hook_events(seen.as_ref().map(|(at, id)| (*at, id)), 1).await.expect("a page");
        assert_eq!(page.iter().map(|one| &one.id).collect::<Vec<_>>(), [id]);
        seen = Some((page[0].at, id.clone()));
    }
    let end = world.store.hook_events(seen.as_ref().map(|(at, id)| (*at, id)), 1).await.expect("a page");
    assert!(end.is_empty(), "{end:?}");
    let wanted: Vec<_> = ids.iter().flat_map(|id| [to("a", id), to("b", id)]).collect();
    let took = |who: &'static str| {
        let mine: Vec<_> = wanted.iter().map(|d| NewDelivery { body: who.to_owned(), ..d.clone() }).collect();
        let (store, ids) = (world.store.clone(), ids.clone());
        async move { store.queue_hooks(&ids, &mine, after(4)).await.expect("an answer") }
    };
    let (one, other) = join(took("one"), took("other")).await;
    assert_eq!(one + other, 3, "each is taken once");
    for hook in ["a", "b"] {
        let claimed = claim(&world.store, hook, 4).await;
        assert_eq!(claimed.len(), 3, "{claimed:?}");
        assert!(claimed.iter().all(|d| ids.contains(&d.what.record) && d.attempts == 1 && d.created_at == after(4)));
    }
    assert!(waiting(&world.store).await.is_empty());
}

pub(crate) async fn a_claim_is_one_callers_until_it_ends(store: SharedStore) {
    let world = World::new(store).await;
    world.consent(1).await;
    let ids: Vec<_> = waiting(&world.store).await.into_iter().map(|(_, id)| id).collect();
    let record = ids.last().expect("an event");
    world.store.queue_hooks(&ids, &[to("a", record)], after(1)).await.expect("queued");
    assert!(claim(&world.store, "b", 2).await.is_empty() && claim(&world.store, "a", 0).await.is_empty());
    let claims = (0..8).map(|_| claim(&world.store, "a", 2));
    let won: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "{won:?}");
    assert!(claim(&world.store, "a", 61).await.is_empty(), "the lease holds");
    let [again] = &claim(&world.store, "a", 62).await[..] else { panic!("the lease has ended") };
    assert_eq!((again.attempts, &again.what), (2, &won[0].what));
    let s = &world.store;
    assert!(!s.finish_hook(&won[0]).await.expect("an answer"), "it is somebody else's now");
    assert!(!s.postpone_hook(&won[0], after(63)).await.expect("an answer"));
    assert!(s.postpone_hook(again, after(70)).await.expect("an answer"));
    assert!(claim(s, "a", 69).await.is_empty());
    let [third] = &claim(s, "a", 70).await[..] else { panic!("it is due") };
    assert!(s.finish_hook(third).await.expect("an answer") && !s.finish_hook(third).await.expect("an answer"));
    assert!(claim(s, "a", 9000).await.is_empty());
}

pub(crate) async fn what_is_old_is_given_up_with_a_record(store: SharedStore) {
    let world = World::new(store).await;
    quiet(&world.store).await;
    let s = &world.store;
    let mut ids = Vec::new();
    for n in 1..=2 {
        world.consent(n).await;
        let new = waiting(s).await;
        ids.extend(new.into_iter().map(|(_, id)| id));
        let org = Some(world.org.id.clone());
        let delivery = NewDelivery { org, ..to("a", &ids[ids.len() - 1]) };
        s.queue_hooks(&ids, &[delivery], after(n * 100)).await.expect("queued");
    }
    let claimed = claim(s, "a", 300).await;
    let first = claimed.iter().find(|d| d.what.record == ids[0]).expect("it is due");
    assert_eq!(claimed.len(), 2);
    s.postpone_hook(first, after(301)).await.expect("postponed");
    let given = |before: u64, at: u64| async move { s.give_up_hooks(after(before), &cause(at)).await.expect("an answer") };
    assert!(given(100, 400).await.is_empty(), "none is old enough");
    assert!(given(150, 300).await.is_empty(), "one that may be under way is not given up");
    let gone = given(150, 400).await;
    assert_eq!(gone.iter().map(|d| (&d.what.record, d.attempts)).collect::<Vec<_>>(), [(&ids[0], 1)]);
    let filter =
        AuditFilter { operation: Some("hook.give_up".into()), org: Some(world.org.id.clone()), ..AuditFilter::default() };
    let told = s.search_audit(&filter, None, 10).await.expect("a page").rows;
    let [row] = &told[..] else { panic!("one record: {told:?}") };
    let Event::Control(event) = &row.record.event else { panic!("no call") };
    assert_eq!(event.target, Some(("record".to_owned(), ids[0].to_string())));
    assert_eq!(event.comment.as_deref(), Some("hook a, 1 attempts"));
    assert!(waiting(s).await.is_empty(), "giving up is no event");
}

pub(crate) async fn a_place_is_new_once(store: SharedStore) {
    let world = World::new(store).await;
    let sign_in = async |at: u64, peer: &str, agent: &str| {
        let before = world.log().await.len();
        let mut cause = cause(at);
        cause.origin.peer = Some(peer.parse::<SocketAddr>().expect("an address"));
        cause.origin.user_agent = Some(agent.to_owned());
        let session = crate::store::Session {
            hash: hash(TokenKind::Session),
            user: world.user.id.clone(),
            authenticated_at: after(at),
            expires_at: after(at).plus(HOUR),
            seen_at: after(at),
        };
        world.store.start_session(&session, None, &cause).await.expect("a session");
        world.log().await[before..].iter().any(|(name, _)| name == "login.new_place")
    };
    assert!(!sign_in(1, "192.0.2.7:1", "Browser/100 (X)").await, "the first place of all");
    assert!(!sign_in(2, "192.0.2.9:2", "Browser/101 (X)").await, "the same network, an update");
    assert!(sign_in(3, "198.51.100.7:3", "Browser/101 (X)").await, "another network");
    assert!(sign_in(4, "192.0.2.7:4", "Other/101").await, "another program");
    assert!(sign_in(5, "[2001:db8:1:2::1]:5", "Other/1").await);
    assert!(!sign_in(6, "[2001:db8:1:3::1]:6", "Other/1").await);
    world.sign_in(7).await;
    assert!(!sign_in(8, "198.51.100.9:7", "Browser/102 (X)").await);
    world.store.forget_ended(after(8)).await.expect("done");
    assert!(!sign_in(9, "198.51.100.9:7", "Browser/102 (X)").await, "a place is remembered for a year");
    world.store.forget_ended(after(10).plus(366 * DAY)).await.expect("done");
    assert!(!sign_in(10, "198.51.100.9:7", "Browser/102 (X)").await, "everything was forgotten: a first place again");
}

pub(crate) async fn a_record_says_which_roles_are_new(store: SharedStore) {
    let world = World::new(store).await;
    let (org, user) = (world.org.id.clone(), world.user.id.clone());
    let changes = [(1, &["admin", "viewer"][..], &["admin"][..]), (2, &["admin"], &[]), (3, &["viewer"], &["viewer"])];
    for (at, names, new) in changes {
        let membership = Membership { org: org.clone(), user: user.clone(), roles: roles(names) };
        world.store.set_membership(&membership, &cause(at)).await.expect("a membership");
        let filter = AuditFilter { operation: Some("membership.set".into()), ..AuditFilter::default() };
        let page = world.store.search_audit(&filter, None, 100).await.expect("a page");
        assert_eq!(page.rows[0].record.time, after(at));
        let Event::Control(event) = &page.rows[0].record.event else { panic!("no call") };
        assert_eq!(event.roles_given, roles(new), "{names:?}");
    }
}
