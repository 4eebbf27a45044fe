//! What a node does by itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::account::AuditFlush;
use crate::audit::Journal;
use crate::node::Node;
use crate::store::StoreError;
use crate::telemetry::Metrics;
use crate::types::Chain;

/// How often counts are carried over.
const MEASURE: Duration = Duration::from_secs(1);
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
            () = tokio::time::sleep(MEASURE) => {}
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
        // Whatever is under way is a statement or a transaction, and may be given up.
        tokio::select! {
            () = stop.cancelled() => return,
            () = forget(&node) => {}
        }
    }
}

/// One thing after the other; what fails is tried again the next time, and keeps nothing else from being done.
async fn forget(node: &Node) {
    let (config, now, store) = (node.config.load_full(), node.now(), &node.store);
    // Keys whose time is over leave the set without anybody changing them.
    if let Err(error) = node.keys.reload(store, now).await {
        tracing::error!(error = %Chain(&error), "the signing keys can't be read; keeping those known");
    }
    let done = |step: &'static str, outcome: Result<u64, StoreError>| {
        let Err(error) = outcome else { return };
        node.metrics.housekeeping_failures.with_label_values(&[step]).inc();
        let error = &error as &(dyn std::error::Error + 'static);
        tracing::warn!(error, step, "housekeeping failed; it is tried again");
    };
    // Before what has ended is forgotten: that is how what was made in tests is known.
    done("trials", store.end_trial_installs(&node.own_cause()).await);
    done("ended", store.forget_ended(now.minus(KEEP_ENDED)).await);
    done("refresh_tokens", store.forget_refresh_tokens(now.minus(KEEP_REFRESH_TOKENS)).await);
    done("changes", store.forget_changes(now.minus(KEEP_CHANGES)).await);
    let unused = now.minus(config.oauth.dynamic_client_ttl);
    done("clients", store.purge_unused_dynamic_clients(unused, &node.own_cause()).await);
    done("audit", store.expire_audit(now.minus(config.audit.retention)).await);
}
