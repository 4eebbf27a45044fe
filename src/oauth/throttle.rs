//! Counters that bound how often something may be tried. Kept in memory, bounded, forgotten at a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::types::Timestamp;

/// Counters kept at one time; the least recently used is forgotten first.
const CAPACITY: u64 = 100_000;

/// Attempts per key and span of time. The spans are fixed, so no clock but the caller's is asked.
pub struct Throttle {
    span: Duration,
    counters: Cache<(String, i64), Arc<Counter>>,
}

/// Attempts under one key in one span.
#[derive(Default)]
struct Counter {
    made: AtomicU32,
    /// Whether one was refused.
    refused: AtomicBool,
}

/// A key that counts attempts.
#[derive(Debug)]
pub struct Bound {
    /// What it counts for.
    pub key: String,
    /// Attempts in a span.
    pub limit: u32,
    /// What its lock is called in the log.
    pub lock: &'static str,
}

/// What keeps an attempt from being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// For how long.
    pub left: Duration,
    /// Its name, when this is the first attempt that it refuses in its span: those after it tell nobody anything new.
    pub news: Option<&'static str>,
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
        if counter.take(limit) { Attempt::Allowed } else { Attempt::Wait(self.left(span, now)) }
    }

    /// Counts an attempt under several keys, the narrowest first. What one of them refuses counts under none: whoever is locked
    /// out alone can't lock others out by going on.
    ///
    /// # Errors
    /// What keeps it from being made.
    pub fn attempt_under(&self, bounds: &[Bound], now: Timestamp) -> Result<(), Lock> {
        // Looked at first: an attempt that is refused makes no counter, which would push another out.
        for bound in bounds {
            if let Some(counter) = self.known(&bound.key, now).filter(|counter| counter.is_full(bound.limit)) {
                return Err(self.lock(bound, &counter, now));
            }
        }
        for (place, bound) in bounds.iter().enumerate() {
            let (_, counter) = self.counter(&bound.key, now);
            if !counter.take(bound.limit) {
                for narrower in bounds.iter().take(place) {
                    self.forgive(&narrower.key, now);
                }
                return Err(self.lock(bound, &counter, now));
            }
        }
        Ok(())
    }

    fn lock(&self, bound: &Bound, counter: &Counter, now: Timestamp) -> Lock {
        let first = !counter.refused.swap(true, Ordering::AcqRel);
        Lock { left: self.left(self.span_of(now), now), news: first.then_some(bound.lock) }
    }

    /// Takes an attempt back that turned out not to count.
    pub fn forgive(&self, key: &str, now: Timestamp) {
        let Some(counter) = self.known(key, now) else { return };
        let _ = counter.made.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
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

    fn known(&self, key: &str, now: Timestamp) -> Option<Arc<Counter>> {
        self.counters.get(&(key.to_owned(), self.span_of(now)))
    }

    fn counter(&self, key: &str, now: Timestamp) -> (i64, Arc<Counter>) {
        let span = self.span_of(now);
        (span, self.counters.get_with((key.to_owned(), span), Arc::default))
    }
}

impl Counter {
    /// Counts one, if there is room.
    fn take(&self, limit: u32) -> bool {
        if self.made.fetch_add(1, Ordering::AcqRel) < limit {
            return true;
        }
        self.made.fetch_sub(1, Ordering::AcqRel);
        false
    }

    fn is_full(&self, limit: u32) -> bool {
        self.made.load(Ordering::Acquire) >= limit
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

    fn bounds(narrow: &str) -> [Bound; 2] {
        let bound = |key: &str, limit, lock| Bound { key: key.to_owned(), limit, lock };
        [bound(narrow, 2, "narrow"), bound("wide", 3, "wide")]
    }

    #[test]
    fn a_wider_key_counts_what_a_narrower_let_through() {
        let throttle = Throttle::new(Duration::from_mins(1));
        let now = Timestamp::from_millis(0);
        let attempt = |narrow| throttle.attempt_under(&bounds(narrow), now);
        assert_eq!([attempt("a"), attempt("a")], [Ok(()), Ok(())]);
        let left = Duration::from_mins(1);
        assert_eq!(attempt("a"), Err(Lock { left, news: Some("narrow") }));
        for _ in 0..100 {
            assert_eq!(attempt("a"), Err(Lock { left, news: None }), "told once");
        }
        assert_eq!(attempt("b"), Ok(()), "one is left");
        assert_eq!(attempt("b"), Err(Lock { left, news: Some("wide") }));
        throttle.forgive("wide", now);
        assert_eq!(attempt("b"), Ok(()), "what the wider one refused did not count under the narrower");
    }

    #[test]
    fn who_is_refused_makes_no_counter() {
        let throttle = Throttle::new(Duration::from_mins(1));
        let now = Timestamp::from_millis(0);
        for narrow in ["a", "b", "c", "d", "e"] {
            let _ = throttle.attempt_under(&bounds(narrow), now);
        }
        let known = |narrow: &str| throttle.known(narrow, now).is_some();
        assert_eq!(["a", "b", "c", "d", "e"].map(known), [true, true, true, false, false]);
        throttle.forgive("f", now);
        assert!(!known("f"));
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
