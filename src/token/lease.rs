//! How old a node's view of the feed is, by clocks that go on while the machine sleeps.
//!
//! [`std::time::Instant`] stands still while a machine is suspended: a node that woke up would take old knowledge for fresh,
//! while the others have long stopped waiting for it. Two clocks count such pauses, and neither is enough alone. The boot clock
//! is not told of every pause of a virtual machine; the time of day is corrected soon after one, but may be set by anybody who
//! administers the machine.
//!
//! So both are asked, and the larger age counts. Setting the time of day forward makes the view look old until the node next
//! looks at the feed; setting it back changes nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the time that the machine was suspended for as well.
#[cfg(target_os = "linux")]
const RUNNING: ClockId = ClockId::Boottime;
/// The closest to it that others have.
#[cfg(not(target_os = "linux"))]
const RUNNING: ClockId = ClockId::Monotonic;

/// A moment by two clocks of this machine, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    running: u64,
    wall: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { running: read(RUNNING), wall: read(ClockId::Realtime) }
    }

    /// How much later another one is.
    fn until(self, later: Self) -> Duration {
        let (running, wall) = (later.running.saturating_sub(self.running), later.wall.saturating_sub(self.wall));
        Duration::from_nanos(running.max(wall))
    }
}

/// Nanoseconds that a clock shows.
fn read(clock: ClockId) -> u64 {
    let shown = Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX)
}

/// The last moment of which everything is known. Who looks while it is written sees one clock of before, and takes it for older than
/// it is.
#[derive(Debug)]
pub(super) struct Known {
    running: AtomicU64,
    wall: AtomicU64,
}

impl Known {
    pub(super) const fn at(moment: Moment) -> Self {
        Self { running: AtomicU64::new(moment.running), wall: AtomicU64::new(moment.wall) }
    }

    /// Everything is known of a later one.
    pub(super) fn renew(&self, moment: Moment) {
        self.running.store(moment.running, Ordering::Release);
        self.wall.store(moment.wall, Ordering::Release);
    }

    /// How long ago it was.
    pub(super) fn age(&self) -> Duration {
        self.moment().until(Moment::now())
    }

    fn moment(&self) -> Moment {
        Moment { running: self.running.load(Ordering::Acquire), wall: self.wall.load(Ordering::Acquire) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    const fn at(running: u64, wall: u64) -> Moment {
        Moment { running: running * SECOND, wall: wall * SECOND }
    }

    #[test]
    fn the_clock_counts_that_says_more() {
        let (before, second) = (at(100, 5_000), Duration::from_secs(1));
        assert_eq!(before.until(at(101, 5_001)), second);
        assert_eq!(before.until(at(160, 5_001)), second * 60, "suspended, before anybody put the time of day right");
        assert_eq!(before.until(at(101, 5_060)), second * 60, "paused from outside, or put forward");
        assert_eq!(before.until(at(101, 4_000)), second, "put back");
        assert_eq!(before.until(at(100, 4_000)), Duration::ZERO);
    }

    #[test]
    fn what_is_known_ages_until_it_is_renewed() {
        let now = Moment::now();
        let long_ago = Moment { running: now.running.saturating_sub(SECOND), wall: now.wall.saturating_sub(60 * SECOND) };
        let known = Known::at(long_ago);
        assert!(known.age() >= Duration::from_secs(60));
        known.renew(now);
        assert_eq!(known.moment(), now);
    }
}
