//! Addresses of names, asked for in the background: once a name was resolved, no request waits for a resolver.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::NoPeer;
use super::pool::spread;
use super::standing::{Absence, Standing, WHOLE_SHARE, share};
use super::streak::Failure;
use crate::config::{Ejection, Endpoint};
use crate::types::{Chain, Timestamp};

/// How long a name that did not resolve is not asked for again by requests.
const FAILED: Duration = Duration::from_secs(1);

/// How long an address that can't be reached is left to the others of its name: long enough that a family of addresses to which
/// there is no way costs hardly any retries.
const LEFT_OUT: Duration = Duration::from_secs(30);

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

/// An address of a name.
#[derive(Debug)]
struct Known {
    address: SocketAddr,
    /// When the name got it, beside others that it had.
    came: Option<Timestamp>,
    /// It can't be reached, or failed a check.
    away: Absence,
    /// How it does what it is asked.
    standing: Standing,
}

impl Known {
    fn new(address: SocketAddr, came: Option<Timestamp>) -> Self {
        Self { address, came, away: Absence::default(), standing: Standing::default() }
    }

    /// What it gets of its share, in thousandths.
    fn share(&self, slow_start: Duration, now: Timestamp) -> u64 {
        share(self.came.max(self.standing.ejected_until()), slow_start, now)
    }

    /// Whether it is left to the others of its name.
    fn is_out(&self, now: Timestamp) -> bool {
        self.away.lasts(now) || self.standing.is_ejected(now)
    }
}

/// The addresses of one endpoint.
#[derive(Debug)]
pub struct Addresses {
    host: String,
    port: u16,
    /// Written as a number: there is nothing to resolve.
    literal: Option<SocketAddr>,
    known: ArcSwapOption<Vec<Arc<Known>>>,
    /// Whether any of them ever failed a request: until then nobody looks which one answered.
    troubled: AtomicBool,
    /// Held while it is decided which one is ejected, so that never more than half are.
    ejecting: parking_lot::Mutex<()>,
    /// Counts what was picked, so that each address has its turn.
    next: AtomicUsize,
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
            troubled: AtomicBool::new(false),
            ejecting: parking_lot::Mutex::new(()),
            next: AtomicUsize::new(0),
            asked: AtomicI64::new(i64::MIN),
            turn: Mutex::const_new(()),
            resolver: Arc::clone(resolver),
        }
    }

    /// The address whose turn it is, where nobody has to be asked for it. One that came, or came back, less than `slow_start` ago passes
    /// over some of its turns.
    pub(super) fn known_now(&self, tried: Option<SocketAddr>, slow_start: Duration, now: Timestamp) -> Option<SocketAddr> {
        self.literal.or_else(|| self.taken(tried, slow_start, now))
    }

    /// The address whose turn it is, another one than `tried` where there is one. Asks the resolver only when the name never
    /// resolved.
    ///
    /// # Errors
    /// When it does not resolve.
    pub async fn pick(&self, tried: Option<SocketAddr>, slow_start: Duration, now: Timestamp) -> Result<SocketAddr, NoPeer> {
        if let Some(address) = self.known_now(tried, slow_start, now) {
            return Ok(address);
        }
        let _turn = self.turn.lock().await;
        if let Some(address) = self.taken(tried, slow_start, now) {
            return Ok(address);
        }
        if now.since(self.asked_at()) < FAILED {
            return Err(self.unknown(None));
        }
        self.ask(now).await.map_err(|e| self.unknown(Some(e)))?;
        self.taken(tried, slow_start, now).ok_or_else(|| self.unknown(None))
    }

    /// An address can't be reached, or is not well: for a while it is picked only when there is no other.
    pub fn leave_out(&self, address: SocketAddr, now: Timestamp) {
        let all = self.known.load();
        if let Some(known) = all.iter().flat_map(|all| all.iter()).find(|k| k.address == address) {
            known.away.begin(LEFT_OUT, now);
        }
    }

    /// An address answered a request.
    pub(super) fn succeeded(&self, address: SocketAddr) {
        if !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let all = self.known.load();
        if let Some(known) = all.iter().flat_map(|all| all.iter()).find(|k| k.address == address) {
            known.standing.succeeded();
        }
    }

    /// An address failed a request. After enough of them in a row it is left to the others of its name for a while, never more than
    /// half of those that can be reached; says until when, where this was the one.
    pub(super) fn failed(&self, address: SocketAddr, failure: Failure, ejection: &Ejection, now: Timestamp) -> Option<Timestamp> {
        let all = self.known.load_full()?;
        let known = all.iter().find(|k| k.address == address).filter(|_| all.len() > 1)?;
        self.troubled.store(true, Ordering::Release);
        if !known.standing.failed(failure, ejection, now) {
            return None;
        }
        let _turn = self.ejecting.lock();
        let there = all.iter().filter(|k| k.address == address || !k.away.lasts(now));
        let ejected = there.clone().filter(|k| k.standing.is_ejected(now)).count();
        let may = !known.standing.is_ejected(now) && (ejected + 1) * 2 <= there.count();
        may.then(|| known.standing.eject(ejection, now))
    }

    /// Those that are left to the others.
    #[must_use]
    pub fn left_out(&self, now: Timestamp) -> Vec<SocketAddr> {
        let all = self.known.load();
        all.iter().flat_map(|all| all.iter()).filter(|k| k.is_out(now)).map(|k| k.address).collect()
    }

    /// Asks again when the answer is older than `believed`. A name that no longer resolves keeps its last addresses.
    pub async fn refresh(&self, believed: Duration, now: Timestamp) {
        if !self.is_due(believed, now) {
            return;
        }
        let Ok(_turn) = self.turn.try_lock() else { return };
        if let Err(error) = self.ask(now).await {
            tracing::warn!(host = %self.host, error = %Chain(&error), "the name of an endpoint does not resolve; its last addresses are used");
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
        let before = self.known.load();
        let known = |address: SocketAddr| {
            let known = before.iter().flat_map(|all| all.iter()).find(|k| k.address == address);
            known.map_or_else(|| Arc::new(Known::new(address, before.as_ref().map(|_| now))), Arc::clone)
        };
        self.known.store(Some(Arc::new(found.into_iter().map(known).collect())));
        Ok(())
    }

    fn asked_at(&self) -> Timestamp {
        Timestamp::from_millis(self.asked.load(Ordering::Acquire))
    }

    fn taken(&self, tried: Option<SocketAddr>, slow_start: Duration, now: Timestamp) -> Option<SocketAddr> {
        let known = self.known.load();
        let all = known.as_deref()?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..all.len()).map(move |i| &all[turn.wrapping_add(i) % all.len()]);
        let fresh = |k: &&Arc<Known>| Some(k.address) != tried;
        let is_in = |k: &&Arc<Known>| !k.is_out(now);
        let point = spread(turn as u64, WHOLE_SHARE);
        let is_ready = |k: &&Arc<Known>| point < k.share(slow_start, now);
        let best = in_turn()
            .find(|k| fresh(k) && is_in(k) && is_ready(k))
            .or_else(|| in_turn().find(|k| fresh(k) && is_in(k)))
            .or_else(|| in_turn().find(fresh))
            .or_else(|| in_turn().next());
        best.map(|k| k.address)
    }

    /// Every known address.
    #[must_use]
    pub fn known(&self) -> Vec<SocketAddr> {
        let resolved = self.known.load_full();
        self.literal.into_iter().chain(resolved.iter().flat_map(|all| all.iter().map(|k| k.address))).collect()
    }

    fn unknown(&self, source: Option<io::Error>) -> NoPeer {
        NoPeer::Name { host: self.host.clone(), source }
    }
}
