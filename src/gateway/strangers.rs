//! How many refusals of callers that nobody knows are put on record: anybody can cause them, so their number is bounded.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::types::Timestamp;

/// Refusals of strangers that are kept per second; the metrics count all of them.
const PER_SECOND: u64 = 100;

/// The second of the last one in the upper bits, how many in it in the lower.
#[derive(Debug, Default)]
pub struct Strangers(AtomicU64);

const COUNT_BITS: u32 = 20;

impl Strangers {
    /// Whether one more is kept.
    #[must_use]
    pub fn admit(&self, now: Timestamp) -> bool {
        let second = u64::try_from(now.seconds()).unwrap_or(0) << COUNT_BITS;
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
            let same = last >> COUNT_BITS == second >> COUNT_BITS;
            match last {
                _ if !same => Some(second + 1),
                kept if kept & ((1 << COUNT_BITS) - 1) < PER_SECOND => Some(kept + 1),
                _ => None,
            }
        });
        before.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_room_for_so_many() {
        let strangers = Strangers::default();
        let at = |ms| Timestamp::from_millis(ms);
        let admitted = (0..500).filter(|i| strangers.admit(at(1_000 + i % 900))).count();
        assert_eq!(admitted, 100);
        assert!(strangers.admit(at(2_000)));
    }
}
