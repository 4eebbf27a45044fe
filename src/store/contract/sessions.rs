//! Sessions and authorization requests.

use futures::future::join;

use super::world::*;
use crate::store::{
    Approvals, Approve, ApprovedRequest, Client, ClientState, Grant, GrantState, Hand, Holder, Membership, OrgState,
    PasswordRecord, ScopeRefusal, Session, SessionFacts, SharedStore, UserState,
};
use crate::types::{GrantId, ScopeToken, TokenKind};

fn approval(world: &World, seconds: u64) -> ApprovedRequest {
    let code = hash(TokenKind::AuthorizationCode);
    ApprovedRequest { grant: world.wanted(seconds), trial: false, code, code_expires_at: after(seconds + 60) }
}

pub(crate) async fn a_session_lives_until_it_ends(store: SharedStore) {
    let world = World::new(store).await;
    let (first, second) = (world.sign_in(0).await, world.sign_in(0).await);
    let SessionFacts { session, user, .. } =
        world.store.session(&first, after(10), HOUR).await.expect("an answer").expect("it lives");
    assert_eq!((session.hash, session.user, session.authenticated_at), (first, user.id.clone(), START));
    assert_eq!((session.expires_at, user), (START.plus(HOUR), world.user.clone()));
    assert!(world.store.session(&first, START.plus(HOUR), HOUR).await.expect("an answer").is_none());
    world.store.end_session(&first, &cause(20)).await.expect("done");
    world.store.end_session(&first, &cause(20)).await.expect("done");
    assert!(world.store.session(&first, after(21), HOUR).await.expect("an answer").is_none());
    assert!(world.store.session(&second, after(21), HOUR).await.expect("an answer").is_some());
    let log = world.log().await;
    let count = |name: &str| log.iter().filter(|(n, _)| n == name).count();
    assert_eq!((count("login.ok"), count("logout")), (2, 1), "{log:?}");
}

pub(crate) async fn no_session_starts_by_a_password_that_has_gone(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada) = (&world.store, &world.user.id);
    let start = async |phc: &str, seconds: u64| {
        let session = Session {
            hash: hash(TokenKind::Session),
            user: ada.clone(),
            authenticated_at: after(seconds),
            expires_at: after(seconds).plus(HOUR),
            seen_at: after(seconds),
        };
        let started = store.start_session(&session, Some(&phc.into()), &cause(seconds)).await.expect("an answer");
        let lives = store.session(&session.hash, after(seconds), HOUR).await.expect("an answer").is_some();
        assert_eq!(started, lives);
        started
    };
    let set = async |phc: &str, seconds: u64| {
        let record = PasswordRecord { phc: phc.into(), one_time: false };
        store.set_password(ada, &record, &cause(seconds)).await.expect("done");
    };
    assert!(!start("first", 1).await, "there is none");
    set("first", 2).await;
    assert!(start("first", 3).await);
    set("second", 4).await;
    assert!(!start("first", 5).await, "it was compared before the change");
    assert!(start("second", 6).await);
    store.set_user_state(ada, UserState::Disabled, &cause(7)).await.expect("done");
    assert!(!start("second", 8).await);
}

pub(crate) async fn a_session_knows_what_its_user_may_see(store: SharedStore) {
    let world = World::new(store).await;
    let (s, ada) = (&world.store, &world.user);
    let hash = world.sign_in(0).await;
    let facts = async || s.session(&hash, after(10), HOUR).await.expect("an answer").expect("it lives");
    let slugs =
        |facts: &SessionFacts| facts.orgs.iter().map(|(org, roles)| (org.slug.to_string(), roles.clone())).collect::<Vec<_>>();
    let at_home = s.membership(&world.org.id, &ada.id).await.expect("an answer").expect("a member").roles;
    let before = facts().await;
    assert_eq!((before.one_time_password, before.operator), (true, false));
    assert_eq!(before.orgs, [(world.org.clone(), at_home.clone())]);

    // Their short names sort before and behind that of the first.
    let (aaa, zzz) = (org("aaa"), org("zzz"));
    for other in [&zzz, &aaa] {
        s.create_org(other, &cause(1)).await.expect("an organization");
        let membership = Membership { org: other.id.clone(), user: ada.id.clone(), roles: roles(&["viewer"]) };
        s.set_membership(&membership, &cause(1)).await.expect("a membership");
    }
    assert!(s.add_operator(&ada.id, &cause(2)).await.expect("an answer"));
    let own = PasswordRecord { one_time: false, ..password("$argon2id$own") };
    assert!(s.change_password(&ada.id, &"$argon2id$1".into(), &own, &hash, &cause(2)).await.expect("an answer"));
    let after_all = facts().await;
    assert_eq!((after_all.one_time_password, after_all.operator), (false, true));
    let home = (world.org.slug.to_string(), at_home);
    let viewer = |slug: &str| (slug.to_owned(), roles(&["viewer"]));
    assert_eq!(slugs(&after_all), [viewer("aaa"), home.clone(), viewer("zzz")]);

    // Neither an organization that is switched off nor one that was left is one of them, and a user may have none.
    s.set_org_state(&aaa.id, OrgState::Disabled, &cause(3)).await.expect("an answer");
    s.remove_membership(&zzz.id, &ada.id, &cause(3)).await.expect("an answer");
    assert_eq!(slugs(&facts().await), [home]);
    s.remove_membership(&world.org.id, &ada.id, &cause(4)).await.expect("an answer");
    assert_eq!(slugs(&facts().await), []);
}

pub(crate) async fn a_session_is_seen_once_a_minute(store: SharedStore) {
    let world = World::new(store).await;
    let hash = world.sign_in(0).await;
    for (at, seen) in [(59, 0), (60, 60), (90, 60), (120, 120)] {
        let facts = world.store.session(&hash, after(at), HOUR).await.expect("an answer").expect("it lives");
        assert_eq!(facts.session.seen_at, after(seen), "at {at}");
    }
}

pub(crate) async fn a_session_that_idles_ends(store: SharedStore) {
    let world = World::new(store).await;
    let (hash, idle) = (world.sign_in(0).await, std::time::Duration::from_secs(300));
    assert!(world.store.session(&hash, after(299), idle).await.expect("an answer").is_some());
    assert!(world.store.session(&hash, after(598), idle).await.expect("an answer").is_some(), "it was seen at 299");
    assert!(world.store.session(&hash, after(898), idle).await.expect("an answer").is_none());
    assert!(world.store.session(&hash, after(898), idle).await.expect("an answer").is_none(), "asking does not wake it");
}

pub(crate) async fn a_request_waits_as_it_came(store: SharedStore) {
    let world = World::new(store).await;
    let asked = request(&world.client.id);
    world.store.freeze_request(&asked, &cause(0)).await.expect("a request");
    assert_eq!(world.store.pending_request(&asked.id, after(599)).await.expect("an answer"), Some(asked.clone()));
    assert_eq!(world.store.pending_request(&asked.id, after(600)).await.expect("an answer"), None);
    let late = world.store.approve_request(&asked.id, &approval(&world, 600), &as_ever, &cause(600)).await;
    assert_eq!(late.expect("an answer"), Approve::Gone);
    assert_eq!(world.store.deny_request(&asked.id, &cause(600)).await.expect("an answer"), Approve::Gone);
    assert_eq!(world.store.deny_request(&asked.id, &cause(599)).await.expect("an answer"), Approve::Done);
    assert_eq!(world.store.pending_request(&asked.id, after(10)).await.expect("an answer"), None);
}

pub(crate) async fn one_decision_counts(store: SharedStore) {
    let world = World::new(store).await;
    for round in 0..20 {
        let asked = request(&world.client.id);
        world.store.freeze_request(&asked, &cause(0)).await.expect("a request");
        let approved = approval(&world, round);
        let user = cause(1);
        let approve = world.store.approve_request(&asked.id, &approved, &as_ever, &user);
        let (approve, deny) = join(approve, world.store.deny_request(&asked.id, &cause(1))).await;
        let outcome = (approve.expect("an answer"), deny.expect("an answer"));
        let grant = world.store.grant_facts(&approved.grant.id).await.expect("an answer");
        let code = world.store.code(&approved.code).await.expect("an answer");
        match outcome {
            (Approve::Done, Approve::Gone) => {
                assert_eq!(grant.map(|f| f.grant.state), Some(GrantState::Live));
                assert_eq!(code.map(|c| c.grant), Some(approved.grant));
            }
            (Approve::Gone, Approve::Done) => assert!(grant.is_none() && code.is_none()),
            both => panic!("{both:?}"),
        }
    }
}

pub(crate) async fn approval_needs_an_active_member(store: SharedStore) {
    let world = World::new(store).await;
    let asked = request(&world.client.id);
    world.store.freeze_request(&asked, &cause(0)).await.expect("a request");
    let approve = async || {
        let approved = approval(&world, 1);
        world.store.approve_request(&asked.id, &approved, &as_ever, &cause(2)).await.expect("an answer")
    };
    world.store.set_user_state(&world.user.id, UserState::Disabled, &cause(1)).await.expect("an answer");
    assert_eq!(approve().await, Approve::Gone);
    world.store.set_user_state(&world.user.id, UserState::Active, &cause(1)).await.expect("an answer");
    world.store.remove_membership(&world.org.id, &world.user.id, &cause(1)).await.expect("an answer");
    assert_eq!(approve().await, Approve::Gone);
    assert!(world.store.grants(10).await.expect("grants").is_empty());
    let back = crate::store::Membership { org: world.org.id.clone(), user: world.user.id.clone(), roles: Vec::new() };
    world.store.set_membership(&back, &cause(1)).await.expect("a membership");
    assert_eq!(approve().await, Approve::Done);
}

pub(crate) async fn nobody_agrees_to_what_a_client_may_no_longer_ask_for(store: SharedStore) {
    let world = World::new(store).await;
    let (s, id) = (&world.store, &world.client.id);
    let private = ScopeToken::parse("logs:delete").expect("a scope");
    let holder = Holder::Client(id.clone());
    let grant = Grant { scopes: scopes("logs:read logs:delete"), ..world.wanted(1) };
    // As it is decided outside of the store: what the client names, and of what is private what it was given.
    let still = |client: &Client, approvals: &Approvals| {
        let open = scopes("logs:read metrics:read").union(&approvals.live(after(1)));
        client.scopes.as_ref().is_none_or(|named| grant.scopes.is_subset(named)) && grant.scopes.is_subset(&open)
    };
    let at = cause(1);
    for round in 0..20 {
        s.set_client_scopes(id, None, Hand::Operator, &at).await.expect("widened");
        s.approve_scope(&holder, &private, after(900), None, &at).await.expect("given");
        let (asked, device) = (request(id), device_request(id));
        s.freeze_request(&asked, &at).await.expect("a request");
        s.begin_device(&device, &hash(TokenKind::DeviceCode), &at).await.expect("a request");
        let of = |id| Grant { id, ..grant.clone() };
        let (first, second) = (of(GrantId::generate(after(1), &ENTROPY)), of(GrantId::generate(after(1), &ENTROPY)));
        let code = hash(TokenKind::AuthorizationCode);
        let approved = ApprovedRequest { grant: first.clone(), trial: false, code, code_expires_at: after(60) };
        let take = async {
            if round % 2 == 0 {
                assert!(s.refuse_scope(&holder, &private, ScopeRefusal::Withdraw, None, &at).await.expect("taken").is_some());
            } else {
                assert!(s.set_client_state(id, ClientState::Disabled, &at).await.expect("switched"));
            }
        };
        let (by_browser, by_device, ()) = futures::join!(
            s.approve_request(&asked.id, &approved, &still, &at),
            s.approve_device(&device.user_code, &second, &still, &at),
            take
        );
        for (outcome, grant) in [(by_browser, &first), (by_device, &second)] {
            let made = s.grant_facts(&grant.id).await.expect("an answer").map(|facts| facts.grant.state);
            match (outcome.expect("an answer"), made) {
                (Approve::Gone, None) => {}
                // It came first: then whoever withdraws the scope has ended it, and whoever switches the client off stops it.
                (Approve::Done, Some(state)) => assert_eq!(state == GrantState::Live, round % 2 == 1, "{round}: {state:?}"),
                other => panic!("{round}: {other:?}"),
            }
        }
        let late = ApprovedRequest { grant: of(GrantId::generate(after(1), &ENTROPY)), ..approved };
        assert_eq!(s.approve_request(&asked.id, &late, &still, &at).await.expect("an answer"), Approve::Gone, "{round}");
        s.set_client_state(id, ClientState::Active, &at).await.expect("switched");
    }
    s.approve_scope(&holder, &private, after(900), None, &at).await.expect("given");
    let asked = request(id);
    s.freeze_request(&asked, &at).await.expect("a request");
    s.set_client_scopes(id, Some(&scopes("logs:read")), Hand::Operator, &at).await.expect("narrowed");
    let code = hash(TokenKind::AuthorizationCode);
    let id = GrantId::generate(after(1), &ENTROPY);
    let approved = ApprovedRequest { grant: Grant { id, ..grant.clone() }, trial: false, code, code_expires_at: after(60) };
    let outcome = s.approve_request(&asked.id, &approved, &still, &at).await;
    assert_eq!(outcome.expect("an answer"), Approve::Gone);
    assert!(s.pending_request(&asked.id, after(2)).await.expect("an answer").is_some(), "and nothing was decided");
}

pub(crate) async fn a_user_sees_and_ends_sessions(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada) = (&world.store, &world.user.id);
    let (mine, other, idle) = (world.sign_in(30).await, world.sign_in(20).await, world.sign_in(0).await);
    let of = async |at| store.sessions_of(ada, after(at), std::time::Duration::from_secs(100)).await.expect("sessions");
    let listed = of(110).await;
    assert_eq!(listed.iter().map(|s| s.session.hash).collect::<Vec<_>>(), [mine, other], "not {idle:?}");
    assert_eq!((listed[0].address.as_deref(), listed[0].user_agent.as_deref()), (Some("192.0.2.7"), Some("suite/1")));
    let stranger = crate::types::UserId::generate(START, &ENTROPY);
    assert_eq!(store.end_other_sessions(&stranger, Some(&mine), &cause(40)).await.expect("an answer"), 0);
    assert_eq!(store.end_other_sessions(ada, Some(&mine), &cause(40)).await.expect("an answer"), 2);
    assert_eq!(store.end_other_sessions(ada, Some(&mine), &cause(41)).await.expect("an answer"), 0);
    assert_eq!(of(50).await.len(), 1);
    assert_ne!(listed[0].handle(), listed[1].handle());
    assert!(store.session(&other, after(50), HOUR).await.expect("an answer").is_none());
    assert_eq!(store.end_other_sessions(ada, None, &cause(51)).await.expect("an answer"), 1, "none is kept");
    assert_eq!(of(52).await.len(), 0);
}

/// A consent that replaces whatever there was.
struct Replacing;

impl crate::store::StillAsks for Replacing {
    fn still_asks(&self, _: &crate::store::Client, _: &crate::store::Approvals) -> bool {
        true
    }

    fn replaces(&self, _: &crate::store::Grant) -> bool {
        true
    }
}

pub(crate) async fn of_two_consents_at_once_one_stays(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    for round in 1..9 {
        let at = cause(round);
        let agree = async || {
            let asked = request(&world.client.id);
            s.freeze_request(&asked, &at).await.expect("a request");
            let approved = ApprovedRequest {
                grant: world.wanted(round),
                trial: false,
                code: hash(TokenKind::AuthorizationCode),
                code_expires_at: after(round + 60),
            };
            assert_eq!(s.approve_request(&asked.id, &approved, &Replacing, &at).await.expect("a decision"), Approve::Done);
        };
        futures::join!(agree(), agree());
        let all = s.grants_of_org(&world.org.id).await.expect("grants");
        let live: Vec<_> = all.iter().filter(|f| f.grant.state == crate::store::GrantState::Live).collect();
        assert_eq!(live.len(), 1, "round {round}: {live:?}");
        assert_eq!(all.len() as u64, 2 * round);
    }
}
