//! What comes before an answer: how much of it there may be.

use http::header::{HeaderName, HeaderValue};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};

/// How many hints may come before an answer. A service that says every few seconds that it is at work does so for minutes.
const MOST: u32 = 100;
/// Bytes of all of them.
const MOST_BYTES: usize = 64 * 1024;
/// Bytes of a status line, and of what surrounds a field.
const STATUS_LINE: usize = 32;
const AROUND: usize = 4;

/// The hints of one try. Each begins the wait for the next byte anew, so that nothing else ends an upstream that sends them without
/// end.
#[derive(Debug, Default)]
pub(super) struct Hints {
    came: u32,
    bytes: usize,
}

impl Hints {
    /// Counts one more, as it came.
    ///
    /// # Errors
    /// When there were too many, or they were too long: the upstream's connection ends with it.
    pub(super) fn count(&mut self, head: &ResponseHeader) -> Result<()> {
        let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + AROUND;
        self.came = self.came.saturating_add(1);
        self.bytes = self.bytes.saturating_add(STATUS_LINE + head.headers.iter().map(field).sum::<usize>());
        if self.came > MOST || self.bytes > MOST_BYTES {
            let why = format!("{} hints of {} bytes and no answer", self.came, self.bytes);
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, why).into_up());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(link: usize) -> ResponseHeader {
        let mut head = ResponseHeader::build(103_u16, None).expect("a head");
        head.insert_header("Link", "x".repeat(link)).expect("a header");
        head
    }

    /// How many of them may come.
    fn taken(link: usize) -> usize {
        let (mut hints, head) = (Hints::default(), hint(link));
        (0..1_000).take_while(|_| hints.count(&head).is_ok()).count()
    }

    #[test]
    fn only_so_many_come_and_only_so_long_ones() {
        assert_eq!(taken(0), 100);
        assert_eq!(taken(60_000), 1);
        assert_eq!(taken(70_000), 0);
        let each = 8 * 1024 - STATUS_LINE - AROUND - "link".len();
        assert_eq!((taken(each), taken(each + 1)), (8, 7), "64 KiB and not a byte more");
    }
}
