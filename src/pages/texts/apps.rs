//! The apps that an organization makes, and trying them.

use super::{Explained, Text};

/// A member who may see the apps and not change them.
#[must_use]
pub const fn read_only() -> Explained {
    Explained::fixed(
        "You can't change this",
        "You may see the apps of this organization, but not change them: that takes the permission clients:write.",
        "Ask an administrator of your organization for a role that has it.",
    )
}

/// An answer that belongs to no test of this browser.
#[must_use]
pub const fn not_your_test() -> Explained {
    Explained::fixed(
        "This isn't your test",
        "The answer doesn't belong to a test that this browser has under way: it was ended, took longer than an hour, or was begun elsewhere.",
        "Open the app and begin another test.",
    )
}

/// Link to the record of a test's call.
#[must_use]
pub const fn record_of_call() -> Text {
    Text::fixed("The record of this call")
}

/// Link to what a test did, for who may not read the log.
#[must_use]
pub const fn record_of_test() -> Text {
    Text::fixed("What this test did, on record")
}
