//! One form for every path: what is matched is byte for byte what is forwarded.
//!
//! Two paths that an upstream could decode to the same text have the same canonical form. Escapes of characters that may stand
//! in a path are therefore resolved (RFC 3986 §6.2.2.2, and for sub-delimiters too, since servers treat both spellings alike),
//! all others get upper-case digits. Whatever two servers could read differently is refused, never repaired.

use std::borrow::Cow;

use crate::gateway::hygiene::Reason;

#[cfg(test)]
mod tests;

/// A path that means the same to everybody. Only [`canonicalize`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPath<'a> {
    text: Cow<'a, str>,
    encoded_slash: bool,
}

impl CanonicalPath<'_> {
    /// The path, starting with `/`, to be matched and to be forwarded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a segment contains `%2F`. Servers disagree about it, so that only a route that asks for it may take the path.
    #[must_use]
    pub const fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }
}

/// How a byte may stand in a path, unescaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `pchar` of RFC 3986 §3.3 without `;`.
    Plain,
    Slash,
    Percent,
    Semicolon,
    Backslash,
    Hash,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@";
    let mut i = 0;
    while i < plain.len() {
        table[plain[i] as usize] = Class::Plain;
        i += 1;
    }
    table[b'/' as usize] = Class::Slash;
    table[b'%' as usize] = Class::Percent;
    table[b';' as usize] = Class::Semicolon;
    table[b'\\' as usize] = Class::Backslash;
    table[b'#' as usize] = Class::Hash;
    table
};

const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// Brings `path`, without query, into canonical form.
///
/// # Errors
/// When the path does not start with `/`, or could be read in more than one way.
pub fn canonicalize(path: &str) -> Result<CanonicalPath<'_>, Reason> {
    if !path.starts_with('/') {
        return Err(Reason::TargetForm);
    }
    let (mut escaped, mut suspect, mut previous) = (false, false, 0);
    for byte in path.bytes() {
        match class(byte) {
            // Only behind a slash can an empty or a dot segment begin.
            Class::Plain => suspect |= byte == b'.' && previous == b'/',
            Class::Slash => suspect |= previous == b'/',
            Class::Percent => escaped = true,
            Class::Semicolon => return Err(Reason::PathParameter),
            Class::Backslash => return Err(Reason::Backslash),
            Class::Hash => return Err(Reason::Fragment),
            Class::Other => return Err(Reason::TargetCharacter),
        }
        previous = byte;
    }
    if escaped {
        return unescape(path);
    }
    if suspect {
        check_segments(path.split('/').skip(1))?;
    }
    Ok(CanonicalPath { text: Cow::Borrowed(path), encoded_slash: false })
}

/// What servers may take a path for that decode `%2F`, merge slashes, and cut parameters off their segments or keep them. `None`
/// when something else about it is odd: nobody can say then where such a server ends up.
#[must_use]
pub fn readings(path: &str) -> Option<[String; 2]> {
    let decoded = path.replace("%2F", "/").replace("%2f", "/");
    let cut: Vec<_> = decoded.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    let read = |text: &str| canonicalize(&merged(text)).ok().map(|path| path.as_str().to_owned());
    Some([read(&decoded.replace(';', ","))?, read(&cut.join("/"))?])
}

fn merged(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

/// Refuses segments that a server might resolve or merge. Only the last segment may be empty.
fn check_segments<'a>(segments: impl Iterator<Item = &'a str>) -> Result<(), Reason> {
    let mut ended = false;
    for segment in segments {
        if ended {
            return Err(Reason::EmptySegment);
        }
        // Servers that know path parameters cut the segment there before they resolve dots.
        match segment.split_once("%3B").map_or(segment, |(before, _)| before) {
            "." | ".." => return Err(Reason::DotSegment),
            _ => ended = segment.is_empty(),
        }
    }
    Ok(())
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The byte that `%` and the first two of `digits` stand for.
pub(crate) fn escape_value(digits: &[u8]) -> Option<u8> {
    match digits {
        [high, low, ..] => Some((hex(*high)? << 4) | hex(*low)?),
        _ => None,
    }
}

fn unescape(path: &str) -> Result<CanonicalPath<'_>, Reason> {
    let mut text = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        decoded.extend_from_slice(&rest.as_bytes()[..at]);
        let byte = escape_value(&rest.as_bytes()[at + 1..]).ok_or(Reason::PercentEncoding)?;
        decoded.push(byte);
        push_canonical(&mut text, byte)?;
        rest = &rest[at + 3..];
    }
    text.push_str(rest);
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Reason::PercentEncodingUtf8);
    }
    // After decoding, because `%25%32%65` is `%252e` by then.
    check_double_encoding(&text)?;
    let encoded_slash = text.contains("%2F");
    check_segments(text.split('/').skip(1).flat_map(|s| s.split("%2F")))?;
    let text = if text == path { Cow::Borrowed(path) } else { Cow::Owned(text) };
    Ok(CanonicalPath { text, encoded_slash })
}

/// Appends the one way in which we write an escaped `byte`.
fn push_canonical(text: &mut String, byte: u8) -> Result<(), Reason> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    match (class(byte), byte) {
        (Class::Plain, _) => text.push(char::from(byte)),
        (Class::Backslash, _) => return Err(Reason::Backslash),
        (_, 0..=0x1F | 0x7F) => return Err(Reason::EncodedControl),
        _ => {
            text.push('%');
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    Ok(())
}

/// `%25` followed by the digits of a character that matters: a second decoding would change what the path says.
fn check_double_encoding(text: &str) -> Result<(), Reason> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.windows(3).position(|w| w == b"%25") {
        rest = &rest[at + 3..];
        if let Some(b'.' | b'/' | b'\\' | b'%' | b';' | 0..=0x1F | 0x7F) = escape_value(rest) {
            return Err(Reason::DoubleEncoding);
        }
    }
    Ok(())
}
