//! Why a request was refused, and what would let the next one through.

use super::Text;

/// Why, and what to do, by reason code. `call` is a request at the gate, in contrast to a change that was refused.
#[must_use]
pub fn by_reason(reason: &str, call: bool) -> (Text, Text) {
    let (why, advice) = of_caller(reason).unwrap_or_else(|| of_request(reason, call));
    (Text::filled(format!("{why} (Reason: {})", reason.replace('_', " "))), Text::fixed(advice))
}

/// The same where it was about what was asked.
fn of_request(reason: &str, call: bool) -> (&'static str, &'static str) {
    match reason {
        "target_denied" => (
            "The operator opened this tool, prompt or resource to nobody.",
            "Ask the operator to name it in the server's policy.",
        ),
        "argument_denied" => (
            "An argument of the call had a value that the operator does not allow, or was missing.",
            "Call it with a value that is allowed; the answer named the argument, and the operator knows its values.",
        ),
        "tasks_closed" => (
            "The message was about an MCP task, and the operator did not open tasks of this server.",
            "Call the tool without a task, or ask the operator to open them.",
        ),
        "session_not_yours" | "task_not_yours" => (
            "The MCP session or task was of another user or organization, or not made through this gateway.",
            "Reconnect the application, so that it has its own. If it goes on, somebody else's session or task is in use.",
        ),
        "no_api" | "no_route" => {
            ("No API or route is open at this path.", "Check the path against the list of routes that the operator published.")
        }
        "method_not_allowed" => {
            ("The route exists, but not with this method.", "Use one of the methods that the answer's Allow header named.")
        }
        "origin_not_allowed" => (
            "A browser page of an origin that may not call this API sent the request.",
            "Ask the operator to list the origin, if the page should work.",
        ),
        "service_worker" => (
            "A browser asked for a script of the API to be a service worker, which would stand before the gateway's own pages.",
            "Nothing needs to be done: pages behind the gateway work without one.",
        ),
        "message_malformed" | "header_mismatch" => (
            "The body was not one JSON-RPC message, or its headers said something else.",
            "Update the application: it does not speak the protocol as it should.",
        ),
        "body_too_large" | "length_required" | "body_broken" => (
            "The body was too large, of undeclared length, or did not arrive whole.",
            "Send less at once, and declare the length.",
        ),
        "node_stale" | "configuration_changed" | "store_unavailable" | "journal_unavailable" | "panic" => (
            "The gateway could not do its part and refused to be safe.",
            "Try again. If it goes on, tell the operator the request id.",
        ),
        "upstream_unreachable" | "upstream_protocol" | "upstream_timeout" | "upstream_broken" | "upstream_refused_us" => (
            "The service behind the gateway did not answer as it should.",
            "Try again. If it goes on, tell the operator the request id.",
        ),
        _ if call => (
            "The request could be read in more than one way, so it was refused before anybody else could read it differently.",
            "Update the application, or look at the proxies in front of the gateway; the reason says what was doubtful.",
        ),
        _ => ("What was asked for was refused.", "The reason says what was wrong."),
    }
}

/// The same where it was about who called, and what they may see at all.
fn of_caller(reason: &str) -> Option<(&'static str, &'static str)> {
    Some(match reason {
        "no_token" => (
            "The request carried no access token.",
            "Send one in the Authorization header; connect the application again if it has none.",
        ),
        "token_malformed" | "token_foreign" | "token_signature" => (
            "The token was not issued by this gateway, or was changed.",
            "Connect the application again. If that does not help, it uses a token of another service.",
        ),
        "token_expired" => (
            "The access token had expired.",
            "Nothing to mend when the next request passed: applications refresh by themselves. Otherwise connect the application again.",
        ),
        "token_revoked" | "grant_revoked" => {
            ("The application's access had been revoked.", "Authorize the application again, if it should have access.")
        }
        "grant_expired" => ("The consent behind the token had come to its end.", "Authorize the application again."),
        "client_disabled" => {
            ("The application had been disabled.", "Ask an administrator: it stays refused until they enable it.")
        }
        "client_blocked" => (
            "The organization had blocked the application.",
            "Ask an administrator of the organization: it stays refused until they allow it.",
        ),
        "client_not_approved" => (
            "The application waited for the approval of an administrator of the organization.",
            "Ask an administrator of the organization to approve it.",
        ),
        "user_disabled" => ("The user had been deactivated or frozen.", "Ask an administrator."),
        "org_disabled" => ("The organization had been disabled.", "Ask the operator of this gateway."),
        "key_unknown" | "key_disabled" | "key_not_approved" => (
            "The API key did not work: it was disabled, its application was uninstalled, or may no longer have keys.",
            "Authorize the application again and let it make a new key, if it should have one.",
        ),
        "key_not_accepted" => (
            "An API key was sent to a route that takes access tokens only.",
            "Update the application: keys are for sending data, everything else is done with access tokens.",
        ),
        "not_a_member" => (
            "The user was no longer a member of the organization.",
            "Ask an administrator of the organization to add the user again.",
        ),
        "subject_unfit" => (
            "The machine acts as a person who may no longer manage the members of the organization.",
            "Give the machine a service user, or ask an administrator to give the person the role again.",
        ),
        "wrong_audience" => (
            "The token was issued for another API.",
            "Connect the application to this API's own address, so that it asks for a token for it.",
        ),
        "other_organization_path" | "other_organization_host" | "other_organization_header" | "other_organization_query" => (
            "The request named an organization that the token is not bound to.",
            "Authorize the application again and choose that organization.",
        ),
        _ => return None,
    })
}

/// The same in a line of a report, which has the code beside it and the scopes that were missing.
#[must_use]
pub fn in_report(reason: &str) -> Text {
    match reason {
        "insufficient_scope" => Text::fixed("The token named no permission that the request needs."),
        "permission_missing" => Text::fixed("The user or the application does not hold a permission that the request needs."),
        other => by_reason(other, true).0,
    }
}

/// A key that may not do something.
#[must_use]
pub const fn key() -> Text {
    Text::fixed("The API key may not do this.")
}

/// What to do about a key.
#[must_use]
pub const fn key_is_fixed() -> Text {
    Text::fixed(
        "What a key may do was fixed when it was made. Disable it and let its application make a new one, when the application is authorized for what is missing.",
    )
}

/// A token without a scope.
#[must_use]
pub const fn not_in_token() -> Text {
    Text::fixed("The token did not hold every scope that this operation needs.")
}

/// A scope that did not count any more.
#[must_use]
pub const fn not_held() -> Text {
    Text::fixed(
        "The token named every scope that this operation needs, but the user or the application no longer held all of them.",
    )
}

/// What to do when the grant is over.
#[must_use]
pub const fn grant_ended() -> Text {
    Text::fixed(
        "The grant behind the token has ended since. Authorize the application again; if it is refused then, ask again with that request's id.",
    )
}

/// What to do when the configuration lost a scope.
#[must_use]
pub const fn scopes_gone() -> Text {
    Text::fixed("This gateway no longer has these scopes. Try the request again.")
}

/// What to do when no role has a permission.
#[must_use]
pub fn no_role(scopes: &str) -> Text {
    Text::filled(format!(
        "The user does not hold {scopes} in this organization. No role has it yet: ask the operator; authorizing the application again does not help before that."
    ))
}

/// What to do when the user lacks a permission.
#[must_use]
pub fn some_role(scopes: &str, roles: &str) -> Text {
    Text::filled(format!(
        "The user does not hold {scopes} in this organization. Roles that have it: {roles}. Ask an administrator; authorizing the application again does not help before that."
    ))
}

/// What to do when the application may not have it.
#[must_use]
pub fn barred(scopes: &str) -> Text {
    Text::filled(format!(
        "The application may not ask for {scopes}. An administrator can allow it to; authorizing again does not help before that."
    ))
}

/// What to do when it would be allowed now.
#[must_use]
pub const fn covered() -> Text {
    Text::fixed("The grant covers this now. Use a token that holds these scopes: refresh it, or authorize the application again.")
}

/// What to do when only consent is missing.
#[must_use]
pub fn user_holds(scopes: &str) -> Text {
    Text::filled(format!("The user holds {scopes}: authorize the application again and agree to it."))
}
