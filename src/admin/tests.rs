//! The admin API over a store, and the two ways to administer, side by side.

mod api;
mod api_keys;
mod apps;
mod catalogue;
mod lists;
mod names;
mod operations;
mod taken;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{AdminState, Local, Readiness, Remote, router};
use crate::config::{Config, Quickstart};
use crate::node::Node;
use crate::store::sql;
use crate::telemetry::Metrics;
use crate::types::{NodeId, PlainToken, SeededEntropy, SystemClock, SystemEntropy, TokenKind};

/// A node on a fresh store, with its admin API on a port of its own.
pub(crate) struct Fixture {
    pub(crate) node: Arc<Node>,
    pub(crate) admin: SocketAddr,
    pub(crate) secret: PlainToken,
    stop: CancellationToken,
    _stop: DropGuard,
    _dir: TempDir,
}

/// Nothing is recorded but in the store.
struct Nothing;

#[async_trait]
impl crate::record::AuditFlush for Nothing {
    async fn flush(&self) {}
}

struct NoUpstreams;

impl super::Upstreams for NoUpstreams {
    fn all(&self) -> Vec<super::UpstreamView> {
        Vec::new()
    }
}

struct NotReady;

#[async_trait]
impl Readiness for NotReady {
    async fn check(&self) -> Result<(), Vec<String>> {
        Err(vec!["the store can't be reached".to_owned()])
    }
}

fn config(dir: &TempDir) -> Config {
    let start = Quickstart {
        public: "127.0.0.1:8080".parse().expect("an address"),
        admin: "127.0.0.1:9901".parse().expect("an address"),
        data_dir: dir.path().join("data"),
        gates: vec![("prometheus".to_owned(), "http://127.0.0.1:9090".to_owned())],
        tools: Vec::new(),
        access_token_ttl: None,
    };
    let env = |_: &str| None;
    start.config(&env, &SystemEntropy, 1).unwrap_or_else(|e| panic!("{e}")).0
}

/// The admin API of a node on a port of its own, with its secret.
async fn served(node: &Arc<Node>, stop: CancellationToken) -> (SocketAddr, PlainToken) {
    let secret = PlainToken::generate(TokenKind::Admin, &SeededEntropy::new(9));
    let state = AdminState {
        node: Arc::clone(node),
        metrics: Arc::new(Metrics::default()),
        readiness: Arc::new(NotReady),
        upstreams: Arc::new(NoUpstreams),
        flush: Arc::new(Nothing),
        token: secret.hashed(),
        stop,
    };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let admin = socket.local_addr().expect("an address");
    let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(socket, service).await });
    (admin, secret)
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = config(&dir);
        let id = NodeId::parse("node_test").expect("an id");
        let url = format!("sqlite:{}", dir.path().join("data/tollgate.db").display());
        let store = sql::open(&url, &id, Arc::new(SystemEntropy)).await.expect("a store");
        let node = Node::start(id, config, store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await.expect("a node");
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&node).follow(stop.clone()));
        let (admin, secret) = served(&node, stop.clone()).await;
        Self { node, admin, secret, stop: stop.clone(), _stop: stop.drop_guard(), _dir: dir }
    }

    /// From now on this node does not learn of changes: whatever waits for them fails.
    pub(crate) async fn lag(&self) {
        self.stop.cancel();
        while self.node.view.is_fresh() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn local(&self) -> Local {
        Local::new(Arc::clone(&self.node))
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote::new(self.admin, self.secret.clone()).expect("a client")
    }
}
