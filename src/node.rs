//! One running process of a deployment: what every handler and stage shares.

mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use snapshot::Snapshot;

use crate::config::Config;
use crate::record::{Actor, Cause, Origin};
use crate::store::{NodeRole, SharedStore, StoreError};
use crate::telemetry::Metrics;
use crate::token::{KeyRing, TokenFault, Verifier, View};
use crate::types::{Clock, Entropy, IdSource, KeyId, Memory, NodeId, RequestId, Timestamp};

/// How old a node's view of the feed may be before it stops serving.
const LEASE: Duration = Duration::from_secs(1);

/// What every handler and stage of one process shares.
pub struct Node {
    /// Which process.
    pub id: NodeId,
    /// The configuration of the moment; load it once per request.
    pub config: Snapshot,
    /// What the product remembers.
    pub store: SharedStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The signing keys.
    pub keys: Arc<KeyRing>,
    /// Turns tokens into principals.
    pub verifier: Arc<Verifier>,
    /// The change feed as this node has seen it.
    pub view: Arc<View>,
    /// Names for requests and records.
    pub ids: IdSource,
    /// Memory for bodies that are read as a whole.
    pub memory: Arc<Memory>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Node {
    /// A node that serves, on an open store: keys read or made, nothing followed yet (see [`Node::follow`]).
    ///
    /// # Errors
    /// When the store fails or the signing keys can't be opened.
    pub async fn start(
        id: NodeId,
        config: Config,
        store: SharedStore,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, TokenFault> {
        Self::start_as(NodeRole::Serves, (id, config), store, clock, entropy).await
    }

    /// The same for one that changes things and answers nobody: no revocation waits for it, while its own wait for those that
    /// serve.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_beside(
        id: NodeId,
        config: Config,
        store: SharedStore,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, TokenFault> {
        Self::start_as(NodeRole::Commands, (id, config), store, clock, entropy).await
    }

    async fn start_as(
        role: NodeRole,
        (id, config): (NodeId, Config),
        store: SharedStore,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, TokenFault> {
        let keys = Arc::new(KeyRing::empty(Arc::clone(&config.secret)));
        let view = Arc::new(View::open(id.clone(), role, LEASE, &store).await?);
        let capacity = config.listen.limits.max_token_cache as u64;
        let verifier = Arc::new(Verifier::new(Arc::clone(&keys), Arc::clone(&view), Arc::clone(&store), capacity));
        let limits = &config.listen.limits;
        let memory = Memory::shared(limits.buffer_memory, limits.buffer_memory_share);
        let ids = IdSource::new(&*entropy);
        let config = Snapshot::new(config);
        let metrics = Arc::new(Metrics::default());
        let node = Arc::new(Self { id, config, store, clock, entropy, keys, verifier, view, ids, memory, metrics });
        let started = node.keys.start(&node.store, &*node.entropy, &node.own_cause()).await;
        if started.is_err() {
            // It will serve nobody: no revocation may wait for it.
            node.view.leave(&node.store).await;
        }
        started.map(|()| node)
    }

    /// Follows the change feed until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let (store, keys, clock) = (Arc::clone(&self.store), Arc::clone(&self.keys), Arc::clone(&self.clock));
        self.view.follow(store, keys, clock, stop).await;
    }

    /// The current instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until no node serves from before what was committed so far: this one has applied it, and each other has confirmed
    /// that or its lease has run out. Call it after a change that takes something away and before saying that it was done.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let _timer = self.metrics.revocation_seconds.start_timer();
        self.view.settle(&self.store).await
    }

    /// Makes a key that signs from now on. The one before stays published for `overlap`. The new one is known to every node before the
    /// first token is signed with it.
    ///
    /// # Errors
    /// When the store fails, or can't say what this node has to know.
    pub async fn rotate_keys(&self, overlap: Duration, cause: &Cause) -> Result<KeyId, TokenFault> {
        loop {
            let next = self.keys.prepare(&self.store, &*self.entropy, cause).await?;
            self.settle().await?;
            // Where others rotated past it meanwhile, the keys before are as they left them: it takes another one.
            if self.keys.activate(&self.store, &next, overlap, cause).await? {
                return Ok(next);
            }
        }
    }

    /// Waits until this node has applied every change that was committed so far.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        self.view.catch_up(&self.store).await.map(drop)
    }

    /// Serves no more, and lets go of the store. Nobody waits for this node from then on.
    pub async fn leave(&self) {
        self.view.leave(&self.store).await;
        self.store.close().await;
    }

    /// The cause of what the node does by itself.
    #[must_use]
    pub fn own_cause(&self) -> Cause {
        let at = self.now();
        let request = RequestId::generate(at, &*self.entropy);
        Cause {
            actor: Actor::default(),
            origin: Origin { request, node: self.id.clone(), peer: None, user_agent: None, trace: None, certificate: None },
            at,
        }
    }
}
