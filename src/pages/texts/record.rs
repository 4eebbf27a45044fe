//! One record of the audit log: names of its fields, and what is not data in them.

use super::{Text, counted};
use crate::pages::grouped;

/// "Who".
#[must_use]
pub const fn who() -> Text {
    Text::fixed("Who")
}

/// "What".
#[must_use]
pub const fn what() -> Text {
    Text::fixed("What")
}

/// "Authorization".
#[must_use]
pub const fn authorization() -> Text {
    Text::fixed("Authorization")
}

/// "Where from".
#[must_use]
pub const fn origin() -> Text {
    Text::fixed("Where from")
}

/// "User".
#[must_use]
pub const fn user() -> Text {
    Text::fixed("User")
}

/// "Application".
#[must_use]
pub const fn application() -> Text {
    Text::fixed("Application")
}

/// "Client".
#[must_use]
pub const fn client() -> Text {
    Text::fixed("Client")
}

/// "Grant".
#[must_use]
pub const fn grant() -> Text {
    Text::fixed("Grant")
}

/// "Token".
#[must_use]
pub const fn token() -> Text {
    Text::fixed("Token")
}

/// "Operation".
#[must_use]
pub const fn operation() -> Text {
    Text::fixed("Operation")
}

/// "API".
#[must_use]
pub const fn api() -> Text {
    Text::fixed("API")
}

/// "Method".
#[must_use]
pub const fn method() -> Text {
    Text::fixed("Method")
}

/// "Path".
#[must_use]
pub const fn path() -> Text {
    Text::fixed("Path")
}

/// "MCP method".
#[must_use]
pub const fn mcp_method() -> Text {
    Text::fixed("MCP method")
}

/// "Tool, prompt or resource".
#[must_use]
pub const fn mcp_target() -> Text {
    Text::fixed("Tool, prompt or resource")
}

/// "MCP version".
#[must_use]
pub const fn mcp_version() -> Text {
    Text::fixed("MCP version")
}

/// "Started".
#[must_use]
pub const fn started() -> Text {
    Text::fixed("Started")
}

/// "Ended".
#[must_use]
pub const fn ended() -> Text {
    Text::fixed("Ended")
}

/// "Status".
#[must_use]
pub const fn status() -> Text {
    Text::fixed("Status")
}

/// "Length".
#[must_use]
pub const fn length() -> Text {
    Text::fixed("Length")
}

/// "Time".
#[must_use]
pub const fn time() -> Text {
    Text::fixed("Time")
}

/// "Needed".
#[must_use]
pub const fn needed() -> Text {
    Text::fixed("Needed")
}

/// "Held then".
#[must_use]
pub const fn held() -> Text {
    Text::fixed("Held then")
}

/// "Token for".
#[must_use]
pub const fn token_for() -> Text {
    Text::fixed("Token for")
}

/// "Reason".
#[must_use]
pub const fn reason() -> Text {
    Text::fixed("Reason")
}

/// "Missing".
#[must_use]
pub const fn missing() -> Text {
    Text::fixed("Missing")
}

/// "Would be refused because".
#[must_use]
pub const fn would_be_refused() -> Text {
    Text::fixed("Would be refused because")
}

/// "Would be missing".
#[must_use]
pub const fn would_be_missing() -> Text {
    Text::fixed("Would be missing")
}

/// "Event".
#[must_use]
pub const fn event() -> Text {
    Text::fixed("Event")
}

/// "On".
#[must_use]
pub const fn on() -> Text {
    Text::fixed("On")
}

/// "Scopes".
#[must_use]
pub const fn scopes() -> Text {
    Text::fixed("Scopes")
}

/// "Refused because".
#[must_use]
pub const fn refused() -> Text {
    Text::fixed("Refused because")
}

/// "Remark".
#[must_use]
pub const fn remark() -> Text {
    Text::fixed("Remark")
}

/// "Address".
#[must_use]
pub const fn address() -> Text {
    Text::fixed("Address")
}

/// "Program".
#[must_use]
pub const fn program() -> Text {
    Text::fixed("Program")
}

/// "Request".
#[must_use]
pub const fn request() -> Text {
    Text::fixed("Request")
}

/// "Trace".
#[must_use]
pub const fn trace() -> Text {
    Text::fixed("Trace")
}

/// "Node".
#[must_use]
pub const fn node() -> Text {
    Text::fixed("Node")
}

/// "Same grant".
#[must_use]
pub const fn same_grant() -> Text {
    Text::fixed("Same grant")
}

/// "Same user".
#[must_use]
pub const fn same_user() -> Text {
    Text::fixed("Same user")
}

/// "Same request".
#[must_use]
pub const fn same_request() -> Text {
    Text::fixed("Same request")
}

/// How a call ended.
#[must_use]
pub const fn ended_whole() -> Text {
    Text::fixed("The answer was written whole")
}

/// How a call ended.
#[must_use]
pub const fn ended_by_caller() -> Text {
    Text::fixed("The caller went away")
}

/// How a call ended.
#[must_use]
pub const fn ended_by_upstream() -> Text {
    Text::fixed("The upstream failed or went away")
}

/// How a call ended.
#[must_use]
pub const fn ended_by_revocation() -> Text {
    Text::fixed("Cut: the grant was revoked or the token expired")
}

/// How a call ended.
#[must_use]
pub const fn ended_by_shutdown() -> Text {
    Text::fixed("Cut: the node was shutting down")
}

/// How a call ended.
#[must_use]
pub const fn ended_by_fault() -> Text {
    Text::fixed("A fault of the gateway")
}

/// How a call ended that somebody else forwards.
#[must_use]
pub const fn ended_elsewhere() -> Text {
    Text::fixed("Not known here: a proxy asked for the decision and forwarded by itself")
}

/// Label of the proxy that asked for a decision.
#[must_use]
pub const fn forwarded_by() -> Text {
    Text::fixed("Forwarded by")
}

/// A proxy that asked for a decision: its address, and in which dialect.
#[must_use]
pub fn forwarder(address: &str, dialect: &str) -> Text {
    Text::filled(format!("{address} ({dialect})"))
}

/// How a call ended.
#[must_use]
pub const fn ended_unknown() -> Text {
    Text::fixed("Unknown: the gateway stopped before the answer, and the upstream may have acted")
}

/// No scopes.
#[must_use]
pub const fn none() -> Text {
    Text::fixed("none")
}

/// The length of an answer.
#[must_use]
pub fn bytes(number: u64) -> Text {
    counted::bytes(number)
}

/// How long an answer took.
#[must_use]
pub fn milliseconds(number: u64) -> Text {
    Text::filled(format!("{} ms", grouped(number)))
}

/// Through what something was done: a page of ours.
#[must_use]
pub const fn browser() -> Text {
    Text::fixed("Browser")
}

/// A browser, by its name and its system's.
#[must_use]
pub fn browser_on(browser: &str, system: &str) -> Text {
    Text::filled(format!("{browser} on {system}"))
}

/// Through what something was done.
#[must_use]
pub const fn admin_api() -> Text {
    Text::fixed("Admin API")
}

/// Through what something was done: nothing.
#[must_use]
pub const fn itself() -> Text {
    Text::fixed("Tollgate itself")
}

/// An outcome.
#[must_use]
pub const fn allowed() -> Text {
    Text::fixed("Allowed")
}

/// An outcome.
#[must_use]
pub const fn denied() -> Text {
    Text::fixed("Denied")
}

/// An outcome.
#[must_use]
pub const fn unknown() -> Text {
    Text::fixed("Unknown")
}

/// A filter that filters nothing.
#[must_use]
pub const fn any() -> Text {
    Text::fixed("Any")
}

/// A filter.
#[must_use]
pub const fn outcome_unknown() -> Text {
    Text::fixed("Outcome unknown")
}

/// What most records share.
#[must_use]
pub const fn by_application() -> Text {
    Text::fixed("By application")
}

/// What most records share.
#[must_use]
pub const fn by_user() -> Text {
    Text::fixed("By user")
}

/// What most records share.
#[must_use]
pub const fn by_tool() -> Text {
    Text::fixed("By tool")
}

/// What most records share.
#[must_use]
pub const fn by_operation() -> Text {
    Text::fixed("By operation")
}

/// What most records share.
#[must_use]
pub const fn by_decision() -> Text {
    Text::fixed("By decision")
}

/// How many records share something, and how many of them are refusals.
#[must_use]
pub fn share(total: u64, denied: u64) -> Text {
    let total = grouped(total);
    Text::filled(if denied == 0 { total } else { format!("{total}, {} denied", grouped(denied)) })
}

/// A call in one line.
#[must_use]
pub fn call_on(what: &str, api: &str) -> Text {
    Text::filled(format!("{what} on {api}"))
}

/// A change in one line: the name of its event.
#[must_use]
pub fn change(event: &str) -> Text {
    Text::filled(event.to_owned())
}

/// A refusal in short.
#[must_use]
pub fn needs(scopes: &str) -> Text {
    Text::filled(format!("needs {scopes}"))
}

/// A refusal in short: the reason, which is the same for programs.
#[must_use]
pub fn reason_code(reason: &str) -> Text {
    Text::filled(reason.to_owned())
}
