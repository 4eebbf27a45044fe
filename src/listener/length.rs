//! The length that a client declares over HTTP/2, held against what comes.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use pingora::proxy::Session;

/// Lets nothing go on as whole that is not: the last of what was declared waits for the end of the body, because a message whose length
/// is another one than it says is none (RFC 9113 §8.1.1), and an upstream that has as much as it was promised acts on it.
#[derive(Debug, Default)]
pub(super) struct Length {
    declared: Option<usize>,
    came: usize,
    last: Option<Bytes>,
}

impl Length {
    /// What is declared of a body. Over HTTP/1.1 it is what ends the body, and nothing can come after it.
    pub(super) fn of(session: &Session) -> Self {
        let head = session.req_header();
        let declared = head.headers.get(CONTENT_LENGTH).filter(|_| session.is_http2());
        Self { declared: declared.and_then(|v| v.to_str().ok()?.parse().ok()), ..Self::default() }
    }

    /// The body comes from its start again.
    pub(super) fn restart(&mut self) {
        self.came = 0;
        self.last = None;
    }

    /// Leaves of a piece what may go on now.
    pub(super) fn pass(&mut self, piece: &mut Option<Bytes>, end: bool) {
        let Some(declared) = self.declared else { return };
        self.came = self.came.saturating_add(piece.as_ref().map_or(0, Bytes::len));
        if let Some(last) = self.last.take() {
            *piece = Some(match piece.take() {
                Some(more) if !more.is_empty() => [last, more].concat().into(),
                _ => last,
            });
        }
        if !end && self.came >= declared {
            self.last = piece.replace(Bytes::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes on of pieces, the last of which ends the body if `ends`.
    fn passed(declared: Option<usize>, pieces: &[&'static str], ends: bool) -> Vec<String> {
        let mut length = Length { declared, ..Length::default() };
        let pass = |(n, piece): (usize, &&'static str)| {
            let mut piece = (!piece.is_empty()).then(|| Bytes::from_static(piece.as_bytes()));
            length.pass(&mut piece, ends && n + 1 == pieces.len());
            String::from_utf8(piece.unwrap_or_default().to_vec()).expect("text")
        };
        pieces.iter().enumerate().map(pass).collect()
    }

    #[test]
    fn what_completes_a_body_waits_for_its_end() {
        assert_eq!(passed(Some(5), &["he", "llo"], true), ["he", "llo"]);
        assert_eq!(passed(Some(5), &["he", "llo", ""], true), ["he", "", "llo"]);
        assert_eq!(passed(Some(5), &["he", "llo"], false), ["he", ""], "it has not ended");
        assert_eq!(passed(Some(5), &["hello", "", "more"], false), ["", "", ""], "nor will it");
        assert_eq!(passed(Some(0), &[""], true), [""]);
        assert_eq!(passed(None, &["he", "llo"], false), ["he", "llo"], "nobody said how long it is");
    }

    #[test]
    fn a_body_that_is_sent_again_is_counted_anew() {
        let mut length = Length { declared: Some(5), ..Length::default() };
        let mut piece = Some(Bytes::from_static(b"hello"));
        length.pass(&mut piece, false);
        assert_eq!(piece.as_deref(), Some(&b""[..]));
        length.restart();
        let mut piece = Some(Bytes::from_static(b"hell"));
        length.pass(&mut piece, false);
        assert_eq!(piece.as_deref(), Some(&b"hell"[..]));
    }
}
