//! A store that falls silent without closing anything: the node refuses by its lease, and comes back by new connections.

use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::way::Way;
use crate::harness::{Gateway, Setup, within};

const QUERY: &str = "/prometheus/api/v1/query";

async fn gateway() -> (Way, Gateway) {
    let way = Way::to(&crate::postgres::fresh_database().await).await;
    let gw = Gateway::start_with(Setup { store: Some(way.url.clone()), ..Setup::default() }).await;
    (way, gw)
}

async fn ready(gw: &Gateway) -> Response {
    within("an answer", ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1"))).await
}

/// Asks until a token is good again that this node has never seen: the store is read for it.
async fn recovered(gw: &Gateway, token: &str) {
    within("a node that has recovered", async {
        while ready(gw).await.status != 200 {}
        while ask(gw.running.public, &Request::get(QUERY).bearer(token)).await.status != 200 {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_store_ends_streams_and_requests_until_new_connections_get_through() {
    let (way, gw) = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let unseen = gw.token(&caller.grant, "metrics:read", &[]);
    let request = || Request::get(QUERY).bearer(&caller.token);
    let mut stream = Conn::open(gw.running.public).await;
    stream.send(&request().header("X-Behave", "events").header("Accept", "text/event-stream").bytes()).await;
    assert_eq!(within("a response head", stream.head()).await.expect("a head").status, 200);
    assert_eq!(ready(&gw).await.status, 200);
    way.lose();
    assert_eq!(within("the end of the stream", stream.chunk()).await, None);
    let refused = within("an answer", ask(gw.running.public, &request())).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let unready = ready(&gw).await;
    assert_eq!(unready.status, 503, "{unready:?}");
    let reasons = unready.json()["reasons"].to_string();
    assert!(reasons.contains("feed_stale") && reasons.contains("store_unavailable"), "{reasons}");
    way.find();
    recovered(&gw, &unseen).await;
    assert_eq!(ask(gw.running.public, &request()).await.status, 200);
    gw.revoke(&caller.grant).await;
    assert_eq!(ask(gw.running.public, &request()).await.status, 401);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_lost_are_not_waited_for_while_new_ones_get_through() {
    let (way, gw) = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let unseen = gw.token(&caller.grant, "metrics:read", &[]);
    way.lose();
    way.find();
    recovered(&gw, &unseen).await;
    gw.running.stop().await;
}
