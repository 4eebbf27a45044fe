//! Upstreams whose answers are not what they should be: what clients see of it, and that nothing of one answer is taken for the next.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::harness::api::OPEN;
use crate::harness::http1::{self, Request};
use crate::harness::http2::{self, data};
use crate::harness::{Api, Gateway, Setup, within};

/// A method, what is asked for, what is answered to it, and what a client is given: a status and a body.
type Row = (&'static str, &'static str, &'static str, (u16, &'static str));

const ROWS: [Row; 15] = [
    (
        "GET",
        "hints",
        "HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        (200, "ok"),
    ),
    ("GET", "processing", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, "ok")),
    ("GET", "continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, "ok")),
    ("HEAD", "hinted", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", (200, "")),
    ("GET", "switching", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nleft", (502, "")),
    ("HEAD", "head", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nleft", (200, "")),
    ("HEAD", "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nleft\r\n0\r\nx: y\r\n\r\n", (200, "")),
    ("GET", "nothing", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nleft", (204, "")),
    ("GET", "no-chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n", (204, "")),
    ("GET", "unmodified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nleft", (304, "")),
    (
        "GET",
        "trailers",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
        (200, "ok"),
    ),
    ("GET", "longer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokleft", (200, "ok")),
    (
        "GET",
        "both",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        (200, "ok"),
    ),
    ("GET", "lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 6\r\n\r\nokleft", (502, "")),
    ("GET", "none", "HTTP/1.1 103 Early Hints\r\n\r\nnonsense\r\n\r\n", (502, "")),
];

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// Answers each request with the bytes of its row, and goes on with the connection.
async fn talk(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head: Vec<u8> = read.drain(..end + 4).collect();
        let target = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
        let row = ROWS.iter().find(|(_, name, ..)| target == format!("/{name}"));
        stream.write_all(row.map_or(FINE, |(_, _, answer, _)| answer).as_bytes()).await?;
    }
}

/// The same over HTTP/2: bodies and trailers where no body can be.
async fn speak(stream: TcpStream) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (status, body) = match request.uri().path() {
            "/nothing" => (204, "left"),
            "/unmodified" => (304, "left"),
            "/head" => (200, "left"),
            _ => (200, "fine"),
        };
        let head = http::Response::builder().status(status).body(()).expect("a response");
        let mut send = respond.send_response(head, false)?;
        let _ = send.send_data(Bytes::from_static(body.as_bytes()), false);
        let mut trailers = HeaderMap::new();
        trailers.insert("set-cookie", "a=b".parse().expect("a value"));
        let _ = send.send_trailers(trailers);
    }
    Ok(())
}

async fn upstream(http2: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if http2 {
                tokio::spawn(speak(stream));
            } else {
                tokio::spawn(talk(stream));
            }
        }
    });
    address
}

async fn start() -> Gateway {
    let mut more = String::new();
    for (name, protocol) in [("old", "http1"), ("new", "http2")] {
        let address = upstream(protocol == "http2").await;
        more += &format!(
            "[[upstreams]]\nname = \"{name}\"\nendpoints = [\"http://{address}\"]\nprotocol = \"{protocol}\"\n\
             ejection = {{ failures = 0 }}\n\
             [[apis]]\nname = \"{name}\"\nmount = \"/{name}\"\nupstream = \"{name}\"\n\
             [[apis.routes]]\nid = \"{name}.any\"\nmatch = \"/**\"\nmethods = [\"GET\", \"HEAD\"]\npublic = true\n"
        );
    }
    Gateway::start_with(Setup { more, ..Setup::default() }).await
}

/// An upstream that is asked whatever it did before.
const UNEJECTED: &str = "ejection = { failures = 0 }";

/// Nothing whole.
const CUT: (u16, String, Option<String>) = (0, String::new(), None);

/// What a client of HTTP/1.1 is given on a connection of its own.
async fn old(gw: &Gateway, method: &str, target: &str) -> (u16, String, Option<String>) {
    let mut conn = http1::Conn::open(gw.running.public).await;
    conn.send(&Request::new(method, target).header("Connection", "close").bytes()).await;
    let Some(head) = within(&format!("a head of {target}"), conn.head()).await else { return CUT };
    let cookie = head.header("set-cookie").map(str::to_owned);
    if method == "HEAD" {
        assert!(conn.closed().await, "{target}: a body for HEAD");
        return (head.status, String::new(), cookie);
    }
    let mut conn = http1::Conn::open(gw.running.public).await;
    conn.send(&Request::new(method, target).header("Connection", "close").bytes()).await;
    let Some(response) = within("a response", conn.try_response()).await else { return CUT };
    (response.status, response.text(), cookie)
}

/// The same over HTTP/2.
async fn new(gw: &Gateway, method: &str, target: &str) -> (u16, String, Option<String>) {
    let mut conn = http2::Conn::open(gw.running.public).await;
    let Ok((head, mut body)) = conn.start(http2::request(method, target, &[]), None).await else { return CUT };
    let mut read = Vec::new();
    while let Some(piece) = data(&mut body).await {
        let Ok(piece) = piece else { break };
        read.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.ok().flatten().unwrap_or_default();
    let cookie = head.header("set-cookie").map(str::to_owned).or_else(|| trailers.contains_key("set-cookie").then(String::new));
    (head.status, String::from_utf8_lossy(&read).into_owned(), cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_answer_is_taken_for_the_next() {
    let gw = start().await;
    for (method, name, _, (status, body)) in ROWS {
        let target = format!("/old/{name}");
        for given in [old(&gw, method, &target).await, new(&gw, method, &target).await] {
            assert_eq!((given.0, &given.2), (status, &None), "{name}: {given:?}");
            assert!(status == 502 || given.1 == body, "{name}: {}", given.1);
            for after in [old(&gw, "GET", "/old/after").await, new(&gw, "GET", "/old/after").await] {
                assert_eq!((after.0, after.1.as_str()), (200, "fine"), "after {name}");
            }
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_have_no_body_has_none_over_http2() {
    let gw = start().await;
    for (method, name, status) in [("HEAD", "head", 200), ("GET", "nothing", 204), ("GET", "unmodified", 304)] {
        let target = format!("/new/{name}");
        for given in [old(&gw, method, &target).await, new(&gw, method, &target).await] {
            let broken = given.0 == 502;
            assert!(broken || (given.0, given.1.as_str()) == (status, ""), "{name}: {given:?}");
            assert_eq!(given.2, None, "{name}");
            for after in [old(&gw, "GET", "/new/after").await, new(&gw, "GET", "/new/after").await] {
                assert_eq!((after.0, after.1.as_str()), (200, "fine"), "after {name}");
            }
        }
    }
    gw.running.stop().await;
}

/// Says the same hint again and again and never answers; tells when the other side has had enough of a connection.
async fn hinting(hint: String) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (tell, closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (hint, tell) = (hint.clone(), tell.clone());
            tokio::spawn(async move {
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n") && stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {}
                while stream.write_all(hint.as_bytes()).await.is_ok() {}
                let _ = tell.send(());
            });
        }
    });
    (address, closed)
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_without_end_end_their_connection() {
    let long = format!("HTTP/1.1 103 Early Hints\r\nLink: </{}>; rel=preload\r\n\r\n", "x".repeat(8 * 1024));
    for hint in ["HTTP/1.1 102 Processing\r\n\r\n".to_owned(), "HTTP/1.1 100 Continue\r\n\r\n".to_owned(), long] {
        let (address, mut closed) = hinting(hint.clone()).await;
        let gw = Gateway::start_with(Api::named("endless").at(address, UNEJECTED).route("any", "GET", "/**", OPEN).into()).await;
        for given in [old(&gw, "GET", "/endless/x").await, new(&gw, "GET", "/endless/x").await] {
            assert_eq!((given.0, given.1.contains("upstream_broken")), (502, true), "{hint:.40}: {given:?}");
        }
        for _ in 0..2 {
            within("the end of the connection to the upstream", closed.recv()).await.expect("it is told");
        }
        gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_hints_as_services_send_end_nothing() {
    let answer = format!("{}{FINE}", "HTTP/1.1 102 Processing\r\n\r\n".repeat(100));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") && stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {}
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let gw = Gateway::start_with(Api::named("busy").at(address, UNEJECTED).route("any", "GET", "/**", OPEN).into()).await;
    for given in [old(&gw, "GET", "/busy/x").await, new(&gw, "GET", "/busy/x").await] {
        assert_eq!((given.0, given.1.as_str()), (200, "fine"));
    }
    gw.running.stop().await;
}

/// Hints come before anybody has looked at the answer: of them links alone go on, as those of answers do.
#[tokio::test(flavor = "multi_thread")]
async fn hints_have_links_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let hints = format!(
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload, <http://{address}/b>; rel=next\r\nSet-Cookie: a=b\r\n\
                 Location: http://{address}/\r\nX-Inner: 1\r\n\r\n{FINE}"
            );
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") && stream.read_buf(&mut read).await.is_ok_and(|n| n > 0) {}
            let _ = stream.write_all(hints.as_bytes()).await;
        }
    });
    let more = format!(
        "[[upstreams]]\nname = \"hinting\"\nendpoints = [\"http://{address}\"]\n\
         [[apis]]\nname = \"hinting\"\nmount = \"/hinting\"\nupstream = \"hinting\"\n\
         [[apis.routes]]\nid = \"hinting.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\npublic = true\n"
    );
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    for (version, hinted) in [("1.1", true), ("1.0", false)] {
        let mut stream = TcpStream::connect(gw.running.public).await.expect("the gateway accepts");
        let request = format!("GET /hinting/x HTTP/{version}\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let mut read = Vec::new();
        within("an answer", stream.read_to_end(&mut read)).await.expect("an end");
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let (first, rest) = text.split_once("\r\n\r\n").expect("a head");
        let hints = "link: </hinting/a.css>; rel=preload, <https://gw.test/hinting/b>; rel=next";
        assert_eq!(first.contains(" 103 ") && first.contains(hints), hinted, "{text}");
        for inner in ["set-cookie", "location", "x-inner"] {
            assert!(!text.contains(inner), "{text}");
        }
        assert!(rest.ends_with("fine"), "{text}");
    }
    gw.running.stop().await;
}
