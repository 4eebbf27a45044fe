//! What pages say and no template holds: one function for each sentence.
//!
//! A [`Text`] is made here and nowhere else, and views take nothing but `Text` for what a person reads that is no data. So no handler
//! can put a literal on a page, and whoever translates the product finds its sentences in this folder and in the templates. What
//! holds for every function here:
//!
//! - It is a **whole** sentence, heading or label, with named parameters for data; never a half that a caller or a template goes on
//!   with. Where two cases differ by a word they are two sentences.
//! - Plural forms are decided in [`counted`] alone: a language may have more than two.
//! - Numbers, spans and moments come from `pages::words`, and the language's name is [`LANG`]: one place each.

pub mod account;
pub mod acts;
pub mod apps;
pub mod audit;
pub mod consent;
pub mod counted;
pub mod definition;
pub mod denials;
pub mod events;
pub mod frame;
pub mod hints;
pub mod labels;
pub mod machines;
pub mod operator;
pub mod org;
pub mod record;
pub mod secrets;
pub mod sign_in;
pub mod standing;
pub mod titles;
pub mod trial;
pub mod troubles;
pub mod trust;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use crate::pages::DisplayName;

/// The language of the sentences here (BCP 47), as pages declare it.
pub const LANG: &str = "en";

/// What a page calls something whose name holds nothing that can be shown.
pub const UNNAMED: &str = "Unnamed";

/// A sentence, heading or label of ours in the language of the page. Data inside it is escaped by the template that prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Cow<'static, str>);

impl Text {
    /// Nothing to say.
    pub const NONE: Self = Self::fixed("");

    const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    const fn filled(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// What is read; still to be escaped by whatever prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a person is told in the place of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What it is about.
    pub title: Text,
    /// What happened and why, one or two sentences.
    pub happened: Text,
    /// What the person can do about it.
    pub advice: Text,
}

impl Explained {
    const fn fixed(title: &'static str, happened: &'static str, advice: &'static str) -> Self {
        Self { title: Text::fixed(title), happened: Text::fixed(happened), advice: Text::fixed(advice) }
    }
}

/// A name as a label: of a page that a link leads to.
#[must_use]
pub fn name(of: &DisplayName) -> Text {
    Text::filled(of.to_string())
}

/// Whole sentences, one after another.
#[must_use]
pub fn together(all: impl IntoIterator<Item = Text>) -> Text {
    Text::filled(all.into_iter().filter(|one| !one.is_empty()).map(|one| one.0).collect::<Vec<_>>().join(" "))
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
