//! Requests that are under way, and how they end when what allowed them ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::authorize::Permit;
use super::terms::{Came, Terms};
use crate::config::Config;
use crate::token::Principal;

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

/// Ends what is read of a client, while it may still be written to: whoever waits for an upstream and for the client at once gets
/// the turn to answer.
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

/// Where a request is on the list.
#[derive(Clone, Copy, Debug)]
struct Place {
    shard: usize,
    slot: usize,
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
    /// How it came.
    pub came: Came,
    /// What holds for it, as found last.
    terms: Terms,
    /// Who calls, where that was read again since.
    again: Option<Arc<Principal>>,
}

impl OpenStream {
    /// A request that has just been allowed.
    #[must_use]
    pub fn new(permit: Arc<Permit>, config: Arc<Config>, listens: bool, cut: Arc<CutSwitch>, came: Came) -> Self {
        let terms = Terms::at_first(&config, &permit);
        Self { permit, config, listens, cut, came, terms, again: None }
    }

    /// What holds for it, as found last.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    /// Who calls, as read last; `None` on public routes.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.again.as_ref().or_else(|| self.permit.principal())
    }
}

/// A request that was picked from the list.
#[derive(Debug)]
pub struct Picked {
    /// The request.
    pub stream: OpenStream,
    place: Place,
}

/// Takes the request off the list when it is dropped.
#[derive(Debug)]
pub struct Registered {
    all: Arc<OpenStreams>,
    place: Place,
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
        Registered { all: Arc::clone(self), place: Place { shard, slot } }
    }

    /// The requests that `wanted` picks.
    #[must_use]
    pub fn pick(&self, wanted: impl Fn(&OpenStream) -> bool) -> Vec<Picked> {
        let mut picked = Vec::new();
        for (shard, kept) in self.shards.iter().enumerate() {
            let kept = kept.lock();
            let filled = kept.slots.iter().enumerate().filter_map(|(slot, stream)| Some((slot, stream.as_ref()?)));
            let wanted = filled.filter(|(_, stream)| wanted(stream));
            picked.extend(wanted.map(|(slot, stream)| Picked { stream: stream.clone(), place: Place { shard, slot } }));
        }
        picked
    }

    /// Keeps what was found with a request that goes on, and who calls, where that was read again: it is asked about again when
    /// something behind that has changed.
    pub fn renew(&self, picked: &Picked, terms: Terms, principal: Option<&Arc<Principal>>) {
        let mut kept = self.shards[picked.place.shard].lock();
        // The place may be another request's by now.
        if let Some(Some(stream)) = kept.slots.get_mut(picked.place.slot)
            && Arc::ptr_eq(&stream.permit, &picked.stream.permit)
        {
            stream.terms = terms;
            stream.again = principal.cloned().or_else(|| stream.again.take());
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let Place { shard, slot } = self.place;
        let mut kept = self.all.shards[shard].lock();
        if let Some(taken) = kept.slots.get_mut(slot) {
            *taken = None;
            kept.free.push(slot);
        }
    }
}
