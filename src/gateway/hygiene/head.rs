//! The bytes of an HTTP/1 head, before any parser was lenient about them.

use super::Reason;

/// `method SP target SP version` (RFC 9112 §3), as the client wrote it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine<'h> {
    /// The method, in the client's case.
    pub method: &'h str,
    /// The target, unread.
    pub target: &'h str,
    /// Length of everything behind the request line, in bytes.
    pub fields_len: usize,
}

/// Checks the line structure of `raw`, a whole head with its final empty line, and splits off the request line.
pub(super) fn read(raw: &[u8]) -> Result<RequestLine<'_>, Reason> {
    check_bytes(raw)?;
    // RFC 9112 §2.2: one empty line before the request line is ignored.
    let raw = raw.strip_prefix(b"\r\n").unwrap_or(raw);
    let end = raw.iter().position(|b| *b == b'\r').ok_or(Reason::RequestLine)?;
    let (line, fields) = raw.split_at(end);
    if !raw.ends_with(b"\r\n\r\n") {
        return Err(Reason::RequestLine);
    }
    let line = std::str::from_utf8(line).map_err(|_| Reason::TargetCharacter)?;
    let (method, rest) = line.split_once(' ').ok_or(Reason::RequestLine)?;
    let (target, version) = rest.rsplit_once(' ').ok_or(Reason::RequestLine)?;
    if method.is_empty() || target.is_empty() || !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(Reason::RequestLine);
    }
    Ok(RequestLine { method, target, fields_len: fields.len() })
}

/// One pass without branches, so that it is compiled to vector instructions: the head is all that a small request has. What is
/// odd about an odd head is found out byte by byte.
fn check_bytes(raw: &[u8]) -> Result<(), Reason> {
    let mut odd = raw.first().is_none_or(|b| *b < 0x20 && *b != b'\r');
    // Two slices, because `skip` and `windows` would keep it from being vectorised.
    for (&a, &b) in raw.iter().zip(raw.get(1..).unwrap_or_default()) {
        odd |= is_odd(a, b);
    }
    if odd { odd_bytes(raw) } else { Ok(()) }
}

/// Whether `b` behind `a` needs a closer look: half of a line end, a continued line, a control character.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators are branches, which no vector instruction has")]
const fn is_odd(a: u8, b: u8) -> bool {
    let (carriage, feed) = (b == b'\r', b == b'\n');
    ((a == b'\r') != feed) | ((a == b'\n') & (b == b' ')) | ((b < 0x20) & !carriage & !feed) | (b == 0x7F)
}

fn odd_bytes(raw: &[u8]) -> Result<(), Reason> {
    let control = |b: u8| b == 0x7F || (b < 0x20 && !matches!(b, b'\t' | b'\r' | b'\n'));
    if raw.iter().copied().any(control) {
        return Err(Reason::ControlCharacter);
    }
    for pair in raw.windows(2) {
        match pair {
            [b'\r', b'\n'] => {}
            [_, b'\n'] => return Err(Reason::BareLineFeed),
            [b'\r', _] => return Err(Reason::BareCarriageReturn),
            [b'\n', b' ' | b'\t'] => return Err(Reason::FoldedHeader),
            _ => {}
        }
    }
    match raw.first() {
        None => Err(Reason::RequestLine),
        Some(b'\n') => Err(Reason::BareLineFeed),
        Some(_) => Ok(()),
    }
}

/// Whether any line of `raw` is a field called `name`. Parsers drop fields that they overrule; the bytes still have them.
pub(super) fn has_field(raw: &[u8], name: &str) -> bool {
    raw.split(|b| *b == b'\n').any(|line| {
        let field = line.split(|b| *b == b':').next().unwrap_or_default();
        field.len() < line.len() && field.eq_ignore_ascii_case(name.as_bytes())
    })
}
