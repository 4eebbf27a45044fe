//! What a person may see of an organization's log, however it is asked for.

mod cursor;
mod doers;
mod explain;
mod member;
mod names;
mod query;

use crate::config::Config;
use crate::node::Node;
use crate::store::{Org, StoreError};
use crate::types::{OwnScope, RoleName, ScopeBits, UserId};

pub use cursor::{open_cursor, seal_cursor};
pub use doers::{Doer, Doers, grant_of};
pub use explain::{Explanation, denial, explain};
pub use member::Member;
pub use names::Names;
pub use query::{Bound, Query, Unreadable, local_time};

/// What a member must hold to read the log.
pub const AUDIT_READ: OwnScope = OwnScope::AuditRead;

/// The position of [`AUDIT_READ`]; none when the catalogue has no such scope, and then nobody may read.
#[must_use]
pub fn audit_read(config: &Config) -> Option<ScopeBits> {
    config.catalogue.own(AUDIT_READ)
}

/// Whether `user` may read the log of `org` now. Nobody reads that of an organization that is switched off.
///
/// # Errors
/// When the store fails.
pub async fn readable(node: &Node, config: &Config, user: &UserId, org: &Org) -> Result<bool, StoreError> {
    // Only active organizations are listed.
    let orgs = node.store.orgs_of(user).await?;
    Ok(orgs.iter().any(|(one, roles)| one.id == org.id && may_read(config, roles)))
}

/// Whether a member with these roles may read the log of an active organization.
#[must_use]
pub fn may_read(config: &Config, roles: &[RoleName]) -> bool {
    config.may(roles, AUDIT_READ)
}
