//! Connections that are not read for a moment. A client that was told to come back later, and asks again at once, would only be
//! told the same again; it is left unread for a while, which costs nothing.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Until when a connection is not read. What is written to it goes on.
#[derive(Debug)]
pub(super) struct Rest {
    born: Instant,
    /// Microseconds after `born`; 0 for never.
    until: AtomicU64,
}

impl Default for Rest {
    fn default() -> Self {
        Self { born: Instant::now(), until: AtomicU64::new(0) }
    }
}

impl Rest {
    /// Reads nothing for so long.
    pub(super) fn take(&self, span: Duration) {
        let until = u64::try_from((self.born.elapsed() + span).as_micros()).unwrap_or(u64::MAX);
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    fn left(&self) -> Option<Duration> {
        let until = self.until.load(Ordering::Acquire);
        // Nearly nobody ever rests: no clock is read for that.
        if until == 0 {
            return None;
        }
        Duration::from_micros(until).checked_sub(self.born.elapsed()).filter(|left| !left.is_zero())
    }
}

/// The timer of a reader that rests.
#[derive(Debug, Default)]
pub(super) struct Resting(Option<Pin<Box<Sleep>>>);

impl Resting {
    /// Whether nothing is to be read now; the task is woken when that is over.
    pub(super) fn poll(&mut self, rest: &Rest, cx: &mut Context<'_>) -> bool {
        while let Some(left) = rest.left() {
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep(left)));
            if timer.as_mut().poll(cx) == Poll::Pending {
                return true;
            }
            self.0 = None;
        }
        self.0 = None;
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_until_the_rest_is_over() {
        let (rest, mut resting) = (Rest::default(), Resting::default());
        let mut over = async || {
            let begun = Instant::now();
            poll_fn(|cx| if resting.poll(&rest, cx) { Poll::Pending } else { Poll::Ready(()) }).await;
            begun.elapsed()
        };
        assert_eq!(over().await, Duration::ZERO);
        rest.take(Duration::from_secs(1));
        rest.take(Duration::from_millis(10));
        let waited = over().await;
        assert!(waited >= Duration::from_secs(1) && waited < Duration::from_millis(1_010), "{waited:?}");
        assert_eq!(over().await, Duration::ZERO);
    }
}
