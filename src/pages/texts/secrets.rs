//! When secrets of clients end.

use super::Text;

/// Label of a choice: what becomes of the secrets that are there.
#[must_use]
pub const fn others_end() -> Text {
    Text::fixed("Others end")
}

/// Choice.
#[must_use]
pub const fn when_they_would() -> Text {
    Text::fixed("when they would")
}

/// Choice.
#[must_use]
pub const fn in_a_day() -> Text {
    Text::fixed("in a day")
}

/// Choice.
#[must_use]
pub const fn in_a_week() -> Text {
    Text::fixed("in a week")
}

/// Choice.
#[must_use]
pub const fn at_once() -> Text {
    Text::fixed("at once")
}

/// Label of a choice: of the secret to be made.
#[must_use]
pub const fn new_one_ends() -> Text {
    Text::fixed("New one ends")
}

/// Choice.
#[must_use]
pub const fn never() -> Text {
    Text::fixed("never")
}

/// Choice.
#[must_use]
pub const fn in_30_days() -> Text {
    Text::fixed("in 30 days")
}

/// Choice.
#[must_use]
pub const fn in_90_days() -> Text {
    Text::fixed("in 90 days")
}

/// Choice.
#[must_use]
pub const fn in_a_year() -> Text {
    Text::fixed("in 365 days")
}
