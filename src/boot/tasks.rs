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

/// How often counts are carried over.
const MEASURE: Duration = Duration::from_secs(1);
/// How often what has ended is forgotten.
const HOUSEKEEPING: Duration = Duration::from_mins(1);
/// How long codes, tokens and requests that have ended are kept, to tell a replay from a stranger.
const KEEP_ENDED: Duration = Duration::from_hours(7 * 24);
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

/// Carries the verifier's counts over into the metrics.
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
        if let Err(error) = forget(&node).await {
            tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "housekeeping failed; it is tried again");
        }
    }
}

async fn forget(node: &Node) -> Result<(), StoreError> {
    let (config, now) = (node.config.load_full(), node.now());
    // Keys whose time is over leave the set without anybody changing them.
    if let Err(error) = node.keys.reload(&node.store, now).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the signing keys can't be read; keeping those known");
    }
    node.store.forget_ended(now.minus(KEEP_ENDED)).await?;
    node.store.end_trial_installs(&node.own_cause()).await?;
    node.store.forget_changes(now.minus(KEEP_CHANGES)).await?;
    node.store.purge_unused_dynamic_clients(now.minus(config.oauth.dynamic_client_ttl), &node.own_cause()).await?;
    node.store.expire_audit(now.minus(config.audit.retention)).await?;
    Ok(())
}
