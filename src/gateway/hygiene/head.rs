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

/// One pass without branches, so that it is compiled to vector instructions: the head is all that a small request has.
fn check_bytes(raw: &[u8]) -> Result<(), Reason> {
    let (mut feed, mut carriage, mut folded, mut control) = (false, false, false, false);
    for (&a, &b) in raw.iter().zip(raw.iter().skip(1)) {
        feed |= (a != b'\r') & (b == b'\n');
        carriage |= (a == b'\r') & (b != b'\n');
        folded |= (a == b'\n') & ((b == b' ') | (b == b'\t'));
        control |= ((b < 0x20) & (b != b'\t') & (b != b'\r') & (b != b'\n')) | (b == 0x7F);
    }
    let first = raw.first().copied().unwrap_or(0);
    if control || (first < 0x20 && first != b'\r' && first != b'\n') {
        return Err(Reason::ControlCharacter);
    }
    if feed || first == b'\n' {
        return Err(Reason::BareLineFeed);
    }
    if carriage {
        return Err(Reason::BareCarriageReturn);
    }
    if folded { Err(Reason::FoldedHeader) } else { Ok(()) }
}

/// Whether any line of `raw` is a field called `name`. Parsers drop fields that they overrule; the bytes still have them.
pub(super) fn has_field(raw: &[u8], name: &str) -> bool {
    raw.split(|b| *b == b'\n').any(|line| {
        let field = line.split(|b| *b == b':').next().unwrap_or_default();
        field.len() < line.len() && field.eq_ignore_ascii_case(name.as_bytes())
    })
}
