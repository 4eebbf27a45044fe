//! Refresh tokens.

use futures::future::{join, join_all};

use super::world::*;
use crate::store::{ClientOrigin, Grant, GrantState, RefreshState, RevokeReason, Rotate, SharedStore, Subject};
use crate::types::{ClientId, HashedToken, TokenKind};

async fn rotate(world: &World, from: &HashedToken, to: &HashedToken, client: &ClientId, seconds: u64) -> Rotate {
    let successor = crate::store::NewRefreshToken { hash: *to, ..refresh_token(seconds) };
    let (new, at) = (access("jti_1"), cause(seconds));
    world.store.rotate_refresh(from, client, Some(&new), &successor, MINUTE, &at).await.expect("an answer")
}

fn fresh() -> HashedToken {
    hash(TokenKind::RefreshToken)
}

pub(crate) async fn rotation_has_one_winner(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, first) = world.family(1).await;
    let successor = fresh();
    let tries = (0..50).map(|_| rotate(&world, &first, &successor, &grant.client, 2));
    let outcomes = join_all(tries).await;
    let won = outcomes.iter().filter(|o| matches!(o, Rotate::Won(g) if **g == grant)).count();
    let again = |o: &&Rotate| matches!(o, Rotate::Again { grant: g, successor_rotated: false } if **g == grant);
    assert_eq!((won, outcomes.iter().filter(again).count()), (1, 49), "{outcomes:?}");
    assert!(matches!(rotate(&world, &successor, &fresh(), &grant.client, 3).await, Rotate::Won(_)));
}

pub(crate) async fn a_lost_answer_is_repaired_in_the_grace(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, first) = world.family(1).await;
    let (second, third) = (fresh(), fresh());
    assert!(matches!(rotate(&world, &first, &second, &grant.client, 2).await, Rotate::Won(_)));
    let again = rotate(&world, &first, &second, &grant.client, 61).await;
    assert!(matches!(again, Rotate::Again { successor_rotated: false, .. }), "{again:?}");
    assert!(matches!(rotate(&world, &second, &third, &grant.client, 30).await, Rotate::Won(_)));
    let again = rotate(&world, &first, &second, &grant.client, 61).await;
    assert!(matches!(again, Rotate::Again { successor_rotated: true, .. }), "{again:?}");
    world.store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(40)).await.expect("an answer");
    assert!(matches!(rotate(&world, &first, &second, &grant.client, 41).await, Rotate::Unknown));
}

pub(crate) async fn reuse_after_the_grace_revokes(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, first) = world.family(1).await;
    let second = fresh();
    assert!(matches!(rotate(&world, &first, &second, &grant.client, 2).await, Rotate::Won(_)));
    let before = world.store.feed_position().await.expect("a position");
    let reused = rotate(&world, &first, &fresh(), &grant.client, 62).await;
    assert!(matches!(&reused, Rotate::Reused(id) if *id == grant.id), "{reused:?}");
    assert_eq!(world.state_of(&grant).await, GrantState::Revoked { at: after(62), reason: RevokeReason::RefreshReuse });
    assert_eq!(world.feed_since(before).await, [Subject::Grant { id: grant.id.clone() }]);
    assert!(matches!(rotate(&world, &second, &fresh(), &grant.client, 63).await, Rotate::Unknown));
    assert!(matches!(rotate(&world, &first, &fresh(), &grant.client, 64).await, Rotate::Unknown));
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "refresh.reuse_detected").count(), 1, "{log:?}");
}

pub(crate) async fn another_client_learns_and_does_nothing(store: SharedStore) {
    let world = World::new(store).await;
    let other = client(Some(&world.org.id), ClientOrigin::Administrator);
    world.store.create_client(&other, None, &cause(0)).await.expect("a client");
    let (grant, first) = world.family(1).await;
    let before = (world.log().await, world.store.feed_position().await.expect("a position"));
    assert!(matches!(rotate(&world, &first, &fresh(), &other.id, 2).await, Rotate::Unknown));
    assert_eq!((world.log().await, world.store.feed_position().await.expect("a position")), before);
    assert!(matches!(rotate(&world, &first, &fresh(), &grant.client, 3).await, Rotate::Won(_)));
    let before = (world.log().await, before.1);
    assert!(matches!(rotate(&world, &first, &fresh(), &other.id, 900).await, Rotate::Unknown));
    assert_eq!((world.log().await, world.store.feed_position().await.expect("a position")), before);
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
}

pub(crate) async fn dead_tokens_do_not_rotate(store: SharedStore) {
    let world = World::new(store).await;
    let client = &world.client.id;
    assert!(matches!(rotate(&world, &fresh(), &fresh(), client, 1).await, Rotate::Unknown));
    let (_, old) = world.family(1).await;
    let late = 1 + 30 * DAY.as_secs();
    assert!(matches!(rotate(&world, &old, &fresh(), client, late).await, Rotate::Unknown));
    let short = Grant { expires_at: Some(after(20)), ..world.wanted(5) };
    let code = world.consent_to(&short, 5).await;
    let token = refresh_token(5);
    world.store.redeem_code(&code, client, Some(&access("jti_1")), Some(&token), MINUTE, &cause(6)).await.expect("an answer");
    assert!(matches!(rotate(&world, &token.hash, &fresh(), client, 20).await, Rotate::Unknown));
    assert!(matches!(rotate(&world, &token.hash, &fresh(), client, 19).await, Rotate::Won(_)));
}

pub(crate) async fn revocation_beats_rotation(store: SharedStore) {
    let world = World::new(store).await;
    for round in 0..20 {
        let (grant, first) = world.family(round).await;
        let successor = fresh();
        let admin = cause(100);
        let revoke = world.store.revoke_grant(&grant.id, None, RevokeReason::Admin, &admin);
        let (revoked, rotated) = join(revoke, rotate(&world, &first, &successor, &grant.client, 100)).await;
        assert!(revoked.expect("an answer"));
        assert!(matches!(rotated, Rotate::Won(_) | Rotate::Unknown), "{rotated:?}");
        // Whoever came first, nothing lives afterwards.
        for token in [&first, &successor] {
            assert!(matches!(rotate(&world, token, &fresh(), &grant.client, 101).await, Rotate::Unknown));
            let state = world.store.refresh_grant(token, after(101)).await.expect("an answer");
            assert!(matches!(state, None | Some((_, RefreshState::Dead))), "{state:?}");
        }
    }
}

pub(crate) async fn a_token_knows_its_state(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, first) = world.family(1).await;
    let end = after(1).plus(30 * DAY);
    let state = async |token: &HashedToken, at| world.store.refresh_grant(token, at).await.expect("an answer");
    assert_eq!(state(&first, after(2)).await, Some((grant.clone(), RefreshState::Live { expires_at: end })));
    assert_eq!(state(&first, end).await, Some((grant.clone(), RefreshState::Dead)));
    assert_eq!(state(&fresh(), after(2)).await, None);
    let second = fresh();
    rotate(&world, &first, &second, &grant.client, 3).await;
    assert_eq!(state(&first, after(4)).await, Some((grant.clone(), RefreshState::Dead)));
    assert!(matches!(state(&second, after(4)).await, Some((_, RefreshState::Live { .. }))));
    world.store.revoke_grant(&grant.id, None, RevokeReason::Client, &cause(5)).await.expect("an answer");
    assert!(matches!(state(&second, after(6)).await, Some((_, RefreshState::Dead))));
}

pub(crate) async fn a_rotated_token_is_known_as_long_as_it_would_have_lived(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, first) = world.family(1).await;
    let (successor, end) = (refresh_token(600), after(1).plus(30 * DAY));
    let (new, at) = (access("jti_1"), cause(2));
    let rotated = world.store.rotate_refresh(&first, &grant.client, Some(&new), &successor, MINUTE, &at).await;
    assert!(matches!(rotated.expect("an answer"), Rotate::Won(_)));
    assert_eq!(world.store.forget_refresh_tokens(end).await.expect("a number"), 0);
    assert_eq!(world.store.forget_refresh_tokens(end.plus(MINUTE)).await.expect("a number"), 1);
    assert!(world.store.refresh_grant(&first, after(3)).await.expect("an answer").is_none());
    assert!(world.store.refresh_grant(&successor.hash, after(3)).await.expect("an answer").is_some());
}
