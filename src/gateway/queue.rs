//! Who is begun next, where more requests come than the node gets done.
//!
//! A runtime lets tasks run in the order in which they became ready: a thousand connections of one caller are a thousand turns before
//! another's. What a request costs is mostly its beginning, so that is what stands in line here: while the runtime goes once over
//! what is ready, only so many requests are begun, and who is next is decided by callers and not by connections (start-time fair
//! queueing): a thousand requests of one caller cost another that asks for one a turn or two. Nobody is told how long a pass takes: who
//! calls the next is a task that is woken behind everything that is ready, so that no core is idle while anybody waits.
//!
//! A turn is for beginning alone. What waits for the store, for an upstream or for a client afterwards holds nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::admission::{CALLERS, Caller};

/// For so long it is remembered how many were begun: less than a few of them take.
const LATELY: Duration = Duration::from_micros(200);
/// Bits of how many were begun lately.
const COUNT: u32 = 16;
/// Everybody is begun at once.
const ALL: u32 = u32::MAX;

/// Requests that wait to be begun.
#[derive(Debug)]
pub struct Queue {
    /// How many are begun without waiting, of those that come at one time; [`ALL`] while nobody calls those who wait.
    at_once: AtomicU32,
    /// The time by [`LATELY`], and how many were begun since it.
    lately: AtomicU64,
    born: Instant,
    /// How many wait.
    waiting: AtomicUsize,
    lines: Mutex<Lines>,
    came: Notify,
}

/// Those that wait have turns in one line of each kind: what is urgent, organizations, and networks of which nobody knows more. Nobody
/// gets past the others by asking for what is urgent, or by having many networks.
#[derive(Debug, Default)]
struct Lines {
    kinds: [Line; 3],
    /// The line that is called first at the next call.
    next: usize,
    /// Requests that ever waited.
    number: u64,
}

/// The line of one kind of callers.
#[derive(Debug)]
struct Line {
    waiting: BTreeMap<Turn, oneshot::Sender<()>>,
    /// The turn that was called last.
    called: u64,
    /// The turn that each caller's last request has.
    last: Box<[u64; CALLERS]>,
}

/// When a request is called. Each caller has one request in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    turn: u64,
    /// Requests before it, of all that ever waited.
    number: u64,
}

impl Default for Line {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), called: 0, last: Box::new([0; CALLERS]) }
    }
}

impl Line {
    fn join(&mut self, caller: usize, number: u64, tell: oneshot::Sender<()>) -> Turn {
        let turn = self.last[caller].max(self.called) + 1;
        self.last[caller] = turn;
        let turn = Turn { turn, number };
        self.waiting.insert(turn, tell);
        turn
    }

    /// Calls who is next; says whether there was anybody.
    fn call(&mut self) -> bool {
        while let Some((turn, tell)) = self.waiting.pop_first() {
            self.called = turn.turn;
            if tell.send(()).is_ok() {
                return true;
            }
        }
        false
    }
}

impl Lines {
    /// Calls one of those who wait, of each line in turn; says whether there was one.
    fn call(&mut self) -> bool {
        let count = self.kinds.len();
        let first = self.next;
        for line in (0..count).map(|i| (first + i) % count) {
            if self.kinds[line].call() {
                self.next = (line + 1) % count;
                return true;
            }
        }
        false
    }

    fn len(&self) -> usize {
        self.kinds.iter().map(|line| line.waiting.len()).sum()
    }
}

impl Default for Queue {
    fn default() -> Self {
        let (at_once, lately, waiting) = (AtomicU32::new(ALL), AtomicU64::new(0), AtomicUsize::new(0));
        Self { at_once, lately, born: Instant::now(), waiting, lines: Mutex::default(), came: Notify::new() }
    }
}

impl Queue {
    /// Whether a request has to wait, and how. Most don't: nobody waits, and few were begun just now.
    pub fn join(&self, caller: impl FnOnce() -> Caller) -> Option<Waiting<'_>> {
        let most = self.at_once.load(Ordering::Relaxed);
        if most == ALL || (self.waiting() == 0 && self.is_one_of_few(most, self.born.elapsed())) {
            return None;
        }
        let ((tell, told), caller) = (oneshot::channel(), caller());
        let mut lines = self.lines.lock();
        // Whoever stops to call says so before the line is looked at for the last time.
        if self.at_once.load(Ordering::Relaxed) == ALL {
            return None;
        }
        lines.number += 1;
        let (number, (line, slot)) = (lines.number, place(caller));
        let turn = lines.kinds[line].join(slot, number, tell);
        self.waiting.store(lines.len(), Ordering::Relaxed);
        drop(lines);
        self.came.notify_one();
        Some(Waiting { queue: self, line, turn, told })
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts one more that is begun now, unless there were so many lately.
    fn is_one_of_few(&self, most: u32, now: Duration) -> bool {
        let lately = u64::try_from(now.as_micros() / LATELY.as_micros()).unwrap_or(0);
        let one_more = |before: u64| {
            let count = if before >> COUNT == lately { before & ((1 << COUNT) - 1) } else { 0 };
            (count < u64::from(most).min((1 << COUNT) - 1)).then_some(lately << COUNT | (count + 1))
        };
        self.lately.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Lets requests wait that come when so many were begun at one time, until what this gives is dropped: whoever has it calls them.
    #[must_use]
    pub fn attend(&self, at_once: u32) -> Attendant<'_> {
        self.at_once.store(at_once.min(ALL - 1), Ordering::Relaxed);
        Attendant(self)
    }
}

/// The line of a caller, and its place there.
const fn place(caller: Caller) -> (usize, usize) {
    match caller {
        Caller::Urgent(network) => (0, network),
        Caller::Org(org) => (1, org),
        Caller::Stranger(network) => (2, network),
    }
}

/// A request that waits; it is out of the line when this is dropped.
#[derive(Debug)]
pub struct Waiting<'q> {
    queue: &'q Queue,
    line: usize,
    turn: Turn,
    told: oneshot::Receiver<()>,
}

impl Waiting<'_> {
    /// Completes when it is called.
    pub async fn called(mut self) {
        // An error is as good: nobody calls any more.
        let _ = (&mut self.told).await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut lines = self.queue.lines.lock();
        if lines.kinds[self.line].waiting.remove(&self.turn).is_some() {
            self.queue.waiting.store(lines.len(), Ordering::Relaxed);
        }
    }
}

/// Who calls those who wait.
#[derive(Debug)]
pub struct Attendant<'q>(&'q Queue);

impl Attendant<'_> {
    /// Completes when somebody came to wait.
    pub async fn wanted(&self) {
        self.0.came.notified().await;
    }

    /// Calls so many at the most; says how many there were.
    #[must_use]
    pub fn call(&self, most: usize) -> usize {
        let mut lines = self.0.lines.lock();
        let called = (0..most).take_while(|_| lines.call()).count();
        self.0.waiting.store(lines.len(), Ordering::Relaxed);
        called
    }
}

impl Drop for Attendant<'_> {
    fn drop(&mut self) {
        self.0.at_once.store(ALL, Ordering::Relaxed);
        let _ = self.call(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const ACME: Caller = Caller::Org(1);
    const GLOBEX: Caller = Caller::Org(2);

    fn wait(queue: &Queue, caller: Caller, times: usize) -> Vec<Waiting<'_>> {
        (0..times).map(|_| queue.join(|| caller).expect("it waits")).collect()
    }

    /// How many of them were called.
    fn called(waiting: &mut Vec<Waiting<'_>>) -> usize {
        let before = waiting.len();
        waiting.retain_mut(|one| (&mut one.told).now_or_never().is_none());
        before - waiting.len()
    }

    #[test]
    fn nobody_waits_where_nobody_calls() {
        let queue = Queue::default();
        assert!((0..1_000).all(|_| queue.join(|| ACME).is_none()));
        let attendant = queue.attend(0);
        let mut waiting = wait(&queue, ACME, 10);
        drop(attendant);
        assert_eq!((called(&mut waiting), queue.waiting()), (10, 0));
        assert!(queue.join(|| ACME).is_none());
    }

    #[test]
    fn a_few_at_one_time_are_begun_at_once() {
        let queue = Queue::default();
        let few = |now: Duration| (0..100).filter(|_| queue.is_one_of_few(3, now)).count();
        assert_eq!((few(LATELY * 5), few(LATELY * 5 + LATELY / 2), few(LATELY * 6), few(LATELY * 60)), (3, 0, 3, 3));
    }

    #[test]
    fn nobody_gets_past_those_who_wait() {
        let queue = Queue::default();
        let attendant = queue.attend(1_000);
        for _ in 0..1_000_000 {
            if let Some(first) = queue.join(|| ACME) {
                let second = queue.join(|| GLOBEX).expect("it waits, too");
                assert_eq!(queue.waiting(), 2);
                drop((first, second));
                assert_eq!((queue.waiting(), attendant.call(10)), (0, 0), "who left is not called");
                return;
            }
        }
        panic!("nobody ever waited");
    }

    #[test]
    fn a_thousand_requests_of_one_caller_are_one_turn_before_that_of_another() {
        let queue = Queue::default();
        let attendant = queue.attend(0);
        let mut crowd = wait(&queue, ACME, 1_000);
        for _ in 0..3 {
            assert_eq!(attendant.call(100), 100);
            assert_eq!(called(&mut crowd), 100);
            let mut modest = wait(&queue, GLOBEX, 2);
            assert_eq!(attendant.call(4), 4);
            assert_eq!((called(&mut modest), called(&mut crowd)), (2, 2));
        }
        assert_eq!((attendant.call(usize::MAX), queue.waiting()), (694, 0));
        assert_eq!(attendant.call(1), 0);
    }

    #[test]
    fn who_waited_before_does_not_pay_for_it_later() {
        let queue = Queue::default();
        let attendant = queue.attend(0);
        drop(wait(&queue, ACME, 1_000));
        let (mut theirs, mut others) = (wait(&queue, GLOBEX, 500), wait(&queue, Caller::Org(3), 500));
        let _ = attendant.call(600);
        assert_eq!((called(&mut theirs), called(&mut others)), (300, 300));
        let mut late = wait(&queue, Caller::Org(4), 100);
        let _ = attendant.call(30);
        assert_eq!((called(&mut theirs), called(&mut others), called(&mut late)), (10, 10, 10), "nor is anything saved up");
    }

    #[test]
    fn strangers_have_half_and_what_is_urgent_a_line_of_its_own() {
        let queue = Queue::default();
        let attendant = queue.attend(0);
        let mut strangers: Vec<_> = (0..1_000).flat_map(|network| wait(&queue, Caller::Stranger(network), 1)).collect();
        let mut org = wait(&queue, ACME, 100);
        attendant.call(100);
        assert_eq!((called(&mut strangers), called(&mut org)), (50, 50));
        let mut urgent = wait(&queue, Caller::Urgent(7), 1);
        attendant.call(3);
        assert_eq!(called(&mut urgent), 1);
    }
}
