//! Signing in, passwords, invitations, devices, and what an application asks for.

use super::{Explained, Text};
use crate::pages::DisplayName;

/// No such account, wrong password or disabled: one answer for all.
#[must_use]
pub const fn refused() -> Text {
    Text::fixed("That email and password don't match an account. Check both and try again.")
}

/// Too many attempts to sign in.
#[must_use]
pub fn too_many_attempts(wait: &str) -> Text {
    Text::filled(format!("Too many attempts. Wait {wait}, then try again."))
}

/// A page that asks for a fresh sign-in.
#[must_use]
pub const fn again() -> Text {
    Text::fixed("The operator's pages ask who you are every 15 minutes. Sign in again to go on.")
}

/// A decision that asks for a sign-in of this moment.
#[must_use]
pub const fn once_more() -> Text {
    Text::fixed("You are about to allow something that can do harm, so this asks who you are once more. Sign in again to go on.")
}

/// The form was older than its token.
#[must_use]
pub const fn sign_in_expired() -> Text {
    Text::fixed("This page was open for too long. Sign in again.")
}

/// Label of the current password of a new account.
#[must_use]
pub const fn one_time_password() -> Text {
    Text::fixed("One-time password")
}

/// Label of the current password.
#[must_use]
pub const fn current_password() -> Text {
    Text::fixed("Current password")
}

/// What a new password needs.
#[must_use]
pub fn password_hint(shortest: usize) -> Text {
    Text::filled(format!("At least {shortest} characters. A few words you can remember are best."))
}

/// The one-time password does not match.
#[must_use]
pub const fn one_time_password_wrong() -> Text {
    Text::fixed("The one-time password isn't right. Check it and try again.")
}

/// The current password does not match.
#[must_use]
pub const fn current_password_wrong() -> Text {
    Text::fixed("The current password isn't right. Check it and try again.")
}

/// A new password is too short.
#[must_use]
pub fn password_too_short(shortest: usize) -> Text {
    Text::filled(format!("The new password needs at least {shortest} characters."))
}

/// A new password can be guessed.
#[must_use]
pub const fn password_too_common() -> Text {
    Text::fixed("The new password is easy to guess. Choose another one.")
}

/// A new password is the old one.
#[must_use]
pub const fn password_unchanged() -> Text {
    Text::fixed("The new password is the same as the old one. Choose another one.")
}

/// The form was older than its token.
#[must_use]
pub const fn password_expired() -> Text {
    Text::fixed("This page was open for too long. Fill it in again.")
}

/// The current password was tried too often.
#[must_use]
pub const fn password_locked() -> Explained {
    Explained::fixed(
        "Too many attempts",
        "The current password was given wrongly too often.",
        "Wait fifteen minutes, then try again.",
    )
}

/// No device waits with a code.
#[must_use]
pub const fn no_such_code() -> Text {
    Text::fixed(
        "No device is waiting with this code. Compare it with the one that your device shows; codes end after some minutes.",
    )
}

/// Too many codes were tried.
#[must_use]
pub fn too_many_codes(wait: &str) -> Text {
    Text::filled(format!("Too many codes. Wait {wait}, then try again."))
}

/// The form was older than its token.
#[must_use]
pub const fn code_expired() -> Text {
    Text::fixed("This page was open for too long. Look at the code again and continue.")
}

/// The form was older than its token.
#[must_use]
pub const fn invitation_expired() -> Text {
    Text::fixed("This page was open for too long. Try again.")
}

/// A name that can not be one.
#[must_use]
pub const fn invitation_name() -> Text {
    Text::fixed("Give a name of 1 to 100 characters.")
}

/// An invitation that can not be used.
#[must_use]
pub const fn invitation_gone() -> Explained {
    Explained::fixed(
        "This invitation is no longer open",
        "It was used or withdrawn before, or it waited for too long.",
        "Ask whoever invited you for a new one.",
    )
}

/// An invitation was answered too often.
#[must_use]
pub const fn invitation_locked() -> Explained {
    Explained::fixed(
        "Too many attempts",
        "This invitation was answered too often, or too many were from your network.",
        "Wait fifteen minutes, then open the link again.",
    )
}

/// Who invited whom.
#[must_use]
pub fn invited_by(email: &str, guest: &str) -> Text {
    Text::filled(format!("{email} invited {guest}."))
}

/// The same when whoever invited has left.
#[must_use]
pub fn invited_by_an_administrator(invited: &str) -> Text {
    Text::filled(format!("An administrator invited {invited}."))
}

/// An authorization request that was decided or waited too long.
#[must_use]
pub const fn request_gone() -> Explained {
    Explained::fixed(
        "This request is no longer open",
        "It was decided before, or it waited for too long.",
        "Start again from the application that sent you here.",
    )
}

/// A person without an organization.
#[must_use]
pub const fn no_organization() -> Explained {
    Explained::fixed(
        "You aren't in an organization yet",
        "You aren't a member of any organization here, so there is nothing that the application could work with.",
        "Ask your administrator to add you to an organization, then start again from the application.",
    )
}

/// A draft of another organization.
#[must_use]
pub const fn private_application() -> Explained {
    Explained::fixed(
        "This application isn't open to you",
        "This application is private: only members of the organization that owns it may authorize it, and you aren't one.",
        "Ask the application's maker, or sign in as a member of that organization.",
    )
}

/// An application that asks for an organization of its own choice.
#[must_use]
pub const fn another_organization() -> Explained {
    Explained::fixed(
        "This application asks for another organization",
        "It asks for access to an organization that you aren't a member of, or where you can't authorize it.",
        "Ask the application's maker to name your organization, or sign in as a member of the one that it asks for.",
    )
}

/// An application that the organization blocked.
#[must_use]
pub const fn blocked_application() -> Explained {
    Explained::fixed(
        "Your organization blocked this application",
        "An administrator of your organization blocked this application, so nobody there can authorize it.",
        "Ask your administrator if you need it.",
    )
}

/// An application that an administrator approves first.
#[must_use]
pub fn waits_for_approval(organization: &DisplayName) -> Explained {
    Explained {
        title: Text::fixed("An administrator approves this application first"),
        happened: Text::filled(format!(
            "{organization} wants new applications approved by an administrator. Yours were told that you want to use this one."
        )),
        advice: Text::fixed("When one of them has approved it, start again from the application."),
    }
}

/// A client that is not known.
#[must_use]
pub const fn unknown_application() -> Explained {
    Explained::fixed(
        "This application isn't known here",
        "The application that sent you here isn't registered with this service, or its registration was removed.",
        "In the application, remove this connection and add it again, so that it registers itself anew. If an administrator gave you its client ID, check it.",
    )
}

/// A client that is switched off.
#[must_use]
pub const fn disabled_application() -> Explained {
    Explained::fixed(
        "This application is switched off",
        "An administrator switched this application off.",
        "Ask your administrator whether it may be used again.",
    )
}

const fn wrong_address(happened: &'static str) -> Explained {
    Explained::fixed(
        "This application's address doesn't match",
        happened,
        "Don't go on from where you came. If you trust the application, tell its maker: the redirect URI must be exactly one that is registered.",
    )
}

/// A request that leaves out where to go, with several places registered.
#[must_use]
pub const fn no_address() -> Explained {
    wrong_address("The request does not say where to send you back to.")
}

/// A request that names a place that is not registered.
#[must_use]
pub const fn unregistered_address() -> Explained {
    wrong_address("It asks to send you to an address that isn't registered for it, so you were not sent there.")
}
