//! The processes on the store.

use super::world::*;
use crate::store::{Listing, Mark, NodeRole, NodeRow, OrgState, Point, SharedStore};
use crate::types::NodeId;

fn node(name: &str) -> NodeId {
    NodeId::parse(name).expect("an id")
}

async fn row(store: &SharedStore, id: &NodeId) -> Option<NodeRow> {
    store.nodes().await.expect("rows").into_iter().find(|row| row.id == *id)
}

/// Something happens; the head of the feed after it.
async fn change(store: &SharedStore, as_seen_by: &NodeId) -> Point {
    store.create_org(&org("acme"), &cause(0)).await.expect("an organization");
    store.feed_head(as_seen_by).await.expect("a head").point
}

pub(crate) async fn a_node_is_listed_until_it_leaves(store: SharedStore) {
    let (a, b) = (node("node_a"), node("node_b"));
    let head = store.feed_head(&a).await.expect("a head");
    let nothing = Point { position: 0, mark: None };
    assert_eq!((head.point, head.listing, head.others), (nothing, Listing::Gone, 0));
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    store.list_node(&b, NodeRole::Commands).await.expect("listed");
    let head = store.feed_head(&a).await.expect("a head");
    assert_eq!((head.listing, head.others), (Listing::Stands, 1));
    let rows = store.nodes().await.expect("rows");
    let seen: Vec<_> = rows.iter().map(|r| (&r.id, r.role, r.position, r.fenced)).collect();
    assert_eq!(seen, [(&a, NodeRole::Serves, 0, false), (&b, NodeRole::Commands, 0, false)]);
    store.unlist_node(&b).await.expect("it leaves");
    assert_eq!(store.feed_head(&a).await.expect("a head").others, 0);
    assert_eq!(store.feed_head(&b).await.expect("a head").listing, Listing::Gone);
    assert!(!store.confirm_node(&b, nothing).await.expect("an answer"), "who left is not there again by itself");
    assert_eq!(row(&store, &b).await, None);
}

pub(crate) async fn a_node_confirms_only_what_this_store_has(store: SharedStore) {
    let a = node("node_a");
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    let before = row(&store, &a).await.expect("a row");
    let point = change(&store, &a).await;
    assert_eq!(point.position, 1);
    let mark = point.mark.expect("every change has a mark");
    for foreign in [
        Point { position: 2, ..point },
        Point { mark: Some(Mark(mark.0.wrapping_add(1))), ..point },
        Point { mark: None, ..point },
    ] {
        assert!(!store.confirm_node(&a, foreign).await.expect("an answer"), "{foreign:?}");
    }
    assert_eq!(row(&store, &a).await.as_ref(), Some(&before), "nothing moved");
    for _ in 0..2 {
        assert!(store.confirm_node(&a, point).await.expect("an answer"));
    }
    let after = row(&store, &a).await.expect("a row");
    assert_eq!((after.position, after.beats), (1, before.beats + 2));
    // Listed anew, as after a restart under the same name, it has confirmed nothing.
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    let anew = row(&store, &a).await.expect("a row");
    assert_eq!((anew.position, anew.beats), (0, after.beats + 1));
}

pub(crate) async fn a_silent_node_is_fenced_before_it_is_forgotten(store: SharedStore) {
    let a = node("node_a");
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    let point = change(&store, &a).await;
    let seen = row(&store, &a).await.expect("a row");
    assert!(!store.forget_node(&seen).await.expect("an answer"), "it has not been fenced");
    assert!(store.confirm_node(&a, point).await.expect("an answer"));
    assert!(!store.fence_node(&seen).await.expect("an answer"), "it has written since");
    let seen = row(&store, &a).await.expect("a row");
    assert!(store.fence_node(&seen).await.expect("an answer"));
    assert!(!store.fence_node(&seen).await.expect("an answer"), "one fences it");
    let fenced = row(&store, &a).await.expect("a row");
    assert_eq!(fenced, NodeRow { fenced: true, ..seen });
    // It learns of it by reading, and can't confirm anything until it is listed anew.
    assert_eq!(store.feed_head(&a).await.expect("a head").listing, Listing::Gone);
    assert!(!store.confirm_node(&a, point).await.expect("an answer"));
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    assert_eq!(store.feed_head(&a).await.expect("a head").listing, Listing::Stands);
    assert!(!store.forget_node(&fenced).await.expect("an answer"), "it came back");
    let back = row(&store, &a).await.expect("a row");
    assert!(store.fence_node(&back).await.expect("an answer"));
    let last = NodeRow { fenced: true, ..back };
    assert!(store.forget_node(&last).await.expect("an answer"));
    assert_eq!(row(&store, &a).await, None);
    // Whoever was forgotten comes back as another than it was.
    store.list_node(&a, NodeRole::Serves).await.expect("listed");
    let anew = row(&store, &a).await.expect("a row");
    assert!(anew.beats > last.beats);
    assert!(store.fence_node(&anew).await.expect("an answer"));
    assert!(!store.forget_node(&last).await.expect("an answer"), "its lease may not have run out");
}

pub(crate) async fn a_change_is_told_from_another_at_its_position(store: SharedStore) {
    let a = node("node_a");
    let acme = org("acme");
    store.create_org(&acme, &cause(0)).await.expect("an organization");
    store.set_org_state(&acme.id, OrgState::Disabled, &cause(1)).await.expect("an answer");
    let changes = store.changes_after(0, 10).await.expect("the feed");
    assert_eq!(changes.len(), 2);
    assert_ne!(changes[0].mark, changes[1].mark);
    assert_eq!(store.feed_head(&a).await.expect("a head").point, changes[1].point());
    assert_eq!(store.changes_after(1, 10).await.expect("the feed"), changes[1..], "a mark stays");
}
