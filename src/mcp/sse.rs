//! Server-sent events (WHATWG HTML §9.2), cut at event borders and put together again byte for byte.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::filter::FilterError;
use crate::types::{Buffer, Memory};

const CR: u8 = b'\r';
const LF: u8 = b'\n';
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Cuts a stream into events. Holds at most one unfinished event.
#[derive(Debug)]
pub(super) struct Events {
    held: Buffer,
    longest: usize,
    /// The last byte was a carriage return: a line feed right after it belongs to the same line end.
    after_cr: bool,
    /// Where in `held` the current line starts.
    line: usize,
    /// Nothing has left yet, so a byte order mark may lead what is held.
    at_start: bool,
}

impl Events {
    /// `longest` event in bytes.
    pub fn new(longest: usize, memory: &Arc<Memory>) -> Self {
        Self { held: Buffer::new(memory), longest, after_cr: false, line: 0, at_start: true }
    }

    /// Takes a chunk and appends to `out` all that is complete, each event as `rewrite` wants it.
    pub fn push(
        &mut self,
        mut chunk: &[u8],
        out: &mut Vec<u8>,
        mut rewrite: impl FnMut(&str) -> Result<Option<String>, FilterError>,
    ) -> Result<(), FilterError> {
        while !chunk.is_empty() {
            if std::mem::take(&mut self.after_cr) && chunk[0] == LF {
                // The event may be gone already: it left with its carriage return, so that nobody waits for what may not come.
                if self.held.is_empty() {
                    out.push(LF);
                } else {
                    self.held.push(&[LF])?;
                }
                self.line = self.held.len();
                chunk = &chunk[1..];
                continue;
            }
            let end = chunk.iter().position(|b| matches!(*b, CR | LF));
            let (part, rest) = chunk.split_at(end.map_or(chunk.len(), |at| at + 1));
            if self.held.len() + part.len() > self.longest {
                return Err(FilterError::TooLong(self.longest));
            }
            self.held.push(part)?;
            chunk = rest;
            if end.is_some() {
                self.line_ended(out, &mut rewrite)?;
            }
        }
        Ok(())
    }

    /// Hands out what is held of an event that the stream's end cut off. A strict reader drops it, a lenient one does not.
    pub fn finish(
        &mut self,
        out: &mut Vec<u8>,
        mut rewrite: impl FnMut(&str) -> Result<Option<String>, FilterError>,
    ) -> Result<(), FilterError> {
        self.release(out, &mut rewrite)
    }

    fn line_ended(
        &mut self,
        out: &mut Vec<u8>,
        rewrite: &mut impl FnMut(&str) -> Result<Option<String>, FilterError>,
    ) -> Result<(), FilterError> {
        self.after_cr = self.held.last() == Some(&CR);
        let line = &self.held[self.line..];
        // A comment between events keeps the connection alive: it must not wait for the next event.
        let lone_comment = self.line == 0 && line[0] == b':';
        if line.len() == 1 || lone_comment {
            return self.release(out, rewrite);
        }
        self.line = self.held.len();
        Ok(())
    }

    fn release(
        &mut self,
        out: &mut Vec<u8>,
        rewrite: &mut impl FnMut(&str) -> Result<Option<String>, FilterError>,
    ) -> Result<(), FilterError> {
        let mut event = self.held.take();
        self.line = 0;
        let at_start = self.at_start && !event.is_empty();
        self.at_start &= event.is_empty();
        let lead = if at_start && event.starts_with(BOM) { BOM.len() } else { 0 };
        out.extend_from_slice(&event[..lead]);
        append(&event[lead..], out, rewrite)?;
        // The allocation is worth keeping for the next event, unless one was huge.
        event.clear();
        self.held = event;
        Ok(())
    }
}

/// One line: its text, and its text with the line end.
struct Line {
    text: Range<usize>,
    whole: Range<usize>,
}

fn lines(event: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = event.get(from..).filter(|rest| !rest.is_empty())?;
        let text = rest.iter().position(|b| matches!(*b, CR | LF)).unwrap_or(rest.len());
        let end = match &rest[text..] {
            [] => 0,
            [CR, LF, ..] => 2,
            _ => 1,
        };
        let line = Line { text: from..from + text, whole: from..from + text + end };
        from = line.whole.end;
        Some(line)
    })
}

/// The value of a `data` line.
fn data(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

fn append(
    event: &[u8],
    out: &mut Vec<u8>,
    rewrite: &mut impl FnMut(&str) -> Result<Option<String>, FilterError>,
) -> Result<(), FilterError> {
    let values: Vec<&[u8]> = lines(event).filter_map(|line| data(&event[line.text])).collect();
    let payload = match values[..] {
        [] => Cow::Borrowed(&[][..]),
        [one] => Cow::Borrowed(one),
        _ => Cow::Owned(values.join(&LF)),
    };
    let rewritten = match std::str::from_utf8(&payload) {
        Ok(text) if maybe_message(text) => rewrite(text)?,
        Err(_) if maybe_message(&String::from_utf8_lossy(&payload)) => return Err(FilterError::Unreadable),
        Ok(_) | Err(_) => None,
    };
    match rewritten {
        None => out.extend_from_slice(event),
        Some(text) => put(event, &text, out),
    }
    Ok(())
}

/// Whether any reader could take `text` for a JSON-RPC message.
fn maybe_message(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}').starts_with(['{', '['])
}

/// The event with `payload` where its first data line was, with no such line where it is empty; all other lines as they are.
fn put(event: &[u8], payload: &str, out: &mut Vec<u8>) {
    let mut placed = false;
    for line in lines(event) {
        if data(&event[line.text.clone()]).is_none() {
            out.extend_from_slice(&event[line.whole]);
        } else if !payload.is_empty() && !std::mem::replace(&mut placed, true) {
            let end = &event[line.text.end..line.whole.end];
            let between = if end.is_empty() { &[LF][..] } else { end };
            for (i, part) in payload.split('\n').enumerate() {
                out.extend_from_slice(if i > 0 { between } else { &[] });
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(part.as_bytes());
            }
            out.extend_from_slice(end);
        }
    }
}
