//! Signing keys: a key that is gone takes its tokens along, also those that this node knew well.

use std::time::Duration;

use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Gateway, within};

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

/// Opens a stream of events.
async fn stream(gw: &Gateway, token: &str) -> Conn {
    let mut conn = Conn::open(gw.running.public).await;
    let request = Request::get(QUERY).bearer(token).header("X-Behave", "events").header("Accept", "text/event-stream");
    conn.send(&request.bytes()).await;
    assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
    conn
}

async fn event(gw: &Gateway, conn: &mut Conn, data: &str) {
    gw.upstream.emit(data);
    assert_eq!(within("an event", conn.chunk()).await, Some(Some(data.as_bytes().to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_gone_takes_the_open_streams_of_its_tokens_along() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let node = &gw.running.node;
    let rotate = async |overlap: Duration| {
        node.rotate_keys(overlap, &node.own_cause()).await.expect("a new key");
    };
    let mut first = stream(&gw, &caller.token).await;
    let read = node.verifier.counts.again();
    rotate(Duration::from_mins(1)).await;
    // Every stream is looked at once a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    event(&gw, &mut first, "data: published\n\n").await;
    assert_eq!(node.verifier.counts.again(), read, "nobody is read again for a key that is there");
    let token = gw.token(&caller.grant, "metrics:read", &[]);
    let mut second = stream(&gw, &token).await;
    gw.advance(60);
    // As housekeeping does it.
    node.keys.reload(&node.store, node.now()).await.expect("the keys");
    assert_eq!(within("the end of the first stream", first.chunk()).await, None, "its key's overlap is over");
    event(&gw, &mut second, "data: the second key\n\n").await;
    rotate(Duration::ZERO).await;
    assert_eq!(within("the end of the second stream", second.chunk()).await, None, "its key is gone at once");
    let token = gw.token(&caller.grant, "metrics:read", &[]);
    let mut third = stream(&gw, &token).await;
    // It outlives another reading of its caller, and that of its keys.
    rotate(Duration::from_mins(1)).await;
    let read = node.verifier.counts.again();
    gw.member(&caller.org, &caller.user, &["reader", "agent"]).await;
    within("its caller read again", async {
        while node.verifier.counts.again() == read {
            tokio::task::yield_now().await;
        }
    })
    .await;
    event(&gw, &mut third, "data: the third key\n\n").await;
    gw.running.stop().await;
}
