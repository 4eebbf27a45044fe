//! What happens to accounts.

use super::Text;

/// What happened.
#[must_use]
pub const fn signed_in() -> Text {
    Text::fixed("You signed in")
}

/// What happened.
#[must_use]
pub const fn signed_in_elsewhere() -> Text {
    Text::fixed("You signed in from a new place")
}

/// What happened.
#[must_use]
pub const fn session_ended() -> Text {
    Text::fixed("A session was ended")
}

/// What happened.
#[must_use]
pub const fn password_changed() -> Text {
    Text::fixed("Your password was changed")
}

/// What happened.
#[must_use]
pub const fn allowed() -> Text {
    Text::fixed("You allowed an application")
}

/// What happened.
#[must_use]
pub const fn code_reused() -> Text {
    Text::fixed("A sign-in code came twice and was refused")
}

/// What happened.
#[must_use]
pub const fn token_reused() -> Text {
    Text::fixed("A token came twice; what it was for was revoked")
}

/// What happened.
#[must_use]
pub const fn narrowed() -> Text {
    Text::fixed("An application lost permissions")
}

/// What happened.
#[must_use]
pub const fn limited() -> Text {
    Text::fixed("An application got an end date")
}

/// What happened.
#[must_use]
pub const fn revoked() -> Text {
    Text::fixed("You revoked an application's access")
}

/// What happened.
#[must_use]
pub const fn revoked_by_administrator() -> Text {
    Text::fixed("An administrator revoked an application's access")
}

/// What happened.
#[must_use]
pub const fn uninstalled() -> Text {
    Text::fixed("Your organization uninstalled an application")
}

/// What happened.
#[must_use]
pub const fn ended_by_policy() -> Text {
    Text::fixed("The operator took back a permission that an application needed; its access ended")
}

/// What happened.
#[must_use]
pub const fn ended() -> Text {
    Text::fixed("An application's access ended")
}

/// What happened.
#[must_use]
pub const fn sessions_ended() -> Text {
    Text::fixed("Sessions were ended")
}

/// What happened.
#[must_use]
pub const fn sessions_ended_by_operator() -> Text {
    Text::fixed("The operator ended your sessions")
}

/// What happened.
#[must_use]
pub const fn password_changed_by_operator() -> Text {
    Text::fixed("The operator changed your password")
}

/// What happened.
#[must_use]
pub const fn narrowed_by_maker() -> Text {
    Text::fixed("An application lost permissions that its maker no longer asks for")
}

/// What happened.
#[must_use]
pub const fn replaced() -> Text {
    Text::fixed("Replaced by what you allowed since")
}

/// What happened.
#[must_use]
pub const fn left_organization() -> Text {
    Text::fixed("You are no longer in the organization; an application's access ended")
}

/// What happened.
#[must_use]
pub const fn application_removed() -> Text {
    Text::fixed("An application was removed; its access ended")
}

/// What happened.
#[must_use]
pub const fn ended_by_maker() -> Text {
    Text::fixed("An application's maker no longer asks for what it held; its access ended")
}

/// What to do about it.
#[must_use]
pub const fn was_it_you() -> Text {
    Text::fixed("Was it not you? Then end that session and change your password.")
}

/// What to do about it.
#[must_use]
pub const fn somebody_had_it() -> Text {
    Text::fixed("Somebody may have copied it. Allow the application again if you use it.")
}

/// Title of a list that holds nothing.
#[must_use]
pub const fn none() -> Text {
    Text::fixed("Nothing has happened yet")
}
