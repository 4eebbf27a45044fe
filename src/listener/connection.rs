//! Connections: how many, how long without a request, how many requests are under way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pingora_core::protocols::SocketDigest;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::handshakes::Handshakes;
use super::http2::floods::Floods;
use super::lines::Begins;
use super::rest::Rest;
use crate::config::Limits;
use crate::gateway::shares::{Share, Shares};
use crate::gateway::streams::{CutSwitch, HangUp};

/// Every connection of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    open: Mutex<HashMap<SocketId, Arc<Connection>>>,
    room: Arc<Semaphore>,
    shares: Arc<Shares>,
    pub(super) floods: Floods,
    pub(super) handshakes: Handshakes,
    busy: AtomicUsize,
    quiet: Notify,
    limits: Limits,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        let room = Arc::new(Semaphore::new(limits.max_connections));
        let shares = Shares::new(limits.max_connections_per_address);
        let floods = Floods::new(limits.flood_penalty);
        let handshakes = Handshakes::new(limits.max_handshakes_per_address, Instant::now());
        let (open, busy, quiet) = (Mutex::default(), AtomicUsize::new(0), Notify::new());
        Self { open, room, shares, floods, handshakes, busy, quiet, limits }
    }

    /// Room for one more connection of `from`, unless its cap or that of all is reached.
    pub(super) fn admit(&self, from: Option<IpAddr>) -> Result<Admitted, Refusal> {
        let share = self.shares.take(from).map_err(|_used_up| Refusal::Address)?;
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_none| Refusal::All)?;
        Ok(Admitted { _room: room, _share: share })
    }

    /// Whether connections from there take all that they may.
    pub(super) fn has_its_share(&self, from: Option<IpAddr>) -> bool {
        self.shares.is_used_up(from)
    }

    /// How long a connection may take to say something.
    pub(super) fn header_timeout(&self) -> Duration {
        self.limits.header_timeout
    }

    pub(super) fn open(self: &Arc<Self>, socket: Arc<SocketDigest>) -> OpenConnection {
        let connection = Arc::new(Connection {
            all: Arc::clone(self),
            busy: AtomicUsize::new(0),
            born: Instant::now(),
            deadline: AtomicU64::new(micros(self.limits.header_timeout)),
            cut: CutSwitch::default(),
            hang_up: Arc::default(),
            rest: Arc::default(),
            begins: Arc::default(),
        });
        self.open.lock().insert(SocketId::of(&socket), Arc::clone(&connection));
        OpenConnection { socket, connection }
    }

    /// The connection of a socket; HTTP/2 streams run in tasks of their own, and what they share with theirs is this.
    pub(super) fn of(&self, socket: &Arc<SocketDigest>) -> Option<Arc<Connection>> {
        self.open.lock().get(&SocketId::of(socket)).map(Arc::clone)
    }

    /// Requests under way.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Acquire)
    }

    /// Completes when no request is under way.
    pub(super) async fn quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.busy() == 0 {
                return;
            }
            quiet.await;
        }
    }

    pub(super) fn cut_all(&self) {
        for connection in self.open.lock().values() {
            connection.cut.cut();
        }
    }
}

/// What of an open socket no other one has. The address of its peer is none: balancers may say the same of several connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SocketId(usize);

impl SocketId {
    fn of(socket: &Arc<SocketDigest>) -> Self {
        Self(Arc::as_ptr(socket).addr())
    }
}

/// Why a connection is closed before anything is spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are as many as there may be.
    All,
    /// Its address has as many as it may have.
    Address,
    /// Its address floods.
    Flood,
    /// Its address begins too many TLS handshakes.
    Handshakes,
    /// A balancer passes it on, and it does not begin with whose it is.
    Header,
}

impl Refusal {
    /// What metrics call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Address => "address",
            Self::Flood => "flood",
            Self::Handshakes => "handshakes",
            Self::Header => "proxy_header",
        }
    }
}

/// What a connection takes until it ends.
#[derive(Debug)]
pub(super) struct Admitted {
    _room: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    all: Arc<Connections>,
    busy: AtomicUsize,
    born: Instant,
    /// Microseconds after `born` at which it ends unless a request is under way.
    deadline: AtomicU64,
    cut: CutSwitch,
    /// Ends what is read of it.
    pub(super) hang_up: Arc<HangUp>,
    /// Until when nothing is read of it.
    pub(super) rest: Arc<Rest>,
    /// Tells its reader where a request begins.
    pub(super) begins: Arc<Begins>,
}

impl Connection {
    /// A request head has arrived: until the guard is dropped no deadline counts.
    pub(super) fn begin(self: Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        self.all.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self)
    }

    /// The idle timeout, where it is shorter than the time between two looks at the clock here. By the limits that the connection
    /// itself ends by, whatever was configured since.
    pub(super) fn short_idle(&self) -> Option<Duration> {
        let Limits { idle_timeout, header_timeout, .. } = self.all.limits;
        (idle_timeout < header_timeout).then_some(idle_timeout)
    }

    /// Completes when the connection has to end: nothing was asked of it for too long, or it was cut.
    ///
    /// From accepting to the first whole head the limit is the header timeout; after a request it is the idle timeout, within
    /// which the next whole head must have come.
    pub(super) async fn over(&self) {
        tokio::select! {
            () = self.idle_too_long() => {}
            () = self.cut.wait() => {}
        }
    }

    async fn idle_too_long(&self) {
        loop {
            let deadline = Duration::from_micros(self.deadline.load(Ordering::Acquire));
            let now = self.born.elapsed();
            let busy = self.busy.load(Ordering::Acquire) > 0;
            if !busy && now >= deadline {
                return;
            }
            let wait = if busy { self.all.limits.header_timeout } else { deadline.saturating_sub(now) };
            tokio::time::sleep(wait).await;
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        let connection = &self.0;
        let next = connection.born.elapsed() + connection.all.limits.idle_timeout;
        connection.deadline.store(micros(next), Ordering::Release);
        connection.busy.fetch_sub(1, Ordering::AcqRel);
        if connection.all.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            connection.all.quiet.notify_waiters();
        }
    }
}

/// A connection for as long as it is served.
#[derive(Debug)]
pub(super) struct OpenConnection {
    /// While it is held no other socket has its id.
    socket: Arc<SocketDigest>,
    pub(super) connection: Arc<Connection>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connection.all.open.lock().remove(&SocketId::of(&self.socket));
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}
