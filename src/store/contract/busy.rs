//! What a node can still do on PostgreSQL while every connection that its verbs share is in use.

use sqlx::{PgPool, Row as _};

use super::{cluster, open};
use crate::store::{NodeRole, NodeRow};
use crate::types::NodeId;

/// As many as verbs share.
const SHARED: i64 = 8;

/// How many statements of this database wait for the table that all of them read.
const WAITING: &str = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query(WAITING).fetch_one(pool).await.expect(WAITING).get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_its_lease_while_every_other_verb_waits() {
    let url = cluster::fresh_database().await;
    let (store, pool) = (open(&url).await, PgPool::connect(&url).await.expect("a connection"));
    let mut held = pool.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.expect("a lock");
    let others: Vec<_> = (0..SHARED)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.user_by_email("ada@example.com").await.map(drop) })
        })
        .collect();
    while waiting(&pool).await < SHARED {
        tokio::task::yield_now().await;
    }
    // All that a node does to keep its lease and to end another's, and all that a revocation asks after its commit.
    let id = NodeId::parse("node_a").expect("an id");
    store.list_node(&id, NodeRole::Serves).await.expect("listed");
    let newest = store.feed_head(&id).await.expect("a head");
    assert!(store.changes_after(newest.point.position, 10).await.expect("the feed").is_empty());
    assert!(store.confirm_node(&id, newest.point).await.expect("an answer"));
    let seen = store.nodes().await.expect("rows").into_iter().find(|row| row.id == id).expect("its row");
    assert!(store.fence_node(&seen).await.expect("an answer"));
    assert!(store.forget_node(&NodeRow { fenced: true, ..seen }).await.expect("an answer"));
    store.unlist_node(&id).await.expect("it leaves");
    assert!(others.iter().all(|other| !other.is_finished()), "every shared connection was in use all the time");
    held.rollback().await.expect("the end of it");
    for other in others {
        drop(other.await.expect("no panic"));
    }
    store.close().await;
    pool.close().await;
}
