//! The menu and the tabs.

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
pub const fn private_scopes() -> Text {
    Text::fixed("Private scopes")
}
