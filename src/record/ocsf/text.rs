//! Text that nobody can use to forge a line.

use std::io;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// At most `max` bytes of `text`; what was cut ends in an ellipsis. NUL, which not every database keeps, is replaced.
pub(in crate::record) fn bounded(text: &str, max: usize) -> String {
    let mut end = text.len();
    if end > max {
        end = max.saturating_sub('…'.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
    }
    let mut kept = text[..end].replace('\0', "\u{FFFD}");
    if end < text.len() {
        kept.push('…');
    }
    kept
}

/// Whether a terminal, a log shipper or an eye may take the character for something else than itself: controls (C0 except those
/// that JSON escapes anyway, DEL, C1), line and paragraph separators, and what changes the direction of reading.
pub(in crate::record) const fn is_deceptive(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// JSON on one line, with every deceptive character escaped.
pub(super) fn one_line(value: &Value) -> String {
    let mut out = Vec::with_capacity(1024);
    let mut serializer = Serializer::with_formatter(&mut out, Escaping);
    // A value has only text keys and a vector takes everything, so neither can fail.
    let written = value.serialize(&mut serializer).is_ok();
    String::from_utf8(out).ok().filter(|_| written).unwrap_or_default()
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_deceptive) {
            let (plain, odd) = rest.split_at(at);
            CompactFormatter.write_string_fragment(out, plain)?;
            let mut chars = odd.chars();
            if let Some(c) = chars.next() {
                // All of them are below U+10000: one escape each.
                write!(out, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        CompactFormatter.write_string_fragment(out, rest)
    }
}
