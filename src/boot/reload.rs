//! A changed configuration, swapped in whole or not at all: when somebody says so (SIGHUP), and when the file, or a file that it
//! names, is seen to have changed.

mod files;
mod kept;
mod status;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigErrors, Environment, restart_needed};
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Rates;
use crate::node::Node;
use crate::record::{ControlEvent, Operation};
use crate::telemetry::Metrics;
use crate::types::Chain;
use files::{Files, Recorder};
pub use kept::in_force;
pub(super) use status::Status;

/// How often the files are looked at. A change is read when they look the same twice in a row: writers that are slower than this
/// should write beside the file and rename.
const LOOK: Duration = Duration::from_millis(250);

pub(super) struct Reloader {
    path: Option<PathBuf>,
    environment: Arc<dyn Environment + Send + Sync>,
    node: Arc<Node>,
    prepared: Arc<ArcSwap<Prepared>>,
    metrics: Arc<Metrics>,
    rates: Arc<Rates>,
    pub(super) status: Arc<Status>,
    /// What the last reading found on disk. One reload at a time, so that generations only grow.
    turn: Mutex<Files>,
}

impl Reloader {
    pub(super) fn new(
        path: Option<PathBuf>,
        environment: Arc<dyn Environment + Send + Sync>,
        (node, prepared, metrics, rates): (Arc<Node>, Arc<ArcSwap<Prepared>>, Arc<Metrics>, Arc<Rates>),
    ) -> Self {
        let status = Arc::new(Status::new(node.config.load().generation, node.now()));
        Self { path, environment, node, prepared, metrics, rates, status, turn: Mutex::default() }
    }

    /// Reads the files again. Files with errors change nothing and are reported.
    pub(super) fn reload(&self) -> bool {
        self.read(&mut self.turn.lock())
    }

    fn read(&self, files: &mut Files) -> bool {
        let Some(path) = &self.path else { return false };
        let recorder = Recorder::new(&*self.environment);
        recorder.reading(path);
        let before = self.node.config.load_full();
        // One text is proved and kept, whatever happens to the file meanwhile.
        let text = std::fs::read_to_string(path);
        let read = match &text {
            Ok(text) => Config::parse(text, &recorder, before.generation + 1),
            Err(_) => Config::load(path, &recorder, before.generation + 1),
        };
        let read = read.and_then(|(config, warnings)| {
            let fixed = restart_needed(&before, &config);
            if fixed.is_empty() { Ok((config, warnings)) } else { Err(ConfigErrors(fixed)) }
        });
        *files = recorder.into_files();
        match read {
            Ok((config, warnings)) => {
                for warning in warnings {
                    tracing::warn!(%warning, "configuration");
                }
                self.put_in_force(config);
                self.keep(text.as_deref().unwrap_or_default());
                true
            }
            Err(errors) => {
                self.refuse(&errors);
                false
            }
        }
    }

    fn put_in_force(&self, config: Config) {
        let (generation, config) = (config.generation, Arc::new(config));
        self.node.config.store(Arc::clone(&config));
        let next = Prepared::following(config, &self.prepared.load(), self.node.now());
        self.prepared.store(Arc::new(next));
        self.rates.keep(&self.prepared.load().config);
        self.status.applied(generation, self.node.now());
        self.metrics.reloads.with_label_values(&["applied"]).inc();
        self.metrics.config_stale.set(0);
        tracing::info!(generation, "the changed configuration is in force");
        self.note(ControlEvent::done(Operation::ConfigReload).with_comment(format!("generation {generation}")));
    }

    fn refuse(&self, errors: &ConfigErrors) {
        self.status.refused(errors, self.node.now());
        self.metrics.reloads.with_label_values(&["refused"]).inc();
        self.metrics.config_stale.set(1);
        tracing::error!(%errors, "the changed configuration has errors; the one before stays in force");
        let comment = errors.0.first().map(|e| e.path.clone()).unwrap_or_default();
        self.note(ControlEvent::refused(Operation::ConfigReload, "config_invalid").with_comment(comment));
    }

    /// Puts a reload on the operator's record. What is in force is in force, whether or not the store can be used.
    fn note(&self, event: ControlEvent) {
        let node = Arc::clone(&self.node);
        tokio::spawn(async move {
            if let Err(error) = node.store.note(None, event, &node.own_cause()).await {
                tracing::error!(error = %Chain(&error), "a reload could not be put on record");
            }
        });
    }

    /// Keeps the text of what is in force. Nothing rests on it but a comparison.
    fn keep(&self, text: &str) {
        let dir = self.node.config.load().data_dir.clone();
        if let Err(error) = kept::keep(&dir, text) {
            tracing::warn!(%error, dir = %dir.display(), "the configuration in force can't be kept for comparison");
        }
    }

    /// Learns what to look at, without changing anything.
    fn learn(&self) {
        let Some(path) = &self.path else { return };
        let mut files = self.turn.lock();
        let recorder = Recorder::new(&*self.environment);
        recorder.reading(path);
        if let Ok(text) = std::fs::read_to_string(path)
            && Config::parse(&text, &recorder, 0).is_ok()
        {
            self.keep(&text);
        }
        *files = recorder.into_files();
    }

    /// Reads the files again when they have changed and no longer change.
    fn look(&self) {
        let mut files = self.turn.lock();
        if files.have_settled() {
            tracing::info!("a file of the configuration has changed");
            self.read(&mut files);
        }
    }
}

/// Looks at the files until `stop`.
pub(super) async fn watch(reloader: Arc<Reloader>, stop: CancellationToken) {
    if reloader.path.is_none() {
        return;
    }
    aside(&reloader, Reloader::learn).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        aside(&reloader, Reloader::look).await;
    }
}

/// Files may be on a disk that hangs: nothing else waits for it.
async fn aside(reloader: &Arc<Reloader>, work: fn(&Reloader)) {
    let reloader = Arc::clone(reloader);
    let _ = tokio::task::spawn_blocking(move || work(&reloader)).await;
}
