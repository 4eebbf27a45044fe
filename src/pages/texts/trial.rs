//! Trying an app.

use super::{Explained, Text};

/// An answer that belongs to no test of this browser.
#[must_use]
pub const fn not_your_test() -> Explained {
    Explained::fixed(
        "This isn't your test",
        "The answer doesn't belong to a test that this browser has under way: it was ended, took longer than an hour, or was begun elsewhere.",
        "Open the app and begin another test.",
    )
}

/// Link to the record of a test's call.
#[must_use]
pub const fn record_of_call() -> Text {
    Text::fixed("The record of this call")
}

/// Link to what a test did, for who may not read the log.
#[must_use]
pub const fn record_of_test() -> Text {
    Text::fixed("What this test did, on record")
}

/// The app can not be tried.
#[must_use]
pub const fn switched_off() -> Text {
    Text::fixed("The app is switched off: switch it on to test it.")
}

/// The test has ended.
#[must_use]
pub const fn over() -> Text {
    Text::fixed("What the test was given has ended. Begin another one.")
}

/// No route was chosen.
#[must_use]
pub const fn choose_route() -> Text {
    Text::fixed("Choose one of the routes.")
}

/// No server was chosen.
#[must_use]
pub const fn choose_server() -> Text {
    Text::fixed("Choose one of the MCP servers.")
}

/// No tool was named.
#[must_use]
pub const fn choose_tool() -> Text {
    Text::fixed("Name the tool. List the tools to see which there are.")
}

/// Arguments that no tool takes.
#[must_use]
pub const fn no_arguments() -> Text {
    Text::fixed("Arguments are one JSON object, such as {\"query\": \"up\"}.")
}

/// A body that is not what it is said to be.
#[must_use]
pub const fn no_json() -> Text {
    Text::fixed("The body is not JSON. Mend it, or send it as fields.")
}

/// A body that is not sent.
#[must_use]
pub const fn long_body() -> Text {
    Text::fixed("That is too long: a test sends 8 KiB at most.")
}

/// Label of a field.
#[must_use]
pub const fn route() -> Text {
    Text::fixed("Route")
}

/// Label of a field.
#[must_use]
pub const fn body() -> Text {
    Text::fixed("Body of a POST")
}

/// Beside a field.
#[must_use]
pub const fn body_hint() -> Text {
    Text::fixed("Fields one on a line, such as query=sum(up), or JSON.")
}

/// Label of a field.
#[must_use]
pub const fn kind() -> Text {
    Text::fixed("The body is sent as")
}

/// Choice.
#[must_use]
pub const fn fields() -> Text {
    Text::fixed("Fields of a form")
}

/// Choice.
#[must_use]
pub const fn json() -> Text {
    Text::fixed("JSON")
}

/// Label of a field.
#[must_use]
pub const fn server() -> Text {
    Text::fixed("MCP server")
}

/// Button.
#[must_use]
pub const fn list_tools() -> Text {
    Text::fixed("List its tools")
}

/// Button.
#[must_use]
pub const fn call_tool() -> Text {
    Text::fixed("Call the tool")
}

/// Label of a field.
#[must_use]
pub const fn arguments() -> Text {
    Text::fixed("Arguments")
}

/// Beside a field.
#[must_use]
pub const fn arguments_hint() -> Text {
    Text::fixed("One JSON object; leave it empty when the tool takes none.")
}

/// The test holds nothing.
#[must_use]
pub const fn no_token() -> Text {
    Text::fixed("The test holds no token.")
}

/// A call got no answer.
#[must_use]
pub const fn no_answer() -> Text {
    Text::fixed("The call got no answer within ten seconds. It is on record all the same.")
}

/// A path of another route.
#[must_use]
pub const fn wrong_path() -> Text {
    Text::fixed("That path is not one of the chosen route. Write the whole path, as it stands behind the host.")
}

/// What became of a permission.
#[must_use]
pub const fn works() -> Text {
    Text::fixed("Granted, works now")
}

/// What became of a permission.
#[must_use]
pub const fn idle() -> Text {
    Text::fixed("Granted, does nothing now")
}

/// What became of a permission.
#[must_use]
pub const fn absent() -> Text {
    Text::fixed("Not granted")
}

/// What a claim says.
#[must_use]
pub const fn iss() -> Text {
    Text::fixed("Who issued it: this gateway. The callback said the same, and your app must compare the two.")
}

/// What a claim says.
#[must_use]
pub const fn aud() -> Text {
    Text::fixed("Where it may be used. The address of the gateway stands for each of its APIs.")
}

/// What a claim says.
#[must_use]
pub const fn org() -> Text {
    Text::fixed("The organization that it works in; it sees nothing of any other.")
}

/// What a claim says.
#[must_use]
pub const fn sub() -> Text {
    Text::fixed("The user on whose behalf your app acts.")
}

/// What a claim says.
#[must_use]
pub const fn client_id() -> Text {
    Text::fixed("The client that it was issued to.")
}

/// What a claim says.
#[must_use]
pub const fn scope() -> Text {
    Text::fixed("What it may be used for. At every call the gate asks as well what the user and the client still may.")
}

/// What a claim says.
#[must_use]
pub const fn grant() -> Text {
    Text::fixed("The authorization behind it, which every record names. Revoked, it ends each of its tokens at once.")
}

/// What a claim says.
#[must_use]
pub const fn iat() -> Text {
    Text::fixed("When it was issued, in seconds since 1970.")
}

/// What a claim says.
#[must_use]
pub const fn exp() -> Text {
    Text::fixed("When it ends. Your app gets another one with its refresh token before.")
}

/// What a claim says.
#[must_use]
pub const fn jti() -> Text {
    Text::fixed("Its own name: the log has this, never the token.")
}
