//! How one journal line looks: `RS crc32 SP json LF`.
//!
//! The record separator in front (as in RFC 7464) keeps a write that was cut short from swallowing the line behind it: JSON
//! never holds the byte, so a reader that meets it starts over there.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::record::{
    AuditRecord, Callers, Decision, Opened, Opening, Outcome, WouldDeny, write_opening, write_outcome, write_record,
};
use crate::types::RecordId;

/// Longest line that is written or read, bytes. The gate bounds every field far below this.
pub(in crate::audit) const MAX_LINE: usize = 256 * 1024;

const SEPARATOR: u8 = 0x1E;
/// `RS`, eight hex digits, a space.
const HEAD: usize = 10;

/// What a line says, borrowed from the writer. Written as serde would write it: see [`Written`].
#[cfg_attr(test, derive(Serialize), serde(rename_all = "snake_case"))]
pub(super) enum Entry<'a> {
    /// Everything that is known before a call is forwarded.
    Begin(&'a Opening<'a>),
    /// The same, written again from what was read.
    Open(&'a AuditRecord),
    /// How the call with this id ended.
    Close(&'a Closed),
    /// Opened and closed at once.
    Whole(&'a AuditRecord),
}

impl Entry<'_> {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Begin(opening) => {
                out.extend_from_slice(br#"{"begin":"#);
                write_opening(opening, out)?;
            }
            Self::Open(record) => {
                out.extend_from_slice(br#"{"open":"#);
                write_record(record, out)?;
            }
            Self::Close(closed) => {
                out.extend_from_slice(br#"{"close":"#);
                closed.write(out)?;
            }
            Self::Whole(record) => {
                out.extend_from_slice(br#"{"whole":"#);
                write_record(record, out)?;
            }
        }
        out.push(b'}');
        Ok(())
    }
}

/// What a line says, as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    #[serde(borrow)]
    Begin(Box<Opened<'a>>),
    Open(Box<AuditRecord>),
    Close(Closed),
    Whole(Box<AuditRecord>),
}

/// What a line says, as it is read back.
#[derive(Debug)]
pub(in crate::audit) enum Line {
    /// See [`Entry::Begin`] and [`Entry::Open`].
    Open(Box<AuditRecord>),
    /// See [`Entry::Close`].
    Close(Closed),
    /// See [`Entry::Whole`].
    Whole(Box<AuditRecord>),
}

/// The end of a call, and what its body changed about its decision.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::audit) struct Closed {
    pub(in crate::audit) id: RecordId,
    pub(in crate::audit) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::audit) decision: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::audit) would_deny: Option<WouldDeny>,
}

impl Closed {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let Self { id, outcome, decision: None, would_deny: None } = self else { return serde_json::to_writer(out, self) };
        // An id needs no escaping.
        for part in [r#"{"id":""#, id.as_str(), r#"","outcome":"#] {
            out.extend_from_slice(part.as_bytes());
        }
        write_outcome(outcome, out)?;
        out.push(b'}');
        Ok(())
    }
}

/// What stands between two line feeds.
#[derive(Debug)]
pub(in crate::audit) struct Chunk {
    /// The line; `None` when its checksum or its content is wrong.
    pub(in crate::audit) line: Option<Line>,
    /// Whether a write that was cut short stands in front of it.
    pub(in crate::audit) torn: bool,
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends `write` the entry as one line, in a buffer that its thread reuses.
pub(super) fn with_line<T>(entry: &Entry<'_>, write: impl FnOnce(&[u8]) -> Result<T, JournalError>) -> Result<T, JournalError> {
    // A guard may be dropped while its thread's storage is torn down: a line is worth an allocation then.
    let mut buffer = BUFFER.try_with(RefCell::take).unwrap_or_default();
    let written = encode(entry, &mut buffer).and_then(|()| write(&buffer));
    buffer.clear();
    let _ = BUFFER.try_with(|cell| cell.replace(buffer));
    written
}

fn encode(entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<(), JournalError> {
    out.clear();
    out.extend_from_slice(&[b'0'; HEAD]);
    entry.write(out).map_err(|e| JournalError::Unwritable(e.into()))?;
    if out.len() >= MAX_LINE {
        return Err(JournalError::TooLong { bytes: out.len() });
    }
    let sum = crc32fast::hash(&out[HEAD..]);
    out[0] = SEPARATOR;
    for (digit, at) in out[1..HEAD - 1].iter_mut().rev().zip(0..) {
        *digit = b"0123456789abcdef"[usize::try_from(sum >> (4 * at) & 0xF).unwrap_or(0)];
    }
    out[HEAD - 1] = b' ';
    out.push(b'\n');
    Ok(())
}

/// Reads what stands before a line feed; `None` for an empty line.
pub(in crate::audit) fn decode(chunk: &[u8], callers: &mut Callers) -> Option<Chunk> {
    if chunk.is_empty() {
        return None;
    }
    let start = match chunk {
        // As every line is that was written whole; looked through at once, not byte by byte.
        [SEPARATOR, line @ ..] if !line.contains(&SEPARATOR) => Some(0),
        torn => torn.iter().rposition(|b| *b == SEPARATOR),
    };
    let Some(start) = start else { return Some(Chunk { line: None, torn: false }) };
    Some(Chunk { line: checked(&chunk[start + 1..], callers), torn: start > 0 })
}

fn checked(text: &[u8], callers: &mut Callers) -> Option<Line> {
    let (sum, json) = text.split_at_checked(HEAD - 1)?;
    let sum = sum.strip_suffix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if crc32fast::hash(json) != sum {
        return None;
    }
    Some(match serde_json::from_slice(json).ok()? {
        Written::Begin(opened) => Line::Open(Box::new(opened.record(callers).ok()?)),
        Written::Open(record) => Line::Open(record),
        Written::Close(closed) => Line::Close(closed),
        Written::Whole(record) => Line::Whole(record),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BrokenBy, Measured};
    use crate::types::ScopeSet;

    fn line(entry: &Entry<'_>) -> Vec<u8> {
        with_line(entry, |line| Ok(line.to_vec())).expect("a line")
    }

    #[test]
    fn closings_are_written_as_serde_does() {
        let id = RecordId::parse("rec_1").expect("an id");
        let measured = Measured { status: 200, bytes: 1024, micros: 77, call: Some(14) };
        let refused = Decision::Denied { reason: "tool_scope".into(), missing: ScopeSet::default() };
        let waived = WouldDeny { reason: "body_index".into(), missing: ScopeSet::default() };
        for outcome in [Outcome::Completed(measured), Outcome::Broken { by: BrokenBy::Fault, measured }, Outcome::Unknown] {
            for (decision, would_deny) in [(None, None), (Some(refused.clone()), None), (None, Some(waived.clone()))] {
                let closed = Closed { id: id.clone(), outcome: outcome.clone(), decision, would_deny };
                let line = line(&Entry::Close(&closed));
                assert_eq!(line[HEAD..line.len() - 1], serde_json::to_vec(&Entry::Close(&closed)).expect("JSON"));
                let read = decode(&line[..line.len() - 1], &mut Callers::default()).and_then(|chunk| chunk.line);
                assert!(
                    matches!(read, Some(Line::Close(read)) if read.outcome == closed.outcome && read.decision == closed.decision)
                );
            }
        }
    }
}
