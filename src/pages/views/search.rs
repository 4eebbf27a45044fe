//! The search of a list, as every list has it.

use crate::pages::texts::{Text, counted};

/// A GET form over a list. Where scripts run it answers while one types; what it replaces is the element `found`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSearch {
    /// Where the list is.
    pub path: String,
    /// Label of the field: what is looked for, and in what.
    pub label: Text,
    /// What is looked for.
    pub text: String,
    /// What else is looked for, in a field of its own.
    pub beside: Option<ListField>,
    /// What the list may be narrowed to besides.
    pub choice: Option<ListChoice>,
    /// How many are on this page.
    pub found: usize,
    /// Whether there are others on another page.
    pub more: bool,
}

/// Another text that is looked for, such as the organization that something belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListField {
    /// Name of the field.
    pub name: String,
    /// Its label.
    pub label: Text,
    /// What was entered.
    pub value: String,
}

/// One of a few, beside the text that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChoice {
    /// Name of the field.
    pub name: String,
    /// Its label.
    pub label: Text,
    /// Value and name of each.
    pub options: Vec<(String, Text)>,
    /// The value of the one that is chosen; nothing when none is.
    pub chosen: String,
}

impl ListSearch {
    /// Whether the list is narrowed.
    pub(in crate::pages) fn narrows(&self) -> bool {
        !self.text.is_empty()
            || self.beside.as_ref().is_some_and(|field| !field.value.is_empty())
            || self.choice.as_ref().is_some_and(|choice| !choice.chosen.is_empty())
    }

    /// How many were found.
    pub(in crate::pages) fn count(&self) -> Text {
        let number = u64::try_from(self.found).unwrap_or(u64::MAX);
        if self.more { counted::found_here(number) } else { counted::found(number) }
    }
}
