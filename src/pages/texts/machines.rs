//! The machine clients of an organization: programs without a person in front of them.

use super::{Text, counted};
use crate::pages::DisplayName;

/// Title of the form that makes one, and link to it.
#[must_use]
pub const fn create() -> Text {
    Text::fixed("Make a machine client")
}

/// Under that title.
#[must_use]
pub const fn create_lead() -> Text {
    Text::fixed(
        "A program without a person in front of it. It gets tokens with a secret of its own and acts as one user of your organization.",
    )
}

/// Under the title of the form that changes what one may do.
#[must_use]
pub const fn scopes_lead() -> Text {
    Text::fixed("What you take away is gone from its tokens at once; what you add is in its next one.")
}

/// Title of the empty list.
#[must_use]
pub const fn none() -> Text {
    Text::fixed("No machine clients yet")
}

/// State.
#[must_use]
pub const fn works() -> Text {
    Text::fixed("Works")
}

/// State.
#[must_use]
pub const fn switched_off() -> Text {
    Text::fixed("Switched off")
}

/// State.
#[must_use]
pub const fn stopped() -> Text {
    Text::fixed("Stopped")
}

/// Why one does not work.
#[must_use]
pub const fn why_off() -> Text {
    Text::fixed("It is switched off: it gets no token, and those that it has are refused.")
}

/// Why one does not work.
#[must_use]
pub const fn why_frozen() -> Text {
    Text::fixed("The operator of this gateway froze it. Ask them to thaw it.")
}

/// Why one does not work.
#[must_use]
pub const fn why_blocked() -> Text {
    Text::fixed("Your organization blocks it under third-party access: its tokens are refused until it is allowed there.")
}

/// Why one does not work.
#[must_use]
pub const fn why_subject_off() -> Text {
    Text::fixed("The user that it acts as is deactivated: it gets no token, and those that it had are revoked.")
}

/// Why one does not work.
#[must_use]
pub const fn why_subject_frozen() -> Text {
    Text::fixed("The operator of this gateway froze the user that it acts as. Ask them to thaw it.")
}

/// Why one does not work.
#[must_use]
pub const fn why_subject_elsewhere() -> Text {
    Text::fixed("The user that it acts as is no member of your organization any more.")
}

/// Why one does not work.
#[must_use]
pub const fn why_subject_person() -> Text {
    Text::fixed("The user that it acts as is a person who may not manage members any more: a machine would impersonate them.")
}

/// Why one does not work.
#[must_use]
pub const fn why_unnamed() -> Text {
    Text::fixed("It has no permissions that are named; name at least one.")
}

/// Why one does not work.
#[must_use]
pub const fn why_revoked() -> Text {
    Text::fixed("Its authorization was revoked: it gets no token until it is allowed again.")
}

/// Why one does not work.
#[must_use]
pub const fn why_no_secret() -> Text {
    Text::fixed("Every secret of it has ended: it gets no token until it has a new one.")
}

/// A client was made.
#[must_use]
pub const fn made() -> Text {
    Text::fixed("The machine client is made. It works from now on.")
}

/// A client was deleted.
#[must_use]
pub const fn deleted() -> Text {
    Text::fixed("The machine client is deleted, and nothing that it had works any more.")
}

/// A client was switched off.
#[must_use]
pub const fn off() -> Text {
    Text::fixed("It is switched off: the next request with a token of it is refused.")
}

/// A client was switched on.
#[must_use]
pub const fn on() -> Text {
    Text::fixed("It is switched on.")
}

/// Permissions were changed.
#[must_use]
pub const fn changed() -> Text {
    Text::fixed("Its permissions are what stands below.")
}

/// A secret was added.
#[must_use]
pub const fn secret_added() -> Text {
    Text::fixed("The client has another secret.")
}

/// A secret was taken away.
#[must_use]
pub const fn secret_retired() -> Text {
    Text::fixed("The secret is retired; nobody gets a token with it any more.")
}

/// Heading over a new secret.
#[must_use]
pub const fn new_secret() -> Text {
    Text::fixed("Secret of the machine client")
}

/// Button.
#[must_use]
pub const fn make() -> Text {
    Text::fixed("Make the machine client")
}

/// Link.
#[must_use]
pub const fn change_permissions() -> Text {
    Text::fixed("Change permissions")
}

/// Link and button.
#[must_use]
pub const fn switch_off() -> Text {
    Text::fixed("Switch it off")
}

/// Button.
#[must_use]
pub const fn switch_on() -> Text {
    Text::fixed("Switch it on")
}

/// Button: what was revoked is allowed again.
#[must_use]
pub const fn allow_again() -> Text {
    Text::fixed("Allow it again")
}

/// Link.
#[must_use]
pub const fn ask_delete() -> Text {
    Text::fixed("Delete it…")
}

/// Button.
#[must_use]
pub const fn delete() -> Text {
    Text::fixed("Delete the machine client")
}

/// Link.
#[must_use]
pub const fn retire() -> Text {
    Text::fixed("Retire")
}

/// Button.
#[must_use]
pub const fn retire_secret() -> Text {
    Text::fixed("Retire the secret")
}

/// Button.
#[must_use]
pub const fn add_secret() -> Text {
    Text::fixed("Add a secret")
}

/// Label of a column.
#[must_use]
pub const fn machine() -> Text {
    Text::fixed("Machine client")
}

/// Label of a field, a column or a value.
#[must_use]
pub const fn acts_as() -> Text {
    Text::fixed("Acts as")
}

/// Label of a value.
#[must_use]
pub const fn good_for() -> Text {
    Text::fixed("Good for")
}

/// Label of a field or a value.
#[must_use]
pub const fn token_lifetime() -> Text {
    Text::fixed("Tokens live")
}

/// Label of a field.
#[must_use]
pub const fn token_seconds() -> Text {
    Text::fixed("Tokens live, in seconds")
}

/// Label of a value.
#[must_use]
pub const fn token_endpoint() -> Text {
    Text::fixed("Token endpoint")
}

/// In the place of an empty list: of what a search found.
#[must_use]
pub const fn none_matches() -> Text {
    Text::fixed("No machine client matches")
}

/// Label of the search.
#[must_use]
pub const fn find() -> Text {
    Text::fixed("Client's name, id or user")
}

/// Choice: nobody yet.
#[must_use]
pub const fn choose() -> Text {
    Text::fixed("Choose a user")
}

/// Good for which APIs.
#[must_use]
pub const fn every_api() -> Text {
    Text::fixed("Every API of this gateway")
}

/// Beside a field.
#[must_use]
pub const fn name_hint() -> Text {
    Text::fixed("People see it here and in the audit log.")
}

/// Beside a field.
#[must_use]
pub const fn subject_hint() -> Text {
    Text::fixed(
        "It can do what this user may do, and no more than the permissions below. The day the user is deactivated, it stops.",
    )
}

/// Beside a permission: the subject lacks it.
#[must_use]
pub const fn subject_lacks() -> Text {
    Text::fixed("Takes effect when the user that it acts as is given this permission")
}

/// Beside a permission: the organization restricted the client.
#[must_use]
pub const fn restricted() -> Text {
    Text::fixed("Your organization restricts it under third-party access")
}

/// Beside a permission: private and not given.
#[must_use]
pub const fn not_given() -> Text {
    Text::fixed("Private, and the operator has not given it")
}

/// Beside a permission: the configuration no longer has it.
#[must_use]
pub const fn scope_is_gone() -> Text {
    Text::fixed("This gateway no longer has it")
}

/// A form without a subject.
#[must_use]
pub const fn no_subject() -> Text {
    Text::fixed("Choose the user that it acts as.")
}

/// A subject that can't be one.
#[must_use]
pub const fn unfit_subject() -> Text {
    Text::fixed("That user can't be acted as. Choose a service user, or somebody who may manage members.")
}

/// A subject beyond the reach of who makes the client.
#[must_use]
pub const fn beyond_reach() -> Text {
    Text::fixed("The user that it acts as may do more than you. Ask somebody who may do the same.")
}

/// A form without permissions.
#[must_use]
pub const fn no_scopes() -> Text {
    Text::fixed("Tick at least one permission: a machine gets nothing that is not named.")
}

/// Resources that don't fit.
#[must_use]
pub const fn unfit_resources() -> Text {
    Text::fixed("One of the APIs is not here any more. Choose again.")
}

/// A refusal without words of its own.
#[must_use]
pub const fn not_done() -> Text {
    Text::fixed("That could not be done, and nothing was changed.")
}

/// A client that the operator froze.
#[must_use]
pub const fn frozen() -> Text {
    Text::fixed("The operator of this gateway froze this client; ask them to thaw it.")
}

/// A name that does not fit.
#[must_use]
pub fn unfit_name(most: usize) -> Text {
    Text::filled(format!("The name needs 1 to {most} characters in one line."))
}

/// A lifetime that does not fit.
#[must_use]
pub fn unfit_lifetime(most: u64) -> Text {
    Text::filled(format!("Tokens live 1 to {}.", counted::seconds(most)))
}

/// Beside the lifetime: what holds when it stays empty, and the most.
#[must_use]
pub fn lifetime_hint(default: u64, most: u64) -> Text {
    let (default, most) = (counted::seconds(default), counted::seconds(most));
    Text::filled(format!("When this is empty: {default}, as for every machine client here. At most {most}."))
}

/// How long tokens live when the client has a lifetime of its own.
#[must_use]
pub fn lifetime(seconds: u64) -> Text {
    counted::seconds(seconds)
}

/// How long tokens live when the client has no lifetime of its own.
#[must_use]
pub fn lifetime_as_default(seconds: u64) -> Text {
    Text::filled(format!("{}, as for every machine client here", counted::seconds(seconds)))
}

/// A permission that members don't give.
#[must_use]
pub fn private_scope(scope: &str) -> Text {
    Text::filled(format!("The permission {scope} is private: the operator of this gateway gives it to clients."))
}

/// A permission that this gateway gives in other ways.
#[must_use]
pub fn not_for_machines(scope: &str) -> Text {
    Text::filled(format!("The permission {scope} is not given to machine clients."))
}

/// A permission that there is not.
#[must_use]
pub fn unknown_scope(scope: &str) -> Text {
    Text::filled(format!("There is no permission {scope} here."))
}

/// The organization has no room for another client.
#[must_use]
pub fn full(number: u64) -> Text {
    let clients = counted::clients(number);
    Text::filled(format!("Your organization has {clients}, as many as it may. Delete one that is not needed."))
}

/// Title of the form that changes what a client may do.
#[must_use]
pub fn permissions_of(client: &DisplayName) -> Text {
    Text::filled(format!("Permissions of {client}"))
}

/// Asks before a client is switched off.
#[must_use]
pub fn asks_off(client: &DisplayName) -> Text {
    Text::filled(format!("Switch {client} off?"))
}

/// Asks before a client is deleted.
#[must_use]
pub fn asks_delete(client: &DisplayName) -> Text {
    Text::filled(format!("Delete {client}?"))
}

/// Asks before a secret is retired.
#[must_use]
pub fn asks_retire(last4: &str) -> Text {
    Text::filled(format!("Retire the secret that ends in {last4}?"))
}

/// What switching one off does.
#[must_use]
pub const fn off_consequence() -> Text {
    Text::fixed(
        "It gets no token from that moment, and the next request with one that it has is refused. Its secrets stay: switched on again, it works as before.",
    )
}

/// What deleting one does.
#[must_use]
pub const fn delete_consequence() -> Text {
    Text::fixed(
        "Whatever runs with it stops: the next request with a token of it is refused, and every secret of it is worth nothing. This can't be undone; to stop it for a while, switch it off. The user that it acts as stays.",
    )
}

/// What retiring a secret does.
#[must_use]
pub const fn retire_consequence() -> Text {
    Text::fixed(
        "Whatever still asks for tokens with it is refused the next time. Tokens that it got before go on until they end. Make sure that another secret is in use everywhere.",
    )
}

/// The operator was asked for a private permission.
#[must_use]
pub const fn scope_asked() -> Text {
    Text::fixed("The operator is asked. The answer will stand here.")
}

/// A request was taken back.
#[must_use]
pub const fn scope_cancelled() -> Text {
    Text::fixed("The request is withdrawn.")
}

/// Button.
#[must_use]
pub const fn set_lifetime() -> Text {
    Text::fixed("Set the lifetime")
}

/// The lifetime was set.
#[must_use]
pub const fn lifetime_set() -> Text {
    Text::fixed("Its next tokens live that long. Tokens that are out live on as they were issued.")
}

/// When the first secret ends.
#[must_use]
pub const fn secret_ends() -> Text {
    Text::fixed("Its first secret ends")
}
