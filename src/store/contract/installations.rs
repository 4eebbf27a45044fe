//! What organizations install, and what ends when they uninstall it.

use super::api_keys::{Partner, mints, wanted_id};
use super::apps::app;
use super::world::*;
use crate::store::{
    ApiKeyState, ClientState, DisableReason, Footing, Grant, GrantState, Installed, Membership, Minted, NewClients, Refused,
    RevokeReason, ScopeRefusal, SharedStore, Stance, Subject, Verdict, Via,
};

pub(crate) async fn the_first_consent_installs(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, org) = (&partner.world.store, &partner.world.org.id);
    let installs = store.installs(org).await.expect("installs");
    let [install] = installs.as_slice() else { panic!("{installs:?}") };
    assert_eq!((&install.app, install.at, &install.by), (&partner.app.id, after(1), &Some(partner.world.user.id.clone())));
    Partner::authorize(&partner.world, &partner.client, 2).await;
    partner.world.consent(3).await;
    assert_eq!(store.installs(org).await.expect("installs"), installs, "neither a second one nor a client without an app");
    assert_eq!(partner.count("app.install").await, 1);
    assert_eq!(store.footing(org, &partner.app.id, after(4)).await.expect("counts"), Footing { grants: 2, users: 1, keys: 0 });
}

pub(crate) async fn an_administrator_installs_ahead(store: SharedStore) {
    let world = World::new(store).await;
    let (store, beta) = (&world.store, org("beta"));
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    let (app, client) = app(&world.org.id, "logs:read");
    store.create_app(&app, &client, None, Via::Hand, MANY, &cause(0)).await.expect("an app");
    store.set_new_clients(&beta.id, crate::store::NewClients::Approval, &cause(0)).await.expect("an answer");
    let stance = async || store.client_policy(&beta.id, &client.id).await.expect("a policy").stance;
    assert_eq!(stance().await, Stance::Pending);
    assert!(store.install_app(&beta.id, &app.id, &cause(1)).await.expect("an answer"));
    assert!(!store.install_app(&beta.id, &app.id, &cause(2)).await.expect("an answer"));
    assert_eq!(stance().await, Stance::Allowed);
    assert_eq!(store.uninstall_app(&beta.id, &app.id, &cause(3)).await.expect("an answer"), Some(Footing::default()));
    assert_eq!(store.uninstall_app(&beta.id, &app.id, &cause(4)).await.expect("an answer"), None);
    store.decide_client(&beta.id, &client.id, Verdict::Block, &cause(5)).await.expect("an answer");
    assert!(store.install_app(&beta.id, &app.id, &cause(6)).await.expect("an answer"));
    assert_eq!(stance().await, Stance::Blocked, "what was blocked stays so");
    store.delete_app(&app.id, &cause(7)).await.expect("an answer");
    store.uninstall_app(&beta.id, &app.id, &cause(8)).await.expect("an answer");
    assert!(!store.install_app(&beta.id, &app.id, &cause(9)).await.expect("an answer"), "it is gone");
}

pub(crate) async fn installations_are_listed_with_what_each_has(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, acme, beta) = (&partner.world.store, &partner.world.org.id, super::world::org("beta"));
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    Partner::authorize(&partner.world, &partner.client, 2).await;
    partner.mint(3).await;
    let (own, foreign) = (app(acme, "logs:read"), app(&beta.id, "logs:read"));
    for (made, client) in [&own, &foreign] {
        store.create_app(made, client, None, Via::Hand, MANY, &cause(3)).await.expect("an app");
        assert!(store.install_app(acme, &made.id, &cause(4)).await.expect("an answer"));
    }
    let mut seen: Vec<Installed> = Vec::new();
    for most in [2, 1, 0] {
        let behind = seen.last().map(|last| last.install.app.clone());
        let page = store.installs_behind(acme, after(5), behind.as_ref(), 2).await.expect("installations");
        assert_eq!(page.len(), most, "{seen:?}");
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|one, next| one.install.app > next.install.app), "the newest apps first, none twice: {seen:?}");
    let installs = store.installs(acme).await.expect("installs");
    for Installed { install, name, footing } in &seen {
        assert!(installs.contains(install), "{install:?}");
        assert_eq!(*footing, store.footing(acme, &install.app, after(5)).await.expect("counts"));
        // What another organization drafts is nobody else's to read.
        let known = if install.app == foreign.0.id { "" } else { own.0.draft.name.as_str() };
        assert_eq!(name, known);
    }
    assert!(seen.iter().any(|one| one.footing == Footing { grants: 2, users: 1, keys: 1 }), "{seen:?}");
    assert_eq!(store.installs_behind(&beta.id, after(5), None, 9).await.expect("installations"), []);
}

pub(crate) async fn installing_approves_what_is_installed_and_waits(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, client) = (&partner.world.store, &partner.client.id);
    let (there, user) = (org("beta"), partner.world.user.id.clone());
    store.create_org(&there, &cause(0)).await.expect("an organization");
    let membership = Membership { org: there.id.clone(), user: user.clone(), roles: roles(&["viewer"]) };
    store.set_membership(&membership, &cause(0)).await.expect("a membership");
    store.set_new_clients(&there.id, NewClients::Approval, &cause(1)).await.expect("an answer");
    // A consent that was under way when this was switched on: it installs, and gives nothing.
    let grant = Grant { id: wanted_id(), org: there.id.clone(), ..partner.grant.clone() };
    partner.world.consent_to(&grant, 2).await;
    let stance = async || store.client_policy(&there.id, client).await.expect("a policy").stance;
    assert_eq!((stance().await, store.installs(&there.id).await.expect("installs").len()), (Stance::Pending, 1));
    assert!(store.ask_for_client(&there.id, client, &user, &cause(3)).await.expect("an answer"));
    let before = store.feed_position().await.expect("a position");
    assert!(store.install_app(&there.id, &partner.app.id, &cause(4)).await.expect("an answer"));
    assert_eq!(stance().await, Stance::Allowed);
    assert!(partner.world.feed_since(before).await.contains(&Subject::Client { id: client.clone() }));
    let log = partner.world.log().await;
    let told = |name: &str| log.iter().filter(|(n, o)| n == name && o.as_ref() == Some(&there.id)).count();
    assert_eq!((told("app.install"), told("org.policy.client_allow")), (1, 1), "{log:?}");
    assert!(!store.install_app(&there.id, &partner.app.id, &cause(5)).await.expect("an answer"), "nothing waits");
    store.decide_client(&there.id, client, Verdict::Block, &cause(6)).await.expect("an answer");
    assert!(!store.install_app(&there.id, &partner.app.id, &cause(7)).await.expect("an answer"));
    assert_eq!(stance().await, Stance::Blocked, "what was blocked stays so");
}

pub(crate) async fn uninstalling_ends_everything_at_once(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, org) = (&partner.world.store, &partner.world.org.id);
    let (other, _) = partner.world.consent(2).await;
    let (key, hash, _) = partner.mint(3).await;
    let before = store.feed_position().await.expect("a position");
    let ended = store.uninstall_app(org, &partner.app.id, &cause(4)).await.expect("an answer");
    assert_eq!(ended, Some(Footing { grants: 1, users: 1, keys: 1 }));
    assert!(partner.world.feed_since(before).await.contains(&Subject::Client { id: partner.client.id.clone() }));
    let revoked = GrantState::Revoked { at: after(4), reason: RevokeReason::Uninstalled };
    assert_eq!(partner.world.state_of(&partner.grant).await, revoked);
    assert_eq!(partner.world.state_of(&other).await, GrantState::Live);
    assert_eq!(partner.state(&key).await, ApiKeyState::Disabled { at: after(4), reason: DisableReason::Uninstall });
    assert!(!store.api_key_facts(&hash).await.expect("an answer").expect("the key is there").installed);
    assert_eq!(partner.mint(5).await.2, Minted::Ended);
    for name in ["app.uninstall", "grant.revoke.uninstall", "api_key.disable"] {
        assert_eq!(partner.count(name).await, 1, "{name}");
    }
    Partner::authorize(&partner.world, &partner.client, 6).await;
    assert_eq!(store.installs(org).await.expect("installs").len(), 1, "authorizing again installs again");
    assert_eq!(store.client(&partner.client.id).await.expect("an answer").map(|c| c.state), Some(ClientState::Active));
}

pub(crate) async fn what_had_expired_is_neither_withdrawn_nor_uninstalled(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (world, org) = (&partner.world, &partner.world.org.id);
    let short = async |until: u64| {
        let grant = Grant { id: wanted_id(), expires_at: Some(after(until)), ..partner.grant.clone() };
        world.consent_to(&grant, until - 1).await;
        grant
    };
    let first = short(4).await;
    let refused = world.store.refuse_scope(&partner.holder, &mints(), ScopeRefusal::Withdraw, None, &cause(4)).await;
    assert_eq!(refused.expect("an answer"), Some(Refused { grants: 1, keys: 0 }));
    assert_eq!(world.state_of(&first).await, GrantState::Live, "nobody ended it");

    assert!(world.store.approve_scope(&partner.holder, &mints(), after(1000), None, &cause(5)).await.expect("an answer"));
    Partner::authorize(world, &partner.client, 6).await;
    let second = short(9).await;
    let ended = world.store.uninstall_app(org, &partner.app.id, &cause(9)).await.expect("an answer");
    assert_eq!(ended, Some(Footing { grants: 1, users: 1, keys: 0 }), "the log says so many");
    for grant in [&first, &second] {
        assert_eq!(world.state_of(grant).await, GrantState::Live, "nobody ended it");
    }
    for name in ["grant.revoke.policy", "grant.revoke.uninstall"] {
        assert_eq!(partner.count(name).await, 1, "{name}");
    }
}

pub(crate) async fn nothing_outlives_uninstalling(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, org, app) = (&partner.world.store, &partner.world.org.id, &partner.app.id);
    for round in 10..18 {
        let grant = Partner::authorize(&partner.world, &partner.client, round).await;
        let mine = Partner { world: World::of(&partner.world), grant, ..partner.same() };
        let at = cause(round);
        let consent = Partner::authorize(&partner.world, &partner.client, round);
        let (_, minted, _) = futures::join!(store.uninstall_app(org, app, &at), mine.mint(round), consent);
        if minted.2 == Minted::Done {
            assert!(matches!(partner.state(&minted.0).await, ApiKeyState::Disabled { .. }), "round {round}");
        }
        let left = store.footing(org, app, after(round)).await.expect("counts");
        let installed = !store.installs(org).await.expect("installs").is_empty();
        assert!(installed || left == Footing::default(), "round {round}: {left:?} of what is not installed");
        assert_eq!(left.keys, 0, "round {round}");
    }
}
