//! Connections that a balancer passes on with a PROXY header: whose they are, and who is believed about that.

use std::net::IpAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::http1::{Conn, Request};
use crate::harness::http2::{self, request};
use crate::harness::{Gateway, Setup, within};

/// Who is a balancer, in `[listen]`; the other addresses of this machine are none.
pub const LISTEN: &str = "proxy_protocol = { from = [\"127.0.0.1/32\"] }";
/// Version 2 for the balancer itself, as in health checks.
pub const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
/// Version 2 for 192.0.2.7, with a name behind the addresses, as balancers send it.
pub const BLOCK: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x16\xc0\x00\x02\x07\x0a\x00\x00\x01\xdc\x04\x01\xbb\x02\x00\x07gw.test";
/// The same over UDP.
const DATAGRAMS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\xdc\x04\x01\xbb";

/// Version 1 for a client.
pub fn line(client: &str) -> String {
    let (family, own) = if client.contains(':') { ("TCP6", "::1") } else { ("TCP4", "10.0.0.1") };
    format!("PROXY {family} {client} {own} 56324 443\r\n")
}

/// A connection from an address of this machine that begins so, in pieces of such a size.
pub async fn connect(gw: &Gateway, from: [u8; 4], header: &[u8], size: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((IpAddr::from(from), 0).into()).expect("an address of this machine");
    let mut stream = socket.connect(gw.running.public).await.expect("the gateway accepts");
    stream.set_nodelay(true).expect("a socket option");
    for piece in header.chunks(size) {
        stream.write_all(piece).await.expect("it is read");
        tokio::task::yield_now().await;
    }
    stream
}

const BALANCER: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];

async fn opened(gw: &Gateway, header: &[u8]) -> Conn {
    Conn::over(connect(gw, BALANCER, header, header.len().max(1)).await)
}

async fn start(listen: &str, limits: &'static str) -> Gateway {
    Gateway::start_with(Setup { listen: listen.to_owned(), limits, ..Setup::default() }).await
}

fn refused(gw: &Gateway, reason: &str) -> u64 {
    gw.running.metrics.connections_refused.with_label_values(&[reason]).get()
}

fn get() -> Request {
    Request::get("/open/x")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_of_whoever_its_header_names() {
    let gw = start(LISTEN, "").await;
    let (four, six) = (line("192.0.2.7"), line("2001:db8::7"));
    let cases: [(&[u8], &str); 5] = [
        (four.as_bytes(), "192.0.2.7"),
        (six.as_bytes(), "2001:db8::7"),
        (BLOCK, "192.0.2.7"),
        (b"PROXY UNKNOWN 192.0.2.7 10.0.0.1 1 2\r\n", "127.0.0.1"),
        (LOCAL, "127.0.0.1"),
    ];
    for (header, wanted) in cases {
        for size in [1, 7, header.len()] {
            let mut conn = Conn::over(connect(&gw, BALANCER, header, size).await);
            for request in 0..2 {
                let response = conn.ask(&get()).await;
                assert_eq!(response.status, 200, "{wanted} {size} {request}: {response:?}");
                assert_eq!(gw.upstream.last().header("x-forwarded-for"), wanted, "{size} {request}");
            }
            // With the request in the same packet.
            let mut conn = opened(&gw, &[header, &get().bytes()].concat()).await;
            assert_eq!(conn.response().await.status, 200, "{wanted}");
            assert_eq!(gw.upstream.last().header("x-forwarded-for"), wanted);
        }
    }
    let mut conn = opened(&gw, four.as_bytes()).await;
    let response = conn.ask(&Request::get("/prometheus/api/v1/query").bearer("nothing")).await;
    let record = gw.record_of(&response).await;
    assert_eq!(record.origin.peer.map(|p| p.to_string()).as_deref(), Some("192.0.2.7:56324"));
    assert_eq!(refused(&gw, "proxy_header"), 0);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_balancer_does_not_announce_is_closed_and_counted() {
    let gw = start(LISTEN, "header_timeout = \"1s\"").await;
    let request = get().bytes();
    // The last two wait for what never comes.
    for (number, begin) in (1..).zip([&request[..], DATAGRAMS, b"PROXY TCP4 192.0.2.7\r\n", b"PROXY TCP4 192.", &LOCAL[..13]]) {
        let mut conn = opened(&gw, begin).await;
        assert!(conn.closed().await, "it was answered: {begin:?}");
        assert_eq!(refused(&gw, "proxy_header"), number, "{begin:?}");
    }
    assert_eq!(gw.upstream.count(), 0);
    // Who only looks whether anybody listens is not counted.
    drop(opened(&gw, b"").await);
    assert_eq!(opened(&gw, LOCAL).await.ask(&get()).await.status, 200);
    assert_eq!(refused(&gw, "proxy_header"), 5);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed_and_no_header_twice() {
    let gw = start(LISTEN, "").await;
    let line = line("192.0.2.7");
    for header in [line.as_bytes(), BLOCK] {
        for (from, header) in [(OTHER, header.to_vec()), (BALANCER, [header, header].concat())] {
            let mut conn = Conn::over(connect(&gw, from, &[&header[..], &get().bytes()].concat(), 4096).await);
            let response = within("an end", conn.try_response()).await;
            assert!(response.as_ref().is_none_or(|r| r.status == 400), "{from:?}: {response:?}");
        }
    }
    assert_eq!((gw.upstream.count(), refused(&gw, "proxy_header")), (0, 0));
    let mut conn = Conn::over(connect(&gw, OTHER, b"", 1).await);
    assert_eq!(conn.ask(&get()).await.status, 200, "who is no balancer needs no header");
    assert_eq!(gw.upstream.last().header("x-forwarded-for"), "127.0.0.2");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_a_balancer_changes_with_the_file() {
    let gw = Gateway::start_with(Setup { file: true, listen: "extra_hosts = []".to_owned(), ..Setup::default() }).await;
    let announced = [line("192.0.2.7").as_bytes(), &get().bytes()].concat();
    let before = within("an end", opened(&gw, &announced).await.try_response()).await;
    assert!(before.as_ref().is_none_or(|r| r.status == 400), "nobody is believed: {before:?}");
    gw.rewrite(&gw.text().replace("extra_hosts = []", LISTEN));
    assert!(gw.running.reload(), "the file is a good one");
    assert_eq!(opened(&gw, &announced).await.response().await.status, 200);
    assert_eq!(gw.upstream.last().header("x-forwarded-for"), "192.0.2.7");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_trust_are_those_of_the_client_that_is_named() {
    let listen = format!("{LISTEN}\ntrusted_proxies = [\"192.0.2.7/32\"]");
    let gw = start(&listen, "max_connections = 20\nmax_connections_per_address = 2").await;
    let of = async |client: &str| opened(&gw, line(client).as_bytes()).await;
    let (mut a, mut b, mut other) = (of("192.0.2.1").await, of("192.0.2.1").await, of("192.0.2.2").await);
    let forwarded = get().header("X-Forwarded-For", "203.0.113.9");
    for (conn, client) in [(&mut a, "192.0.2.1"), (&mut b, "192.0.2.1"), (&mut other, "192.0.2.2")] {
        assert_eq!(conn.ask(&forwarded).await.status, 200);
        assert_eq!(gw.upstream.last().header("x-forwarded-for"), client, "what it says of itself is not believed");
    }
    let mut third = of("192.0.2.1").await;
    third.send(&get().bytes()).await;
    assert!(third.closed().await, "it is beyond the share of its address");
    assert_eq!(refused(&gw, "address"), 1);
    // Of a proxy of ours behind the balancer there may be any number, and it is believed.
    let mut proxies = Vec::new();
    for number in 0..5 {
        let mut conn = of("192.0.2.7").await;
        assert_eq!(conn.ask(&forwarded).await.status, 200, "{number}");
        assert_eq!(gw.upstream.last().header("x-forwarded-for"), "203.0.113.9");
        proxies.push(conn);
    }
    drop((a, b, other));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_name_the_same_client_are_not_taken_for_one() {
    let gw = start(LISTEN, "header_timeout = \"1s\"").await;
    let open = async || http2::Conn::over(connect(&gw, BALANCER, BLOCK, 1).await).await;
    let mut busy = open().await;
    // It says nothing more: its end must not wait for the other's request, nor be the other's end.
    let silent = connect(&gw, BALANCER, BLOCK, 4096).await;
    let begun = busy.begin(request("GET", "/open/x", &[("x-behave", "hold")]), None).await.expect("a stream");
    assert_eq!(gw.upstream.asked(1).await.header("x-forwarded-for"), "192.0.2.7");
    assert!(Conn::over(silent).closed().await);
    gw.upstream.emit("");
    let response = within("an answer", begun.response()).await.expect("the connection goes on");
    assert_eq!(response.status, 200);
    gw.running.stop().await;
}
