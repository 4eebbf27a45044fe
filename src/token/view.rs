//! What this node knows about changes elsewhere: the feed, followed.
//!
//! The view holds no facts, only counters: one per subject that somebody here depends on. A change moves its subject's
//! counter, and whatever was computed before is seen to be stale by comparing numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::KeyRing;
use crate::store::{Change, SharedStore, StoreError, Subject};
use crate::types::Clock;

/// How often the feed is looked at when nobody here knows of a change.
const POLL: Duration = Duration::from_millis(20);
/// How long a change may take to be applied here before its maker is told that nobody knows.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// Changes taken in one read.
const BATCH: u32 = 1000;

/// This node's view of the feed.
#[derive(Debug)]
pub struct View {
    counters: Mutex<HashMap<Subject, Arc<AtomicU64>>>,
    applied: watch::Sender<u64>,
    confirmed: AtomicU64,
    born: Instant,
    lease: Duration,
    wake: Notify,
}

/// The counters that something was computed under.
#[derive(Clone, Debug)]
pub struct Watch<const N: usize>([(Arc<AtomicU64>, u64); N]);

impl<const N: usize> Watch<N> {
    /// Whether nothing of it has changed since.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.iter().all(|(counter, seen)| counter.load(Ordering::Acquire) == *seen)
    }
}

impl View {
    /// A view that has applied everything up to `position`, which was just read from the store.
    #[must_use]
    pub fn starting_at(position: u64, lease: Duration) -> Self {
        Self {
            counters: Mutex::default(),
            applied: watch::Sender::new(position),
            confirmed: AtomicU64::new(0),
            born: Instant::now(),
            lease,
            wake: Notify::new(),
        }
    }

    /// The counters of `subjects` as they stand. Take them before reading the facts: a change in between is then noticed.
    #[must_use]
    pub fn watch<const N: usize>(&self, subjects: [Subject; N]) -> Watch<N> {
        let mut counters = self.counters.lock();
        Watch(subjects.map(|s| {
            let counter = Arc::clone(counters.entry(s).or_default());
            let seen = counter.load(Ordering::Acquire);
            (counter, seen)
        }))
    }

    /// Whether the feed was read within the lease. A node that can't know of revocations must not serve (G3, G9).
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let confirmed = Duration::from_micros(self.confirmed.load(Ordering::Acquire));
        self.born.elapsed().saturating_sub(confirmed) <= self.lease
    }

    /// A receiver that sees every position that was applied.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Waits until everything that the store has committed by now was applied here.
    ///
    /// # Errors
    /// When the store can't say what it has committed, or stops answering meanwhile.
    pub async fn settle(&self, store: &SharedStore) -> Result<(), StoreError> {
        let target = store.feed_position().await?;
        let mut applied = self.applied.subscribe();
        self.wake.notify_one();
        // The sender lives as long as `self`: only the limit ends the wait early.
        let reached = tokio::time::timeout(SETTLE_LIMIT, applied.wait_for(|p| *p >= target)).await;
        let late =
            |e: tokio::time::error::Elapsed| StoreError::Unavailable { what: "following the change feed", source: Box::new(e) };
        reached.map(drop).map_err(late)
    }

    /// Follows the feed until `stop`, and reads `keys` again when they have changed.
    pub async fn follow(&self, store: SharedStore, keys: Arc<KeyRing>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let asked = self.born.elapsed();
            match self.catch_up(&store, &keys, &*clock).await {
                Ok(()) => {
                    self.confirmed.store(u64::try_from(asked.as_micros()).unwrap_or(u64::MAX), Ordering::Release);
                    failing = false;
                }
                Err(error) if !failing => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the change feed can't be read; refusing requests until it can"
                    );
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn catch_up(&self, store: &SharedStore, keys: &KeyRing, clock: &dyn Clock) -> Result<(), StoreError> {
        loop {
            let from = *self.applied.borrow();
            if self.in_time(store.feed_position()).await? <= from {
                return Ok(());
            }
            let changes = self.in_time(store.changes_after(from, BATCH)).await?;
            let Some(last) = changes.last().map(|c| c.position) else { return Ok(()) };
            // Keys first: whoever waits for this position may issue a token right after.
            if changes.iter().any(|c| c.subject == Subject::Keys)
                && let Err(error) = self.in_time(keys.reload(store, clock.now())).await
            {
                tracing::error!(error = &error as &dyn std::error::Error, "the signing keys can't be read; keeping those known");
            }
            self.apply(from, &changes);
            self.applied.send_replace(last);
        }
    }

    /// What `read` gives, unless that takes so long that it would be worth nothing: a store that says nothing must not end the
    /// attempts.
    async fn in_time<T, E: From<StoreError>>(&self, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let late = |e: tokio::time::error::Elapsed| {
            E::from(StoreError::Unavailable { what: "reading the change feed in time", source: Box::new(e) })
        };
        tokio::time::timeout(self.lease * 9 / 10, read).await.map_err(late)?
    }

    fn apply(&self, from: u64, changes: &[Change]) {
        let mut counters = self.counters.lock();
        let complete = changes.first().is_some_and(|c| c.position == from + 1);
        if complete {
            for counter in changes.iter().filter_map(|c| counters.get(&c.subject)) {
                counter.fetch_add(1, Ordering::AcqRel);
            }
        } else {
            // Some of the feed was forgotten before we read it: anything may have changed.
            for counter in counters.values() {
                counter.fetch_add(1, Ordering::AcqRel);
            }
        }
        counters.retain(|_, counter| Arc::strong_count(counter) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::GrantId;

    fn grant(id: &str) -> Subject {
        Subject::Grant { id: GrantId::parse(id).expect("a plain id") }
    }

    #[test]
    fn a_change_makes_only_its_subject_stale() {
        let view = View::starting_at(7, Duration::from_secs(1));
        let (a, b) = (view.watch([grant("a")]), view.watch([grant("b")]));
        view.apply(7, &[Change { position: 8, subject: grant("a") }]);
        assert!(!a.is_current() && b.is_current());
    }

    #[test]
    fn a_gap_in_the_feed_makes_everything_stale() {
        let view = View::starting_at(7, Duration::from_secs(1));
        let b = view.watch([grant("b")]);
        view.apply(7, &[Change { position: 10, subject: grant("a") }]);
        assert!(!b.is_current());
    }

    #[test]
    fn counters_that_nobody_holds_are_forgotten() {
        let view = View::starting_at(0, Duration::from_secs(1));
        drop(view.watch([grant("a")]));
        let kept = view.watch([grant("b")]);
        view.apply(0, &[Change { position: 1, subject: grant("c") }]);
        assert_eq!(view.counters.lock().len(), 1);
        assert!(kept.is_current());
    }

    #[test]
    fn a_view_that_was_never_confirmed_goes_stale() {
        let view = View::starting_at(0, Duration::ZERO);
        std::thread::yield_now();
        assert!(!view.is_fresh());
    }
}
