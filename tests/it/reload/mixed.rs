//! Everything that clients do, while certificates, configuration and secrets change a hundred times: requests and handshakes, bodies that
//! come piece by piece, many streams on one connection, calls, messages, and what lives on through all of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use pingora_core::tls::ClientTlsStream;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{accept_async, client_async};

use super::{QUERY, SECRET, stale};
use crate::harness::certificates::{Authority, write};
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Caller, Gateway, Setup, http2, within};

const CHANGES: usize = 100;
const PIECE: usize = 2_000;

/// A gateway that speaks TLS, with whoever uses it.
struct World {
    gw: Gateway,
    authority: Authority,
    dir: TempDir,
    reader: Caller,
    operator: Caller,
    agent: Caller,
    tailer: Caller,
    stop: AtomicBool,
}

impl World {
    async fn start() -> Arc<Self> {
        let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
        let (cert, key) = authority.leaf(&["gw.test"]).write(dir.path(), "listener");
        let listen = format!("tls = {{ cert = \"{}\", key = \"{}\" }}", cert.display(), key.display());
        let more = format!(
            "[roles.tailer]\npermissions = [\"logs:read\"]\n\
             [[upstreams]]\nname = \"collector\"\nendpoints = [\"http://{}\"]\nprotocol = \"http2\"\n\
             [[apis]]\nname = \"echo\"\nmount = \"/echo\"\nservices = [\"test.v1.Echo\"]\nupstream = \"collector\"\n\
             [[apis.routes]]\nid = \"echo.call\"\nmatch = \"/test.v1.Echo/Call\"\nmethods = [\"POST\"]\nscopes = [\"metrics:read\"]\n\
             [[upstreams]]\nname = \"logs\"\nendpoints = [\"http://{}\"]\n\
             [[apis]]\nname = \"loki\"\nmount = \"/loki\"\npack = \"loki\"\nupstream = \"logs\"\n",
            Collector::start().await.address,
            echoing().await,
        );
        let gw = Gateway::start_with(Setup { listen, more, file: true, ..Setup::default() }).await;
        let reader = gw.caller("acme", &["reader"], "metrics:read").await;
        let operator = gw.open_caller("calls", &["operator"], "metrics:read").await;
        let agent = gw.caller("agents", &["agent"], "mcp:tools:invoke metrics:read").await;
        let tailer = gw.open_caller("tails", &["tailer"], "logs:read").await;
        Arc::new(Self { gw, authority, dir, reader, operator, agent, tailer, stop: AtomicBool::new(false) })
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
    }

    async fn connect(&self, protocol: &str) -> ClientTlsStream<TcpStream> {
        let stream = TcpStream::connect(self.gw.running.public).await.expect("the gateway accepts");
        let name = ServerName::try_from("gw.test").expect("a name");
        within("a handshake", self.authority.connector(&[protocol], None).connect(name, stream)).await.expect("a handshake")
    }

    async fn http1(&self) -> Conn {
        Conn::over(self.connect("http/1.1").await)
    }

    async fn http2(&self) -> http2::Conn {
        http2::Conn::over(self.connect("h2").await).await
    }

    async fn shown(&self) -> CertificateDer<'static> {
        let stream = self.connect("http/1.1").await;
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned()
    }
}

/// A server of `WebSockets` that sends back what it gets.
async fn echoing() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = accept_async(stream).await?;
                while let Some(Ok(message)) = socket.next().await {
                    socket.send(message).await?;
                }
                Ok::<_, tokio_tungstenite::tungstenite::Error>(())
            });
        }
    });
    address
}

async fn queries(world: Arc<World>) -> usize {
    let (mut conn, mut count) = (world.http1().await, 0);
    while world.goes_on() {
        assert_eq!(conn.ask(&Request::get(QUERY).bearer(&world.reader.token)).await.status, 200);
        count += 1;
    }
    count
}

async fn handshakes(world: Arc<World>) -> usize {
    let mut count = 0;
    while world.goes_on() {
        assert_eq!(world.http1().await.ask(&Request::get("/open/x")).await.status, 200);
        count += 1;
    }
    count
}

/// What the upstream says of a body of this length.
fn counted(body: &[u8], length: usize) {
    let text = String::from_utf8_lossy(body).into_owned();
    assert!(text.contains(&format!("\"body\":{length}}}")), "{length}: {text}");
}

/// Bodies whose pieces come one after another, others' turns in between.
async fn uploads(world: Arc<World>) -> usize {
    let (mut conn, mut count) = (world.http1().await, 0);
    let piece = [format!("{PIECE:x}\r\n").as_bytes(), &[b'x'; PIECE], b"\r\n"].concat();
    while world.goes_on() {
        conn.send(b"POST /open/upload HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for _ in 0..4 {
            conn.send(&piece).await;
            tokio::task::yield_now().await;
        }
        conn.send(b"0\r\n\r\n").await;
        let answer = conn.response().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        counted(&answer.body, 4 * PIECE);
        count += 1;
    }
    count
}

/// Many streams of one connection, of which one brings a body.
async fn streams(world: Arc<World>) -> usize {
    let (mut conn, mut count) = (world.http2().await, 0);
    let bearer = format!("Bearer {}", world.reader.token);
    while world.goes_on() {
        let upload = http2::request_at("https://gw.test", "POST", "/open/upload", &[]);
        let (mut body, uploaded) = conn.open_stream(upload).await.expect("a stream");
        let mut begun = Vec::new();
        for _ in 0..20 {
            let query = http2::request_at("https://gw.test", "GET", QUERY, &[("authorization", &bearer)]);
            begun.push(conn.begin(query, None).await.expect("a stream"));
            body.send_data(Bytes::from_static(&[b'x'; 500]), begun.len() == 20).expect("room");
        }
        for answer in begun {
            assert_eq!(answer.response().await.expect("an answer").status, 200);
            count += 1;
        }
        let answer = uploaded.response().await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        counted(&answer.body, 20 * 500);
    }
    count
}

async fn calls(world: Arc<World>) -> usize {
    let (mut conn, mut count) = (world.http2().await, 0);
    let bearer = format!("Bearer {}", world.operator.token);
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", &*bearer)];
    while world.goes_on() {
        let call = http2::request_at("https://gw.test", "POST", "/test.v1.Echo/Call", &headers);
        let (head, mut body) = conn.start(call, Some(frame(b"hello"))).await.expect("an answer");
        assert_eq!((head.status, head.header("grpc-status")), (200, None), "{head:?}");
        let (answer, trailers) = rest(&mut body).await;
        assert_eq!((answer, &trailers["grpc-status"]), (frame(b"done").to_vec(), &http::HeaderValue::from_static("0")));
        count += 1;
    }
    count
}

async fn messages(world: Arc<World>) -> usize {
    let (mut conn, mut count) = (world.http1().await, 0);
    let message =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {}}}).to_string();
    while world.goes_on() {
        let post = Request::new("POST", "/mcp/tools").bearer(&world.agent.token).header("Content-Type", "application/json");
        let answer = conn.ask(&post.header("Accept", "application/json, text/event-stream").body(message.clone())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        count += 1;
    }
    count
}

/// One socket for as long as there are changes.
async fn tail(world: Arc<World>) -> usize {
    let target = "ws://gw.test/loki/loki/api/v1/tail?query=%7Bapp%3D%22a%22%7D";
    let mut request = target.into_client_request().expect("a request");
    request.headers_mut().insert("authorization", format!("Bearer {}", world.tailer.token).parse().expect("a value"));
    let stream = world.connect("http/1.1").await;
    let (mut socket, accepted) = Box::pin(within("a handshake", client_async(request, stream))).await.expect("a WebSocket");
    assert_eq!(accepted.status(), 101);
    let mut count = 0;
    while world.goes_on() {
        socket.send(Message::text(count.to_string())).await.expect("it is open");
        let echo = within("an echo", socket.next()).await.expect("it is open").expect("a message");
        assert_eq!(echo, Message::text(count.to_string()));
        count += 1;
    }
    count
}

/// An answer that goes on through all changes; gives how many events came, each of them once and in order.
async fn events(world: Arc<World>) -> usize {
    let mut conn = world.http1().await;
    conn.send(&Request::get(QUERY).bearer(&world.reader.token).header("X-Behave", "events").bytes()).await;
    let head = within("a head", conn.head()).await.expect("a head");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
    let mut read = String::new();
    while let Some(chunk) = within("an event or the end", conn.chunk()).await.expect("a stream that ends in order") {
        read += &String::from_utf8(chunk).expect("text");
    }
    let expected: String = (0..CHANGES).map(event).collect();
    assert_eq!(read, expected);
    CHANGES
}

fn event(n: usize) -> String {
    format!("data: {n}\n\n")
}

/// Changes the configuration, a secret and the certificate; all of it is what the next request meets.
async fn change(world: &World, first: &str, n: usize) {
    let gw = &world.gw;
    let scope = format!("[scopes.\"aa:{n}\"]\ndescription = \"Change {n}\"\ngroup = \"Changes\"\nrisk = \"low\"\n");
    let text = first.replace("read = \"60s\"", &format!("read = \"{}s\"", 60 + n));
    let next = world.authority.leaf(&["gw.test"]);
    next.write(world.dir.path(), "listener");
    gw.replace(SECRET, &format!("Bearer secret-{n}"));
    gw.rewrite(&format!("{text}\n{}", if n.is_multiple_of(2) { scope } else { String::new() }));
    assert!(gw.running.reload(), "change {n} is in force");
    assert_eq!(world.shown().await, next.der(), "change {n}");
    let before = gw.upstream.count();
    let answer = world.http1().await.ask(&Request::get(QUERY).bearer(&world.reader.token)).await;
    assert_eq!(answer.status, 200, "after change {n}");
    let new = vec![format!("Bearer secret-{n}")];
    let seen = gw.upstream.seen_after(before);
    assert!(seen.iter().any(|s| s.values("authorization") == new), "change {n} is what the next request sees");
}

/// Files that are no good, of each kind: nothing changes, and each is reported.
async fn spoil(world: &World) {
    let (gw, text, shown) = (&world.gw, world.gw.text(), world.shown().await);
    gw.rewrite(&format!("{text}\n= what"));
    assert!(!gw.running.reload() && stale(gw));
    gw.rewrite(&text);
    assert!(gw.running.reload() && !stale(gw));
    write(&world.dir.path().join("listener.pem"), "no certificate");
    let _ = gw.running.reload();
    within("a report", async {
        while !gw.running.metrics.text().contains("tollgate_certificate_reloads_total{outcome=\"refused\"}") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.shown().await, shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_clients_do_fails_while_everything_changes() {
    let world = World::start().await;
    let loads = [
        ("queries", tokio::spawn(queries(Arc::clone(&world)))),
        ("handshakes", tokio::spawn(handshakes(Arc::clone(&world)))),
        ("uploads", tokio::spawn(uploads(Arc::clone(&world)))),
        ("streams", tokio::spawn(streams(Arc::clone(&world)))),
        ("calls", tokio::spawn(calls(Arc::clone(&world)))),
        ("messages", tokio::spawn(messages(Arc::clone(&world)))),
        ("a WebSocket", tokio::spawn(tail(Arc::clone(&world)))),
        ("events", tokio::spawn(events(Arc::clone(&world)))),
    ];
    let is_of_events = |seen: &crate::harness::upstream::Seen| seen.values("x-behave") == ["events"];
    within("events at the upstream", async {
        while !world.gw.upstream.seen().iter().any(is_of_events) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // A body whose pieces come one with each change.
    let mut conn = world.http1().await;
    conn.send(b"POST /open/long HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let first = world.gw.text();
    for n in 0..CHANGES {
        change(&world, &first, n).await;
        conn.send(b"5\r\nhello\r\n").await;
        world.gw.upstream.emit(&event(n));
        if n == CHANGES / 2 {
            spoil(&world).await;
        }
    }
    conn.send(b"0\r\n\r\n").await;
    let answer = conn.response().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    counted(&answer.body, 5 * CHANGES);
    world.gw.upstream.finish();
    world.stop.store(true, Ordering::Release);
    for (what, load) in loads {
        let count = load.await.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(count > 0, "{what}");
    }
    let told: BTreeSet<_> = world.gw.upstream.seen().iter().flat_map(|s| s.values("authorization")).collect();
    assert!(told.len() >= CHANGES, "every secret was used: {}", told.len());
    let world = Arc::into_inner(world).expect("nobody else has it");
    world.gw.running.stop().await;
}
