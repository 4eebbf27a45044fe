//! Completeness: which changes leave a record, and which tell the feed.

use std::future::Future;
use std::pin::Pin;

use secrecy::SecretString;

use super::apps::{app, definition, publication};
use super::world::*;
use crate::record::{ControlEvent, Operation};
use crate::store::{
    Accepting, App, AppState, AuthRequest, ClientChange, ClientOrigin, ClientSecret, ClientState, ClientTerms, Hand, Holder,
    KeyState, Maturity, Membership, Narrowing, NewClients, NewUser, OrgState, OrgUpdate, RevokeReason, SavedSearch, ScopeRefusal,
    SharedStore, User, UserKind, UserState, Verdict, Via,
};
use crate::types::TokenKind;

type Verb<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What a change leaves behind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    /// At least a record and a line in the feed.
    Both,
    /// At least a record. No node remembers what such a change is about, so the feed has nothing to tell.
    Record,
    /// Nothing of its own: the verb beside it writes the record when the answer is known.
    Nothing,
}

macro_rules! verb {
    ($leaves:ident, $name:literal, $body:expr) => {
        (
            $name,
            Leaves::$leaves,
            Box::pin(async {
                let _ = $body.await.expect($name);
            }) as Verb<'_>,
        )
    };
}

pub(crate) async fn every_change_is_recorded_and_told(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    let (acme, ada) = (&world.org.id, &world.user.id);
    let beta = org("beta");
    let bob = NewUser { user: user("bob@example.com"), password: None };
    let guest = Membership { org: acme.clone(), user: bob.user.id.clone(), roles: roles(&["viewer"]) };
    let secret = ClientSecret { hash: hash(TokenKind::ClientSecret), last4: "1111".into(), created_at: START, expires_at: None };
    let (dynamic, doomed) = (client(None, ClientOrigin::Dynamic), client(Some(acme), ClientOrigin::Administrator));
    let on = ClientChange { state: Some(ClientState::Active), ..ClientChange::default() };
    let next_secret = ClientSecret { hash: hash(TokenKind::ClientSecret), ..secret.clone() };
    let (app, draft_client) = app(acme, "logs:read");
    let other = definition("metrics:read");
    let version = publication(&App { revision: 2, ..app.clone() });
    let (first, next) = (key(KeyState::Active), key(KeyState::Next));
    let (asked, refused) = (request(&world.client.id), request(&world.client.id));
    let asked = AuthRequest { expires_at: after(9000), ..asked };
    let approved = crate::store::ApprovedRequest {
        grant: world.wanted(1),
        trial: false,
        code: hash(TokenKind::AuthorizationCode),
        code_expires_at: after(9000),
    };
    let (client_id, grant) = (&world.client.id, &approved.grant);
    let (token, successor, signed) = (refresh_token(1), refresh_token(1), access("jti_1"));
    let new = Some(&signed);
    let (session, first_phc) = (world.sign_in(0).await, SecretString::from("$argon2id$1"));
    let (device, declined) = (device_request(&world.client.id), device_request(&world.client.id));
    let (device_code, given) = (hash(TokenKind::DeviceCode), world.wanted(1));
    let verbs = [
        verb!(Both, "create_org", s.create_org(&beta, &cause(1))),
        verb!(Both, "update_org", s.update_org(&beta.id, &OrgUpdate::default(), &cause(1))),
        verb!(Both, "set_org_state off", s.set_org_state(&beta.id, OrgState::Disabled, &cause(1))),
        verb!(Both, "set_org_state on", s.set_org_state(&beta.id, OrgState::Active, &cause(1))),
        verb!(Both, "create_user", s.create_user(&bob, &cause(1))),
        verb!(Both, "set_password", s.set_password(&bob.user.id, &password("$x"), &cause(1))),
        verb!(Both, "set_membership", s.set_membership(&guest, &cause(1))),
        verb!(Both, "remove_membership", s.remove_membership(acme, &bob.user.id, &cause(1))),
        verb!(Both, "set_user_state frozen", s.set_user_state(&bob.user.id, UserState::Frozen, &cause(1))),
        verb!(Both, "set_user_state thawed", s.set_user_state(&bob.user.id, UserState::Active, &cause(1))),
        verb!(Both, "set_user_state off", s.set_user_state(&bob.user.id, UserState::Disabled, &cause(1))),
        verb!(Both, "set_user_state on", s.set_user_state(&bob.user.id, UserState::Active, &cause(1))),
        verb!(Record, "add_operator", s.add_operator(&bob.user.id, &cause(1))),
        verb!(Record, "remove_operator", s.remove_operator(&bob.user.id, &cause(1))),
        verb!(Both, "set_unfrozen off", s.set_unfrozen_user_state(&bob.user.id, UserState::Disabled, &cause(1))),
        verb!(Both, "set_unfrozen on", s.set_unfrozen_user_state(&bob.user.id, UserState::Active, &cause(1))),
        verb!(Record, "note", s.note(None, ControlEvent::done(Operation::AuditQuery), &cause(1))),
        verb!(Both, "create_client", s.create_client(&doomed, None, &cause(1))),
        verb!(Both, "create_client dynamic", s.create_client(&dynamic, None, &cause(1))),
        verb!(Both, "add_secret", s.add_secret(&doomed.id, &secret, None, Hand::Operator, &cause(1))),
        verb!(Both, "add_secret again", s.add_secret(&doomed.id, &next_secret, None, Hand::Operator, &cause(1))),
        verb!(Both, "remove_secret", s.remove_secret(&doomed.id, &secret.hash, Hand::Operator, &cause(1))),
        verb!(Both, "set_client_state off", s.set_client_state(&doomed.id, ClientState::Disabled, &cause(1))),
        verb!(Both, "set_client_state on", s.set_client_state(&doomed.id, ClientState::Active, &cause(1))),
        verb!(Both, "set_client_state frozen", s.set_client_state(&doomed.id, ClientState::Frozen, &cause(1))),
        verb!(Both, "set_client_state thawed", s.set_client_state(&doomed.id, ClientState::Active, &cause(1))),
        verb!(Both, "set_unfrozen client", s.set_unfrozen_client_state(&doomed.id, ClientState::Disabled, &cause(1))),
        verb!(Both, "set_client_terms", s.set_client_terms(&doomed.id, ClientTerms::default(), Hand::Operator, &cause(1))),
        verb!(Both, "set_client_scopes", s.set_client_scopes(&doomed.id, None, Hand::Operator, &cause(1))),
        verb!(Both, "change_client", s.change_client(&doomed.id, &on, Hand::Operator, &cause(1))),
        verb!(Both, "delete_client", s.delete_client(&doomed.id, &cause(1))),
        verb!(Both, "purge_unused_dynamic_clients", s.purge_unused_dynamic_clients(after(1), &cause(1))),
        verb!(Both, "create_app", s.create_app(&app, &draft_client, None, Via::Hand, MANY, &cause(1))),
        verb!(Both, "edit_app", s.edit_app(&app.id, 1, &other, Via::Hand, Hand::Operator, &cause(1))),
        verb!(Record, "mark_app", s.mark_app(&app.id, 2, Maturity::Stable, &cause(1))),
        verb!(Both, "publish_app", s.publish_app(&app.id, &version, Hand::Operator, &cause(1))),
        verb!(Both, "set_app_state off", s.set_app_state(&app.id, AppState::Disabled, &cause(1))),
        verb!(Both, "set_app_state on", s.set_app_state(&app.id, AppState::Active, &cause(1))),
        verb!(Both, "delete_app", s.delete_app(&app.id, &cause(1))),
        verb!(Record, "freeze_request", s.freeze_request(&asked, &cause(1))),
        verb!(Both, "approve_request", s.approve_request(&asked.id, &approved, &as_ever, &cause(1))),
        verb!(Record, "freeze_request again", s.freeze_request(&refused, &cause(1))),
        verb!(Record, "deny_request", s.deny_request(&refused.id, &cause(1))),
        verb!(Record, "redeem_code", s.redeem_code(&approved.code, client_id, new, Some(&token), MINUTE, &cause(1))),
        verb!(Record, "note_token", s.note_token(grant, &signed, &cause(1))),
        verb!(Record, "redeem_code replay", s.redeem_code(&approved.code, client_id, new, None, MINUTE, &cause(2))),
        verb!(Record, "rotate_refresh", s.rotate_refresh(&token.hash, client_id, new, &successor, MINUTE, &cause(2))),
        verb!(Record, "rotate_refresh again", s.rotate_refresh(&token.hash, client_id, new, &successor, MINUTE, &cause(3))),
        verb!(Both, "revoke_access_token", s.revoke_access_token("jti", &grant.id, after(9), &cause(3))),
        verb!(Both, "rotate_refresh reuse", s.rotate_refresh(&token.hash, client_id, new, &successor, MINUTE, &cause(99))),
        verb!(Record, "begin_device", s.begin_device(&device, &device_code, &cause(1))),
        verb!(Nothing, "poll_device early", s.poll_device(&device_code, client_id, None, None, &cause(1))),
        verb!(Both, "approve_device", s.approve_device(&device.user_code, &given, &as_ever, &cause(1))),
        verb!(Record, "poll_device", s.poll_device(&device_code, client_id, new, Some(&refresh_token(2)), &cause(2))),
        verb!(Record, "begin_device again", s.begin_device(&declined, &hash(TokenKind::DeviceCode), &cause(1))),
        verb!(Record, "deny_device", s.deny_device(&declined.user_code, &cause(1))),
        verb!(Both, "machine_grant", s.machine_grant(&world.wanted(2), &cause(2))),
        verb!(Both, "change_password", s.change_password(ada, &first_phc, &password("$y"), &session, &cause(2))),
        verb!(Record, "end_session", s.end_session(&session, &cause(2))),
        verb!(Both, "add_first_key", s.add_first_key(&first, &cause(1))),
        verb!(Both, "add_next_key", s.add_next_key(&next, &cause(1))),
        verb!(Both, "activate_key", s.activate_key(&next.id, after(9), &cause(1))),
        verb!(Both, "set_user_state with grants", s.set_user_state(ada, UserState::Disabled, &cause(3))),
    ];
    check(&world, verbs).await;
}

pub(crate) async fn what_people_decide_is_recorded_and_told(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    let (acme, ada, known) = (&world.org.id, &world.user.id, &world.client.id);
    let (bob, fresh) = (NewUser { user: user("bob@example.com"), password: None }, client(None, ClientOrigin::Dynamic));
    s.create_user(&bob, &cause(0)).await.expect("a user");
    s.create_client(&fresh, None, &cause(0)).await.expect("a client");
    let guest = Membership { org: acme.clone(), user: bob.user.id.clone(), roles: roles(&["viewer"]) };
    let robot = User { kind: UserKind::Service, ..user("bot.acme") };
    let serves = Membership { org: acme.clone(), user: robot.id.clone(), roles: Vec::new() };
    let (invited, invitation) = (world.invitation("bob@example.com", 1), hash(TokenKind::Invitation));
    let (withdrawn, accepting) = (world.invitation("eve@example.com", 1), Accepting::Known(bob.user.id.clone()));
    let (name, query) = ("denials".to_owned(), "decision=denied".to_owned());
    let search = SavedSearch { user: ada.clone(), org: acme.clone(), name, query };
    let (most, (grant, _)) = (scopes("logs:read"), world.consent(1).await);
    let sooner = Narrowing { until: Some(after(500)), ..Narrowing::default() };
    let team = serde_json::from_str(r#"{"logs:read":{"team":"a"}}"#).expect("selectors");
    let session = world.sign_in(0).await;
    world.sign_in(0).await;
    let (app, draft) = app(acme, "logs:read");
    let trial = super::trials::trial(&session, &app);
    let private = crate::types::ScopeToken::parse("logs:delete").expect("a scope");
    let holder = Holder::App(app.id.clone());
    let verbs = [
        verb!(Record, "save_search", s.save_search(&search, &cause(1))),
        verb!(Record, "forget_search", s.forget_search(ada, acme, "denials", &cause(1))),
        verb!(Both, "create_app", s.create_app(&app, &draft, None, Via::Hand, MANY, &cause(1))),
        verb!(Record, "begin_trial", s.begin_trial(&trial, &cause(1))),
        verb!(Nothing, "finish_trial", s.finish_trial(&trial, &grant.id, &[2], after(2))),
        verb!(Record, "end_trial", s.end_trial(&trial, &cause(3))),
        verb!(Record, "invite", s.invite(&invited, &invitation, &unbound(&[]), &cause(1))),
        verb!(Both, "accept_invitation", s.accept_invitation(&invitation, &accepting, &cause(1))),
        verb!(Record, "invite again", s.invite(&withdrawn, &hash(TokenKind::Invitation), &unbound(&[]), &cause(1))),
        verb!(Record, "withdraw_invitation", s.withdraw_invitation(acme, &withdrawn.id, &cause(1))),
        verb!(Both, "add_service", s.add_service(&robot, &serves, &unbound(&[]), &cause(1))),
        verb!(Both, "switch_service", s.switch_service(acme, &robot.id, UserState::Disabled, &unbound(&[]), &cause(1))),
        verb!(Both, "change_member", s.change_member(&guest, &unbound(&[]), &cause(1))),
        verb!(Both, "dismiss_member", s.dismiss_member(acme, &bob.user.id, &unbound(&[]), &cause(1))),
        verb!(Both, "select_in_grant", s.select_in_grant(&grant.id, ada, &team, &cause(1))),
        verb!(Both, "narrow_grant", s.narrow_grant(&grant.id, ada, &most, &cause(1))),
        verb!(Both, "take_from_grant", s.take_from_grant(&grant.id, ada, &sooner, &cause(1))),
        verb!(Both, "limit_grant", s.limit_grant(&grant.id, ada, after(99), &cause(1))),
        verb!(Both, "decide_client", s.decide_client(acme, known, Verdict::Block, &cause(1))),
        verb!(Both, "restrict_client", s.restrict_client(acme, known, Some(&most), &cause(1))),
        verb!(Both, "set_new_clients", s.set_new_clients(acme, NewClients::Approval, &cause(1))),
        verb!(Both, "ask_for_client", s.ask_for_client(acme, &fresh.id, ada, &cause(1))),
        verb!(Both, "revoke_client", s.revoke_client(acme, known, &cause(1))),
        verb!(Both, "request_scope", s.request_scope(&holder, &private, "why", &cause(1))),
        verb!(Both, "cancel_scope_request", s.cancel_scope_request(&holder, &private, &cause(1))),
        verb!(Both, "request_scope again", s.request_scope(&holder, &private, "why", &cause(1))),
        verb!(Both, "refuse_scope deny", s.refuse_scope(&holder, &private, ScopeRefusal::Deny, None, &cause(1))),
        verb!(Both, "approve_scope", s.approve_scope(&holder, &private, after(99), None, &cause(1))),
        verb!(Both, "refuse_scope withdraw", s.refuse_scope(&holder, &private, ScopeRefusal::Withdraw, None, &cause(1))),
        verb!(Both, "install_app", s.install_app(acme, &app.id, &cause(1))),
        verb!(Both, "uninstall_app", s.uninstall_app(acme, &app.id, &cause(1))),
        verb!(Record, "end_other_sessions", s.end_other_sessions(ada, Some(&session), &cause(2))),
    ];
    check(&world, verbs).await;
}

/// Runs changes in order, and looks what each left.
async fn check<'a>(world: &World, verbs: impl IntoIterator<Item = (&'static str, Leaves, Verb<'a>)>) {
    for (name, leaves, run) in verbs {
        let before = (world.log().await.len(), world.store.feed_position().await.expect("a position"));
        run.await;
        let (records, lines) =
            (world.log().await.len() - before.0, world.store.feed_position().await.expect("a position") - before.1);
        let left = match (records, lines) {
            (0, 0) => Leaves::Nothing,
            (_, 0) => Leaves::Record,
            _ => Leaves::Both,
        };
        assert!(left == leaves && (records > 0 || lines == 0), "{name}: {records} records, {lines} lines");
    }
}

pub(crate) async fn a_refused_change_leaves_nothing(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    let taken = NewUser { user: user("ada@example.com"), password: None };
    let stranger = client(None, ClientOrigin::Dynamic);
    let (grant, code) = world.consent(1).await;
    let nobody = crate::types::InvitationId::generate(START, &ENTROPY);
    let sooner = Narrowing { until: Some(after(500)), ..Narrowing::default() };
    let team = serde_json::from_str(r#"{"metrics:read":{"team":"a"}}"#).expect("selectors");
    let demoted = Membership { org: world.org.id.clone(), user: world.user.id.clone(), roles: Vec::new() };
    let (app, _) = app(&world.org.id, "logs:read");
    let verbs = [
        verb!(Nothing, "create_org", s.create_org(&org("acme"), &cause(2))),
        verb!(Nothing, "update_org", s.update_org(&org("beta").id, &OrgUpdate::default(), &cause(2))),
        verb!(Nothing, "set_org_state", s.set_org_state(&world.org.id, OrgState::Active, &cause(2))),
        verb!(Nothing, "create_user", s.create_user(&taken, &cause(2))),
        verb!(Nothing, "set_user_state", s.set_user_state(&world.user.id, UserState::Active, &cause(2))),
        verb!(Nothing, "remove_operator", s.remove_operator(&world.user.id, &cause(2))),
        verb!(Nothing, "remove_membership", s.remove_membership(&world.org.id, &taken.user.id, &cause(2))),
        verb!(Nothing, "forget_search", s.forget_search(&world.user.id, &world.org.id, "denials", &cause(2))),
        verb!(Nothing, "withdraw_invitation", s.withdraw_invitation(&world.org.id, &nobody, &cause(2))),
        verb!(Nothing, "add_service", s.add_service(&taken.user, &demoted, &unbound(&[]), &cause(2))),
        verb!(Nothing, "change_member", s.change_member(&demoted, &unbound(&roles(&["viewer"])), &cause(2))),
        verb!(
            Nothing,
            "dismiss_member",
            s.dismiss_member(&world.org.id, &world.user.id, &unbound(&roles(&["viewer"])), &cause(2))
        ),
        verb!(Nothing, "remove_secret", s.remove_secret(&world.client.id, &code, Hand::Operator, &cause(2))),
        verb!(Nothing, "edit_app", s.edit_app(&app.id, 1, &app.draft, Via::Hand, Hand::Operator, &cause(2))),
        verb!(Nothing, "mark_app", s.mark_app(&app.id, 1, Maturity::Stable, &cause(2))),
        verb!(Nothing, "publish_app", s.publish_app(&app.id, &publication(&app), Hand::Operator, &cause(2))),
        verb!(Nothing, "set_app_state", s.set_app_state(&app.id, AppState::Active, &cause(2))),
        verb!(Nothing, "delete_app", s.delete_app(&app.id, &cause(2))),
        verb!(Nothing, "delete_client", s.delete_client(&stranger.id, &cause(2))),
        verb!(Nothing, "revoke_grant", s.revoke_grant(&grant.id, Some(&taken.user.id), RevokeReason::User, &cause(2))),
        verb!(Nothing, "narrow_grant", s.narrow_grant(&grant.id, &world.user.id, &scopes("metrics:read"), &cause(2))),
        verb!(Nothing, "select_in_grant", s.select_in_grant(&grant.id, &world.user.id, &team, &cause(2))),
        verb!(Nothing, "take_from_grant", s.take_from_grant(&grant.id, &taken.user.id, &sooner, &cause(2))),
        verb!(Nothing, "limit_grant", s.limit_grant(&grant.id, &taken.user.id, after(9), &cause(2))),
        verb!(Nothing, "redeem_code", s.redeem_code(&code, &stranger.id, Some(&access("jti_1")), None, MINUTE, &cause(2))),
        verb!(Nothing, "decide_client", s.decide_client(&world.org.id, &stranger.id, Verdict::Block, &cause(2))),
        verb!(Nothing, "restrict_client", s.restrict_client(&world.org.id, &world.client.id, None, &cause(2))),
        verb!(Nothing, "set_new_clients", s.set_new_clients(&world.org.id, NewClients::Open, &cause(2))),
        verb!(Nothing, "ask_for_client", s.ask_for_client(&world.org.id, &stranger.id, &world.user.id, &cause(2))),
        verb!(Nothing, "revoke_client", s.revoke_client(&world.org.id, &stranger.id, &cause(2))),
        verb!(Nothing, "purge", s.purge_unused_dynamic_clients(after(1), &cause(2))),
    ];
    let before = (world.log().await, s.feed_position().await.expect("a position"));
    for (name, _, run) in verbs {
        run.await;
        assert_eq!((world.log().await, s.feed_position().await.expect("a position")), before, "{name}");
    }
}
