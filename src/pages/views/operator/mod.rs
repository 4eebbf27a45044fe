//! The operator's pages: everything that is here, across organizations.

use crate::pages::texts::{Text, frame, operator as texts};

mod clients;
mod orgs;
mod scopes;
mod shadow;
mod users;

pub use clients::{ClientHolder, ClientOwner, ClientSwitched, OperatorClientPage, OperatorClientRow, OperatorClientsPage};
pub use orgs::{EnteredOrg, OperatorOrgPage, OperatorOrgRow, OperatorOrgsPage};
pub use scopes::{Approval, OperatorScopePage, OperatorScopeRow, OperatorScopesPage, ScopeEnding, ScopeNotice};
pub use shadow::{OperatorShadowPage, OperatorShadowRow, ShadowCaller};
pub use users::{
    AskedOfUser, OperatorMembership, OperatorUserPage, OperatorUserRow, OperatorUsersPage, UserNotice, UserStanding,
};

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
    /// `/operator/shadow`.
    Shadow,
}

impl OperatorTab {
    /// Path, name and whether it is open, in order.
    pub(in crate::pages) fn list(self) -> Vec<(String, Text, bool)> {
        let all = [
            ("/operator/organizations", frame::organizations(), Self::Organizations),
            ("/operator/users", frame::users(), Self::Users),
            ("/operator/clients", frame::clients(), Self::Clients),
            ("/operator/scopes", frame::private_scopes(), Self::Scopes),
            ("/operator/shadow", frame::shadow_mode(), Self::Shadow),
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
    /// API keys that work.
    pub keys: u64,
}

impl AtStake {
    fn held_by(self) -> Text {
        texts::held_by((self.grants, self.users), self.keys, self.orgs)
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
