//! Looks for what the node does not keep up with, and how late it is itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::audit::Journal;
use crate::gateway::admission::{TICK, Waited};
use crate::gateway::overload::{self, Overload, Shed, Strain};
use crate::node::Node;
use crate::types::Chain;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// Raises and lowers the signals that shed load, until `stop`.
pub(super) async fn watch(node: Arc<Node>, journal: Journal, overload: Arc<Overload>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = look_around(&node, &journal, &overload) => {}
        () = keep_probing(&node, &overload) => {}
    }
}

async fn look_around(node: &Node, journal: &Journal, overload: &Overload) {
    loop {
        look(node, journal, overload);
        tokio::time::sleep(LOOK).await;
    }
}

async fn keep_probing(node: &Node, overload: &Overload) {
    loop {
        probe(node, overload).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks the store for a sign of life. One that takes too long is a strain as long as it is waited for, and it is waited for to its end:
/// only that tells a store that is slow from one that is gone.
async fn probe(node: &Node, overload: &Overload) {
    let limit = node.config.load().listen.limits.max_store_latency;
    let begun = Instant::now();
    let mut asked = node.store.ping();
    let answered = match tokio::time::timeout(limit, &mut asked).await {
        Ok(answered) => answered,
        Err(_) => {
            set(node, overload, Strain::StoreLatency, true);
            asked.await
        }
    };
    let fault = answered.err().filter(|error| !error.is_late());
    if overload.store_fails(fault.is_some()) {
        match &fault {
            Some(error) => tracing::error!(error = %Chain(error), "the store can't be used"),
            None => tracing::info!("the store can be used again"),
        }
    }
    // One that is gone is a strain only where it takes long to say so: requests that need it say themselves that it is gone.
    set(node, overload, Strain::StoreLatency, overload::is_slow(begun.elapsed(), limit));
}

fn look(node: &Node, journal: &Journal, overload: &Overload) {
    let limits = node.config.load().listen.limits;
    // The shipper says so only when it gets something done, which is when nobody needs to know.
    let depth = journal.backlog();
    node.metrics.audit_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
    let before = overload.is(Strain::AuditBacklog);
    let backlog = overload::is_backlogged(depth, u64::from(limits.max_audit_backlog), before);
    set(node, overload, Strain::AuditBacklog, backlog);
    node.memory.allow(limits.buffer_memory, limits.buffer_memory_share);
    let filled = overload::is_filled(node.memory.held(), limits.buffer_memory, overload.is(Strain::Memory));
    set(node, overload, Strain::Memory, filled);
    node.metrics.buffer_bytes.set(i64::try_from(node.memory.held()).unwrap_or(i64::MAX));
    let refused = [
        (&node.metrics.buffer_refused, node.memory.refused()),
        (&node.metrics.buffer_share_refused, node.memory.refused_shares()),
    ];
    for (counter, times) in refused {
        counter.inc_by(times.saturating_sub(counter.get()));
    }
    for shed in Shed::ALL {
        let counter = node.metrics.shed.with_label_values(&[shed.name()]);
        counter.inc_by(overload.shed(shed).saturating_sub(counter.get()));
    }
    node.metrics.strained.with_label_values(&[Strain::Late.name()]).set(i64::from(overload.is(Strain::Late)));
    let (in_flight, waiting) = overload.load();
    node.metrics.in_flight.set(i64::from(in_flight));
    node.metrics.waiting.set(i64::from(waiting));
}

fn set(node: &Node, overload: &Overload, strain: Strain, up: bool) {
    if overload.set(strain, up) {
        if up {
            tracing::warn!(signal = strain.name(), "the node does not keep up; requests are shed");
        } else {
            tracing::info!(signal = strain.name(), "the node keeps up again");
        }
    }
    node.metrics.strained.with_label_values(&[strain.name()]).set(i64::from(up));
}

/// How late the node is: a thread of its own wakes a task again and again, which tells when it had its turn. What is woken from
/// outside of the runtime waits behind all that is ready to run; a task that wakes itself, or a timer, may be let in before it.
#[derive(Debug)]
struct Lateness {
    started: Instant,
    wake: Notify,
    /// Microseconds after `started` at which the task was woken last, and at which it had its turn; 0 for never.
    woken: AtomicU64,
    ran: AtomicU64,
}

impl Lateness {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// How long the task waited for its turn, and wakes it for the next time when it has had it.
    fn look(&self) -> Waited {
        let (woken, ran) = (self.woken.load(Ordering::Acquire), self.ran.load(Ordering::Acquire));
        if ran < woken {
            return Waited::Still(Duration::from_micros(self.now().saturating_sub(woken)));
        }
        self.woken.store(self.now(), Ordering::Release);
        self.wake.notify_one();
        Waited::For(Duration::from_micros(ran - woken))
    }

    async fn answer(&self) {
        loop {
            self.wake.notified().await;
            self.ran.store(self.now(), Ordering::Release);
        }
    }
}

/// Measures how late the node is, and has requests shed while it is too late, until `stop`.
pub(super) async fn hurry(node: Arc<Node>, overload: Arc<Overload>, stop: CancellationToken) {
    let (woken, ran) = (AtomicU64::new(0), AtomicU64::new(0));
    let lateness = Arc::new(Lateness { started: Instant::now(), wake: Notify::new(), woken, ran });
    let measured = (Arc::downgrade(&lateness), Arc::downgrade(&node), overload);
    // A task of the runtime could not tell: it would be as late as what it measures.
    let thread = std::thread::Builder::new().name("lateness".to_owned()).spawn(move || measure(&measured));
    if let Err(error) = thread {
        tracing::error!(%error, "nobody measures how late the node is; nothing is shed for it");
    }
    tokio::select! {
        () = stop.cancelled() => {}
        () = lateness.answer() => {}
    }
}

fn measure((lateness, node, overload): &(Weak<Lateness>, Weak<Node>, Arc<Overload>)) {
    while let (Some(lateness), Some(node)) = (lateness.upgrade(), node.upgrade()) {
        let most = node.config.load().listen.limits.max_delay;
        let late = overload.admission.tick(lateness.look(), most);
        if overload.set(Strain::Late, late) {
            if late {
                tracing::warn!(signal = Strain::Late.name(), "the node does not keep up; requests are shed");
            } else {
                tracing::info!(signal = Strain::Late.name(), "the node keeps up again");
            }
        }
        drop((lateness, node));
        std::thread::sleep(TICK);
    }
    // What is still served goes on without anybody who would change the quota.
    overload.admission.end();
    overload.set(Strain::Late, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_its_turn_is_late() {
        let (woken, ran) = (AtomicU64::new(0), AtomicU64::new(0));
        let lateness = Lateness { started: Instant::now(), wake: Notify::new(), woken, ran };
        assert_eq!(lateness.look(), Waited::For(Duration::ZERO), "nothing was measured yet");
        assert!(matches!(lateness.look(), Waited::Still(_)), "nobody ran since");
        let seen = async {
            loop {
                if let Waited::For(wait) = lateness.look() {
                    return wait;
                }
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::select! {
            seen = seen => seen,
            () = lateness.answer() => Duration::MAX,
        };
        assert!(seen < Duration::MAX);
    }
}
