//! Searches of the log that people saved for themselves.

use async_trait::async_trait;

use super::StoreError;
use crate::record::Cause;
use crate::types::{OrgId, UserId};

/// Searches that one user may save in one organization.
pub const MAX_SEARCHES: u32 = 50;

/// A search of an organization's log, saved under a name by one of its users for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSearch {
    /// Whose.
    pub user: UserId,
    /// In whose log.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// The address's query, without `?`.
    pub query: String,
}

/// Verbs on saved searches.
#[async_trait]
pub trait SearchStore {
    /// Saves a search, or replaces the one of its name; `false` when there are [`MAX_SEARCHES`] already.
    async fn save_search(&self, search: &SavedSearch, cause: &Cause) -> Result<bool, StoreError>;
    /// A user's searches in an organization, by name.
    async fn saved_searches(&self, user: &UserId, org: &OrgId) -> Result<Vec<SavedSearch>, StoreError>;
    /// Forgets one; `false` when there is none of that name.
    async fn forget_search(&self, user: &UserId, org: &OrgId, name: &str, cause: &Cause) -> Result<bool, StoreError>;
}
