//! Codes, and access tokens that were revoked one by one.

use futures::future::join_all;

use super::world::*;
use crate::store::{
    AuditFilter, ClientOrigin, Grant, GrantState, Redeem, RefreshState, RevokeReason, Rotate, SharedStore, Subject,
};
use crate::types::{ClientId, HashedToken, TokenKind};

async fn redeem(world: &World, code: &HashedToken, client: &ClientId, seconds: u64) -> Redeem {
    let token = refresh_token(seconds);
    world.store.redeem_code(code, client, Some(&access("jti_1")), Some(&token), MINUTE, &cause(seconds)).await.expect("an answer")
}

pub(crate) async fn a_code_has_one_winner(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    let tries = (0..100).map(|_| redeem(&world, &code, &grant.client, 2));
    let mut won = 0;
    for outcome in join_all(tries).await {
        match outcome {
            Redeem::Won(g) => {
                assert_eq!(*g, grant);
                won += 1;
            }
            Redeem::Replayed { grant: id, revoked: false } => assert_eq!(id, grant.id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
}

pub(crate) async fn a_code_belongs_to_its_client(store: SharedStore) {
    let world = World::new(store).await;
    let other = client(Some(&world.org.id), ClientOrigin::Administrator);
    world.store.create_client(&other, None, &cause(0)).await.expect("a client");
    let (grant, code) = world.consent(1).await;
    assert!(matches!(redeem(&world, &code, &other.id, 2).await, Redeem::Unknown));
    assert!(matches!(redeem(&world, &code, &grant.client, 2).await, Redeem::Won(_)));
    // A stranger's replay does not end what is not its own.
    assert!(matches!(redeem(&world, &code, &other.id, 900).await, Redeem::Unknown));
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
}

pub(crate) async fn dead_codes_are_unknown(store: SharedStore) {
    let world = World::new(store).await;
    let client = &world.client.id;
    assert!(matches!(redeem(&world, &hash(TokenKind::AuthorizationCode), client, 1).await, Redeem::Unknown));
    let (_, late) = world.consent(1).await;
    assert!(matches!(redeem(&world, &late, client, 61).await, Redeem::Unknown));
    let (revoked, code) = world.consent(2).await;
    world.store.revoke_grant(&revoked.id, None, RevokeReason::User, &cause(3)).await.expect("an answer");
    assert!(matches!(redeem(&world, &code, client, 4).await, Redeem::Unknown));
    let short = Grant { expires_at: Some(after(10)), ..world.wanted(5) };
    let code = world.consent_to(&short, 5).await;
    assert!(matches!(redeem(&world, &code, client, 10).await, Redeem::Unknown));
    assert!(matches!(redeem(&world, &code, client, 9).await, Redeem::Won(_)));
}

pub(crate) async fn a_replay_in_the_grace_keeps_the_grant(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    assert!(matches!(redeem(&world, &code, &grant.client, 2).await, Redeem::Won(_)));
    let before = world.store.feed_position().await.expect("a position");
    assert!(matches!(redeem(&world, &code, &grant.client, 61).await, Redeem::Replayed { revoked: false, .. }));
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
    assert_eq!(world.store.feed_position().await.expect("a position"), before);
    assert!(world.log().await.contains(&("code.replay_detected".into(), Some(world.org.id.clone()))));
}

pub(crate) async fn a_replay_after_the_grace_revokes(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    let token = refresh_token(2);
    let (new, at) = (access("jti_1"), cause(2));
    let won = world.store.redeem_code(&code, &grant.client, Some(&new), Some(&token), MINUTE, &at).await.expect("an answer");
    assert!(matches!(won, Redeem::Won(_)));
    let before = world.store.feed_position().await.expect("a position");
    let replays = join_all((0..10).map(|_| redeem(&world, &code, &grant.client, 62))).await;
    let revoking = replays.iter().filter(|r| matches!(r, Redeem::Replayed { revoked: true, .. })).count();
    let unknown = replays.iter().filter(|r| matches!(r, Redeem::Unknown)).count();
    assert_eq!((unknown, revoking > 0), (10 - revoking, true), "{replays:?}");
    assert_eq!(world.state_of(&grant).await, GrantState::Revoked { at: after(62), reason: RevokeReason::CodeReplay });
    assert_eq!(world.feed_since(before).await, [Subject::Grant { id: grant.id.clone() }]);
    let stored = world.store.refresh_grant(&token.hash, after(62)).await.expect("an answer");
    assert!(matches!(stored, Some((_, RefreshState::Dead))), "{stored:?}");
    let replay = AuditFilter { operation: Some("code.replay_detected".into()), grant: Some(grant.id), ..AuditFilter::default() };
    assert_eq!(world.store.search_audit(&replay, None, 50).await.expect("a page").rows.len(), 1);
}

pub(crate) async fn a_code_comes_back_whole(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    let asked = request(&world.client.id);
    let stored = world.store.code(&code).await.expect("an answer").expect("the code is there");
    assert_eq!(stored.grant, grant);
    assert_eq!((stored.client, stored.redirect_uri), (asked.client, asked.redirect_uri));
    assert_eq!((stored.challenge, stored.resources, stored.expires_at), (asked.challenge, asked.resources, after(61)));
    assert!(world.store.code(&hash(TokenKind::AuthorizationCode)).await.expect("an answer").is_none());
}

pub(crate) async fn access_tokens_are_revoked_one_by_one(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let before = world.store.feed_position().await.expect("a position");
    for _ in 0..2 {
        world.store.revoke_access_token("jti_1", &grant.id, after(100), &cause(2)).await.expect("done");
    }
    assert!(world.store.access_token_revoked("jti_1").await.expect("an answer"));
    assert!(!world.store.access_token_revoked("jti_2").await.expect("an answer"));
    for (asked, revoked) in [(&["jti_2", "jti_1", "jti_1"][..], &["jti_1"][..]), (&["jti_2"][..], &[][..]), (&[][..], &[][..])] {
        let found = world.store.access_tokens_revoked(asked).await.expect("an answer");
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), revoked, "{asked:?}");
    }
    assert_eq!(world.feed_since(before).await, [Subject::Grant { id: grant.id.clone() }]);
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
    world.store.revoke_grant(&grant.id, None, RevokeReason::Client, &cause(3)).await.expect("an answer");
    world.store.revoke_access_token("jti_3", &grant.id, after(100), &cause(4)).await.expect("done");
    let told = ("token.revoke".to_owned(), Some(world.org.id.clone()));
    assert_eq!(world.log().await.iter().filter(|record| **record == told).count(), 2, "in the log of its organization");
    world.store.forget_ended(after(100)).await.expect("a number");
    assert!(world.store.access_token_revoked("jti_1").await.expect("an answer"));
    world.store.forget_ended(after(101)).await.expect("a number");
    assert!(!world.store.access_token_revoked("jti_1").await.expect("an answer"));
}

pub(crate) async fn issued_tokens_are_noted(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    let (first, next) = (refresh_token(2), refresh_token(3));
    let jtis = ["jti_noted", "jti_redeemed", "jti_rotated", "jti_again"].map(access);
    let [noted, redeemed, rotated, again] = &jtis;
    let (s, client) = (&world.store, &grant.client);
    s.note_token(&grant, noted, &cause(2)).await.expect("a note");
    s.redeem_code(&code, client, Some(redeemed), Some(&first), MINUTE, &cause(3)).await.expect("an answer");
    s.rotate_refresh(&first.hash, client, Some(rotated), &next, MINUTE, &cause(4)).await.expect("an answer");
    s.rotate_refresh(&first.hash, client, Some(again), &next, MINUTE, &cause(5)).await.expect("an answer");
    let filter = AuditFilter {
        operation: Some("token.*".into()),
        user: Some(world.user.id.clone()),
        client: Some(world.client.id.clone()),
        grant: Some(grant.id),
        org: Some(world.org.id.clone()),
        ..AuditFilter::default()
    };
    let page = world.store.search_audit(&filter, None, 50).await.expect("a page");
    let told = |row: &crate::store::AuditRow| {
        (crate::record::operation(&row.record).to_owned(), row.record.actor.token.clone().unwrap_or_default())
    };
    let expected = [
        ("token.refresh", "jti_again"),
        ("token.refresh", "jti_rotated"),
        ("token.issue", "jti_redeemed"),
        ("token.issue", "jti_noted"),
    ];
    let expected = expected.map(|(name, jti)| (name.to_owned(), jti.to_owned()));
    assert_eq!(page.rows.iter().map(told).collect::<Vec<_>>(), expected);
}

pub(crate) async fn nothing_is_used_up_for_nothing(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, code) = world.consent(1).await;
    let (s, client, token) = (&world.store, &grant.client, refresh_token(2));
    let before = world.log().await;
    let none = s.redeem_code(&code, client, None, Some(&token), MINUTE, &cause(2)).await.expect("an answer");
    assert!(matches!(none, Redeem::Unknown), "{none:?}");
    assert!(matches!(redeem(&world, &code, client, 2).await, Redeem::Won(_)));
    let (_, first) = world.family(3).await;
    let next = refresh_token(4);
    let none = s.rotate_refresh(&first, client, None, &next, MINUTE, &cause(4)).await.expect("an answer");
    assert!(matches!(none, Rotate::Unknown), "{none:?}");
    let live = s.refresh_grant(&first, after(5)).await.expect("an answer");
    assert!(matches!(live, Some((_, RefreshState::Live { .. }))), "{live:?}");
    assert!(world.log().await.len() > before.len(), "what was won is on record");
    // Who looks with nothing to be given out finds a thief all the same.
    let late = s.redeem_code(&code, client, None, None, MINUTE, &cause(99)).await.expect("an answer");
    assert!(matches!(late, Redeem::Replayed { revoked: true, .. }), "{late:?}");
}

pub(crate) async fn what_ended_is_forgotten(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let session = world.sign_in(1).await;
    let (grant, refresh) = world.family(1).await;
    let waiting = request(&world.client.id);
    store.freeze_request(&waiting, &cause(1)).await.expect("a request");
    assert_eq!(store.forget_ended(after(10)).await.expect("a number"), 0);
    // By now the code, both requests and the session have ended; the refresh token has not.
    assert_eq!(store.forget_ended(after(4000)).await.expect("a number"), 4);
    assert!(store.session(&session, after(10), HOUR).await.expect("an answer").is_none());
    assert!(store.pending_request(&waiting.id, after(10)).await.expect("an answer").is_none());
    assert!(store.refresh_grant(&refresh, after(4000)).await.expect("an answer").is_some());
    assert_eq!(store.forget_refresh_tokens(after(4001)).await.expect("a number"), 0);
    store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(4000)).await.expect("an answer");
    assert_eq!(store.forget_refresh_tokens(after(4001)).await.expect("a number"), 1);
    assert!(store.refresh_grant(&refresh, after(4001)).await.expect("an answer").is_none());
    assert!(store.grant_facts(&grant.id).await.expect("an answer").is_some());
}
