//! What attacks send, byte by byte.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;

use super::{PIECE, SECOND, Tally, Targets};
use frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, PREFACE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, fields_at, frame,
};

#[expect(dead_code, reason = "only the frames are used here, not the tests' way to send them")]
#[path = "../../../tests/it/harness/frames.rs"]
mod frames;

/// Streams of one connection that are reset: more than any gate takes.
const STREAMS: u32 = 20_000;
/// Answers that are asked for on one connection.
const ANSWERS: u32 = 100;
/// Why (RFC 9113 §7).
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();

/// What one connection sends.
pub(super) struct Script {
    /// First, and once.
    pub(super) begin: Vec<u8>,
    /// Then this, again and again, where it is not empty.
    again: Vec<u8>,
}

impl Script {
    fn shared(begin: Vec<u8>, again: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { begin, again })
    }

    pub(super) async fn pour(&self, write: &mut OwnedWriteHalf, tally: &Tally) -> io::Result<()> {
        for piece in self.begin.chunks(PIECE) {
            write.write_all(piece).await?;
            count(tally, piece.len());
        }
        while !self.again.is_empty() {
            write.write_all(&self.again).await?;
            count(tally, self.again.len());
        }
        Ok(())
    }

    pub(super) async fn trickle(&self, write: &mut OwnedWriteHalf, tally: &Tally) -> io::Result<()> {
        write.write_all(&self.begin).await?;
        for byte in self.again.iter().cycle() {
            tokio::time::sleep(SECOND).await;
            write.write_all(&[*byte]).await?;
            count(tally, 1);
        }
        Ok(())
    }
}

/// TLS handshakes that are not begun, or of which the first bytes come (RFC 8446 §5.1) and no more.
pub(super) fn silent_handshakes() -> [Arc<Script>; 2] {
    [Vec::new(), vec![22, 3, 1, 2, 0, 1, 0, 1, 252]].map(|begin| Script::shared(begin, Vec::new()))
}

fn count(tally: &Tally, bytes: usize) {
    tally.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

/// As many of these as fit into one piece.
fn many(one: &[u8]) -> Vec<u8> {
    one.repeat((PIECE / one.len()).max(1))
}

fn http2(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frames.concat()].concat()
}

/// A request with a token.
pub(super) fn get(targets: &Targets, path: &str) -> Script {
    get_with(targets, &targets.token, path)
}

/// A request with that token.
pub(super) fn get_with(targets: &Targets, token: &str, path: &str) -> Script {
    let address = targets.address;
    let text = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    Script { begin: text.into_bytes(), again: Vec::new() }
}

/// A request without one.
pub(super) fn plain(targets: &Targets) -> Script {
    let text = format!("GET /bench/q HTTP/1.1\r\nHost: {}\r\n\r\n", targets.address);
    Script { begin: text.into_bytes(), again: Vec::new() }
}

/// Streams that their client resets, and streams that it makes the gate reset: a window of no bytes is a fault.
pub(super) fn resets(targets: &Targets) -> [Arc<Script>; 2] {
    let block = fields_at(&targets.address.to_string(), "GET", "/open/x", &[]);
    [(END_STREAM, RST_STREAM, CANCEL), (0, WINDOW_UPDATE, [0; 4])].map(|(end, kind, payload)| {
        let stream = |i: u32| [frame(HEADERS, END_HEADERS | end, i, &block), frame(kind, 0, i, &payload)].concat();
        let streams: Vec<_> = (0..STREAMS).map(|i| stream(2 * i + 1)).collect();
        Script::shared(http2(&streams), Vec::new())
    })
}

/// Heads that go on and on, with fields or without, bodies without bytes, and questions without end.
pub(super) fn frames(targets: &Targets) -> [Arc<Script>; 4] {
    let authority = targets.address.to_string();
    let head = |method: &str, flags: u8| frame(HEADERS, flags, 1, &fields_at(&authority, method, "/open/x", &[]));
    let long = "y".repeat(8000);
    let pseudo = fields_at(&authority, "GET", "/", &[]).len();
    let more = &fields_at(&authority, "GET", "/", &[("x-more", &long)])[pseudo..];
    let endless = |again: Vec<u8>| Script::shared(http2(&[head("GET", END_STREAM)]), again);
    let asking = [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, &[])].concat();
    [
        endless(many(&frame(CONTINUATION, 0, 1, more))),
        endless(many(&frame(CONTINUATION, 0, 1, &[]))),
        Script::shared(http2(&[head("POST", END_HEADERS)]), many(&frame(DATA, 0, 1, &[]))),
        Script::shared(http2(&[]), many(&asking)),
    ]
}

/// Answers without end, all at once, for which there is room for one byte at a time (RFC 9113 §6.5.2, §6.9).
pub(super) fn windows(targets: &Targets) -> Arc<Script> {
    let bearer = format!("Bearer {}", targets.token);
    let block = fields_at(&targets.address.to_string(), "GET", "/hose/x", &[("authorization", &bearer)]);
    let settings = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &1_u32.to_be_bytes()].concat();
    let of_all = |one: &dyn Fn(u32) -> Vec<u8>| (0..ANSWERS).flat_map(|i| one(2 * i + 1)).collect::<Vec<u8>>();
    let ask = of_all(&|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
    let more = of_all(&|stream| frame(WINDOW_UPDATE, 0, stream, &1_u32.to_be_bytes()));
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &settings), &ask].concat();
    Script::shared(begin, [frame(WINDOW_UPDATE, 0, 0, &ANSWERS.to_be_bytes()), more].concat())
}

/// Heads, bodies that go on to an upstream, and messages that are read to be judged.
pub(super) fn slow(targets: &Targets) -> [Arc<Script>; 4] {
    let Targets { address, token, .. } = targets;
    let head = format!("GET /bench/q HTTP/1.1\r\nHost: {address}\r\nX-Slow: ");
    let body = format!("POST /open/x HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n");
    let message = format!(
        "POST /mcp/bench HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Length: 100000\r\n\r\n"
    );
    let slow = |begin: &str| Script::shared(begin.into(), b"a".to_vec());
    [slow(&head), slow(&body), slow(&head), slow(&message)]
}
