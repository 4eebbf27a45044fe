//! Whether an endpoint, or an address of its name, is left out because it fails requests, for how long, and how slowly it begins again.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::streak::{Failure, Streak};
use crate::config::Ejection;
use crate::types::Timestamp;

const NEVER: i64 = i64::MIN;
/// What something that comes back starts with, of a thousand parts of its share.
const FIRST_SHARE: u64 = 100;
/// All of it.
pub(super) const WHOLE_SHARE: u64 = 1_000;
/// Doublings of an ejection that are counted.
const MOST_DOUBLINGS: u32 = 16;

/// What something gets at `now` that is there since `back`, in thousandths: little at first, and growing. What always was there, or
/// is not there yet, has the whole.
pub(super) fn share(back: Option<Timestamp>, slow_start: Duration, now: Timestamp) -> u64 {
    let Some(back) = back.filter(|back| *back <= now) else { return WHOLE_SHARE };
    let (since, whole) = (now.since(back).as_millis(), slow_start.as_millis().max(1));
    let share = u64::try_from(since.saturating_mul(u128::from(WHOLE_SHARE)) / whole).unwrap_or(WHOLE_SHARE);
    share.clamp(FIRST_SHARE, WHOLE_SHARE)
}

/// A time for which something is left out.
#[derive(Debug)]
pub(super) struct Absence {
    /// Milliseconds since the epoch.
    until: AtomicI64,
    long: AtomicI64,
}

impl Default for Absence {
    fn default() -> Self {
        Self { until: AtomicI64::new(NEVER), long: AtomicI64::new(0) }
    }
}

impl Absence {
    /// Begins at `now`; gives its end.
    pub(super) fn begin(&self, long: Duration, now: Timestamp) -> Timestamp {
        let until = now.plus(long);
        self.long.store(until.millis() - now.millis(), Ordering::Release);
        self.until.store(until.millis(), Ordering::Release);
        until
    }

    /// Whether it lasts at `now`.
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        let left = self.until.load(Ordering::Acquire).saturating_sub(now.millis());
        // A clock that went back makes it no longer.
        left > 0 && left <= self.long.load(Ordering::Acquire)
    }

    /// The end of the last one; `None` when there was none.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let until = self.until.load(Ordering::Acquire);
        (until != NEVER).then(|| Timestamp::from_millis(until))
    }
}

/// How something does that requests are sent to.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Failures in a row, and whether there are any.
    failures: Mutex<Streak>,
    failing: AtomicBool,
    ejected: Absence,
    doublings: AtomicU32,
}

impl Standing {
    /// It answered a request.
    pub(super) fn succeeded(&self) {
        // It is not most of the time: then nothing shared is written.
        if self.failing.load(Ordering::Relaxed) {
            self.forget_failures();
        }
    }

    /// It failed a request; says whether the failures in a row are enough to eject it.
    pub(super) fn failed(&self, failure: Failure, ejection: &Ejection, now: Timestamp) -> bool {
        let mut streak = self.failures.lock();
        self.failing.store(true, Ordering::Relaxed);
        streak.add(failure, ejection, now)
    }

    fn forget_failures(&self) {
        let mut streak = self.failures.lock();
        *streak = Streak::default();
        self.failing.store(false, Ordering::Relaxed);
    }

    /// Whether it is left out at `now`.
    pub(super) fn is_ejected(&self, now: Timestamp) -> bool {
        self.ejected.lasts(now)
    }

    /// Until when it was left out last; `None` when it never was.
    pub(super) fn ejected_until(&self) -> Option<Timestamp> {
        self.ejected.until()
    }

    /// Leaves it out for a while, longer each time unless the last time is long ago.
    pub(super) fn eject(&self, ejection: &Ejection, now: Timestamp) -> Timestamp {
        let recently = self.ejected_until().is_some_and(|last| now.since(last) < ejection.longest);
        let doublings = if recently { (self.doublings.load(Ordering::Acquire) + 1).min(MOST_DOUBLINGS) } else { 0 };
        self.doublings.store(doublings, Ordering::Release);
        self.forget_failures();
        self.ejected.begin((ejection.base * 2_u32.pow(doublings)).min(ejection.longest), now)
    }
}
