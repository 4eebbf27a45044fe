//! The header of a balancer, for whoever looks for bytes that make us read too much or name somebody else.

use super::header::{Header, Malformed, Progress, encode, parse};

/// Most bytes that are read for a header.
const MOST: usize = 4096;

/// What a reader makes of bytes that takes as many as it is told: the header and its length. `None` while some are missing.
pub(super) fn read(data: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let mut taken = 0;
    loop {
        let Some(bytes) = data.get(..taken) else { return Ok(None) };
        match parse(bytes)? {
            Progress::Whole(header) => return Ok(Some((header, taken))),
            Progress::More(0) => panic!("nothing more is asked for, and it is not whole"),
            Progress::More(more) => taken += more,
        }
        assert!(taken <= MOST);
    }
}

/// A header is as long as each beginning of it says or longer, nothing behind it belongs to it, and what it says can be written and
/// read again.
pub fn announced(data: &[u8]) {
    let _ = parse(data);
    let Ok(Some((header, length))) = read(data) else { return };
    for cut in 0..length {
        let Ok(Progress::More(more)) = parse(&data[..cut]) else { panic!("it is whole at {length} and at {cut}") };
        assert!(cut + more <= length, "{more} more at {cut} of {length}");
    }
    if let Some(longer) = data.get(..=length) {
        assert!(parse(longer).is_err(), "a byte behind the end belongs to it");
    }
    let again = encode(header);
    assert_eq!(read(&again), Ok(Some((header, again.len()))));
}
