//! How far the name of a client can be believed.

use super::Text;
use crate::pages::{DisplayName, display_name};

/// Badge of an app of an organization.
#[must_use]
pub fn published_by(organization: &DisplayName) -> Text {
    Text::filled(format!("Published by {organization}"))
}

/// Badge of a draft.
#[must_use]
pub fn draft_of(organization: &DisplayName) -> Text {
    Text::filled(format!("Draft of {organization}"))
}

/// Badge of a client that a document on the web describes.
#[must_use]
pub fn document_at(host: &str) -> Text {
    Text::filled(format!("Verified document at {}", display_name(host)))
}

/// Badge of a client that registered itself.
#[must_use]
pub const fn registered_itself() -> Text {
    Text::fixed("Registered itself")
}

/// Badge of a client that the operator or an administrator entered.
#[must_use]
pub const fn added() -> Text {
    Text::fixed("Added by your administrator")
}

/// How a client came here.
#[must_use]
pub const fn came_by_itself() -> Text {
    Text::fixed("It registered itself")
}

/// How a client came here.
#[must_use]
pub const fn came_by_operator() -> Text {
    Text::fixed("The operator of this gateway added it")
}

/// How a client came here.
#[must_use]
pub const fn came_by_owner() -> Text {
    Text::fixed("The organization that owns it added it")
}

/// How a client came here.
#[must_use]
pub const fn came_with_app() -> Text {
    Text::fixed("It came with its app")
}

/// A confidential client.
#[must_use]
pub const fn has_a_secret() -> Text {
    Text::fixed("Confidential: it proves itself with a secret")
}

/// A public client.
#[must_use]
pub const fn has_no_secret() -> Text {
    Text::fixed("Public: it has no secret, so anybody can claim to be it")
}

/// What a draft is.
#[must_use]
pub const fn is_a_draft() -> Text {
    Text::fixed("This is not published yet: members of its organization try it. It works with your real data.")
}

/// A client that nobody around the reader uses.
#[must_use]
pub fn unused_stranger(ago: &str) -> Text {
    Text::filled(format!(
        "This application registered itself {ago}, and nobody in your organization uses it. Its name is its own claim. Continue only if you started this yourself."
    ))
}

/// A client that somebody around the reader uses.
#[must_use]
pub fn used_stranger(ago: &str) -> Text {
    Text::filled(format!("This application registered itself {ago}. Others in your organization use it too."))
}

/// A client that is looked at for no organization.
#[must_use]
pub fn stranger(ago: &str) -> Text {
    Text::filled(format!("This application registered itself {ago}. Its name is its own claim."))
}
