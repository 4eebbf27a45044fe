//! The menu, the tabs, and the words of the components that every page is made of.

use super::Text;

/// Menu: the log of the only organization.
#[must_use]
pub const fn audit_log() -> Text {
    Text::fixed("Audit log")
}

/// Menu: the only organization.
#[must_use]
pub const fn organization() -> Text {
    Text::fixed("Organization")
}

/// Menu: the logs of several organizations.
#[must_use]
pub const fn audit_logs() -> Text {
    Text::fixed("Audit logs")
}

/// Menu and tab: several organizations.
#[must_use]
pub const fn organizations() -> Text {
    Text::fixed("Organizations")
}

/// Tab: applications of an organization.
#[must_use]
pub const fn third_party_access() -> Text {
    Text::fixed("Third-party access")
}

/// Tab: API keys of an organization.
#[must_use]
pub const fn api_keys() -> Text {
    Text::fixed("API keys")
}

/// Tab: programs of an organization that act without a person.
#[must_use]
pub const fn machine_clients() -> Text {
    Text::fixed("Machine clients")
}

/// Tab: who authorized what.
#[must_use]
pub const fn access_review() -> Text {
    Text::fixed("Access review")
}

/// Tab: members of an organization.
#[must_use]
pub const fn members() -> Text {
    Text::fixed("Members")
}

/// Tab: applications of a person.
#[must_use]
pub const fn applications() -> Text {
    Text::fixed("Applications")
}

/// Tab: sessions of a person.
#[must_use]
pub const fn sessions() -> Text {
    Text::fixed("Sessions and devices")
}

/// Tab: what happened to a person's account.
#[must_use]
pub const fn events() -> Text {
    Text::fixed("Security events")
}

/// Tab: the password of a person.
#[must_use]
pub const fn password() -> Text {
    Text::fixed("Password")
}

/// Tab of the operator.
#[must_use]
pub const fn users() -> Text {
    Text::fixed("Users")
}

/// Tab of the operator.
#[must_use]
pub const fn clients() -> Text {
    Text::fixed("Clients")
}

/// Tab of the operator.
#[must_use]
pub const fn shadow_mode() -> Text {
    Text::fixed("Shadow mode")
}

/// Tab of the operator.
#[must_use]
pub const fn private_scopes() -> Text {
    Text::fixed("Private scopes")
}

/// Link for keyboards: over the menu.
#[must_use]
pub const fn skip() -> Text {
    Text::fixed("Skip to content")
}

/// Label of the menu, for readers.
#[must_use]
pub const fn menu() -> Text {
    Text::fixed("Main")
}

/// Menu and badge: whoever runs the gateway.
#[must_use]
pub const fn operator() -> Text {
    Text::fixed("Operator")
}

/// Button.
#[must_use]
pub const fn sign_out() -> Text {
    Text::fixed("Sign out")
}

/// Label of the way back, for readers.
#[must_use]
pub const fn breadcrumb() -> Text {
    Text::fixed("Breadcrumb")
}

/// Button beside a value.
#[must_use]
pub const fn copy() -> Text {
    Text::fixed("Copy")
}

/// The same button for a moment after it was pressed.
#[must_use]
pub const fn copied() -> Text {
    Text::fixed("Copied")
}

/// Heading over links and buttons, for readers.
#[must_use]
pub const fn acts() -> Text {
    Text::fixed("Acts")
}

/// Label of the links to the pages beside this one, for readers.
#[must_use]
pub const fn pages() -> Text {
    Text::fixed("Pages")
}

/// Link to the page before, of a list by age.
#[must_use]
pub const fn newer() -> Text {
    Text::fixed("Newer")
}

/// Link to the page after, of a list by age.
#[must_use]
pub const fn older() -> Text {
    Text::fixed("Older")
}

/// Link to the page before.
#[must_use]
pub const fn previous() -> Text {
    Text::fixed("Previous")
}

/// Link to the page after.
#[must_use]
pub const fn next() -> Text {
    Text::fixed("Next")
}

/// Button.
#[must_use]
pub const fn search() -> Text {
    Text::fixed("Search")
}

/// Link: without what is searched for.
#[must_use]
pub const fn clear() -> Text {
    Text::fixed("Clear")
}
