//! Where chains ended, as others remember it.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, FaultKind};
use crate::store::{Digest, Head, ProofStore, StoreError, Stored};
use crate::types::{ChainId, Timestamp};

/// What is remembered: of each chain every place that anybody named, once.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<ChainId, BTreeSet<(u64, Digest, i64, i64)>>);

impl Links {
    pub(super) fn remember(&mut self, heads: impl IntoIterator<Item = Head>) {
        for Head { chain, seq, at, newest, digest } in heads {
            self.0.entry(chain).or_default().insert((seq, digest, at.millis(), newest.millis()));
        }
    }

    /// Looks whether everything that is remembered is there, or may be gone.
    pub(super) async fn check<S: ProofStore + Sync + ?Sized>(
        &self,
        store: &S,
        trim: Option<Timestamp>,
    ) -> Result<Vec<Fault>, StoreError> {
        let mut found = Vec::new();
        for (chain, places) in &self.0 {
            let name = Stored::from(chain.as_str());
            for (seq, digest, at, newest) in places {
                let (at, newest) = (Timestamp::from_millis(*at), Timestamp::from_millis(*newest));
                let head = Head { chain: chain.clone(), seq: *seq, at, newest, digest: *digest };
                let mut page = store.audit_batches(&name, seq.saturating_sub(1), 1).await?;
                if !page.unread.is_empty() {
                    // That was named with its chain.
                    continue;
                }
                let kind = match page.batches.pop() {
                    Some(batch) if batch.seq == *seq && batch.digest == *digest => continue,
                    Some(batch) if batch.seq == *seq => FaultKind::ChainReplaced,
                    _ if trim.is_some_and(|trim| head.is_past(trim)) => continue,
                    // What is missing before others was seen with them.
                    Some(_) => continue,
                    None if store.audit_batches(&name, 0, 1).await?.end().is_none() => FaultKind::ChainMissing,
                    None => FaultKind::ChainCut,
                };
                found.push(Fault::of_head(kind, &head));
            }
        }
        Ok(found)
    }
}
