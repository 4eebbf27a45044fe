//! What proves the audit log: chains of batches, each of which names records with the hashes of their texts, and is signed.

mod batch;
mod digest;
mod entries;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod stored;

use std::collections::HashMap;

use async_trait::async_trait;

pub use batch::{Batch, Head, Place};
pub use digest::Digest;
pub use entries::Entry;
pub use stored::Stored;

use super::StoreError;
use crate::record::{AuditRecord, Sealing, Written};
use crate::types::{ChainId, KeyId, OrgId, RecordId, Timestamp};

/// Signs batches.
pub trait Signer: Send + Sync {
    /// With which key.
    fn key(&self) -> &KeyId;
    /// The signature over a batch's digest.
    fn sign(&self, digest: &Digest) -> Vec<u8>;
}

/// A key that signs batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKey {
    /// Its id.
    pub id: KeyId,
    /// The public key of Ed25519.
    pub public: Vec<u8>,
    /// The private key, sealed with the deployment's secret.
    pub sealed: Vec<u8>,
    /// What only the deployment's secret can say of id and public key: who can write to the store can't add a key.
    pub vouched: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a record is marked with that waited to be sealed and that nobody can read: no batch has this number.
pub const UNREADABLE: i64 = -1;

/// A record of the log, as far as a proof asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Which.
    pub id: RecordId,
    /// When.
    pub time: Timestamp,
    /// In whose log, as its row says; `None` too when that is nobody's id.
    pub org: Option<OrgId>,
    /// The number of its batch: 0 from before there were any, `None` while it waits.
    pub sealed: Option<i64>,
    /// The hash of its text.
    pub text: Digest,
    /// Whether what it is searched by is what its text says; `None` when only a later version can read that.
    pub is_consistent: Option<bool>,
}

/// Where a record is in the log, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which.
    pub id: Stored,
    /// When.
    pub time: Timestamp,
    /// In whose log.
    pub org: Option<String>,
    /// As in [`Proved`], or [`UNREADABLE`].
    pub sealed: Option<i64>,
}

/// Batches as far as they can be read: somebody may have put anything there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchPage {
    /// Those that can be read.
    pub batches: Vec<Batch>,
    /// The places, each in its chain, of those that nobody can read.
    pub unread: Vec<u64>,
}

impl BatchPage {
    /// The last place of a chain that it has; `None` when it has nothing.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.batches.iter().map(|batch| batch.seq).chain(self.unread.iter().copied()).max()
    }
}

/// Verbs that seal.
#[async_trait]
pub trait SealStore {
    /// Stores records of a journal as [`super::AuditLogStore::append_written`] does, and in the same transaction the batch of those that
    /// are new; `None` when none is.
    async fn append_sealed(&self, records: &[Written], place: &Place<'_>) -> Result<Option<Head>, StoreError>;
    /// Seals records that wait, oldest first, at most `limit`; those that another node is sealing are left to it. `None` when none
    /// waits. What nobody can read is marked with [`UNREADABLE`], so that it is in nobody's way.
    async fn seal_waiting(&self, place: &Place<'_>, limit: u32) -> Result<Option<Head>, StoreError>;
    /// A batch without records, which says where other chains end and, with `trim`, that records from before may be deleted.
    async fn seal_word(&self, place: &Place<'_>, trim: Option<Timestamp>) -> Result<Head, StoreError>;
    /// Where a chain ends.
    async fn chain_head(&self, chain: &ChainId) -> Result<Option<Head>, StoreError>;
    /// How many records wait to be sealed, 10 000 at most, and the time of the oldest.
    async fn waiting_to_be_sealed(&self) -> Result<(u64, Option<Timestamp>), StoreError>;
}

/// Verbs on what was sealed.
#[async_trait]
pub trait ProofStore {
    /// The keys that batches are signed with, oldest first; those that nobody can read are left out.
    async fn audit_keys(&self) -> Result<Vec<AuditKey>, StoreError>;
    /// Adds a key. With `first`, only when there is none; says whether it was added.
    async fn add_audit_key(&self, key: &AuditKey, first: bool) -> Result<bool, StoreError>;
    /// Every chain, oldest first; as it is stored, since somebody may have put anything there.
    async fn audit_chains(&self) -> Result<Vec<Stored>, StoreError>;
    /// Batches of a chain after the one with this number in it, at most `limit`.
    async fn audit_batches(&self, chain: &Stored, after: u64, limit: u32) -> Result<BatchPage, StoreError>;
    /// The batches that records with these numbers are marked with; those that nobody can read are left out.
    async fn audit_batches_numbered(&self, numbers: &[i64]) -> Result<Vec<Batch>, StoreError>;
    /// Statements that records may be deleted, those that say most first, without the first `skipped`, at most `limit`; whoever
    /// made them, and of every chain.
    async fn audit_trims(&self, skipped: u64, limit: u32) -> Result<BatchPage, StoreError>;
    /// Those of these records that there are.
    async fn proved_records(&self, ids: &[RecordId]) -> Result<Vec<Proved>, StoreError>;
    /// Where these records were sealed, and as what; those that wait, or are from before there were chains, are left out.
    async fn seals_of(&self, ids: &[RecordId]) -> Result<HashMap<RecordId, Sealing>, StoreError>;
    /// The batch that has the newest record of an organization that was sealed; of its last records alone.
    async fn last_seal(&self, org: &OrgId) -> Result<Option<Head>, StoreError>;
    /// The record of what the last proof found; none too when nobody can read it.
    async fn last_proof(&self) -> Result<Option<AuditRecord>, StoreError>;
    /// Records by id, after this one, at most `limit`.
    async fn placed_records(&self, after: Option<&Stored>, limit: u32) -> Result<Vec<Placed>, StoreError>;
    /// Deletes batches that nothing needs any more once records from before `trim` may be gone; says how many. The last of them stays
    /// for as long as others follow: the chain goes on from it.
    async fn forget_batches(&self, trim: Timestamp) -> Result<u64, StoreError>;
}
