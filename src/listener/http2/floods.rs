//! Where floods came from lately.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::gateway::shares::Shares;
use crate::types::network;

/// Connections of a network that may be thrown out before it is refused: one program in it may be broken, the others are not.
const LENIENCE: u32 = 5;
/// Most networks that are remembered at one time.
const MOST: u64 = 16_384;

/// Refused connections of a network that are kept waiting at one time. Whoever waits for an end before they come again comes seldom;
/// to close at once is an invitation.
const KEPT_WAITING: u32 = 64;
/// How long they wait for their end.
const WAIT: Duration = Duration::from_secs(1);

/// The networks whose connections were thrown out, in memory that nobody can make grow.
#[derive(Debug)]
pub(in crate::listener) struct Floods {
    thrown_out: Option<Cache<IpAddr, Arc<AtomicU32>>>,
    waiting: Arc<Shares>,
}

impl Floods {
    /// Remembers a network for so long from its first flood on; zero remembers none.
    pub(in crate::listener) fn new(memory: Duration) -> Self {
        let cache = || Cache::builder().max_capacity(MOST).time_to_live(memory).build();
        Self { thrown_out: (!memory.is_zero()).then(cache), waiting: Shares::new(KEPT_WAITING) }
    }

    /// Whether connections from there are refused. Who can't be told from others is not.
    pub(in crate::listener) fn refuse(&self, from: Option<IpAddr>) -> bool {
        let known = self.thrown_out.as_ref().zip(from).and_then(|(cache, from)| cache.get(&network(from)));
        known.is_some_and(|thrown_out| thrown_out.load(Ordering::Relaxed) >= LENIENCE)
    }

    /// Whether a refused connection from there is closed without a wait, because enough of them wait already.
    pub(in crate::listener) fn enough_wait(&self, from: Option<IpAddr>) -> bool {
        self.waiting.is_used_up(from)
    }

    /// Lets a connection wait that is refused, where there is room for it.
    pub(in crate::listener) async fn keep_waiting(&self, from: Option<IpAddr>) {
        if let Ok(_room) = self.waiting.take(from) {
            tokio::time::sleep(WAIT).await;
        }
    }

    /// A connection from there was thrown out.
    pub(in crate::listener) fn note(&self, from: Option<IpAddr>) {
        let Some((cache, from)) = self.thrown_out.as_ref().zip(from) else { return };
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

    #[tokio::test(start_paused = true)]
    async fn only_so_many_of_a_network_are_kept_waiting() {
        let (floods, from) = (Floods::new(Duration::from_secs(60)), at("192.0.2.1"));
        (0..LENIENCE).for_each(|_| floods.note(from));
        let begun = tokio::time::Instant::now();
        let all = futures::future::join_all((0..KEPT_WAITING).map(|_| floods.keep_waiting(from)));
        let more = async {
            assert!(floods.enough_wait(from) && !floods.enough_wait(at("192.0.2.2")));
            floods.keep_waiting(from).await;
            assert_eq!(begun.elapsed(), Duration::ZERO);
        };
        // The first future is polled first.
        tokio::join!(all, more);
        assert_eq!(begun.elapsed(), WAIT);
        assert!(!floods.enough_wait(from), "there is room again");
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
        let cache = floods.thrown_out.expect("some memory");
        cache.run_pending_tasks();
        assert!(cache.entry_count() <= MOST);
    }
}
