//! HTTP/2 requests that no client library sends: malformed ones (RFC 9113 §8.1.1) end their stream, and nobody behind hears of them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, block, frame};
use crate::harness::http1::{Request, ask};
use crate::harness::{Gateway, within};

type Field = (&'static str, &'static str);

const METHOD: Field = (":method", "GET");
const SCHEME: Field = (":scheme", "http");
const AUTHORITY: Field = (":authority", "gw.test");
const PATH: Field = (":path", "/open/a");

/// How a stream went on.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// With this status.
    Answered(u16),
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
            HEADERS => return Outcome::Answered(status(&payload)),
            RST_STREAM => return Outcome::Reset,
            GOAWAY => return Outcome::Goaway,
            _ => {}
        }
    }
}

/// `:status`, which is the first field of an answer: one of those with a number of their own (RFC 7541 appendix A), or a text.
fn status(block: &[u8]) -> u16 {
    let known = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [first @ 0x88..=0x8e, ..] => known[usize::from(first - 0x88)],
        // A text under the name of entry 8, remembered or not.
        [0x48 | 0x08 | 0x18, length, rest @ ..] => {
            let text = &rest[..usize::from(length & 0x7f)];
            let digits = if length & 0x80 == 0 { String::from_utf8_lossy(text).into_owned() } else { digits(text) };
            digits.parse().unwrap_or_else(|_| panic!("a status: {digits}"))
        }
        _ => panic!("an answer that does not begin with its status: {block:?}"),
    }
}

/// Digits in the code of RFC 7541 appendix B: 0 to 2 in five bits, the others in six, then ones to the end of the byte.
fn digits(coded: &[u8]) -> String {
    let bits: Vec<u32> = coded.iter().flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1))).collect();
    let number = |bits: &[u32]| bits.iter().fold(0, |number, bit| number * 2 + bit);
    let (mut rest, mut digits) = (&bits[..], String::new());
    while rest.len() >= 5 {
        let (length, digit) = match number(&rest[..5]) {
            short @ 0..=2 => (5, short),
            _ if rest.len() < 6 => break,
            _ => match number(&rest[..6]) {
                long @ 0b01_1001..=0b01_1111 => (6, long - 0b01_1001 + 3),
                _ => break,
            },
        };
        digits += &digit.to_string();
        rest = &rest[length..];
    }
    digits
}

#[test]
fn a_status_is_read_however_it_is_written() {
    for (block, wanted) in [
        (&[0x88, 0][..], 200),
        (&[0x8c, 0], 400),
        (&[0x48, 3, b'4', b'2', b'1'], 421),
        // 421 in sixteen bits: 011010 00010 00001 and nothing left.
        (&[0x48, 0x82, 0b0110_1000, 0b0100_0001], 421),
        // 431: 011010 011001 00001, and seven ones.
        (&[0x48, 0x83, 0b0110_1001, 0b1001_0000, 0b1111_1111], 431),
    ] {
        assert_eq!(status(block), wanted, "{block:x?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_ends_its_stream_unheard() {
    let gw = Gateway::start().await;
    let sound = [METHOD, SCHEME, AUTHORITY, PATH];
    assert_eq!(within("an answer", sent(gw.running.public, &sound)).await, Outcome::Answered(200));
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
        // What HTTP/1 passes on escaped its library does not read here, and nobody gets to see it.
        ("a quote in a query", vec![METHOD, SCHEME, AUTHORITY, (":path", "/open/a?query=up{job=\"x\"}")]),
        ("a greater-than in a query", vec![METHOD, SCHEME, AUTHORITY, (":path", "/open/a?query=up>0")]),
        ("a less-than in a query", vec![METHOD, SCHEME, AUTHORITY, (":path", "/open/a?query=up<0")]),
        ("a zero byte in a value", with(("a", "b\0c"))),
        ("connection", with(("connection", "close"))),
        ("keep-alive", with(("keep-alive", "timeout=5"))),
        ("proxy-connection", with(("proxy-connection", "close"))),
        ("transfer-encoding", with(("transfer-encoding", "chunked"))),
        ("upgrade", with(("upgrade", "websocket"))),
        ("te of something else", with(("te", "gzip"))),
    ];
    let mut resets = 0;
    for (name, fields) in rows {
        let outcome = within(name, sent(gw.running.public, &fields)).await;
        resets += u32::from(outcome == Outcome::Reset);
        assert!(outcome == Outcome::Reset || !name.ends_with("in a query"), "{name}: {outcome:?}");
        let refused = match outcome {
            Outcome::Answered(status) => status == 400 && name == "a path that is none",
            Outcome::Reset | Outcome::Goaway | Outcome::Closed => true,
        };
        assert!(refused, "{name}: {outcome:?}");
        assert_eq!(gw.upstream.count(), 1, "{name}: nobody heard of it");
    }
    // No record tells of them, so that a number does.
    let counted = format!("tollgate_streams_malformed_total {resets}\n");
    within("the count", async {
        while !ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text().contains(&counted) {}
    })
    .await;
    gw.running.stop().await;
}

/// Whoever names somebody in the authority names no host of ours.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_with_a_user_is_nobodys() {
    let gw = Gateway::start().await;
    for authority in ["user@gw.test", "gw.test:443@evil.test", "evil.test", "gw.test/", "gw.test?"] {
        let fields = [METHOD, SCHEME, (":authority", authority), PATH];
        let outcome = within(authority, sent(gw.running.public, &fields)).await;
        let refused = match outcome {
            // What names no host, and what is no host of ours (RFC 9110 §15.5.20).
            Outcome::Answered(status) => matches!(status, 400 | 421),
            Outcome::Reset | Outcome::Goaway | Outcome::Closed => true,
        };
        assert!(refused, "{authority}: {outcome:?}");
        assert_eq!(gw.upstream.count(), 0, "{authority}");
    }
    gw.running.stop().await;
}
