//! Why an authorization, or a permission of one, does nothing at the moment.

use super::Text;

/// Its time is over.
#[must_use]
pub const fn expired() -> Text {
    Text::fixed("It can do nothing at the moment: the authorization has expired.")
}

/// Its client is switched off.
#[must_use]
pub const fn client_disabled() -> Text {
    Text::fixed("It can do nothing at the moment: the application was disabled.")
}

/// Its client is blocked.
#[must_use]
pub const fn client_blocked() -> Text {
    Text::fixed("It can do nothing at the moment: the organization blocked the application.")
}

/// Its client waits.
#[must_use]
pub const fn client_waiting() -> Text {
    Text::fixed("It can do nothing at the moment: the application waits for the approval of an administrator.")
}

/// Its user is deactivated.
#[must_use]
pub const fn user_disabled() -> Text {
    Text::fixed("It can do nothing at the moment: the user was deactivated.")
}

/// Its organization is switched off.
#[must_use]
pub const fn org_disabled() -> Text {
    Text::fixed("It can do nothing at the moment: the organization was disabled.")
}

/// Its user has left.
#[must_use]
pub const fn not_a_member() -> Text {
    Text::fixed("It can do nothing at the moment: the user is no longer a member of the organization.")
}

/// Its user may no longer be a machine's.
#[must_use]
pub const fn subject_unfit() -> Text {
    Text::fixed(
        "It can do nothing at the moment: the person that the machine acts as no longer manages the members of the organization.",
    )
}

/// It does nothing, for a reason that ends it.
#[must_use]
pub const fn idle() -> Text {
    Text::fixed("It can do nothing at the moment.")
}

/// A permission that the configuration no longer has.
#[must_use]
pub const fn scope_gone() -> Text {
    Text::fixed("Not now: this gateway no longer has this permission.")
}

/// A permission that the client lost.
#[must_use]
pub const fn scope_not_allowed() -> Text {
    Text::fixed("Not now: the application is no longer allowed this.")
}

/// A permission that the user lost.
#[must_use]
pub const fn scope_not_held() -> Text {
    Text::fixed("Not now: you don't hold this permission.")
}
