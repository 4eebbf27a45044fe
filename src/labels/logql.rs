//! LogQL: every stream selector gets the label. Braces outside strings are stream selectors and nothing else, so that only they are
//! read; the rest of a query is passed on, its comments left out.

mod constant;

use std::fmt::Write as _;

use super::text::{Piece, Pieces};
use super::{Labels, Refused};
use constant::is_constant;

/// Quotation marks of LogQL.
const QUOTES: &[char] = &['"', '`'];

/// `query` with `label` in every stream selector, or as it is when it reads nothing at all for certain.
///
/// # Errors
/// When it can't be read, or it is not certain what it selects.
pub(super) fn query(query: &str, labels: &Labels) -> Result<String, Refused> {
    let (text, selectors) = narrowed(query, labels)?;
    if selectors > 0 || is_constant(&text) { Ok(text) } else { Err(Refused::NotEnforceable) }
}

/// The same where a query has to select streams: what does not may be taken for one that selects all.
///
/// # Errors
/// When it can't be read, or selects nothing.
pub(super) fn streams(query: &str, labels: &Labels) -> Result<String, Refused> {
    let (text, selectors) = narrowed(query, labels)?;
    if selectors == 0 { Err(Refused::NotEnforceable) } else { Ok(text) }
}

/// `selector`, which must be one stream selector alone, with `label`.
///
/// # Errors
/// When it is something else.
pub(super) fn selector(selector: &str, labels: &Labels) -> Result<String, Refused> {
    let (text, selectors) = narrowed(selector, labels)?;
    let text = text.trim();
    if selectors == 1 && text.starts_with('{') && text.ends_with('}') { Ok(text.to_owned()) } else { Err(Refused::Malformed) }
}

fn narrowed(query: &str, labels: &Labels) -> Result<(String, usize), Refused> {
    let mut pieces = Pieces::of(query, QUOTES)?;
    let (mut text, mut selectors, mut at) = (String::with_capacity(query.len() + 64), 0, 0);
    while let Some(piece) = pieces.next() {
        match piece? {
            Piece::Open => {
                let matchers = matchers(&mut pieces, at)?;
                selectors += 1;
                text.push('{');
                for matcher in matchers {
                    text.push_str(&matcher);
                    text.push(',');
                }
                let _ = write!(text, "{labels}}}");
            }
            Piece::Close => return Err(pieces.wrong(at)),
            Piece::Comment => {}
            Piece::Text(t) => match foreign_comment(t) {
                Some(within) => return Err(pieces.wrong(at + within)),
                None => text.push_str(t),
            },
            Piece::String(t) => text.push_str(t),
        }
        at = pieces.at();
    }
    Ok((text, selectors))
}

/// Where a comment begins that Go's scanner knows and other readers do not.
fn foreign_comment(text: &str) -> Option<usize> {
    ["//", "/*"].iter().filter_map(|begin| text.find(begin)).min()
}

/// The matchers up to the closing brace: `name op string`, with commas between them. The brace was at `opened`.
fn matchers(pieces: &mut Pieces<'_>, opened: usize) -> Result<Vec<String>, Refused> {
    let (mut matchers, mut before) = (Vec::new(), String::new());
    // Where that of which nothing is known yet begins.
    let mut from = pieces.at();
    while let Some(piece) = pieces.next() {
        match piece? {
            Piece::Text(text) => before.push_str(text),
            Piece::Comment => before.push(' '),
            Piece::String(value) => {
                let head = if matchers.is_empty() { Some(before.as_str()) } else { before.trim().strip_prefix(',') };
                let Some(head) = head.and_then(name_and_operator) else { return Err(pieces.wrong(from)) };
                matchers.push(format!("{head}{value}"));
                before = String::new();
                from = pieces.at();
            }
            Piece::Close => {
                let end = before.trim();
                // Loki takes a comma at the end.
                let whole = end.is_empty() || (!matchers.is_empty() && end == ",");
                return if whole { Ok(matchers) } else { Err(pieces.wrong(from)) };
            }
            Piece::Open => return Err(pieces.wrong(from)),
        }
    }
    Err(pieces.wrong(opened))
}

fn name_and_operator(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, operator) = (&text[..end], text[end..].trim());
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    (starts && matches!(operator, "=" | "!=" | "=~" | "!~")).then(|| format!("{name}{operator}"))
}

#[cfg(test)]
mod tests;
