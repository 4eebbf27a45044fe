//! The one spelling of a resource's URI that patterns are held against (RFC 3986 §6.2).
//!
//! A server may take `log:///x/../private/b` or `log:///%70rivate/b` for `log:///private/b`. Patterns can't list every spelling, so
//! what readers could take for another resource is not judged at all.

/// Schemes that readers do not take literally (WHATWG URL "special schemes"), with the port that may be left out.
const SPECIAL: [(&str, &str); 5] = [("ftp", ":21"), ("http", ":80"), ("https", ":443"), ("ws", ":80"), ("wss", ":443")];

/// The URI, template or pattern `text` with scheme and host in lower case and escapes undone; `None` when readers could take it for
/// another: dot or empty segments, a backslash, a fragment, an escape of what needs none, of a slash, or of an escape.
pub(super) fn canonical(text: &str) -> Option<String> {
    if text.trim() != text || text.contains('\\') || has_fragment(text) {
        return None;
    }
    let text = unescaped(text)?;
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme.to_ascii_lowercase()), rest),
        _ => (None, text.as_str()),
    };
    let scheme = scheme.as_deref();
    let (authority, path) = split(rest);
    let is_dots = |segment: &str| matches!(segment.trim(), "." | "..");
    let has_empty = path.split('?').next().is_some_and(|path| path.contains("//"));
    if has_empty || rest.split(['/', '?', ';']).any(is_dots) {
        return None;
    }
    let prefix = scheme.map_or_else(String::new, |scheme| format!("{scheme}:"));
    Some(match authority.map(lowered) {
        Some(authority) => {
            let special = SPECIAL.iter().find(|(name, _)| Some(*name) == scheme);
            if special.is_some_and(|(_, port)| authority.contains('@') || authority.ends_with(':') || authority.ends_with(port)) {
                return None;
            }
            let host = if scheme == Some("file") && authority == "localhost" { "" } else { &authority };
            let root = if special.is_some() && path.is_empty() && !host.contains('*') { "/" } else { "" };
            format!("{prefix}//{host}{path}{root}")
        }
        // Without a host, `file:/a` is `file:///a`; a host that is left out is read as one by some.
        None if scheme.is_some() && path.starts_with('/') && !is_special(scheme) => format!("{prefix}//{path}"),
        None if scheme == Some("file") || is_special(scheme) => return None,
        None => format!("{prefix}{path}"),
    })
}

fn is_special(scheme: Option<&str>) -> bool {
    SPECIAL.iter().any(|(name, _)| Some(*name) == scheme)
}

/// A scheme, or the part of a pattern that stands for one.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'*'))
}

/// The host with what belongs to it, and what comes after it.
fn split(rest: &str) -> (Option<&str>, &str) {
    let Some(after) = rest.strip_prefix("//") else { return (None, rest) };
    let end = after.find(['/', '?']).unwrap_or(after.len());
    (Some(&after[..end]), &after[end..])
}

/// In lower case, as far as it is sure to be a host: the `*` of a pattern may stand for the beginning of a path.
fn lowered(authority: &str) -> String {
    let (sure, more) = authority.split_at(authority.find('*').unwrap_or(authority.len()));
    sure.to_lowercase() + more
}

/// Readers differ on whether a fragment belongs to the name. That of an expression (RFC 6570) is not one yet.
fn has_fragment(text: &str) -> bool {
    text.match_indices('#').any(|(at, _)| !text[..at].ends_with('{'))
}

/// The text without escapes.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let byte = u8::from_str_radix(part.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?, 16).ok()?;
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let again = byte == b'%' && part.bytes().skip(2).take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        // A `*` that is undone would be a pattern's.
        if unreserved || again || byte.is_ascii_control() || b"/\\*".contains(&byte) {
            return None;
        }
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    let text = String::from_utf8(bytes).ok()?;
    let clean = text.trim() == text && !text.chars().any(char::is_control);
    clean.then_some(text)
}
