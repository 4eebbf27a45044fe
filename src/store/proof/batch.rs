//! One link of a chain.

use super::digest::Hasher;
use super::entries::{decode, decode_links, encode, encode_links};
use super::{Digest, Entry, Signer};
use crate::record::Written;
use crate::types::{ChainId, KeyId, NodeId, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a chain ended at some moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub chain: ChainId,
    /// Its last batch.
    pub seq: u64,
    /// When that was sealed.
    pub at: Timestamp,
    /// The newest time of any record of the chain up to there.
    pub newest: Timestamp,
    /// What it hashes to.
    pub digest: Digest,
}

/// Where the next batch of a chain goes, and who signs it.
pub struct Place<'a> {
    /// The chain.
    pub chain: &'a ChainId,
    /// Whose it is.
    pub node: &'a NodeId,
    /// Its last batch; `None` before the first.
    pub last: Option<&'a Head>,
    /// The time.
    pub now: Timestamp,
    /// Who signs.
    pub signer: &'a dyn Signer,
}

/// Records that were sealed together, or a statement without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its chain.
    pub chain: ChainId,
    /// Its place there, from 1.
    pub seq: u64,
    /// Who wrote it.
    pub node: NodeId,
    /// What the one before hashes to; of the first, what `links` do.
    pub prev: Digest,
    /// When it was sealed; never before the one before.
    pub at: Timestamp,
    /// The newest time of any record of the chain up to here.
    pub newest: Timestamp,
    /// A statement: records from before this time may be deleted.
    pub trim: Option<Timestamp>,
    /// Where other chains ended, see [`Batch::links`].
    pub links: Vec<u8>,
    /// The records, see [`Batch::entries`].
    pub entries: Vec<u8>,
    /// What all of the above hashes to.
    pub digest: Digest,
    /// The key that signed.
    pub key: KeyId,
    /// The signature over the digest.
    pub signature: Vec<u8>,
}

impl Place<'_> {
    /// The place of the batch, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.last.map_or(1, |last| last.seq + 1)
    }

    /// What records of the batch are marked with.
    #[must_use]
    pub fn number(&self) -> i64 {
        Batch::number(self.chain, self.seq())
    }

    /// Makes the batch.
    #[must_use]
    pub fn batch(&self, entries: &[Entry], links: &[Head], trim: Option<Timestamp>) -> Batch {
        let links = encode_links(links);
        let before = self.last.map_or(Timestamp::from_millis(0), |last| last.newest);
        let mut batch = Batch {
            chain: self.chain.clone(),
            seq: self.seq(),
            node: self.node.clone(),
            prev: self.last.map_or_else(|| Batch::origin(&links), |last| last.digest),
            // A clock that was set back says nothing about the order.
            at: self.last.map_or(self.now, |last| self.now.max(last.at)),
            newest: entries.iter().map(|entry| entry.time).fold(before, Timestamp::max),
            trim,
            links,
            entries: encode(entries),
            digest: Digest::of(b""),
            key: self.signer.key().clone(),
            signature: Vec::new(),
        };
        batch.digest = batch.hash();
        batch.signature = self.signer.sign(&batch.digest);
        batch
    }
}

impl Entry {
    /// What is said of a record.
    #[must_use]
    pub fn of(written: &Written) -> Self {
        let Written { record, text } = written;
        Self { id: record.id.clone(), time: record.time, org: record.org.clone(), text: Digest::of(text.as_bytes()) }
    }
}

impl Batch {
    /// What the records of a batch are marked with: never 0, which marks those from before there were batches.
    #[must_use]
    pub fn number(chain: &ChainId, seq: u64) -> i64 {
        let mut hasher = Hasher::new("tollgate audit number v1");
        hasher.bytes(chain.as_str().as_bytes());
        hasher.number(seq.cast_signed());
        let digest = hasher.done();
        let first = digest.bytes().first_chunk::<8>().copied().unwrap_or_default();
        (i64::from_be_bytes(first) & i64::MAX).max(1)
    }

    /// What the first batch of a chain follows.
    #[must_use]
    pub fn origin(links: &[u8]) -> Digest {
        let mut hasher = Hasher::new("tollgate audit links v1");
        hasher.bytes(links);
        hasher.done()
    }

    /// What it hashes to as it stands.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut hasher = Hasher::new("tollgate audit batch v1");
        for text in [self.chain.as_str(), self.node.as_str(), self.key.as_str()] {
            hasher.bytes(text.as_bytes());
        }
        hasher.bytes(self.prev.bytes());
        for number in [self.seq.cast_signed(), self.at.millis(), self.newest.millis()] {
            hasher.number(number);
        }
        hasher.bytes(&self.trim.map_or_else(Vec::new, |to| to.millis().to_be_bytes().to_vec()));
        hasher.bytes(&self.links);
        hasher.bytes(&self.entries);
        hasher.done()
    }

    /// Where the chain ends with it.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { chain: self.chain.clone(), seq: self.seq, at: self.at, newest: self.newest, digest: self.digest }
    }

    /// Its records; `None` when they can't be read.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<Entry>> {
        decode(&self.entries)
    }

    /// Where other chains ended; `None` when that can't be read.
    #[must_use]
    pub fn links(&self) -> Option<Vec<Head>> {
        decode_links(&self.links)
    }

    /// Whether all its records and all before it may be gone when those from before `trim` may.
    #[must_use]
    pub fn is_past(&self, trim: Timestamp) -> bool {
        self.head().is_past(trim)
    }
}

impl Head {
    /// As [`Batch::is_past`].
    #[must_use]
    pub fn is_past(&self, trim: Timestamp) -> bool {
        self.newest < trim && self.at < trim
    }
}
