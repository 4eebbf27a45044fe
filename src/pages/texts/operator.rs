//! The operator's pages.

use super::Text;

/// Badge: a user that never signs in.
#[must_use]
pub const fn service() -> Text {
    Text::fixed("Service user")
}

/// Badge: a frozen user or client.
#[must_use]
pub const fn frozen() -> Text {
    Text::fixed("Frozen")
}

/// Badge: a deactivated user.
#[must_use]
pub const fn deactivated() -> Text {
    Text::fixed("Deactivated")
}

/// Choice: what is not frozen.
#[must_use]
pub const fn active() -> Text {
    Text::fixed("Active")
}

/// State of a private scope.
#[must_use]
pub const fn waiting() -> Text {
    Text::fixed("Waiting")
}

/// State of a private scope.
#[must_use]
pub const fn given() -> Text {
    Text::fixed("Given")
}

/// State of a private scope.
#[must_use]
pub const fn ended() -> Text {
    Text::fixed("Ended")
}

/// State of a private scope.
#[must_use]
pub const fn denied() -> Text {
    Text::fixed("Denied")
}

/// State of a private scope.
#[must_use]
pub const fn withdrawn() -> Text {
    Text::fixed("Withdrawn")
}

/// How long a private scope is given.
#[must_use]
pub const fn thirty_days() -> Text {
    Text::fixed("30 days")
}

/// How long a private scope is given.
#[must_use]
pub const fn ninety_days() -> Text {
    Text::fixed("90 days")
}

/// How long a private scope is given.
#[must_use]
pub const fn a_year() -> Text {
    Text::fixed("A year")
}

/// How long a private scope is given.
#[must_use]
pub const fn five_years() -> Text {
    Text::fixed("Five years")
}

/// A denial without a comment.
#[must_use]
pub const fn say_why() -> Text {
    Text::fixed("Say why: the maker of the app reads it.")
}

/// An approval without an end.
#[must_use]
pub const fn choose_term() -> Text {
    Text::fixed("Choose for how long it is given.")
}

/// A refusal of the administration, which speaks the language of its API: made a sentence, not translated.
#[must_use]
pub fn refused(detail: &str) -> Text {
    let mut chars = detail.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    Text::filled(format!("{first}{}.", chars.as_str().trim_end_matches('.')))
}
