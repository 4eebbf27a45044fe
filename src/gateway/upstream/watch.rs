//! Limits that pingora has no timer for: the end of an answer, pauses shorter than the wait for its first byte, and clients that
//! stop sending a body over HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::peer::Stream;
use crate::gateway::streams::{CutSwitch, HangUp};

/// How long an answer that says the limit was reached may take, where none has begun.
const ANSWER: Duration = Duration::from_millis(500);

/// Ends a request that takes too long. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    born: Instant,
    /// Microseconds after `born` at which the last piece of the answer came; 0 before the first.
    last: AtomicU64,
    /// Whether the answer is a stream.
    streams: AtomicBool,
    fired: AtomicU8,
}

/// Who let the time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The upstream, with its answer.
    Upstream = 1,
    /// The client, with its body.
    Client = 2,
}

/// What a watch waits for.
#[derive(Debug, Default)]
pub struct Watched {
    /// The first piece of the answer.
    pub first: Option<Duration>,
    /// The end of the answer.
    pub total: Option<Duration>,
    /// The next piece of an answer that has begun.
    pub idle: Option<Duration>,
    /// What is in place of these two once the answer turned out to be a stream.
    pub stream: Option<Stream>,
    /// The next piece of the body, until the answer begins.
    pub body: Option<Awaited>,
}

/// What is waited for of a body.
#[derive(Debug)]
pub struct Awaited {
    /// How it came so far.
    pub pieces: Arc<Pieces>,
    /// The longest pause.
    pub longest: Duration,
    /// Whether pauses are in its nature once it has begun: a call in both directions.
    pub pauses: bool,
}

/// How a client sends its body.
#[derive(Debug)]
pub struct Pieces {
    born: Instant,
    /// Microseconds after `born` at which the last piece came.
    last: AtomicU64,
    /// Whether one came.
    begun: AtomicBool,
    /// Whether nothing more is waited for.
    whole: AtomicBool,
}

impl Default for Pieces {
    fn default() -> Self {
        let [begun, whole] = [false, false].map(AtomicBool::new);
        Self { born: Instant::now(), last: AtomicU64::new(0), begun, whole }
    }
}

impl Pieces {
    /// A piece came, perhaps the last.
    pub fn piece(&self, end: bool) {
        self.put(true, end);
    }

    /// It is sent from its start again.
    pub fn restart(&self) {
        self.put(false, false);
    }

    fn put(&self, begun: bool, whole: bool) {
        // Nothing more is waited for: no clock is read for that.
        if !whole {
            self.last.store(u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Release);
        }
        self.begun.store(begun, Ordering::Release);
        self.whole.store(whole, Ordering::Release);
    }

    /// Whether all of it went on.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// How long the client has sent nothing although its body has not ended.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let last = Duration::from_micros(self.last.load(Ordering::Acquire));
        (!self.whole.load(Ordering::Acquire)).then(|| self.born.elapsed().saturating_sub(last))
    }
}

impl Watch {
    /// Throws `cut` when one of these takes longer than it may. An answer that does not begin in time hangs up first, where that is
    /// possible: then there is time to say so.
    #[must_use]
    pub fn start(cut: Arc<CutSwitch>, hang_up: Option<Arc<HangUp>>, until: Watched) -> Self {
        let shared = Arc::new(Shared {
            born: Instant::now(),
            last: AtomicU64::new(0),
            streams: AtomicBool::new(false),
            fired: AtomicU8::new(0),
        });
        let watched = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let slow = watched.over(&until).await;
            watched.fired.store(slow as u8, Ordering::Release);
            if let Some(hang_up) = hang_up.filter(|_| slow == Slow::Upstream && !watched.has_begun()) {
                hang_up.throw();
                tokio::time::sleep(ANSWER).await;
            }
            cut.cut();
        });
        Self { shared, task }
    }

    /// The answer is a stream. Said before its first piece is.
    pub fn streams(&self) {
        self.shared.streams.store(true, Ordering::Release);
    }

    /// A piece of the answer came.
    pub fn touch(&self) {
        let now = u64::try_from(self.shared.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared.last.store(now.max(1), Ordering::Release);
    }

    /// Whose slowness ended the request, if any did.
    #[must_use]
    pub fn fired(&self) -> Option<Slow> {
        let fired = self.shared.fired.load(Ordering::Acquire);
        [Slow::Upstream, Slow::Client].into_iter().find(|slow| *slow as u8 == fired)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn over(&self, until: &Watched) -> Slow {
        let begin = async {
            match until.first {
                Some(first) => tokio::time::sleep(first).await,
                None => std::future::pending().await,
            }
            if self.has_begun() {
                std::future::pending::<()>().await;
            }
        };
        let end = async {
            match until.total {
                Some(total) => tokio::time::sleep(total).await,
                None => std::future::pending().await,
            }
            match (until.total, self.stream_of(until)) {
                (Some(past), Some(Stream { total: Some(total), .. })) => tokio::time::sleep(total.saturating_sub(past)).await,
                (_, Some(Stream { total: None, .. })) => std::future::pending().await,
                (_, _) => {}
            }
            if !self.has_begun() {
                // The reading side has the same limit and says so with an answer.
                tokio::time::sleep(ANSWER).await;
            }
        };
        let pause = async {
            match until.idle {
                Some(idle) => self.paused(idle, until).await,
                None => std::future::pending().await,
            }
        };
        let stop = async {
            match &until.body {
                Some(body) => self.stopped(body).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = begin => Slow::Upstream,
            () = end => Slow::Upstream,
            () = pause => Slow::Upstream,
            () = stop => Slow::Client,
        }
    }

    /// Ends when a client has sent nothing for too long. Once the answer has begun, it is the answer that is waited for.
    async fn stopped(&self, Awaited { pieces, longest, pauses }: &Awaited) {
        let longest = *longest;
        loop {
            let may_pause = || *pauses && pieces.begun.load(Ordering::Acquire);
            let pause = pieces.pause().filter(|_| !self.has_begun() && !may_pause());
            match pause.map_or(Some(longest), |pause| longest.checked_sub(pause).filter(|rest| !rest.is_zero())) {
                Some(rest) => tokio::time::sleep(rest).await,
                None => return,
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.last.load(Ordering::Acquire) != 0
    }

    fn stream_of(&self, until: &Watched) -> Option<Stream> {
        until.stream.filter(|_| self.streams.load(Ordering::Acquire))
    }

    async fn paused(&self, whole: Duration, until: &Watched) {
        loop {
            let idle = self.stream_of(until).map_or(whole, |stream| stream.idle);
            let last = self.last.load(Ordering::Acquire);
            let since = self.born.elapsed().saturating_sub(Duration::from_micros(last));
            match idle.checked_sub(since) {
                _ if last == 0 => tokio::time::sleep(idle).await,
                Some(rest) if !rest.is_zero() => tokio::time::sleep(rest).await,
                _ => return,
            }
        }
    }
}
