//! Grants.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::world::*;
use crate::record::{Decision, Event};
use crate::store::{
    AuditFilter, Client, ClientOrigin, ClientState, Grant, GrantFacts, GrantSearch, GrantStanding, GrantState, Idle, Narrowed,
    Narrowing, RevokeReason, SharedStore, Subject, UserState,
};
use crate::types::{GrantId, OrgId, Selectors, UserId};

fn ids(facts: &[GrantFacts]) -> Vec<GrantId> {
    facts.iter().map(|f| f.grant.id.clone()).collect()
}

pub(crate) async fn facts_are_read_at_once(store: SharedStore) {
    let world = World::new(store).await;
    let wanted = Grant { expires_at: Some(after(9000)), ..world.wanted(1) };
    world.consent_to(&wanted, 1).await;
    let facts = world.store.grant_facts(&wanted.id).await.expect("an answer").expect("the grant is there");
    assert_eq!(facts.grant, wanted);
    assert_eq!((facts.user, facts.org, facts.client), (world.user.clone(), world.org.clone(), world.client.clone()));
    assert_eq!(facts.roles, Some(roles(&["viewer"])));
    let nobody = GrantId::generate(START, &ENTROPY);
    assert!(world.store.grant_facts(&nobody).await.expect("an answer").is_none());
    // Several in one read, each once.
    let (other, _) = world.consent(2).await;
    let asked = [wanted.id.clone(), nobody.clone(), other.id.clone(), wanted.id.clone()];
    let mut found: Vec<_> = world.store.facts_of_grants(&asked).await.expect("facts").into_iter().map(|f| f.grant).collect();
    found.sort_by_key(|grant| grant.created_at);
    assert_eq!(found, [wanted, other]);
    for none in [&[][..], &[nobody][..]] {
        assert!(world.store.facts_of_grants(none).await.expect("facts").is_empty());
    }
}

pub(crate) async fn a_machine_client_has_one_grant(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let (consented, _) = world.consent(1).await;
    let asked =
        join_all((0..20).map(|_| async { store.machine_grant(&world.wanted(1), &cause(1)).await.expect("an answer") })).await;
    let asked: Vec<_> = asked.into_iter().map(|grant| grant.expect("a grant")).collect();
    let first = &asked[0];
    assert!(asked.iter().all(|g| g.id == first.id), "{asked:?}");
    assert_ne!(first.id, consented.id);
    let more = Grant { scopes: scopes("logs:read metrics:read"), ..world.wanted(2) };
    let widened = store.machine_grant(&more, &cause(2)).await.expect("an answer").expect("a grant");
    assert_eq!((&widened.id, &widened.scopes), (&first.id, &more.scopes));
    let before = store.feed_position().await.expect("a position");
    assert_eq!(store.machine_grant(&more, &cause(3)).await.expect("an answer"), Some(widened));
    assert_eq!(store.feed_position().await.expect("a position"), before);
    assert!(store.revoke_grant(&first.id, None, RevokeReason::Client, &cause(4)).await.expect("an answer"));
    let next = store.machine_grant(&more, &cause(5)).await.expect("an answer").expect("it gave the last one back itself");
    assert_ne!(next.id, first.id);
    assert_eq!(next.state, GrantState::Live);
}

pub(crate) async fn what_was_revoked_of_a_machine_stays_so_until_it_is_allowed(store: SharedStore) {
    let world = World::new(store).await;
    let (s, acme) = (&world.store, &world.org.id);
    let machine = Client { subject: Some(world.user.id.clone()), ..client(Some(acme), ClientOrigin::Administrator) };
    s.create_client(&machine, None, &cause(0)).await.expect("a client");
    let ask = async |at| {
        let wanted = Grant { client: machine.id.clone(), ..world.wanted(at) };
        s.machine_grant(&wanted, &cause(at)).await.expect("an answer")
    };
    let switch = async |to, at| s.set_unfrozen_client_state(&machine.id, to, &cause(at)).await.expect("an answer");
    let barred = async || s.machine(acme, &machine.id).await.expect("an answer").expect("it is there").barred;
    let mut at = 1;
    for reason in [RevokeReason::Admin, RevokeReason::User] {
        let first = ask(at).await.expect("a grant");
        assert!(!barred().await);
        // Of many that ask while it is revoked, none has it afterwards.
        let more = Grant { client: machine.id.clone(), scopes: scopes("logs:read metrics:read"), ..world.wanted(at + 1) };
        let asked = (0..8).map(|_| async { s.machine_grant(&more, &cause(at + 1)).await.expect("an answer") });
        let (revoked, _) =
            futures::join!(async { s.revoke_grant(&first.id, None, reason, &cause(at + 1)).await }, join_all(asked));
        assert!(revoked.expect("an answer"));
        assert_eq!((ask(at + 2).await, barred().await), (None, true));
        let position = s.feed_position().await.expect("a position");
        assert_eq!((ask(at + 3).await, s.feed_position().await.expect("a position")), (None, position));
        // To thaw it says nothing about that.
        for to in [ClientState::Frozen, ClientState::Active] {
            assert!(s.set_client_state(&machine.id, to, &cause(at + 4)).await.expect("an answer"));
        }
        assert!(barred().await);
        assert!(switch(ClientState::Active, at + 5).await && !switch(ClientState::Active, at + 5).await);
        assert!(!barred().await);
        assert!(ask(at + 6).await.is_some_and(|next| next.id != first.id));
        at += 10;
    }
    assert!(s.revoke_client(acme, &machine.id, &cause(at)).await.expect("an answer") > 0);
    assert_eq!(ask(at + 1).await, None);
    assert!(switch(ClientState::Disabled, at + 2).await && switch(ClientState::Active, at + 3).await);
    assert!(ask(at + 4).await.is_some());
    let log = world.log().await;
    let enabled = log.iter().filter(|told| **told == ("client.enable".into(), Some(acme.clone()))).count();
    assert_eq!(enabled, 6, "two thaws, two that were on already, one that was off and revoked: {log:?}");
}

pub(crate) async fn only_the_owner_revokes_and_only_once(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let (grant, _) = world.consent(1).await;
    let stranger = UserId::generate(START, &ENTROPY);
    assert!(!store.revoke_grant(&grant.id, Some(&stranger), RevokeReason::User, &cause(2)).await.expect("an answer"));
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
    let revokes = join_all((0..10).map(|_| async {
        store.revoke_grant(&grant.id, Some(&world.user.id), RevokeReason::User, &cause(3)).await.expect("an answer")
    }));
    assert_eq!(revokes.await.iter().filter(|done| **done).count(), 1);
    assert_eq!(world.state_of(&grant).await, GrantState::Revoked { at: after(3), reason: RevokeReason::User });
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "grant.revoke.user").count(), 1, "{log:?}");
}

pub(crate) async fn an_expired_grant_is_revoked_all_the_same(store: SharedStore) {
    let world = World::new(store).await;
    let short = Grant { expires_at: Some(after(10)), ..world.wanted(1) };
    world.consent_to(&short, 1).await;
    // This clock is ahead of others.
    assert!(world.store.revoke_grant(&short.id, None, RevokeReason::Admin, &cause(40)).await.expect("an answer"));
    assert!(!world.store.revoke_grant(&short.id, None, RevokeReason::Admin, &cause(9)).await.expect("an answer"));
    assert_eq!(world.state_of(&short).await, GrantState::Revoked { at: after(40), reason: RevokeReason::Admin });
}

pub(crate) async fn what_had_expired_is_not_ended_again(store: SharedStore) {
    let world = World::new(store).await;
    let (s, acme, ada, client) = (&world.store, &world.org.id, &world.user.id, &world.client.id);
    // One that lives, beside one that expires five seconds later: at the very instant at which the others are ended.
    let pair = async |seconds: u64| {
        let short = Grant { expires_at: Some(after(seconds + 5)), ..world.wanted(seconds) };
        world.consent_to(&short, seconds).await;
        [world.consent(seconds).await.0, short]
    };
    let one_ended = async |[live, short]: [Grant; 2], at: u64, reason: RevokeReason| {
        assert_eq!(world.state_of(&live).await, GrantState::Revoked { at: after(at), reason }, "{reason:?}");
        assert_eq!(world.state_of(&short).await, GrantState::Live, "{reason:?}: nobody ended it");
    };
    let grants = pair(10).await;
    assert_eq!(s.revoke_client(acme, client, &cause(15)).await.expect("an answer"), 1);
    one_ended(grants, 15, RevokeReason::Admin).await;

    let grants = pair(20).await;
    assert!(s.remove_membership(acme, ada, &cause(25)).await.expect("an answer"));
    one_ended(grants, 25, RevokeReason::MembershipRemoved).await;
    let member = crate::store::Membership { org: acme.clone(), user: ada.clone(), roles: roles(&["viewer"]) };
    s.set_membership(&member, &cause(26)).await.expect("an answer");

    let grants = pair(30).await;
    assert!(s.set_user_state(ada, UserState::Disabled, &cause(35)).await.expect("an answer"));
    one_ended(grants, 35, RevokeReason::UserDeactivated).await;
    assert!(s.set_user_state(ada, UserState::Active, &cause(36)).await.expect("an answer"));

    let grants = pair(40).await;
    let before = s.feed_position().await.expect("a position");
    let [live, short] = grants.clone().map(|grant| Subject::Grant { id: grant.id });
    assert!(s.delete_client(client, &cause(45)).await.expect("an answer"));
    one_ended(grants, 45, RevokeReason::ClientDeleted).await;
    let told = world.feed_since(before).await;
    assert!(told.contains(&live) && !told.contains(&short), "{told:?}");
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name.starts_with("grant.revoke.")).count(), 4, "{log:?}");
}

pub(crate) async fn grants_are_listed_newest_first(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let (old, _) = world.consent(1).await;
    let (middle, _) = world.consent(2).await;
    let (new, _) = world.consent(3).await;
    store.revoke_grant(&middle.id, None, RevokeReason::Superseded, &cause(10)).await.expect("an answer");
    let all = [new.id.clone(), middle.id.clone(), old.id.clone()];
    let mine = |since| store.grants_of_user(&world.user.id, after(since));
    assert_eq!(ids(&mine(9).await.expect("grants")), all);
    assert_eq!(ids(&mine(10).await.expect("grants")), [new.id.clone(), old.id.clone()]);
    assert_eq!(ids(&store.grants_of_org(&world.org.id).await.expect("grants")), all);
    assert_eq!(ids(&store.grants(2).await.expect("grants")), all[..2]);
    let nobody = OrgId::generate(START, &ENTROPY);
    assert!(store.grants_of_org(&nobody).await.expect("grants").is_empty());
}

pub(crate) async fn use_in_an_organization_is_known(store: SharedStore) {
    let world = World::new(store).await;
    let used = || world.store.client_used_in_org(&world.client.id, &world.org.id);
    assert!(!used().await.expect("an answer"));
    let (grant, _) = world.consent(1).await;
    assert!(used().await.expect("an answer"));
    world.store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(2)).await.expect("an answer");
    assert!(!used().await.expect("an answer"));
}

pub(crate) async fn a_user_narrows_and_limits_a_grant(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada) = (&world.store, &world.user.id);
    let wanted = Grant { scopes: scopes("logs:read metrics:read alerts:read"), ..world.wanted(1) };
    world.consent_to(&wanted, 1).await;
    let facts = async || store.grant_facts(&wanted.id).await.expect("an answer").expect("the grant is there").grant;
    let stranger = UserId::generate(START, &ENTROPY);
    let narrow = async |who: &UserId, without: &str, at| {
        store.narrow_grant(&wanted.id, who, &scopes(without), &cause(at)).await.expect("an answer")
    };
    assert!(!narrow(&stranger, "logs:read", 2).await);
    let before = store.feed_position().await.expect("a position");
    assert!(narrow(ada, "logs:read other:read", 2).await);
    assert_eq!(world.feed_since(before).await, [crate::store::Subject::Grant { id: wanted.id.clone() }]);
    assert!(!narrow(ada, "logs:read", 3).await, "it is gone already");
    assert_eq!(facts().await.scopes, scopes("alerts:read metrics:read"));
    let races = join_all((0..10).map(|_| narrow(ada, "alerts:read", 4))).await;
    assert_eq!(races.iter().filter(|done| **done).count(), 1);
    assert_eq!(facts().await.scopes, scopes("metrics:read"));

    let limit =
        async |who: &UserId, until, at| store.limit_grant(&wanted.id, who, after(until), &cause(at)).await.expect("an answer");
    assert!(!limit(&stranger, 100, 5).await);
    assert!(limit(ada, 100, 5).await);
    assert!(!limit(ada, 200, 6).await, "a user can't lengthen it");
    assert_eq!(facts().await.expires_at, Some(after(100)));
    assert!(!limit(ada, 50, 100).await, "it has ended");
    assert!(!narrow(ada, "metrics:read", 100).await);
    let machine = store.machine_grant(&world.wanted(7), &cause(7)).await.expect("an answer").expect("a grant");
    assert!(!store.narrow_grant(&machine.id, ada, &machine.scopes, &cause(8)).await.expect("an answer"));
    assert!(!store.limit_grant(&machine.id, ada, after(99), &cause(8)).await.expect("an answer"));
}

pub(crate) async fn scopes_of_a_grant_are_narrowed_to_selectors(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada) = (&world.store, &world.user.id);
    let wanted = Grant { scopes: scopes("logs:read metrics:read"), ..world.wanted(1) };
    world.consent_to(&wanted, 1).await;
    let facts = async || store.grant_facts(&wanted.id).await.expect("an answer").expect("the grant is there").grant;
    let select = async |who: &UserId, to: &str, at| {
        let to = serde_json::from_str(to).expect("selectors");
        store.select_in_grant(&wanted.id, who, &to, &cause(at)).await.expect("an answer")
    };
    assert!(facts().await.selectors.is_empty());
    assert!(!select(&UserId::generate(START, &ENTROPY), r#"{"metrics:read":{"team":"a"}}"#, 2).await);
    let before = store.feed_position().await.expect("a position");
    assert!(select(ada, r#"{"metrics:read":{"team":["a","b"]},"alerts:read":{"team":"a"}}"#, 2).await);
    assert_eq!(world.feed_since(before).await, [crate::store::Subject::Grant { id: wanted.id.clone() }]);
    assert!(!select(ada, r#"{"metrics:read":{"team":["a","b","c"]}}"#, 3).await, "that is wider");
    let races = join_all((0..10).map(|_| select(ada, r#"{"metrics:read":{"team":["b","c"],"stage":"p"}}"#, 4))).await;
    assert_eq!(races.iter().filter(|done| **done).count(), 1);
    let left: Selectors = serde_json::from_str(r#"{"metrics:read":{"team":"b","stage":"p"}}"#).expect("selectors");
    assert_eq!((facts().await.selectors, facts().await.scopes), (left, wanted.scopes.clone()));
    assert!(select(ada, r#"{"metrics:read":{"team":"z"}}"#, 5).await, "nothing is left to select");
    assert_eq!((facts().await.selectors, facts().await.scopes), (Selectors::default(), scopes("logs:read")));
    let machine = store.machine_grant(&world.wanted(7), &cause(7)).await.expect("an answer").expect("a grant");
    let to: Selectors = serde_json::from_str(r#"{"metrics:read":{"team":"a"}}"#).expect("selectors");
    assert!(!store.select_in_grant(&machine.id, ada, &to, &cause(8)).await.expect("an answer"));
}

pub(crate) async fn all_is_taken_from_a_grant_or_nothing(store: SharedStore) {
    let world = World::new(store).await;
    let (s, ada) = (&world.store, &world.user.id);
    let wanted = Grant { scopes: scopes("logs:read metrics:read"), expires_at: Some(after(500)), ..world.wanted(1) };
    world.consent_to(&wanted, 1).await;
    let selectors = |text: &str| serde_json::from_str::<Selectors>(text).expect("selectors");
    let all = || Narrowing {
        without: scopes("logs:read"),
        selectors: selectors(r#"{"metrics:read":{"team":"a"}}"#),
        until: Some(after(400)),
    };
    let take = async |narrowing: Narrowing| s.take_from_grant(&wanted.id, ada, &narrowing, &cause(2)).await.expect("an answer");
    let before = (world.log().await, s.feed_position().await.expect("a position"));
    let (nothing, gone) = (selectors(r#"{"other:read":{"team":"a"}}"#), selectors(r#"{"logs:read":{"team":"a"}}"#));
    for (narrowing, refused) in [
        (Narrowing { without: scopes("other:read"), ..all() }, Narrowed::NoScopes),
        (Narrowing { selectors: nothing, ..all() }, Narrowed::NoSelectors),
        (Narrowing { selectors: gone, ..all() }, Narrowed::NoSelectors),
        (Narrowing { until: Some(after(500)), ..all() }, Narrowed::NoEnd),
    ] {
        assert_eq!(take(narrowing.clone()).await, refused, "{narrowing:?}");
        let facts = s.grant_facts(&wanted.id).await.expect("an answer").expect("the grant is there");
        assert_eq!(facts.grant, wanted, "{narrowing:?} changed nothing");
        assert_eq!((world.log().await, s.feed_position().await.expect("a position")), before);
    }
    assert_eq!(take(all()).await, Narrowed::Done);
    let left = s.grant_facts(&wanted.id).await.expect("an answer").expect("the grant is there").grant;
    assert_eq!((left.scopes, left.selectors, left.expires_at), (scopes("metrics:read"), all().selectors, all().until));
    assert_eq!(take(all()).await, Narrowed::NoScopes);
}

pub(crate) async fn live_grants_are_counted_and_come_in_pages(store: SharedStore) {
    let world = World::new(store).await;
    let (s, org) = (&world.store, &world.org.id);
    let mut made = Vec::new();
    for n in 1..=5 {
        made.push(world.consent(n).await.0);
    }
    let revoked = world.consent(6).await.0;
    s.revoke_grant(&revoked.id, None, RevokeReason::User, &cause(7)).await.expect("an end");
    let ended = Grant { expires_at: Some(after(8)), ..world.wanted(6) };
    world.consent_to(&ended, 6).await;
    s.append_audit(&[call(Some(&made[0]), "loki", Decision::Allowed, 7200)]).await.expect("a call");
    let made: Vec<_> = made.into_iter().map(|grant| grant.id).collect();
    let at = after(9000);
    assert_eq!(s.count_live_grants(org, at, after(3)).await.expect("counts"), (5, 2), "one was used, two are younger");
    let idle = [&made[1], &made[2], &made[3], &made[4], &made[0]].map(Clone::clone);
    let live = || GrantSearch { standing: Some((GrantStanding::Live, at)), ..GrantSearch::default() };
    let page = async |search: GrantSearch, page| ids(&s.idle_grants(org, &search, page).await.expect("a page"));
    assert_eq!(page(live(), (0, 10)).await, idle);
    assert_eq!(page(live(), (1, 2)).await, idle[1..3]);
    let idling = |idle| GrantSearch { idle: Some((idle, after(3))), ..live() };
    assert_eq!(page(idling(Idle::Since), (0, 10)).await, idle[..2]);
    assert_eq!(page(idling(Idle::Not), (0, 10)).await, idle[2..]);
    let first = s.live_grants(org, at, None, 2).await.expect("a page");
    let place = (first[1].grant.created_at, first[1].grant.id.clone());
    assert_eq!(ids(&first), made[..2]);
    assert_eq!(ids(&s.live_grants(org, at, Some(&place), 10).await.expect("a page")), made[2..]);
    let beta = crate::types::OrgId::generate(START, &ENTROPY);
    assert_eq!(s.count_live_grants(&beta, at, at).await.expect("counts"), (0, 0));
    let used = s.scopes_used(&made).await.expect("scopes");
    assert_eq!(used.into_iter().collect::<Vec<_>>(), [(made[0].clone(), scopes("logs:read"))]);
    let mut named = s.emails(&[world.user.id.clone(), crate::types::UserId::generate(START, &ENTROPY)]).await.expect("addresses");
    assert_eq!(named.pop(), Some((world.user.id.clone(), "ada@example.com".to_owned())));
    assert!(named.is_empty());
}

pub(crate) async fn grants_are_found_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let (s, org) = (&world.store, &world.org.id);
    let other = client(None, ClientOrigin::Administrator);
    s.create_client(&other, None, &cause(0)).await.expect("a client");
    let grace = crate::store::NewUser { user: user("grace@example.com"), password: None };
    s.create_user(&grace, &cause(0)).await.expect("a user");
    let membership = crate::store::Membership { org: org.clone(), user: grace.user.id.clone(), roles: Vec::new() };
    s.set_membership(&membership, &cause(0)).await.expect("a membership");
    // Two of an instant, so that the id has to decide.
    let wanted = [
        world.wanted(1),
        Grant { client: other.id.clone(), ..world.wanted(2) },
        Grant { user: grace.user.id.clone(), ..world.wanted(2) },
        Grant { expires_at: Some(after(50)), ..world.wanted(3) },
        world.wanted(4),
    ];
    for grant in &wanted {
        world.consent_to(grant, 0).await;
        s.revoke_grant(&grant.id, None, RevokeReason::User, &cause(0)).await.expect("an answer");
    }
    let live = [world.consent(5).await.0, world.consent(6).await.0];
    let ended = Grant { expires_at: Some(after(50)), ..world.wanted(7) };
    world.consent_to(&ended, 7).await;

    let mut every: Vec<_> = wanted.iter().chain(&live).chain([&ended]).collect();
    every.sort_by_key(|g| std::cmp::Reverse((g.created_at, g.id.clone())));
    let every: Vec<_> = every.into_iter().map(|g| g.id.clone()).collect();
    let at = after(100);
    let find = async |search: GrantSearch, after: Option<&Grant>, limit| {
        let place = after.map(|g| (g.created_at, g.id.clone()));
        s.find_grants(org, &search, place.as_ref(), limit).await.expect("grants")
    };
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let page = find(GrantSearch::default(), last.as_ref(), 3).await;
        assert!(page.len() <= 3);
        seen.extend(ids(&page));
        match page.last() {
            Some(facts) if page.len() == 3 => last = Some(facts.grant.clone()),
            _ => break,
        }
    }
    assert_eq!(seen, every);

    let standing = |standing| GrantSearch { standing: Some((standing, at)), ..GrantSearch::default() };
    assert_eq!(ids(&find(standing(GrantStanding::Live), None, 9).await), [live[1].id.clone(), live[0].id.clone()]);
    assert_eq!(ids(&find(standing(GrantStanding::Expired), None, 9).await), std::slice::from_ref(&ended.id));
    assert_eq!(find(standing(GrantStanding::Revoked), None, 9).await.len(), wanted.len());
    let hers = GrantSearch { user: Some(grace.user.id), ..GrantSearch::default() };
    assert_eq!(ids(&find(hers, None, 9).await), [wanted[2].id.clone()]);
    let theirs = GrantSearch { client: Some(other.id), ..GrantSearch::default() };
    assert_eq!(ids(&find(theirs, None, 9).await), [wanted[1].id.clone()]);
    let nobody = OrgId::generate(START, &ENTROPY);
    assert!(s.find_grants(&nobody, &GrantSearch::default(), None, 9).await.expect("grants").is_empty());
}

pub(crate) async fn grants_are_found_by_who_holds_what(store: SharedStore) {
    let world = World::new(store).await;
    let (s, acme) = (&world.store, &world.org.id);
    let other = crate::store::Client { name: "Mirror 100% \u{DC}ber".to_owned(), ..client(None, ClientOrigin::Administrator) };
    s.create_client(&other, None, &cause(0)).await.expect("a client");
    let grace = crate::store::NewUser {
        user: crate::store::User { name: "Grace Hopper".to_owned(), ..user("grace@example.com") },
        password: None,
    };
    s.create_user(&grace, &cause(0)).await.expect("a user");
    let membership = crate::store::Membership { org: acme.clone(), user: grace.user.id.clone(), roles: Vec::new() };
    s.set_membership(&membership, &cause(0)).await.expect("a membership");
    let hers = Grant { user: grace.user.id.clone(), scopes: scopes("alerts:read metrics:read"), ..world.wanted(1) };
    let mirrored = Grant { client: other.id.clone(), scopes: scopes("logs:read"), ..world.wanted(2) };
    for grant in [&hers, &mirrored] {
        world.consent_to(grant, 2).await;
    }
    let found = async |text: &str| {
        let search = GrantSearch { text: text.to_owned(), ..GrantSearch::default() };
        let newest = ids(&s.find_grants(acme, &search, None, 9).await.expect("grants"));
        let mut idle = ids(&s.idle_grants(acme, &search, (0, 9)).await.expect("grants"));
        idle.reverse();
        assert_eq!(newest, idle, "{text:?}: both lists find the same");
        newest
    };
    for text in ["GRACE@", "grace hopper", "Alerts:Read"] {
        assert_eq!(found(text).await, std::slice::from_ref(&hers.id), "{text}");
    }
    for text in ["mirror 100%", "\u{DC}ber", other.id.as_str(), "logs:"] {
        assert_eq!(found(text).await, std::slice::from_ref(&mirrored.id), "{text}");
    }
    assert_eq!(found("example.com").await.len(), 2);
    for text in ["mirror 100% \u{FC}BER", "\u{FC}b"] {
        assert_eq!(found(text).await, std::slice::from_ref(&mirrored.id), "{text}: every letter has its case");
    }
    // More of them than are gathered before they are sorted.
    for n in 0..3 {
        world.consent_to(&Grant { scopes: scopes("logs:read"), ..world.wanted(3 + n) }, 6).await;
    }
    for (text, many) in [("example.com", 5), ("LOGS:", 4), ("ada@", 4), ("grace", 1), ("alerts:", 1), ("mirror", 1)] {
        assert_eq!(found(text).await.len(), many, "{text}");
    }
    // What a grant no longer holds it is not found by.
    assert!(s.narrow_grant(&hers.id, &grace.user.id, &scopes("alerts:read"), &cause(7)).await.expect("an answer"));
    assert!(found("alerts:").await.is_empty());
    assert_eq!(found("metrics:").await, std::slice::from_ref(&hers.id));
    for absent in ["_race", "100%%", "\"", "[", "\",\"", "\0", "nobody"] {
        assert!(found(absent).await.is_empty(), "{absent:?}");
    }
    let beta = org("beta");
    s.create_org(&beta, &cause(0)).await.expect("an organization");
    let search = GrantSearch { text: "grace".to_owned(), ..GrantSearch::default() };
    assert!(s.find_grants(&beta.id, &search, None, 9).await.expect("grants").is_empty());
}

pub(crate) async fn the_end_of_many_grants_is_told_in_one_line(store: SharedStore) {
    // More than are told one by one.
    const GRANTS: u64 = 65;
    let world = World::new(store).await;
    let (s, acme, ada, client) = (&world.store, &world.org.id, &world.user.id, &world.client.id);
    let consents = async |seconds| {
        for _ in 0..GRANTS {
            world.consent(seconds).await;
        }
        s.feed_position().await.expect("a position")
    };
    let before = consents(1).await;
    assert_eq!(s.revoke_client(acme, client, &cause(2)).await.expect("an answer"), GRANTS);
    assert_eq!(world.feed_since(before).await, [Subject::Client { id: client.clone() }]);
    let before = consents(3).await;
    assert!(s.remove_membership(acme, ada, &cause(4)).await.expect("an answer"));
    assert_eq!(world.feed_since(before).await, [Subject::Membership { org: acme.clone(), user: ada.clone() }]);
    let member = crate::store::Membership { org: acme.clone(), user: ada.clone(), roles: roles(&["viewer"]) };
    s.set_membership(&member, &cause(4)).await.expect("an answer");
    let before = consents(5).await;
    assert!(s.set_user_state(ada, UserState::Disabled, &cause(6)).await.expect("an answer"));
    assert_eq!(world.feed_since(before).await, [Subject::User { id: ada.clone() }]);
    let all = s.grants_of_org(acme).await.expect("grants");
    for (at, reason) in [(2, RevokeReason::Admin), (4, RevokeReason::MembershipRemoved), (6, RevokeReason::UserDeactivated)] {
        let revoked = GrantState::Revoked { at: after(at), reason };
        assert_eq!(all.iter().filter(|f| f.grant.state == revoked).count() as u64, GRANTS, "{reason:?}");
    }
    let log = world.log().await;
    let told = |name: &str| log.iter().filter(|(n, org)| n == name && org.as_ref() == Some(acme)).count() as u64;
    assert_eq!([told("grant.revoke.admin"), told("grant.revoke.user_deactivated")], [2 * GRANTS, GRANTS]);
}

pub(crate) async fn each_of_many_grants_that_end_is_on_record(store: SharedStore) {
    // More than one statement writes.
    const GRANTS: u64 = 260;
    let world = World::new(store).await;
    for _ in 0..GRANTS {
        world.consent(1).await;
    }
    let (s, acme) = (&world.store, &world.org.id);
    assert_eq!(s.revoke_client(acme, &world.client.id, &cause(2)).await.expect("an answer"), GRANTS);
    let ended = AuditFilter { operation: Some("grant.revoke.admin".to_owned()), ..AuditFilter::default() };
    let told = s.search_audit(&ended, None, 1000).await.expect("a page").rows;
    let targets: BTreeSet<_> = told
        .iter()
        .filter_map(|row| match &row.record.event {
            Event::Control(event) => event.target.clone(),
            Event::Call(_) => None,
        })
        .collect();
    assert_eq!((told.len() as u64, targets.len() as u64), (GRANTS, GRANTS), "one each");
}

pub(crate) async fn grants_end_while_their_use_is_noted(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    for round in 0..6 {
        // The other way round than their ids: who locks them as they were written meets who notes their use.
        let mut grants = Vec::new();
        for n in (0..20).rev() {
            grants.push(world.consent(round * 100 + n).await.0);
        }
        let calls: Vec<_> = grants.iter().map(|g| call(Some(g), "loki", Decision::Allowed, 9000)).collect();
        let at = cause(9000);
        let ended = s.revoke_client(&world.org.id, &world.client.id, &at);
        let (noted, ended) = futures::join!(s.append_audit(&calls), ended);
        noted.expect("stored");
        assert_eq!(ended.expect("an answer"), 20);
    }
}
