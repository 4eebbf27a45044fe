//! Bodies that are not as long as they say (RFC 9113 §8.1.1): whoever sent them, they never arrive as whole, and nothing beyond what was
//! said begins another message.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::Reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::api::OPEN;
use crate::harness::grpc::Collector;
use crate::harness::http1::{Request, ask};
use crate::harness::http2::{Conn, data, request};
use crate::harness::upstream::Seen;
use crate::harness::{Api, Gateway, Setup, within};

/// An API for anybody at this upstream.
fn api(name: &str, address: SocketAddr, protocol: &str) -> Api {
    Api::named(name).at(address, &format!("protocol = {protocol:?}")).route("any", "GET POST", "/**", OPEN)
}

const SMUGGLED: &str = "helloPOST /base/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

/// What is declared, and the pieces that come.
const REQUESTS: [(&str, &[&str]); 6] =
    [("10", &["hello"]), ("10", &[""]), ("10", &["he", "llo"]), ("5", &[SMUGGLED]), ("0", &["hello"]), ("4", &["hell", "o"])];

/// Whether a request was taken: its status, or how its stream was reset.
async fn sent(gw: &Gateway, target: &str, declared: &str, pieces: &[&str]) -> Result<u16, Option<Reason>> {
    let mut conn = Conn::open(gw.running.public).await;
    let head = request("POST", target, &[("content-length", declared), ("content-type", "application/x-www-form-urlencoded")]);
    let (mut stream, begun) = conn.open_stream(head).await.expect("a stream");
    for (n, piece) in pieces.iter().enumerate() {
        // It may have been reset by now.
        let _ = stream.send_data(Bytes::copy_from_slice(piece.as_bytes()), n + 1 == pieces.len());
    }
    begun.response().await.map(|response| response.status).map_err(|e| e.reason())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_length_than_it_says_is_no_request() {
    let collector = Collector::start().await;
    let gw = Gateway::start_with(api("newer", collector.address, "http2").into()).await;
    for target in ["/open/x", "/newer/x", "/oauth2/token"] {
        for (declared, pieces) in REQUESTS {
            match sent(&gw, target, declared, pieces).await {
                Ok(status) => assert_eq!(status, 400, "{target}: {declared} for {pieces:?}"),
                Err(reason) => assert_eq!(reason, Some(Reason::PROTOCOL_ERROR), "{target}: {declared} for {pieces:?}"),
            }
        }
    }
    assert_eq!(ask(gw.running.public, &Request::new("POST", "/open/good").body("hello")).await.status, 200);
    // Of what says that it has no body the head is all: it may have gone on by itself.
    let no_length = |seen: &Seen| seen.values("content-length").iter().all(|length| length == "0");
    let bodiless = |seen: &Seen| seen.target() == "/x" && seen.body.is_empty() && no_length(seen);
    let targets: Vec<_> = gw.upstream.seen().iter().filter(|seen| !bodiless(seen)).map(Seen::target).collect();
    assert_eq!(targets, ["/good"], "nothing of the others was whole, and nothing began another request");
    assert!(collector.count() <= 1, "{}", collector.count());
    if collector.count() == 1 {
        assert!(collector.called(1).await.body.is_empty());
    }
    gw.running.stop().await;
}

/// An upstream of HTTP/2 whose answers declare this and bring these pieces.
async fn lying(declared: &'static str, pieces: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await?;
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let head = http::Response::builder().header("content-length", declared).body(()).expect("a response");
                    let mut send = respond.send_response(head, false)?;
                    for (n, piece) in pieces.iter().enumerate() {
                        send.send_data(Bytes::from_static(piece.as_bytes()), n + 1 == pieces.len())?;
                    }
                }
                Ok::<_, h2::Error>(())
            });
        }
    });
    address
}

/// The same over HTTP/1.1, where what follows an answer would be the next one; it may go on with the connection.
async fn lying_of_old(answer: &'static str, goes_on: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                loop {
                    let mut read = Vec::new();
                    while !read.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut read).await? == 0 {
                            return Ok(());
                        }
                    }
                    stream.write_all(answer.as_bytes()).await?;
                    if !goes_on {
                        return stream.shutdown().await;
                    }
                }
            });
        }
    });
    address
}

/// What a client of HTTP/2 was given of an answer, and whether it ended well.
async fn given(gw: &Gateway, target: &str) -> (u16, Vec<u8>, bool) {
    let mut conn = Conn::open(gw.running.public).await;
    let Ok((head, mut body)) = conn.start(request("GET", target, &[]), None).await else { return (0, Vec::new(), false) };
    let mut read = Vec::new();
    while let Some(piece) = data(&mut body).await {
        match piece {
            Ok(piece) => read.extend_from_slice(&piece),
            Err(_) => return (head.status, read, false),
        }
    }
    (head.status, read, true)
}

/// The same of a client of HTTP/1.1, to whom an answer is whole when as much came as was said.
async fn given_of_old(gw: &Gateway, target: &str) -> (u16, Vec<u8>, bool) {
    let mut conn = crate::harness::http1::Conn::open(gw.running.public).await;
    conn.send(&Request::get(target).header("Connection", "close").bytes()).await;
    match within("an answer or an end", conn.try_response()).await {
        Some(response) => (response.status, response.body, true),
        None => (0, Vec::new(), false),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_length_than_it_says_is_no_answer() {
    let cases: [(&str, SocketAddr, &str); 5] = [
        ("fewer", lying("10", &["hello"]).await, "http2"),
        ("none", lying("10", &[""]).await, "http2"),
        ("more", lying("5", &["hello", " world"]).await, "http2"),
        ("atonce", lying("5", &["hello world"]).await, "http2"),
        ("old", lying_of_old("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", false).await, "http1"),
    ];
    let more: String = cases.iter().map(|(name, address, protocol)| api(name, *address, protocol).to_string()).collect();
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    for (name, _, _) in cases {
        let target = format!("/{name}/x");
        let (status, body, whole) = given(&gw, &target).await;
        assert!(!whole || status == 502, "{name}: {status} with {body:?}");
        assert!(status == 502 || b"hello".starts_with(&body), "{name}: nothing beyond what was said: {body:?}");
        let (status, body, whole) = given_of_old(&gw, &target).await;
        // What was promised had gone on before it showed that there is more.
        let begun = name == "more" && body == b"hello";
        assert!(!whole || status == 502 || begun, "{name} over HTTP/1.1: {status} with {body:?}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_answer_is_not_the_next_one() {
    let two = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    let gw = Gateway::start_with(api("chatty", lying_of_old(two, true).await, "http1").into()).await;
    for n in 0..4 {
        let answer = ask(gw.running.public, &Request::get(&format!("/chatty/{n}"))).await;
        assert_eq!((answer.status, answer.text()), (200, "ok".to_owned()), "{n}");
        assert_eq!(given(&gw, &format!("/chatty/{n}")).await, (200, b"ok".to_vec(), true), "{n}");
    }
    gw.running.stop().await;
}
