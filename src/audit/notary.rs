//! Seals what this process puts into the log: one chain of signed batches, one batch after the other.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::metrics::JournalMetrics;
use crate::record::Written;
use crate::store::{Head, Place, SealStore, Signer, StoreError};
use crate::types::{ChainId, Clock, NodeId, Timestamp};

/// How often records that others wrote are sealed.
const SWEEP: Duration = Duration::from_millis(500);
/// Most of them in one batch: SQLite has one writer, and nobody waits long behind it.
const SWEPT: u32 = 200;
/// Most batches in a row, before calls are looked at again: a node of the version before may have left many records.
const SWEEPS: usize = 10;
/// How often is said where chains end.
const WORD: Duration = Duration::from_secs(60 * 60);
/// How long what failed is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How often is counted what waits.
const COUNT: Duration = Duration::from_secs(10);

/// The chain of this process, and who signs for it. One batch is written at a time.
pub struct Notary<S: ?Sized> {
    store: Arc<S>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    signer: RwLock<Arc<dyn Signer>>,
    metrics: Arc<dyn JournalMetrics>,
    state: Mutex<State>,
}

struct State {
    chain: ChainId,
    last: Option<Head>,
    /// Up to when it was said here that records may be deleted. What the store has may be anybody's word.
    trim: Option<Timestamp>,
    /// Whether a batch was to be written, and nobody knows whether it was.
    is_doubtful: bool,
    sweeps: Turn,
    says: Turn,
    counts: Turn,
}

/// When something is to be done the next time; at once when it never was.
#[derive(Default)]
struct Turn(Option<Instant>);

impl Turn {
    /// Whether it is to be done now; then it is done again after `every`.
    fn is_due(&mut self, every: Duration) -> bool {
        let now = Instant::now();
        let is_due = self.0.is_none_or(|at| at <= now);
        if is_due {
            self.0 = Some(now + every);
        }
        is_due
    }

    /// It failed.
    fn put_off(&mut self) {
        self.0 = Some(Instant::now() + RETRY);
    }
}

impl<S: ?Sized> std::fmt::Debug for Notary<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notary").field("node", &self.node).finish_non_exhaustive()
    }
}

impl<S: SealStore + Send + Sync + ?Sized> Notary<S> {
    /// Begins a chain.
    pub fn new(
        store: Arc<S>,
        signer: Arc<dyn Signer>,
        (chain, node): (ChainId, NodeId),
        clock: Arc<dyn Clock>,
        metrics: Arc<dyn JournalMetrics>,
    ) -> Self {
        let state = State {
            chain,
            last: None,
            trim: None,
            is_doubtful: false,
            sweeps: Turn::default(),
            says: Turn::default(),
            counts: Turn::default(),
        };
        Self { store, clock, node, signer: RwLock::new(signer), metrics, state: Mutex::new(state) }
    }

    /// Signs with another key from now on.
    pub fn sign_with(&self, signer: Arc<dyn Signer>) {
        *self.signer.write() = signer;
    }

    /// The chain, once it is known where it ends: an answer that was lost leaves that to the store.
    async fn alone(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.state.lock().await;
        if state.is_doubtful {
            state.last = self.store.chain_head(&state.chain).await?;
        }
        // Until an answer has come: who asks may be given up before.
        state.is_doubtful = true;
        Ok(state)
    }

    /// Keeps where the chain ends now.
    fn keep(&self, state: &mut State, written: Result<Option<Head>, StoreError>) -> Result<bool, StoreError> {
        let head = written?;
        state.is_doubtful = false;
        let is_new = head.is_some();
        if let Some(head) = head {
            self.metrics.sealed();
            state.last = Some(head);
        }
        Ok(is_new)
    }

    fn place<'a>(&'a self, state: &'a State, signer: &'a dyn Signer) -> Place<'a> {
        Place { chain: &state.chain, node: &self.node, last: state.last.as_ref(), now: self.clock.now(), signer }
    }

    fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer.read())
    }

    /// Stores records, those that are new with a batch.
    pub async fn append(&self, records: &[Written]) -> Result<(), StoreError> {
        let (mut state, signer) = (self.alone().await?, self.signer());
        let written = self.store.append_sealed(records, &self.place(&state, &*signer)).await;
        self.keep(&mut state, written).map(drop)
    }

    /// Seals everything that waits.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        while self.sweep_some().await? {}
        Ok(())
    }

    /// Seals some of what waits; says whether there may be more.
    async fn sweep_some(&self) -> Result<bool, StoreError> {
        for _ in 0..SWEEPS {
            let (mut state, signer) = (self.alone().await?, self.signer());
            let written = self.store.seal_waiting(&self.place(&state, &*signer), SWEPT).await;
            if !self.keep(&mut state, written)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says, signed, that records from before `trim` may be deleted, unless this chain has said so. Whether it was new.
    pub async fn trim(&self, trim: Timestamp) -> Result<bool, StoreError> {
        if self.state.lock().await.trim.is_some_and(|said| said >= trim) {
            return Ok(false);
        }
        self.word(Some(trim)).await?;
        Ok(true)
    }

    /// Says where chains end, here and to whoever reads the logs of the process.
    pub async fn say(&self) -> Result<(), StoreError> {
        let head = self.word(None).await?;
        tracing::info!(chain = %head.chain, sequence = head.seq, digest = %head.digest, "the audit log is sealed up to here");
        Ok(())
    }

    async fn word(&self, trim: Option<Timestamp>) -> Result<Head, StoreError> {
        let (mut state, signer) = (self.alone().await?, self.signer());
        let written = self.store.seal_word(&self.place(&state, &*signer), trim).await;
        let head = written.as_ref().ok().cloned();
        self.keep(&mut state, written.map(Some))?;
        state.trim = state.trim.max(trim);
        drop(state);
        head.ok_or_else(|| StoreError::Unusable("a batch was written and is not known".into()))
    }

    /// Does what it is time for. What fails is tried again the next time.
    pub(super) async fn tend(&self) {
        let (sweeps, says, counts) = {
            let mut state = self.state.lock().await;
            let State { sweeps, says, counts, .. } = &mut *state;
            (sweeps.is_due(SWEEP), says.is_due(WORD), counts.is_due(COUNT))
        };
        let done = async {
            if sweeps && self.sweep_some().await? {
                self.state.lock().await.sweeps = Turn::default();
            }
            if says {
                self.say().await?;
            }
            if counts {
                let (waiting, oldest) = self.store.waiting_to_be_sealed().await?;
                let age = oldest.map_or(Duration::ZERO, |oldest| self.clock.now().since(oldest));
                self.metrics.unsealed(waiting, age);
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = done.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "records can't be sealed; it is tried again");
            let mut state = self.state.lock().await;
            state.sweeps.put_off();
            if says {
                state.says.put_off();
            }
        }
    }
}
