//! Numbers of things, alone in a cell or beside a heading. A sentence with a number in it has its own function elsewhere.

use super::{Text, plural};
use crate::pages::grouped;

/// People and service users.
#[must_use]
pub fn users(number: u64) -> Text {
    Text::filled(format!("{} {}", grouped(number), plural(number, "user", "users")))
}

/// Organizations.
#[must_use]
pub fn organizations(number: u64) -> Text {
    Text::filled(format!("{} {}", grouped(number), plural(number, "organization", "organizations")))
}

/// Members of an organization.
#[must_use]
pub fn members(number: u64) -> Text {
    Text::filled(format!("{} {}", grouped(number), plural(number, "member", "members")))
}

/// Clients.
#[must_use]
pub fn clients(number: u64) -> Text {
    Text::filled(format!("{} {}", grouped(number), plural(number, "client", "clients")))
}

/// API keys.
#[must_use]
pub fn api_keys(number: u64) -> Text {
    Text::filled(format!("{} {}", grouped(number), plural(number, "API key", "API keys")))
}

/// Grants, and of how many people.
#[must_use]
pub fn authorizations_of(grants: u64, users: u64) -> Text {
    let (authorizations, people) = (plural(grants, "authorization", "authorizations"), plural(users, "user", "users"));
    Text::filled(format!("{} {authorizations} of {} {people}", grouped(grants), grouped(users)))
}

/// Grants that work, and of how many people.
#[must_use]
pub fn live_authorizations_of(grants: u64, users: u64) -> Text {
    let (authorizations, people) = (plural(grants, "live authorization", "live authorizations"), plural(users, "user", "users"));
    Text::filled(format!("{} {authorizations} of {} {people}", grouped(grants), grouped(users)))
}

/// Calls over days, of a small picture.
#[must_use]
pub fn calls_in_days(calls: u64, days: u64) -> Text {
    Text::filled(format!(
        "{} {} in {} {}",
        grouped(calls),
        plural(calls, "call", "calls"),
        grouped(days),
        plural(days, "day", "days")
    ))
}

/// Calls and denials over the whole range of a picture, of which one bar is as wide as this.
#[must_use]
pub fn calls_and_denials(calls: u64, denials: u64, every: &str) -> Text {
    let noun = plural(calls, "call", "calls");
    Text::filled(format!("{} {noun}, {} denied, in intervals of {every}", grouped(calls), grouped(denials)))
}

/// Calls and denials of one bar.
#[must_use]
pub fn interval(start: &str, calls: u64, denials: u64) -> Text {
    let noun = plural(calls, "call", "calls");
    Text::filled(format!("{start}: {} {noun}, {} denied", grouped(calls), grouped(denials)))
}
