//! Carries finished records from the journal to the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::journal::{Backlog, Journal};
use super::notary::Notary;
use super::pairing::Needs;
use super::tail::{Damage, Ready, Step, Tail};
use crate::record::Written;
use crate::store::{SealStore, StoreError};
use crate::types::Chain;

/// Most records in one batch.
const BATCH: usize = 500;
/// How often the journal is looked at.
const POLL: Duration = Duration::from_millis(40);
/// How long to wait after a failure: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long sealing what is left may hold up a stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many running calls are remembered whole; the rest is read again from its file.
const MEMORY_LIMIT: usize = 20_000;

/// The task that moves records; what it has not moved stays on disk.
pub struct Shipper<S: ?Sized> {
    journal: Journal,
    /// Away while a thread reads.
    tail: Option<Tail>,
    notary: Arc<Notary<S>>,
    flushes: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    waiting: Vec<oneshot::Sender<()>>,
    shipped: u64,
}

impl<S: SealStore + Send + Sync + ?Sized> Shipper<S> {
    /// The shipper of `journal`, with the backlog that came with it, through `notary`.
    pub fn new(journal: Journal, backlog: Backlog, notary: Arc<Notary<S>>) -> Self {
        let tail = Tail::new(backlog.old, Some(journal.clone()), MEMORY_LIMIT);
        Self { journal, tail: Some(tail), notary, flushes: backlog.flushes, waiting: Vec::new(), shipped: 0 }
    }

    /// Runs until `stop`; then tries once more to move everything that is finished, and leaves the rest to the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let stopping = stop.is_cancelled();
            if stopping {
                // What comes later goes to a file of its own, and the one whose records have been moved can go.
                self.journal.seal();
            }
            self.journal.tend();
            while let Ok(flush) = self.flushes.try_recv() {
                self.waiting.push(flush);
            }
            match self.pass(&stop).await {
                Pass::Done => {
                    for flush in self.waiting.drain(..) {
                        // Whoever asked may have given up waiting.
                        let _ = flush.send(());
                    }
                }
                Pass::Unreadable => {}
                Pass::GivenUp => return,
            }
            if stopping {
                self.finish().await;
                return;
            }
            self.notary.tend().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(POLL) => {}
                Some(flush) = self.flushes.recv() => self.waiting.push(flush),
            }
        }
    }

    /// Seals what is left, and says where the chain ends.
    async fn finish(&self) {
        let done = async {
            self.notary.sweep().await?;
            self.notary.say().await
        };
        let left = "records are left to be sealed by another node, or at the next start";
        match timeout(PATIENCE, done).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "{left}"),
            Err(_) => tracing::warn!("{left}: the store does not answer"),
        }
    }

    /// Moves everything that is finished.
    async fn pass(&mut self, stop: &CancellationToken) -> Pass {
        if self.waiting.is_empty() && self.tail.as_ref().is_some_and(|tail| !tail.has_grown()) {
            return Pass::Done;
        }
        loop {
            let read = self.on_thread(|tail| (tail.read(BATCH), tail.unread())).await;
            let Some((read, unread)) = read else { return Pass::GivenUp };
            self.report(&read);
            let idle = read.ready.is_empty();
            let inherited = (read.ready.len() as u64).saturating_sub(read.of_this_run);
            self.journal.inherited(inherited + unread);
            if !idle && !self.store(read.ready, stop).await {
                return Pass::GivenUp;
            }
            self.shipped += read.of_this_run;
            self.journal.stored(self.shipped);
            self.journal.inherited(unread);
            self.journal.metrics().depth(self.journal.backlog());
            if self.tail.as_ref().is_some_and(Tail::holds_files) {
                self.on_thread(Tail::sweep).await;
            }
            if let Some(error) = read.failure {
                tracing::error!(error = %Chain(&error), "the audit journal can't be read");
                return Pass::Unreadable;
            }
            if read.caught_up {
                self.journal.metrics().lag(Duration::ZERO);
                return Pass::Done;
            }
            if idle {
                // Somebody is in the middle of the last line of a file.
                sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Lends the tail to a thread that may block. `None` when the runtime is ending.
    async fn on_thread<T: Send + 'static>(&mut self, work: impl FnOnce(&mut Tail) -> T + Send + 'static) -> Option<T> {
        let mut tail = self.tail.take()?;
        let done = spawn_blocking(move || {
            let result = work(&mut tail);
            (tail, result)
        });
        match done.await {
            Ok((tail, result)) => {
                self.tail = Some(tail);
                Some(result)
            }
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
    }

    /// Hands a batch to the store until it is taken; `false` when it is time to stop first. What the store would never take is found by
    /// halves and left in the journal: nothing behind it waits for it.
    async fn store(&mut self, ready: Vec<Ready>, stop: &CancellationToken) -> bool {
        let (records, needs): (Vec<Written>, Vec<_>) = ready.into_iter().map(|r| (r.written, r.needs)).unzip();
        let mut parts = vec![(&*records, &*needs)];
        while let Some((part, needs)) = parts.pop() {
            match self.offer(part, stop).await {
                Offered::Taken => self.taken(part, needs),
                Offered::Refused(error) => {
                    let middle = part.len() / 2;
                    if middle == 0 {
                        self.set_aside(part, &error);
                    } else {
                        let ((one, other), (ones, others)) = (part.split_at(middle), needs.split_at(middle));
                        parts.extend([(other, others), (one, ones)]);
                    }
                }
                Offered::GivenUp => return false,
            }
        }
        true
    }

    /// Hands records to the store until it answers.
    async fn offer(&self, records: &[Written], stop: &CancellationToken) -> Offered {
        let mut pause = BACKOFF.0;
        loop {
            let error = match self.notary.append(records).await {
                Ok(()) => return Offered::Taken,
                Err(error @ StoreError::Rejected { .. }) => return Offered::Refused(error),
                Err(error) => error,
            };
            let metrics = self.journal.metrics();
            metrics.retried();
            metrics.lag(self.age(records));
            tracing::warn!(
                error = %Chain(&error),
                records = records.len(),
                "the store does not take audit records; they stay in the journal"
            );
            if stop.is_cancelled() {
                return Offered::GivenUp;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            self.journal.tend();
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    fn taken(&mut self, records: &[Written], needs: &[Needs]) {
        let metrics = self.journal.metrics();
        metrics.shipped(records.len() as u64);
        metrics.lag(self.age(records));
        if let Some(tail) = &mut self.tail {
            for needs in needs {
                tail.stored(*needs);
            }
        }
    }

    /// Leaves records in their files, which stay: the next start tries them again, perhaps with a program that can store them.
    fn set_aside(&self, records: &[Written], error: &StoreError) {
        for Written { record, .. } in records {
            self.journal.metrics().set_aside();
            tracing::error!(record = %record.id, error = %Chain(error), "the store refuses a record; it stays in the journal");
        }
    }

    /// How long the oldest of these has waited.
    fn age(&self, records: &[Written]) -> Duration {
        let oldest = records.iter().map(|r| r.record.time).min();
        oldest.map_or(Duration::ZERO, |oldest| self.journal.clock().now().since(oldest))
    }

    fn report(&self, step: &Step) {
        let metrics = self.journal.metrics();
        if step.unknown > 0 {
            metrics.unknown(step.unknown);
            tracing::warn!(calls = step.unknown, "an earlier run ended during calls: their outcome is unknown");
        }
        let Damage { torn, corrupt } = step.damage;
        if torn > 0 {
            metrics.torn(torn);
            tracing::warn!(writes = torn, "the audit journal has writes that were cut short");
        }
        if corrupt > 0 {
            metrics.corrupt(corrupt);
            tracing::error!(lines = corrupt, "the audit journal has lines that can't be read; their file is kept");
        }
    }
}

/// What the store said to records.
enum Offered {
    /// It has them.
    Taken,
    /// It never takes one of them.
    Refused(StoreError),
    /// It was time to stop before it took them.
    GivenUp,
}

/// How an attempt to move everything went.
enum Pass {
    /// All that had been finished before it is in the store.
    Done,
    /// The journal could not be read to its end; the next attempt goes on there.
    Unreadable,
    /// It is time to stop, and records are left.
    GivenUp,
}
