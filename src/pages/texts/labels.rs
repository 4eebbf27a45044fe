//! Labels: above columns, beside values, fields and choices.

use super::Text;

/// Label of a column.
#[must_use]
pub const fn allowed_by() -> Text {
    Text::fixed("Allowed by")
}

/// Label of a column.
#[must_use]
pub const fn among() -> Text {
    Text::fixed("In")
}

/// Label of a field.
#[must_use]
pub const fn api() -> Text {
    Text::fixed("API")
}

/// Label of a column.
#[must_use]
pub const fn app() -> Text {
    Text::fixed("App")
}

/// Label of a column or a value.
#[must_use]
pub const fn app_or_client() -> Text {
    Text::fixed("App or client")
}

/// Label of a column or a field.
#[must_use]
pub const fn application() -> Text {
    Text::fixed("Application")
}

/// Choice.
#[must_use]
pub const fn approved_first() -> Text {
    Text::fixed("An administrator approves each first")
}

/// Label of a column.
#[must_use]
pub const fn asks_for() -> Text {
    Text::fixed("Asks for")
}

/// Label of a value.
#[must_use]
pub const fn authorized() -> Text {
    Text::fixed("Authorized")
}

/// Choice.
#[must_use]
pub const fn authorized_by_members() -> Text {
    Text::fixed("Members may authorize them")
}

/// Label of a column.
#[must_use]
pub const fn changed() -> Text {
    Text::fixed("Changed")
}

/// Label of a column.
#[must_use]
pub const fn client() -> Text {
    Text::fixed("Client")
}

/// Label of a field.
#[must_use]
pub const fn code() -> Text {
    Text::fixed("Code")
}

/// Label of a field.
#[must_use]
pub const fn comment() -> Text {
    Text::fixed("What its maker reads")
}

/// Label of a column.
#[must_use]
pub const fn consented_to() -> Text {
    Text::fixed("Consented to")
}

/// Label of a field.
#[must_use]
pub const fn containing() -> Text {
    Text::fixed("Containing")
}

/// Label of a value.
#[must_use]
pub const fn counts_until() -> Text {
    Text::fixed("Counts until")
}

/// Label of a column.
#[must_use]
pub const fn decision() -> Text {
    Text::fixed("Decision")
}

/// Label of a field.
#[must_use]
pub const fn e_mail_address() -> Text {
    Text::fixed("E-mail address")
}

/// Label of a field.
#[must_use]
pub const fn email() -> Text {
    Text::fixed("Email")
}

/// Label of a column or a value.
#[must_use]
pub const fn ends() -> Text {
    Text::fixed("Ends")
}

/// Label of a field.
#[must_use]
pub const fn find_a_client() -> Text {
    Text::fixed("Find a client by name or id")
}

/// Label of a field.
#[must_use]
pub const fn find_a_key() -> Text {
    Text::fixed("Application, user or permission")
}

/// Label of a field.
#[must_use]
pub const fn find_a_member() -> Text {
    Text::fixed("Find a member by name or address")
}

/// Label of a field.
#[must_use]
pub const fn find_a_permission() -> Text {
    Text::fixed("Find a permission")
}

/// Label of a field.
#[must_use]
pub const fn find_a_user() -> Text {
    Text::fixed("Address, name or id of a user")
}

/// Label of a field.
#[must_use]
pub const fn find_an_app() -> Text {
    Text::fixed("Find an app")
}

/// Label of a field.
#[must_use]
pub const fn find_an_application() -> Text {
    Text::fixed("Find an application")
}

/// Label of a field.
#[must_use]
pub const fn find_access() -> Text {
    Text::fixed("Application, user or permission")
}

/// Choice: everything.
#[must_use]
pub const fn any_role() -> Text {
    Text::fixed("Any role")
}

/// Choice: everything.
#[must_use]
pub const fn any_state() -> Text {
    Text::fixed("Any state")
}

/// Choice: everything.
#[must_use]
pub const fn used_or_not() -> Text {
    Text::fixed("Used or not")
}

/// Choice.
#[must_use]
pub const fn not_used_for_90_days() -> Text {
    Text::fixed("Not used for 90 days")
}

/// Choice.
#[must_use]
pub const fn used_in_90_days() -> Text {
    Text::fixed("Used or made since")
}

/// Label of a field.
#[must_use]
pub const fn role() -> Text {
    Text::fixed("Role")
}

/// Label of a field.
#[must_use]
pub const fn last_use() -> Text {
    Text::fixed("Last use")
}

/// Label of a field.
#[must_use]
pub const fn find_an_organization() -> Text {
    Text::fixed("Name, short name or id")
}

/// Label of a field.
#[must_use]
pub const fn find_on_this_page() -> Text {
    Text::fixed("Find on this page")
}

/// Label of a column.
#[must_use]
pub const fn first_authorized() -> Text {
    Text::fixed("First authorized")
}

/// Label of a value.
#[must_use]
pub const fn first_used() -> Text {
    Text::fixed("First used")
}

/// Label of a value.
#[must_use]
pub const fn for_how_long() -> Text {
    Text::fixed("For how long")
}

/// Label of a value.
#[must_use]
pub const fn from() -> Text {
    Text::fixed("From")
}

/// Label of a field.
#[must_use]
pub const fn from_utc() -> Text {
    Text::fixed("From (UTC)")
}

/// Label of a field.
#[must_use]
pub const fn grant() -> Text {
    Text::fixed("Grant")
}

/// Label of a value.
#[must_use]
pub const fn grant_ends() -> Text {
    Text::fixed("Grant ends")
}

/// Label of a value.
#[must_use]
pub const fn granted() -> Text {
    Text::fixed("Granted")
}

/// Label of a value.
#[must_use]
pub const fn held_by() -> Text {
    Text::fixed("Held by")
}

/// Label of a column or a value.
#[must_use]
pub const fn here_since() -> Text {
    Text::fixed("Here since")
}

/// Label of a column or a value.
#[must_use]
pub const fn holds() -> Text {
    Text::fixed("Holds")
}

/// Label of a field.
#[must_use]
pub const fn in_organization() -> Text {
    Text::fixed("In organization (short name)")
}

/// Label of a value.
#[must_use]
pub const fn it_asked_from() -> Text {
    Text::fixed("It asked from")
}

/// Label of a value.
#[must_use]
pub const fn it_calls_itself() -> Text {
    Text::fixed("It calls itself")
}

/// Label of a column.
#[must_use]
pub const fn key() -> Text {
    Text::fixed("Key")
}

/// Label of a column or a value.
#[must_use]
pub const fn last_seen() -> Text {
    Text::fixed("Last seen")
}

/// Label of a column or a value.
#[must_use]
pub const fn requests() -> Text {
    Text::fixed("Requests")
}

/// Label of a column or a value.
#[must_use]
pub const fn last_used() -> Text {
    Text::fixed("Last used")
}

/// Label of a column.
#[must_use]
pub const fn made() -> Text {
    Text::fixed("Made")
}

/// Label of a field.
#[must_use]
pub const fn manifest() -> Text {
    Text::fixed("Manifest")
}

/// Label of a value.
#[must_use]
pub const fn may_ask_for() -> Text {
    Text::fixed("May ask for")
}

/// Label of a column.
#[must_use]
pub const fn may_do() -> Text {
    Text::fixed("May do")
}

/// Label of a column.
#[must_use]
pub const fn may_send() -> Text {
    Text::fixed("May send")
}

/// Label of a column.
#[must_use]
pub const fn member() -> Text {
    Text::fixed("Member")
}

/// Label of a field.
#[must_use]
pub const fn name() -> Text {
    Text::fixed("Name")
}

/// Label of a field.
#[must_use]
pub const fn new_password() -> Text {
    Text::fixed("New password")
}

/// Label of a field.
#[must_use]
pub const fn of_organization() -> Text {
    Text::fixed("Of organization (short name)")
}

/// Label of a value.
#[must_use]
pub const fn other_one() -> Text {
    Text::fixed("The other one")
}

/// Label of a column or a value.
#[must_use]
pub const fn owner() -> Text {
    Text::fixed("Owner")
}

/// Label of a field.
#[must_use]
pub const fn password() -> Text {
    Text::fixed("Password")
}

/// Label of a field.
#[must_use]
pub const fn path_of_route() -> Text {
    Text::fixed("Path, when the route has a part in braces or a star")
}

/// Label of a field.
#[must_use]
pub const fn permission() -> Text {
    Text::fixed("Permission")
}

/// Label of a column.
#[must_use]
pub const fn why_refused() -> Text {
    Text::fixed("Why")
}

/// Label of a column.
#[must_use]
pub const fn proposal() -> Text {
    Text::fixed("Proposal")
}

/// Label of a field.
#[must_use]
pub const fn query() -> Text {
    Text::fixed("Query")
}

/// Label of a field.
#[must_use]
pub const fn reason() -> Text {
    Text::fixed("What it is wanted for")
}

/// Label of a field.
#[must_use]
pub const fn request() -> Text {
    Text::fixed("Request")
}

/// Label of a column.
#[must_use]
pub const fn roles() -> Text {
    Text::fixed("Roles")
}

/// Label of a column.
#[must_use]
pub const fn scope() -> Text {
    Text::fixed("Scope")
}

/// Label of the tabs, for readers.
#[must_use]
pub const fn settings() -> Text {
    Text::fixed("Settings")
}

/// Label of a value or a field.
#[must_use]
pub const fn short_name() -> Text {
    Text::fixed("Short name")
}

/// Label of a column or a value.
#[must_use]
pub const fn since() -> Text {
    Text::fixed("Since")
}

/// Label of a column.
#[must_use]
pub const fn state() -> Text {
    Text::fixed("State")
}

/// Label of a column.
#[must_use]
pub const fn status() -> Text {
    Text::fixed("Status")
}

/// Label of a value or a field.
#[must_use]
pub const fn tenant() -> Text {
    Text::fixed("Tenant")
}

/// Badge.
#[must_use]
pub const fn this_browser() -> Text {
    Text::fixed("This browser")
}

/// Label of a value.
#[must_use]
pub const fn this_one() -> Text {
    Text::fixed("This one")
}

/// Label of a column.
#[must_use]
pub const fn time() -> Text {
    Text::fixed("Time")
}

/// Label of a value.
#[must_use]
pub const fn to_undo_it() -> Text {
    Text::fixed("To undo it")
}

/// Label of a field.
#[must_use]
pub const fn to_utc() -> Text {
    Text::fixed("To (UTC)")
}

/// Label of a value.
#[must_use]
pub const fn token_ends() -> Text {
    Text::fixed("Token ends")
}

/// Label of a field.
#[must_use]
pub const fn tool() -> Text {
    Text::fixed("Tool")
}

/// Label of a column or a field.
#[must_use]
pub const fn user() -> Text {
    Text::fixed("User")
}

/// Label of a column.
#[must_use]
pub const fn what() -> Text {
    Text::fixed("What")
}

/// Label of a value.
#[must_use]
pub const fn when() -> Text {
    Text::fixed("When")
}

/// Label of a column.
#[must_use]
pub const fn who() -> Text {
    Text::fixed("Who")
}

/// Label of a field.
#[must_use]
pub const fn your_name() -> Text {
    Text::fixed("Your name")
}

/// Label of a value.
#[must_use]
pub const fn how_registered() -> Text {
    Text::fixed("How it came here")
}

/// Label of a value.
#[must_use]
pub const fn client_kind() -> Text {
    Text::fixed("Kind")
}

/// Label of a value.
#[must_use]
pub const fn grant_types() -> Text {
    Text::fixed("Asks by")
}

/// Label of a value.
#[must_use]
pub const fn redirect_uris() -> Text {
    Text::fixed("Answers may go to")
}
