//! Whom a machine may act as.

use crate::config::Config;
use crate::store::{User, UserKind, UserState};
use crate::types::{RoleName, ScopeSet};

/// What a person must hold to be a machine's subject: who manages accounts may lend their own.
pub const LENDS_ITSELF: &str = "members:write";

/// Whether a machine may act as a user who has these roles in its organization: an active service user, or an active person who
/// administers members. Anybody else is a person whom a machine would impersonate.
#[must_use]
pub fn may_be_subject(config: &Config, user: &User, roles: &[RoleName]) -> bool {
    let lends = || {
        let needed = ScopeSet::parse(LENDS_ITSELF).map(|scope| config.catalogue.bits(&scope)).unwrap_or_default();
        !needed.is_empty() && config.roles.permissions(roles).covers(&needed)
    };
    user.state == UserState::Active && (user.kind == UserKind::Service || lends())
}
