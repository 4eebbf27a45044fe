//! Looks for what the node does not keep up with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::audit::Journal;
use crate::gateway::overload::{self, Overload, Strain};
use crate::node::Node;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// Raises and lowers the signals that shed load, until `stop`.
pub(super) async fn watch(node: Arc<Node>, journal: Journal, overload: Arc<Overload>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = look(&node, &journal, &overload) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn look(node: &Node, journal: &Journal, overload: &Overload) {
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
    let begun = Instant::now();
    let answered = tokio::time::timeout(limits.max_store_latency, node.store.ping()).await;
    // A store that is gone is no matter of load: requests that need it say so themselves.
    let took = answered.ok().map(|_| begun.elapsed());
    set(node, overload, Strain::StoreLatency, overload::is_slow(took, limits.max_store_latency));
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
