//! Addresses of names, asked for in the background: once a name was resolved, no request waits for a resolver.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::NoPeer;
use crate::config::Endpoint;
use crate::types::Timestamp;

/// How long a name that did not resolve is not asked for again by requests.
const FAILED: Duration = Duration::from_secs(1);

/// Turns names into addresses.
#[async_trait]
pub trait Resolver: Send + Sync + fmt::Debug {
    /// The addresses of a name.
    ///
    /// # Errors
    /// When nobody knows any.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// The addresses of one endpoint.
#[derive(Debug)]
pub struct Addresses {
    host: String,
    port: u16,
    /// Written as a number: there is nothing to resolve.
    literal: Option<SocketAddr>,
    known: ArcSwapOption<Vec<SocketAddr>>,
    /// When it was asked for last, milliseconds since the epoch.
    asked: AtomicI64,
    /// One question at a time.
    turn: Mutex<()>,
    resolver: Arc<dyn Resolver>,
}

impl Addresses {
    /// The addresses of an endpoint, not asked for yet.
    #[must_use]
    pub fn of(endpoint: &Endpoint, resolver: &Arc<dyn Resolver>) -> Self {
        Self {
            host: endpoint.host.clone(),
            port: endpoint.port,
            literal: endpoint.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, endpoint.port)),
            known: ArcSwapOption::empty(),
            asked: AtomicI64::new(i64::MIN),
            turn: Mutex::const_new(()),
            resolver: Arc::clone(resolver),
        }
    }

    /// One of the addresses; `turn` takes them in turn. Asks the resolver only when the name never resolved.
    ///
    /// # Errors
    /// When it does not resolve.
    pub async fn pick(&self, turn: usize, now: Timestamp) -> Result<SocketAddr, NoPeer> {
        if let Some(address) = self.literal.or_else(|| self.taken(turn)) {
            return Ok(address);
        }
        let _turn = self.turn.lock().await;
        if let Some(address) = self.taken(turn) {
            return Ok(address);
        }
        if now.since(self.asked_at()) < FAILED {
            return Err(self.unknown(None));
        }
        self.ask(now).await.map_err(|e| self.unknown(Some(e)))?;
        self.taken(turn).ok_or_else(|| self.unknown(None))
    }

    /// Asks again when the answer is older than `believed`. A name that no longer resolves keeps its last addresses.
    pub async fn refresh(&self, believed: Duration, now: Timestamp) {
        if !self.is_due(believed, now) {
            return;
        }
        let Ok(_turn) = self.turn.try_lock() else { return };
        if let Err(error) = self.ask(now).await {
            tracing::warn!(host = %self.host, error = &error as &dyn std::error::Error, "the name of an endpoint does not resolve; its last addresses are used");
        }
    }

    /// Whether the answer is older than `believed`.
    #[must_use]
    pub fn is_due(&self, believed: Duration, now: Timestamp) -> bool {
        // A clock that went back makes every answer look new.
        self.literal.is_none() && (now.since(self.asked_at()) >= believed || now < self.asked_at())
    }

    async fn ask(&self, now: Timestamp) -> io::Result<()> {
        self.asked.store(now.millis(), Ordering::Release);
        let found = self.resolver.resolve(&self.host, self.port).await?;
        if found.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.known.store(Some(Arc::new(found)));
        Ok(())
    }

    fn asked_at(&self) -> Timestamp {
        Timestamp::from_millis(self.asked.load(Ordering::Acquire))
    }

    fn taken(&self, turn: usize) -> Option<SocketAddr> {
        let known = self.known.load();
        let all = known.as_deref()?;
        all.get(turn % all.len().max(1)).copied()
    }

    /// Every known address.
    #[must_use]
    pub fn known(&self) -> Vec<SocketAddr> {
        let resolved = self.known.load_full();
        self.literal.into_iter().chain(resolved.iter().flat_map(|all| all.iter().copied())).collect()
    }

    fn unknown(&self, source: Option<io::Error>) -> NoPeer {
        NoPeer::Name { host: self.host.clone(), source }
    }
}
