//! A store without a gateway: what the command line works on when none runs.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::BootError;
use crate::config::Config;
use crate::node::Node;
use crate::store::sql;
use crate::types::{Entropy, NodeId, SystemClock, SystemEntropy, Timestamp};

/// An open store with what works on it; answers nobody.
#[derive(Debug)]
pub struct Direct {
    /// What administration works on.
    pub node: Arc<Node>,
    stop: CancellationToken,
    following: JoinHandle<()>,
}

/// Opens the store of a configuration.
///
/// # Errors
/// When the store or the signing keys can't be had.
pub async fn open(config: Config) -> Result<Direct, BootError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let now: Timestamp = crate::types::Clock::now(&*clock);
    let id = NodeId::generate(now, &*entropy);
    let store = sql::open(config.store_url.expose_secret(), &id, Arc::clone(&entropy) as Arc<dyn Entropy>).await?;
    let node = Node::start_beside(id, config, store, clock, entropy).await?;
    let stop = CancellationToken::new();
    let following = tokio::spawn(Arc::clone(&node).follow(stop.clone()));
    Ok(Direct { node, stop, following })
}

impl Direct {
    /// Lets go of the store.
    pub async fn close(self) {
        self.stop.cancel();
        let _ = self.following.await;
        self.node.leave().await;
    }
}
