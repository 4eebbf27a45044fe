//! The administration of an organization: members, applications, API keys.

use super::{Text, counted};
use crate::pages::{DisplayName, grouped};
use crate::types::EmailError;

/// An invitation for no address.
#[must_use]
pub const fn no_address(wrong: EmailError) -> Text {
    Text::fixed(match wrong {
        EmailError::Missing => "The e-mail address is missing. Nobody was invited.",
        EmailError::TooLong => "That address is too long for an e-mail address. Nobody was invited.",
        EmailError::Control => {
            "A line break or another character that can't be seen is in that e-mail address. Nobody was invited."
        }
        EmailError::Character(_) => {
            "An e-mail address here has letters without accents, digits and common signs only, and no spaces. Nobody was invited."
        }
        EmailError::Shape => "That is no e-mail address: it has to look like name@example.com. Nobody was invited.",
    })
}

/// An invitation with roles above those of who invites.
#[must_use]
pub const fn invitation_beyond_reach() -> Text {
    Text::fixed("You can only give and take roles that permit no more than yours. Nobody was invited.")
}

/// Roles above those of who gives them.
#[must_use]
pub const fn beyond_reach() -> Text {
    Text::fixed("You can only give and take roles that permit no more than yours.")
}

/// A service user with roles above those of who adds it.
#[must_use]
pub const fn service_beyond_reach() -> Text {
    Text::fixed("You can only give and take roles that permit no more than yours. None was added.")
}

/// A name that a service user can not have.
#[must_use]
pub const fn service_name() -> Text {
    Text::fixed("A service user's name has lower-case letters, digits and - only. None was added.")
}

/// A name that a service user has.
#[must_use]
pub const fn service_taken() -> Text {
    Text::fixed("There is a service user of that name already. None was added.")
}

/// A change that leaves nobody in charge.
#[must_use]
pub const fn last_administrator() -> Text {
    Text::fixed("Nobody would be left to administer the organization. Make somebody else an administrator first.")
}

/// Removing somebody who may do more.
#[must_use]
pub const fn mightier() -> Text {
    Text::fixed("Somebody who may do more than you can't be removed by you.")
}

/// What a role permits that the configuration no longer has.
#[must_use]
pub const fn role_is_gone() -> Text {
    Text::fixed("It no longer exists")
}

/// What a role permits.
#[must_use]
pub const fn role_permits_everything() -> Text {
    Text::fixed("Everything")
}

/// What a role permits.
#[must_use]
pub const fn role_permits_nothing() -> Text {
    Text::fixed("Nothing")
}

/// Badge: a user that never signs in.
#[must_use]
pub const fn service() -> Text {
    Text::fixed("Service user")
}

/// Badge: a user or client that the operator froze.
#[must_use]
pub const fn frozen() -> Text {
    Text::fixed("Frozen by the operator")
}

/// Badge: a deactivated service user.
#[must_use]
pub const fn deactivated() -> Text {
    Text::fixed("Deactivated")
}

/// How a client stands.
#[must_use]
pub const fn allowed() -> Text {
    Text::fixed("Allowed")
}

/// How a client stands.
#[must_use]
pub const fn restricted() -> Text {
    Text::fixed("Restricted")
}

/// How a client stands.
#[must_use]
pub const fn blocked() -> Text {
    Text::fixed("Blocked")
}

/// How a client stands.
#[must_use]
pub const fn waiting() -> Text {
    Text::fixed("Waiting for approval")
}

/// How a client stands.
#[must_use]
pub const fn switched_off() -> Text {
    Text::fixed("Switched off")
}

/// Button.
#[must_use]
pub const fn block() -> Text {
    Text::fixed("Block it")
}

/// Button.
#[must_use]
pub const fn revoke_all() -> Text {
    Text::fixed("Revoke everybody's access")
}

/// Button.
#[must_use]
pub const fn revoke() -> Text {
    Text::fixed("Revoke access")
}

/// Button.
#[must_use]
pub const fn disable_key() -> Text {
    Text::fixed("Disable the key")
}

/// What revoking one authorization does, and of how many API keys that were made for the same person it is not the end.
#[must_use]
pub fn revoke_consequence(keys: u64) -> Text {
    let going_on = keys_go_on(keys);
    Text::filled(format!("It stops working for them at once. They can authorize it again unless you also block it.{going_on}"))
}

/// A sentence behind another, with a space before it: keys outlive authorizations.
fn keys_go_on(keys: u64) -> String {
    match keys {
        0 => String::new(),
        1 => " 1 API key goes on until you disable it, or block or uninstall the application.".to_owned(),
        _ => format!(" {} go on until you disable them, or block or uninstall the application.", counted::api_keys(keys)),
    }
}

/// Users who lose something, with the API keys that do.
fn users_and_keys(users: u64, keys: u64) -> Text {
    if keys == 0 {
        return counted::users(users);
    }
    Text::filled(format!("{} and {}", counted::users(users), counted::api_keys(keys)))
}

/// What disabling a key does.
#[must_use]
pub const fn disable_key_consequence() -> Text {
    Text::fixed(
        "What it sends with this key is refused at once, and the key never works again. It can make another one while somebody's authorization lets it.",
    )
}

/// How a key stands.
#[must_use]
pub const fn key_live() -> Text {
    Text::fixed("Live")
}

/// How a key stands.
#[must_use]
pub const fn key_suspended() -> Text {
    Text::fixed("Does nothing now")
}

/// How a key stands.
#[must_use]
pub const fn key_disabled() -> Text {
    Text::fixed("Disabled")
}

/// Why a key was disabled.
#[must_use]
pub const fn disabled_by_hand() -> Text {
    Text::fixed("Somebody disabled it by hand.")
}

/// Why a key was disabled.
#[must_use]
pub const fn disabled_by_uninstalling() -> Text {
    Text::fixed("The app was uninstalled.")
}

/// Why a key was disabled.
#[must_use]
pub const fn disabled_by_withdrawal() -> Text {
    Text::fixed("The operator took the permission to make keys back.")
}

/// Why a key was disabled.
#[must_use]
pub const fn disabled_by_trial() -> Text {
    Text::fixed("It was made in a test of the app, which has ended.")
}

/// Why a key was disabled.
#[must_use]
pub const fn disabled_by_deletion() -> Text {
    Text::fixed("Its maker deleted the app.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_client_gone() -> Text {
    Text::fixed("It is refused at the moment: the application is gone.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_client_disabled() -> Text {
    Text::fixed("It is refused at the moment: the application was disabled.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_client_blocked() -> Text {
    Text::fixed("It is refused at the moment: the organization blocked the application.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_client_waiting() -> Text {
    Text::fixed("It is refused at the moment: the application waits for the approval of an administrator.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_org() -> Text {
    Text::fixed("It is refused at the moment: the organization was disabled.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended_permission() -> Text {
    Text::fixed("It is refused at the moment: the application may not use API keys any more.")
}

/// Why a key does nothing now.
#[must_use]
pub const fn suspended() -> Text {
    Text::fixed("It is refused at the moment: it does not work any more.")
}

/// Why an app is not offered.
#[must_use]
pub const fn installed() -> Text {
    Text::fixed("It is installed.")
}

/// Why an app is not offered.
#[must_use]
pub const fn app_switched_off() -> Text {
    Text::fixed("Its maker switched it off: it works for nobody.")
}

/// What a role permits: the first of its permissions, and how many more there are.
#[must_use]
pub fn role_permits(first: &str, more: u64) -> Text {
    Text::filled(if more == 0 { first.to_owned() } else { format!("{first} and {} more", grouped(more)) })
}

/// What an application holds: the first of its permissions, and how many more there are.
#[must_use]
pub fn holds(first: &str, more: u64) -> Text {
    Text::filled(if more == 0 { first.to_owned() } else { format!("{first} and {} more", grouped(more)) })
}

/// Question.
#[must_use]
pub fn asks_block(application: &DisplayName) -> Text {
    Text::filled(format!("Block {application}?"))
}

/// Question.
#[must_use]
pub fn asks_revoke_all(application: &DisplayName) -> Text {
    Text::filled(format!("Revoke everybody's access of {application}?"))
}

/// Question.
#[must_use]
pub fn asks_revoke(application: &DisplayName, user: &str) -> Text {
    Text::filled(format!("Revoke the access of {application} for {user}?"))
}

/// Question.
#[must_use]
pub fn asks_disable_key(application: &DisplayName, last4: &str) -> Text {
    Text::filled(format!("Disable the API key of {application} that ends in {last4}?"))
}

/// What blocking does.
#[must_use]
pub fn block_consequence(users: u64, keys: u64) -> Text {
    let (stopped, kept) =
        (users_and_keys(users, keys), if keys == 0 { "authorizations are" } else { "authorizations and API keys are" });
    let and = if keys == 0 { " and" } else { ", and" };
    Text::filled(format!(
        "It stops working at once for {stopped}{and} nobody can authorize it. Their {kept} kept: if you allow it again, they go on."
    ))
}

/// Question.
#[must_use]
pub fn asks_restrict(application: &DisplayName) -> Text {
    Text::filled(format!("Restrict {application} to less than it holds?"))
}

/// What a restriction takes away.
#[must_use]
pub fn restrict_consequence(users: u64, keys: u64, loses: &[String], all: bool) -> Text {
    let (stopped, loses) = (users_and_keys(users, keys), loses.join(", "));
    let nothing = if all { " Nothing is left: it can do nothing here any more." } else { "" };
    Text::filled(format!(
        "It loses {loses} at once, for {stopped}.{nothing} What they consented to is kept: if you lift the restriction, it goes on."
    ))
}

/// Button.
#[must_use]
pub const fn restrict() -> Text {
    Text::fixed("Restrict it")
}

/// What revoking everything does.
#[must_use]
pub fn revoke_all_consequence(users: u64, keys: u64) -> Text {
    let (users, going_on) = (counted::users(users), keys_go_on(keys));
    Text::filled(format!("It stops working at once for {users}. They can authorize it again unless you also block it.{going_on}"))
}

/// Title.
#[must_use]
pub fn asks_uninstall(application: &DisplayName) -> Text {
    Text::filled(format!("Uninstall {application}?"))
}

/// Title.
#[must_use]
pub fn uninstalled(application: &DisplayName) -> Text {
    Text::filled(format!("{application} is uninstalled"))
}

/// Title.
#[must_use]
pub fn not_installed(application: &DisplayName) -> Text {
    Text::filled(format!("{application} is not installed"))
}

/// What letting new applications wait does, and to how many that are not new.
#[must_use]
pub fn let_new_wait(once: u64) -> Text {
    let once = match once {
        0 => String::new(),
        1 => " 1 application that members authorized before, and that nobody uses any more, waits with them.".to_owned(),
        _ => format!(
            " {} applications that members authorized before, and that nobody uses any more, wait with them.",
            grouped(once)
        ),
    };
    Text::filled(format!(
        "Members can't authorize an application that is new here until an administrator approves it.{once} What is in use goes on: authorizations, API keys and installed applications."
    ))
}

/// What a review found. How many could be narrowed is known when all of it is on the page.
#[must_use]
pub fn review(total: u64, unused: u64, wide: Option<u64>) -> Text {
    let (all, unused) = (counted::authorizations(total), grouped(unused));
    Text::filled(match wide.map(grouped) {
        None => format!("{all}. Not used for 90 days: {unused}."),
        Some(wide) => format!("{all}. Not used for 90 days: {unused}. With permissions that no call ever needed: {wide}."),
    })
}

/// What uninstalling ended.
#[must_use]
pub fn ended(grants: u64, users: u64, keys: u64) -> Text {
    let (grants, keys) = (counted::authorizations_of(grants, users), counted::api_keys(keys));
    Text::filled(format!("{grants} revoked, {keys} disabled. What they are used for from now on is refused."))
}

/// What the use of an authorization suggests.
#[must_use]
pub const fn propose_keep() -> Text {
    Text::fixed("Keep")
}

/// What the use of an authorization suggests: some of it was never used.
#[must_use]
pub const fn propose_narrow() -> Text {
    Text::fixed("Narrow")
}

/// What the use of an authorization suggests: it was not used for long.
#[must_use]
pub const fn propose_revoke() -> Text {
    Text::fixed("Revoke")
}
