//! G3: what is under way ends when its permission does.

use crate::harness::audit::outcome;
use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway, http2, within};

const STREAM: &str = "/prometheus/api/v1/query";

async fn open_stream(gw: &Gateway, caller: &Caller) -> (Conn, Response) {
    let mut conn = Conn::open(gw.running.public).await;
    let request = Request::get(STREAM).bearer(&caller.token).header("X-Behave", "events").header("Accept", "text/event-stream");
    conn.send(&request.bytes()).await;
    let head = within("a response head", conn.head()).await.expect("a head");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    gw.upstream.emit("data: one\n\n");
    let chunk = within("an event", conn.chunk()).await;
    assert_eq!(chunk, Some(Some(b"data: one\n\n".to_vec())), "events are not held back");
    (conn, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_when_its_grant_is_revoked() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let (mut conn, head) = open_stream(&gw, &caller).await;
    gw.revoke(&caller.grant).await;
    let rest = within("the end of the stream", conn.chunk()).await;
    assert_eq!(rest, None, "cut, not ended");
    gw.upstream.ended(1).await;
    assert_eq!(outcome(&gw.record_of(&head).await), "Revocation");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_when_its_user_loses_the_permission() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let (mut conn, head) = open_stream(&gw, &caller).await;
    gw.member(&caller.org, &caller.user, &["reader", "agent"]).await;
    gw.upstream.emit("data: two\n\n");
    assert_eq!(within("an event", conn.chunk()).await, Some(Some(b"data: two\n\n".to_vec())), "more is not less");
    gw.member(&caller.org, &caller.user, &[]).await;
    assert_eq!(within("the end of the stream", conn.chunk()).await, None);
    assert_eq!(outcome(&gw.record_of(&head).await), "Revocation");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_when_its_token_ends() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let (mut conn, head) = open_stream(&gw, &caller).await;
    gw.advance(599);
    gw.upstream.emit("data: late\n\n");
    assert_eq!(within("an event", conn.chunk()).await, Some(Some(b"data: late\n\n".to_vec())));
    gw.advance(1);
    assert_eq!(within("the end of the stream", conn.chunk()).await, None);
    assert_eq!(outcome(&gw.record_of(&head).await), "Revocation");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_by_itself_is_complete() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let (mut conn, head) = open_stream(&gw, &caller).await;
    gw.upstream.finish();
    assert_eq!(within("the last chunk", conn.chunk()).await, Some(None));
    assert_eq!(outcome(&gw.record_of(&head).await), "200");
    assert_eq!(conn.ask(&Request::get(STREAM).bearer(&caller.token)).await.status, 200, "the connection lives on");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_revoked_stream_of_a_connection_is_cut() {
    let gw = Gateway::start().await;
    let revoked = gw.caller("acme", &["reader"], "metrics:read").await;
    let other = gw.caller("beta", &["reader"], "metrics:read").await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let mut streams = Vec::new();
    for caller in [&revoked, &other] {
        let bearer = format!("Bearer {}", caller.token);
        let request = http2::request("GET", STREAM, &[("authorization", &bearer), ("x-behave", "events")]);
        streams.push(conn.start(request, None).await.expect("a stream"));
    }
    gw.upstream.emit("data: one\n\n");
    for (head, stream) in &mut streams {
        assert_eq!(head.status, 200);
        assert_eq!(http2::data(stream).await.expect("data").expect("an event").as_ref(), b"data: one\n\n");
    }
    gw.revoke(&revoked.grant).await;
    let (head, cut) = &mut streams[0];
    let ended = http2::data(cut).await.expect("no clean end");
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(outcome(&gw.record_of(head).await), "Revocation");
    gw.upstream.emit("data: two\n\n");
    assert_eq!(http2::data(&mut streams[1].1).await.expect("data").expect("an event").as_ref(), b"data: two\n\n");
    let bearer = format!("Bearer {}", other.token);
    let again = conn.ask(http2::request("GET", STREAM, &[("authorization", &bearer)]), None).await.expect("a response");
    assert_eq!(again.status, 200, "the connection takes more requests");
    gw.upstream.finish();
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_is_cut_before_its_answer() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&Request::get(STREAM).bearer(&caller.token).header("X-Behave", "hold").bytes()).await;
    let seen = gw.upstream.asked(1).await;
    gw.revoke(&caller.grant).await;
    assert!(conn.closed().await, "nothing was answered");
    gw.upstream.ended(1).await;
    assert_eq!(outcome(&gw.record_of_request(&seen.header("x-request-id")).await), "Revocation");
    gw.running.stop().await;
}
