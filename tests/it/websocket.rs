//! WebSocket through the gate: the handshake is decided about and recorded like any call, and what it opens ends with its permission.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response as Accepted};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use crate::harness::audit::{outcome, reason};
use crate::harness::http1::{Request, Response, ask};
use crate::harness::{Api, Caller, Gateway, Setup, http2, within};

const TAIL: &str = "/loki/loki/api/v1/tail?query=%7Bapp%3D%22a%22%7D";

/// A server that greets, then sends back what it gets.
struct Server {
    address: SocketAddr,
    handshakes: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    ended: watch::Receiver<usize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let handshakes = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = watch::channel(0);
        let (seen, end) = (Arc::clone(&handshakes), Arc::new(end));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, end) = (Arc::clone(&seen), Arc::clone(&end));
                tokio::spawn(async move {
                    serve(stream, &seen).await;
                    end.send_modify(|n| *n += 1);
                });
            }
        });
        Self { address, handshakes, ended }
    }

    async fn ended(&mut self) {
        within("the end at the upstream", self.ended.wait_for(|n| *n > 0)).await.expect("the server runs");
    }
}

async fn serve(stream: TcpStream, seen: &Mutex<Vec<(String, HeaderMap)>>) {
    let note = |request: &Handshake, accepted: Accepted| -> Result<Accepted, ErrorResponse> {
        seen.lock().push((request.uri().to_string(), request.headers().clone()));
        Ok(accepted)
    };
    let Ok(mut socket) = accept_hdr_async(stream, note).await else { return };
    if socket.send(Message::text("hello")).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn start() -> (Gateway, Server, Caller) {
    let server = Server::start().await;
    let loki = Api::named("loki").at(server.address, "").pack("loki").keys("allowed_origins = [\"https://app.test\"]");
    let shared = Api::named("loki-shared").mount("/shared-loki").behind("loki").pack("loki");
    let shared = shared.keys(r#"tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }"#);
    let ticks = Api::named("ticks").behind("loki").keys("allowed_origins = [\"https://ticks.test\"]");
    let ticks = ticks.route("tail", "GET", "/tail", "scopes = [\"logs:read\"]\nupgrade = \"websocket\"");
    let more = format!("[roles.tailer]\npermissions = [\"logs:read\"]{loki}{shared}{ticks}");
    let gw = Gateway::start_with(Setup { more, file: true, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["tailer"], "logs:read").await;
    (gw, server, caller)
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket; gives it with the id of its request.
async fn open(gw: &Gateway, target: &str, token: &str) -> Result<(Socket, String), Error> {
    let mut request = format!("ws://gw.test{target}").into_client_request().expect("a request");
    if !token.is_empty() {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
    }
    let stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
    let (socket, accepted) = within("a handshake", client_async(request, stream)).await?;
    assert_eq!(accepted.status(), 101);
    let id = accepted.headers()["x-request-id"].to_str().expect("text").to_owned();
    Ok((socket, id))
}

async fn next(socket: &mut Socket) -> Option<Result<Message, Error>> {
    within("a message or the end", socket.next()).await
}

async fn greeted(socket: &mut Socket) {
    assert_eq!(next(socket).await.expect("open").expect("a message"), Message::text("hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_both_ways() {
    let (gw, mut server, caller) = start().await;
    let (mut socket, id) = open(&gw, TAIL, &caller.token).await.expect("a WebSocket");
    greeted(&mut socket).await;
    for message in [Message::text("one"), Message::binary(vec![0_u8; 100_000]), Message::text("three")] {
        socket.send(message.clone()).await.expect("sent");
        assert_eq!(next(&mut socket).await.expect("open").expect("a message"), message);
    }
    let (target, headers) = server.handshakes.lock()[0].clone();
    assert_eq!(target, "/loki/api/v1/tail?query=%7Bapp%3D%22a%22%7D");
    assert_eq!(
        (&headers["x-scope-orgid"], &headers["x-request-id"]),
        (&"tenant-acme".parse().expect("text"), &id.parse().expect("text"))
    );
    assert!(!headers.contains_key("authorization"), "{headers:?}");
    socket.close(None).await.expect("closed");
    while let Some(Ok(_)) = next(&mut socket).await {}
    server.ended().await;
    assert_eq!(outcome(&gw.record_of_request(&id).await), "101");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_upstream_gets_the_query_of_one_organization() {
    let (gw, server, caller) = start().await;
    let (mut socket, _) = open(&gw, &TAIL.replacen("/loki", "/shared-loki", 1), &caller.token).await.expect("a WebSocket");
    greeted(&mut socket).await;
    let (target, _) = server.handshakes.lock()[0].clone();
    assert!(target.contains("tenant%3D%22tenant-acme%22"), "{target}");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_ends_with_its_permission() {
    for how in ["revoked", "expired", "no longer a member", "the node is cut off"] {
        let (gw, mut server, caller) = start().await;
        let (mut socket, id) = open(&gw, TAIL, &caller.token).await.expect("a WebSocket");
        greeted(&mut socket).await;
        match how {
            "revoked" => gw.revoke(&caller.grant).await,
            "expired" => gw.advance(600),
            "no longer a member" => gw.member(&caller.org, &caller.user, &[]).await,
            _ => gw.running.node.store.close().await,
        }
        let end = next(&mut socket).await;
        assert!(matches!(end, None | Some(Err(_))), "{how}: {end:?}");
        server.ended().await;
        if how != "the node is cut off" {
            assert_eq!(outcome(&gw.record_of_request(&id).await), "Revocation", "{how}");
        }
        within("a stop", gw.running.stop()).await;
    }
}

/// An upstream that says `101` before it was asked, then sends back what it gets: nothing can answer faster.
async fn hasty() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(answer).await.expect("written");
                let mut read = Vec::new();
                let head = loop {
                    assert!(stream.read_buf(&mut read).await.expect("bytes") > 0, "a head");
                    if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                        break end + 4;
                    }
                };
                let (mut from, mut to) = stream.split();
                // The first frame may have come with the head.
                to.write_all(&read[head..]).await.expect("written");
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_there_at_once_ends_nothing() {
    let address = hasty().await;
    let gw = Gateway::start_with(Api::named("loki").at(address, "").pack("loki").into()).await;
    let caller = gw.open_caller("acme", &["admin"], "logs:read").await;
    for n in 0..24 {
        let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
        stream.write_all(&handshake(TAIL).bearer(&caller.token).bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(within("a head", stream.read_buf(&mut head)).await.expect("bytes") > 0, "{n}: {head:?}");
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        stream.write_all(b"frame").await.expect("sent");
        let mut back = [0; 5];
        within("the same back", stream.read_exact(&mut back)).await.unwrap_or_else(|e| panic!("{n}: {e}"));
        assert_eq!(&back, b"frame", "{n}");
    }
    gw.running.stop().await;
}

fn handshake(target: &str) -> Request {
    Request::get(target)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_or_not_allowed_is_refused() {
    let (gw, server, caller) = start().await;
    let refused = async |request: Request, status: u16, code: &str| -> Response {
        let response = ask(gw.running.public, &request).await;
        assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
        assert_eq!(reason(&gw.record_of(&response).await), code);
        response
    };
    refused(handshake(TAIL), 401, "no_token").await;
    let reader = gw.open_caller("beta", &["reader"], "metrics:read").await;
    refused(handshake(TAIL).bearer(&reader.token), 403, "permission_missing").await;
    refused(handshake(TAIL).bearer(&caller.token).header("Origin", "https://evil.test"), 403, "origin_not_allowed").await;
    let plain = refused(Request::get(TAIL).bearer(&caller.token), 426, "upgrade_required").await;
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    let versions = ["8", "13, 8"];
    for version in versions {
        let old = Request::get(TAIL).bearer(&caller.token).header("Connection", "Upgrade").header("Upgrade", "websocket");
        let old = old.header("Sec-WebSocket-Version", version).header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        refused(old, 426, "upgrade_required").await;
    }
    let smuggled = handshake(TAIL).bearer(&caller.token).body(b"GET /loki/loki/api/v1/rules HTTP/1.1\r\n\r\n".to_vec());
    refused(smuggled, 426, "upgrade_required").await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let bearer = format!("Bearer {}", caller.token);
    let second = conn.ask(http2::request("GET", TAIL, &[("authorization", &bearer)]), None).await.expect("an answer");
    assert_eq!((second.status, second.reason().as_deref()), (426, Some("upgrade_required")), "{second:?}");
    assert!(second.json()["detail"].as_str().is_some_and(|d| d.contains("HTTP/1.1")), "it says what to do");
    assert_eq!(server.handshakes.lock().len(), 0, "nothing reached the upstream");
    let allowed = ask(gw.running.public, &handshake("/prometheus/api/v1/query").bearer(&reader.token)).await;
    assert_eq!(allowed.status, 200, "elsewhere the offer is not taken");
    let seen = gw.upstream.last();
    assert!(
        seen.values("upgrade").is_empty() && seen.values("connection").iter().all(|c| !c.eq_ignore_ascii_case("upgrade")),
        "{}",
        seen.text()
    );
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_allowed_may_open_one() {
    let (gw, _server, caller) = start().await;
    open_from_page(&gw, TAIL, &caller.token, "https://app.test").await;
    gw.running.stop().await;
}

/// Opens a WebSocket as a page does, past its greeting.
async fn open_from_page(gw: &Gateway, target: &str, token: &str, origin: &'static str) -> Socket {
    let mut request = format!("ws://gw.test{target}").into_client_request().expect("a request");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
    request.headers_mut().insert("origin", HeaderValue::from_static(origin));
    let stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
    let (mut socket, _) = within("a handshake", client_async(request, stream)).await.expect("a WebSocket");
    greeted(&mut socket).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_ends_when_its_route_or_its_page_may_have_none_any_more() {
    let (gw, _server, caller) = start().await;
    let first = gw.text();
    for (what, kept, line) in [
        ("another page's", "/ticks/tail", "allowed_origins = [\"https://ticks.test\"]\n"),
        ("no WebSocket any more", TAIL, "upgrade = \"websocket\"\n"),
    ] {
        gw.rewrite(&first);
        assert!(gw.running.reload(), "{what}");
        let mut ended = open_from_page(&gw, "/ticks/tail", &caller.token, "https://ticks.test").await;
        let (mut kept, _) = open(&gw, kept, &caller.token).await.expect("a WebSocket");
        greeted(&mut kept).await;
        assert!(first.contains(line), "{what}");
        gw.rewrite(&first.replace(line, ""));
        assert!(gw.running.reload(), "{what}");
        let end = next(&mut ended).await;
        assert!(matches!(end, None | Some(Err(_))), "{what}: {end:?}");
        kept.send(Message::text("on")).await.expect("sent");
        assert_eq!(next(&mut kept).await.expect("open").expect("a message"), Message::text("on"), "{what}");
    }
    gw.running.stop().await;
}
