//! Signing keys: a key that is gone takes its tokens along, also those that this node knew well.

use std::time::Duration;

use tollgate::types::SeededEntropy;

use crate::harness::Gateway;
use crate::harness::http1::{Request, ask};

const QUERY: &str = "/prometheus/api/v1/query";

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_verifies_until_its_overlap_ends() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let before = Request::get(QUERY).bearer(&caller.token);
    assert_eq!(ask(gw.running.public, &before).await.status, 200);
    let node = &gw.running.node;
    let rotate = async |overlap: u64| {
        let entropy = SeededEntropy::new(overlap);
        let overlap = Duration::from_secs(overlap);
        node.keys.rotate(&node.store, &entropy, overlap, &node.own_cause()).await.expect("a new key")
    };
    rotate(600).await;
    assert_eq!(ask(gw.running.public, &before).await.status, 200, "the old key is still published");
    let second = gw.token(&caller.grant, "metrics:read", &[]);
    let second = Request::get(QUERY).bearer(&second);
    assert_eq!(ask(gw.running.public, &second).await.status, 200);
    gw.advance(1);
    rotate(0).await;
    gw.advance(1);
    node.keys.reload(&node.store, node.now()).await.expect("the keys");
    assert_eq!(ask(gw.running.public, &second).await.status, 401, "its key is gone, however well the token is known");
    assert_eq!(ask(gw.running.public, &before).await.status, 200, "the first key's overlap has not ended");
    gw.running.stop().await;
}
