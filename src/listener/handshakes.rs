//! How often an address may begin a TLS handshake, which costs the gateway more than its client.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::gateway::rates::Buckets;
use crate::types::network;

/// Sets of eight networks that are remembered at one time: 16 384 of them in 256 KiB.
const SETS: usize = 2_048;
/// Handshakes that a network may begin at once, in seconds of what it may begin in the long run: a fleet that starts together.
const BURST: u32 = 5;
/// How long one beyond them waits for its turn; who would wait longer is refused. Clients give a handshake ten seconds or more.
const PATIENCE: u32 = 5;

/// Handshakes by network, in memory that nobody can make grow.
#[derive(Debug)]
pub(super) struct Handshakes {
    begun: Instant,
    hasher: RandomState,
    buckets: Buckets,
    /// Microseconds that one is worth, and how many come at once or wait.
    pace: (i64, u32),
    /// How long a network is busy with those that come at once.
    at_once: Duration,
}

/// A network began too many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Handshakes {
    /// Allows each network so many a second.
    pub(super) fn new(each_second: u32, now: Instant) -> Self {
        let interval = (1_000_000 / i64::from(each_second.max(1))).max(1);
        let pace = (interval, each_second.saturating_mul(BURST + PATIENCE));
        let at_once = Duration::from_micros(interval.unsigned_abs()) * each_second.saturating_mul(BURST);
        Self { begun: now, hasher: RandomState::new(), buckets: Buckets::new(SETS), pace, at_once }
    }

    /// One more of the network of `from`: how long it waits for its turn. Who can't be told from others need not wait.
    pub(super) fn take(&self, from: Option<IpAddr>, now: Instant) -> Result<Duration, TooMany> {
        let Some(key) = self.key(from) else { return Ok(Duration::ZERO) };
        let busy = self.buckets.take(key, self.pace, self.micros(now)).map_err(|_wait| TooMany)?;
        Ok(busy.saturating_sub(self.at_once))
    }

    /// Whether one of there would be refused. Counts nothing.
    pub(super) fn refuse(&self, from: Option<IpAddr>, now: Instant) -> bool {
        self.key(from).is_some_and(|key| self.buckets.is_empty(key, self.pace, self.micros(now)))
    }

    fn key(&self, from: Option<IpAddr>) -> Option<u64> {
        from.map(|from| self.hasher.hash_one(network(from)))
    }

    fn micros(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.begun).as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn a_fleet_comes_at_once_then_in_turn_and_no_more_than_that() {
        let now = Instant::now();
        let handshakes = Handshakes::new(100, now);
        let waits: Vec<_> = (0..1_000).map(|_| handshakes.take(at("192.0.2.1"), now).expect("room")).collect();
        assert!(waits[..500].iter().all(Duration::is_zero), "{:?}", &waits[..500]);
        assert_eq!((waits[500], waits[999]), (Duration::from_millis(10), Duration::from_secs(5)));
        assert!(handshakes.refuse(at("192.0.2.1"), now));
        assert_eq!(handshakes.take(at("192.0.2.1"), now), Err(TooMany));
        assert_eq!(handshakes.take(at("192.0.2.2"), now), Ok(Duration::ZERO), "another address has its own");
        let next = now + Duration::from_millis(10);
        assert!(!handshakes.refuse(at("192.0.2.1"), next));
        assert_eq!(handshakes.take(at("192.0.2.1"), next), Ok(Duration::from_secs(5)));
        assert_eq!(handshakes.take(at("192.0.2.1"), now + Duration::from_mins(1)), Ok(Duration::ZERO), "all is forgotten");
    }

    #[test]
    fn a_network_is_one_and_who_cannot_be_told_apart_is_none() {
        let now = Instant::now();
        let handshakes = Handshakes::new(1, now);
        for n in 0..BURST + PATIENCE {
            assert!(handshakes.take(at(&format!("2001:db8::{n:x}")), now).is_ok(), "{n}");
        }
        assert_eq!(handshakes.take(at("2001:db8::ffff"), now), Err(TooMany));
        assert!(handshakes.take(at("2001:db8:0:1::1"), now).is_ok());
        assert!((0..100).all(|_| handshakes.take(None, now) == Ok(Duration::ZERO)));
        assert!(!handshakes.refuse(None, now));
    }

    #[test]
    fn who_is_refused_stays_so_whoever_else_comes() {
        let now = Instant::now();
        let handshakes = Handshakes::new(1, now);
        while handshakes.take(at("192.0.2.1"), now).is_ok() {}
        for n in 0..100_000_u32 {
            let _ = handshakes.take(Some(std::net::Ipv4Addr::from(n).into()), now);
        }
        assert_eq!(handshakes.take(at("192.0.2.1"), now), Err(TooMany));
    }
}
