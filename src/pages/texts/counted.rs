//! Numbers of things: alone in a cell or beside a heading, and inside the sentences of other files.

use super::Text;
use crate::pages::grouped;

/// A number with the form of the noun that it takes in this language.
fn count(number: u64, one: &str, many: &str) -> Text {
    let noun = if number == 1 { one } else { many };
    Text::filled(format!("{} {noun}", grouped(number)))
}

/// People and service users.
#[must_use]
pub fn users(number: u64) -> Text {
    count(number, "user", "users")
}

/// Organizations.
#[must_use]
pub fn organizations(number: u64) -> Text {
    count(number, "organization", "organizations")
}

/// Requests at the gate.
#[must_use]
pub fn requests(number: u64) -> Text {
    count(number, "request", "requests")
}

/// Lines of a report: a caller at a route for a reason.
#[must_use]
pub fn callers(number: u64) -> Text {
    count(number, "kind of caller", "kinds of callers")
}

/// Members of an organization.
#[must_use]
pub fn members(number: u64) -> Text {
    count(number, "member", "members")
}

/// Clients.
#[must_use]
pub fn clients(number: u64) -> Text {
    count(number, "client", "clients")
}

/// API keys.
#[must_use]
pub fn api_keys(number: u64) -> Text {
    count(number, "API key", "API keys")
}

/// Grants.
#[must_use]
pub fn authorizations(number: u64) -> Text {
    count(number, "authorization", "authorizations")
}

/// Grants that work.
#[must_use]
pub fn live_authorizations(number: u64) -> Text {
    count(number, "live authorization", "live authorizations")
}

/// Browsers in which somebody is signed in.
#[must_use]
pub fn browsers(number: u64) -> Text {
    count(number, "browser", "browsers")
}

/// Scopes.
#[must_use]
pub fn permissions(number: u64) -> Text {
    count(number, "permission", "permissions")
}

/// Secrets of a client.
#[must_use]
pub fn secrets(number: u64) -> Text {
    count(number, "secret", "secrets")
}

/// Calls.
#[must_use]
pub fn calls(number: u64) -> Text {
    count(number, "call", "calls")
}

/// Bytes.
#[must_use]
pub fn bytes(number: u64) -> Text {
    count(number, "byte", "bytes")
}

/// Days.
#[must_use]
pub fn days(number: u64) -> Text {
    count(number, "day", "days")
}

/// Seconds.
#[must_use]
pub fn seconds(number: u64) -> Text {
    count(number, "second", "seconds")
}

/// Grants, and of how many people.
#[must_use]
pub fn authorizations_of(grants: u64, people: u64) -> Text {
    Text::filled(format!("{} of {}", authorizations(grants), users(people)))
}

/// Grants, of how many people, and API keys, which outlive them.
#[must_use]
pub fn held(grants: u64, people: u64, keys: u64) -> Text {
    let authorized = authorizations_of(grants, people);
    if keys == 0 { authorized } else { Text::filled(format!("{authorized} and {}", api_keys(keys))) }
}

/// Grants that work, and of how many people.
#[must_use]
pub fn live_authorizations_of(grants: u64, people: u64) -> Text {
    Text::filled(format!("{} of {}", live_authorizations(grants), users(people)))
}

/// Calls over days, of a small picture.
#[must_use]
pub fn calls_in_days(number: u64, span: u64) -> Text {
    Text::filled(format!("{} in {}", calls(number), days(span)))
}

/// Calls and denials over the whole range of a picture, of which one bar is as wide as this.
#[must_use]
pub fn calls_and_denials(number: u64, denials: u64, every: &str) -> Text {
    Text::filled(format!("{}, {} denied, in intervals of {every}", calls(number), grouped(denials)))
}

/// Calls and denials of one bar.
#[must_use]
pub fn interval(start: &str, number: u64, denials: u64) -> Text {
    Text::filled(format!("{start}: {}, {} denied", calls(number), grouped(denials)))
}

/// What a search found, all of it on this page.
#[must_use]
pub fn found(number: u64) -> Text {
    Text::filled(format!("{} found.", grouped(number)))
}

/// What a search found, with others on other pages.
#[must_use]
pub fn found_here(number: u64) -> Text {
    Text::filled(format!("{} on this page; there are more.", grouped(number)))
}

/// Calls that were let pass, beside their colour.
#[must_use]
pub fn allowed(number: u64) -> Text {
    Text::filled(format!("{} allowed", grouped(number)))
}

/// Calls that were refused, beside their colour.
#[must_use]
pub fn denied(number: u64) -> Text {
    Text::filled(format!("{} denied", grouped(number)))
}
