//! The operator's pages.

use super::{Text, plural};
use crate::pages::{DisplayName, grouped};

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

/// What freezing a user does.
#[must_use]
pub fn freeze_user(grants: u64, orgs: u64, browsers: u64) -> Text {
    Text::filled(format!(
        "All of it stops at once: {} {} in {} {}, and {} {} signed in. Open streams are cut. Nothing is revoked: thaw the user and everything goes on. The log of each organization says that you did it.",
        grouped(grants),
        plural(grants, "live authorization", "live authorizations"),
        grouped(orgs),
        plural(orgs, "organization", "organizations"),
        grouped(browsers),
        plural(browsers, "browser", "browsers")
    ))
}

/// What signing a user out does.
#[must_use]
pub fn end_sessions(browsers: u64) -> Text {
    Text::filled(format!(
        "{} {} must sign in again. Applications keep what was authorized: to stop those too, freeze the user.",
        grouped(browsers),
        plural(browsers, "browser", "browsers")
    ))
}

/// What freezing an organization does.
#[must_use]
pub fn freeze_organization(members: u64, grants: u64, users: u64) -> Text {
    Text::filled(format!(
        "All of it stops at once: {} {}, and {} {} of {} {}. Open streams are cut, and its members can't open its pages. Nothing is revoked: thaw it and everything goes on. Its log says that you did it.",
        grouped(members),
        plural(members, "member", "members"),
        grouped(grants),
        plural(grants, "live authorization", "live authorizations"),
        grouped(users),
        plural(users, "user", "users")
    ))
}

/// What freezing a client does.
#[must_use]
pub fn freeze_client(users: u64, orgs: u64) -> Text {
    Text::filled(format!(
        "It stops at once for {} {} in {} {}: every token is refused, open streams are cut, and nobody can authorize it. Nothing is revoked: thaw it and everything goes on. The log of each of these organizations says that you did it.",
        grouped(users),
        plural(users, "user", "users"),
        grouped(orgs),
        plural(orgs, "organization", "organizations")
    ))
}

/// What taking a private scope back does.
#[must_use]
pub fn withdraw_scope(holder: &DisplayName, grants: u64, users: u64, orgs: u64) -> Text {
    Text::filled(format!(
        "What holds it ends for good, {} {} of {} {} in {} {}, with everything else that was consented to beside it, and so do API keys that rest on it. To go on, users authorize {holder} again.",
        grouped(grants),
        plural(grants, "live authorization", "live authorizations"),
        grouped(users),
        plural(users, "user", "users"),
        grouped(orgs),
        plural(orgs, "organization", "organizations")
    ))
}

/// What a user authorized.
#[must_use]
pub fn authorized_in(grants: u64, orgs: u64) -> Text {
    Text::filled(format!(
        "{} {} in {} {}",
        grouped(grants),
        plural(grants, "live authorization", "live authorizations"),
        grouped(orgs),
        plural(orgs, "organization", "organizations")
    ))
}

/// What rests on a client or a scope.
#[must_use]
pub fn held_by(grants: u64, users: u64, orgs: u64) -> Text {
    Text::filled(format!(
        "{} {} of {} {} in {} {}",
        grouped(grants),
        plural(grants, "live authorization", "live authorizations"),
        grouped(users),
        plural(users, "user", "users"),
        grouped(orgs),
        plural(orgs, "organization", "organizations")
    ))
}
