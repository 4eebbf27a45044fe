//! What hooks are told: records that wait to be looked at, and deliveries until they are made.

use async_trait::async_trait;

use super::StoreError;
use crate::record::{AuditRecord, Cause};
use crate::types::{OrgId, RecordId, Timestamp};

/// Something that a hook is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The hook's name.
    pub hook: String,
    /// The record that it is about.
    pub record: RecordId,
    /// In whose log the record is.
    pub org: Option<OrgId>,
    /// What is sent, at every attempt the same.
    pub body: String,
}

/// A record that waits to be looked at.
#[derive(Debug)]
pub struct WaitingRecord {
    /// Which.
    pub id: RecordId,
    /// Since when.
    pub at: Timestamp,
    /// The record, or why it can't be read: one like that keeps no other from being looked at.
    pub record: Result<AuditRecord, StoreError>,
}

/// A delivery that is being attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDelivery {
    /// What is to be delivered.
    pub what: NewDelivery,
    /// Which attempt this is, from 1.
    pub attempts: u32,
    /// Since when it is to be delivered.
    pub created_at: Timestamp,
}

/// Verbs on what hooks are told. Every verb that writes a record of a security event puts it here in the same transaction.
#[async_trait]
pub trait HookStore {
    /// Records that nobody has looked at yet, oldest first, at most `limit`; those that come `after` one, where it is given.
    async fn hook_events(&self, after: Option<(Timestamp, &RecordId)>, limit: u32) -> Result<Vec<WaitingRecord>, StoreError>;
    /// Takes `looked_at` out of those that wait, and keeps what is to be delivered about them, due at once. Of several callers one
    /// takes each record: what the others want to deliver about it is left out. Says how many records were taken.
    async fn queue_hooks(&self, looked_at: &[RecordId], deliveries: &[NewDelivery], at: Timestamp) -> Result<u64, StoreError>;
    /// Deliveries of a hook that are due at `at`, at most `limit`. Nobody else gets them until `until`.
    async fn claim_hooks(&self, hook: &str, at: Timestamp, until: Timestamp, limit: u32)
    -> Result<Vec<HookDelivery>, StoreError>;
    /// A claimed delivery was made; `false` when somebody else has claimed it since.
    async fn finish_hook(&self, delivery: &HookDelivery) -> Result<bool, StoreError>;
    /// A claimed delivery failed and is due again at `due`; `false` when somebody else has claimed it since.
    async fn postpone_hook(&self, delivery: &HookDelivery, due: Timestamp) -> Result<bool, StoreError>;
    /// Gives up what was to be delivered before `before` and is not being attempted, with a record for each.
    async fn give_up_hooks(&self, before: Timestamp, cause: &Cause) -> Result<Vec<HookDelivery>, StoreError>;
}
