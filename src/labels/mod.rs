//! Label enforcement: an upstream that holds everybody's series tells organizations apart by a label, and every selector of every
//! request gets the caller's value of it. The matchers that were sent stay: ours narrows what they select.
//!
//! Nothing here guesses. What can't be read whole is refused, and what is forwarded is made from what was read.

use std::collections::BTreeSet;
use std::fmt;

pub mod answer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod logql;
mod params;
mod promql;
mod silence;
mod text;

#[cfg(test)]
mod tests;

pub use answer::{AnswerFilter, Unfiltered};
pub use params::{Asked, Rewritten, enforce};
pub use silence::Named;

/// A label and the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    name: String,
    values: BTreeSet<String>,
}

impl Label {
    /// A label with one value.
    ///
    /// # Errors
    /// When the value is empty: such a matcher selects whatever has no such label.
    pub fn new(name: &str, value: String) -> Result<Self, Refused> {
        Self::any(name, BTreeSet::from([value]))
    }

    /// A label that has one of these values.
    ///
    /// # Errors
    /// When there is none, or one is empty.
    pub fn any(name: &str, values: BTreeSet<String>) -> Result<Self, Refused> {
        let selects = !values.is_empty() && !values.iter().any(String::is_empty);
        if selects { Ok(Self { name: name.to_owned(), values }) } else { Err(Refused::NoValue) }
    }

    /// How its matcher compares: one value as it is, several by a regular expression (RE2, anchored at both ends).
    fn operator(&self) -> &'static str {
        if self.values.len() == 1 { "=" } else { "=~" }
    }

    /// What its matcher compares with.
    fn operand(&self) -> String {
        match self.values.first() {
            Some(only) if self.values.len() == 1 => only.clone(),
            _ => self.values.iter().map(|v| text::literally(v)).collect::<Vec<_>>().join("|"),
        }
    }
}

/// The matcher: `tenant="a"`, `team=~"a|b"`.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        f.write_str(self.operator())?;
        text::quote(f, &self.operand())
    }
}

/// The labels that a request is narrowed by: the organization's, and those of the caller's own permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// These labels; `None` without any. A label that is there twice holds twice.
    #[must_use]
    pub fn of(labels: Vec<Label>) -> Option<Self> {
        (!labels.is_empty()).then_some(Self(labels))
    }
}

/// The matchers: `tenant="a",team=~"a|b"`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, label) in self.0.iter().enumerate() {
            write!(f, "{}{label}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Why a request can't be narrowed to its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A query or selector that we can't read, or not in one way only.
    #[error("The query can't be read. Mend it, or leave out what only newer versions of the service know")]
    Malformed,
    /// The same, where it is known which part can't be read.
    #[error(
        "The query can't be read from character {character} on. Mend it, or leave out what only newer versions of the service know"
    )]
    MalformedAt {
        /// The first character of that part; the query starts with 1.
        character: usize,
    },
    /// A query that is read, and reads more than its selectors say.
    #[error("The query uses a function or selector that can't be narrowed to your organization. Write it without")]
    NotEnforceable,
    /// More than we read.
    #[error("The query is too long or too deeply nested. Split it")]
    TooLarge,
    /// A parameter that must be there once is there more often.
    #[error("A parameter of the query is there more than once. Send it once, in the URL or in the body")]
    Repeated,
    /// A parameter that must be there is not.
    #[error("The parameter that names what to select is missing. Add it")]
    Missing,
    /// A body of another kind than the route takes.
    #[error("The body must be a form (application/x-www-form-urlencoded), not compressed, and only with POST")]
    NotAForm,
    /// A body of another kind than a route takes that looks for indices in it.
    #[error("The body must be JSON, or lines of it (application/json, application/x-ndjson), compressed by gzip or not at all")]
    NotJson,
    /// A compressed body that can't be inflated, or not in one way only.
    #[error("The body is not one gzip member with nothing behind it. Send it again, or uncompressed")]
    NotGzip,
    /// A silence that is not one, or an id that is none.
    #[error("The silence or its id can't be read. Send it as JSON; the id is the one that Alertmanager gave it")]
    Silence,
    /// A silence of alerts that the labels exclude.
    #[error("The silence has a matcher that leaves nothing of yours. Leave it out; your own is added")]
    SilenceOfOthers,
    /// The organization has no value to narrow by.
    #[error("Your organization has no tenant value here. Ask your operator")]
    NoValue,
    /// The caller's permission is narrowed, and this request is not: its route can't be, or it was decided before.
    #[error("Your permission is narrowed to some labels, and this request can't be narrowed to them. Ask your administrator")]
    Narrowed,
    /// What the caller's permission is narrowed to is nothing, or can't be said in one selector.
    #[error(
        "Your roles and this grant narrow the permission in ways that don't fit together. Ask your administrator for one role"
    )]
    Unsayable,
    /// The route can't be narrowed at all.
    #[error("This route can't be narrowed to one organization and is closed here")]
    Route,
}

impl Refused {
    /// `query` can't be read from this byte on.
    fn malformed(query: &str, byte: usize) -> Self {
        Self::MalformedAt { character: query.get(..byte).map_or(0, |before| before.chars().count()) + 1 }
    }

    /// Every reason, for documentation.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::NotEnforceable,
        Self::TooLarge,
        Self::Repeated,
        Self::Missing,
        Self::NotAForm,
        Self::NotJson,
        Self::NotGzip,
        Self::Silence,
        Self::SilenceOfOthers,
        Self::NoValue,
        Self::Narrowed,
        Self::Unsayable,
        Self::Route,
    ];

    /// The stable reason code of audit records, metrics and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed | Self::MalformedAt { .. } => "selector_malformed",
            Self::NotEnforceable => "selector_not_enforceable",
            Self::TooLarge => "selector_too_large",
            Self::Repeated => "parameter_repeated",
            Self::Missing => "parameter_missing",
            Self::NotAForm => "form_expected",
            Self::NotJson => "json_expected",
            Self::NotGzip => "gzip_malformed",
            Self::Silence => "silence_malformed",
            Self::SilenceOfOthers => "silence_of_others",
            Self::NoValue => "tenant_value_missing",
            Self::Narrowed => "permission_narrowed",
            Self::Unsayable => "selectors_conflict",
            Self::Route => "route_not_enforceable",
        }
    }

    /// Whether nothing that the caller could send would help.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::NoValue | Self::Narrowed | Self::Unsayable | Self::Route)
    }
}
