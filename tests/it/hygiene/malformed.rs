//! HTTP/2 requests that no client library sends: malformed ones (RFC 9113 §8.1.1) end their stream, and nobody behind hears of them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, block, frame};
use crate::harness::{Gateway, within};

type Field = (&'static str, &'static str);

const METHOD: Field = (":method", "GET");
const SCHEME: Field = (":scheme", "http");
const AUTHORITY: Field = (":authority", "gw.test");
const PATH: Field = (":path", "/open/a");

/// `:status: 200`, as the first field of an answer (RFC 7541 appendix A).
const OK: u8 = 0x88;

/// How a stream went on.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// With 200.
    Served,
    /// With another status.
    Answered,
    Reset,
    Goaway,
    Closed,
}

/// Sends one request on a connection of its own and waits for the first that is said of it.
async fn sent(to: SocketAddr, fields: &[Field]) -> Outcome {
    let mut stream = TcpStream::connect(to).await.expect("the gateway accepts");
    let head = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(fields));
    let bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &head, &frame(PING, 0, 0, b"whatever")].concat();
    stream.write_all(&bytes).await.expect("it is taken");
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Outcome::Closed;
        }
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).expect("a length");
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.expect("a whole frame");
        match head[3] {
            HEADERS if payload.first() == Some(&OK) => return Outcome::Served,
            HEADERS => return Outcome::Answered,
            RST_STREAM => return Outcome::Reset,
            GOAWAY => return Outcome::Goaway,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_ends_its_stream_unheard() {
    let gw = Gateway::start().await;
    let sound = [METHOD, SCHEME, AUTHORITY, PATH];
    assert_eq!(within("an answer", sent(gw.running.public, &sound)).await, Outcome::Served);
    assert_eq!(gw.upstream.count(), 1, "what is sound arrives");
    let with = |field: Field| [&sound[..], &[field]].concat();
    let rows: Vec<(&str, Vec<Field>)> = vec![
        ("no method", vec![SCHEME, AUTHORITY, PATH]),
        ("no path", vec![METHOD, SCHEME, AUTHORITY]),
        ("no scheme", vec![METHOD, AUTHORITY, PATH]),
        ("an empty path", vec![METHOD, SCHEME, AUTHORITY, (":path", "")]),
        ("a path that is none", vec![METHOD, SCHEME, AUTHORITY, (":path", "open/a")]),
        ("two methods", with(METHOD)),
        ("two paths", with((":path", "/open/b"))),
        ("two authorities", with((":authority", "evil.test"))),
        ("two schemes", with((":scheme", "https"))),
        ("an unknown pseudo-header", vec![METHOD, SCHEME, AUTHORITY, PATH, (":wrong", "1")]),
        ("a pseudo-header of answers", vec![METHOD, SCHEME, AUTHORITY, PATH, (":status", "200")]),
        ("a pseudo-header behind a field", vec![METHOD, SCHEME, AUTHORITY, ("a", "b"), PATH]),
        ("a name in upper case", with(("X-Scope-OrgID", "1"))),
        ("an empty name", with(("", "1"))),
        ("a name with a space", with(("a b", "1"))),
        ("a line end in a value", with(("a", "b\r\nx-scope-orgid: 1"))),
        ("a line feed in a path", vec![METHOD, SCHEME, AUTHORITY, (":path", "/open/a\nb")]),
        ("a zero byte in a value", with(("a", "b\0c"))),
        ("connection", with(("connection", "close"))),
        ("keep-alive", with(("keep-alive", "timeout=5"))),
        ("proxy-connection", with(("proxy-connection", "close"))),
        ("transfer-encoding", with(("transfer-encoding", "chunked"))),
        ("upgrade", with(("upgrade", "websocket"))),
        ("te of something else", with(("te", "gzip"))),
    ];
    for (name, fields) in rows {
        let outcome = within(name, sent(gw.running.public, &fields)).await;
        let refused = match outcome {
            Outcome::Served => false,
            Outcome::Answered => name == "a path that is none",
            Outcome::Reset | Outcome::Goaway | Outcome::Closed => true,
        };
        assert!(refused, "{name}: {outcome:?}");
        assert_eq!(gw.upstream.count(), 1, "{name}: nobody heard of it");
    }
    gw.running.stop().await;
}

/// Whoever names somebody in the authority names no host of ours.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_with_a_user_is_nobodys() {
    let gw = Gateway::start().await;
    for authority in ["user@gw.test", "gw.test:443@evil.test", "evil.test", "gw.test/", "gw.test?"] {
        let fields = [METHOD, SCHEME, (":authority", authority), PATH];
        let outcome = within(authority, sent(gw.running.public, &fields)).await;
        assert_ne!(outcome, Outcome::Served, "{authority}");
        assert_eq!(gw.upstream.count(), 0, "{authority}");
    }
    gw.running.stop().await;
}
