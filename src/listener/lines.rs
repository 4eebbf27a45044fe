//! The request lines of an HTTP/1 connection: characters that people send unescaped in a query are escaped before pingora
//! parses it.
//!
//! To do so one must know where a request begins, and this does not follow bodies to find out. pingora tells: it makes a
//! session before it reads a request, and only after it has read the request before to its end; and it takes no request that
//! arrived together with another (pipelining is off). So the first byte that is read for a new session is the first byte of a
//! head, and [`Begins`] marks that moment. Behind the request line bytes pass unread until the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::io::ReadBuf;

use crate::gateway::hygiene::Line;

/// Told to whoever reads a connection: the next byte begins a request.
#[derive(Debug, Default)]
pub(super) struct Begins(AtomicBool);

impl Begins {
    /// Nothing of the request has been read yet.
    pub(super) fn tell(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn take(&self) -> bool {
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

/// What is read of a connection, with its request lines escaped.
#[derive(Debug)]
pub(super) struct Lines {
    begins: Arc<Begins>,
    line: Line,
    /// What escaping left no room for: the end of a line as it is to be read, and what came behind it.
    left: Bytes,
}

impl Lines {
    pub(super) fn new(begins: Arc<Begins>) -> Self {
        Self { begins, line: Line::default(), left: Bytes::new() }
    }

    /// Gives what had no room before; says whether there was any.
    pub(super) fn hand_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.begins.take() {
            self.line = Line::begin();
            // All of the line before has been read, so that nothing of what is left was looked at yet.
            if let Some(escaped) = self.line.escape(&self.left) {
                self.left = escaped.into();
            }
        }
        let some = !self.left.is_empty();
        self.fill(buf);
        some
    }

    /// Escapes what was read, which is in `buf` behind its first `before` bytes.
    pub(super) fn pass(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        if self.line.is_past() {
            return;
        }
        if let Some(escaped) = self.line.escape(&buf.filled()[before..]) {
            buf.set_filled(before);
            self.left = escaped.into();
            self.fill(buf);
        }
    }

    fn fill(&mut self, buf: &mut ReadBuf<'_>) {
        let fitting = self.left.len().min(buf.remaining());
        buf.put_slice(&self.left.split_to(fitting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read in pieces of `room` bytes of `sent` requests, whose bytes come `cut` by `cut`.
    fn read(sent: &[&[u8]], room: usize, cut: usize) -> Vec<u8> {
        let begins = Arc::new(Begins::default());
        let (mut lines, mut read, mut place) = (Lines::new(Arc::clone(&begins)), Vec::new(), vec![0_u8; room]);
        for request in sent {
            begins.tell();
            let mut rest = *request;
            loop {
                let mut buf = ReadBuf::new(&mut place);
                if !lines.hand_on(&mut buf) {
                    let (piece, later) = rest.split_at(rest.len().min(cut).min(room));
                    if piece.is_empty() {
                        break;
                    }
                    rest = later;
                    buf.put_slice(piece);
                    lines.pass(&mut buf, 0);
                }
                read.extend_from_slice(buf.filled());
            }
        }
        read
    }

    #[test]
    fn the_query_of_each_request_is_escaped_and_nothing_else() {
        let trap = b"POST /a?b=\"<c>\" HTTP/1.1\r\nX: ?\"<>\r\nContent-Length: 30\r\n\r\n\r\nGET /?\"<> HTTP/1.1\r\n\r\n12345";
        let wanted =
            b"POST /a?b=%22%3Cc%3E%22 HTTP/1.1\r\nX: ?\"<>\r\nContent-Length: 30\r\n\r\n\r\nGET /?\"<> HTTP/1.1\r\n\r\n12345";
        let plain = b"GET / HTTP/1.1\r\n\r\n?\"";
        for (room, cut) in [(1, 1), (1, 4096), (2, 3), (3, 2), (7, 7), (16, 5), (64, 4096), (4096, 1), (4096, 4096)] {
            let read = read(&[trap, plain, trap], room, cut);
            let wanted = [&wanted[..], plain, wanted].concat();
            assert_eq!(read.escape_ascii().to_string(), wanted.escape_ascii().to_string(), "{room} {cut}");
        }
    }

    #[test]
    fn what_came_with_the_request_before_is_a_request_when_it_begins() {
        let (first, second) = (format!("GET /?{} HTTP/1.1\r\n\r\n", "\"".repeat(20)), "GET /?< HTTP/1.1\r\n\r\n");
        let (begins, both) = (Arc::new(Begins::default()), format!("{first}{second}"));
        let mut lines = Lines::new(Arc::clone(&begins));
        begins.tell();
        let mut place = vec![0_u8; both.len()];
        let mut buf = ReadBuf::new(&mut place);
        assert!(!lines.hand_on(&mut buf));
        buf.put_slice(both.as_bytes());
        lines.pass(&mut buf, 0);
        let mut read = buf.filled().to_vec();
        // A parser that takes no more than its request needs.
        let mut more = |lines: &mut Lines, bytes: usize| {
            let mut place = vec![0_u8; bytes];
            let mut buf = ReadBuf::new(&mut place);
            assert!(lines.hand_on(&mut buf));
            read.extend_from_slice(buf.filled());
        };
        more(&mut lines, first.len() + 40 - both.len());
        begins.tell();
        more(&mut lines, 100);
        let wanted = format!("{}GET /?%3C HTTP/1.1\r\n\r\n", first.replace('"', "%22"));
        assert_eq!(String::from_utf8_lossy(&read), wanted);
    }
}
