//! Escapes, byte by byte as they arrive, what people send unescaped in the query of an HTTP/1 request line: the parser behind
//! this refuses it.

use super::query;

/// Where a reader is in an HTTP/1 request line (RFC 9112 §3), from its first byte on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line(Part);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Behind the target. Nothing is looked at any more.
    #[default]
    Past,
    /// Before the method, where empty lines may be.
    Before,
    Method,
    Path,
    Query,
}

impl Line {
    /// A reader to whom the next byte begins a request.
    #[must_use]
    pub const fn begin() -> Self {
        Self(Part::Before)
    }

    /// Whether nothing more of the line is looked at.
    #[must_use]
    pub const fn is_past(self) -> bool {
        matches!(self.0, Part::Past)
    }

    /// Goes on with a piece, wherever it was cut. Gives what stands for it, where its query has bytes that must be escaped:
    /// nothing before the `?` and nothing behind the target is ever another byte than it was.
    pub fn escape(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        let (mut written, mut done) = (Vec::new(), 0);
        for (at, &byte) in piece.iter().enumerate() {
            self.0 = self.0.then(byte);
            match (self.0, query::escape_of(byte)) {
                (Part::Past, _) => break,
                (Part::Query, Some(escape)) => {
                    written.extend_from_slice(&piece[done..at]);
                    written.extend_from_slice(escape.as_bytes());
                    done = at + 1;
                }
                _ => {}
            }
        }
        if done == 0 {
            return None;
        }
        written.extend_from_slice(&piece[done..]);
        Some(written)
    }
}

impl Part {
    /// Where the reader is behind one more byte.
    const fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Before, b'\r' | b'\n') => Self::Before,
            (Self::Past, _) | (_, b'\r' | b'\n') | (Self::Before, b' ') | (Self::Path | Self::Query, b' ' | b'#') => Self::Past,
            (Self::Path, b'?') | (Self::Query, _) => Self::Query,
            (Self::Method, b' ') | (Self::Path, _) => Self::Path,
            (Self::Before | Self::Method, _) => Self::Method,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a parser reads of pieces, the first of which begins a request.
    fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let mut line = Line::begin();
        pieces.into_iter().flat_map(|piece| line.escape(piece).unwrap_or_else(|| piece.to_vec())).collect()
    }

    #[test]
    fn only_a_query_is_escaped() {
        for (sent, wanted) in [
            (
                "GET /q?query=up{job=\"x\"}>0 HTTP/1.1\r\nA: <\"\r\n\r\n",
                "GET /q?query=up{job=%22x%22}%3E0 HTTP/1.1\r\nA: <\"\r\n\r\n",
            ),
            ("\r\n\r\nGET /?a<b?\" HTTP/1.1\r\n", "\r\n\r\nGET /?a%3Cb?%22 HTTP/1.1\r\n"),
            ("GET http://h\"/?\" HTTP/1.1\r\n", "GET http://h\"/?%22 HTTP/1.1\r\n"),
            ("GET /\"<> HTTP/1.1\r\n?\"", "GET /\"<> HTTP/1.1\r\n?\""),
            ("G?\" /\" HTTP/1.1\r\n", "G?\" /\" HTTP/1.1\r\n"),
            ("GET /?a#\" HTTP/1.1\r\n", "GET /?a#\" HTTP/1.1\r\n"),
            ("GET /?\" ?\" HTTP/1.1\r\n", "GET /?%22 ?\" HTTP/1.1\r\n"),
            ("GET  /?\" HTTP/1.1\r\n", "GET  /?\" HTTP/1.1\r\n"),
            (" GET /?\" HTTP/1.1\r\n", " GET /?\" HTTP/1.1\r\n"),
            ("GET\r\n /?\"", "GET\r\n /?\""),
            ("GET /?%22 HTTP/1.1\r\n", "GET /?%22 HTTP/1.1\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&read([sent.as_bytes()])), wanted, "{sent}");
        }
    }

    #[test]
    fn what_begins_no_request_is_left_alone() {
        assert_eq!(Line::default().escape(b"GET /?\" HTTP/1.1\r\n"), None);
        let mut line = Line::begin();
        assert_eq!(line.escape(b"GET / HTTP/1.1\r\n"), None);
        assert!(line.is_past());
        assert_eq!(line.escape(b"\r\n\r\nGET /?\" HTTP/1.1\r\n"), None);
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            "GET",
            " ",
            "/",
            "?",
            "\"",
            "<",
            ">",
            "#",
            "%22",
            "a=b",
            " HTTP/1.1",
            "\r\n",
            "\n",
            "\u{e9}",
            "{",
        ]);
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(bytes in bytes(), cut in 1_usize..20) {
            prop_assert_eq!(read(bytes.chunks(cut)), read([&*bytes]));
        }

        #[test]
        fn nothing_but_three_bytes_becomes_another(bytes in bytes()) {
            let read = read([&*bytes]);
            let (mut before, mut after) = (&*bytes, &*read);
            while let Some((&byte, rest)) = before.split_first() {
                let escaped = query::escape_of(byte).map(str::as_bytes).filter(|escape| after.starts_with(escape));
                prop_assert!(escaped.is_some() || after.first() == Some(&byte));
                (before, after) = (rest, &after[escaped.map_or(1, <[u8]>::len)..]);
            }
            prop_assert!(after.is_empty());
        }
    }
}
