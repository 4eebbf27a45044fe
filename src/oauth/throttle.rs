//! Counters that bound how often something may be tried. Kept in memory, bounded, forgotten at a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::types::Timestamp;

/// Counters kept at one time; the least recently used is forgotten first.
const CAPACITY: u64 = 100_000;

/// Attempts per key and span of time. The spans are fixed, so no clock but the caller's is asked.
pub struct Throttle {
    span: Duration,
    counters: Cache<(String, i64), Arc<AtomicU32>>,
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle").field("span", &self.span).finish_non_exhaustive()
    }
}

/// The verdict on one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may go on; it has been counted.
    Allowed,
    /// It may not, for this long.
    Wait(Duration),
}

impl Throttle {
    /// Counts over spans of `span`, which is at least a millisecond.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        Self { span, counters: Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru()).build() }
    }

    /// Counts an attempt before it is made, so that many at once can't slip through together.
    #[must_use]
    pub fn attempt(&self, key: &str, limit: u32, now: Timestamp) -> Attempt {
        let (span, counter) = self.counter(key, now);
        if counter.fetch_add(1, Ordering::AcqRel) < limit {
            return Attempt::Allowed;
        }
        counter.fetch_sub(1, Ordering::AcqRel);
        Attempt::Wait(self.left(span, now))
    }

    /// Takes an attempt back that turned out not to count.
    pub fn forgive(&self, key: &str, now: Timestamp) {
        let (_, counter) = self.counter(key, now);
        let _ = counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
    }

    fn span_millis(&self) -> i64 {
        i64::try_from(self.span.as_millis()).unwrap_or(i64::MAX).max(1)
    }

    fn span_of(&self, now: Timestamp) -> i64 {
        now.millis().div_euclid(self.span_millis())
    }

    /// What is left of a span.
    fn left(&self, span: i64, now: Timestamp) -> Duration {
        Timestamp::from_millis((span + 1).saturating_mul(self.span_millis())).since(now)
    }

    fn counter(&self, key: &str, now: Timestamp) -> (i64, Arc<AtomicU32>) {
        let span = self.span_of(now);
        (span, self.counters.get_with((key.to_owned(), span), Arc::default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_within_its_span_and_per_key() {
        let throttle = Throttle::new(Duration::from_mins(1));
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        assert_eq!(throttle.attempt("a", 2, at(0)), Attempt::Allowed);
        assert_eq!(throttle.attempt("a", 2, at(30)), Attempt::Allowed);
        assert_eq!(throttle.attempt("a", 2, at(50)), Attempt::Wait(Duration::from_secs(10)));
        assert_eq!(throttle.attempt("b", 2, at(50)), Attempt::Allowed);
        assert_eq!(throttle.attempt("a", 2, at(60)), Attempt::Allowed);
    }

    #[test]
    fn what_was_forgiven_does_not_count() {
        let throttle = Throttle::new(Duration::from_mins(1));
        let now = Timestamp::from_millis(0);
        throttle.forgive("a", now);
        assert_eq!(throttle.attempt("a", 1, now), Attempt::Allowed);
        throttle.forgive("a", now);
        assert_eq!(throttle.attempt("a", 1, now), Attempt::Allowed);
        assert_ne!(throttle.attempt("a", 1, now), Attempt::Allowed);
    }
}
