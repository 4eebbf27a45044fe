//! Trial authorizations.

use super::apps::app;
use super::world::*;
use crate::store::{App, SharedStore, Trial, Via};
use crate::types::{GrantId, HashedToken, RedirectUri};

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
