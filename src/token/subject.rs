//! Whom a machine may act as.

use crate::config::Config;
use crate::store::{Client, User, UserKind, UserState};
use crate::types::{OwnScope, RoleName, ScopeSet};

/// What a person must hold to be a machine's subject: who manages accounts may lend their own.
pub const LENDS_ITSELF: OwnScope = OwnScope::MembersWrite;

/// Why a machine gets no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its subject is nobody, or does not act.
    Inactive,
    /// Its subject is no member of its organization.
    Elsewhere,
    /// Its subject is a person whom it would impersonate.
    Person,
    /// Its scopes are not named: every public scope, those of tomorrow among them, is nothing that a machine is given unnamed.
    Unnamed,
}

/// Whether a machine may act as a user who has these roles in its organization: an active service user, or an active person who
/// administers members. Anybody else is a person whom a machine would impersonate.
#[must_use]
pub fn may_be_subject(config: &Config, user: &User, roles: &[RoleName]) -> bool {
    user.state == UserState::Active && (user.kind == UserKind::Service || config.may(roles, LENDS_ITSELF))
}

/// Whether a machine gets tokens, as far as that is up to its subject and its scopes. `roles` are those of the subject in the
/// machine's organization, if it is a member.
///
/// # Errors
/// Why not.
pub fn fit_to_act(config: &Config, client: &Client, subject: Option<&User>, roles: Option<&[RoleName]>) -> Result<(), Unfit> {
    let user = subject.filter(|user| user.state == UserState::Active).ok_or(Unfit::Inactive)?;
    if !may_be_subject(config, user, roles.ok_or(Unfit::Elsewhere)?) {
        return Err(Unfit::Person);
    }
    if client.scopes.as_ref().is_none_or(ScopeSet::is_empty) { Err(Unfit::Unnamed) } else { Ok(()) }
}
