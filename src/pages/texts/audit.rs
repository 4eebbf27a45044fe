//! The audit log.

use super::{Explained, Text};

/// The address of a search is damaged.
#[must_use]
pub const fn damaged_search() -> Explained {
    Explained::fixed(
        "This search can't be read",
        "The address of this search is damaged: a part of it can't be read, or was made for another log.",
        "Open the audit log again and search from there.",
    )
}

/// A search that is to be downloaded can't be read.
#[must_use]
pub const fn unreadable_download(problem: Text) -> Explained {
    Explained {
        title: Text::fixed("This search can't be read"),
        happened: problem,
        advice: Text::fixed("Correct the search, then download again."),
    }
}

/// No more searches can be saved.
#[must_use]
pub fn too_many_searches(most: u32) -> Explained {
    Explained {
        title: Text::fixed("This search can't be saved"),
        happened: Text::filled(format!("You have saved {most} searches here, and there is no room for more.")),
        advice: Text::fixed("Forget one that you no longer need."),
    }
}

/// The start of a range is no time.
#[must_use]
pub const fn first_time_unreadable() -> Text {
    Text::fixed("The first time can't be read. Write it in UTC as 2026-11-21T22:00, or as RFC 3339.")
}

/// The end of a range is no time.
#[must_use]
pub const fn last_time_unreadable() -> Text {
    Text::fixed("The last time can't be read. Write it in UTC as 2026-11-21T22:00, or as RFC 3339.")
}

/// A range without an instant.
#[must_use]
pub const fn empty_range() -> Text {
    Text::fixed("The range ends before it starts.")
}

/// A status that is none.
#[must_use]
pub const fn no_such_status() -> Text {
    Text::fixed("A status is a number such as 404, or a class such as 4xx.")
}

/// A decision that there is not.
#[must_use]
pub const fn no_such_decision() -> Text {
    Text::fixed("A decision is allowed, denied, unknown or would_deny.")
}

/// A grant id that is none.
#[must_use]
pub const fn no_such_grant() -> Text {
    Text::fixed("The grant is not one that this gateway gives out.")
}

/// A request id that is none.
#[must_use]
pub const fn no_such_request() -> Text {
    Text::fixed("The request is not one that this gateway gives out.")
}

/// Two texts at once.
#[must_use]
pub const fn application_and_text() -> Text {
    Text::fixed("Name the application by its id when you also search for text.")
}
