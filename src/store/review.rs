//! All live grants of an organization, however many there are.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{GrantFacts, GrantSearch, StoreError};
use crate::types::{GrantId, OrgId, ScopeSet, Timestamp};

/// Verbs on all live grants of an organization.
#[async_trait]
pub trait ReviewStore {
    /// How many there are at `at`, and how many of them were neither used nor made after `idle_since`; uses are known to the hour.
    async fn count_live_grants(&self, org: &OrgId, at: Timestamp, idle_since: Timestamp) -> Result<(u64, u64), StoreError>;
    /// Those that `search` asks for, which may as well have ended: those that were not used for longest first, to the hour; at most
    /// `limit` after skipping `offset`.
    async fn idle_grants(
        &self,
        org: &OrgId,
        search: &GrantSearch,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<GrantFacts>, StoreError>;
    /// Those that were made first come first; at most `limit` behind `after`.
    async fn live_grants(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError>;
    /// The scopes that calls of these grants ever needed; grants without one are left out.
    async fn scopes_used(&self, grants: &[GrantId]) -> Result<HashMap<GrantId, ScopeSet>, StoreError>;
}
