//! Organizations, users, memberships.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::world::*;
use crate::record::{ControlEvent, Operation};
use crate::store::{
    Created, GrantState, Membership, NewUser, Org, OrgState, OrgUpdate, PasswordRecord, RevokeReason, SharedStore, Subject, User,
    UserState,
};
use crate::types::{HashedToken, OrgId, TokenKind, UserId};

pub(crate) async fn organizations_have_one_slug(store: SharedStore) {
    let (acme, zeta, other) = (org("acme"), org("zeta"), org("acme"));
    for (org, outcome) in [(&zeta, Created::Done), (&acme, Created::Done), (&other, Created::Taken)] {
        assert_eq!(store.create_org(org, &cause(0)).await.expect("an answer"), outcome);
    }
    assert_eq!(store.org(&acme.id).await.expect("an answer"), Some(acme.clone()));
    assert_eq!(store.org_by_slug(&acme.slug).await.expect("an answer"), Some(acme.clone()));
    assert_eq!(store.org(&other.id).await.expect("an answer"), None);
    assert_eq!(store.orgs().await.expect("an answer"), [acme, zeta]);
}

pub(crate) async fn organizations_change(store: SharedStore) {
    let acme = org("acme");
    store.create_org(&acme, &cause(0)).await.expect("an organization");
    let renamed = Org { name: "Acme & Söhne".into(), tenant: "7".into(), ..acme.clone() };
    let change = OrgUpdate { name: Some(renamed.name.clone()), tenant: Some(renamed.tenant.clone()), tenants: None };
    assert_eq!(store.update_org(&acme.id, &change, &cause(1)).await.expect("an answer"), Some(renamed.clone()));
    assert_eq!(store.update_org(&org("nobody").id, &change, &cause(1)).await.expect("an answer"), None);
    assert!(store.set_org_state(&acme.id, OrgState::Disabled, &cause(2)).await.expect("an answer"));
    assert!(!store.set_org_state(&acme.id, OrgState::Disabled, &cause(3)).await.expect("an answer"));
    let stored = store.org(&acme.id).await.expect("an answer");
    assert_eq!(stored, Some(Org { state: OrgState::Disabled, ..renamed }));
}

pub(crate) async fn two_changes_of_an_organization_both_stand(store: SharedStore) {
    let acme = org("acme");
    store.create_org(&acme, &cause(0)).await.expect("an organization");
    // Both saw the same, and neither saw what the other made of it.
    let name = OrgUpdate { name: Some("Acme & Söhne".into()), ..OrgUpdate::default() };
    let tenant = OrgUpdate { tenant: Some("7".into()), ..OrgUpdate::default() };
    let own = BTreeMap::from([("tempo".to_owned(), "acme-traces".to_owned())]);
    let tenants = OrgUpdate { tenants: Some(own.clone()), ..OrgUpdate::default() };
    for change in [name, tenant, tenants] {
        assert!(store.update_org(&acme.id, &change, &cause(1)).await.expect("an answer").is_some());
    }
    let all = Org { name: "Acme & Söhne".into(), tenant: "7".into(), tenants: own, ..acme.clone() };
    assert_eq!(store.org(&acme.id).await.expect("an answer"), Some(all.clone()));
    let nothing = store.update_org(&acme.id, &OrgUpdate::default(), &cause(2)).await.expect("an answer");
    assert_eq!(nothing, Some(all));
}

pub(crate) async fn users_have_one_address(store: SharedStore) {
    let (bob, ada) = (user("bob@example.com"), user("ada@example.com"));
    let with = |user: &User, phc: Option<&str>| NewUser { user: user.clone(), password: phc.map(password) };
    assert_eq!(store.create_user(&with(&bob, None), &cause(0)).await.expect("an answer"), Created::Done);
    assert_eq!(store.create_user(&with(&ada, Some("$argon2id$1")), &cause(0)).await.expect("an answer"), Created::Done);
    let again = user("ada@example.com");
    assert_eq!(store.create_user(&with(&again, Some("$x")), &cause(0)).await.expect("an answer"), Created::Taken);
    assert_eq!(store.user(&ada.id).await.expect("an answer"), Some(ada.clone()));
    assert_eq!(store.user_by_email("ada@example.com").await.expect("an answer"), Some(ada.clone()));
    for absent in ["nobody@example.com", "ada@example.com\0", "\0"] {
        assert_eq!(store.user_by_email(absent).await.expect("an answer"), None, "{absent:?}");
    }
    assert_eq!(store.users_behind(None, 9).await.expect("an answer"), [ada.clone(), bob.clone()]);
    let stored = store.password(&ada.id).await.expect("an answer").expect("she has one");
    assert_eq!((stored.phc.expose_secret(), stored.one_time), ("$argon2id$1", true));
    assert!(store.password(&bob.id).await.expect("an answer").is_none());
    assert!(store.password(&again.id).await.expect("an answer").is_none());
}

pub(crate) async fn a_new_password_ends_other_sessions(store: SharedStore) {
    let world = World::new(store).await;
    let (kept, other) = (world.sign_in(1).await, world.sign_in(1).await);
    let store = &world.store;
    let (own, first) = (password("$argon2id$2"), SecretString::from("$argon2id$1"));
    assert!(store.change_password(&world.user.id, &first, &own, &kept, &cause(2)).await.expect("an answer"));
    assert!(store.session(&kept, after(3), HOUR).await.expect("an answer").is_some());
    assert!(store.session(&other, after(3), HOUR).await.expect("an answer").is_none());
    store.set_password(&world.user.id, &password("$argon2id$3"), &cause(4)).await.expect("a password");
    assert!(store.session(&kept, after(5), HOUR).await.expect("an answer").is_none());
    let stored = store.password(&world.user.id).await.expect("an answer").expect("there is one");
    assert_eq!(stored.phc.expose_secret(), "$argon2id$3");
}

pub(crate) async fn a_change_under_way_undoes_no_reset(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada) = (&world.store, &world.user.id);
    let (first, second) = (SecretString::from("$argon2id$1"), SecretString::from("$argon2id$2"));
    let change = async |before: &SecretString, session: &HashedToken, seconds: u64| {
        let own = PasswordRecord { phc: format!("$argon2id$own{seconds}").into(), one_time: false };
        store.change_password(ada, before, &own, session, &cause(seconds)).await.expect("an answer")
    };
    let phc = async || store.password(ada).await.expect("an answer").expect("there is one").phc;
    let session = world.sign_in(1).await;
    store.set_password(ada, &password("$argon2id$2"), &cause(2)).await.expect("a password");
    let (log, position) = (world.log().await, store.feed_position().await.expect("a position"));
    assert!(!change(&first, &session, 3).await, "both are gone");
    assert!(!change(&second, &session, 3).await, "its session has ended");
    let session = world.sign_in(4).await;
    assert!(!change(&first, &session, 5).await, "another password was proved");
    let strange = hash(TokenKind::Session);
    assert!(!change(&second, &strange, 5).await);
    assert_eq!(phc().await.expose_secret(), "$argon2id$2");
    assert_eq!((world.log().await.len(), store.feed_position().await.expect("a position")), (log.len() + 1, position));
    assert!(!change(&second, &session, 4 + 3600).await, "it has ended by itself");
    assert!(change(&second, &session, 6).await);
    assert_eq!(phc().await.expose_secret(), "$argon2id$own6");
    store.set_user_state(ada, UserState::Frozen, &cause(7)).await.expect("an answer");
    assert!(!change(&"$argon2id$own6".into(), &session, 8).await, "who is frozen changes nothing");
}

pub(crate) async fn memberships_hold_sorted_roles(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let second = org("beta");
    store.create_org(&second, &cause(0)).await.expect("an organization");
    let given = Membership { org: second.id.clone(), user: world.user.id.clone(), roles: roles(&["viewer", "admin", "viewer"]) };
    store.set_membership(&given, &cause(1)).await.expect("a membership");
    let stored = Membership { roles: roles(&["admin", "viewer"]), ..given.clone() };
    assert_eq!(store.membership(&second.id, &world.user.id).await.expect("an answer"), Some(stored.clone()));
    assert_eq!(store.members(&second.id).await.expect("an answer"), [stored]);
    let names = |orgs: Vec<(Org, Vec<_>)>| orgs.into_iter().map(|(o, r)| (o.slug.to_string(), r)).collect::<Vec<_>>();
    let both = [("acme".to_owned(), roles(&["viewer"])), ("beta".to_owned(), roles(&["admin", "viewer"]))];
    assert_eq!(names(store.orgs_of(&world.user.id).await.expect("an answer")), both);
    store.set_org_state(&world.org.id, OrgState::Disabled, &cause(2)).await.expect("an answer");
    assert_eq!(names(store.orgs_of(&world.user.id).await.expect("an answer")), both[1..]);
    store.set_membership(&Membership { roles: Vec::new(), ..given }, &cause(3)).await.expect("a membership");
    let left = store.membership(&second.id, &world.user.id).await.expect("an answer").expect("still a member");
    assert_eq!(left.roles, []);
}

pub(crate) async fn leaving_an_organization_ends_its_grants(store: SharedStore) {
    let world = World::new(store).await;
    let second = org("beta");
    world.store.create_org(&second, &cause(0)).await.expect("an organization");
    let there = Membership { org: second.id.clone(), user: world.user.id.clone(), roles: roles(&["viewer"]) };
    world.store.set_membership(&there, &cause(0)).await.expect("a membership");
    let (here, _) = world.consent(1).await;
    let elsewhere = crate::store::Grant { org: second.id.clone(), ..world.wanted(1) };
    world.consent_to(&elsewhere, 1).await;
    assert!(world.store.remove_membership(&world.org.id, &world.user.id, &cause(9)).await.expect("an answer"));
    assert!(!world.store.remove_membership(&world.org.id, &world.user.id, &cause(9)).await.expect("an answer"));
    let revoked = GrantState::Revoked { at: after(9), reason: RevokeReason::MembershipRemoved };
    assert_eq!(world.state_of(&here).await, revoked);
    assert_eq!(world.state_of(&elsewhere).await, GrantState::Live);
    let facts = world.store.grant_facts(&here.id).await.expect("an answer").expect("the grant is there");
    assert_eq!(facts.roles, None);
}

pub(crate) async fn deactivation_ends_sessions_and_grants(store: SharedStore) {
    let world = World::new(store).await;
    let session = world.sign_in(1).await;
    let (grant, code) = world.consent(1).await;
    let (family, refresh) = world.family(1).await;
    let before = world.store.feed_position().await.expect("a position");
    assert!(world.store.set_user_state(&world.user.id, UserState::Disabled, &cause(5)).await.expect("an answer"));
    assert!(!world.store.set_user_state(&world.user.id, UserState::Disabled, &cause(5)).await.expect("an answer"));
    assert!(world.store.session(&session, after(6), HOUR).await.expect("an answer").is_none());
    let revoked = GrantState::Revoked { at: after(5), reason: RevokeReason::UserDeactivated };
    assert_eq!([world.state_of(&grant).await, world.state_of(&family).await], [revoked.clone(), revoked]);
    let told = world.feed_since(before).await;
    assert!(told.contains(&Subject::User { id: world.user.id.clone() }), "{told:?}");
    for id in [&grant.id, &family.id] {
        assert!(told.contains(&Subject::Grant { id: id.clone() }), "{told:?}");
    }
    let log = world.log().await;
    let own = Some(world.org.id.clone());
    let count = |name: &str| log.iter().filter(|(n, org)| n == name && *org == own).count();
    assert_eq!((count("user.disable"), count("grant.revoke.user_deactivated")), (1, 2), "{log:?}");
    // Nothing comes back with the user.
    assert!(world.store.set_user_state(&world.user.id, UserState::Active, &cause(7)).await.expect("an answer"));
    let (new, at) = (access("jti_8"), cause(8));
    let redeemed = world.store.redeem_code(&code, &grant.client, Some(&new), None, MINUTE, &at).await.expect("an answer");
    assert!(matches!(redeemed, crate::store::Redeem::Unknown), "{redeemed:?}");
    let next = refresh_token(8);
    let rotated = world.store.rotate_refresh(&refresh, &family.client, Some(&new), &next, MINUTE, &at).await;
    let rotated = rotated.expect("an answer");
    assert!(matches!(rotated, crate::store::Rotate::Unknown), "{rotated:?}");
    assert!(world.store.session(&session, after(9), HOUR).await.expect("an answer").is_none());
    let nobody = UserId::generate(START, &ENTROPY);
    assert!(!world.store.set_user_state(&nobody, UserState::Disabled, &cause(9)).await.expect("an answer"));
}

pub(crate) async fn a_frozen_user_keeps_everything(store: SharedStore) {
    let world = World::new(store).await;
    let (s, id) = (&world.store, &world.user.id);
    let session = world.sign_in(1).await;
    let (grant, _) = world.consent(1).await;
    let before = s.feed_position().await.expect("a position");
    assert!(s.set_user_state(id, UserState::Frozen, &cause(5)).await.expect("an answer"));
    assert!(!s.set_user_state(id, UserState::Frozen, &cause(5)).await.expect("an answer"));
    let frozen = User { state: UserState::Frozen, ..world.user.clone() };
    assert_eq!(s.user(id).await.expect("an answer"), Some(frozen.clone()));
    assert_eq!(s.grant_facts(&grant.id).await.expect("an answer").expect("the grant").user, frozen);
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
    assert!(s.session(&session, after(6), HOUR).await.expect("an answer").is_none());
    assert_eq!(world.feed_since(before).await, [Subject::User { id: id.clone() }]);
    // Whoever is not the operator can't undo it, in one step or in two.
    for state in [UserState::Active, UserState::Disabled] {
        assert!(!s.set_unfrozen_user_state(id, state, &cause(7)).await.expect("an answer"));
    }
    assert!(s.set_user_state(id, UserState::Active, &cause(8)).await.expect("an answer"));
    assert_eq!(s.user(id).await.expect("an answer"), Some(world.user.clone()));
    assert!(s.session(&session, after(9), HOUR).await.expect("an answer").is_some());
    let own = Some(world.org.id.clone());
    let log = world.log().await;
    for name in ["user.freeze", "user.thaw"] {
        assert_eq!(log.iter().filter(|(n, org)| n == name && *org == own).count(), 1, "{log:?}");
    }
    // Switched off for good it is no longer frozen, and can't be frozen any more.
    assert!(s.set_user_state(id, UserState::Frozen, &cause(10)).await.expect("an answer"));
    assert!(s.set_user_state(id, UserState::Disabled, &cause(11)).await.expect("an answer"));
    assert!(!s.set_user_state(id, UserState::Frozen, &cause(12)).await.expect("an answer"));
    assert!(matches!(world.state_of(&grant).await, GrantState::Revoked { .. }));
    assert!(s.set_unfrozen_user_state(id, UserState::Active, &cause(13)).await.expect("an answer"));
}

pub(crate) async fn a_note_is_a_record(store: SharedStore) {
    let world = World::new(store).await;
    let before = world.store.feed_position().await.expect("a position");
    let event = ControlEvent::refused(Operation::LoginFail, "wrong_password");
    world.store.note(Some(&world.org.id), event.clone(), &cause(1)).await.expect("a note");
    world.store.note(None, event, &cause(1)).await.expect("a note");
    let log = world.log().await;
    let wanted: [(String, Option<OrgId>); 2] =
        [("login.fail".to_owned(), Some(world.org.id.clone())), ("login.fail".to_owned(), None)];
    assert!(wanted.iter().all(|w| log.contains(w)), "{log:?}");
    assert_eq!(world.store.feed_position().await.expect("a position"), before);
}

pub(crate) async fn the_store_answers_pings(store: SharedStore) {
    store.ping().await.expect("it can be used");
    let unknown = hash(TokenKind::Session);
    assert!(store.session(&unknown, START, HOUR).await.expect("an answer").is_none());
    store.close().await;
    assert!(store.ping().await.is_err());
}
