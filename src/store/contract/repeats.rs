//! Requests that their callers may repeat.

use futures::future::join_all;

use super::world::*;
use crate::store::{Once, SharedStore};
use crate::types::TokenKind;

pub(crate) async fn a_key_has_one_first_request(store: SharedStore) {
    let (key, request, other) = (hash(TokenKind::Csrf), hash(TokenKind::Csrf), hash(TokenKind::Csrf));
    let begin =
        async |request, seconds| store.begin_once(&key, request, after(seconds), after(seconds + 60)).await.expect("an answer");
    let outcomes = join_all((0..50).map(|_| begin(&request, 1))).await;
    assert_eq!(outcomes.iter().filter(|o| **o == Once::Mine).count(), 1);
    assert!(outcomes.iter().all(|o| matches!(o, Once::Mine | Once::Busy)), "{outcomes:?}");
    assert_eq!(begin(&other, 1).await, Once::Differs);
    store.finish_once(&key, b"made").await.expect("remembered");
    assert_eq!(begin(&request, 2).await, Once::Done(b"made".to_vec()));
    assert_eq!(begin(&other, 2).await, Once::Differs);
    store.abandon_once(&key).await.expect("an answer");
    assert_eq!(begin(&request, 60).await, Once::Done(b"made".to_vec()), "what was done is not given back");
    assert_eq!(begin(&other, 61).await, Once::Mine, "a minute later the key is anybody's");
    assert_eq!(begin(&request, 62).await, Once::Differs);
}

pub(crate) async fn a_refused_request_gives_its_key_back(store: SharedStore) {
    let (key, request) = (hash(TokenKind::Csrf), hash(TokenKind::Csrf));
    for _ in 0..2 {
        assert_eq!(store.begin_once(&key, &request, after(1), after(61)).await.expect("an answer"), Once::Mine);
        store.abandon_once(&key).await.expect("given back");
    }
    assert_eq!(store.begin_once(&key, &request, after(1), after(61)).await.expect("an answer"), Once::Mine);
    assert_eq!(store.forget_ended(after(61)).await.expect("a number"), 0);
    assert_eq!(store.forget_ended(after(62)).await.expect("a number"), 1);
}
