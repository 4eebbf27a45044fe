//! Where floods came from lately.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::types::network;

/// Connections of a network that may be thrown out before it is refused: one program in it may be broken, the others are not.
const LENIENCE: u32 = 5;
/// Most networks that are remembered at one time.
const MOST: u64 = 16_384;

/// The networks whose connections were thrown out, in memory that nobody can make grow.
#[derive(Debug)]
pub(in crate::listener) struct Floods(Option<Cache<IpAddr, Arc<AtomicU32>>>);

impl Floods {
    /// Remembers a network for so long from its first flood on; zero remembers none.
    pub(in crate::listener) fn new(memory: Duration) -> Self {
        let cache = || Cache::builder().max_capacity(MOST).time_to_live(memory).build();
        Self((!memory.is_zero()).then(cache))
    }

    /// Whether connections from there are refused. Who can't be told from others is not.
    pub(in crate::listener) fn refuse(&self, from: Option<IpAddr>) -> bool {
        let known = self.0.as_ref().zip(from).and_then(|(cache, from)| cache.get(&network(from)));
        known.is_some_and(|thrown_out| thrown_out.load(Ordering::Relaxed) >= LENIENCE)
    }

    /// A connection from there was thrown out.
    pub(in crate::listener) fn note(&self, from: Option<IpAddr>) {
        let Some((cache, from)) = self.0.as_ref().zip(from) else { return };
        let network = network(from);
        let before = cache.get_with(network, Arc::default).fetch_add(1, Ordering::Relaxed);
        if before + 1 == LENIENCE {
            tracing::warn!(%network, "connections are refused for a while: too many were thrown out for flooding");
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
    fn who_floods_again_and_again_is_refused_and_others_are_not() {
        let floods = Floods::new(Duration::from_secs(60));
        for n in 0..LENIENCE {
            let from = at(&format!("2001:db8::{n:x}"));
            assert!(!floods.refuse(from), "{n}");
            floods.note(from);
        }
        assert!(floods.refuse(at("2001:db8::ffff")));
        assert!(!floods.refuse(at("2001:db8:0:1::1")));
        floods.note(None);
        assert!(!floods.refuse(None), "who can't be told apart is never refused");
    }

    #[test]
    fn no_memory_is_no_refusal() {
        let floods = Floods::new(Duration::ZERO);
        (0..100).for_each(|_| floods.note(at("192.0.2.1")));
        assert!(!floods.refuse(at("192.0.2.1")));
    }

    #[test]
    fn floods_from_everywhere_take_no_memory() {
        let floods = Floods::new(Duration::from_secs(60));
        (0..40_000_u32).for_each(|n| floods.note(Some(std::net::Ipv4Addr::from(n).into())));
        let cache = floods.0.expect("some memory");
        cache.run_pending_tasks();
        assert!(cache.entry_count() <= MOST);
    }
}
