//! Ten times as many requests as the gate admits: those that it admitted get their answers and their records, the others hear at once
//! that they are too many, and somebody else hears nothing of it.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tollgate::gateway::admission::Waited;
use tollgate::gateway::overload::Overload;
use tollgate::gateway::prepared::Prepared;
use tollgate::listener::{Front, Listener};

use crate::harness::audit::{outcome, reason};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Caller, Gateway, PATIENCE, Setup, http2, within};

const QUERY: &str = "/prometheus/api/v1/query?query=up";
/// Requests that hang in an upstream, and requests whose body never comes.
const HANGING: usize = 10;
const SLOW: usize = 10;
/// Ten times as many more.
const MORE: usize = 10 * (HANGING + SLOW);

/// Bytes of an answer that no socket takes at once.
const LONG: usize = 16 << 20;

const CROWD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

fn is_shed(response: &Response, what: &str) {
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")), "{what}: {response:?}");
}

async fn from_crowd(gw: &Gateway, request: &Request) -> Response {
    Conn::open_from(CROWD, gw.running.public).await.ask(request).await
}

/// Everybody hears it in the form of their protocol.
async fn every_protocol_is_told(gw: &Gateway, caller: &Caller) {
    let plain = from_crowd(gw, &Request::get(QUERY).bearer(&caller.token)).await;
    is_shed(&plain, "an API");
    assert_eq!(plain.reason().as_deref(), Some("overloaded"));
    let message = Request::new("POST", "/mcp/tools").bearer(&caller.token).header("Content-Type", "application/json");
    let message = from_crowd(gw, &message.body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)).await;
    is_shed(&message, "MCP");
    let rpc: serde_json::Value = serde_json::from_slice(&message.body).expect("JSON");
    assert_eq!((&rpc["jsonrpc"], &rpc["error"]["code"]), (&"2.0".into(), &503.into()), "{rpc}");
    let mut conn = http2::Conn::open_from(CROWD, gw.running.public).await;
    let call = http2::request("POST", "/open/x", &[("content-type", "application/grpc"), ("te", "trailers")]);
    let call = conn.ask(call, None).await.expect("an answer");
    assert_eq!((call.status, call.header("grpc-status")), (200, Some("14")), "gRPC: {call:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_as_many_leave_nobody_without_an_answer() {
    let limits =
        "max_in_flight = 40\nmax_in_flight_per_address = 20\nmax_pending = 4\nbuffer_memory = \"1MiB\"\nmax_mcp_body = \"64KiB\"";
    let gw = Gateway::start_with(Setup { limits, ..Setup::default() }).await;
    let ada = gw.open_caller("acme", &["operator"], "metrics:read").await;
    let eve = gw.open_caller("globex", &["operator"], "alerts:read metrics:read").await;
    let mut hanging = Vec::new();
    for number in 1..=HANGING {
        let mut conn = Conn::open_from(CROWD, gw.running.public).await;
        conn.send(&Request::get(QUERY).bearer(&ada.token).header("X-Behave", "hold").bytes()).await;
        gw.upstream.asked(number).await;
        hanging.push(conn);
    }
    let mut slow = Vec::new();
    for number in 1..=SLOW {
        let mut conn = Conn::open_from(CROWD, gw.running.public).await;
        conn.send(b"POST /open/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 2\r\n\r\nx").await;
        let load = || gw.running.gate.overload.load().0;
        within("a place that is taken", async {
            while usize::try_from(load()).expect("a number") < HANGING + number {
                tokio::task::yield_now().await;
            }
        })
        .await;
        slow.push(conn);
    }
    let memory = Arc::clone(&gw.running.node.memory);
    let asked = gw.upstream.count();
    let crowd: Vec<_> = (0..MORE)
        .map(|i| {
            let (public, token) = (gw.running.public, ada.token.clone());
            tokio::spawn(async move {
                let path = [QUERY, "/open/x", "/login", "/oauth2/token"][i % 4];
                (path, Conn::open_from(CROWD, public).await.ask(&Request::get(path).bearer(&token)).await)
            })
        })
        .collect();
    // In the middle of it somebody else, elsewhere: another route of another organization, which holds its answers.
    for _ in 0..10 {
        let theirs = ask(gw.running.public, &Request::get("/shared/api/v1/query?query=up").bearer(&eve.token)).await;
        assert_eq!(theirs.status, 200, "{theirs:?}");
        assert_eq!(reason(&gw.record_of(&theirs).await), "allowed");
        assert!(memory.held() <= 1 << 20 && gw.running.gate.overload.load().1 <= 4);
    }
    for answer in crowd {
        let (path, answer) = answer.await.expect("an answer");
        is_shed(&answer, path);
    }
    every_protocol_is_told(&gw, &ada).await;
    assert_eq!(gw.upstream.count(), asked + 10, "nothing of the crowd went on");
    // What takes something away has places of its own; the admin listener has no part in this.
    let revoked = from_crowd(&gw, &Request::new("POST", "/oauth2/revoke").body("token=x")).await;
    assert_ne!(revoked.status, 503, "{revoked:?}");
    let health = ask(gw.running.admin, &Request::get("/healthz").host("127.0.0.1")).await;
    assert_eq!(health.status, 200);
    gw.upstream.emit("");
    for conn in &mut hanging {
        let answer = conn.response().await;
        assert_eq!(answer.status, 200);
        let record = gw.record_of(&answer).await;
        assert_eq!((reason(&record), outcome(&record).as_str()), ("allowed", "200"));
    }
    for conn in &mut slow {
        conn.send(b"y").await;
        let answer = conn.response().await;
        assert_eq!(answer.status, 200);
        assert_eq!(reason(&gw.record_of(&answer).await), "allowed");
    }
    let shed = format!("tollgate_requests_shed_total{{reason=\"address\"}} {}\n", MORE + 3);
    within("the count of those who were shed", async {
        while !gw.running.metrics.text().contains(&shed) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within("room again", async { while from_crowd(&gw, &Request::get("/open/x")).await.status != 200 {} }).await;
    gw.running.stop().await;
}

/// Another public socket of the same node that is late whenever the test says so.
fn beside(gw: &Gateway) -> (Listener, SocketAddr, Arc<Overload>) {
    let (node, long) = (&gw.running.node, Bytes::from(vec![b'x'; LONG]));
    let overload = Arc::new(Overload::new(&node.config.load().listen.limits));
    let front = Front {
        node: Arc::clone(node),
        journal: gw.running.journal.clone(),
        streams: Arc::default(),
        metrics: Arc::clone(&gw.running.metrics),
        local: Router::new()
            .route("/oauth2/revoke", post(|| async {}))
            .route("/login", get(|| async {}))
            .route("/settings/long", get(move || std::future::ready(long.clone()))),
        own_mcp: Router::new(),
        rates: Arc::default(),
        overload: Arc::clone(&overload),
        own_api: Router::new(),
        made: Arc::default(),
        strangers: Arc::default(),
        prepared: Arc::new(ArcSwap::from_pointee(Prepared::new(node.config.load_full()))),
    };
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listener = Listener::start(socket, front, node.config.load().listen.limits, None).expect("a listener");
    let address = listener.address;
    (listener, address, overload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_late_serves_who_asks_for_little() {
    let gw = Gateway::start().await;
    let (listener, address, overload) = beside(&gw);
    let ada = gw.caller("acme", &["operator"], "metrics:read").await;
    let eve = gw.caller("globex", &["operator"], "metrics:read").await;
    let query = |caller: &Caller| Request::get(QUERY).bearer(&caller.token);
    let from = async |from: [u8; 4], request: &Request| Conn::open_from(from.into(), address).await.ask(request).await;
    let (most, late) = (PATIENCE, Waited::For(PATIENCE * 2));
    assert_eq!(from([127, 0, 0, 2], &query(&ada)).await.status, 200, "it is known who is there");
    assert_eq!(from([127, 0, 0, 3], &query(&ada)).await.status, 200, "and there");
    let mut ticks = 1;
    // As many are begun meanwhile as may wait behind each other.
    while (0..10_000).all(|_| overload.admission.begin(None).is_ok()) && !overload.admission.tick(late, most) {
        ticks += 1;
        assert!(ticks < 20, "it is late for long enough");
    }
    // Down to the least that is begun.
    (0..200).for_each(|_| assert!(overload.admission.tick(late, most)));
    let asked = gw.upstream.count();
    let mut served = Vec::new();
    for i in 0..MORE {
        let answer = from([127, 0, 0, 2 + u8::try_from(i % 2).expect("a byte")], &query(&ada)).await;
        match answer.status {
            200 => served.push(answer),
            _ => is_shed(&answer, "one of the crowd"),
        }
    }
    assert!((1..=4).contains(&served.len()), "a part for the organization, wherever it asks from: {}", served.len());
    assert_eq!(gw.upstream.count(), asked + served.len());
    // Callers are told apart by a hash: one that falls together with the crowd has its part.
    for own in [1, 4, 5] {
        let theirs = from([127, 0, 0, own], &query(&eve)).await;
        if theirs.status == 200 {
            served.push(theirs);
            break;
        }
    }
    let last = gw.record_of(served.last().expect("an answer")).await;
    assert_eq!(last.org.as_ref(), Some(&eve.org.id), "another organization has its own");
    for answer in &served {
        assert_eq!(reason(&gw.record_of(answer).await), "allowed");
    }
    let revoked = from([127, 0, 0, 2], &Request::new("POST", "/oauth2/revoke").body("token=x")).await;
    assert_eq!(revoked.status, 200, "what takes something away is not shed");
    is_shed(&from([127, 0, 0, 2], &Request::get("/login")).await, "a page");
    listener.drain(PATIENCE, &CancellationToken::new()).await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_holds_no_kept_place() {
    let gw = Gateway::start_with(Setup { limits: "max_in_flight_per_address = 1", ..Setup::default() }).await;
    let (listener, address, overload) = beside(&gw);
    let mut hanging = Conn::open_from(CROWD, address).await;
    hanging.send(&Request::get("/open/x").header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let mut slow = Vec::new();
    // More of one address than may have kept places.
    for _ in 0..20 {
        let mut conn = Conn::open_from(CROWD, address).await;
        conn.send(&Request::get("/settings/long").bytes()).await;
        assert_eq!(within("a response head", conn.head()).await.expect("a head").status, 200);
        slow.push(conn);
    }
    assert_eq!(overload.load(), (1, 0), "only what hangs holds a place");
    drop(slow);
    gw.upstream.emit("");
    assert_eq!(hanging.response().await.status, 200);
    listener.drain(PATIENCE, &CancellationToken::new()).await;
    gw.running.stop().await;
}
