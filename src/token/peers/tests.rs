//! What the rows of other nodes mean, by themselves and in a store.

use super::*;
use crate::record::{Actor, Cause, Origin};
use crate::store::{KeyState, SealedKey, sql};
use crate::types::{Entropy, KeyId, RequestId, SystemEntropy, Timestamp};

fn row(id: &str, beats: u64, fenced: bool) -> NodeRow {
    NodeRow { id: NodeId::parse(id).expect("an id"), role: NodeRole::Serves, position: 7, beats, fenced }
}

#[test]
fn nobody_waits_for_a_command_or_for_who_is_there() {
    let serves = row("node_a", 1, false);
    assert!(knows(&serves, 7) && !knows(&serves, 8));
    assert!(!knows(&NodeRow { fenced: true, ..serves.clone() }, 8), "it may still have some of its lease");
    assert!(knows(&NodeRow { role: NodeRole::Commands, ..serves }, 8));
}

#[test]
fn a_node_is_out_once_its_lease_has_run_out_since_it_was_seen_fenced() {
    let (mut others, start, lease) = (Others::default(), Instant::now(), Duration::from_secs(1));
    let at = |millis| start + Duration::from_millis(millis);
    let (stands, fenced) = (row("node_a", 1, false), row("node_a", 1, true));
    others.note(std::slice::from_ref(&stands), at(0));
    assert!(!others.is_out(&stands, at(9_000), lease), "it may be slow to say what it knows");
    assert!(!others.is_out(&fenced, at(9_000), lease), "nobody has noted when it was fenced");
    others.note(std::slice::from_ref(&fenced), at(9_000));
    assert!(!others.is_out(&fenced, at(9_999), lease), "it may have read the feed just before it was fenced");
    assert!(others.is_out(&fenced, at(10_000), lease));
    // Back, and given up once more: its lease is another.
    let again = row("node_a", 2, true);
    assert!(!others.is_out(&again, at(20_000), lease));
    others.note(std::slice::from_ref(&again), at(20_000));
    assert!(!others.is_out(&again, at(20_999), lease) && !others.is_out(&fenced, at(30_000), lease));
    assert!(others.is_out(&again, at(21_000), lease));
}

/// A store with rows of these nodes, which nobody follows, and a change that none of them has confirmed.
async fn store_with(dir: &std::path::Path, nodes: &[&str]) -> (SharedStore, u64) {
    let entropy: std::sync::Arc<dyn Entropy> = std::sync::Arc::new(SystemEntropy);
    let id = NodeId::parse("node_here").expect("an id");
    let url = format!("sqlite:{}/store.db", dir.display());
    let store = sql::open(&url, &id, std::sync::Arc::clone(&entropy)).await.expect("a store");
    for node in nodes {
        store.list_node(&NodeId::parse(node).expect("an id"), NodeRole::Serves).await.expect("listed");
    }
    let now = Timestamp::from_millis(1_795_219_200_000);
    let request = RequestId::generate(now, &*entropy);
    let origin = Origin { request, node: id.clone(), peer: None, user_agent: None, trace: None, certificate: None };
    let key = SealedKey {
        id: KeyId::generate(now, &*entropy),
        sealed: vec![1],
        state: KeyState::Active,
        created_at: now,
        forget_at: None,
    };
    let cause = Cause { actor: Actor::default(), origin, at: now };
    assert!(store.add_first_key(&key, &cause).await.expect("a change"));
    let target = store.feed_head(&id).await.expect("a head").point.position;
    (store, target)
}

fn here(lease: Duration) -> Peers {
    Peers::new(NodeId::parse("node_here").expect("an id"), NodeRole::Serves, lease)
}

#[tokio::test]
async fn who_did_not_confirm_within_the_lease_is_given_up_and_waited_for_no_more() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, target) = store_with(dir.path(), &["node_alive", "node_dead"]).await;
    let (alive, dead) = (NodeId::parse("node_alive").expect("an id"), NodeId::parse("node_dead").expect("an id"));
    let head = store.feed_head(&alive).await.expect("a head").point;
    assert!(store.confirm_node(&alive, head).await.expect("an answer"));
    // A lease that has run out as soon as it begins.
    let peers = here(Duration::ZERO);
    assert!(!peers.are_at(&store, target, Instant::now()).await, "somebody has not confirmed");
    peers.end_late(&store).await.expect("nothing to do");
    assert!(store.nodes().await.expect("rows").iter().all(|row| !row.fenced), "nobody has waited in vain");
    peers.all_know(&store, target, Instant::now()).await;
    peers.end_late(&store).await.expect("an answer");
    let fenced = |rows: Vec<NodeRow>| rows.into_iter().filter(|row| row.fenced).map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(fenced(store.nodes().await.expect("rows")), std::slice::from_ref(&dead));
    assert!(peers.are_at(&store, target, Instant::now()).await, "it serves nobody");
    // For whoever has seen it fenced for less than its lease it may still serve.
    assert!(!here(Duration::from_secs(3600)).are_at(&store, target, Instant::now()).await);
    // It was only slow: what it serves from then on it must confirm.
    store.list_node(&dead, NodeRole::Serves).await.expect("listed anew");
    assert!(!peers.are_at(&store, target, Instant::now()).await);
    assert!(store.confirm_node(&dead, head).await.expect("an answer"));
    assert!(peers.are_at(&store, target, Instant::now()).await);
    store.close().await;
}

#[test]
fn a_row_is_overdue_when_nothing_moved_for_long() {
    let (mut others, start, lease) = (Others::default(), Instant::now(), Duration::from_secs(2));
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(others.overdue(vec![row("node_a", 1, false), row("node_b", 1, false)], at(0), lease).is_empty());
    assert!(others.overdue(vec![row("node_a", 1, false), row("node_b", 2, false)], at(9), lease).is_empty());
    let silent = row("node_a", 1, false);
    assert_eq!(others.overdue(vec![silent.clone(), row("node_b", 2, false)], at(10), lease), [silent]);
    // From when it was seen fenced its lease runs, whatever came before.
    let fenced = row("node_a", 1, true);
    assert!(others.overdue(vec![fenced.clone()], at(12), lease).is_empty());
    assert!(others.overdue(vec![fenced.clone()], at(13), lease).is_empty());
    assert_eq!(others.overdue(vec![fenced.clone()], at(14), lease), [fenced]);
    // Back again: it is as new.
    assert!(others.overdue(vec![row("node_a", 2, false)], at(60), lease).is_empty());
    assert!(others.overdue(Vec::new(), at(61), lease).is_empty());
    assert!(others.0.is_empty(), "who left is forgotten");
}
