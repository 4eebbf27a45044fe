//! The scopes that Tollgate itself defines, one by one.

use std::fmt;

/// A scope of our own. Whoever asks whether a person may do something names one of these, so that a misspelt one does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnScope {
    /// Make API keys: private.
    ApiKeysWrite,
    /// See what has access to one's own account.
    ApplicationsRead,
    /// End that access.
    ApplicationsWrite,
    /// Read the organization's log.
    AuditRead,
    /// See the organization's own applications and clients.
    ClientsRead,
    /// Make and change them.
    ClientsWrite,
    /// See which applications members authorized.
    GrantsRead,
    /// Block, restrict and revoke them.
    GrantsWrite,
    /// See who belongs to the organization.
    MembersRead,
    /// Invite, change and remove members.
    MembersWrite,
    /// See where one is signed in.
    SessionsRead,
    /// Sign oneself out there.
    SessionsWrite,
}

impl OwnScope {
    /// All of them, by name.
    pub const ALL: [Self; 12] = [
        Self::ApiKeysWrite,
        Self::ApplicationsRead,
        Self::ApplicationsWrite,
        Self::AuditRead,
        Self::ClientsRead,
        Self::ClientsWrite,
        Self::GrantsRead,
        Self::GrantsWrite,
        Self::MembersRead,
        Self::MembersWrite,
        Self::SessionsRead,
        Self::SessionsWrite,
    ];

    /// The scope as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKeysWrite => "api_keys:write",
            Self::ApplicationsRead => "applications:read",
            Self::ApplicationsWrite => "applications:write",
            Self::AuditRead => "audit:read",
            Self::ClientsRead => "clients:read",
            Self::ClientsWrite => "clients:write",
            Self::GrantsRead => "grants:read",
            Self::GrantsWrite => "grants:write",
            Self::MembersRead => "members:read",
            Self::MembersWrite => "members:write",
            Self::SessionsRead => "sessions:read",
            Self::SessionsWrite => "sessions:write",
        }
    }
}

impl fmt::Display for OwnScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ScopeToken;

    #[test]
    fn each_is_a_scope_and_none_is_there_twice() {
        for own in OwnScope::ALL {
            assert_eq!(ScopeToken::parse(own.as_str()), Ok(own.into()), "{own}");
        }
        assert!(OwnScope::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()), "by name, each once");
    }
}
