//! Whether this node should be sent requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ping::Ping;
use super::reload::Status;
use crate::admin::Readiness;
use crate::audit::Journal;
use crate::node::Node;
use crate::telemetry::Metrics;

/// How long the store may take to say that it is there: whoever asks waits for an answer too.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this node should be sent requests, and why not.
pub struct Ready {
    node: Arc<Node>,
    ping: Arc<Ping>,
    journal: Journal,
    metrics: Arc<Metrics>,
    draining: AtomicBool,
    configuration: Arc<Status>,
}

impl Ready {
    pub(super) fn new(
        node: Arc<Node>,
        ping: Arc<Ping>,
        journal: Journal,
        metrics: Arc<Metrics>,
        configuration: Arc<Status>,
    ) -> Self {
        Self { node, ping, journal, metrics, draining: AtomicBool::new(false), configuration }
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

#[async_trait::async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        let mut unless = |fine: bool, reason: &str| {
            if !fine {
                reasons.push(reason.to_owned());
            }
        };
        let timer = self.metrics.store_seconds.start_timer();
        let answer = self.ping.ask(PATIENCE).await;
        timer.observe_duration();
        let is_there = answer.is_some_and(|answer| answer.fault.is_none() && answer.took <= PATIENCE);
        if !is_there {
            self.metrics.store_errors.inc();
        }
        unless(is_there, "store_unavailable");
        unless(self.node.view.is_fresh() || self.node.view.is_forked(), "feed_stale");
        unless(!self.node.view.is_forked(), "feed_forked");
        unless(self.node.keys.is_ready(), "no_signing_key");
        unless(!self.journal.is_failing(), "journal_failing");
        unless(!self.draining.load(Ordering::Acquire), "draining");
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    // A refused file is no reason to send requests elsewhere: what is in force was proved.
    fn detail(&self) -> serde_json::Value {
        serde_json::json!({ "configuration": self.configuration.view() })
    }
}
