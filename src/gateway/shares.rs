//! What each network of clients may hold at one time of something that all share, so that no single one holds all of it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::types::network;

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 32;

/// How much each network holds. Who holds nothing takes no memory, so the table is as bounded as what is shared; where a network
/// lands depends on a key of this process.
#[derive(Debug)]
pub struct Shares {
    most: u32,
    hasher: RandomState,
    parts: [Mutex<HashMap<IpAddr, u32>>; PARTS],
}

/// One part of what a network may hold, until it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    network: IpAddr,
}

/// The network holds as much as it may.
#[derive(Debug, thiserror::Error)]
#[error("the network holds as much as it may")]
pub struct UsedUp;

impl Shares {
    /// Nobody holds anything; each network may hold `most`.
    #[must_use]
    pub fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, hasher: RandomState::new(), parts: std::array::from_fn(|_| Mutex::default()) })
    }

    /// One more for the network of `from`. Who can't be told from others has no share of its own.
    ///
    /// # Errors
    /// When the network holds as much as it may.
    pub fn take(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Option<Share>, UsedUp> {
        let Some(network) = from.map(network) else { return Ok(None) };
        let mut part = self.part(&network).lock();
        let held = part.entry(network).or_insert(0);
        if *held >= self.most {
            return Err(UsedUp);
        }
        *held += 1;
        Ok(Some(Share { of: Arc::clone(self), network }))
    }

    /// Whether the network of `from` holds as much as it may.
    pub fn is_used_up(&self, from: Option<IpAddr>) -> bool {
        let Some(network) = from.map(network) else { return false };
        self.part(&network).lock().get(&network).is_some_and(|held| *held >= self.most)
    }

    /// How many networks hold something.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    fn part(&self, network: &IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        let hash = usize::try_from(self.hasher.hash_one(network) % PARTS as u64).unwrap_or(0);
        &self.parts[hash]
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut part = self.of.part(&self.network).lock();
        let left = part.get_mut(&self.network).map(|held| {
            *held = held.saturating_sub(1);
            *held
        });
        if left == Some(0) {
            part.remove(&self.network);
        }
        if part.is_empty() && part.capacity() > 1_024 {
            part.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn no_network_holds_more_than_its_share() {
        let shares = Shares::new(2);
        let first = shares.take(at("2001:db8::1")).expect("the first");
        let _second = shares.take(at("2001:db8::2")).expect("the second of the same /64");
        assert!(shares.take(at("2001:db8::3")).is_err());
        assert!(shares.is_used_up(at("2001:db8::4")) && !shares.is_used_up(at("2001:db8:0:1::1")) && !shares.is_used_up(None));
        assert!(shares.take(at("2001:db8:0:1::1")).is_ok(), "another network has its own");
        assert!((0..10).all(|_| shares.take(None).is_ok()), "who can't be told apart has none");
        drop(first);
        assert!(shares.take(at("2001:db8::3")).is_ok(), "what is given back can be taken again");
    }

    #[test]
    fn who_holds_nothing_takes_no_memory() {
        let shares = Shares::new(1);
        let held: Vec<_> = (0..5_000_u32).map(|n| shares.take(Some(std::net::Ipv4Addr::from(n).into()))).collect();
        assert_eq!(shares.networks(), 5_000);
        // Those who are refused leave nothing behind either.
        assert!(shares.take(at("0.0.0.1")).is_err());
        drop(held);
        assert_eq!(shares.networks(), 0);
    }
}
