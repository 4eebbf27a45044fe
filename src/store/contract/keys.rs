//! Signing keys.

use futures::future::join_all;

use super::world::*;
use crate::store::{KeyState, SealedKey, SharedStore};
use crate::types::KeyId;

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
    assert_eq!(both.await.iter().filter(|won| **won).count(), 1);
    let retired = SealedKey { state: KeyState::Retired, forget_at: Some(after(9)), ..first };
    let active = SealedKey { state: KeyState::Active, ..second };
    assert_eq!(store.signing_keys(after(8)).await.expect("keys"), [retired, active.clone()]);
    assert_eq!(store.signing_keys(after(9)).await.expect("keys"), [active]);
}
