//! Token buckets, one for each key, in memory that nobody can make grow.

use std::time::Duration;

use parking_lot::Mutex;

/// Keys that share a lock, and the memory of a key that is forgotten.
pub(super) const WAYS: usize = 8;

/// One key: when it will have been idle long enough to have its whole burst again (GCRA's theoretical arrival time), microseconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Way {
    key: u64,
    idle_at: i64,
}

/// Counts by key. A full set of keys forgets the one that is closest to having its whole burst anyway. Keys are hashes under a secret
/// of the process, so that nobody can aim at another's count.
pub struct Buckets(Box<[Mutex<[Way; WAYS]>]>);

impl Buckets {
    /// Room for eight times as many keys as there are sets.
    #[must_use]
    pub fn new(sets: usize) -> Self {
        Self(std::iter::repeat_with(|| Mutex::new([Way::default(); WAYS])).take(sets).collect())
    }

    /// Counts one more of a key that has one each `interval` and `burst` of them at once; all times are microseconds. Gives how long
    /// it will take until the key has its whole burst again.
    ///
    /// # Errors
    /// How long it takes until there is one, when the burst is used up.
    pub fn take(&self, key: u64, (interval, burst): (i64, u32), now: i64) -> Result<Duration, Duration> {
        let mut ways = self.set(key).lock();
        let known = ways.iter().position(|w| w.key == key);
        let at = known.or_else(|| (0..WAYS).min_by_key(|i| ways[*i].idle_at)).unwrap_or(0);
        let way = &mut ways[at];
        let whole = interval.saturating_mul(i64::from(burst));
        // Nobody owes more than a burst: what looks so was counted by a clock that went back since.
        let idle_at = if known.is_some() { way.idle_at.clamp(now, now.saturating_add(whole)) } else { now };
        let next = idle_at.saturating_add(interval);
        let early = next - now - whole;
        if early > 0 {
            way.idle_at = idle_at;
            return Err(Duration::from_micros(early.unsigned_abs()));
        }
        *way = Way { key, idle_at: next };
        Ok(Duration::from_micros((next - now).unsigned_abs()))
    }

    /// Whether a key has none left. Counts nothing.
    #[must_use]
    pub fn is_empty(&self, key: u64, (interval, burst): (i64, u32), now: i64) -> bool {
        let ways = self.set(key).lock();
        let whole = interval.saturating_mul(i64::from(burst));
        let idle_at = ways.iter().find(|w| w.key == key).map_or(now, |w| w.idle_at.clamp(now, now.saturating_add(whole)));
        idle_at.saturating_add(interval) - now > whole
    }

    fn set(&self, key: u64) -> &Mutex<[Way; WAYS]> {
        &self.0[usize::try_from(key).unwrap_or(usize::MAX) % self.0.len()]
    }
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buckets({})", self.0.len())
    }
}
