//! Uploads: what the upstream does not take the gate does not take either, in whichever version of HTTP; `100 Continue`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::harness::api::{HTTP2, OPEN, READERS};
use crate::harness::audit::outcome;
use crate::harness::grpc::{Collector, frame};
use crate::harness::http1::{Request, ask};
use crate::harness::{Api, Gateway, Setup, http2, within};

/// Far more than the buffers of all sockets on the way can hold.
const WHOLE: usize = 64 << 20;
/// What those buffers may hold, with the gate's own: four sockets with at most 6 MiB each on Linux.
const IN_FLIGHT: usize = 32 << 20;
/// What other tests in this process may take in the meantime, with that.
const ROOM: usize = 48 << 20;
/// A writer that got nothing rid of for so long is held back.
const STALLED: Duration = Duration::from_millis(700);
const PIECE: usize = 64 << 10;

/// An upstream that takes no body until it is told to, then counts it.
struct Slow {
    address: SocketAddr,
    go: watch::Sender<bool>,
    head: Option<oneshot::Receiver<String>>,
}

impl Slow {
    /// Over HTTP/1.1; `first` is what it says before it reads the body.
    async fn http1(first: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ((go, mut told), (tell, head)) = (watch::channel(false), oneshot::channel());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut read = Vec::new();
            let end = loop {
                if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at + 4;
                }
                assert!(stream.read_buf(&mut read).await.expect("bytes") > 0, "a head");
            };
            let text = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|t| t.split("\r\n").next()?.parse().ok());
            let length: usize = length.expect("a declared length");
            let _ = tell.send(text);
            stream.write_all(first.as_bytes()).await.expect("written");
            let _ = told.wait_for(|go| *go).await;
            let (mut seen, mut buffer) = (read.len() - end, vec![0; PIECE]);
            while seen < length {
                match stream.read(&mut buffer).await {
                    Ok(n) if n > 0 => seen += n,
                    _ => return,
                }
            }
            let body = seen.to_string();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        Self { address, go, head: Some(head) }
    }

    /// Over HTTP/2 with prior knowledge.
    async fn http2() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ((go, mut told), (tell, head)) = (watch::channel(false), oneshot::channel());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            let (request, mut respond) = connection.accept().await.expect("a request").expect("a request");
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
            let (head, mut body) = request.into_parts();
            let _ = tell.send(format!("{:?}", head.headers));
            let _ = told.wait_for(|go| *go).await;
            let mut seen = 0;
            while let Some(Ok(data)) = body.data().await {
                seen += data.len();
                let _ = body.flow_control().release_capacity(data.len());
            }
            let mut send = respond.send_response(http::Response::new(()), false).expect("sent");
            let _ = send.send_data(seen.to_string().into(), true);
        });
        Self { address, go, head: Some(head) }
    }

    async fn head(&mut self) -> String {
        within("a head at the upstream", self.head.take().expect("asked once")).await.expect("a head")
    }
}

async fn gateway(slow: &Slow, protocol: &str) -> Gateway {
    let slow = Api::named("slow").at(slow.address, &format!("protocol = {protocol:?}"));
    let slow = slow.route("put", "PUT", "/put", OPEN).route("held", "PUT", "/held", READERS);
    Gateway::start_with(slow.into()).await
}

/// Resident memory of this process, bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Sends over HTTP/1.1 until nothing is taken any more; gives how much was.
async fn fill(stream: &mut TcpStream, left: &mut usize) -> usize {
    let (piece, mut sent) = (vec![b'x'; PIECE], 0);
    while *left > 0 {
        match tokio::time::timeout(STALLED, stream.write(&piece[..PIECE.min(*left)])).await {
            Ok(n) => {
                let n = n.expect("an open connection");
                (sent, *left) = (sent + n, *left - n);
            }
            Err(_) => break,
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_as_fast_as_its_upstream() {
    for protocol in ["http1", "http2"] {
        let slow = if protocol == "http1" { Slow::http1("").await } else { Slow::http2().await };
        let gw = gateway(&slow, protocol).await;
        let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
        let head = format!("PUT /slow/put HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {WHOLE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("written");
        let (before, mut left) = (resident(), WHOLE);
        let taken = fill(&mut stream, &mut left).await;
        assert!(taken < IN_FLIGHT, "{protocol}: {taken} bytes were taken of an upload that nobody reads");
        let grown = resident().saturating_sub(before);
        assert!(grown < ROOM, "{protocol}: {grown} bytes of memory for an upload that nobody reads");
        slow.go.send_replace(true);
        // However busy the machine is: what matters is that it goes on.
        let mut stalls = 0;
        while left > 0 {
            stalls = if fill(&mut stream, &mut left).await > 0 { 0 } else { stalls + 1 };
            assert!(stalls < 30, "{protocol}: the rest of the upload stands still, {left} bytes before its end");
        }
        let mut answer = Vec::new();
        within("an answer", async {
            while !String::from_utf8_lossy(&answer).contains(&WHOLE.to_string()) {
                assert!(stream.read_buf(&mut answer).await.expect("bytes") > 0, "{protocol}: {answer:?}");
            }
        })
        .await;
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{protocol}: every byte arrived");
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_client_is_as_fast_as_its_upstream() {
    let slow = Slow::http1("").await;
    let gw = gateway(&slow, "http1").await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let length = WHOLE.to_string();
    let request = http2::request("PUT", "/slow/put", &[("content-length", &length)]);
    let (mut send, answer) = conn.open_stream(request).await.expect("a stream");
    let (mut taken, mut told) = (0, false);
    while taken < WHOLE {
        send.reserve_capacity(PIECE.min(WHOLE - taken));
        match tokio::time::timeout(STALLED, std::future::poll_fn(|cx| send.poll_capacity(cx))).await {
            Ok(room) => {
                let n = room.expect("an open stream").expect("room").min(WHOLE - taken);
                taken += n;
                send.send_data(Bytes::from(vec![b'x'; n]), taken == WHOLE).expect("sent");
            }
            Err(_) if !told => {
                assert!(taken < IN_FLIGHT, "{taken} bytes were taken of an upload that nobody reads");
                told = true;
                slow.go.send_replace(true);
            }
            Err(_) => {}
        }
    }
    assert!(told, "it was never held back");
    let response = answer.response().await.expect("an answer");
    assert_eq!((response.status, response.text()), (200, length));
    gw.running.stop().await;
}

/// What comes before the connection ends or has `until` in it.
async fn read_until(stream: &mut TcpStream, until: &str) -> String {
    let mut read = Vec::new();
    within(until, async {
        while !String::from_utf8_lossy(&read).contains(until) && stream.read_buf(&mut read).await.expect("bytes") > 0 {}
    })
    .await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_wait_until_its_body_is_wanted() {
    for protocol in ["http1", "http2"] {
        let mut slow = if protocol == "http1" { Slow::http1("HTTP/1.1 100 Continue\r\n\r\n").await } else { Slow::http2().await };
        let gw = gateway(&slow, protocol).await;
        let refused = Request::new("PUT", "/slow/held").header("Content-Length", "5").header("Expect", "100-continue");
        let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
        stream.write_all(&refused.bytes()).await.expect("written");
        let said = read_until(&mut stream, "\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 401"), "{protocol}: nobody is told to go on before they are known: {said}");
        let caller = gw.caller("acme", &["reader"], "metrics:read").await;
        let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
        stream.write_all(&refused.bearer(&caller.token).bytes()).await.expect("written");
        let said = read_until(&mut stream, "\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 100"), "{protocol}: {said}");
        let head = slow.head().await;
        assert_eq!(head.contains("expect"), protocol == "http1", "{protocol}: {head}");
        slow.go.send_replace(true);
        stream.write_all(b"hello").await.expect("written");
        let said = read_until(&mut stream, "HTTP/1.1 200").await;
        assert!(said.contains("HTTP/1.1 200"), "{protocol}: {said}");
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_requests_reach_an_http2_upstream_too() {
    let slow = Slow::http2().await;
    slow.go.send_replace(true);
    let gw = gateway(&slow, "http2").await;
    let response = ask(gw.running.public, &Request::new("PUT", "/slow/put").body("twelve bytes")).await;
    assert_eq!((response.status, response.text().as_str()), (200, "12"));
    gw.running.stop().await;
}

/// A gateway that waits for bodies less long than for anything else.
async fn impatient(put: SocketAddr, call: SocketAddr) -> Gateway {
    let timeouts = r#"timeouts = { connect = "2s", read = "1h", stream_idle = "1h", write = "100ms" }"#;
    let slow = Api::named("slow").at(put, timeouts).route("put", "PUT", "/put", OPEN);
    let echo = Api::named("echo").at(call, &format!("{HTTP2}\n{timeouts}")).keys("services = [\"test.v1.Echo\"]");
    let more = format!("{slow}{}", echo.route("call", "POST", "/test.v1.Echo/Call", OPEN));
    Gateway::start_with(Setup { more, limits: "body_timeout = \"400ms\"", ..Setup::default() }).await
}

/// The id of a request in the head that an upstream got.
fn request_id(head: &str) -> String {
    let from = head.find("req_").expect("an id");
    head[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_sending_is_not_waited_for() {
    let (collector, mut slow) = (Collector::start().await, Slow::http1("").await);
    let gw = impatient(slow.address, collector.address).await;
    let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
    stream.write_all(b"PUT /slow/put HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\nfive.").await.expect("written");
    let said = read_until(&mut stream, "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert_eq!(outcome(&gw.record_of_request(&request_id(&slow.head().await)).await), "Client");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_client_that_stops_sending_is_not_waited_for() {
    let (collector, mut slow) = (Collector::start().await, Slow::http1("").await);
    let gw = impatient(slow.address, collector.address).await;
    let mut conn = http2::Conn::open(gw.running.public).await;
    let request = http2::request("PUT", "/slow/put", &[("content-length", "10")]);
    let (mut send, answer) = conn.open_stream(request).await.expect("a stream");
    send.send_data(Bytes::from_static(b"five."), false).expect("sent");
    let head = slow.head().await;
    assert!(answer.response().await.is_err_and(|e| e.is_reset()), "the stream ends");
    assert_eq!(outcome(&gw.record_of_request(&request_id(&head)).await), "Client");

    // A call of which nothing comes is no other request. One that has begun may pause.
    let call = || http2::request("POST", "/test.v1.Echo/Call", &[("content-type", "application/grpc"), ("te", "trailers")]);
    let (mut begun, answer) = conn.open_stream(call()).await.expect("a stream");
    begun.send_data(frame(b"one"), false).expect("sent");
    let (_silent, nothing) = conn.open_stream(call()).await.expect("a stream");
    assert!(nothing.response().await.is_err_and(|e| e.is_reset()), "the call ends");
    begun.send_data(frame(b"two"), true).expect("sent");
    let response = answer.response().await.expect("an answer");
    assert_eq!((response.status, collector.called(1).await.body), (200, [frame(b"one"), frame(b"two")].concat()));
    gw.running.stop().await;
}
