//! What is wrong with a log, and where.

use serde::{Deserialize, Serialize};

use crate::store::{Batch, Entry, Head, Placed, Proved, Stored};
use crate::types::{OrgId, Timestamp};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The text of a record is not the one that was sealed.
    RecordChanged,
    /// What a record is searched by is not what its text says.
    RecordMisfiled,
    /// A record is gone that was sealed.
    RecordMissing,
    /// A record is marked as one of another batch than the one that has it.
    RecordMoved,
    /// A batch has a record twice.
    RecordTwice,
    /// A record is marked as sealed, and no batch has it.
    RecordForged,
    /// A record was not sealed, although others were after it.
    RecordUnsealed,
    /// A batch is not the one that was signed.
    BatchChanged,
    /// The signature of a batch is not one of its key.
    BatchForged,
    /// The row of a batch can be read by nobody.
    BatchUnread,
    /// A batch is signed with a key that the deployment's secret does not vouch for.
    KeyUnknown,
    /// Batches are gone.
    BatchMissing,
    /// A batch does not follow the one before it.
    BatchMisplaced,
    /// A batch is of another process than its chain.
    BatchForeign,
    /// A batch says that it was sealed before the one that it follows.
    ClockBack,
    /// A chain is gone that others name.
    ChainMissing,
    /// The end of a chain is gone.
    ChainCut,
    /// A chain is another than the one that others name.
    ChainReplaced,
}

impl FaultKind {
    /// What it means, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::RecordChanged => "the record was changed",
            Self::RecordMisfiled => "the record is filed under what it does not say",
            Self::RecordMissing => "the record was deleted",
            Self::RecordMoved => "the record is marked as one of another batch",
            Self::RecordTwice => "the batch has the record twice",
            Self::RecordForged => "the record is in no batch: it was put in",
            Self::RecordUnsealed => "the record was not sealed, and others were after it",
            Self::BatchChanged => "the batch was changed",
            Self::BatchForged => "the batch is not signed by its key",
            Self::BatchUnread => "what is in the place of a batch can't be read",
            Self::KeyUnknown => "the batch is signed with a key that is not ours",
            Self::BatchMissing => "batches before this one are gone",
            Self::BatchMisplaced => "the batch does not follow the one before it",
            Self::BatchForeign => "the batch is another node's than its chain",
            Self::ClockBack => "the batch is older than the one that it follows",
            Self::ChainMissing => "the chain is gone",
            Self::ChainCut => "the end of the chain is gone",
            Self::ChainReplaced => "the chain is another than it was",
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// In which chain; as text, since anybody may have put anything there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// At which batch of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// With which record; as text, since anybody may have put anything there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The time of the record, or of the batch.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::types::rfc3339::option")]
    pub time: Option<Timestamp>,
    /// In whose log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

impl Fault {
    /// With a batch.
    pub(super) fn of_batch(kind: FaultKind, batch: &Batch) -> Self {
        let (chain, seq) = (Some(batch.chain.to_string()), Some(batch.seq));
        Self { kind, chain, batch: seq, record: None, time: Some(batch.at), org: None }
    }

    /// With what is in the place of a batch.
    pub(super) fn of_unread(chain: &Stored, seq: u64) -> Self {
        let (kind, chain, batch) = (FaultKind::BatchUnread, Some(chain.to_string()), Some(seq));
        Self { kind, chain, batch, record: None, time: None, org: None }
    }

    /// With the end of a chain, as somebody knew it.
    pub(super) fn of_head(kind: FaultKind, head: &Head) -> Self {
        let (chain, seq) = (Some(head.chain.to_string()), Some(head.seq));
        Self { kind, chain, batch: seq, record: None, time: Some(head.at), org: None }
    }

    /// With a record of a batch.
    pub(super) fn of_entry(kind: FaultKind, batch: &Batch, entry: &Entry) -> Self {
        let (record, org) = (Some(entry.id.to_string()), entry.org.as_ref().map(OrgId::to_string));
        Self { record, time: Some(entry.time), org, ..Self::of_batch(kind, batch) }
    }

    /// With a record that no batch has.
    pub(super) fn of_record(kind: FaultKind, placed: &Placed) -> Self {
        let Placed { id, time, org, sealed: _ } = placed.clone();
        Self { kind, chain: None, batch: None, record: Some(id.to_string()), time: Some(time), org }
    }

    /// The same, of which more is known.
    pub(super) fn in_batch(self, batch: &Batch) -> Self {
        Self { chain: Some(batch.chain.to_string()), batch: Some(batch.seq), ..self }
    }
}

/// Where a record is that was read again.
pub(super) fn placed(record: &Proved) -> Placed {
    let Proved { id, time, org, sealed, .. } = record;
    Placed { id: id.as_str().into(), time: *time, org: org.as_ref().map(OrgId::to_string), sealed: *sealed }
}
