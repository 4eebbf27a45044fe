//! Connections that a balancer passes on: each begins with a header that says whose it is, before TLS and before HTTP.

mod checksum;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod header;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pingora_core::protocols::l4::socket::SocketAddr as Address;
use pingora_core::protocols::{IO, SocketDigest};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use header::{Header, Malformed, Progress, parse};

/// How often it is said that a header can't be read.
const APART: Duration = Duration::from_mins(1);

/// Why nobody knows whose connection it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It ended before it began, as those do that only look whether anybody listens.
    #[error("it said nothing")]
    Nothing,
    /// It ended within the header.
    #[error("it broke off: {0}")]
    Broken(io::Error),
    /// It begins with something else.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its header took too long.
    #[error("it took longer than limits.header_timeout")]
    Late,
}

/// Whose connection it is, when the balancer does not speak for itself. Takes the bytes of the header and none behind it.
pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin + ?Sized)) -> Result<Option<SocketAddr>, Unreadable> {
    let mut bytes = Vec::new();
    loop {
        let missing = match parse(&bytes)? {
            Progress::Whole(Header::Own) => return Ok(None),
            Progress::Whole(Header::Passed { from, .. }) => return Ok(Some(from)),
            Progress::More(missing) => missing,
        };
        let begin = bytes.len();
        bytes.resize(begin + missing, 0);
        if let Err(error) = socket.read_exact(&mut bytes[begin..]).await {
            return Err(if begin == 0 { Unreadable::Nothing } else { Unreadable::Broken(error) });
        }
    }
}

/// From now on the peer of a socket is this one, for whoever asks it.
pub(super) fn rename(socket: &mut dyn IO, peer: SocketAddr) {
    let digest = SocketDigest::from_raw_fd(socket.id());
    // Nothing was asked of it yet.
    let _ = digest.peer_addr.set(Some(Address::Inet(peer)));
    socket.set_socket_digest(digest);
}

/// Something that anybody can cause is said once a minute.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is to be said now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= APART);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What is read of a stream whose bytes come in such pieces, and what is left of it.
    async fn pieces(bytes: &[u8], size: usize) -> (Result<Option<SocketAddr>, String>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(size);
        let send = async {
            // Whoever refuses does not read to the end.
            let _ = theirs.write_all(bytes).await;
            drop(theirs);
        };
        let receive = async {
            let header = read(&mut ours).await.map_err(|e| e.to_string());
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.expect("the rest");
            (header, rest)
        };
        tokio::join!(send, receive).1
    }

    #[tokio::test]
    async fn the_header_is_taken_and_nothing_behind_it_however_it_comes() {
        let client = "192.0.2.1:56324".parse().expect("an address");
        let line = b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n".to_vec();
        let block = header::encode(Header::Passed { from: client, to: "10.0.0.1:443".parse().expect("an address") });
        let local = header::encode(Header::Own);
        for (header, wanted) in [(line, Some(client)), (block, Some(client)), (local, None)] {
            for size in [1, 2, 13, 4096] {
                let (read, rest) = pieces(&[&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat(), size).await;
                assert_eq!((read, &*rest), (Ok(wanted), &b"GET / HTTP/1.1\r\n\r\n"[..]), "{size}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_told_from_nothing_at_all() {
        assert_eq!(pieces(b"", 9).await.0, Err("it said nothing".to_owned()));
        assert_eq!(pieces(b"GET / HTTP/1.1\r\n\r\n", 9).await.0, Err("it begins with something else".to_owned()));
        let broken = pieces(b"PROXY TCP4 192.0.2.1", 9).await.0.expect_err("half a header");
        assert!(broken.starts_with("it broke off"), "{broken}");
    }

    #[test]
    fn it_is_said_once_a_minute() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        assert!(seldom.is_due(now) && !seldom.is_due(now) && !seldom.is_due(now + APART / 2));
        assert!(seldom.is_due(now + APART) && !seldom.is_due(now + APART));
    }
}
