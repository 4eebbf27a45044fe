//! HTTP/2 frames as bytes (RFC 9113 §4.1), for what no client library would send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::JoinHandle;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const PRIORITY_UPDATE: u8 = 16;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PRIORITIZED: u8 = 32;

/// The setting that says how much may be sent on a stream that was not updated (RFC 9113 §6.5.2).
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// What a client begins with (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The fields of a request as HPACK literals that nobody remembers (RFC 7541 §6.2.2).
pub fn fields(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    fields_at("gw.test", method, path, more)
}

/// The same, of a request to another authority.
pub fn fields_at(authority: &str, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)];
    block(&[&pseudo, more].concat())
}

/// Fields as they stand, whatever they are.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(short @ ..127) => block.push(short),
        _ => {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128 + 128).expect("a byte"));
                rest /= 128;
            }
            block.push(u8::try_from(rest).expect("a byte"));
        }
    }
    block.extend(text.as_bytes());
}

/// How a connection ended that was flooded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this reason (RFC 9113 §7).
    Goaway(u32),
    /// Without a word.
    Closed,
    /// Not at all: everything was taken.
    Open,
}

/// A connection whose answers are read and thrown away.
pub struct Flood {
    write: tokio::net::tcp::OwnedWriteHalf,
    reader: JoinHandle<Ended>,
}

impl Flood {
    /// Opens a connection with these settings, each a name and a value (RFC 9113 §6.5.1).
    pub async fn open(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        Self::open_from(Ipv4Addr::LOCALHOST.into(), to, settings).await
    }

    /// From another address of this machine than usual.
    pub async fn open_from(from: IpAddr, to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
        let stream = socket.connect(to).await.expect("the gateway accepts");
        let (read, mut write) = stream.into_split();
        let payload: Vec<u8> = settings.iter().flat_map(|(id, v)| [&id.to_be_bytes()[..], &v.to_be_bytes()].concat()).collect();
        write.write_all(PREFACE).await.expect("a preface");
        write.write_all(&frame(SETTINGS, 0, 0, &payload)).await.expect("settings");
        Self { write, reader: tokio::spawn(ends(read)) }
    }

    /// Sends what `frames` makes of 0, 1, … until the other side has enough.
    pub async fn send(&mut self, times: u32, frames: impl Fn(u32) -> Vec<u8>) {
        for batch in 0..times.div_ceil(64) {
            let bytes: Vec<u8> = (batch * 64..times.min(batch * 64 + 64)).flat_map(&frames).collect();
            if self.reader.is_finished() || self.write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }

    /// Waits until the other side has read everything (it answers a `PING`), or has ended the connection.
    pub async fn ended(mut self) -> Ended {
        let _ = self.write.write_all(&frame(PING, 0, 0, b"allread.")).await;
        let ended = tokio::time::timeout(Duration::from_secs(60), self.reader).await;
        ended.expect("an answer or an end").expect("a reader")
    }

    /// Waits until the other side has ended the connection, without a word.
    pub async fn over(self) -> Ended {
        let ended = tokio::time::timeout(Duration::from_secs(120), self.reader).await;
        ended.expect("an end").expect("a reader")
    }
}

async fn ends(mut read: OwnedReadHalf) -> Ended {
    let mut head = [0; 9];
    loop {
        if read.read_exact(&mut head).await.is_err() {
            return Ended::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        if read.read_exact(&mut payload).await.is_err() {
            return Ended::Closed;
        }
        match (head[3], &payload[..]) {
            (GOAWAY, [_, _, _, _, a, b, c, d, ..]) => return Ended::Goaway(u32::from_be_bytes([*a, *b, *c, *d])),
            (PING, b"allread.") => return Ended::Open,
            _ => {}
        }
    }
}
