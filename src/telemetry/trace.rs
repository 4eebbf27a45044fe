//! W3C trace context (level 1), in and out.

use uuid::Uuid;

/// A request's place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl TraceContext {
    /// Goes on with the caller's trace, or begins one named after `id`. What the caller sent is believed only when it is
    /// well-formed.
    #[must_use]
    pub fn of(traceparent: Option<&str>, id: Uuid) -> Self {
        let own = *id.as_bytes();
        let mut span = [0_u8; 8];
        span.copy_from_slice(&own[8..]);
        match traceparent.and_then(parse) {
            Some((trace, sampled)) => Self { trace, span, sampled },
            None => Self { trace: own, span, sampled: false },
        }
    }

    /// The trace id, 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex(&self.trace)
    }

    /// `traceparent` for the next hop.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let mut text = *b"00-................................-................-00";
        put_hex(&mut text[3..35], &self.trace);
        put_hex(&mut text[36..52], &self.span);
        text[54] += u8::from(self.sampled);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    let mut text = [0; 32];
    put_hex(&mut text, bytes);
    String::from_utf8_lossy(&text).into_owned()
}

/// Twice per request: the formatting machinery would cost twenty times as much.
fn put_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// `version "-" trace-id "-" parent-id "-" flags`, lower-case hex, ids not all zero (§3.2).
fn parse(text: &str) -> Option<([u8; 16], bool)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let shaped = lower(version, 2) && lower(trace, 32) && lower(parent, 16) && lower(flags, 2);
    if !shaped || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let zero = |t: &str| t.bytes().all(|b| b == b'0');
    if zero(trace) || zero(parent) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?.to_be_bytes();
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some((trace, flags & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_good_parent_is_continued_under_a_span_of_our_own() {
        let context = TraceContext::of(Some(PARENT), Uuid::from_u128(7));
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.traceparent(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
    }

    #[test]
    fn a_bad_parent_begins_a_new_trace() {
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for bad in
            ["", "x", zero, "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &PARENT.to_uppercase(), &PARENT[..50]]
        {
            let context = TraceContext::of(Some(bad), Uuid::from_u128(7));
            assert_eq!(context.trace_id(), format!("{:032x}", 7), "{bad}");
        }
    }
}
