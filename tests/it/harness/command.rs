//! A process on a gateway's store that changes things and answers nobody.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tollgate::config::Config;
use tollgate::node::Node;
use tollgate::store::sql;
use tollgate::types::{Clock as _, Entropy, NodeId, SystemEntropy};

use super::gateway::{config_text, secret};
use super::{Gateway, Setup};

/// A command under way.
pub struct Command {
    pub node: Arc<Node>,
    stop: CancellationToken,
    following: JoinHandle<()>,
    _dir: TempDir,
}

impl Command {
    /// With the gateway's configuration, secret and clock, on its store as `url` leads there.
    pub async fn on(gw: &Gateway, url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let text = config_text(dir.path(), gw.upstream.address, &Setup::default(), "");
        let store_url = url.to_owned();
        let environment = move |name: &str| match name {
            "SECRET" => Some(secret()),
            "STORE" => Some(store_url.clone()),
            _ => None,
        };
        let (config, _) = Config::parse(&text, &environment, 1).unwrap_or_else(|e| panic!("a sound configuration: {e:?}"));
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let id = NodeId::generate(gw.clock.now(), &*entropy);
        let store = sql::open(url, &id, Arc::clone(&entropy)).await.expect("another process's handle");
        let node = Node::start_beside(id, config, store, Arc::clone(&gw.clock) as _, entropy).await.expect("a node");
        let stop = CancellationToken::new();
        let following = tokio::spawn(Arc::clone(&node).follow(stop.clone()));
        Self { node, stop, following, _dir: dir }
    }

    /// Ends it as commands end.
    pub async fn close(self) {
        self.stop.cancel();
        self.following.await.expect("no panic");
        self.node.leave().await;
    }
}
