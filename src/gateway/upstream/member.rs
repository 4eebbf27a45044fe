//! What is known about one endpoint: how it does, how much it has to do, whether it is asked at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use pingora_core::upstreams::peer::Tracing;

use super::names::{Addresses, Resolver};
use super::standing::{self, Standing};
use super::streak::Failure;
use crate::config::{Checks, Ejection, Endpoint};
use crate::types::Timestamp;

const NEVER: i64 = i64::MIN;

/// One endpoint of a pool.
#[derive(Debug)]
pub struct Member {
    /// Where it is.
    pub endpoint: Endpoint,
    addresses: Addresses,
    in_flight: AtomicU32,
    connections: Arc<AtomicI64>,
    standing: Standing,
    health: AtomicU8,
    streak: AtomicU32,
    back_at: AtomicI64,
    checked_at: AtomicI64,
    answered: AtomicU64,
    failed: AtomicU64,
    ejections: AtomicU64,
}

/// Whether an endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is.
    Up,
    /// Its health check fails.
    Unhealthy,
    /// It failed requests and is left out until then.
    Ejected(Timestamp),
}

/// What an endpoint did since this process knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that it answered, and not with a failure.
    pub answered: u64,
    /// Requests that it failed.
    pub failed: u64,
    /// How often it, or an address of its name, was ejected.
    pub ejections: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// Open connections.
    pub connections: i64,
}

const UNKNOWN: u8 = 0;
const WELL: u8 = 1;
const ILL: u8 = 2;

impl Member {
    /// An endpoint that nothing is known about: it counts as well. One that `comes_at` a time, beside others, starts slowly then.
    #[must_use]
    pub fn new(endpoint: Endpoint, resolver: &Arc<dyn Resolver>, comes_at: Option<Timestamp>) -> Self {
        let addresses = Addresses::of(&endpoint, resolver);
        Self {
            endpoint,
            addresses,
            in_flight: AtomicU32::new(0),
            connections: Arc::default(),
            standing: Standing::default(),
            health: AtomicU8::new(UNKNOWN),
            streak: AtomicU32::new(0),
            back_at: AtomicI64::new(comes_at.map_or(NEVER, Timestamp::millis)),
            checked_at: AtomicI64::new(NEVER),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
        }
    }

    /// Whether it is asked at `now`.
    #[must_use]
    pub fn condition(&self, now: Timestamp) -> Condition {
        if self.health.load(Ordering::Acquire) == ILL {
            return Condition::Unhealthy;
        }
        self.standing.ejected_until().filter(|_| self.is_ejected(now)).map_or(Condition::Up, Condition::Ejected)
    }

    /// Its share at `now`, in thousandths of its weight: little after it came back, and growing.
    #[must_use]
    pub fn share(&self, slow_start: Duration, now: Timestamp) -> u64 {
        let back = self.back_at.load(Ordering::Acquire);
        let back = (back != NEVER).then(|| Timestamp::from_millis(back));
        standing::share(back.max(self.standing.ejected_until()), slow_start, now)
    }

    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            answered: self.answered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            ejections: self.ejections.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }

    /// Takes one of `most` requests at a time; `false` when there are as many.
    pub(super) fn take(&self, most: u32) -> bool {
        let one_more = |n: u32| (n < most).then_some(n + 1);
        self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether fewer than `most` connections are open that no request uses. Requests that share one make it look like fewer.
    pub(super) fn keeps_more(&self, most: u32) -> bool {
        self.connections.load(Ordering::Relaxed) - i64::from(self.in_flight.load(Ordering::Relaxed)) < i64::from(most)
    }

    /// It answered a request, at this address of its name where that is known.
    pub(super) fn succeeded(&self, at: Option<SocketAddr>) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.standing.succeeded();
        if let Some(address) = at {
            self.addresses.succeeded(address);
        }
    }

    /// It failed a request; says whether the failures in a row are enough to eject it.
    pub(super) fn failed(&self, failure: Failure, ejection: &Ejection, now: Timestamp) -> bool {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.standing.failed(failure, ejection, now)
    }

    pub(super) fn is_ejected(&self, now: Timestamp) -> bool {
        self.standing.is_ejected(now)
    }

    /// Leaves it out for a while, longer each time unless the last time is long ago.
    pub(super) fn eject(&self, ejection: &Ejection, now: Timestamp) -> Timestamp {
        self.ejections.fetch_add(1, Ordering::Relaxed);
        self.standing.eject(ejection, now)
    }

    /// The same of the address that failed it; says until when that one is left to the others, where it was ejected by this.
    pub(super) fn failed_at(&self, at: SocketAddr, failure: Failure, ejection: &Ejection, now: Timestamp) -> Option<Timestamp> {
        let until = self.addresses.failed(at, failure, ejection, now)?;
        self.ejections.fetch_add(1, Ordering::Relaxed);
        Some(until)
    }

    /// Whether a check is due; who is told so makes it.
    #[must_use]
    pub fn check_is_due(&self, checks: &Checks, now: Timestamp) -> bool {
        let last = self.checked_at.load(Ordering::Acquire);
        let last_at = Timestamp::from_millis(last);
        // A clock that went back makes every check look recent.
        let due = last == NEVER || now < last_at || now.since(last_at) >= checks.interval;
        due && self.checked_at.compare_exchange(last, now.millis(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A check ended; says whether that changed anything. The first check of all decides by itself.
    pub fn checked(&self, well: bool, checks: &Checks, now: Timestamp) -> bool {
        let (is, becomes) = (self.health.load(Ordering::Acquire), if well { WELL } else { ILL });
        if is == becomes {
            self.streak.store(0, Ordering::Release);
            return false;
        }
        let streak = self.streak.fetch_add(1, Ordering::AcqRel) + 1;
        let needed = if well { checks.healthy } else { checks.unhealthy };
        if is != UNKNOWN && streak < needed {
            return false;
        }
        self.streak.store(0, Ordering::Release);
        if is == ILL {
            self.back_at.store(now.millis(), Ordering::Release);
        }
        self.health.store(becomes, Ordering::Release);
        true
    }

    /// Its addresses.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Counts the connections that pingora opens and closes.
    pub(super) fn counter(&self) -> ConnectionCount {
        ConnectionCount(Arc::clone(&self.connections))
    }
}

/// Counts open connections.
#[derive(Clone, Debug)]
pub(super) struct ConnectionCount(Arc<AtomicI64>);

impl Tracing for ConnectionCount {
    fn on_connected(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_disconnected(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}
