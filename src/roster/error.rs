//! Why something was not done with members.

use crate::store::StoreError;
use crate::types::EmailError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// It can't be done; nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// The store failed.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
}

impl From<Refusal> for RosterError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What can't be done with members. Each says the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A text is no e-mail address.
    #[error("{0}")]
    Address(EmailError),
    /// There is no such role.
    #[error("there is no role {named:?}; there are {known}")]
    Role {
        /// What was asked for, bounded.
        named: String,
        /// Those that exist.
        known: String,
    },
    /// A text is no name of a service user.
    #[error("a service user's name has lower-case letters, digits and - only")]
    ServiceName,
    /// The name of a service user is taken.
    #[error("the organization has a service user of that name already; choose another one")]
    ServiceTaken,
    /// It is a person, or a service user that other organizations have too.
    #[error("only a service user that belongs to this organization alone can be switched here")]
    NotOwnService,
    /// The operator froze it.
    #[error("the operator of this gateway froze this user; ask them to thaw it")]
    Frozen,
    /// The caller does not hold what these roles permit.
    #[error("these roles permit more than you hold yourself; ask somebody who holds it")]
    BeyondReach,
    /// There is no such member.
    #[error("there is no such member in this organization")]
    Absent,
    /// Nobody would be left to administer the organization.
    #[error("nobody would be left to administer the organization; make somebody else an administrator first")]
    LastAdministrator,
    /// There is no such invitation, or it is no longer open.
    #[error("the organization has no open invitation of this id")]
    NoInvitation,
}
