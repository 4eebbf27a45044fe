//! Where frames begin and end (RFC 9113 §4.1), and no more of what they say than that takes.

/// What a client begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const PADDED: u8 = 8;
/// The most that padding takes: its length and itself.
const PADDING: u32 = 256;

/// The head of every frame.
const HEAD: usize = 9;
/// Bytes of a payload that are read: the reason in a `GOAWAY` ends here.
const READ: usize = 8;

/// One frame, as far as anybody here asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Fields of a request or an answer.
    Headers,
    /// Bytes of a body.
    Body,
    /// Bytes of a body of which there are none.
    EmptyBody,
    /// Anything else that is about the connection itself.
    Control,
    /// A stream ends for this reason.
    Reset(u32),
    /// The connection ends for this reason (RFC 9113 §7).
    Goaway(u32),
}

/// The frames of one direction of a connection, whose bytes come in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    payload: [u8; READ],
    /// Bytes of the head that have come.
    known: usize,
    /// Bytes of the payload that have come.
    passed: u32,
}

impl Frames {
    /// Tells the frames whose last byte is in this piece.
    pub(super) fn follow(&mut self, mut piece: &[u8], mut tell: impl FnMut(Frame)) {
        while !piece.is_empty() {
            if self.known < HEAD {
                let taken = piece.len().min(HEAD - self.known);
                self.head[self.known..self.known + taken].copy_from_slice(&piece[..taken]);
                self.known += taken;
                piece = &piece[taken..];
            }
            if self.known == HEAD {
                piece = self.pass(piece);
                if self.passed == self.length() {
                    tell(self.frame());
                    *self = Self::default();
                }
            }
        }
    }

    /// Whether the next byte begins a frame.
    pub(super) const fn is_between(&self) -> bool {
        self.known == 0
    }

    fn pass<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let left = usize::try_from(self.length() - self.passed).unwrap_or(usize::MAX);
        let (taken, rest) = piece.split_at(piece.len().min(left));
        let from = usize::try_from(self.passed).map_or(READ, |passed| passed.min(READ));
        for (kept, byte) in self.payload[from..].iter_mut().zip(taken) {
            *kept = *byte;
        }
        self.passed += u32::try_from(taken.len()).unwrap_or(0);
        rest
    }

    const fn length(&self) -> u32 {
        u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]])
    }

    const fn frame(&self) -> Frame {
        let first = [self.payload[0], self.payload[1], self.payload[2], self.payload[3]];
        let second = [self.payload[4], self.payload[5], self.payload[6], self.payload[7]];
        match self.head[3] {
            DATA if self.length() == 0 || (self.head[4] & PADDED != 0 && self.length() <= PADDING) => Frame::EmptyBody,
            DATA => Frame::Body,
            HEADERS => Frame::Headers,
            RST_STREAM => Frame::Reset(u32::from_be_bytes(first)),
            GOAWAY => Frame::Goaway(u32::from_be_bytes(second)),
            _ => Frame::Control,
        }
    }
}

/// Whether a connection speaks HTTP/2, which its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// So many bytes of the preface have come, and nothing else.
    Unknown(usize),
    /// HTTP/2.
    Http2,
    /// Something else.
    Other,
}

impl Speaks {
    pub(super) const NOTHING: Self = Self::Unknown(0);

    /// Goes on with what has come; gives back what comes after the preface.
    pub(super) fn hear(self, piece: &[u8]) -> (Self, &[u8]) {
        let Self::Unknown(known) = self else { return (self, piece) };
        let (heard, rest) = piece.split_at(piece.len().min(PREFACE.len() - known));
        let known = known + heard.len();
        match PREFACE[..known].ends_with(heard) {
            true if known == PREFACE.len() => (Self::Http2, rest),
            true => (Self::Unknown(known), rest),
            false => (Self::Other, rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn followed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<Frame>, bool) {
        let (mut frames, mut told) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.follow(piece, |frame| told.push(frame));
        }
        (told, frames.is_between())
    }

    #[test]
    fn frames_are_told_by_what_they_carry() {
        let cases: [(u8, u8, &[u8], Frame); 12] = [
            (DATA, 0, b"x", Frame::Body),
            (DATA, 1, b"", Frame::EmptyBody),
            (DATA, PADDED, &[0], Frame::EmptyBody),
            (DATA, PADDED, &[9; 256], Frame::EmptyBody),
            (DATA, PADDED, &[9; 257], Frame::Body),
            (HEADERS, 0, b"", Frame::Headers),
            (6, 0, b"12345678", Frame::Control),
            (9, 0, &[7; 2_000], Frame::Control),
            (200, 255, b"unknown", Frame::Control),
            (GOAWAY, 0, &[0, 0, 0, 1, 0, 0, 0, 11, 1, 2, 3], Frame::Goaway(11)),
            (RST_STREAM, 0, &[0, 0, 0, 1], Frame::Reset(1)),
            (GOAWAY, 0, &[0, 0], Frame::Goaway(0)),
        ];
        for (kind, flags, payload, wanted) in cases {
            assert_eq!(followed([&*frame(kind, flags, payload)]), (vec![wanted], true), "{kind} {flags}");
        }
        let begun = &frame(DATA, 0, b"abc")[..11];
        assert_eq!(followed([begun]), (vec![], false));
    }

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        let whole = [PREFACE, b"rest"].concat();
        assert_eq!(Speaks::NOTHING.hear(&whole), (Speaks::Http2, &b"rest"[..]));
        assert_eq!(Speaks::NOTHING.hear(b"GET / HTTP/1.1").0, Speaks::Other);
        assert_eq!(Speaks::NOTHING.hear(b"PRI").0, Speaks::Unknown(3));
        assert_eq!(Speaks::Unknown(3).hear(b"VATE / HTTP/1.1").0, Speaks::Other);
        assert_eq!(Speaks::Unknown(23).hear(b"\nx"), (Speaks::Http2, &b"x"[..]));
        assert_eq!(Speaks::Other.hear(PREFACE).0, Speaks::Other);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(
            frames in proptest::collection::vec((any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..20),
            cut in 1_usize..50,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, payload)).collect();
            let whole = followed([&*bytes]);
            prop_assert_eq!(whole.0.len(), frames.len());
            prop_assert_eq!(whole, followed(bytes.chunks(cut)));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), cut in 1_usize..100) {
            prop_assert_eq!(followed([&*bytes]), followed(bytes.chunks(cut)));
        }
    }
}
