//! Path patterns: `/api/v1/{query,labels}`, `/label/{name}/values`, `/rules/**`.

use std::fmt;

/// Most segments of a pattern, and most captures: the answer of a lookup lives on the stack.
const MAX_SEGMENTS: usize = 32;
pub(super) const MAX_CAPTURES: usize = 8;
/// Most paths that the alternatives of one pattern multiply to.
const MAX_EXPANSIONS: usize = 512;

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No slash at the start.
    #[error("a pattern starts with /")]
    NoSlash,
    /// A segment that no request can have: empty, `.` or `..`.
    #[error("segment {0} is empty, . or .., which no accepted path has")]
    Unreachable(usize),
    /// A character that no accepted path has unescaped.
    #[error("segment {0} has a character that stands escaped in a path; use a {{capture}} there")]
    Character(usize),
    /// Braces that are not one whole segment, or hold something else than names.
    #[error("segment {0} must be text, {{name}}, {{one,two}} or **")]
    Braces(usize),
    /// `**` before the end.
    #[error("** must be the last segment")]
    RestNotLast,
    /// Two captures of one name.
    #[error("the capture {0} comes twice")]
    CaptureTwice(String),
    /// An alternative that is there twice.
    #[error("the alternative {0} comes twice")]
    AlternativeTwice(String),
    /// More than a table takes.
    #[error("more than {MAX_SEGMENTS} segments, {MAX_CAPTURES} captures or {MAX_EXPANSIONS} combinations of alternatives")]
    TooLarge,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This text.
    Literal(Box<str>),
    /// One of these texts.
    Alternatives(Box<[Box<str>]>),
    /// Any one segment that is not empty, under this name.
    Capture(Box<str>),
    /// Whatever is left, nothing included.
    Rest,
}

/// How narrow a segment is, narrowest first. Patterns compare segment by segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// One text.
    Literal,
    /// Several texts.
    Alternatives,
    /// Any text.
    Capture,
    /// Any number of segments.
    Rest,
}

/// How specific a pattern is: the smaller, the more. Of the patterns that match a path, the smallest wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity(Vec<Rank>);

/// A path pattern. Compares with canonical paths byte for byte, without decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    segments: Vec<Segment>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not a pattern, or no canonical path could match it.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let body = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        let last = body.split('/').count() - 1;
        if last >= MAX_SEGMENTS {
            return Err(PatternError::TooLarge);
        }
        let mut segments = Vec::with_capacity(last + 1);
        for (at, part) in body.split('/').enumerate() {
            let segment = segment(at, part, at == last)?;
            if segment == Segment::Rest && at != last {
                return Err(PatternError::RestNotLast);
            }
            segments.push(segment);
        }
        let pattern = Self { text: text.into(), segments };
        pattern.check_captures()?;
        Ok(pattern)
    }

    fn check_captures(&self) -> Result<(), PatternError> {
        let names: Vec<&str> = self.captures().collect();
        if let Some((_, name)) = names.iter().enumerate().find(|(at, n)| names[..*at].contains(n)) {
            return Err(PatternError::CaptureTwice((*name).to_owned()));
        }
        let combinations = self.segments.iter().try_fold(1_usize, |n, s| match s {
            Segment::Alternatives(texts) => n.checked_mul(texts.len()).filter(|n| *n <= MAX_EXPANSIONS),
            _ => Some(n),
        });
        if names.len() > MAX_CAPTURES || combinations.is_none() { Err(PatternError::TooLarge) } else { Ok(()) }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of the captures in order.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|s| match s {
            Segment::Capture(name) => Some(&**name),
            _ => None,
        })
    }

    /// How specific the pattern is.
    #[must_use]
    pub fn specificity(&self) -> Specificity {
        Specificity(self.segments.iter().map(Segment::rank).collect())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    const fn rank(&self) -> Rank {
        match self {
            Self::Literal(_) => Rank::Literal,
            Self::Alternatives(_) => Rank::Alternatives,
            Self::Capture(_) => Rank::Capture,
            Self::Rest => Rank::Rest,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Alternatives(a), Self::Alternatives(b)) => a.iter().any(|text| b.contains(text)),
            (Self::Capture(_), Self::Capture(_)) | (Self::Rest, Self::Rest) => true,
            _ => false,
        }
    }
}

/// Whether some path matches both patterns and neither is more specific: nobody could say which one applies.
#[must_use]
pub fn conflicts(a: &Pattern, b: &Pattern) -> bool {
    a.segments.len() == b.segments.len() && a.segments.iter().zip(&b.segments).all(|(a, b)| a.overlaps(b))
}

fn segment(at: usize, part: &str, last: bool) -> Result<Segment, PatternError> {
    if part == "**" {
        return Ok(Segment::Rest);
    }
    if let Some(inner) = part.strip_prefix('{') {
        let inner = inner.strip_suffix('}').ok_or(PatternError::Braces(at))?;
        return braces(at, inner);
    }
    if part.contains(['{', '}']) || part == "*" {
        return Err(PatternError::Braces(at));
    }
    // Only a trailing slash makes an empty segment.
    if part.is_empty() && last { Ok(Segment::Literal(part.into())) } else { literal(at, part).map(Segment::Literal) }
}

fn braces(at: usize, inner: &str) -> Result<Segment, PatternError> {
    if !inner.contains(',') {
        let named = !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if named { Ok(Segment::Capture(inner.into())) } else { Err(PatternError::Braces(at)) };
    }
    let mut texts: Vec<Box<str>> = Vec::new();
    for text in inner.split(',') {
        let text = literal(at, text)?;
        if texts.contains(&text) {
            return Err(PatternError::AlternativeTwice(text.into()));
        }
        texts.push(text);
    }
    Ok(Segment::Alternatives(texts.into()))
}

/// Checks that a canonical path can have `text` as a segment, and in this spelling only.
fn literal(at: usize, text: &str) -> Result<Box<str>, PatternError> {
    if matches!(text, "" | "." | "..") {
        return Err(PatternError::Unreachable(at));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&b);
    if text.bytes().all(plain) { Ok(text.into()) } else { Err(PatternError::Character(at)) }
}
