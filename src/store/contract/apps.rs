//! Apps, their drafts and their versions.

use futures::future::join_all;

use super::world::*;
use crate::store::{
    App, AppClient, AppState, AppVersion, Client, ClientAuth, ClientKind, ClientOrigin, ClientSecret, ClientState, Definition,
    Drafted, Edit, Grant, GrantState, Hand, Maturity, Publication, Published, RevokeReason, SharedStore, Stage, Subject, Via,
};
use crate::types::{AppId, AppUuid, ClientId, OrgId, RedirectUri, TokenKind};

pub(super) fn definition(asked: &str) -> Definition {
    Definition {
        name: "Acme Sync".into(),
        description: "Copies metrics.".into(),
        documentation_url: Some("https://acme.test/docs".into()),
        uninstall_instructions: "Press Uninstall.".into(),
        onboarding_url: Some("https://acme.test/start".into()),
        redirect_uris: vec![RedirectUri::parse("https://acme.test/cb").expect("a valid URI")],
        scopes: scopes(asked),
        access_token_ttl_seconds: Some(900),
        require_state: true,
    }
}

fn client_of(app: &App, stage: Stage) -> Client {
    let definition = &app.draft;
    Client {
        id: if stage == Stage::Draft { app.draft_client.clone() } else { ClientId::generate(START, &ENTROPY) },
        app: Some(AppClient { app: app.id.clone(), stage }),
        name: definition.name.clone(),
        kind: ClientKind::Confidential,
        auth: ClientAuth::SecretBasic,
        redirect_uris: definition.redirect_uris.clone(),
        scopes: Some(definition.scopes.clone()),
        ..client(Some(&app.org), ClientOrigin::Administrator)
    }
}

fn secret(last4: &str) -> ClientSecret {
    ClientSecret { hash: hash(TokenKind::ClientSecret), last4: last4.into(), created_at: START, expires_at: None }
}

pub(super) fn app(org: &OrgId, asked: &str) -> (App, Client) {
    let app = App {
        id: AppId::generate(START, &ENTROPY),
        org: org.clone(),
        uuid: AppUuid::generate(&ENTROPY),
        draft: definition(asked),
        revision: 1,
        maturity: Maturity::InWork,
        state: AppState::Active,
        draft_client: ClientId::generate(START, &ENTROPY),
        published_client: None,
        version: 0,
        created_at: START,
        changed_at: START,
    };
    let client = client_of(&app, Stage::Draft);
    (app, client)
}

async fn made(world: &World, asked: &str) -> App {
    let (app, client) = app(&world.org.id, asked);
    let done = world.store.create_app(&app, &client, Some(&secret("aaaa")), Via::Hand, MANY, &cause(0)).await;
    assert_eq!(done.expect("an answer"), Drafted::Done);
    app
}

async fn now(world: &World, app: &App) -> App {
    world.store.app(&app.id).await.expect("an answer").expect("the app is there")
}

pub(super) fn publication(app: &App) -> Publication {
    Publication {
        revision: app.revision,
        number: app.version + 1,
        client: client_of(app, Stage::Published),
        secret: Some(secret("pppp")),
        most: MANY,
    }
}

/// Marks the draft stable and publishes it: the app as it then is, and how many grants were narrowed and ended.
async fn publish(world: &World, app: &App, seconds: u64) -> (App, u64, u64) {
    let marked = world.store.mark_app(&app.id, now(world, app).await.revision, Maturity::Stable, &cause(seconds)).await;
    assert_eq!(marked.expect("an answer"), Edit::Done);
    let seen = now(world, app).await;
    match world.store.publish_app(&app.id, &publication(&seen), Hand::Operator, &cause(seconds)).await.expect("an answer") {
        Published::Done { narrowed, ended, .. } => (now(world, app).await, narrowed, ended),
        other => panic!("{seen:?} was stable: {other:?}"),
    }
}

async fn edit(world: &World, app: &App, draft: &Definition, seconds: u64) {
    let seen = now(world, app).await;
    let done = world.store.edit_app(&app.id, seen.revision, draft, Via::Hand, Hand::Operator, &cause(seconds)).await;
    assert_eq!(done.expect("an answer"), Edit::Done);
}

async fn granted(world: &World, client: &ClientId, asked: &str, seconds: u64) -> Grant {
    let grant = Grant { client: client.clone(), scopes: scopes(asked), ..world.wanted(seconds) };
    world.consent_to(&grant, seconds).await;
    grant
}

pub(crate) async fn apps_come_back_whole(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read metrics:read").await;
    assert_eq!(now(&world, &made).await, made);
    let draft = world.store.client(&made.draft_client).await.expect("an answer").expect("its draft client");
    assert_eq!(draft, client_of(&made, Stage::Draft));
    assert_eq!(draft.private_to(), Some(&world.org.id));
    assert_eq!(world.store.live_secrets(&draft.id, START).await.expect("secrets").len(), 1);
    let (late, client) = app(&world.org.id, "logs:read");
    let late = App { created_at: after(5), ..late };
    assert_eq!(
        world.store.create_app(&late, &client, None, Via::Manifest, MANY, &cause(5)).await.expect("an answer"),
        Drafted::Done
    );
    let all = [late.clone(), made.clone()];
    assert_eq!(world.store.apps(None).await.expect("apps"), all);
    assert_eq!(world.store.apps(Some(&world.org.id)).await.expect("apps"), all);
    assert!(world.store.apps(Some(&OrgId::generate(START, &ENTROPY))).await.expect("apps").is_empty());
    assert!(world.store.app(&AppId::generate(START, &ENTROPY)).await.expect("an answer").is_none());
    assert!(world.store.app_versions(&made.id).await.expect("versions").is_empty());
    let log = world.log().await;
    let told = |name: &str| log.iter().filter(|(n, org)| n == name && *org == Some(world.org.id.clone())).count();
    assert_eq!(["app.create", "app.manifest_import", "client.create"].map(told), [1, 1, 3], "{log:?}");
}

pub(crate) async fn a_uuid_is_free_in_every_other_organization(store: SharedStore) {
    let world = World::new(store).await;
    let first = made(&world, "logs:read").await;
    let (mut same, mut client) = app(&world.org.id, "logs:read");
    same.uuid = first.uuid.clone();
    let again = world.store.create_app(&same, &client, None, Via::Hand, MANY, &cause(1)).await;
    assert_eq!(again.expect("an answer"), Drafted::Taken);
    assert_eq!(world.store.client(&client.id).await.expect("an answer"), None);
    let beta = org("beta");
    world.store.create_org(&beta, &cause(1)).await.expect("an organization");
    (same.org, client.org) = (beta.id.clone(), Some(beta.id.clone()));
    assert_eq!(world.store.create_app(&same, &client, None, Via::Hand, MANY, &cause(1)).await.expect("an answer"), Drafted::Done);
    let found = async |org: &OrgId| world.store.app_by_uuid(org, &first.uuid).await.expect("an answer").map(|a| a.id);
    assert_eq!((found(&world.org.id).await, found(&beta.id).await), (Some(first.id.clone()), Some(same.id)));
    // A removed app gives its UUID back.
    assert!(world.store.delete_app(&first.id, &cause(2)).await.expect("an answer"));
    assert_eq!(found(&world.org.id).await, None);
    let (mut third, client) = app(&world.org.id, "logs:read");
    third.uuid = first.uuid.clone();
    assert_eq!(
        world.store.create_app(&third, &client, None, Via::Hand, MANY, &cause(3)).await.expect("an answer"),
        Drafted::Done
    );
}

pub(crate) async fn drafts_are_changed_by_who_saw_them(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read metrics:read").await;
    let grant = granted(&world, &made.draft_client, "logs:read metrics:read", 1).await;
    world.store.mark_app(&made.id, 1, Maturity::Stable, &cause(1)).await.expect("an answer");
    let narrower = Definition { name: "Acme Copy".into(), ..definition("logs:read") };
    let edits = join_all((0..8).map(|_| async {
        world.store.edit_app(&made.id, 1, &narrower, Via::Hand, Hand::Operator, &cause(2)).await.expect("an answer")
    }));
    assert_eq!(edits.await.iter().filter(|e| **e == Edit::Done).count(), 1);
    let seen = now(&world, &made).await;
    assert_eq!((seen.revision, seen.maturity, &seen.draft), (2, Maturity::InWork, &narrower));
    assert_eq!((seen.created_at, seen.changed_at), (START, after(2)));
    let client = world.store.client(&made.draft_client).await.expect("an answer").expect("its draft client");
    assert_eq!((client.name.as_str(), client.scopes), ("Acme Copy", Some(scopes("logs:read"))));
    let held = world.store.grant_facts(&grant.id).await.expect("an answer").expect("the grant").grant;
    assert_eq!(held.scopes, scopes("logs:read"));
    let nobody = AppId::generate(START, &ENTROPY);
    assert_eq!(
        world.store.edit_app(&nobody, 1, &narrower, Via::Hand, Hand::Operator, &cause(3)).await.expect("an answer"),
        Edit::Stale
    );
}

pub(crate) async fn a_version_never_changes(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let published = first.published_client.clone().expect("a published client");
    assert_ne!(published, first.draft_client);
    assert_eq!(first.version, 1);
    let stored = async || world.store.client(&published).await.expect("an answer").expect("it is there");
    let before = stored().await;
    assert_eq!((before.private_to(), before.org.as_ref()), (None, Some(&world.org.id)));
    assert_eq!(before.app, Some(AppClient { app: made.id.clone(), stage: Stage::Published }));
    let wider = definition("logs:read metrics:read");
    edit(&world, &made, &wider, 2).await;
    assert_eq!(stored().await, before, "a change of the draft reached the published client");
    let (second, ..) = publish(&world, &made, 3).await;
    assert_eq!((second.version, second.published_client.as_ref()), (2, Some(&published)));
    assert_eq!(stored().await.scopes, Some(wider.scopes.clone()));
    assert_eq!(world.store.live_secrets(&published, after(3)).await.expect("secrets").len(), 1);
    let version =
        |number, definition, seconds| AppVersion { number, definition, published_at: after(seconds), published_by: None };
    let versions = world.store.app_versions(&made.id).await.expect("versions");
    assert_eq!(versions, [version(2, wider, 3), version(1, definition("logs:read"), 1)]);
}

pub(crate) async fn no_race_gives_an_organization_more_clients_of_apps_than_it_may_have(store: SharedStore) {
    let world = World::new(store).await;
    let (store, acme) = (&world.store, &world.org.id);
    let many = async || store.clients(Some(acme)).await.expect("clients").len();
    let outcomes = join_all((0..6).map(|_| async {
        let (app, client) = app(acme, "logs:read");
        store.create_app(&app, &client, None, Via::Hand, 3, &cause(1)).await.expect("an answer")
    }));
    let outcomes = outcomes.await;
    assert_eq!((outcomes.iter().filter(|o| **o == Drafted::Done).count(), many().await), (2, 3), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|o| **o == Drafted::Full).count(), 4, "{outcomes:?}");
    let apps = store.apps(Some(acme)).await.expect("apps");
    assert_eq!(apps.len(), 2, "what is refused leaves no app");
    let publish = async |app: &App| {
        store.mark_app(&app.id, app.revision, Maturity::Stable, &cause(2)).await.expect("an answer");
        let publication = Publication { most: 4, ..publication(&now(&world, app).await) };
        store.publish_app(&app.id, &publication, Hand::Operator, &cause(2)).await.expect("an answer")
    };
    let outcomes = join_all(apps.iter().map(publish)).await;
    assert_eq!((outcomes.iter().filter(|o| **o == Published::Full).count(), many().await), (1, 4), "{outcomes:?}");
    let refused = outcomes.iter().position(|o| *o == Published::Full).expect("one of them");
    assert_eq!(now(&world, &apps[refused]).await.version, 0, "a refused version is none");
    // The client is there already: a second version needs no room.
    let published = now(&world, &apps[1 - refused]).await;
    let next = Definition { description: "More.".into(), ..published.draft.clone() };
    let edited = store.edit_app(&published.id, published.revision, &next, Via::Hand, Hand::Operator, &cause(3)).await;
    assert_eq!(edited.expect("an answer"), Edit::Done);
    assert!(matches!(publish(&now(&world, &published).await).await, Published::Done { .. }));
}

pub(crate) async fn apps_are_listed_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let mut all = Vec::new();
    for n in 0..5 {
        let (app, client) = app(&world.org.id, "logs:read");
        let app = App { created_at: after(10 + n / 2), ..app };
        world.store.create_app(&app, &client, None, Via::Hand, MANY, &cause(10)).await.expect("an app");
        all.push((app.created_at, app.id));
    }
    all.sort_by(|a, b| b.cmp(a));
    let mut seen = Vec::new();
    for most in [2, 2, 1, 0] {
        let page = world.store.find_apps(&world.org.id, seen.last(), 2).await.expect("apps");
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|a| (a.created_at, a.id)));
    }
    assert_eq!(seen, all);
}

pub(crate) async fn publishing_has_one_winner(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    world.store.mark_app(&made.id, 1, Maturity::Stable, &cause(1)).await.expect("an answer");
    let seen = now(&world, &made).await;
    let tries = join_all((0..8).map(|_| async {
        world.store.publish_app(&made.id, &publication(&seen), Hand::Operator, &cause(2)).await.expect("an answer")
    }));
    let won = tries.await.into_iter().filter(|p| *p != Published::Stale).count();
    assert_eq!(won, 1);
    assert_eq!(world.store.app_versions(&made.id).await.expect("versions").len(), 1);
    assert_eq!(world.store.clients(Some(&world.org.id)).await.expect("clients").len(), 3);
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "app.publish").count(), 1, "{log:?}");
}

pub(crate) async fn the_terms_of_a_draft_are_its_clients_at_once_and_the_published_ones_with_a_version(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let published = first.published_client.clone().expect("a published client");
    let terms = async |id: &ClientId| {
        let client = world.store.client(id).await.expect("an answer").expect("it is there");
        (client.access_token_ttl.map(|ttl| ttl.as_secs()), client.require_state)
    };
    assert_eq!(terms(&published).await, (Some(900), true));
    let other = Definition { access_token_ttl_seconds: Some(60), require_state: false, ..definition("logs:read") };
    edit(&world, &made, &other, 2).await;
    assert_eq!((terms(&first.draft_client).await, terms(&published).await), ((Some(60), false), (Some(900), true)));
    publish(&world, &made, 3).await;
    assert_eq!(terms(&published).await, (Some(60), false));
    edit(&world, &made, &Definition { access_token_ttl_seconds: None, ..other }, 4).await;
    publish(&world, &made, 5).await;
    assert_eq!(terms(&published).await, (None, false), "as the configuration says again");
}

pub(crate) async fn what_the_operator_froze_its_owner_neither_edits_nor_publishes(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    let made = made(&world, "logs:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let published = first.published_client.clone().expect("a published client");
    let freeze = async |id: &ClientId, state| s.set_client_state(id, state, &cause(2)).await.expect("an answer");
    let edit = async |hand| {
        let seen = now(&world, &made).await;
        s.edit_app(&made.id, seen.revision, &definition("logs:read"), Via::Hand, hand, &cause(3)).await.expect("an answer")
    };
    let publish = async |hand| {
        s.mark_app(&made.id, now(&world, &made).await.revision, Maturity::Stable, &cause(4)).await.expect("an answer");
        let seen = now(&world, &made).await;
        s.publish_app(&made.id, &publication(&seen), hand, &cause(4)).await.expect("an answer")
    };
    assert!(freeze(&published, ClientState::Frozen).await);
    assert_eq!(edit(Hand::Owner).await, Edit::Done, "the draft of a frozen published client can be worked on");
    assert_eq!(publish(Hand::Owner).await, Published::Frozen);
    assert!(freeze(&published, ClientState::Active).await && freeze(&first.draft_client, ClientState::Frozen).await);
    let seen = now(&world, &made).await;
    assert_eq!((edit(Hand::Owner).await, publish(Hand::Owner).await), (Edit::Frozen, Published::Frozen));
    assert_eq!(now(&world, &made).await, seen);
    assert_eq!(edit(Hand::Operator).await, Edit::Done);
    assert!(matches!(publish(Hand::Operator).await, Published::Done { .. }));
}

pub(crate) async fn a_draft_that_is_not_stable_is_not_published(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let refused = async || {
        let seen = now(&world, &made).await;
        let outcome = world.store.publish_app(&made.id, &publication(&seen), Hand::Operator, &cause(5)).await;
        assert_eq!(outcome.expect("an answer"), Published::Stale);
        assert_eq!(now(&world, &made).await, seen);
    };
    refused().await;
    let mark = async |maturity| world.store.mark_app(&made.id, 1, maturity, &cause(1)).await.expect("an answer");
    assert_eq!((mark(Maturity::Stable).await, mark(Maturity::Stable).await), (Edit::Done, Edit::Stale));
    assert_eq!(mark(Maturity::InWork).await, Edit::Done);
    refused().await;
    mark(Maturity::Stable).await;
    world.store.set_app_state(&made.id, AppState::Disabled, &cause(2)).await.expect("an answer");
    refused().await;
    world.store.set_app_state(&made.id, AppState::Active, &cause(2)).await.expect("an answer");
    let seen = now(&world, &made).await;
    edit(&world, &made, &definition("metrics:read"), 3).await;
    assert_eq!(mark(Maturity::Stable).await, Edit::Stale, "the mark is for what was looked at");
    world.store.mark_app(&made.id, 2, Maturity::Stable, &cause(3)).await.expect("an answer");
    let outcome = world.store.publish_app(&made.id, &publication(&seen), Hand::Operator, &cause(4)).await;
    assert_eq!(outcome.expect("an answer"), Published::Stale, "the draft is another one");
}

pub(crate) async fn what_a_version_drops_is_lost_for_good(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read metrics:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let published = first.published_client.clone().expect("a published client");
    let draft = granted(&world, &first.draft_client, "logs:read metrics:read", 2).await;
    let (both, logs) =
        (granted(&world, &published, "logs:read metrics:read", 2).await, granted(&world, &published, "logs:read", 2).await);
    edit(&world, &made, &definition("logs:read"), 3).await;
    let held = async |grant: &Grant| world.store.grant_facts(&grant.id).await.expect("an answer").expect("it is there").grant;
    assert_eq!(held(&both).await.scopes, scopes("logs:read metrics:read"), "only a version narrows");
    assert_eq!(held(&draft).await.scopes, scopes("logs:read"));
    let before = world.store.feed_position().await.expect("a position");
    let (_, narrowed, ended) = publish(&world, &made, 4).await;
    assert_eq!((narrowed, ended), (1, 0));
    assert_eq!((held(&both).await.scopes, held(&logs).await), (scopes("logs:read"), logs.clone()));
    let feed = world.feed_since(before).await;
    assert!(feed.contains(&Subject::Client { id: published.clone() }), "{feed:?}");
    assert!(
        feed.contains(&Subject::Grant { id: both.id.clone() }) && !feed.contains(&Subject::Grant { id: logs.id }),
        "{feed:?}"
    );
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "grant.narrow").count(), 2, "{log:?}");
    edit(&world, &made, &definition("logs:read metrics:read"), 5).await;
    publish(&world, &made, 6).await;
    assert_eq!(held(&both).await.scopes, scopes("logs:read"), "what comes back must be asked for again");
}

pub(crate) async fn a_grant_that_keeps_nothing_ends(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read metrics:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let grant = granted(&world, &first.published_client.expect("a client"), "metrics:read", 2).await;
    edit(&world, &made, &definition("logs:read"), 3).await;
    let (_, narrowed, ended) = publish(&world, &made, 4).await;
    assert_eq!((narrowed, ended), (0, 1));
    assert_eq!(world.state_of(&grant).await, GrantState::Revoked { at: after(4), reason: RevokeReason::Client });
}

pub(crate) async fn what_had_expired_is_not_narrowed(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read metrics:read").await;
    let (first, ..) = publish(&world, &made, 1).await;
    let published = first.published_client.expect("a client");
    // Of each two, one that a version narrows and one that it ends; two of them expire as it is published.
    let mut expired = Vec::new();
    for asked in ["logs:read metrics:read", "metrics:read"] {
        granted(&world, &published, asked, 2).await;
        let expires_at = Some(after(4));
        let short = Grant { client: published.clone(), scopes: scopes(asked), expires_at, ..world.wanted(2) };
        world.consent_to(&short, 2).await;
        expired.push(short);
    }
    edit(&world, &made, &definition("logs:read"), 3).await;
    let (_, narrowed, ended) = publish(&world, &made, 4).await;
    assert_eq!((narrowed, ended), (1, 1));
    for short in &expired {
        let facts = world.store.grant_facts(&short.id).await.expect("an answer").expect("it is there");
        assert_eq!(facts.grant, *short);
    }
    let log = world.log().await;
    let told = |start: &str| log.iter().filter(|(name, _)| name.starts_with(start)).count();
    assert_eq!(["grant.narrow", "grant.revoke."].map(told), [1, 1], "{log:?}");
}

pub(crate) async fn switching_an_app_switches_its_clients(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (app, ..) = publish(&world, &made, 1).await;
    let published = app.published_client.clone().expect("a client");
    let states = async || {
        let state = async |id: &ClientId| world.store.client(id).await.expect("an answer").expect("it is there").state;
        [state(&app.draft_client).await, state(&published).await]
    };
    let switch = async |state| world.store.set_app_state(&app.id, state, &cause(2)).await.expect("an answer");
    assert!(!switch(AppState::Active).await);
    let before = world.store.feed_position().await.expect("a position");
    assert!(switch(AppState::Disabled).await && !switch(AppState::Disabled).await);
    assert_eq!(states().await, [ClientState::Disabled; 2]);
    let feed = world.feed_since(before).await;
    assert!([&app.draft_client, &published].iter().all(|id| feed.contains(&Subject::Client { id: (*id).clone() })), "{feed:?}");
    assert_eq!(now(&world, &app).await.state, AppState::Disabled);
    assert!(switch(AppState::Active).await);
    assert_eq!(states().await, [ClientState::Active; 2]);
}

pub(crate) async fn a_frozen_client_follows_its_app_when_it_is_thawed(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (app, ..) = publish(&world, &made, 1).await;
    let id = app.published_client.clone().expect("a client");
    let customer = org("customer");
    world.store.create_org(&customer, &cause(1)).await.expect("an organization");
    let used = Grant { org: customer.id.clone(), client: id.clone(), ..world.wanted(1) };
    world.store.machine_grant(&used, &cause(1)).await.expect("a grant");
    let state = async || world.store.client(&id).await.expect("an answer").expect("it is there").state;
    let switch = async |to| world.store.set_app_state(&app.id, to, &cause(2)).await.expect("an answer");
    let operator = async |to| world.store.set_client_state(&id, to, &cause(3)).await.expect("an answer");
    let owner = async |to| world.store.set_unfrozen_client_state(&id, to, &cause(4)).await.expect("an answer");

    assert!(operator(ClientState::Frozen).await);
    assert!(switch(AppState::Disabled).await && switch(AppState::Active).await);
    assert_eq!(state().await, ClientState::Frozen, "off and on again thaws nothing");
    assert!(switch(AppState::Disabled).await && operator(ClientState::Active).await);
    assert_eq!(state().await, ClientState::Disabled, "thawed it is what its app is");
    assert!(!owner(ClientState::Active).await && !operator(ClientState::Active).await, "not without its app");
    assert!(operator(ClientState::Frozen).await && switch(AppState::Active).await);
    assert_eq!(state().await, ClientState::Frozen);
    assert!(operator(ClientState::Active).await);
    assert_eq!(state().await, ClientState::Active);
    assert!(owner(ClientState::Disabled).await && owner(ClientState::Active).await, "one client of an app that is on");

    let log = world.log().await;
    for (name, times) in [("app.disable", 2), ("app.enable", 2)] {
        for org in [&world.org.id, &customer.id] {
            assert_eq!(log.iter().filter(|(n, o)| n == name && o.as_ref() == Some(org)).count(), times, "{name}: {log:?}");
        }
    }
}

pub(crate) async fn removal_takes_clients_and_grants(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (app, ..) = publish(&world, &made, 1).await;
    let published = app.published_client.clone().expect("a client");
    let grants = [granted(&world, &app.draft_client, "logs:read", 2).await, granted(&world, &published, "logs:read", 2).await];
    let installed = async || world.store.installs(&world.org.id).await.expect("installs").len();
    assert_eq!(installed().await, 1);
    assert!(world.store.delete_app(&app.id, &cause(3)).await.expect("an answer"));
    assert_eq!(installed().await, 0, "nobody has what is no longer there");
    let log = world.log().await;
    assert!(log.contains(&("app.uninstall".to_owned(), Some(world.org.id.clone()))), "{log:?}");
    assert!(!world.store.delete_app(&app.id, &cause(3)).await.expect("an answer"));
    assert!(world.store.app(&app.id).await.expect("an answer").is_none());
    assert!(world.store.apps(None).await.expect("apps").is_empty());
    for id in [&app.draft_client, &published] {
        assert_eq!(world.store.client(id).await.expect("an answer"), None);
        assert!(world.store.live_secrets(id, after(3)).await.expect("secrets").is_empty());
    }
    for grant in &grants {
        let ended = GrantState::Revoked { at: after(3), reason: RevokeReason::ClientDeleted };
        assert_eq!(world.state_of(grant).await, ended);
    }
    assert!(!world.store.set_app_state(&app.id, AppState::Active, &cause(4)).await.expect("an answer"));
    assert_eq!(
        world.store.publish_app(&app.id, &publication(&app), Hand::Operator, &cause(4)).await.expect("an answer"),
        Published::Stale
    );
}

pub(crate) async fn requests_for_published_clients_are_nobodys_to_read(store: SharedStore) {
    let world = World::new(store).await;
    let made = made(&world, "logs:read").await;
    let (app, ..) = publish(&world, &made, 1).await;
    let asked = async |client: &ClientId, seconds| {
        let waiting = request(client);
        world.store.freeze_request(&waiting, &cause(seconds)).await.expect("a request");
        world.store.deny_request(&waiting.id, &cause(seconds)).await.expect("an answer");
        let log = world.log().await;
        log.into_iter().rev().take(2).map(|(_, org)| org).collect::<Vec<_>>()
    };
    let published = app.published_client.expect("a client");
    assert_eq!(asked(&published, 2).await, [None, None]);
    assert_eq!(asked(&app.draft_client, 3).await, [Some(world.org.id.clone()), Some(world.org.id.clone())]);
}
