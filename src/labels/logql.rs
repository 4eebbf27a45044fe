//! LogQL: every stream selector gets the label. Braces outside strings are stream selectors and nothing else, so that only they are
//! read; the rest of a query is passed on, its comments left out.

use std::fmt::Write as _;

use super::text::{Piece, Pieces};
use super::{Labels, Refused};

/// Quotation marks of LogQL.
const QUOTES: &[char] = &['"', '`'];

/// `query` with `label` in every stream selector.
///
/// # Errors
/// When it can't be read, or selects nothing.
pub(super) fn query(query: &str, labels: &Labels) -> Result<String, Refused> {
    let (text, selectors) = narrowed(query, labels)?;
    if selectors == 0 { Err(Refused::NotEnforceable) } else { Ok(text) }
}

/// `selector`, which must be one stream selector alone, with `label`.
///
/// # Errors
/// When it is something else.
pub(super) fn selector(selector: &str, labels: &Labels) -> Result<String, Refused> {
    let trimmed = selector.trim();
    let (text, selectors) = narrowed(trimmed, labels)?;
    if selectors == 1 && text.starts_with('{') && text.ends_with('}') { Ok(text) } else { Err(Refused::Malformed) }
}

fn narrowed(query: &str, labels: &Labels) -> Result<(String, usize), Refused> {
    let mut pieces = Pieces::of(query, QUOTES)?;
    let (mut text, mut selectors) = (String::with_capacity(query.len() + 64), 0);
    while let Some(piece) = pieces.next() {
        match piece? {
            Piece::Open => {
                let matchers = matchers(&mut pieces)?;
                selectors += 1;
                text.push('{');
                for matcher in matchers {
                    text.push_str(&matcher);
                    text.push(',');
                }
                let _ = write!(text, "{labels}}}");
            }
            Piece::Close => return Err(Refused::Malformed),
            Piece::Comment => {}
            // Go's scanner knows these, other readers do not.
            Piece::Text(t) if t.contains("//") || t.contains("/*") => return Err(Refused::Malformed),
            Piece::Text(t) | Piece::String(t) => text.push_str(t),
        }
    }
    Ok((text, selectors))
}

/// The matchers up to the closing brace: `name op string`, with commas between them.
fn matchers(pieces: &mut Pieces<'_>) -> Result<Vec<String>, Refused> {
    let (mut matchers, mut before) = (Vec::new(), String::new());
    let mut after_matcher = false;
    for piece in pieces {
        match piece? {
            Piece::Text(text) => before.push_str(text),
            Piece::Comment => before.push(' '),
            Piece::String(value) => {
                let head =
                    if after_matcher { before.trim().strip_prefix(',').ok_or(Refused::Malformed)? } else { before.as_str() };
                matchers.push(format!("{}{value}", name_and_operator(head)?));
                (after_matcher, before) = (true, String::new());
            }
            Piece::Close => {
                let end = before.trim();
                // Loki takes a comma at the end.
                let whole = end.is_empty() || (after_matcher && end == ",");
                return if whole { Ok(matchers) } else { Err(Refused::Malformed) };
            }
            Piece::Open => return Err(Refused::Malformed),
        }
    }
    Err(Refused::Malformed)
}

fn name_and_operator(text: &str) -> Result<String, Refused> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, operator) = (&text[..end], text[end..].trim());
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && matches!(operator, "=" | "!=" | "=~" | "!~") { Ok(format!("{name}{operator}")) } else { Err(Refused::Malformed) }
}
