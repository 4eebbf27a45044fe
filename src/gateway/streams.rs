//! Requests that are under way, and how they end when what allowed them ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Context;
use std::time::Duration;

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::authorize::Permit;
use super::denial::Denial;
use super::terms::{Came, Terms};
use crate::config::Config;
use crate::token::Principal;

/// How long a request that nobody answered may take to say why it ends. Nothing of an answer reaches its client any more, and nothing
/// more of its body its upstream: it may be connecting, which takes as long as that may.
const FAREWELL: Duration = Duration::from_secs(5);
/// The same for a call whose answer has begun: what is on its way to its client still arrives.
const HANG_UP: Duration = Duration::from_millis(500);

/// Ends a request from outside, whatever it is waiting for.
#[derive(Debug, Default)]
pub struct CutSwitch {
    thrown: AtomicBool,
    over: AtomicBool,
    notify: Notify,
    told: Mutex<Told>,
    /// Ends what is read of the client, so that whoever waits for it gets the turn to answer.
    hang_up: OnceLock<Arc<HangUp>>,
}

/// What the client of a request was told.
#[derive(Debug, Default)]
enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// The beginning of an answer, or all of it.
    Answer,
    /// The beginning of a call's answer, whose end can still say how it ended.
    Call,
    /// It will be told why the request ended; `None` where that is being told.
    Refusal {
        why: Option<Box<Denial>>,
        within: Duration,
    },
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// With nothing that can follow its body.
    Plain,
    /// With a status of a call behind its body.
    Call,
}

/// A request was refused while it was under way: no answer may begin any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what allowed the request has ended")]
pub struct Ended;

impl CutSwitch {
    /// Ends the request. Throwing the switch again changes nothing.
    pub fn cut(&self) {
        self.thrown.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Ends the request because of `denial`: with an answer that says so where none has begun, at once where that can't be said any
    /// more.
    pub fn refuse(&self, denial: Denial) {
        let within = {
            let mut told = self.told.lock();
            let within = match *told {
                Told::Nothing => Some(FAREWELL),
                Told::Call => Some(HANG_UP),
                Told::Answer => None,
                Told::Refusal { .. } => return,
            };
            if let Some(within) = within {
                *told = Told::Refusal { why: Some(Box::new(denial)), within };
            }
            within
        };
        if within.is_none() {
            return self.cut();
        }
        if let Some(hang_up) = self.hang_up.get() {
            hang_up.throw();
        }
        self.notify.notify_waiters();
    }

    /// Says what ends the reading of the client of this request. Only the first counts.
    pub fn hangs_up(&self, hang_up: &Arc<HangUp>) {
        if self.hang_up.set(Arc::clone(hang_up)).is_ok() && self.is_refused() {
            hang_up.throw();
        }
    }

    /// An answer begins.
    ///
    /// # Errors
    /// When the request was refused before.
    pub fn begin(&self, beginning: Beginning) -> Result<(), Ended> {
        let mut told = self.told.lock();
        if matches!(*told, Told::Refusal { .. }) {
            return Err(Ended);
        }
        *told = match beginning {
            Beginning::Plain => Told::Answer,
            Beginning::Call => Told::Call,
        };
        Ok(())
    }

    /// The request is over, and its answer is written.
    ///
    /// # Errors
    /// When it was refused meanwhile: nothing more is read of its client.
    pub fn finish(&self) -> Result<(), Ended> {
        self.begin(Beginning::Plain)
    }

    /// Whether the request was refused while it was under way.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(*self.told.lock(), Told::Refusal { .. })
    }

    /// Whether nothing of an answer goes on, and nothing of a body.
    ///
    /// # Errors
    /// When the request was refused while it was under way.
    pub fn check(&self) -> Result<(), Ended> {
        if self.is_refused() { Err(Ended) } else { Ok(()) }
    }

    /// Why the request was refused while it was under way, for whoever tells its client. Given once.
    #[must_use]
    pub fn take_refusal(&self) -> Option<Denial> {
        match &mut *self.told.lock() {
            Told::Refusal { why, .. } => why.take().map(|why| *why),
            Told::Nothing | Told::Answer | Told::Call => None,
        }
    }

    /// Completes once the request is refused while it is under way.
    pub async fn refused(&self) {
        loop {
            let notified = self.notify.notified();
            if self.is_refused() {
                return;
            }
            notified.await;
        }
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

    /// Whether the request ends, one way or the other.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_cut() || self.is_refused()
    }

    /// Completes once the switch is thrown, or the client of a refused request could not be told so in time.
    pub async fn wait(&self) {
        loop {
            let notified = self.notify.notified();
            if self.is_cut() {
                return;
            }
            if let Some(within) = self.farewell() {
                // Whatever is told now is that it was cut.
                let _ = tokio::time::timeout(within, notified).await;
                return self.cut();
            }
            notified.await;
        }
    }

    fn farewell(&self) -> Option<Duration> {
        match *self.told.lock() {
            Told::Refusal { within, .. } => Some(within),
            Told::Nothing | Told::Answer | Told::Call => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused_for(cut: &CutSwitch) -> bool {
        matches!(cut.take_refusal(), Some(Denial::Stale))
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_told_nothing_is_refused_and_whoever_was_is_cut() {
        let (cut, hang_up) = (CutSwitch::default(), Arc::new(HangUp::default()));
        cut.hangs_up(&hang_up);
        assert_eq!((cut.check(), hang_up.is_thrown()), (Ok(()), false));
        cut.refuse(Denial::Stale);
        assert!(hang_up.is_thrown() && cut.is_ending() && !cut.is_cut());
        cut.refuse(Denial::Store);
        assert_eq!((cut.begin(Beginning::Plain), cut.check(), cut.finish()), (Err(Ended), Err(Ended), Err(Ended)));
        assert!(is_refused_for(&cut) && cut.take_refusal().is_none() && cut.is_refused());

        let begun = CutSwitch::default();
        begun.begin(Beginning::Plain).expect("nobody refused it");
        begun.refuse(Denial::Stale);
        assert!(begun.is_cut() && begun.take_refusal().is_none());

        let over = CutSwitch::default();
        over.hangs_up(&hang_up);
        over.finish().expect("nobody refused it");
        over.refuse(Denial::Stale);
        assert!(!over.is_refused(), "the connection may be reading another request");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_say_why_in_time_is_cut() {
        for (beginning, within) in [(None, FAREWELL), (Some(Beginning::Call), HANG_UP)] {
            let cut = CutSwitch::default();
            if let Some(beginning) = beginning {
                cut.begin(beginning).expect("nobody refused it");
            }
            let begun = tokio::time::Instant::now();
            cut.refuse(Denial::Stale);
            cut.refused().await;
            cut.wait().await;
            assert!(cut.is_cut() && begun.elapsed() >= within, "{beginning:?}");
        }
    }

    #[test]
    fn who_is_told_how_to_hang_up_too_late_does_so_at_once() {
        let (cut, hang_up) = (CutSwitch::default(), Arc::new(HangUp::default()));
        cut.refuse(Denial::Stale);
        cut.hangs_up(&hang_up);
        assert!(hang_up.is_thrown());
    }
}
