//! How many requests may be sent again: a share of those that came, so that retries can't make a bad moment worse.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::config::Retries;

/// What a retry costs. Each request earns `budget` of these, which is a hundredth of a retry each.
const COST: i64 = 100;
/// Retries that requests can earn in advance, beyond the reserve.
const MOST_EARNED: i64 = 100;

/// Retries that are left.
#[derive(Debug)]
pub struct Budget {
    left: AtomicI64,
    most: i64,
    share: i64,
}

impl Budget {
    /// A whole reserve and nothing earned.
    #[must_use]
    pub fn new(retries: &Retries) -> Self {
        let reserve = i64::from(retries.reserve) * COST;
        Self { left: AtomicI64::new(reserve), most: reserve + MOST_EARNED * COST, share: i64::from(retries.budget) }
    }

    /// A request came.
    pub fn earn(&self) {
        // Full most of the time: then nothing shared is written.
        if self.share > 0 && self.left.load(Ordering::Relaxed) < self.most {
            self.left.fetch_add(self.share, Ordering::Relaxed);
        }
    }

    /// Takes a retry, if one is left.
    #[must_use]
    pub fn spend(&self) -> bool {
        let spend = |left: i64| (left >= COST).then_some(left - COST);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_gets_its_share_and_no_more() {
        let budget = Budget::new(&Retries { tries: 2, budget: 20, reserve: 10 });
        let storm = |requests: usize| {
            let retried = |_: &usize| {
                budget.earn();
                budget.spend()
            };
            (0..requests).filter(retried).count()
        };
        assert_eq!(storm(1_000), 10 + 200);
        assert_eq!(storm(1_000), 200, "the reserve is not there twice");
        (0..100_000).for_each(|_| budget.earn());
        assert_eq!(storm(0), 0);
        assert_eq!((0..10_000).filter(|_| budget.spend()).count(), 110, "what is earned in advance is bounded");
    }

    #[test]
    fn nothing_is_retried_without_a_budget() {
        let budget = Budget::new(&Retries { tries: 2, budget: 0, reserve: 0 });
        budget.earn();
        assert!(!budget.spend());
    }
}
