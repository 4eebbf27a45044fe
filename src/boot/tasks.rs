//! What a node does by itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::account::AuditFlush;
use crate::audit::{Journal, Notary};
use crate::node::Node;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::types::{Chain, Timestamp};

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

/// Records go by the hour: each time it is said, signed, that they may.
const EXPIRY: i64 = 60 * 60 * 1000;

/// Forgets what has ended.
pub(super) async fn keep_house(node: Arc<Node>, notary: Arc<Notary<dyn Store>>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
        // Whatever is under way is a statement or a transaction, and may be given up.
        tokio::select! {
            () = stop.cancelled() => return,
            () = forget(&node, &notary) => {}
        }
    }
}

/// One thing after the other; what fails is tried again the next time, and keeps nothing else from being done.
async fn forget(node: &Node, notary: &Notary<dyn Store>) {
    let (config, now, store) = (node.config.load_full(), node.now(), &node.store);
    // Keys whose time is over leave the set without anybody changing them.
    if let Err(error) = node.keys.reload(store, now).await {
        tracing::error!(error = %Chain(&error), "the signing keys can't be read; keeping those known");
    }
    match node.keys.audit_signer(&**store, &*node.entropy, now).await {
        Ok(signer) => notary.sign_with(signer),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the key of the audit log can't be read; keeping the one known");
        }
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
    done("audit", expire(&**store, notary, now.minus(config.audit.retention)).await);
}

/// Deletes records from before `before`. Nothing is deleted of which was not said, signed, that it may go: else its absence would look
/// like somebody's doing.
pub(super) async fn expire(store: &dyn Store, notary: &Notary<dyn Store>, before: Timestamp) -> Result<u64, StoreError> {
    let before = Timestamp::from_millis(before.millis().div_euclid(EXPIRY) * EXPIRY);
    let is_new = notary.trim(before).await?;
    let expired = store.expire_audit(before).await?;
    if is_new {
        store.forget_batches(before).await?;
    }
    Ok(expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Asked, NoMetrics, Step, verify};
    use crate::config::Config;
    use crate::record::{ControlEvent, Operation};
    use crate::store::sql;
    use crate::types::{ChainId, ManualClock, NodeId, SystemEntropy};

    const START: Timestamp = Timestamp::from_millis(1_795_219_200_000);

    #[tokio::test]
    async fn what_may_go_is_said_once_an_hour_before_it_goes() {
        let dir = tempfile::tempdir().expect("a folder");
        let env = |_: &str| Some("0".repeat(64));
        let text = "public_url = \"http://127.0.0.1:8080\"\n[keys]\nsecret = \"env:SECRET\"\n";
        let config = Config::parse(text, &env, 1).expect("a sound configuration").0;
        let (id, clock) = (NodeId::parse("node_1").expect("an id"), Arc::new(ManualClock::starting_at(START)));
        let url = format!("sqlite:{}/store.db", dir.path().display());
        let store = sql::open(&url, &id, Arc::new(SystemEntropy)).await.expect("a store");
        let (of_store, of_clock) = (Arc::clone(&store), Arc::clone(&clock));
        let node = Node::start_beside(id.clone(), config, of_store, of_clock, Arc::new(SystemEntropy)).await.expect("a node");
        let signer = node.keys.audit_signer(&*store, &SystemEntropy, START).await.expect("a signer");
        let ids = (ChainId::parse("chain_1").expect("an id"), id);
        let notary: Notary<dyn Store> = Notary::new(Arc::clone(&store), signer.clone(), ids, clock.clone(), Arc::new(NoMetrics));
        notary.sweep().await.expect("sealed");
        clock.advance(Duration::from_secs(90 * 60));
        store.note(None, ControlEvent::done(Operation::AuditQuery), &node.own_cause()).await.expect("noted");
        notary.sweep().await.expect("sealed");
        let before = node.now().minus(Duration::from_secs(10 * 60));
        for (before, gone) in [(before, true), (before.plus(Duration::from_secs(60)), false)] {
            assert_eq!(expire(&*store, &notary, before).await.expect("deleted") > 0, gone);
        }
        let page = store.audit_trims(0, 9).await.expect("statements");
        let said: Vec<_> = page.batches.iter().filter_map(|batch| batch.trim).collect();
        assert_eq!(said, [START.plus(Duration::from_secs(60 * 60))], "the hour before, once");
        let (tell, mut told) = tokio::sync::mpsc::channel(64);
        let keys = store.audit_keys().await.expect("keys");
        let asked = Asked { keys, vouches: Box::new(|_| false), known: Vec::new() };
        verify(&*store, asked, tell).await.expect("a walk");
        let Some(Step::Done(report)) = told.recv().await else { panic!("a fault") };
        assert!(report.proved && report.expired > 0 && report.records == 1, "{report:?}");
        // What somebody else says keeps nothing from being said here.
        let chain = ChainId::parse("chain_2").expect("an id");
        let ids = (chain, NodeId::parse("node_2").expect("an id"));
        let other: Notary<dyn Store> = Notary::new(Arc::clone(&store), signer, ids, clock.clone(), Arc::new(NoMetrics));
        clock.advance(Duration::from_secs(2 * 60 * 60));
        assert!(other.trim(START.plus(KEEP_ENDED)).await.expect("said"));
        expire(&*store, &notary, node.now()).await.expect("deleted");
        let page = store.audit_trims(0, 9).await.expect("statements");
        let said: Vec<_> = page.batches.iter().map(|batch| batch.chain.as_str()).collect();
        assert_eq!(said, ["chain_2", "chain_1", "chain_1"]);
        node.leave().await;
    }
}
