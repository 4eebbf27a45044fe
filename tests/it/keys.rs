//! Signing keys: a key that is gone takes its tokens along, also those that this node knew well.

use std::time::Duration;

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
        node.rotate_keys(Duration::from_secs(overlap), &node.own_cause()).await.expect("a new key");
    };
    let later = async |seconds| {
        gw.advance(seconds);
        node.keys.reload(&node.store, node.now()).await.expect("the keys");
    };
    let status = async |request: &Request| ask(gw.running.public, request).await.status;
    rotate(60).await;
    assert_eq!(status(&before).await, 200, "the old key is still published");
    let second = gw.token(&caller.grant, "metrics:read", &[]);
    let second = Request::get(QUERY).bearer(&second);
    assert_eq!(status(&second).await, 200);
    later(1).await;
    rotate(120).await;
    let third = gw.token(&caller.grant, "metrics:read", &[]);
    let third = Request::get(QUERY).bearer(&third);
    assert_eq!((status(&before).await, status(&second).await, status(&third).await), (200, 200, 200));
    later(58).await;
    assert_eq!(status(&before).await, 200, "a second before its end, which a later rotation does not move");
    later(1).await;
    assert_eq!(status(&before).await, 401, "its key is gone, however well the token is known");
    assert_eq!((status(&second).await, status(&third).await), (200, 200), "the second key's overlap has not ended");
    rotate(0).await;
    later(1).await;
    assert_eq!((status(&second).await, status(&third).await), (401, 401), "no key outlives a later rotation's overlap");
    let last = gw.token(&caller.grant, "metrics:read", &[]);
    assert_eq!(status(&Request::get(QUERY).bearer(&last)).await, 200);
    gw.running.stop().await;
}
