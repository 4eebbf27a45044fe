//! A person's own applications and sessions.

use std::time::Duration;

use super::{Explained, Text};
use crate::pages::duration_words;

/// A revocation that this node could not see take effect.
#[must_use]
pub const fn unsettled() -> Explained {
    Explained::fixed(
        "Revoked, not yet confirmed",
        "The application's access was revoked, but this node could not confirm that it has taken effect everywhere.",
        "Open your applications again in a moment: the application must be gone from the list.",
    )
}

/// Nothing was taken from a grant.
#[must_use]
pub const fn nothing_unticked() -> Text {
    Text::fixed("Everything was still ticked, so nothing was taken. Untick what it should lose.")
}

/// Everything was to be taken from a grant.
#[must_use]
pub const fn nothing_left() -> Text {
    Text::fixed("Nothing was left ticked. To end its access, revoke it.")
}

/// An application that was revoked has an API key.
#[must_use]
pub fn key_goes_on(last4: &str) -> Text {
    Text::filled(format!(
        "The API key that ends in {last4}, which it made on your behalf, goes on: it is the organization's, and an administrator disables it."
    ))
}

/// An application that was revoked tried again.
#[must_use]
pub fn refused_later(span: Duration) -> Text {
    let after = match span.as_millis() {
        ..100 => return Text::fixed("Its last request was refused at once."),
        millis @ ..10_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => duration_words(span),
    };
    Text::filled(format!("Its last request was refused {after} later."))
}

/// An end date that has passed.
#[must_use]
pub const fn day_is_over() -> Text {
    Text::fixed("Choose a day that is not over. Nothing was changed.")
}

/// An end date that changes nothing.
#[must_use]
pub const fn ends_before() -> Text {
    Text::fixed("Nothing was changed: it ends before that anyway, or it can only be changed by an administrator.")
}

/// Link to the list of them.
#[must_use]
pub const fn to_your_applications() -> Text {
    Text::fixed("Go to your applications")
}

/// When a permission was last used.
#[must_use]
pub const fn never_used() -> Text {
    Text::fixed("never used")
}

/// When a permission was last used.
#[must_use]
pub fn used(ago: &str) -> Text {
    Text::filled(format!("used {ago}"))
}

/// Heading over permissions.
#[must_use]
pub const fn may() -> Text {
    Text::fixed("It may")
}

/// Heading over permissions of which some were never used.
#[must_use]
pub fn may_with_unused(unused: usize, all: usize) -> Text {
    Text::filled(format!("It may · {unused} of {all} never used"))
}
