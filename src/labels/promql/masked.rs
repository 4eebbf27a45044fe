//! Parts of a query that the PromQL parser must not see. It compiles every regular expression that it meets, which can take
//! megabytes each, and in another dialect than the services'; and it reads byte escapes in strings as characters. So a
//! placeholder stands for each such part while the query is narrowed, and the original is put back into the result.

use std::ops::Range;

use super::super::text::{Piece, Pieces, quote};
use super::super::{Labels, Refused};
use super::QUOTES;

/// A query without its regular expressions, and they. Whether one matches the empty string is not asked: with ours beside it, a
/// selector always has a matcher that does not.
pub(super) struct Masked {
    /// The query to be parsed.
    pub(super) text: String,
    /// What a stand-in begins with; neither the query nor the labels have it.
    mark: String,
    /// What belongs there, by the number of its stand-in. Those of the labels come first, in their order.
    hidden: Vec<Hidden>,
}

/// An operator with its operand, as both are written.
#[derive(Debug, PartialEq, Eq)]
struct Hidden {
    operator: Operator,
    literal: String,
}

/// What a stand-in, which is always compared by `=`, is compared by in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// That which is there: the operand alone is hidden.
    AsItIs,
    Matches,
    MatchesNot,
}

impl Operator {
    /// The operator that `text` ends with.
    fn ending(text: &str) -> Self {
        if text.ends_with("=~") {
            Self::Matches
        } else if text.ends_with("!~") {
            Self::MatchesNot
        } else {
            Self::AsItIs
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::AsItIs => "=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}

impl Masked {
    /// # Errors
    /// When a string can't be told from what follows it, or names something by bytes.
    pub(super) fn of(query: &str, labels: &Labels) -> Result<Self, Refused> {
        let mut masked = Self { text: String::with_capacity(query.len()), mark: unused(query, labels), hidden: Vec::new() };
        for label in labels.0.iter().filter(|label| label.operator() == Operator::Matches.text()) {
            let mut literal = String::new();
            quote(&mut literal, &label.operand()).map_err(|_| Refused::TooLarge)?;
            masked.hidden.push(Hidden { operator: Operator::Matches, literal });
        }
        let ours = 0..masked.hidden.len();
        let (mut inside, mut before) = (false, "");
        for piece in Pieces::of(query, QUOTES)? {
            match piece? {
                Piece::Open => {
                    (inside, before) = (true, "");
                    masked.text.push('{');
                }
                Piece::Close => {
                    (inside, before) = (false, "");
                    masked.text.push('}');
                }
                Piece::Comment => {}
                Piece::Text(text) => {
                    if !text.trim().is_empty() {
                        before = text.trim_end();
                    }
                    masked.text.push_str(text);
                }
                Piece::String(literal) => {
                    let before = std::mem::take(&mut before);
                    masked.string(literal, inside.then_some(before), &ours)?;
                }
            }
        }
        Ok(masked)
    }

    /// Takes a string. `matcher` is what stands before it inside of braces.
    fn string(&mut self, literal: &str, matcher: Option<&str>, ours: &Range<usize>) -> Result<(), Refused> {
        let operator = matcher.map_or(Operator::AsItIs, Operator::ending);
        if operator == Operator::AsItIs && !has_numbers(literal) {
            self.text.push_str(literal);
            return Ok(());
        }
        if operator == Operator::AsItIs && matcher.is_some_and(|before| !before.ends_with('=')) {
            // A name.
            return Err(Refused::Malformed);
        }
        if operator != Operator::AsItIs {
            // `=~` may have white space behind it, and a comment; both are gone from what is parsed.
            let end = self.text.trim_end().len() - operator.text().len();
            self.text.truncate(end);
            self.text.push('=');
        }
        let hidden = Hidden { operator, literal: plain(literal)? };
        let number = self.hidden[ours.clone()].iter().position(|one| *one == hidden).unwrap_or_else(|| {
            self.hidden.push(hidden);
            self.hidden.len() - 1
        });
        let stand_in = self.stand_in(number);
        quote(&mut self.text, &stand_in).map_err(|_| Refused::TooLarge)
    }

    /// What stands for the regular expression of the `n`th label that has one.
    pub(super) fn stand_in(&self, n: usize) -> String {
        format!("{}{n:05}", self.mark)
    }

    /// `text`, which was made of what was parsed, with everything in its place again.
    ///
    /// # Errors
    /// When a stand-in is where it can't be told from something else.
    pub(super) fn restored(&self, text: &str) -> Result<String, Refused> {
        let mut out = String::with_capacity(text.len());
        for piece in Pieces::of(text, &['"'])? {
            match piece? {
                Piece::Open => out.push('{'),
                Piece::Close => out.push('}'),
                Piece::Text(text) => out.push_str(text),
                Piece::Comment => return Err(Refused::Malformed),
                Piece::String(literal) => match self.hidden_by(literal) {
                    None => out.push_str(literal),
                    Some(hidden) => {
                        if hidden.operator != Operator::AsItIs {
                            let end = out.strip_suffix('=').filter(|name| !name.ends_with('!')).ok_or(Refused::Malformed)?.len();
                            out.truncate(end);
                            out.push_str(hidden.operator.text());
                        }
                        out.push_str(&hidden.literal);
                    }
                },
            }
        }
        if out.contains(&self.mark) { Err(Refused::Malformed) } else { Ok(out) }
    }

    fn hidden_by(&self, literal: &str) -> Option<&Hidden> {
        let number = literal.strip_prefix('"')?.strip_suffix('"')?.strip_prefix(self.mark.as_str())?;
        self.hidden.get(number.parse::<usize>().ok()?)
    }
}

/// A beginning that nothing there has. It sorts behind letters, as `=~` does behind `=`.
fn unused(query: &str, labels: &Labels) -> String {
    let taken = |mark: &String| query.contains(mark) || labels.0.iter().any(|l| l.to_string().contains(mark));
    let mut marks = (0_u32..).map(|n| format!("~{n}~")).skip_while(taken);
    marks.next().unwrap_or_default()
}

/// Whether a string has an escape by number: of a byte (`\xNN`, `\NNN`), which is no character, or of a character (`\uNNNN`), which could
/// be one of a stand-in.
fn has_numbers(literal: &str) -> bool {
    let mut escaped = false;
    !literal.starts_with('`')
        && literal.chars().any(|c| {
            let found = escaped && matches!(c, 'x' | 'u' | 'U' | '0'..='7');
            escaped = c == '\\' && !escaped;
            found
        })
}

/// The same string between double quotes, where all services agree about its end: not all read a raw string as Go does.
fn plain(literal: &str) -> Result<String, Refused> {
    let content = literal.get(1..literal.len().saturating_sub(1)).ok_or(Refused::Malformed)?;
    if literal.starts_with('`') {
        let mut out = String::with_capacity(literal.len());
        quote(&mut out, content).map_err(|_| Refused::TooLarge)?;
        return Ok(out);
    }
    let (mut out, mut chars) = (String::with_capacity(literal.len()), content.chars());
    out.push('"');
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => match chars.next().ok_or(Refused::Malformed)? {
                '\'' => out.push('\''),
                escaped @ ('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'u' | 'U' | '0'..='7' | '\\' | '"') => {
                    out.push('\\');
                    out.push(escaped);
                }
                _ => return Err(Refused::Malformed),
            },
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(out)
}
