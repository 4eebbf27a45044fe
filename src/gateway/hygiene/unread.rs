//! What was wrong with an HTTP/1 head that the parser refused, told from its bytes: the parser itself tells nobody.

use http::Uri;

use super::{Reason, head};

/// Bytes of a head that tell what is wrong with it; of a longer one the rest is not needed.
pub const TOLD_BY: usize = 16 * 1024;

/// The most fields that the parser takes.
const MOST_FIELDS: usize = 256;
/// Longest line of a request whose parser is still asked about its target.
const LONGEST_LINE: usize = 8 * 1024;

/// Why a head can't be read that begins with `begin`, which is all of it where that is shorter than [`TOLD_BY`].
#[must_use]
pub fn unread(begin: &[u8]) -> Reason {
    let raw = begin.strip_prefix(b"\r\n").unwrap_or(begin);
    if raw.starts_with(b"CONNECT ") {
        return Reason::Tunnel;
    }
    let line = raw.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(raw.len());
    if line > LONGEST_LINE {
        return Reason::TargetTooLong;
    }
    let lines = raw.iter().filter(|b| **b == b'\n').count();
    let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match head::read(raw) {
            _ if lines > MOST_FIELDS => Reason::HeadersTooMany,
            _ if begin.len() >= TOLD_BY => Reason::HeadersTooLarge,
            Err(reason) => reason,
            Ok(_) => Reason::Unreadable,
        };
    };
    let raw = &raw[..end + 4];
    let parts = match head::read(raw) {
        _ if raw.iter().filter(|b| **b == b'\n').count() > MOST_FIELDS => return Reason::HeadersTooMany,
        Err(reason) => return reason,
        Ok(parts) => parts,
    };
    let fields = Fields::of(&raw[line..]);
    match target(parts.target, &fields).and_then(|()| fields.check(raw[..line].ends_with(b"HTTP/1.0"))) {
        Err(reason) => reason,
        Ok(()) => Reason::Unreadable,
    }
}

/// What a target says that no parser takes, or that another field contradicts.
fn target(target: &str, fields: &Fields<'_>) -> Result<(), Reason> {
    let uri = target.parse::<Uri>().map_err(|_| Reason::TargetCharacter)?;
    match uri.authority().map(http::uri::Authority::as_str) {
        Some(authority) if authority.contains('@') => Err(Reason::HostMalformed),
        Some(authority) if fields.hosts.iter().any(|host| *host != authority.as_bytes()) => Err(Reason::HostMismatch),
        Some(_) | None => Ok(()),
    }
}

/// The fields of a head that say how a request is framed and whom it is for.
#[derive(Default)]
struct Fields<'h> {
    hosts: Vec<&'h [u8]>,
    lengths: Vec<&'h [u8]>,
    encodings: Vec<&'h [u8]>,
    /// Whether one has a name that is none (RFC 9110 §5.1).
    misnamed: bool,
}

impl<'h> Fields<'h> {
    fn of(lines: &'h [u8]) -> Self {
        let mut fields = Self::default();
        for line in lines.split(|b| *b == b'\n').map(|line| line.trim_ascii_end()).filter(|line| !line.is_empty()) {
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                fields.misnamed = true;
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            match name.to_ascii_lowercase().as_slice() {
                b"host" => fields.hosts.push(value),
                b"content-length" => fields.lengths.push(value),
                b"transfer-encoding" => fields.encodings.push(value),
                name => fields.misnamed |= http::HeaderName::from_bytes(name).is_err(),
            }
        }
        fields
    }

    fn check(&self, is_old: bool) -> Result<(), Reason> {
        match self {
            Self { misnamed: true, .. } => Err(Reason::FieldName),
            Self { hosts, .. } if hosts.len() > 1 => Err(Reason::HostRepeated),
            Self { hosts, .. } if hosts.iter().any(|host| host.contains(&b'@')) => Err(Reason::HostMalformed),
            Self { encodings, .. } if !encodings.is_empty() && is_old => Err(Reason::ConnectionSpecificHeader),
            Self { encodings, .. } if !encodings.is_empty() => Err(Reason::TransferEncoding),
            Self { lengths, .. } if lengths.len() > 1 => Err(Reason::ContentLengthRepeated),
            Self { lengths, .. } if lengths.iter().any(|length| length.contains(&b',')) => Err(Reason::ContentLengthRepeated),
            Self { lengths, .. } if !lengths.is_empty() => Err(Reason::ContentLength),
            _ => Ok(()),
        }
    }
}
