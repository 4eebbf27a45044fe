//! Certificates on disk: read again when they change, and looked at before they expire.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::IntGaugeVec;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ListenTls};
use crate::listener::Served;
use crate::node::Node;
use crate::types::Timestamp;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The certificates of the listener.
pub(super) struct Certificates {
    node: Arc<Node>,
    served: Option<Arc<Served>>,
    /// What the files held when they were read last, used or not.
    read: Mutex<Option<u64>>,
    /// The files whose expiry is told.
    told: Mutex<BTreeSet<(&'static str, PathBuf)>>,
}

impl Certificates {
    pub(super) fn new(node: Arc<Node>, served: Option<Arc<Served>>) -> Self {
        let read = node.config.load().listen.tls.as_ref().map(contents);
        Self { node, served, read: Mutex::new(read), told: Mutex::default() }
    }

    /// Looks until `stop`.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let looking = Arc::clone(&self);
            // Files are read where that keeps nobody waiting.
            let _ = tokio::task::spawn_blocking(move || looking.look()).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Reads the files when they have changed. Files with errors change nothing and are reported once.
    pub(super) fn look(&self) {
        let config = self.node.config.load_full();
        if let (Some(tls), Some(served)) = (&config.listen.tls, &self.served) {
            let mut read = self.read.lock();
            let held = contents(tls);
            if *read != Some(held) {
                *read = Some(held);
                self.change(tls, served);
            }
        }
        self.tell(&config);
    }

    /// Tells how long each certificate is good for, and nothing more of those that the configuration does not name any longer.
    fn tell(&self, config: &Config) {
        let now = self.node.now();
        let mut files = BTreeSet::new();
        let mut tell = |side: &'static str, path: &Path, expires: Timestamp| {
            let left = (expires.millis() - now.millis()).div_euclid(1_000);
            self.gauge().with_label_values(&[side, &path.display().to_string()]).set(left);
            files.insert((side, path.to_owned()));
        };
        if let Some(served) = &self.served {
            for (path, expires) in served.material().expiries() {
                tell("listener", path, expires);
            }
        }
        let upstreams = config.upstreams.iter().map(|upstream| ("upstream", &upstream.tls));
        let exchanges = config.apis.iter().filter_map(|api| api.exchange.as_ref()).map(|exchange| ("exchange", &exchange.tls));
        for (side, tls) in upstreams.chain(exchanges) {
            for (path, expires) in &tls.expiries {
                tell(side, path, *expires);
            }
        }
        let before = std::mem::replace(&mut *self.told.lock(), files.clone());
        for (side, path) in before.difference(&files) {
            let _ = self.gauge().remove_label_values(&[*side, &path.display().to_string()]);
        }
    }

    fn change(&self, tls: &ListenTls, served: &Served) {
        let outcome = match tls.read() {
            Ok((material, warnings)) => {
                for warning in warnings {
                    tracing::warn!(%warning, "certificates");
                }
                served.change(Arc::new(material));
                tracing::info!("the changed certificates are in force for new connections");
                "applied"
            }
            Err(errors) => {
                for error in errors {
                    tracing::error!(%error, "the changed certificates have errors; the ones before stay in force");
                }
                "refused"
            }
        };
        self.node.metrics.certificate_reloads.with_label_values(&[outcome]).inc();
    }

    fn gauge(&self) -> &IntGaugeVec {
        &self.node.metrics.certificate_expiry
    }
}

/// A digest of what the files are and hold.
fn contents(tls: &ListenTls) -> u64 {
    let mut digest = DefaultHasher::new();
    tls.client_required.hash(&mut digest);
    for path in tls.paths() {
        (path, std::fs::read(path).ok()).hash(&mut digest);
    }
    digest.finish()
}
