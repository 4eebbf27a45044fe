//! The audit log.

use super::{Explained, Text};
use crate::pages::{When, grouped};

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

/// Heading of what is known of the log's proof.
#[must_use]
pub const fn proof() -> Text {
    Text::fixed("Proof of this log")
}

/// Label of when the newest record was sealed.
#[must_use]
pub const fn last_sealed() -> Text {
    Text::fixed("Last sealed")
}

/// In which batch the newest record is sealed.
#[must_use]
pub fn sealed_in(chain: &str, sequence: u64) -> Text {
    Text::filled(format!("In batch {} of {chain}.", grouped(sequence)))
}

/// No record is sealed.
#[must_use]
pub const fn nothing_sealed() -> Text {
    Text::fixed("None of the last records here is sealed yet. Calls are sealed as they are stored, changes within a second.")
}

/// Label of when the log was last proved.
#[must_use]
pub const fn last_proved() -> Text {
    Text::fixed("Last proved")
}

/// Nobody proved the log.
#[must_use]
pub const fn never_proved() -> Text {
    Text::fixed(
        "Not yet. The operator proves the log: whatever was changed, deleted or put in since it was sealed is then named.",
    )
}

/// A proof found nothing wrong.
#[must_use]
pub fn proved_until(until: &When) -> Text {
    Text::filled(format!("The operator found no fault: what was sealed up to {} is as it was.", until.exact))
}

/// A proof found nothing wrong, and nothing.
#[must_use]
pub const fn proved_nothing() -> Text {
    Text::fixed("The operator found no fault, and nothing that was sealed.")
}

/// A proof found something wrong.
#[must_use]
pub const fn proof_failed() -> Text {
    Text::fixed(
        "The operator found records that are not as they were sealed. They may be of any organization: ask the operator whether any is of yours.",
    )
}
