//! Who is begun next, where more requests come than the node gets done.
//!
//! A runtime lets tasks run in the order in which they became ready: a thousand connections of one caller are a thousand turns before
//! another's. What a request costs is mostly its beginning, so that is what stands in line here: while the runtime goes once over
//! what is ready, only so many requests are begun, and who is next is decided by callers and not by connections. Callers stand in a
//! ring, each with those of its requests that wait, and one of each is begun in a round: a thousand requests of one caller cost another
//! that asks for one a turn or two. Who calls the next is a task that is woken behind everything that is ready, so that no core is
//! idle while anybody waits.
//!
//! Nobody stands in line where nobody waits for another: it begins when what is ready waits for its turn, long before anything is
//! shed for that, and ends when nobody had to wait for a while. A turn is for beginning alone. What waits for the store, for an upstream
//! or for a client afterwards holds nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::admission::{CALLERS, Caller, TICK, Waited};

/// What part of the wait that sheds requests lets them stand in line.
const EARLY: u32 = 8;
/// More than so many that waited at one time are a crowd.
const FEW: usize = 8;
/// So many ticks without a crowd end it.
const OVER: u32 = 100;
/// For so long a caller's requests may have waited all the time before one is shed sooner: a burst is served to its end.
const LASTING: Duration = TICK.saturating_mul(20);
/// What part of the room that is left one caller's requests may take. So many callers leave some for one more.
const PART: usize = 8;
/// Requests of one caller that may wait where there is any room.
const LEAST: usize = 4;
/// Requests that are shed at one time for each that is begun.
const SHED: usize = 4;
/// Who left the line is taken out of it when that many have, and as many as are still there.
const LEFT: usize = 8;

/// Requests that wait to be begun.
#[derive(Debug)]
pub struct Queue {
    /// Whether requests stand in line; a copy of what the lines say, so that most requests look at nothing else.
    stands: AtomicBool,
    lines: Mutex<Lines>,
    came: Notify,
}

/// The request is not begun: too many of its caller's wait, or it waited for too long.
#[derive(Debug, thiserror::Error)]
#[error("the caller asks for more than its turns")]
pub struct Passed;

/// Those that wait have turns in one line of each kind: what takes something away, organizations, and networks of which nobody knows
/// more. Nobody gets past the others by having many networks.
#[derive(Debug)]
struct Lines {
    lines: [Line; 3],
    /// The line that is called first at the next call.
    next: usize,
    waiting: usize,
    /// How many may wait.
    room: usize,
    /// How many waited at one time in this tick.
    peak: usize,
    /// How long one may wait whose caller has had others waiting for long.
    most: Duration,
    /// Whether somebody calls.
    attended: bool,
    /// Whether what is ready waits for its turn; and for how many ticks nobody had to.
    crowded: bool,
    quiet: u32,
}

/// The line of one kind of callers.
#[derive(Debug)]
struct Line {
    /// Those that have somebody waiting, and some of whom all have left since.
    ring: VecDeque<usize>,
    callers: Box<[Requests]>,
}

/// Requests of one caller.
#[derive(Debug, Default)]
struct Requests {
    /// In the order in which they came; some have left.
    line: VecDeque<Request>,
    waiting: usize,
    /// Since when one or another waits.
    since: Option<Instant>,
    /// Whether the ring has the caller.
    in_ring: bool,
}

#[derive(Debug)]
struct Request {
    came: Instant,
    tell: oneshot::Sender<Result<(), Passed>>,
}

/// What a call did.
#[derive(Debug, Default)]
struct Told {
    begun: usize,
    shed: usize,
}

impl Requests {
    fn join(&mut self, came: Instant) -> oneshot::Receiver<Result<(), Passed>> {
        let (tell, told) = oneshot::channel();
        self.line.push_back(Request { came, tell });
        self.waiting += 1;
        self.since.get_or_insert(came);
        told
    }

    /// One that waited is gone; of those that left no more are kept than wait, and a few.
    fn less(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.line.clear();
            self.line.shrink_to(LEFT);
            self.since = None;
        } else if self.line.len() > 2 * self.waiting + LEFT {
            self.line.retain(|one| !one.tell.is_closed());
        }
    }

    fn pop(&mut self) -> Option<Request> {
        let one = std::iter::from_fn(|| self.line.pop_front()).find(|one| !one.tell.is_closed())?;
        self.less();
        Some(one)
    }

    /// Begins the next of them, and tells those before it that waited for too long.
    fn call(&mut self, now: Instant, most: Duration, told: &mut Told, may: &Told) {
        let lasts = self.since.is_some_and(|since| now.saturating_duration_since(since) > LASTING);
        let most = if lasts { most } else { most.max(LASTING) };
        while told.shed < may.shed
            && let Some(one) = self.pop()
        {
            if now.saturating_duration_since(one.came) <= most {
                // Who leaves takes it out of the line first.
                let _ = one.tell.send(Ok(()));
                told.begun += 1;
                return;
            }
            let _ = one.tell.send(Err(Passed));
            told.shed += 1;
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self { ring: VecDeque::new(), callers: (0..CALLERS).map(|_| Requests::default()).collect() }
    }
}

impl Line {
    fn join(&mut self, caller: usize, came: Instant) -> oneshot::Receiver<Result<(), Passed>> {
        let requests = &mut self.callers[caller];
        if !std::mem::replace(&mut requests.in_ring, true) {
            self.ring.push_back(caller);
        }
        requests.join(came)
    }

    /// Gives the next caller its turn. One whose requests have all left has none.
    fn call(&mut self, now: Instant, most: Duration, told: &mut Told, may: &Told) {
        while let Some(caller) = self.ring.pop_front() {
            let requests = &mut self.callers[caller];
            let has_turn = requests.waiting > 0;
            requests.call(now, most, told, may);
            requests.in_ring = requests.waiting > 0;
            if requests.in_ring {
                self.ring.push_back(caller);
            }
            if has_turn {
                return;
            }
        }
    }
}

impl Lines {
    const fn stand(&self) -> bool {
        self.attended && self.crowded
    }

    fn join(&mut self, caller: Caller, came: Instant) -> Result<oneshot::Receiver<Result<(), Passed>>, Passed> {
        let (line, caller) = place(caller);
        let line = &mut self.lines[line];
        let left = self.room.saturating_sub(self.waiting);
        if line.callers[caller].waiting >= (left / PART).max(LEAST).min(left) {
            return Err(Passed);
        }
        self.waiting += 1;
        self.peak = self.peak.max(self.waiting);
        Ok(line.join(caller, came))
    }

    fn leave(&mut self, caller: Caller) {
        let (line, caller) = place(caller);
        self.lines[line].callers[caller].less();
        self.waiting -= 1;
    }

    /// Begins so many of those who wait, of each line in turn.
    fn call(&mut self, most: usize, now: Instant) -> Told {
        let (count, may) = (self.lines.len(), Told { begun: most, shed: most.saturating_mul(SHED) });
        let mut told = Told::default();
        while told.begun < may.begun && told.shed < may.shed {
            let first = self.next;
            let Some(next) = (0..count).map(|i| (first + i) % count).find(|line| !self.lines[*line].ring.is_empty()) else {
                break;
            };
            self.lines[next].call(now, self.most, &mut told, &may);
            self.next = (next + 1) % count;
        }
        self.waiting = self.waiting.saturating_sub(told.begun + told.shed);
        told
    }

    /// Looks whether requests have to stand in line.
    fn tick(&mut self, wait: Duration, most: Duration) {
        let peak = std::mem::replace(&mut self.peak, self.waiting);
        let late = wait > most / EARLY;
        self.most = most;
        self.quiet = if late || peak > FEW { 0 } else { self.quiet.saturating_add(1) };
        self.crowded = late || (self.crowded && (self.quiet < OVER || self.waiting > 0));
    }
}

impl Queue {
    /// Nobody waits; so many may.
    #[must_use]
    pub fn new(room: u32) -> Self {
        let lines = Lines {
            lines: [(); 3].map(|()| Line::default()),
            next: 0,
            waiting: 0,
            room: usize::try_from(room).unwrap_or(usize::MAX),
            peak: 0,
            most: LASTING,
            attended: false,
            crowded: false,
            quiet: 0,
        };
        Self { stands: AtomicBool::new(false), lines: Mutex::new(lines), came: Notify::new() }
    }

    /// What a request that came then has to wait for; mostly nothing. `caller` is asked only where requests stand in line.
    ///
    /// # Errors
    /// When as many of its caller's wait as may.
    pub fn join(&self, caller: impl FnOnce() -> Caller, came: Instant) -> Result<Option<Waiting<'_>>, Passed> {
        if !self.stands.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let caller = caller();
        let mut lines = self.lines.lock();
        if !lines.stand() {
            return Ok(None);
        }
        let told = lines.join(caller, came)?;
        let is_first = lines.waiting == 1;
        drop(lines);
        // Who calls goes on until nobody waits.
        if is_first {
            self.came.notify_one();
        }
        Ok(Some(Waiting { queue: self, caller, told: Some(told) }))
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lines.lock().waiting
    }

    /// Notes for how long what is ready waited for its turn; requests are shed for waiting longer than `most`. Every
    /// [`TICK`].
    pub fn tick(&self, waited: Waited, most: Duration) {
        let (Waited::For(wait) | Waited::Still(wait)) = waited;
        self.change(|lines| lines.tick(wait, most));
    }

    /// Lets nobody else stand in line: nobody measures.
    pub fn end(&self) {
        self.change(|lines| lines.crowded = false);
    }

    /// Lets requests wait, until what this gives is dropped: whoever has it calls them.
    #[must_use]
    pub fn attend(&self) -> Attendant<'_> {
        self.change(|lines| lines.attended = true);
        Attendant(self)
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        let mut lines = self.lines.lock();
        change(&mut lines);
        self.stands.store(lines.stand(), Ordering::Relaxed);
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
    caller: Caller,
    /// `None` once it is known.
    told: Option<oneshot::Receiver<Result<(), Passed>>>,
}

impl Waiting<'_> {
    /// Completes when it is called.
    ///
    /// # Errors
    /// When it waited for too long.
    pub async fn called(mut self) -> Result<(), Passed> {
        let Some(told) = &mut self.told else { return Ok(()) };
        let called = told.await;
        self.told = None;
        // Nobody is there any more who would call it: it need not wait.
        called.unwrap_or(Ok(()))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(told) = &mut self.told else { return };
        let mut lines = self.queue.lines.lock();
        // Whoever calls has the lines: either it was called before, or it never is.
        told.close();
        if told.try_recv().is_err() {
            lines.leave(self.caller);
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

    /// Begins so many at the most, and sheds some that waited for too long; says whether there were any.
    pub fn call(&self, most: usize, now: Instant) -> bool {
        let told = self.0.lines.lock().call(most, now);
        told.begun + told.shed > 0
    }
}

impl Drop for Attendant<'_> {
    fn drop(&mut self) {
        self.0.change(|lines| {
            lines.attended = false;
            // Nobody waits for what does not come.
            lines.most = Duration::MAX;
            lines.call(usize::MAX, Instant::now());
        });
    }
}

#[cfg(test)]
mod tests;
