//! A fault in one request is that request's alone, and on record.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tollgate::gateway::overload::Overload;
use tollgate::gateway::prepared::Prepared;
use tollgate::listener::{Front, Listener};
use tollgate::record::{Event, Operation};
use tollgate::store::AuditFilter;
use tollgate::types::RequestId;

use crate::harness::audit::{outcome, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Gateway, PATIENCE, within};

async fn panics() -> &'static str {
    panic!("on purpose")
}

/// Another public socket of the same node, whose local endpoints are these.
fn beside(gw: &Gateway, local: Router, own_mcp: Router) -> (Listener, SocketAddr) {
    let node = &gw.running.node;
    let front = Front {
        node: Arc::clone(node),
        journal: gw.running.journal.clone(),
        streams: Arc::default(),
        metrics: Arc::clone(&gw.running.metrics),
        local,
        own_mcp,
        rates: Arc::default(),
        overload: Arc::new(Overload::new(&node.config.load().listen.limits)),
        own_api: Router::new(),
        made: Arc::default(),
        strangers: Arc::default(),
        prepared: Arc::new(ArcSwap::from_pointee(Prepared::new(node.config.load_full()))),
    };
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listener = Listener::start(socket, front, node.config.load().listen.limits, None).expect("a listener");
    let address = listener.address;
    (listener, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_and_recorded_and_the_rest_goes_on() {
    let gw = Gateway::start().await;
    let broken = || async { Body::from_stream(futures::stream::iter([Ok("half"), Err(std::io::Error::other("on purpose"))])) };
    let echo = |body: bytes::Bytes| async move { body };
    let local = Router::new().route("/panics", get(panics)).route("/broken", get(broken)).route("/echo", post(echo));
    let (listener, address) = beside(&gw, local, Router::new().fallback(panics));
    let mut conn = Conn::open(address).await;
    let response = conn.ask(&Request::get("/panics")).await;
    assert_eq!(response.status, 500);
    assert!(!response.text().contains("on purpose"));
    let request = Some(RequestId::parse(response.request_id()).expect("a request id"));
    let filter = AuditFilter { request, ..AuditFilter::default() };
    let noted = within("a record of the panic", async {
        loop {
            let page = gw.running.node.store.search_audit(&filter, None, 10).await.expect("a page");
            if let Some(row) = page.rows.into_iter().next() {
                return row.record;
            }
        }
    });
    let noted = noted.await;
    assert!(matches!(&noted.event, Event::Control(event) if event.operation == Operation::RequestPanic), "{noted:?}");
    assert_eq!(conn.ask(&Request::get("/open/x")).await.status, 200, "the connection goes on");

    let caller = gw.caller("acme", &["admin"], "mcp:tollgate:invoke").await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let own = conn.ask(&Request::new("POST", "/mcp").bearer(&caller.token).body(ping)).await;
    assert_eq!(own.status, 500, "{own:?}");
    let record = gw.record_of(&own).await;
    assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "Fault"));
    assert!(gw.running.metrics.text().contains("tollgate_panics_total 2"));

    conn.send(&Request::get("/broken").bytes()).await;
    assert!(conn.try_response().await.is_none(), "a broken answer must not look whole");
    let mut conn = Conn::open(address).await;
    for bytes in [0, 1, 5000, 65_536] {
        let body = vec![b'x'; bytes];
        let declared = conn.ask(&Request::new("POST", "/echo").body(body.clone())).await;
        assert_eq!((declared.status, declared.body.len()), (200, bytes));
        let chunked = conn.ask(&Request::new("POST", "/echo").chunked(&body, 1000)).await;
        assert_eq!((chunked.status, chunked.body.len()), (200, bytes));
    }
    let long = conn.ask(&Request::new("POST", "/echo").body(vec![b'x'; 65_537])).await;
    assert_eq!(long.status, 413);
    assert!(!long.request_id().is_empty());
    let mut conn = Conn::open(address).await;
    let long = conn.ask(&Request::new("POST", "/echo").chunked(&vec![b'x'; 70_000], 1000)).await;
    assert_eq!(long.status, 413);
    listener.drain(PATIENCE, &CancellationToken::new()).await;
    gw.running.stop().await;
}
