//! What a permission is narrowed to: labels, each with the values that it may have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScopeToken;

/// Most labels of a selector.
const MAX_LABELS: usize = 8;
/// Most values of a label.
const MAX_VALUES: usize = 64;
/// Longest value of a label, bytes.
const MAX_VALUE: usize = 256;

/// Series and streams whose labels have one of the named values each: `{ team = ["a", "b"], stage = "production" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, LabelValues>", into = "BTreeMap<String, BTreeSet<String>>")]
pub struct Selector(BTreeMap<String, BTreeSet<String>>);

/// The values that a label may have, as they are written: one, or a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LabelValues {
    /// One value.
    One(String),
    /// Several values.
    Several(BTreeSet<String>),
}

/// What is no selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Without a label, or with too many.
    #[error("a selector has 1 to {MAX_LABELS} labels")]
    Labels,
    /// The name of a label.
    #[error("a label is named with letters, digits and _, and does not begin with a digit or two _")]
    Name,
    /// The values of a label.
    #[error("a label has 1 to {MAX_VALUES} values of 1 to {MAX_VALUE} bytes without control characters")]
    Values,
}

impl TryFrom<BTreeMap<String, LabelValues>> for Selector {
    type Error = SelectorError;

    fn try_from(written: BTreeMap<String, LabelValues>) -> Result<Self, SelectorError> {
        let several = |values| match values {
            LabelValues::One(value) => BTreeSet::from([value]),
            LabelValues::Several(values) => values,
        };
        Self::new(written.into_iter().map(|(name, values)| (name, several(values))).collect())
    }
}

impl From<Selector> for BTreeMap<String, BTreeSet<String>> {
    fn from(selector: Selector) -> Self {
        selector.0
    }
}

impl Selector {
    /// A selector.
    ///
    /// # Errors
    /// When a label has no name that Prometheus and Loki take, no value, or too many.
    pub fn new(labels: BTreeMap<String, BTreeSet<String>>) -> Result<Self, SelectorError> {
        if labels.is_empty() || labels.len() > MAX_LABELS {
            return Err(SelectorError::Labels);
        }
        if !labels.keys().all(|name| is_label(name)) {
            return Err(SelectorError::Name);
        }
        let plain = |value: &String| (1..=MAX_VALUE).contains(&value.len()) && !value.contains(char::is_control);
        let whole = |values: &BTreeSet<String>| (1..=MAX_VALUES).contains(&values.len()) && values.iter().all(plain);
        if labels.values().all(whole) { Ok(Self(labels)) } else { Err(SelectorError::Values) }
    }

    /// The labels in order, each with its values.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(name, values)| (name.as_str(), values))
    }

    /// What both select; `None` when that is nothing.
    #[must_use]
    pub fn both(&self, other: &Self) -> Option<Self> {
        let mut labels = self.0.clone();
        for (name, values) in &other.0 {
            labels.entry(name.clone()).and_modify(|v| v.retain(|value| values.contains(value))).or_insert_with(|| values.clone());
        }
        labels.values().all(|values| !values.is_empty()).then_some(Self(labels))
    }

    /// What either selects; `None` where that is no selector: they may differ in the values of one label.
    #[must_use]
    pub fn either(&self, other: &Self) -> Option<Self> {
        if !self.0.keys().eq(other.0.keys()) {
            return None;
        }
        let mut differing = self.0.keys().filter(|name| self.0[*name] != other.0[*name]);
        let Some(name) = differing.next() else { return Some(self.clone()) };
        if differing.next().is_some() {
            return None;
        }
        let mut labels = self.0.clone();
        labels.entry(name.clone()).or_default().extend(other.0[name].iter().cloned());
        Some(Self(labels))
    }
}

/// `team = a or b, stage = production`, for people.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, values)) in self.0.iter().enumerate() {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            write!(f, "{}{name} = {}", if n == 0 { "" } else { ", " }, values.join(" or "))?;
        }
        Ok(())
    }
}

fn is_label(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && !name.starts_with("__") && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The scopes that are narrowed, each with what it is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selectors(pub BTreeMap<ScopeToken, Selector>);

impl Selectors {
    /// Whether no scope is narrowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(json: &str) -> Selector {
        serde_json::from_str(json).expect("a selector")
    }

    #[test]
    fn selectors_are_read_and_what_is_none_is_refused() {
        assert_eq!(selector(r#"{"team":"a","stage":["b","c"]}"#).to_string(), "stage = b or c, team = a");
        for wrong in
            [r"{}", r#"{"1a":"x"}"#, r#"{"__name__":"x"}"#, r#"{"a":""}"#, r#"{"a":[]}"#, r#"{"a":"x\n"}"#, r#"{"a b":"x"}"#]
        {
            assert!(serde_json::from_str::<Selector>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_select_no_more_than_each() {
        let (a, b) = (selector(r#"{"team":["a","b"]}"#), selector(r#"{"team":["b","c"],"stage":"p"}"#));
        assert_eq!(a.both(&b), Some(selector(r#"{"team":"b","stage":"p"}"#)));
        assert_eq!(a.both(&selector(r#"{"team":"z"}"#)), None);
    }

    #[test]
    fn either_is_said_in_one_selector_or_not_at_all() {
        let (a, b) = (selector(r#"{"team":"a","stage":"p"}"#), selector(r#"{"team":"b","stage":"p"}"#));
        assert_eq!(a.either(&b), Some(selector(r#"{"team":["a","b"],"stage":"p"}"#)));
        assert_eq!(a.either(&a), Some(a.clone()));
        assert_eq!(a.either(&selector(r#"{"team":"b","stage":"q"}"#)), None);
        assert_eq!(a.either(&selector(r#"{"team":"a"}"#)), None);
    }
}
