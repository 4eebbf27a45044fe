//! What is said beside fields, so that they are filled well.

use super::Text;

/// Beside a field.
#[must_use]
pub const fn app_name() -> Text {
    Text::fixed("People see it on the consent page.")
}

/// Beside a field.
#[must_use]
pub const fn app_uuid() -> Text {
    Text::fixed("Optional. When you give it, it must be this app's, or nothing is published.")
}

/// Beside a choice.
#[must_use]
pub const fn approved_first() -> Text {
    Text::fixed("Members are told to wait; the application appears at the top of this page.")
}

/// Beside a choice.
#[must_use]
pub const fn authorized_by_members() -> Text {
    Text::fixed("You see them here afterwards.")
}

/// Beside a field.
#[must_use]
pub const fn comment_of_denial() -> Text {
    Text::fixed("Needed to deny it.")
}

/// Beside a field.
#[must_use]
pub const fn comment_of_withdrawal() -> Text {
    Text::fixed("Why it is taken back.")
}

/// Beside a field.
#[must_use]
pub const fn description() -> Text {
    Text::fixed("What it does for those who authorize it, in a few sentences.")
}

/// Beside a field.
#[must_use]
pub const fn https_address() -> Text {
    Text::fixed("An https address.")
}

/// Beside a field.
#[must_use]
pub const fn invited_address() -> Text {
    Text::fixed("They get a link from you that works once, for this address alone.")
}

/// Beside a field.
#[must_use]
pub const fn manifest() -> Text {
    Text::fixed("The JSON that the other site exported. It holds no secrets.")
}

/// Beside a field.
#[must_use]
pub const fn onboarding_url() -> Text {
    Text::fixed("Where somebody begins to connect it. http://localhost is fine while you try it.")
}

/// Beside a field.
#[must_use]
pub const fn organization_name() -> Text {
    Text::fixed("For people. The short name when empty.")
}

/// Beside a field.
#[must_use]
pub const fn path() -> Text {
    Text::fixed("The whole path, /prometheus/api/v1/label/job/values for example. Other routes need none.")
}

/// Beside a field.
#[must_use]
pub const fn private_permission() -> Text {
    Text::fixed("Its name, as the operator or the documentation gives it.")
}

/// Beside a field.
#[must_use]
pub const fn query() -> Text {
    Text::fixed("Without the question mark: query=up")
}

/// Beside a field.
#[must_use]
pub const fn reason() -> Text {
    Text::fixed("The operator reads this before deciding.")
}

/// Beside a field.
#[must_use]
pub const fn redirect_uris() -> Text {
    Text::fixed("One a line; compared character by character.")
}

/// Beside a field.
#[must_use]
pub const fn service_user() -> Text {
    Text::fixed("Lower-case letters, digits and -. It never signs in; machine clients act as it.")
}

/// Beside a field.
#[must_use]
pub const fn slug() -> Text {
    Text::fixed("Stands in addresses: lower-case letters, digits and -. It can't be changed.")
}

/// Beside a field.
#[must_use]
pub const fn tenant() -> Text {
    Text::fixed("What your upstreams know it by. The short name when empty.")
}

/// Beside a field.
#[must_use]
pub const fn uninstall_instructions() -> Text {
    Text::fixed("What somebody does who no longer wants it.")
}

/// Beside a field.
#[must_use]
pub const fn user_code() -> Text {
    Text::fixed("Eight letters. Capitals and the dash don't matter.")
}
