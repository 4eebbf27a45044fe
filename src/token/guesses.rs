//! API keys that do not exist. Anybody can write text in the form of a key, and only the store can tell that it is none; so
//! what was looked up in vain is remembered for a moment, and each network may try only so often.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::cache::Digest;
use crate::types::network;

/// How long it is known that a key is none. Keys are random: what is no key now does not become one, unless somebody restores a
/// store behind a running node.
const KNOWN: Duration = Duration::from_secs(5);
/// Most such keys that are known at one time.
const MOST_KNOWN: u64 = 4_096;

/// Keys that are none which a network may have looked up within [`WINDOW`].
const TRIES: u32 = 50;
/// How long a network's tries count, from the first of them.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Most networks that are counted at one time.
const MOST_NETWORKS: u64 = 16_384;

/// What was tried lately, in memory that no caller can make grow.
pub(super) struct Guesses {
    none: Cache<Digest, ()>,
    tries: Cache<IpAddr, Arc<AtomicU32>>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            none: Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN).build(),
            tries: Cache::builder().max_capacity(MOST_NETWORKS).time_to_live(WINDOW).build(),
        }
    }
}

impl Guesses {
    /// Whether the key was found to be none a moment ago.
    pub(super) fn is_none(&self, key: &Digest) -> bool {
        self.none.contains_key(key)
    }

    /// Whether the network of `from` has tried as many as it may.
    pub(super) fn are_used_up(&self, from: Option<IpAddr>) -> bool {
        from.and_then(|from| self.tries.get(&network(from))).is_some_and(|tries| tries.load(Ordering::Relaxed) >= TRIES)
    }

    /// Somebody at `from` had a key looked up that is none.
    pub(super) fn note(&self, key: Digest, from: Option<IpAddr>) {
        self.none.insert(key, ());
        if let Some(from) = from {
            self.tries.get_with(network(from), Arc::default).fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_tries_and_others_have_theirs() {
        let guesses = Guesses::default();
        let at = |text: &str| Some(text.parse().expect("an address"));
        for n in 0..TRIES {
            let from = at(&format!("2001:db8::{n:x}"));
            assert!(!guesses.are_used_up(from), "{n}");
            guesses.note(Digest::of(&n.to_string()), from);
        }
        assert!(guesses.are_used_up(at("2001:db8::ffff")));
        assert!(!guesses.are_used_up(at("2001:db8:0:1::1")));
        assert!(!guesses.are_used_up(None), "who can't be told apart is not counted");
        assert!(guesses.is_none(&Digest::of("7")) && !guesses.is_none(&Digest::of("another")));
    }

    #[test]
    fn hostile_callers_take_no_memory() {
        let guesses = Guesses::default();
        for n in 0..20_000_u32 {
            guesses.note(Digest::of(&n.to_string()), Some(std::net::Ipv4Addr::from(n).into()));
        }
        guesses.none.run_pending_tasks();
        guesses.tries.run_pending_tasks();
        assert!(guesses.none.entry_count() <= MOST_KNOWN && guesses.tries.entry_count() <= MOST_NETWORKS);
    }
}
