//! Saved searches.

use super::world::*;
use crate::store::{MAX_SEARCHES, SavedSearch, SharedStore};
use crate::types::UserId;

pub(crate) async fn a_search_is_its_users_own(store: SharedStore) {
    let world = World::new(store).await;
    let (store, ada, acme) = (&world.store, &world.user.id, &world.org.id);
    let search = |name: &str, query: &str| SavedSearch {
        user: ada.clone(),
        org: acme.clone(),
        name: name.to_owned(),
        query: query.to_owned(),
    };
    let save = async |name: &str, query: &str| store.save_search(&search(name, query), &cause(1)).await.expect("an answer");
    let saved = async || store.saved_searches(ada, acme).await.expect("searches");
    assert!(save("denials", "decision=denied").await && save("a\u{0}b", "tool=x").await);
    assert!(save("denials", "decision=denied&api=loki").await, "a name is used again");
    assert_eq!(saved().await, [search("a\u{FFFD}b", "tool=x"), search("denials", "decision=denied&api=loki")]);
    let (stranger, beta) = (UserId::generate(START, &ENTROPY), org("beta"));
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    assert!(store.saved_searches(&stranger, acme).await.expect("searches").is_empty());
    assert!(store.saved_searches(ada, &beta.id).await.expect("searches").is_empty());
    let forget = async |user: &UserId, name: &str| store.forget_search(user, acme, name, &cause(2)).await.expect("an answer");
    assert!(!forget(&stranger, "denials").await && !forget(ada, "other").await);
    assert!(forget(ada, "denials").await && !forget(ada, "denials").await);
    for n in 1..MAX_SEARCHES {
        assert!(save(&format!("n{n}"), "").await, "{n}");
    }
    assert!(!save("one too many", "").await);
    assert!(save("n1", "tool=y").await, "those that are there may change");
}
