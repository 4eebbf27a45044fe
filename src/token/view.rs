//! What this node knows about changes elsewhere: the feed, followed.
//!
//! The view holds no facts, only counters: one per subject that somebody here depends on. A change moves its subject's
//! counter, and whatever was computed before is seen to be stale by comparing numbers.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::lease::{Known, Moment};
use super::peers::Peers;
use super::{KeyRing, TokenFault};
use crate::store::{Change, FeedHead, Listing, NodeRole, Point, SharedStore, StoreError, Subject};
use crate::types::{Chain, Clock, NodeId};

/// How often the feed is looked at when nobody here knows of a change.
const POLL: Duration = Duration::from_millis(20);
/// The same while other nodes are on the store: whoever revokes something there waits for this one.
const POLL_IN_COMPANY: Duration = Duration::from_millis(10);
/// How long a change may take to be applied here before its maker is told that nobody knows.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// Changes taken in one read.
const BATCH: u32 = 1000;
/// Changes that are remembered, to name them should the store lose them.
const REMEMBERED: usize = 1000;
/// Clocks of two machines may run apart by less than this part of what they measure. A node ends its lease that much earlier than
/// others count on.
const CLOCK_DRIFT: u32 = 100;

/// This node's view of the feed.
#[derive(Debug)]
pub struct View {
    counters: Mutex<HashMap<Subject, Arc<AtomicU64>>>,
    applied: watch::Sender<Point>,
    confirmed: Known,
    lease: Duration,
    wake: Notify,
    peers: Peers,
    recent: Mutex<VecDeque<Change>>,
    forked: AtomicBool,
    over: AtomicBool,
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
    /// The view of node `id`, which is listed in the store from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(id: NodeId, role: NodeRole, lease: Duration, store: &SharedStore) -> Result<Self, StoreError> {
        // The lease counts from before the read, and the row is there before it: whoever revokes something either finds the row
        // or knows that this read saw the change.
        let (born, peers) = (Moment::now(), Peers::new(id, role, lease));
        let head = match Self::first_look(&peers, store).await {
            Ok(head) => head,
            Err(error) => {
                // It may have been listed, and will serve nobody: no revocation may wait for it.
                peers.leave(store).await;
                return Err(error);
            }
        };
        peers.met(head.others);
        Ok(Self::starting_at(head.point, born, lease, peers))
    }

    async fn first_look(peers: &Peers, store: &SharedStore) -> Result<FeedHead, StoreError> {
        peers.enlist(store).await?;
        store.feed_head(peers.id()).await
    }

    /// A view that has applied everything up to `point`, which was read from the store after `born`.
    fn starting_at(point: Point, born: Moment, lease: Duration, peers: Peers) -> Self {
        Self {
            counters: Mutex::default(),
            applied: watch::Sender::new(point),
            confirmed: Known::at(born),
            lease,
            wake: Notify::new(),
            peers,
            recent: Mutex::default(),
            forked: AtomicBool::new(false),
            over: AtomicBool::new(false),
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

    /// Whether the feed was read within the lease, which counts from the start of that read. A node that can't know of
    /// revocations must not serve (G3, G9).
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let ended = self.is_forked() || self.over.load(Ordering::Acquire);
        !ended && self.confirmed.age() <= self.lease.saturating_sub(self.lease / CLOCK_DRIFT)
    }

    /// Whether the store was seen to have lost changes that this node had applied. It stays so: what was revoked by them may be
    /// live again, and only people can tell.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.forked.load(Ordering::Acquire)
    }

    /// A receiver that sees every point that was applied.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<Point> {
        self.applied.subscribe()
    }

    /// Waits until nobody serves from before what the store has committed by now: this node has applied it, and each other has
    /// said so or its lease has run out.
    ///
    /// # Errors
    /// When the store can't say what it has committed, or stops answering meanwhile.
    pub async fn settle(&self, store: &SharedStore) -> Result<(), StoreError> {
        // A read of the feed that misses what was committed before this call has begun before it too.
        let since = Instant::now();
        let head = self.catch_up(store).await?;
        if head.others > 0 {
            self.peers.all_know(store, head.point.position, since).await;
        }
        Ok(())
    }

    /// Waits until everything that the store has committed by now was applied here, and gives the head that was read.
    ///
    /// # Errors
    /// When the store can't say what it has committed, or stops answering meanwhile.
    pub async fn catch_up(&self, store: &SharedStore) -> Result<FeedHead, StoreError> {
        let head = store.feed_head(self.peers.id()).await?;
        let mut applied = self.applied.subscribe();
        self.wake.notify_one();
        // The sender lives as long as `self`: only the limit ends the wait early.
        let reached = tokio::time::timeout(SETTLE_LIMIT, applied.wait_for(|p| p.position >= head.point.position)).await;
        let late =
            |e: tokio::time::error::Elapsed| StoreError::Unavailable { what: "following the change feed", source: Box::new(e) };
        reached.map(|_| head).map_err(late)
    }

    /// Serves no more, and takes this node off the list, so that nobody waits for it.
    pub async fn leave(&self, store: &SharedStore) {
        self.over.store(true, Ordering::Release);
        self.peers.leave(store).await;
    }

    /// Follows the feed until `stop`, and reads `keys` again when they have changed.
    pub async fn follow(&self, store: SharedStore, keys: Arc<KeyRing>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        // Apart from each other: a write that waits must not keep this node from reading.
        tokio::join!(self.read_on(&store, &keys, &*clock, &stop), self.peers.keep(&store, self.applied(), &stop));
    }

    async fn read_on(&self, store: &SharedStore, keys: &KeyRing, clock: &dyn Clock, stop: &CancellationToken) {
        let mut failing = false;
        loop {
            match self.read(store, keys, clock).await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    tracing::error!(
                        error = %Chain(&error),
                        "the change feed can't be read; refusing requests until it can"
                    );
                    failing = true;
                }
                Err(_) => {}
            }
            let pause = if self.peers.in_company() { POLL_IN_COMPANY } else { POLL };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Reads the feed to where its end was, and confirms that this was done.
    async fn read(&self, store: &SharedStore, keys: &KeyRing, clock: &dyn Clock) -> Result<(), StoreError> {
        let mut anew = false;
        loop {
            let asked = Moment::now();
            let head = self.in_time(store.feed_head(self.peers.id())).await?;
            self.peers.met(head.others);
            if head.listing == Listing::Gone {
                // Others no longer wait for this node: only what is read after it is listed again counts.
                if anew {
                    return Ok(());
                }
                self.in_time(self.peers.enlist(store)).await?;
                anew = true;
                continue;
            }
            let from = *self.applied.borrow();
            if head.point == from {
                self.confirm(asked);
                return Ok(());
            }
            let next = if has_parted(from, head.point) {
                Next::Parted
            } else {
                // With the change that was applied last, to see that it is still the same.
                next(from, self.in_time(store.changes_after(from.position.saturating_sub(1), BATCH)).await?)
            };
            match next {
                Next::Parted => {
                    self.part(head.point);
                    self.tell_what_is_lost(store, from, head.point).await;
                }
                Next::Changes { changes, gapless } => self.take(store, keys, clock, head.point, (&changes[..], gapless)).await?,
            }
            // Where changes never stop coming, the end of a moment ago is the end.
            if self.applied.borrow().position >= head.point.position {
                self.confirm(asked);
                return Ok(());
            }
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

    /// Everything that was committed by `asked` is applied.
    fn confirm(&self, asked: Moment) {
        self.confirmed.renew(asked);
    }

    async fn take(
        &self,
        store: &SharedStore,
        keys: &KeyRing,
        clock: &dyn Clock,
        head: Point,
        (changes, gapless): (&[Change], bool),
    ) -> Result<(), StoreError> {
        // Keys first: whoever waits for this position may issue a token right after.
        if !gapless || changes.iter().any(|c| c.subject == Subject::Keys) {
            match self.in_time(keys.reload(store, clock.now())).await {
                Ok(()) => {}
                // Not applied: others must not believe that a key is gone here while it is not.
                Err(TokenFault::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(
                        error = %Chain(&error),
                        "the signing keys can't be read; keeping those known"
                    );
                }
            }
        }
        self.remember(changes);
        if gapless {
            self.apply(changes);
        } else {
            self.doubt_everything();
        }
        self.applied.send_replace(changes.last().map_or(head, Change::point));
        Ok(())
    }

    fn remember(&self, changes: &[Change]) {
        let mut recent = self.recent.lock();
        recent.extend(changes.iter().cloned());
        let too_many = recent.len().saturating_sub(REMEMBERED);
        recent.drain(..too_many);
    }

    /// The store is no longer the one that this node followed.
    fn part(&self, head: Point) {
        self.forked.store(true, Ordering::Release);
        self.doubt_everything();
        self.applied.send_replace(head);
    }

    /// Names what this node had applied and the store does not have any more, as far as both remember.
    async fn tell_what_is_lost(&self, store: &SharedStore, from: Point, head: Point) {
        let known = Vec::from(std::mem::take(&mut *self.recent.lock()));
        let first = known.first().map_or(0, |change| change.position.saturating_sub(1));
        // Where the store does not answer, rather too many than none.
        let there = store.changes_after(first, BATCH).await.unwrap_or_default();
        let lost = serde_json::to_string(&missing(&known, &there)).unwrap_or_default();
        tracing::error!(
            applied = from.position,
            found = head.position,
            lost = lost.as_str(),
            "the store has lost changes that were applied here, as after a fail-over to a server that was behind: what they \
             revoked may be live again; refusing every token until a restart, see the runbook"
        );
    }

    fn apply(&self, changes: &[Change]) {
        let mut counters = self.counters.lock();
        for counter in changes.iter().filter_map(|c| counters.get(&c.subject)) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
        counters.retain(|_, counter| Arc::strong_count(counter) > 1);
    }

    /// Anything may have changed.
    fn doubt_everything(&self) {
        let mut counters = self.counters.lock();
        for counter in counters.values() {
            counter.fetch_add(1, Ordering::AcqRel);
        }
        counters.retain(|_, counter| Arc::strong_count(counter) > 1);
    }
}

/// What comes after a point.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Changes, in order; not all of them when some of the feed was forgotten before it was read.
    Changes { changes: Vec<Change>, gapless: bool },
    /// The point is not in this feed: it is another one.
    Parted,
}

/// Whether a feed that ends at `head` can't be the one that `from` was read from.
fn has_parted(from: Point, head: Point) -> bool {
    head.position < from.position || (head.position == from.position && is_another(from, head))
}

/// Whether two points of one position are of different histories. Where a mark is missing nobody knows.
fn is_another(one: Point, other: Point) -> bool {
    one.mark.zip(other.mark).is_some_and(|(one, other)| one != other)
}

/// Whom those of the `known` changes touch that are not `there`, each once. What is older than everything there was forgotten,
/// not lost.
fn missing(known: &[Change], there: &[Change]) -> Vec<Subject> {
    let oldest = there.first().map_or(0, |change| change.position);
    let is_there = |change: &Change| {
        let found = there.binary_search_by_key(&change.position, |c| c.position);
        found.is_ok_and(|at| there[at].mark == change.mark)
    };
    let mut lost = Vec::new();
    for change in known.iter().filter(|change| change.position >= oldest && !is_there(change)) {
        if !lost.contains(&change.subject) {
            lost.push(change.subject.clone());
        }
    }
    lost
}

/// What the feed has after `from`, of its lines from there on.
fn next(from: Point, mut lines: Vec<Change>) -> Next {
    let first = lines.first().map(Change::point).filter(|p| p.position == from.position);
    if first.is_some_and(|p| is_another(from, p)) {
        return Next::Parted;
    }
    if first.is_some() {
        lines.remove(0);
    }
    let joins = from.position == 0 || first == Some(from);
    let follow = lines.iter().zip(from.position + 1..).all(|(line, position)| line.position == position);
    Next::Changes { gapless: joins && follow && !lines.is_empty(), changes: lines }
}
