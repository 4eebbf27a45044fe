//! Requests that are under way, and how they end when what allowed them ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::authorize::Permit;
use crate::config::Config;

/// Ends a request from outside, whatever it is waiting for.
#[derive(Debug, Default)]
pub struct CutSwitch {
    thrown: AtomicBool,
    over: AtomicBool,
    notify: Notify,
}

impl CutSwitch {
    /// Ends the request. Throwing the switch again changes nothing.
    pub fn cut(&self) {
        self.thrown.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Ends the request where nothing is wrong with it: it has done what it was for.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.cut();
    }

    /// Whether it ended so.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Whether it was thrown.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.thrown.load(Ordering::Acquire)
    }

    /// Completes once the switch is thrown.
    pub async fn wait(&self) {
        loop {
            let notified = self.notify.notified();
            if self.is_cut() {
                return;
            }
            notified.await;
        }
    }
}

/// Ends what is read of a client, while it may still be written to: whoever waits for an upstream and for the client at once gets the
/// turn to answer.
#[derive(Debug, Default)]
pub struct HangUp {
    thrown: AtomicBool,
    reader: AtomicWaker,
}

impl HangUp {
    /// Nothing more is read.
    pub fn throw(&self) {
        self.thrown.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Whether nothing more is read.
    #[must_use]
    pub fn is_thrown(&self) -> bool {
        self.thrown.load(Ordering::Acquire)
    }

    /// The same for a reader that waits; it is woken when that changes.
    #[must_use]
    pub fn wait(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        self.is_thrown()
    }
}

/// A shard for every few cores: a request touches one, so that requests on different cores do not meet.
const SHARDS: usize = 16;

/// Every forwarded request of this node that has not ended.
#[derive(Debug, Default)]
pub struct OpenStreams {
    shards: [Mutex<Shard>; SHARDS],
    next: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Option<OpenStream>>,
    free: Vec<usize>,
}

/// A request that is under way.
#[derive(Clone, Debug)]
pub struct OpenStream {
    /// What allowed it.
    pub permit: Arc<Permit>,
    /// The configuration that it began with: the permit's scopes are positions in its catalogue.
    pub config: Arc<Config>,
    /// Whether it tells of lists, so that it ends when they may have changed: see [`crate::mcp::Listening`].
    pub listens: bool,
    /// How to end it.
    pub cut: Arc<CutSwitch>,
}

/// Takes the request off the list when it is dropped.
#[derive(Debug)]
pub struct Registered {
    all: Arc<OpenStreams>,
    shard: usize,
    slot: usize,
}

impl OpenStreams {
    /// Puts a request on the list. Check afterwards that its permit still holds: a change that came before is not told again.
    #[must_use]
    pub fn register(self: &Arc<Self>, stream: OpenStream) -> Registered {
        let shard = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut kept = self.shards[shard].lock();
        let slot = kept.free.pop().unwrap_or(kept.slots.len());
        match kept.slots.get_mut(slot) {
            Some(empty) => *empty = Some(stream),
            None => kept.slots.push(Some(stream)),
        }
        Registered { all: Arc::clone(self), shard, slot }
    }

    /// The requests that `wanted` picks.
    #[must_use]
    pub fn select(&self, wanted: impl Fn(&Permit) -> bool) -> Vec<OpenStream> {
        let pick =
            |shard: &Mutex<Shard>| shard.lock().slots.iter().flatten().filter(|s| wanted(&s.permit)).cloned().collect::<Vec<_>>();
        self.shards.iter().flat_map(pick).collect()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut kept = self.all.shards[self.shard].lock();
        if let Some(slot) = kept.slots.get_mut(self.slot) {
            *slot = None;
            kept.free.push(self.slot);
        }
    }
}
