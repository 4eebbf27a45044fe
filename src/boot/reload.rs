//! A changed configuration file, swapped in whole or not at all.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::config::{Config, Environment};
use crate::gateway::prepared::Prepared;
use crate::node::Node;
use crate::telemetry::Metrics;

pub(super) struct Reloader {
    path: Option<PathBuf>,
    environment: Arc<dyn Environment + Send + Sync>,
    node: Arc<Node>,
    prepared: Arc<ArcSwap<Prepared>>,
    metrics: Arc<Metrics>,
    /// One reload at a time, so that generations only grow.
    turn: Mutex<()>,
}

impl Reloader {
    pub(super) fn new(
        path: Option<PathBuf>,
        environment: Arc<dyn Environment + Send + Sync>,
        node: Arc<Node>,
        prepared: Arc<ArcSwap<Prepared>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { path, environment, node, prepared, metrics, turn: Mutex::new(()) }
    }

    /// Reads the file again. A file with errors changes nothing and is reported.
    pub(super) fn reload(&self) -> bool {
        let Some(path) = &self.path else { return false };
        let _turn = self.turn.lock();
        let generation = self.node.config.load().generation + 1;
        match Config::load(path, &*self.environment, generation) {
            Ok((config, warnings)) => {
                for warning in warnings {
                    tracing::warn!(%warning, "configuration");
                }
                let config = Arc::new(config);
                self.node.config.store(Arc::clone(&config));
                let next = Prepared::following(config, &self.prepared.load());
                self.prepared.store(Arc::new(next));
                self.metrics.reloads.with_label_values(&["applied"]).inc();
                tracing::info!(generation, "the changed configuration is in force");
                true
            }
            Err(errors) => {
                self.metrics.reloads.with_label_values(&["refused"]).inc();
                tracing::error!(%errors, "the changed configuration has errors; the one before stays in force");
                false
            }
        }
    }
}
