//! What PromQL and LogQL have in common below their grammars: strings, comments, braces.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::Refused;

/// Longest query that is read, bytes.
pub(super) const MAX_QUERY: usize = 32 * 1024;

/// Writes `text` as a string of both languages (Go's double-quoted strings).
pub(super) fn quote(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// `text` as a regular expression (RE2) that it alone matches.
pub(super) fn literally(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_ascii_punctuation() && c != '_' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The texts that a regular expression of [`literally`] and `|` matches; `None` for any other.
pub(super) fn literals(pattern: &str) -> Option<BTreeSet<String>> {
    let (mut all, mut text, mut chars) = (BTreeSet::new(), String::new(), pattern.chars());
    while let Some(c) = chars.next() {
        match c {
            '|' => drop(all.insert(std::mem::take(&mut text))),
            '\\' => text.push(chars.next().filter(|c| c.is_ascii_punctuation() && *c != '_')?),
            c if c.is_ascii_punctuation() && c != '_' && c != '-' => return None,
            c => text.push(c),
        }
    }
    all.insert(text);
    Some(all)
}

/// One piece of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// A string with its quotes.
    String(&'t str),
    /// `#` up to the end of its line.
    Comment,
    /// Anything else, up to the next piece or brace.
    Text(&'t str),
    /// `{`.
    Open,
    /// `}`.
    Close,
}

/// The pieces of a query in order. Where two readers could disagree about where a string ends, there is an error instead.
pub(super) struct Pieces<'t> {
    whole: &'t str,
    rest: &'t str,
    quotes: &'static [char],
}

impl<'t> Pieces<'t> {
    /// Reads `text`, whose strings stand between `quotes`; any other quotation mark is an error.
    ///
    /// # Errors
    /// When it is too long, or has control characters that are no white space.
    pub(super) fn of(text: &'t str, quotes: &'static [char]) -> Result<Self, Refused> {
        if text.len() > MAX_QUERY {
            return Err(Refused::TooLarge);
        }
        let odd = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || c == '\u{feff}';
        text.find(odd).map_or(Ok(Self { whole: text, rest: text, quotes }), |at| Err(Refused::malformed(text, at)))
    }

    /// Where the next piece begins.
    pub(super) const fn at(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// What is refused because of what begins at `byte`.
    pub(super) fn wrong(&self, byte: usize) -> Refused {
        Refused::malformed(self.whole, byte)
    }

    fn string(&mut self, quote: char) -> Result<Piece<'t>, Refused> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' if quote != '`' => escaped = true,
                '\n' | '\r' if quote != '`' => break,
                c if c == quote => {
                    let (string, rest) = self.rest.split_at(at + c.len_utf8());
                    self.rest = rest;
                    return Ok(Piece::String(string));
                }
                _ => {}
            }
        }
        Err(self.wrong(self.at()))
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.rest.chars().next()?;
        Some(match first {
            '"' | '\'' | '`' if self.quotes.contains(&first) => self.string(first),
            '"' | '\'' | '`' => Err(self.wrong(self.at())),
            '{' | '}' => {
                self.rest = &self.rest[1..];
                Ok(if first == '{' { Piece::Open } else { Piece::Close })
            }
            '#' => {
                self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
                Ok(Piece::Comment)
            }
            _ => {
                let end = self.rest.find(['"', '\'', '`', '{', '}', '#']).unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                Ok(Piece::Text(text))
            }
        })
    }
}
