//! Signing keys.

use futures::future::join_all;

use super::world::*;
use crate::store::{KeyState, SealedKey, SharedStore};
use crate::types::{KeyId, Timestamp};

pub(crate) async fn one_node_makes_the_first_key(store: SharedStore) {
    let keys: Vec<_> = (0..8).map(|_| key(KeyState::Active)).collect();
    let added = join_all(keys.iter().map(|key| async { store.add_first_key(key, &cause(0)).await.expect("an answer") })).await;
    assert_eq!(added.iter().filter(|won| **won).count(), 1);
    let winner = keys.iter().zip(&added).find(|(_, won)| **won).map(|(key, _)| key.clone());
    assert_eq!(store.signing_keys(START).await.expect("keys"), Vec::from_iter(winner));
}

pub(crate) async fn keys_take_turns(store: SharedStore) {
    let (first, second) = (key(KeyState::Active), SealedKey { created_at: after(1), ..key(KeyState::Next) });
    assert!(store.add_first_key(&first, &cause(0)).await.expect("an answer"));
    store.add_next_key(&second, &cause(1)).await.expect("a key");
    let nobody = KeyId::generate(START, &ENTROPY);
    assert!(!store.activate_key(&nobody, after(9), &cause(2)).await.expect("an answer"));
    assert_eq!(store.signing_keys(START).await.expect("keys"), [first.clone(), second.clone()]);
    let both = join_all((0..4).map(|_| async { store.activate_key(&second.id, after(9), &cause(2)).await.expect("an answer") }));
    assert_eq!(both.await, [true; 4], "it signs for all of them");
    let retired = SealedKey { state: KeyState::Retired, forget_at: Some(after(9)), ..first };
    let active = SealedKey { state: KeyState::Active, ..second };
    assert_eq!(store.signing_keys(after(8)).await.expect("keys"), [retired, active.clone()]);
    assert_eq!(store.signing_keys(after(9)).await.expect("keys"), [active]);
}

pub(crate) async fn the_shortest_overlap_holds_whoever_was_first(store: SharedStore) {
    let next = |seconds| SealedKey { created_at: after(seconds), ..key(KeyState::Next) };
    let (first, second, third) = (key(KeyState::Active), next(1), next(2));
    assert!(store.add_first_key(&first, &cause(0)).await.expect("an answer"));
    store.add_next_key(&second, &cause(1)).await.expect("a key");
    let activate = async |key: &SealedKey, forget_at| store.activate_key(&key.id, forget_at, &cause(2)).await.expect("an answer");
    let published = async || store.signing_keys(after(2)).await.expect("keys").into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert!(activate(&second, after(900)).await);
    assert_eq!(published().await, [first.id.clone(), second.id.clone()]);
    let before = store.feed_position().await.expect("a position");
    assert!(activate(&second, after(901)).await, "it signs already, and nothing lives longer for it");
    assert_eq!(store.feed_position().await.expect("a position"), before);
    assert!(activate(&second, Timestamp::from_millis(0)).await);
    assert_eq!(published().await, std::slice::from_ref(&second.id), "the one before is gone at once");
    assert_eq!(store.feed_position().await.expect("a position"), before + 1, "and every node is told");
    store.add_next_key(&third, &cause(2)).await.expect("a key");
    assert!(activate(&third, after(900)).await);
    assert!(!activate(&second, Timestamp::from_millis(0)).await, "its turn is over");
    assert_eq!(published().await, [second.id, third.id]);
}

pub(crate) async fn no_key_outlives_the_overlap_of_a_later_one(store: SharedStore) {
    let next = |seconds| SealedKey { created_at: after(seconds), ..key(KeyState::Next) };
    let (first, second, third, fourth) = (key(KeyState::Active), next(1), next(2), next(3));
    assert!(store.add_first_key(&first, &cause(0)).await.expect("an answer"));
    let take_over = async |key: &SealedKey, forget_at, at| {
        store.add_next_key(key, &cause(at)).await.expect("a key");
        assert!(store.activate_key(&key.id, after(forget_at), &cause(at)).await.expect("an answer"));
    };
    let published = async |at| {
        let keys = store.signing_keys(after(at)).await.expect("keys");
        keys.into_iter().map(|key| (key.id, key.forget_at)).collect::<Vec<_>>()
    };
    take_over(&second, 600, 1).await;
    take_over(&third, 900, 2).await;
    let shorter = [(first.id, Some(after(600))), (second.id, Some(after(900))), (third.id.clone(), None)];
    assert_eq!(published(2).await, shorter, "one that ends earlier does");
    // A leaked key may be one that was retired already: none of them is published any more.
    take_over(&fourth, 3, 3).await;
    assert_eq!(published(3).await, [(fourth.id, None)]);
}
