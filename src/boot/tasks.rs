//! What a node does by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::account::AuditFlush;
use crate::audit::Journal;
use crate::gateway::streams::{OpenStream, OpenStreams};
use crate::node::Node;
use crate::store::StoreError;
use crate::telemetry::Metrics;
use crate::token::{Principal, Rejected};

/// How often streams are looked at for tokens that have ended.
const SWEEP: Duration = Duration::from_secs(1);
/// How often the sweep asks whether this node still learns of revocations.
const LEASE_CHECK: Duration = Duration::from_millis(100);
/// How often what has ended is forgotten.
const HOUSEKEEPING: Duration = Duration::from_mins(1);
/// How long codes, tokens and requests that have ended are kept, to tell a replay from a stranger.
const KEEP_ENDED: Duration = Duration::from_hours(7 * 24);
/// How long refresh tokens that have expired are kept: longer than `oauth.refresh_grace` may be, in which a lost answer is repaired.
const KEEP_REFRESH_TOKENS: Duration = Duration::from_hours(1);
/// How long changes are kept for nodes that fell behind.
const KEEP_CHANGES: Duration = Duration::from_hours(1);

pub(super) struct Flush(pub(super) Journal);

#[async_trait]
impl AuditFlush for Flush {
    async fn flush(&self) {
        // A page that shows a moment less is better than none.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.0.flush()).await;
    }
}

/// Ends requests under way whose permit has gone: after every change that this node applies, when tokens end, and when the node
/// can't know of changes any more. A revocation waits for every node to confirm it, and for the lease of one that does not; what is
/// under way there ends at the second look after that.
pub(super) async fn sweep(node: Arc<Node>, streams: Arc<OpenStreams>, metrics: Arc<Metrics>, stop: CancellationToken) {
    let mut applied = node.view.applied();
    let (mut swept, mut was_lost) = (Instant::now(), false);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = applied.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LEASE_CHECK) => if node.view.is_fresh() && swept.elapsed() < SWEEP { continue },
        }
        swept = Instant::now();
        let (config, now, lost) = (node.config.load_full(), node.now(), !node.view.is_fresh());
        // What ends before the next look is no stream.
        let stale = lost && was_lost;
        was_lost = lost;
        let doubtful = streams.select(|permit| {
            let ended = |p: &Principal| stale || p.is_expired(now) || !p.is_current(&config, now);
            permit.is_enforced() && permit.principal().is_some_and(|p| ended(p))
        });
        for stream in doubtful {
            match again(&node, &stream).await {
                Again::Alike => {}
                Again::Otherwise => stream.cut.end(),
                Again::Refused => {
                    stream.cut.cut();
                    metrics.streams_cut.inc();
                }
            }
        }
    }
}

/// What became of a stream's permission.
enum Again {
    /// It is there, and shows what it showed.
    Alike,
    /// It is there, but lists that its client was told of may have changed.
    Otherwise,
    /// It has gone.
    Refused,
}

async fn again(node: &Node, stream: &OpenStream) -> Again {
    let Some(principal) = stream.permit.principal() else { return Again::Alike };
    if !node.view.is_fresh() {
        return Again::Refused;
    }
    let config = node.config.load_full();
    match node.verifier.again(principal, &config, node.now()).await {
        Ok(now) if !stream.permit.holds_under(&config, &stream.config, &now) => Again::Refused,
        Ok(now) if stream.listens && !stream.permit.shows_alike(&config, &stream.config, &now) => Again::Otherwise,
        Ok(_) => Again::Alike,
        // Nobody knows: a stream that may have been revoked must not go on.
        Err(Rejected::Refused { .. } | Rejected::Guessing { .. } | Rejected::Fault(_)) => Again::Refused,
    }
}

/// Carries what the verifier and the view count over into the metrics.
pub(super) async fn measure(node: Arc<Node>, metrics: Arc<Metrics>, stop: CancellationToken) {
    let cache = |result: &str| metrics.token_cache.with_label_values(&[result]);
    let (hit, miss) = (cache("hit"), cache("miss"));
    let counts = &node.verifier.counts;
    loop {
        for (counter, total) in
            [(&hit, counts.hits()), (&miss, counts.misses()), (&metrics.signature_checks, counts.signatures())]
        {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
        metrics.feed_forked.set(i64::from(node.view.is_forked()));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Forgets what has ended.
pub(super) async fn keep_house(node: Arc<Node>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
        forget(&node).await;
    }
}

/// One thing after the other; what fails is tried again the next time, and keeps nothing else from being done.
async fn forget(node: &Node) {
    let (config, now, store) = (node.config.load_full(), node.now(), &node.store);
    // Keys whose time is over leave the set without anybody changing them.
    if let Err(error) = node.keys.reload(store, now).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the signing keys can't be read; keeping those known");
    }
    let done = |step: &'static str, outcome: Result<u64, StoreError>| {
        let Err(error) = outcome else { return };
        node.metrics.housekeeping_failures.with_label_values(&[step]).inc();
        let error = &error as &(dyn std::error::Error + 'static);
        tracing::warn!(error, step, "housekeeping failed; it is tried again");
    };
    done("ended", store.forget_ended(now.minus(KEEP_ENDED)).await);
    done("refresh_tokens", store.forget_refresh_tokens(now.minus(KEEP_REFRESH_TOKENS)).await);
    done("trials", store.end_trial_installs(&node.own_cause()).await);
    done("changes", store.forget_changes(now.minus(KEEP_CHANGES)).await);
    let unused = now.minus(config.oauth.dynamic_client_ttl);
    done("clients", store.purge_unused_dynamic_clients(unused, &node.own_cause()).await);
    done("audit", store.expire_audit(now.minus(config.audit.retention)).await);
}
