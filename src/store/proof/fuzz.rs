//! Rows of batches that anybody may have put there, for whoever looks for one that says two things.

use super::entries::{encode, encode_links};
use super::{Batch, Digest, Place, Signer};
use crate::types::{ChainId, KeyId, NodeId, Timestamp};

/// Signs nothing.
struct Nobody(KeyId);

impl Signer for Nobody {
    fn key(&self) -> &KeyId {
        &self.0
    }

    fn sign(&self, _digest: &Digest) -> Vec<u8> {
        Vec::new()
    }
}

/// A row: by its first byte it is a statement that records may be deleted, or none; the next two say how long its links are, and its
/// entries are the rest. What can be read has one form, which is what would be written, and no other row hashes to the same.
pub fn audit_batch(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<3>() else { return };
    let [statement, high, low] = *head;
    let (links, entries) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
    let nobody = Nobody(KeyId::parse("key_1").expect("an id"));
    let (chain, node) = (ChainId::parse("chain_1").expect("an id"), NodeId::parse("node_1").expect("an id"));
    let trim = (statement % 2 == 1).then(|| Timestamp::from_millis(i64::from(statement)));
    let row = |links: &[u8], entries: &[u8], trim| {
        let (at, newest) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        let (chain, node, key) = (chain.clone(), node.clone(), nobody.0.clone());
        let (prev, digest, links, entries) = (Digest::of(b""), Digest::of(b""), links.to_vec(), entries.to_vec());
        Batch { chain, seq: 1, node, prev, at, newest, trim, links, entries, digest, key, signature: Vec::new() }
    };
    let read = row(links, entries, trim);
    let other = if trim.is_some() { None } else { Some(Timestamp::from_millis(0)) };
    assert_ne!(row(links, entries, other).hash(), read.hash(), "another statement");
    if let Some((first, others)) = entries.split_first() {
        assert_ne!(row(&[links, &[*first][..]].concat(), others, trim).hash(), read.hash(), "other ends of the same bytes");
    }
    let (said, ends) = (read.entries(), read.links());
    assert!(said.as_ref().is_none_or(|said| encode(said) == entries), "entries have one form");
    assert!(ends.as_ref().is_none_or(|ends| encode_links(ends) == links), "links have one form");
    let (Some(said), Some(ends)) = (said, ends) else { return };
    let place = Place { chain: &chain, node: &node, last: None, now: read.at, signer: &nobody };
    let made = place.batch(&said, &ends, trim);
    assert_eq!((&made.links, &made.entries, made.trim), (&read.links, &read.entries, trim), "what was read is what is written");
    assert_eq!(made.hash(), made.digest);
    assert!(said.iter().all(|entry| entry.time <= made.newest && !made.is_past(entry.time)), "nothing goes before its time");
}
