//! Titles of pages, what stands below them, and what stands in the place of empty lists.

use super::Text;

/// Below a title: of the applications of a person.
#[must_use]
pub const fn applications_lead() -> Text {
    Text::fixed("Everything you allowed to work for you. Revoking ends an application's access at once, everywhere.")
}

/// In the place of an empty list: of what a search found.
#[must_use]
pub const fn no_member_matches() -> Text {
    Text::fixed("No member matches")
}

/// In the place of an empty list: of what a search found.
#[must_use]
pub const fn no_application_matches() -> Text {
    Text::fixed("No application matches")
}

/// In the place of an empty list: of what a search found.
#[must_use]
pub const fn no_authorization_matches() -> Text {
    Text::fixed("No authorization matches")
}

/// Title.
#[must_use]
pub const fn change_password() -> Text {
    Text::fixed("Change your password")
}

/// Title.
#[must_use]
pub const fn connect_device() -> Text {
    Text::fixed("Connect a device")
}

/// Title.
#[must_use]
pub const fn device_connected() -> Text {
    Text::fixed("Device connected")
}

/// Below a title: of the page that takes a device code.
#[must_use]
pub const fn device_lead() -> Text {
    Text::fixed("Type the code that your device or terminal shows.")
}

/// Instead of what a version changes.
#[must_use]
pub const fn draft_as_published() -> Text {
    Text::fixed("The draft is what the last version says.")
}

/// Below a title: of the form that makes or changes an app.
#[must_use]
pub const fn draft_lead() -> Text {
    Text::fixed("A draft may be unfinished. What publishing needs is listed on the app's page.")
}

/// Instead of what a version changes.
#[must_use]
pub const fn first_version() -> Text {
    Text::fixed("The first version.")
}

/// Below a title: of the first page.
#[must_use]
pub const fn home_lead() -> Text {
    Text::fixed("The gate between your applications and your organization's data.")
}

/// Title.
#[must_use]
pub const fn import_app() -> Text {
    Text::fixed("Import an app")
}

/// Below a title: of the form that reads a manifest.
#[must_use]
pub const fn import_lead() -> Text {
    Text::fixed(
        "A manifest from another site makes the same app here, with clients and secrets of its own. If the app is already here, its draft becomes what the manifest says.",
    )
}

/// Instead of an empty list.
#[must_use]
pub const fn no_activity() -> Text {
    Text::fixed("It has done nothing yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_application_here() -> Text {
    Text::fixed("No application works here yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_applications() -> Text {
    Text::fixed("No applications yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_apps() -> Text {
    Text::fixed("No apps yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_authorization() -> Text {
    Text::fixed("Nobody's authorization is live")
}

/// Instead of a report.
#[must_use]
pub const fn no_such_organization() -> Text {
    Text::fixed("No such organization")
}

/// Instead of a report.
#[must_use]
pub const fn no_shadow() -> Text {
    Text::fixed("No API is in shadow mode")
}

/// Instead of a report.
#[must_use]
pub const fn nobody_refused() -> Text {
    Text::fixed("Nobody would be refused")
}

/// Instead of what was searched for.
#[must_use]
pub const fn no_client_matches() -> Text {
    Text::fixed("No client matches")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_clients() -> Text {
    Text::fixed("No clients yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_key_here() -> Text {
    Text::fixed("It has made no API key here")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_keys() -> Text {
    Text::fixed("No app has made an API key")
}

/// Title of a list that holds nothing.
#[must_use]
pub const fn no_key_matches() -> Text {
    Text::fixed("No API key matches")
}

/// Instead of what was searched for.
#[must_use]
pub const fn no_organization_matches() -> Text {
    Text::fixed("No organization matches")
}

/// Instead of an empty list.
#[must_use]
pub const fn no_organizations() -> Text {
    Text::fixed("No organizations yet")
}

/// Instead of what was searched for.
#[must_use]
pub const fn no_record_matches() -> Text {
    Text::fixed("No record matches")
}

/// Instead of what was searched for.
#[must_use]
pub const fn nobody_matches() -> Text {
    Text::fixed("Nobody matches")
}

/// Title.
#[must_use]
pub const fn not_allowed() -> Text {
    Text::fixed("Not allowed")
}

/// Instead of an empty list.
#[must_use]
pub const fn nothing_happened() -> Text {
    Text::fixed("Nothing has happened yet")
}

/// Instead of an empty list.
#[must_use]
pub const fn nothing_to_review() -> Text {
    Text::fixed("Nothing to review")
}

/// Instead of an empty list.
#[must_use]
pub const fn nothing_waits() -> Text {
    Text::fixed("Nothing waits for you")
}

/// Below a title: of the page that changes a password.
#[must_use]
pub const fn password_lead() -> Text {
    Text::fixed("Your other sessions end when you change it. Applications that you authorized keep working.")
}

/// Instead of what a version changes.
#[must_use]
pub const fn publishes_nothing() -> Text {
    Text::fixed("Nothing: the draft is what the last version says.")
}

/// Title.
#[must_use]
pub const fn welcome_back() -> Text {
    Text::fixed("Welcome back")
}

/// Below a title: of the first page, signed in.
#[must_use]
pub const fn welcome_lead() -> Text {
    Text::fixed(
        "Applications and agents reach your organization's data through this gate, with your consent and never more than you may do yourself.",
    )
}

/// Title of what is known of a client.
#[must_use]
pub const fn how_it_signs_in() -> Text {
    Text::fixed("How it signs in")
}
