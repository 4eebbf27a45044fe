//! The consent page.

use std::time::Duration;

use super::Text;
use crate::pages::{DisplayName, duration_words};

/// The person does not hold the permission anywhere yet.
#[must_use]
pub const fn held_later() -> Text {
    Text::fixed("Takes effect if you are given this permission")
}

/// The organization's administrator restricted the application.
#[must_use]
pub const fn barred() -> Text {
    Text::fixed("Your organization doesn't let this application do this")
}

/// Another requested permission brings this one with it.
#[must_use]
pub fn comes_with(scopes: &[String]) -> Text {
    Text::filled(format!("Comes with {}", scopes.join(", ")))
}

/// The person holds the permission in some of the organizations.
#[must_use]
pub fn held_only_in(organizations: &[DisplayName]) -> Text {
    let names = listed(organizations);
    Text::filled(format!("You hold this in {names} only; elsewhere it takes effect if you are given it"))
}

/// A mark: the application never asked for this before.
#[must_use]
pub const fn new() -> Text {
    Text::fixed("New")
}

/// The person allowed it wherever they may.
#[must_use]
pub const fn allowed_before() -> Text {
    Text::fixed("You allowed this before")
}

/// The person allowed it in some of the organizations.
#[must_use]
pub fn allowed_before_in(organizations: &[DisplayName]) -> Text {
    Text::filled(format!("You allowed this before in {}, not elsewhere", listed(organizations)))
}

/// The person allowed it, and the application lost it since.
#[must_use]
pub const fn taken_back() -> Text {
    Text::fixed("You allowed this once; it was taken back since")
}

/// Where something was allowed before.
#[must_use]
pub fn in_organizations(organizations: &[DisplayName]) -> Text {
    Text::filled(format!("in {}", listed(organizations)))
}

/// What is not asked for, and yet stays with what was allowed before.
#[must_use]
pub const fn stays_allowed() -> Text {
    Text::fixed("It keeps this until you revoke what you allowed before")
}

/// What is not asked for, and is gone from what was allowed before.
#[must_use]
pub const fn lost_already() -> Text {
    Text::fixed("It lost this already")
}

/// How what is asked for differs from what was allowed before.
#[must_use]
pub fn changes(new: usize, before: usize) -> Text {
    Text::filled(match (new, before) {
        (0, _) => "It asks for nothing new.".to_owned(),
        (1, 0) => "What it asks for is new.".to_owned(),
        (_, 0) => "All that it asks for is new.".to_owned(),
        (1, 1) => "1 permission is new and marked below; the other one is not.".to_owned(),
        (1, before) => format!("1 permission is new and marked below; the other {before} are not."),
        (new, 1) => format!("{new} permissions are new and marked below; the other one is not."),
        (new, before) => format!("{new} permissions are new and marked below; the other {before} are not."),
    })
}

fn listed(organizations: &[DisplayName]) -> String {
    organizations.iter().map(DisplayName::as_str).collect::<Vec<_>>().join(", ")
}

/// Label of where the browser goes.
#[must_use]
pub const fn sends_you_to() -> Text {
    Text::fixed("Sends you to")
}

/// Label of what happens when no browser goes anywhere.
#[must_use]
pub const fn and_then() -> Text {
    Text::fixed("And then")
}

/// A device goes on by itself.
#[must_use]
pub const fn back_to_the_device() -> Text {
    Text::fixed("Back to the device that shows the code")
}

/// A page of ours stands in for the application.
#[must_use]
pub const fn test_page() -> Text {
    Text::fixed("The application's test page on this site")
}

/// What a loopback address is.
#[must_use]
pub const fn on_this_computer() -> Text {
    Text::fixed("An application on this computer. Continue only if you have just started it.")
}

/// What a scheme of an application's own is.
#[must_use]
pub const fn installed() -> Text {
    Text::fixed("An application installed on this device.")
}

/// When the device goes on.
#[must_use]
pub const fn device_goes_on() -> Text {
    Text::fixed("It goes on by itself a few seconds after you decide.")
}

/// Who gets what a test is given.
#[must_use]
pub const fn test_stays_here() -> Text {
    Text::fixed("Whoever runs the application gets nothing of it.")
}

/// Where a device asked from, when that is known and near.
#[must_use]
pub fn asked_nearby(address: &str) -> Text {
    Text::filled(format!("{address}, the network that you are in"))
}

/// The same when it is somewhere else.
#[must_use]
pub fn asked_elsewhere(address: &str) -> Text {
    Text::filled(format!("{address}, not the network that you are in"))
}

/// Nobody knows where it asked from.
#[must_use]
pub const fn asked_from_nowhere() -> Text {
    Text::fixed("Not the network that you are in")
}

/// How long a grant lasts.
#[must_use]
pub fn lifetime(idle: Option<Duration>, most: Option<Duration>) -> Text {
    Text::filled(match (idle.map(duration_words), most.map(duration_words)) {
        (Some(idle), Some(most)) => format!("For {most} at most; ends sooner if unused for {idle}"),
        (Some(idle), None) => format!("As long as it is used; ends after {idle} without use"),
        (None, Some(most)) => format!("For {most}"),
        (None, None) => "Until you revoke it".to_owned(),
    })
}

/// No organization was chosen.
#[must_use]
pub const fn choose_organization() -> Text {
    Text::fixed("Choose the organization that this application may work in.")
}

/// The form was too old.
#[must_use]
pub const fn open_too_long() -> Text {
    Text::fixed("This page was open for too long. Look through it again and decide.")
}

/// A stranger bears a known name: what it is not.
#[must_use]
pub fn is_not(known: &DisplayName) -> Text {
    Text::filled(format!("This is not {known}."))
}

/// A stranger bears a known name: what it is.
#[must_use]
pub fn chose_its_name(known: &DisplayName) -> Text {
    Text::filled(format!(
        "It chose a name that looks like that of {known}, but it is a different application, and nobody here vouches for it. Don't allow it because of its name."
    ))
}

/// Two applications that somebody stands behind have names that look alike.
#[must_use]
pub const fn two_alike() -> Text {
    Text::fixed("Two applications here have names that look alike.")
}

/// What to do about that.
#[must_use]
pub fn compare_with(other: &DisplayName) -> Text {
    Text::filled(format!("Besides this one there is {other}. Look whose this one is before you allow it."))
}

/// An application of an organization that the reader belongs to.
#[must_use]
pub fn of_your_organization(organization: &DisplayName, day: &str) -> Text {
    Text::filled(format!("It belongs to {organization}, which you are a member of, and has been here since {day}."))
}

/// An application of another organization of this gateway.
#[must_use]
pub fn of_organization(organization: &DisplayName, day: &str) -> Text {
    Text::filled(format!(
        "It belongs to {organization}, an organization that the operator of this gateway admitted, and has been here since {day}."
    ))
}

/// An application that the operator entered.
#[must_use]
pub fn of_operator(day: &str) -> Text {
    Text::filled(format!("The operator of this gateway added it on {day}."))
}

/// An application that nobody stands behind.
#[must_use]
pub fn of_nobody(ago: &str) -> Text {
    Text::filled(format!("It registered itself {ago}. No organization of this gateway stands behind it."))
}

/// Where a website's answer goes.
#[must_use]
pub fn answers_go_to(host: &str) -> Text {
    Text::filled(format!("What it is given goes to {host}."))
}

/// Where the answer goes on this computer.
#[must_use]
pub fn answers_stay_here(host: &str) -> Text {
    Text::filled(format!("What it is given goes to a program on this computer, at {host}."))
}

/// Where the answer goes when the device opens an application.
#[must_use]
pub fn answers_open(scheme: &str) -> Text {
    Text::filled(format!("What it is given goes to whatever opens {scheme} on this device."))
}

/// Where the answer goes when another device asked.
#[must_use]
pub const fn answers_go_to_device() -> Text {
    Text::fixed("What it is given goes to the device that shows the code.")
}

/// Where the answer of a test goes.
#[must_use]
pub const fn answers_stay_in_test() -> Text {
    Text::fixed("What it is given stays on this site.")
}

/// What a person is in an organization.
#[must_use]
pub const fn no_role() -> Text {
    Text::fixed("no role")
}

/// The same where an administrator approves applications.
#[must_use]
pub const fn no_role_and_approval() -> Text {
    Text::fixed("no role; an administrator approves it first")
}

/// What a person is in an organization.
#[must_use]
pub fn roles(names: &str) -> Text {
    Text::filled(names.to_owned())
}

/// The same where an administrator approves applications.
#[must_use]
pub fn roles_and_approval(names: &str) -> Text {
    Text::filled(format!("{names}; an administrator approves it first"))
}

/// Heading over scopes that the configuration no longer has, and with that no group.
#[must_use]
pub const fn no_group() -> Text {
    Text::fixed("Other")
}
