//! The operator's pages: everything that is here, across organizations.

mod clients;
mod orgs;
mod scopes;
mod users;

pub use clients::{ClientOwner, OperatorClientPage, OperatorClientRow, OperatorClientsPage};
pub use orgs::{EnteredOrg, OperatorOrgPage, OperatorOrgRow, OperatorOrgsPage};
pub use scopes::{Approval, OperatorScopePage, OperatorScopeRow, OperatorScopesPage, ScopeNotice};
pub use users::{
    AskedOfUser, OperatorMembership, OperatorUserPage, OperatorUserRow, OperatorUsersPage, UserNotice, UserStanding,
};

use crate::pages::count;

/// A page of the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum OperatorTab {
    /// `/operator/organizations`.
    Organizations,
    /// `/operator/users`.
    Users,
    /// `/operator/clients`.
    Clients,
    /// `/operator/scopes`.
    Scopes,
}

impl OperatorTab {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(self) -> Vec<(String, &'static str, bool)> {
        let all = [
            ("/operator/organizations", "Organizations", Self::Organizations),
            ("/operator/users", "Users", Self::Users),
            ("/operator/clients", "Clients", Self::Clients),
            ("/operator/scopes", "Private scopes", Self::Scopes),
        ];
        all.into_iter().map(|(path, name, tab)| (path.to_owned(), name, tab == self)).collect()
    }
}

/// What would stop, or stops, with something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtStake {
    /// Authorizations that live.
    pub grants: u64,
    /// Users who gave them.
    pub users: u64,
    /// Organizations in which.
    pub orgs: u64,
}

impl AtStake {
    fn grants_words(self) -> String {
        count(self.grants, "live authorization")
    }

    fn users_words(self) -> String {
        count(self.users, "user")
    }

    fn orgs_words(self) -> String {
        count(self.orgs, "organization")
    }
}

/// What was done with something that can be frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It was frozen.
    Frozen,
    /// It goes on.
    Thawed,
}

/// The pages before and after this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The page before.
    pub back: Option<String>,
    /// The page after.
    pub on: Option<String>,
}
