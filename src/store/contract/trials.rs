//! Trial authorizations.

use std::collections::BTreeSet;

use super::apps::app;
use super::world::*;
use crate::record::{Actor, Cause, operation};
use crate::store::{
    ApiKey, ApiKeyState, App, AuditFilter, DisableReason, Grant, Holder, Membership, Minted, RevokeReason, SharedStore, Subject,
    Trial, Via,
};
use crate::types::{
    API_KEYS_WRITE, ApiKeyId, AppId, GrantId, HashedToken, OrgId, RedirectUri, ScopeToken, Timestamp, TokenKind, UserId,
};

/// A trial of the draft, which ends ten minutes after the start.
pub(super) fn trial(session: &HashedToken, app: &App) -> Trial {
    Trial {
        session: *session,
        org: app.org.clone(),
        app: app.id.clone(),
        client: app.draft_client.clone(),
        redirect_uri: RedirectUri::parse("https://gw.test/orgs/acme/apps/app_1/test/callback").expect("a valid URI"),
        state: HashedToken::of("a state"),
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        sealed: vec![1],
        grant: None,
        expires_at: after(600),
    }
}

async fn made(world: &World) -> App {
    let (app, client) = app(&world.org.id, "logs:read");
    world.store.create_app(&app, &client, None, Via::Hand, MANY, &cause(0)).await.expect("an app");
    app
}

async fn of(world: &World, session: &HashedToken, seconds: u64) -> Option<Trial> {
    world.store.trial(session, after(seconds)).await.expect("an answer")
}

async fn begin(world: &World, trial: &Trial) -> bool {
    world.store.begin_trial(trial, &cause(1)).await.expect("an answer")
}

pub(crate) async fn what_a_client_was_ever_given_was_tried(store: SharedStore) {
    let world = World::new(store).await;
    let (app, other) = (made(&world).await, made(&world).await);
    let given = async |app: &App| world.store.scopes_tried(&app.draft_client).await.expect("scopes").to_string();
    assert_eq!(given(&app).await, "");
    for (seconds, some) in [(1, "metrics:read"), (2, "logs:read metrics:write")] {
        let grant = Grant { client: app.draft_client.clone(), scopes: scopes(some), ..world.wanted(seconds) };
        world.consent_for(&Grant { expires_at: Some(after(600)), ..grant.clone() }, seconds, true).await;
        world.store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(seconds + 1)).await.expect("an answer");
    }
    assert_eq!((given(&app).await.as_str(), given(&other).await.as_str()), ("logs:read metrics:read metrics:write", ""));
}

pub(crate) async fn a_trial_belongs_to_one_session_and_one_app(store: SharedStore) {
    let world = World::new(store).await;
    let (app, other) = (made(&world).await, made(&world).await);
    let (mine, theirs) = (world.sign_in(0).await, world.sign_in(0).await);
    let first = trial(&mine, &app);
    assert!(begin(&world, &first).await);
    assert_eq!(of(&world, &mine, 599).await, Some(first.clone()));
    assert_eq!(of(&world, &theirs, 1).await, None);
    let beta = org("beta");
    world.store.create_org(&beta, &cause(0)).await.expect("an organization");
    for wrong in [
        Trial { client: other.draft_client.clone(), ..first.clone() },
        Trial { client: world.client.id.clone(), ..first.clone() },
        Trial { org: beta.id.clone(), ..first.clone() },
        Trial { session: HashedToken::of("nobody's"), ..first.clone() },
    ] {
        assert!(!begin(&world, &wrong).await, "{wrong:?}");
    }
    assert_eq!(of(&world, &mine, 1).await, Some(first.clone()), "what is refused changes nothing");
    let next = Trial { state: HashedToken::of("another"), ..trial(&mine, &other) };
    assert!(begin(&world, &next).await);
    assert_eq!(of(&world, &mine, 1).await, Some(next), "a session has one trial");
    world.store.delete_app(&app.id, &cause(2)).await.expect("an answer");
    assert!(!begin(&world, &first).await, "nobody tries what is gone");
    let log = world.log().await;
    let begun = ("app.test.begin".to_owned(), Some(world.org.id.clone()));
    assert_eq!(log.iter().filter(|line| **line == begun).count(), 2, "{log:?}");
}

pub(crate) async fn a_trial_is_given_one_answer(store: SharedStore) {
    let world = World::new(store).await;
    let (app, session) = (made(&world).await, world.sign_in(0).await);
    let ((first, _), (second, _)) = (world.consent(1).await, world.consent(1).await);
    let begun = trial(&session, &app);
    assert!(begin(&world, &begun).await);
    let finish = async |trial: &Trial, grant: &GrantId, seconds| {
        world.store.finish_trial(trial, grant, &[7, 7], after(seconds)).await.expect("an answer")
    };
    let stranger = Trial { state: HashedToken::of("another"), ..begun.clone() };
    assert!(!finish(&stranger, &first.id, 2).await, "the answer to another request");
    assert!(!finish(&begun, &first.id, 600).await, "too late");
    assert!(finish(&begun, &first.id, 2).await);
    assert!(!finish(&begun, &second.id, 2).await, "once");
    let done = of(&world, &session, 3).await.expect("it is there");
    assert_eq!((done.grant, done.sealed), (Some(first.id.clone()), vec![7, 7]));
    let again = Trial { state: HashedToken::of("again"), ..begun.clone() };
    assert!(begin(&world, &again).await);
    assert_eq!(of(&world, &session, 3).await, Some(again), "a new trial has nothing of the last");
}

pub(crate) async fn a_trial_ends_with_its_session_and_its_time(store: SharedStore) {
    let world = World::new(store).await;
    let (app, session) = (made(&world).await, world.sign_in(0).await);
    let begun = trial(&session, &app);
    assert!(begin(&world, &begun).await);
    assert_eq!(of(&world, &session, 600).await, None);
    let end = async |trial: &Trial| world.store.end_trial(trial, &cause(5)).await.expect("an answer");
    let stranger = Trial { state: HashedToken::of("another"), ..begun.clone() };
    assert!(!end(&stranger).await);
    assert!(end(&begun).await && !end(&begun).await);
    assert_eq!(of(&world, &session, 1).await, None);
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "app.test.end").count(), 1, "{log:?}");

    assert!(begin(&world, &begun).await);
    world.store.end_session(&session, &cause(6)).await.expect("done");
    assert_eq!(of(&world, &session, 7).await, None, "it is gone with its session");
    let session = world.sign_in(0).await;
    assert!(begin(&world, &trial(&session, &app)).await);
    assert_eq!(world.store.forget_ended(after(600)).await.expect("a number"), 0);
    assert_eq!(world.store.forget_ended(after(601)).await.expect("a number"), 1);
}

/// A grant of the world's user to the app's draft, for a trial; it ends ten minutes after the start.
async fn tried(world: &World, app: &App, seconds: u64) -> Grant {
    tried_until(world, app, seconds, 600).await
}

/// The same with another end.
async fn tried_until(world: &World, app: &App, seconds: u64, end: u64) -> Grant {
    let grant = Grant { client: app.draft_client.clone(), expires_at: Some(after(end)), ..world.wanted(seconds) };
    world.consent_for(&grant, seconds, true).await;
    grant
}

async fn revoke(world: &World, grant: &Grant, seconds: u64) {
    let done = world.store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(seconds)).await;
    assert!(done.expect("an answer"));
}

async fn installed(world: &World) -> Vec<(AppId, Timestamp)> {
    let installs = world.store.installs(&world.org.id).await.expect("installs");
    installs.into_iter().map(|install| (install.app, install.at)).collect()
}

pub(crate) async fn the_grants_of_trials_are_known(store: SharedStore) {
    let world = World::new(store).await;
    let (app, other, session) = (made(&world).await, made(&world).await, world.sign_in(0).await);
    let begun = trial(&session, &app);
    assert!(begin(&world, &begun).await);
    let of_draft = |seconds| Grant { client: app.draft_client.clone(), ..world.wanted(seconds) };
    let lasting = [of_draft(2), Grant { expires_at: Some(after(900)), ..of_draft(2) }];
    for grant in &lasting {
        world.consent_to(grant, 2).await;
    }
    tried(&world, &other, 2).await;
    let known = async || {
        let found = world.store.trial_grants(&world.user.id, &app.draft_client).await.expect("an answer");
        found.into_iter().collect::<BTreeSet<_>>()
    };
    assert!(known().await.is_empty(), "what lasts is no trial's");
    let given = tried(&world, &app, 3).await;
    assert_eq!(known().await, BTreeSet::from([given.id.clone()]), "before its code is redeemed");
    // Its end may come sooner; then the trial says which it is.
    assert!(world.store.finish_trial(&begun, &given.id, &[2], after(4)).await.expect("an answer"));
    assert!(world.store.limit_grant(&given.id, &world.user.id, after(99), &cause(5)).await.expect("an answer"));
    assert_eq!(known().await, BTreeSet::from([given.id.clone()]));
    let stranger = world.store.trial_grants(&UserId::generate(after(0), &ENTROPY), &app.draft_client).await;
    assert!(stranger.expect("an answer").is_empty());
    // Whatever becomes of the trial, what it was given stays a trial's.
    let again = Trial { state: HashedToken::of("again"), ..begun.clone() };
    assert!(begin(&world, &again).await, "in place of the last");
    let second = tried(&world, &app, 6).await;
    let both = BTreeSet::from([given.id.clone(), second.id.clone()]);
    assert_eq!(known().await, both);
    assert!(world.store.end_trial(&again, &cause(6)).await.expect("an answer"));
    assert_eq!(known().await, both);
    world.store.end_session(&session, &cause(7)).await.expect("done");
    assert_eq!(known().await, both);
    assert_eq!(world.store.trial_grants(&world.user.id, &other.draft_client).await.expect("an answer").len(), 1);
    world.store.forget_ended(after(601)).await.expect("a number");
    assert!(known().await.is_empty(), "what has ended is nobody's question");
}

pub(crate) async fn what_a_trial_installs_ends_with_it(store: SharedStore) {
    let world = World::new(store).await;
    let (app, session) = (made(&world).await, world.sign_in(0).await);
    let end = async |seconds| world.store.end_trial(&trial(&session, &app), &cause(seconds)).await.expect("an answer");
    let swept = async |seconds| world.store.end_trial_installs(&cause(seconds)).await.expect("an answer");
    assert!(begin(&world, &trial(&session, &app)).await);
    let (first, colleagues) = (tried(&world, &app, 2).await, tried(&world, &app, 3).await);
    assert_eq!(installed(&world).await, [(app.id.clone(), after(2))]);
    assert_eq!(swept(4).await, 0, "it goes on");
    revoke(&world, &first, 5).await;
    assert!(end(5).await);
    assert_eq!(installed(&world).await.len(), 1, "another's test of it goes on");
    assert!(begin(&world, &trial(&session, &app)).await);
    revoke(&world, &colleagues, 6).await;
    assert!(end(6).await);
    assert_eq!(installed(&world).await, []);

    // A test that nobody ends has ended with its grant.
    tried(&world, &app, 7).await;
    assert_eq!((swept(599).await, installed(&world).await.len()), (0, 1));
    let before = world.store.feed_position().await.expect("a position");
    assert_eq!((swept(600).await, installed(&world).await), (1, vec![]));
    assert_eq!(world.feed_since(before).await, [Subject::Client { id: app.draft_client.clone() }]);
    assert_eq!(swept(601).await, 0);
    let log = world.log().await;
    let count = |name: &str| log.iter().filter(|(operation, _)| operation == name).count();
    assert_eq!((count("app.install"), count("app.uninstall")), (2, 2), "{log:?}");
}

pub(crate) async fn what_a_trial_installs_is_kept_by_a_consent_that_lasts(store: SharedStore) {
    let world = World::new(store).await;
    let (first, second, third) = (made(&world).await, made(&world).await, made(&world).await);
    let (org, session) = (&world.org.id, world.sign_in(0).await);
    let real = |app: &App, seconds| Grant { client: app.draft_client.clone(), ..world.wanted(seconds) };
    let (before, meanwhile) = (real(&first, 1), real(&second, 3));
    world.consent_to(&before, 1).await;
    for app in [&first, &second, &third] {
        let grant = tried(&world, app, 2).await;
        match app {
            app if *app == second => drop(world.consent_to(&meanwhile, 3).await),
            app if *app == third => {
                assert!(world.store.install_app(org, &app.id, &cause(4)).await.expect("an answer"));
                assert!(!world.store.install_app(org, &app.id, &cause(5)).await.expect("an answer"), "it is there");
            }
            _ => {}
        }
        assert!(begin(&world, &trial(&session, app)).await);
        revoke(&world, &grant, 6).await;
        assert!(world.store.end_trial(&trial(&session, app), &cause(6)).await.expect("an answer"));
    }
    for grant in [&before, &meanwhile] {
        revoke(&world, grant, 7).await;
    }
    assert_eq!(world.store.end_trial_installs(&cause(8)).await.expect("an answer"), 0);
    let mut kept = installed(&world).await;
    kept.sort_by_key(|(_, at)| *at);
    assert_eq!(kept, [(first.id, after(1)), (second.id, after(3)), (third.id, after(4))], "as ever after it was revoked");
}

/// Where apps were uninstalled and by whom, oldest first.
async fn uninstalled(world: &World) -> Vec<(Option<OrgId>, Option<UserId>)> {
    let page = world.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
    let found = page.rows.into_iter().rev().filter(|row| operation(&row.record) == "app.uninstall");
    found.map(|row| (row.record.org, row.record.actor.user)).collect()
}

pub(crate) async fn who_ends_a_trial_uninstalls_nothing_of_others(store: SharedStore) {
    let world = World::new(store).await;
    let (tested, other, session) = (made(&world).await, made(&world).await, world.sign_in(0).await);
    let beta = org("beta");
    world.store.create_org(&beta, &cause(0)).await.expect("an organization");
    let membership = Membership { org: beta.id.clone(), user: world.user.id.clone(), roles: roles(&["viewer"]) };
    world.store.set_membership(&membership, &cause(0)).await.expect("a membership");
    let (theirs, client) = app(&beta.id, "logs:read");
    world.store.create_app(&theirs, &client, None, Via::Hand, MANY, &cause(0)).await.expect("an app");
    assert!(begin(&world, &trial(&session, &tested)).await);
    for tried_here in [&tested, &other] {
        tried(&world, tried_here, 2).await;
    }
    for tried_there in [&tested, &theirs] {
        let there = Grant { client: tried_there.draft_client.clone(), org: beta.id.clone(), ..world.wanted(2) };
        world.consent_for(&Grant { expires_at: Some(after(600)), ..there }, 2, true).await;
    }

    // All four have ended; the organization that ends one has its own user on record for that one, and for nothing else.
    let ada = Some(world.user.id.clone());
    let by_ada = Cause { actor: Actor { user: ada.clone(), ..Actor::default() }, ..cause(700) };
    assert!(world.store.end_trial(&trial(&session, &tested), &by_ada).await.expect("an answer"));
    let of_ada = (Some(world.org.id.clone()), ada);
    assert_eq!(uninstalled(&world).await, std::slice::from_ref(&of_ada));
    assert_eq!(installed(&world).await, [(other.id.clone(), after(2))]);
    assert_eq!(world.store.installs(&beta.id).await.expect("installs").len(), 2);

    assert_eq!(world.store.end_trial_installs(&cause(701)).await.expect("an answer"), 3, "the node ends the others itself");
    let log = uninstalled(&world).await;
    assert_eq!((log.len(), log.iter().filter(|line| **line == of_ada).count()), (4, 1), "{log:?}");
    assert!(installed(&world).await.is_empty());
}

pub(crate) async fn a_key_of_a_trial_ends_with_it(store: SharedStore) {
    let world = World::new(store).await;
    let (app, session) = (made(&world).await, world.sign_in(0).await);
    let mints = ScopeToken::parse(API_KEYS_WRITE).expect("a scope");
    let holder = Holder::App(app.id.clone());
    assert!(world.store.approve_scope(&holder, &mints, after(9000), None, &cause(0)).await.expect("an answer"));
    // For good: what a trial installs ends in its own way.
    assert!(world.store.install_app(&world.org.id, &app.id, &cause(0)).await.expect("an answer"));
    let mint = async |grant: &Grant, seconds| {
        let key = ApiKey {
            id: ApiKeyId::generate(after(seconds), &ENTROPY),
            last4: "wxyz".into(),
            name: "Key of app Acme Sync".into(),
            org: grant.org.clone(),
            app: app.id.clone(),
            client: grant.client.clone(),
            grant: grant.id.clone(),
            user: grant.user.clone(),
            scopes: scopes("logs:write"),
            resources: Vec::new(),
            created_at: after(seconds),
            last_used_at: None,
            state: ApiKeyState::Live,
        };
        let minted = world.store.mint_api_key(&key, &hash(TokenKind::ApiKey), &cause(seconds)).await.expect("an answer");
        (key.id, minted)
    };
    let state = async |id: &ApiKeyId| world.store.api_key(id).await.expect("an answer").expect("it is there").state;
    let ended = |seconds| ApiKeyState::Disabled { at: after(seconds), reason: DisableReason::Trial };
    // Done.
    assert!(begin(&world, &trial(&session, &app)).await);
    let grant = tried(&world, &app, 2).await;
    let (first, minted) = mint(&grant, 3).await;
    assert_eq!((minted, state(&first).await), (Minted::Done, ApiKeyState::Live));
    revoke(&world, &grant, 4).await;
    let before = world.store.feed_position().await.expect("a position");
    assert!(world.store.end_trial(&trial(&session, &app), &cause(5)).await.expect("an answer"));
    assert_eq!(state(&first).await, ended(5));
    assert_eq!(world.feed_since(before).await, [Subject::Client { id: app.draft_client.clone() }]);
    // By its time, which housekeeping notices, or whoever makes the app's own.
    let (second, minted) = mint(&tried(&world, &app, 6).await, 7).await;
    assert_eq!(minted, Minted::Done);
    assert_eq!(world.store.end_trial_installs(&cause(599)).await.expect("an answer"), 0);
    assert_eq!(state(&second).await, ApiKeyState::Live, "the test goes on");
    world.store.end_trial_installs(&cause(600)).await.expect("an answer");
    assert_eq!(state(&second).await, ended(600));
    let late = tried_until(&world, &app, 601, 700).await;
    let (third, minted) = mint(&late, 601).await;
    assert_eq!(minted, Minted::Done);
    let own = Grant { client: app.draft_client.clone(), ..world.wanted(650) };
    world.consent_to(&own, 650).await;
    assert!(matches!(mint(&own, 651).await.1, Minted::Taken(_)), "while the test goes on it has the key");
    let (fourth, minted) = mint(&own, 700).await;
    assert_eq!((minted, state(&third).await), (Minted::Done, ended(700)));
    // What was given for good is no test's.
    revoke(&world, &own, 701).await;
    world.store.end_trial_installs(&cause(702)).await.expect("an answer");
    assert_eq!(state(&fourth).await, ApiKeyState::Live);
}
