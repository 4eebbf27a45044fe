//! The operator's pages.

use super::{Text, counted};
use crate::pages::DisplayName;

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

/// How far back a report looks.
#[must_use]
pub const fn last_day() -> Text {
    Text::fixed("24 hours")
}

/// How far back a report looks.
#[must_use]
pub const fn last_week() -> Text {
    Text::fixed("7 days")
}

/// How far back a report looks.
#[must_use]
pub const fn last_month() -> Text {
    Text::fixed("30 days")
}

/// What enforcement would have refused, over the list of it.
#[must_use]
pub fn would_be_refused(requests: u64, callers: u64) -> Text {
    let (requests, callers) = (counted::requests(requests), counted::callers(callers));
    Text::filled(format!("{requests} of {callers} would have been refused."))
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

/// A short name that is none.
#[must_use]
pub const fn unfit_slug() -> Text {
    Text::fixed("The short name has 1 to 63 characters of a-z 0-9 -, starting and ending with a letter or digit.")
}

/// A short name that another organization has.
#[must_use]
pub fn slug_taken(slug: &str) -> Text {
    Text::filled(format!("The short name {slug} is taken; choose another one."))
}

/// A name that is none.
#[must_use]
pub fn unfit_name(most: usize) -> Text {
    Text::filled(format!("A name has 1 to {most} characters and no line breaks."))
}

/// A tenant value that is none.
#[must_use]
pub fn unfit_tenant(most: usize) -> Text {
    Text::filled(format!("A tenant value has 1 to {most} characters of A-Z a-z 0-9 ! - _ . * ' ( ) :"))
}

/// A span for which nothing is given.
#[must_use]
pub fn unfit_term(longest: &str) -> Text {
    Text::filled(format!("A private scope is given for {longest} at most."))
}

/// A denial of what does not wait.
#[must_use]
pub const fn not_waiting() -> Text {
    Text::fixed("No request for it waits: somebody else decided meanwhile.")
}

/// A withdrawal of what nobody has.
#[must_use]
pub const fn not_given() -> Text {
    Text::fixed("It was not given, or was taken back meanwhile.")
}

/// A refusal that no form leads to.
#[must_use]
pub const fn not_done() -> Text {
    Text::fixed("This can't be done as it was sent. Look at the page again, then try once more.")
}

/// What freezing a user does.
#[must_use]
pub fn freeze_user((grants, orgs): (u64, u64), browsers: u64, keys: u64) -> Text {
    let (grants, browsers) = (authorized_in(grants, orgs), counted::browsers(browsers));
    let going_on = match keys {
        0 => String::new(),
        1 => " 1 API key that was made on their behalf goes on: it is its organization's.".to_owned(),
        _ => format!(" {} that were made on their behalf go on: they are their organizations'.", counted::api_keys(keys)),
    };
    Text::filled(format!(
        "All of it stops at once: {grants}, and {browsers} signed in. Open streams are cut.{going_on} Nothing is revoked: thaw the user and everything goes on. The log of each organization says that you did it."
    ))
}

/// What signing a user out does.
#[must_use]
pub fn end_sessions(browsers: u64) -> Text {
    let browsers = counted::browsers(browsers);
    Text::filled(format!(
        "{browsers} must sign in again. Applications keep what was authorized: to stop those too, freeze the user."
    ))
}

/// What freezing an organization does.
#[must_use]
pub fn freeze_organization(members: u64, (grants, users): (u64, u64), keys: u64) -> Text {
    let (members, grants) = (counted::members(members), with_keys(counted::live_authorizations_of(grants, users), keys));
    Text::filled(format!(
        "All of it stops at once: {members}, and {grants}. Open streams are cut, and its members can't open its pages. Nothing is revoked: thaw it and everything goes on. Its log says that you did it."
    ))
}

/// What freezing a client does.
#[must_use]
pub fn freeze_client(users: u64, keys: u64, orgs: u64) -> Text {
    let (users, orgs) = (with_keys(counted::users(users), keys), counted::organizations(orgs));
    Text::filled(format!(
        "It stops at once for {users} in {orgs}: every token and API key is refused, open streams are cut, and nobody can authorize it. Nothing is revoked: thaw it and everything goes on. The log of each of these organizations says that you did it."
    ))
}

/// What taking a private scope back does.
#[must_use]
pub fn withdraw_scope(holder: &DisplayName, held: (u64, u64), keys: u64, orgs: u64) -> Text {
    let held = held_by(held, keys, orgs);
    Text::filled(format!(
        "What holds it ends for good, {held}, with everything else that was consented to beside it. To go on, users authorize {holder} again."
    ))
}

/// What denying the renewal of a private scope does.
#[must_use]
pub fn deny_renewal(holder: &DisplayName, held: (u64, u64), keys: u64, orgs: u64) -> Text {
    let held = held_by(held, keys, orgs);
    Text::filled(format!(
        "It was given before, and denying it for longer ends that now. What holds it ends for good, {held}, with everything else that was consented to beside it. To let it run until its end, give it anew for as long as that, or leave the request where it is. {holder} may ask again."
    ))
}

/// What ended with a private scope.
#[must_use]
pub fn ended_with_it(grants: u64, keys: u64) -> Text {
    Text::filled(format!("{} and {} ended with it.", counted::authorizations(grants), counted::api_keys(keys)))
}

/// What a user authorized.
#[must_use]
pub fn authorized_in(grants: u64, orgs: u64) -> Text {
    let (grants, orgs) = (counted::live_authorizations(grants), counted::organizations(orgs));
    Text::filled(format!("{grants} in {orgs}"))
}

/// What rests on a client or a scope.
#[must_use]
pub fn held_by((grants, users): (u64, u64), keys: u64, orgs: u64) -> Text {
    let (grants, orgs) = (with_keys(counted::live_authorizations_of(grants, users), keys), counted::organizations(orgs));
    Text::filled(format!("{grants} in {orgs}"))
}

/// The same with the API keys that stop as well, where there are any.
fn with_keys(counted: Text, keys: u64) -> Text {
    if keys == 0 { counted } else { Text::filled(format!("{counted} and {}", counted::api_keys(keys))) }
}
