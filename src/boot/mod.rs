//! From a configuration to a running gateway: the one place that names concrete types.

mod authorizer;
mod beside;
mod certificates;
mod direct;
mod drain;
mod meters;
mod overload;
mod ping;
mod ready;
mod reload;
mod stand_in;
mod sweep;
mod tasks;
mod upstreams;

use std::fs::DirBuilder;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::account;
use crate::admin;
use crate::audit::{Disk, Durability, Files, Hold, Journal, JournalError, JournalMetrics, JournalOptions, Notary, Shipper};
use crate::config::{Config, ConfigErrors, Environment, ProcessEnvironment, Warning};
use crate::gateway::overload::Overload;
use crate::gateway::prepared::Prepared;
use crate::gateway::upstream::{Resolver, SystemResolver};
use crate::listener::{Front, Listener, Served};
use crate::node::Node;
use crate::plugin::{Bodies, Gate};
use crate::store::{Store, StoreError, sql};
use crate::telemetry::Metrics;
use crate::token::TokenFault;
use crate::types::{ChainId, Clock, Entropy, NodeId, PlainToken, SystemClock, SystemEntropy};
use crate::{api, hooks, oauth, operator, own_mcp, web};

pub use direct::{Direct, open};
pub use drain::signalled;
pub use ready::Ready;
pub use reload::in_force;

/// How long requests at the sockets beside the public one may go on once that is drained, where `limits.drain_timeout` is longer.
const GRACE: Duration = Duration::from_secs(5);

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A socket can't be had.
    #[error("can't listen on {address}; is another gateway running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data directory can't be used.
    #[error("can't use {}", path.display())]
    Data {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys can't be used.
    #[error(transparent)]
    Keys(#[from] TokenFault),
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No HTTP client can be made.
    #[error("can't make an HTTP client")]
    Client(#[from] reqwest::Error),
}

/// What a gateway is started with.
pub struct Options {
    /// The configuration.
    #[doc(hidden)]
    pub config: Config,
    /// Where it came from, to read it again.
    #[doc(hidden)]
    pub config_path: Option<PathBuf>,
    /// Where its secrets come from when it is read again.
    #[doc(hidden)]
    pub environment: Arc<dyn Environment + Send + Sync>,
    /// The time.
    #[doc(hidden)]
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    #[doc(hidden)]
    pub entropy: Arc<dyn Entropy>,
    /// What turns the names of upstreams into addresses.
    #[doc(hidden)]
    pub resolver: Arc<dyn Resolver>,
    /// Where the journal's files are made.
    #[doc(hidden)]
    pub disk: Box<dyn Disk>,
    /// Sockets that are bound already; by default the configuration's addresses are bound.
    #[doc(hidden)]
    pub sockets: Option<(TcpListener, TcpListener)>,
}

impl Options {
    /// For the gateway of the file at `path`, with secrets from the files and the environment that it names. What is odd about the file
    /// without being wrong comes as warnings.
    ///
    /// # Errors
    /// Everything that is wrong with the file, or that it can't be read.
    pub fn load(path: PathBuf) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let (config, warnings) = Config::load(&path, &ProcessEnvironment, 1)?;
        Ok((Self::new(config, Some(path), Arc::new(ProcessEnvironment)), warnings))
    }

    /// The machine's clock and randomness, the configuration's addresses.
    #[doc(hidden)]
    #[must_use]
    pub fn new(config: Config, config_path: Option<PathBuf>, environment: Arc<dyn Environment + Send + Sync>) -> Self {
        Self {
            config,
            config_path,
            environment,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            resolver: Arc::new(SystemResolver),
            disk: Box::new(Files),
            sockets: None,
        }
    }
}

/// A running gateway.
pub struct Running {
    /// Where everybody connects.
    pub public: SocketAddr,
    /// Metrics, health, administration.
    pub admin: SocketAddr,
    /// What its parts share.
    #[doc(hidden)]
    pub node: Arc<Node>,
    /// The journal.
    #[doc(hidden)]
    pub journal: Journal,
    /// The metrics.
    #[doc(hidden)]
    pub metrics: Arc<Metrics>,
    /// The secret of its admin API.
    #[doc(hidden)]
    pub admin_token: PlainToken,
    /// Where proxies ask for decisions.
    pub authorizer: Option<SocketAddr>,
    /// The gate, for an application that forwards by itself.
    pub gate: Gate,
    listener: Listener,
    ready: Arc<Ready>,
    tasks: Tasks,
    reloader: Arc<reload::Reloader>,
    certificates: Arc<certificates::Certificates>,
}

/// What runs beside the listeners until it is told to stop.
#[derive(Default)]
struct Tasks {
    stop: CancellationToken,
    /// Whoever waits for requests to end waits no longer.
    hurry: CancellationToken,
    running: Vec<JoinHandle<()>>,
    stop_shipping: CancellationToken,
    shipping: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Until when something beside the public listener answers.
    fn until(&self, grace: Duration) -> beside::Until {
        beside::Until { stop: self.stop.clone(), hurry: self.hurry.clone(), grace }
    }

    /// Ends all of it, with every record shipped, and lets go of the store: no revocation waits for this node from then on.
    async fn end(self, node: &Node) {
        self.stop.cancel();
        for task in self.running {
            let _ = task.await;
        }
        self.stop_shipping.cancel();
        if let Some(shipping) = self.shipping {
            let _ = shipping.await;
        }
        node.leave().await;
    }
}

/// What makes a gateway of a node.
struct Parts {
    config_path: Option<PathBuf>,
    environment: Arc<dyn Environment + Send + Sync>,
    resolver: Arc<dyn Resolver>,
    disk: Box<dyn Disk>,
    /// That nobody else writes to the journal.
    hold: Hold,
    public: TcpListener,
    admin: TcpListener,
    admin_token: PlainToken,
}

/// An empty volume is enough to start on.
fn make_data_dir(path: &Path) -> Result<(), BootError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| BootError::Data { path: path.to_owned(), source })
}

/// Starts a gateway.
///
/// # Errors
/// When a socket, the store, the keys or the journal can't be had.
pub async fn start(options: Options) -> Result<Running, BootError> {
    let Options { config, config_path, environment, clock, entropy, resolver, disk, sockets } = options;
    let id = NodeId::generate(clock.now(), &*entropy);
    make_data_dir(&config.data_dir)?;
    // Before anything is changed: the directory may be that of a gateway that runs.
    let hold = Hold::take(&config.data_dir.join("journal"))?;
    // Whoever finds the gateway listening finds its secret as well.
    let admin_token = admin::new_secret(&*entropy);
    admin::write_secret(&config.data_dir, &admin_token)
        .map_err(|source| BootError::Data { path: admin::secret_path(&config.data_dir), source })?;
    let (public, admin) = match sockets {
        Some(bound) => bound,
        None => (bind(config.listen.public)?, bind(config.listen.admin)?),
    };
    let store = sql::open(config.store_url.expose_secret(), &id, Arc::clone(&entropy)).await?;
    let node = Node::start(id, config, store, clock, entropy).await?;
    let parts = Parts { config_path, environment, resolver, disk, hold, public, admin, admin_token };
    let mut tasks = Tasks::default();
    let started = serve(&node, parts, &mut tasks).await;
    if started.is_err() {
        // It will serve nobody, whatever failed.
        tasks.end(&node).await;
    }
    started
}

/// Makes a gateway of a node that has just started. What runs beside it is in `tasks`: those of one that started are its own.
async fn serve(node: &Arc<Node>, parts: Parts, tasks: &mut Tasks) -> Result<Running, BootError> {
    let Parts { config_path, environment, resolver, disk, hold, public, admin, admin_token } = parts;
    let (config, metrics) = (node.config.load_full(), Arc::clone(&node.metrics));
    let (limits, durability) =
        (config.listen.limits, if config.audit.power_safe { Durability::Power } else { Durability::Process });
    let (journal, backlog) = Journal::open_on(
        disk,
        hold,
        &node.id,
        JournalOptions { durability, ..JournalOptions::default() },
        Arc::clone(&node.clock),
        Arc::new(meters::JournalMeter(Arc::clone(&metrics))),
    )?;
    let notary = notary(node).await?;
    let prepared = Arc::new(ArcSwap::from_pointee(Prepared::resolving(Arc::clone(&config), resolver)));
    let overload = Arc::new(Overload::new(&limits));
    let served = config.listen.tls.as_ref().map(|tls| Served::new(Arc::clone(&tls.material)));
    let certificates = Arc::new(certificates::Certificates::new(Arc::clone(node), served.clone()));
    let address = public.local_addr().unwrap_or(config.listen.public);
    let gate = Gate {
        node: Arc::clone(node),
        journal: journal.clone(),
        streams: Arc::default(),
        rates: Arc::default(),
        overload: Arc::clone(&overload),
        strangers: Arc::default(),
        prepared: Arc::clone(&prepared),
        bodies: Bodies::Unseen,
    };
    let front = front(&gate, address, served.clone())?;
    let stop = tasks.stop.clone();
    let shipper = Shipper::new(journal.clone(), backlog, Arc::clone(&notary));
    tasks.shipping = Some(tokio::spawn(shipper.run(tasks.stop_shipping.clone())));
    let parts = (Arc::clone(node), Arc::clone(&prepared), Arc::clone(&metrics), Arc::clone(&gate.rates));
    let reloader = Arc::new(reload::Reloader::new(config_path, environment, parts));
    let (configuration, ping) = (Arc::clone(&reloader.status), Arc::new(ping::Ping::new(Arc::clone(&node.store))));
    let ready = Arc::new(Ready::new(Arc::clone(node), Arc::clone(&ping), journal.clone(), Arc::clone(&metrics), configuration));
    let admin_state = admin::AdminState {
        node: Arc::clone(node),
        metrics: Arc::clone(&metrics),
        readiness: Arc::clone(&ready) as _,
        upstreams: Arc::new(upstreams::Condition::new(Arc::clone(node), Arc::clone(&prepared))),
        flush: Arc::new(tasks::Flush(journal.clone())),
        token: admin_token.hashed(),
        stop: stop.clone(),
    };
    tasks.running = vec![
        tokio::spawn(Arc::clone(node).follow(stop.clone())),
        tokio::spawn(sweep::lease(Arc::clone(node), Arc::clone(&gate.streams), stop.clone())),
        tokio::spawn(sweep::changes(Arc::clone(node), Arc::clone(&gate.streams), stop.clone())),
        tokio::spawn(tasks::measure(Arc::clone(node), Arc::clone(&metrics), stop.clone())),
        tokio::spawn(tasks::keep_house(Arc::clone(node), notary, stop.clone())),
        tokio::spawn(upstreams::tend(Arc::clone(node), Arc::clone(&prepared), stop.clone())),
        tokio::spawn(overload::hurry(Arc::clone(node), Arc::clone(&overload), stop.clone())),
        tokio::spawn(overload::watch(Arc::clone(node), ping, journal.clone(), overload, stop.clone())),
        tokio::spawn(Arc::clone(&certificates).watch(stop.clone())),
        tokio::spawn(hooks::run(Arc::clone(node), stop.clone())),
        tokio::spawn(reload::watch(Arc::clone(&reloader), stop.clone())),
    ];
    node.catch_up().await?;
    let grace = node.config.load().listen.limits.drain_timeout.min(GRACE);
    let until = tasks.until(grace);
    let admin = beside::serve(admin, admin::router(admin_state), until.clone(), &mut tasks.running)?;
    let authorizer = authorizer::serve(&gate, until, &mut tasks.running)?;
    let listener =
        Listener::start(public, front, limits, served.as_ref()).map_err(|source| BootError::Listen { address, source })?;
    tracing::info!(public = %listener.address, %admin, data = %config.data_dir.display(), "the gateway is up");
    Ok(Running {
        public: listener.address,
        admin,
        node: Arc::clone(node),
        journal,
        metrics,
        admin_token,
        authorizer,
        gate,
        listener,
        ready,
        tasks: std::mem::take(tasks),
        reloader,
        certificates,
    })
}

/// Who seals what this process puts into the log.
async fn notary(node: &Node) -> Result<Arc<Notary<dyn Store>>, BootError> {
    let now = node.now();
    let signer = node.keys.audit_signer(&*node.store, &*node.entropy, now).await?;
    let ids = (ChainId::generate(now, &*node.entropy), node.id.clone());
    let meter: Arc<dyn JournalMetrics> = Arc::new(meters::JournalMeter(Arc::clone(&node.metrics)));
    Ok(Arc::new(Notary::new(Arc::clone(&node.store), signer, ids, Arc::clone(&node.clock), meter)))
}

/// What the public listener serves: what `gate` decides, and what is answered here.
fn front(gate: &Gate, address: SocketAddr, served: Option<Arc<Served>>) -> Result<Front, BootError> {
    let node = &gate.node;
    let flush = Arc::new(tasks::Flush(gate.journal.clone()));
    Ok(Front {
        node: Arc::clone(node),
        journal: gate.journal.clone(),
        streams: Arc::clone(&gate.streams),
        metrics: Arc::clone(&node.metrics),
        local: local(node, Arc::clone(&flush) as _, (address, served))?,
        own_mcp: own_mcp::router(Arc::clone(node), Arc::clone(&flush) as _),
        own_api: api::router(Arc::clone(node), flush as _),
        rates: Arc::clone(&gate.rates),
        overload: Arc::clone(&gate.overload),
        made: Arc::default(),
        strangers: Arc::clone(&gate.strangers),
        prepared: Arc::clone(&gate.prepared),
    })
}

impl Running {
    /// Reads the configuration file again, and certificates that have changed; says whether the file is in force.
    #[must_use]
    pub fn reload(&self) -> bool {
        let applied = self.reloader.reload();
        self.certificates.look();
        applied
    }

    /// Stops: not ready, no new connections, requests may end within the drain limit, every record shipped.
    pub async fn stop(self) {
        self.ready.drain();
        let limit = self.node.config.load().listen.limits.drain_timeout;
        self.listener.drain(limit, &self.tasks.hurry).await;
        self.tasks.end(&self.node).await;
    }
}

/// Runs a gateway until it is told to stop; `ready` runs once it answers.
///
/// # Errors
/// As [`start`].
pub async fn run(options: Options, ready: WhenReady) -> Result<(), BootError> {
    let running = start(options).await?;
    ready(&running).await;
    // Without signal handlers the system's defaults end the process; the journal survives that.
    let Some(mut signals) = drain::Signals::listen() else { return std::future::pending().await };
    signals
        .stop(|| {
            let _ = running.reload();
        })
        .await;
    tracing::info!("stopping: requests may end within the drain limit; the next signal cuts them");
    let hurry = running.tasks.hurry.clone();
    let stopped = drain::wait(running.stop(), async || signals.stop(|| {}).await, &hurry).await;
    stopped.map_err(|signal| match drain::end(signal) {})
}

/// What [`run`] does once the gateway answers.
pub type WhenReady = Box<dyn for<'r> FnOnce(&'r Running) -> Pin<Box<dyn Future<Output = ()> + Send + 'r>> + Send>;

/// Where the public listener is, and what it shows there.
type Own = (SocketAddr, Option<Arc<Served>>);

/// Pages and the authorization server.
fn local(node: &Arc<Node>, flush: Arc<dyn account::AuditFlush>, address: Own) -> Result<axum::Router, BootError> {
    let nowhere = axum::Router::new()
        .fallback(web::missing)
        .with_state(Arc::clone(node))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(node), web::harden));
    let server = oauth::Server::new(Arc::clone(node));
    let stand_in = Arc::new(stand_in::Rehearsal::new(Arc::clone(node), server.trials(), address)?);
    let pages = account::router(Arc::clone(node), flush, stand_in).merge(operator::router(Arc::clone(node)));
    Ok(server.router().merge(pages).fallback_service(nowhere))
}

fn bind(address: SocketAddr) -> Result<TcpListener, BootError> {
    TcpListener::bind(address).map_err(|source| BootError::Listen { address, source })
}
