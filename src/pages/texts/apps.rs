//! The apps that an organization makes, and trying them.

use super::{Explained, Text, counted};
use crate::pages::DisplayName;

/// A member who may see the apps and not change them.
#[must_use]
pub const fn read_only() -> Explained {
    Explained::fixed(
        "You can't change this",
        "You may see the apps of this organization, but not change them: that takes the permission clients:write.",
        "Ask an administrator of your organization for a role that has it.",
    )
}

/// Link to the list.
#[must_use]
pub const fn apps() -> Text {
    Text::fixed("Apps")
}

/// Title of the form that makes one.
#[must_use]
pub const fn create() -> Text {
    Text::fixed("Create an app")
}

/// Title of the form that changes one.
#[must_use]
pub fn edit_draft(name: &DisplayName) -> Text {
    Text::filled(format!("Edit the draft of {name}"))
}

/// State: never published.
#[must_use]
pub const fn draft() -> Text {
    Text::fixed("Draft")
}

/// State: published.
#[must_use]
pub fn published(version: u32) -> Text {
    Text::filled(format!("Published v{version}"))
}

/// State: off.
#[must_use]
pub const fn switched_off() -> Text {
    Text::fixed("Switched off")
}

/// Why nothing of an app works.
#[must_use]
pub const fn app_is_off() -> Text {
    Text::fixed("The app is switched off: no token of either client works, and what people granted stays.")
}

/// Why a client does not work.
#[must_use]
pub const fn draft_client_is_off() -> Text {
    Text::fixed("The draft client is switched off: it gets no token, and those that it has are refused.")
}

/// Why a client does not work.
#[must_use]
pub const fn published_client_is_off() -> Text {
    Text::fixed("The published client is switched off: it gets no token, and those that it has are refused, for everybody.")
}

/// Why a client does not work.
#[must_use]
pub const fn draft_client_is_frozen() -> Text {
    Text::fixed("The operator of this gateway froze the draft client: its tokens are refused. Ask them to thaw it.")
}

/// Why a client does not work.
#[must_use]
pub const fn published_client_is_frozen() -> Text {
    Text::fixed(
        "The operator of this gateway froze the published client: its tokens are refused, for everybody. Ask them to thaw it.",
    )
}

/// How much an app asks for.
#[must_use]
pub fn permissions(number: u64) -> Text {
    counted::permissions(number)
}

/// An app was deleted.
#[must_use]
pub const fn deleted() -> Text {
    Text::fixed("The app is deleted, and nothing that was granted to it works any more.")
}

/// An app was made.
#[must_use]
pub const fn made() -> Text {
    Text::fixed("The app is made. Try it with the draft client; publish it when it is ready.")
}

/// A manifest was taken over.
#[must_use]
pub const fn imported() -> Text {
    Text::fixed("The draft is now what the manifest says.")
}

/// Scopes of a manifest that the operator gives.
#[must_use]
pub fn left_out(scopes: &str) -> Text {
    Text::filled(format!("Left out, because the operator of this gateway gives it: {scopes}. Ask for it below, then add it."))
}

/// A version was published.
#[must_use]
pub fn version_published(number: u32) -> Text {
    Text::filled(format!("Version {number} is published."))
}

/// A version was published, and grants lost by it.
#[must_use]
pub fn version_narrowed(number: u32, lost: u64) -> Text {
    let authorizations = counted::authorizations(lost);
    Text::filled(format!("Version {number} is published. {authorizations} lost permissions."))
}

/// A secret was removed.
#[must_use]
pub const fn secret_removed() -> Text {
    Text::fixed("The secret is removed; nobody gets in with it any more.")
}

/// A secret was added.
#[must_use]
pub const fn secret_added() -> Text {
    Text::fixed("The client has another secret.")
}

/// Heading over a new secret of the draft client.
#[must_use]
pub const fn draft_secret() -> Text {
    Text::fixed("Secret of the draft client")
}

/// Heading over a new secret of the published client.
#[must_use]
pub const fn published_secret() -> Text {
    Text::fixed("Secret of the published client")
}

/// The operator was asked for a private scope.
#[must_use]
pub fn scope_asked(scope: &str) -> Text {
    Text::filled(format!("The operator is asked for {scope}. The answer will stand here."))
}

/// A request was taken back.
#[must_use]
pub fn scope_cancelled(scope: &str) -> Text {
    Text::filled(format!("The request for {scope} is withdrawn."))
}

/// The draft was marked.
#[must_use]
pub const fn marked_stable() -> Text {
    Text::fixed("The draft is marked stable. A change takes the mark away.")
}

/// The mark was taken away.
#[must_use]
pub const fn unmarked() -> Text {
    Text::fixed("The draft is in work again.")
}

/// An app was switched off.
#[must_use]
pub const fn disabled() -> Text {
    Text::fixed("The app is switched off: no token of it works.")
}

/// An app was switched on.
#[must_use]
pub const fn enabled() -> Text {
    Text::fixed("The app is switched on: what was granted works again.")
}

/// Heading of a client.
#[must_use]
pub const fn draft_client() -> Text {
    Text::fixed("Draft client")
}

/// Heading of a client.
#[must_use]
pub const fn published_client() -> Text {
    Text::fixed("Published client")
}

/// Who may authorize the draft client.
#[must_use]
pub const fn draft_audience() -> Text {
    Text::fixed("To try the draft with: only members of this organization may authorize it.")
}

/// Who may authorize the published client.
#[must_use]
pub const fn published_audience() -> Text {
    Text::fixed("Everybody may authorize it. It does what the last version says.")
}

/// State of a private scope.
#[must_use]
pub const fn waiting() -> Text {
    Text::fixed("Waiting for the operator")
}

/// State of a private scope.
#[must_use]
pub const fn approved() -> Text {
    Text::fixed("Approved")
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

/// A private scope that the configuration no longer has.
#[must_use]
pub const fn scope_is_gone() -> Text {
    Text::fixed("This gateway no longer has it.")
}

/// Beside a permission in the editor: what comes with it.
#[must_use]
pub fn brings(scopes: &[String]) -> Text {
    Text::filled(format!("Brings {} with it, if that is ticked too", scopes.join(", ")))
}

/// What an app has everywhere: authorizations, of how many users, API keys, in how many organizations.
fn in_use((grants, users): (u64, u64), keys: u64, orgs: u64) -> Text {
    let (held, orgs) = (counted::held(grants, users, keys), counted::organizations(orgs));
    Text::filled(format!("{held} in {orgs}"))
}

/// What switching an app off does.
#[must_use]
pub fn switch_off(held: (u64, u64), keys: u64, orgs: u64) -> Text {
    let held = in_use(held, keys, orgs);
    Text::filled(format!(
        "No token of either client works from that moment, and no API key: {held}. What people granted stays: switched on again, it works as before. The log of each of these organizations says so."
    ))
}

/// What deleting an app does.
#[must_use]
pub fn delete(held: (u64, u64), keys: u64, orgs: u64) -> Text {
    let held = in_use(held, keys, orgs);
    Text::filled(format!(
        "Both clients and their secrets go. Every authorization that anybody gave them and every API key that they made end at once: {held}."
    ))
}
