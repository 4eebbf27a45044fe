//! Load that is shed before the store or the memory suffers: a bounded number of requests under way, a short queue before it, and
//! signals that something behind the gate does not keep up. The admin listener has no part in this.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::denial::Denial;
use super::shares::{Share, Shares};
use super::upstream::places::{Place, Places};
use crate::config::{Api, Limits, Target, UpstreamLimits};

/// Requests under way on the public listener, and what strains the node.
#[derive(Debug)]
pub struct Overload {
    places: Places,
    shares: Arc<Shares>,
    backlog: AtomicBool,
    store: AtomicBool,
    memory: AtomicBool,
}

/// What a request takes of the node until it has ended.
#[derive(Debug)]
pub struct Room {
    _place: Place,
    _share: Option<Share>,
}

/// Something that does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strain {
    /// More audit records wait for the store than may.
    AuditBacklog,
    /// The store answers slowly.
    StoreLatency,
    /// Most of the memory for bodies is in use.
    Memory,
}

impl Strain {
    /// Every signal.
    pub const ALL: [Self; 3] = [Self::AuditBacklog, Self::StoreLatency, Self::Memory];

    /// The signal's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditBacklog => "audit_backlog",
            Self::StoreLatency => "store_latency",
            Self::Memory => "memory",
        }
    }
}

impl Overload {
    /// No load yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let places = UpstreamLimits {
            in_flight: limits.max_in_flight,
            pending: limits.max_pending,
            queue: limits.queue,
            connections: limits.max_in_flight,
            idle: limits.max_in_flight,
        };
        let (places, shares) = (Places::new(places), Shares::new(limits.max_in_flight_per_address));
        let [backlog, store, memory] = [false; 3].map(AtomicBool::new);
        Self { places, shares, backlog, store, memory }
    }

    /// Takes a place for a request of `from`, or waits for one for a short while. Nothing is known of who asks yet, so nobody may
    /// take more than a share.
    ///
    /// # Errors
    /// When there is none, or `from` has its share.
    pub async fn enter(&self, from: Option<IpAddr>) -> Result<Room, Denial> {
        let share = self.shares.take(from).map_err(|_| Denial::Overloaded)?;
        let place = self.places.enter().await.map_err(|_| Denial::Overloaded)?;
        Ok(Room { _place: place, _share: share })
    }

    /// Refuses what would add to a strain: every call of an API adds to the backlog of the audit log; what is answered here asks
    /// the store; some APIs have bodies read as a whole. `api` is `None` for pages and OAuth endpoints.
    ///
    /// # Errors
    /// When it would.
    pub fn admit(&self, api: Option<&Api>) -> Result<(), Denial> {
        let is_local = api.is_none_or(|api| !matches!(api.target, Target::Upstream(_)));
        let sheds = (api.is_some() && self.is(Strain::AuditBacklog)) || (is_local && self.is(Strain::StoreLatency));
        let sheds = sheds || (api.is_some_and(Api::holds_bodies) && self.is(Strain::Memory));
        if sheds { Err(Denial::Overloaded) } else { Ok(()) }
    }

    /// Whether a signal is up.
    #[must_use]
    pub fn is(&self, strain: Strain) -> bool {
        self.signal(strain).load(Ordering::Acquire)
    }

    /// Raises or lowers a signal; says whether that changed it.
    pub fn set(&self, strain: Strain, up: bool) -> bool {
        self.signal(strain).swap(up, Ordering::AcqRel) != up
    }

    const fn signal(&self, strain: Strain) -> &AtomicBool {
        match strain {
            Strain::AuditBacklog => &self.backlog,
            Strain::StoreLatency => &self.store,
            Strain::Memory => &self.memory,
        }
    }

    /// Requests under way, and requests that wait.
    #[must_use]
    pub fn load(&self) -> (u32, u32) {
        (self.places.taken(), self.places.waiting())
    }
}

/// Whether the backlog of the audit log is a strain: above the limit, and once it was, until half of that is left, so that the
/// answer does not change with every record.
#[must_use]
pub const fn is_backlogged(depth: u64, limit: u64, before: bool) -> bool {
    if before { depth > limit / 2 } else { depth > limit }
}

/// Whether the memory for bodies is a strain: when more than three quarters are in use, and once it was, until half of it is left.
#[must_use]
pub const fn is_filled(held: usize, limit: usize, before: bool) -> bool {
    if before { held > limit / 2 } else { held > limit / 4 * 3 }
}

/// Whether the store is slow: it took longer than the limit.
#[must_use]
pub fn is_slow(took: Option<Duration>, limit: Duration) -> bool {
    took.is_none_or(|took| took > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_has_to_halve_before_it_is_over() {
        let seen = [(100, false), (101, true), (60, true), (51, true), (50, false), (99, false)];
        let mut before = false;
        for (depth, expected) in seen {
            before = is_backlogged(depth, 100, before);
            assert_eq!(before, expected, "{depth}");
        }
    }

    #[test]
    fn memory_has_to_be_half_free_before_it_is_over() {
        let seen = [(750, false), (751, true), (600, true), (500, false), (700, false)];
        let mut before = false;
        for (held, expected) in seen {
            before = is_filled(held, 1_000, before);
            assert_eq!(before, expected, "{held}");
        }
    }

    #[test]
    fn a_store_that_does_not_answer_is_slow() {
        let limit = Duration::from_secs(1);
        assert!(is_slow(None, limit));
        assert!(is_slow(Some(Duration::from_secs(2)), limit));
        assert!(!is_slow(Some(limit), limit));
    }
}
