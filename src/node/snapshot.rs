//! The configuration in force, and the one that a request began with.

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Config;

tokio::task_local! {
    /// The configuration that the current request began with.
    static BEGUN_WITH: Arc<Config>;
}

/// The configuration in force. Inside [`Snapshot::hold`] it is the one that was held, so that everything that answers one
/// request sees one configuration, however often it asks.
#[derive(Debug)]
pub struct Snapshot(ArcSwap<Config>);

impl Snapshot {
    pub(super) fn new(config: Config) -> Self {
        Self(ArcSwap::from_pointee(config))
    }

    /// The configuration of the current request; outside requests, the one in force.
    #[must_use]
    pub fn load_full(&self) -> Arc<Config> {
        BEGUN_WITH.try_with(Arc::clone).unwrap_or_else(|_| self.0.load_full())
    }

    /// The same.
    #[must_use]
    pub fn load(&self) -> Arc<Config> {
        self.load_full()
    }

    /// Puts another configuration in force. Requests that hold one keep it.
    pub fn store(&self, config: Arc<Config>) {
        self.0.store(config);
    }

    /// Runs what answers a request that began with `config`.
    pub fn hold<F: Future>(config: Arc<Config>, answer: F) -> impl Future<Output = F::Output> {
        BEGUN_WITH.scope(config, answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(generation: u64) -> Config {
        let env = |_: &str| Some("0".repeat(64));
        let text = "public_url = \"http://127.0.0.1:8080\"\n[keys]\nsecret = \"env:SECRET\"\n";
        Config::parse(text, &env, generation).expect("a sound configuration").0
    }

    #[tokio::test]
    async fn a_request_keeps_the_configuration_that_it_began_with() {
        let current = Snapshot::new(config(1));
        let begun = current.load_full();
        Snapshot::hold(begun, async {
            current.store(Arc::new(config(2)));
            tokio::task::yield_now().await;
            assert_eq!((current.load().generation, current.load_full().generation), (1, 1));
        })
        .await;
        assert_eq!(current.load().generation, 2);
    }
}
