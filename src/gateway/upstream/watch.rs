//! Limits of an answer that pingora has no timer for: its end, and pauses shorter than the wait for its first byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::gateway::streams::CutSwitch;

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
    fired: AtomicBool,
}

impl Watch {
    /// Throws `cut` when the answer does not end within `total`, or pauses for `idle` once it has begun.
    #[must_use]
    pub fn start(cut: Arc<CutSwitch>, total: Option<Duration>, idle: Option<Duration>) -> Self {
        let shared = Arc::new(Shared { born: Instant::now(), last: AtomicU64::new(0), fired: AtomicBool::new(false) });
        let watched = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            watched.over(total, idle).await;
            watched.fired.store(true, Ordering::Release);
            cut.cut();
        });
        Self { shared, task }
    }

    /// A piece of the answer came.
    pub fn touch(&self) {
        let now = u64::try_from(self.shared.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared.last.store(now.max(1), Ordering::Release);
    }

    /// Whether it ended the request.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.shared.fired.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn over(&self, total: Option<Duration>, idle: Option<Duration>) {
        let end = async {
            match total {
                Some(total) => tokio::time::sleep(total).await,
                None => std::future::pending().await,
            }
            if self.last.load(Ordering::Acquire) == 0 {
                // The reading side has the same limit and says so with an answer.
                tokio::time::sleep(ANSWER).await;
            }
        };
        let pause = async {
            match idle {
                Some(idle) => self.paused(idle).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => {}
            () = pause => {}
        }
    }

    async fn paused(&self, idle: Duration) {
        loop {
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
