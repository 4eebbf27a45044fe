//! The way in: who is refused before anything is spent on them, over TLS before the handshake.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::upstreams::peer::Tracer;
use pingora::{Error, ErrorType};
use pingora_core::listeners::{ConnectionFilter, PreTlsProcess};
use pingora_core::protocols::l4::stream::Stream as Socket;
use pingora_core::protocols::{IO, Peek as _};
use pingora_core::upstreams::peer::Tracing;

use super::announced::{self, Seldom, Unreadable};
use super::connection::{Admitted, Connections, Refusal};
use super::handshakes::TooMany;
use crate::gateway::prepared::Prepared;
use crate::telemetry::Metrics;

/// Connections that are let in at one time, before those that are there have their turn.
const AT_ONCE: usize = 4;

/// What decides who comes in.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) connections: Arc<Connections>,
    pub(super) metrics: Arc<Metrics>,
    prepared: Arc<ArcSwap<Prepared>>,
    /// Whether connections begin with a handshake.
    tls: bool,
    /// How often it is said that a header can't be read.
    unreadable: Arc<Seldom>,
    /// Connections that were let in.
    came: Arc<AtomicUsize>,
}

impl Entrance {
    pub(super) fn new(connections: Arc<Connections>, front: (Arc<Metrics>, Arc<ArcSwap<Prepared>>), tls: bool) -> Self {
        let (metrics, prepared) = front;
        Self { connections, metrics, prepared, tls, unreadable: Arc::default(), came: Arc::default() }
    }

    /// The address that a peer's connections count as; none for those that many come through.
    pub(super) fn apart(&self, peer: Option<SocketAddr>) -> Option<IpAddr> {
        self.prepared.load().config.listen.apart(peer)
    }

    /// The address that a connection counts as before anything of it was read: none where it may be anybody's.
    fn at_the_door(&self, peer: Option<SocketAddr>) -> Option<IpAddr> {
        let prepared = self.prepared.load();
        prepared.config.listen.apart(peer).filter(|ip| !prepared.config.listen.is_balancer(*ip))
    }

    /// Lets a connection in: the address that it counts as, and its place. `None` when it is to be closed. Where a balancer passes
    /// it on, it is from now on of whoever the balancer says.
    pub(super) async fn enter(&self, socket: &mut dyn IO) -> Option<(Option<IpAddr>, Admitted)> {
        let connected = peer(socket)?;
        let apart = if self.prepared.load().config.listen.is_balancer(connected.ip()) {
            self.announced(socket, connected).await?;
            let apart = self.apart(peer(socket));
            // It came through the door as nobody's.
            if let Some(refusal) = self.refusal(apart) {
                self.count(refusal);
                return None;
            }
            apart
        } else {
            self.apart(Some(connected))
        };
        Some((apart, self.admit(apart).await?))
    }

    /// Reads whose connection it is that a balancer passes on.
    async fn announced(&self, socket: &mut dyn IO, balancer: SocketAddr) -> Option<()> {
        let _room = self.admit(None).await?;
        let read = tokio::time::timeout(self.connections.header_timeout(), announced::read(socket)).await;
        match read.unwrap_or(Err(Unreadable::Late)) {
            Ok(None) => {}
            Ok(Some(client)) => announced::rename(socket, client),
            // A look whether anybody listens.
            Err(Unreadable::Nothing) => return None,
            Err(error) => {
                self.count(Refusal::Header);
                if self.unreadable.is_due(Instant::now()) {
                    tracing::warn!(%balancer, %error, "closed a connection that does not begin with a PROXY header, as all of this peer must; at most one is told of a minute");
                }
                return None;
            }
        }
        Some(())
    }

    /// Room for one more connection from there, or `None` when it is to be closed.
    pub(super) async fn admit(&self, from: Option<IpAddr>) -> Option<Admitted> {
        let floods = &self.connections.floods;
        let admitted = if floods.refuse(from) { Err(Refusal::Flood) } else { self.connections.admit(from) };
        match admitted {
            Ok(admitted) => Some(admitted),
            Err(refusal) => {
                self.count(refusal);
                if refusal == Refusal::Flood {
                    floods.keep_waiting(from).await;
                }
                None
            }
        }
    }

    /// Waits for the turn of a handshake from there, or gives `None` when it is to be closed.
    async fn turn(&self, from: Option<IpAddr>) -> Option<()> {
        match self.connections.handshakes.take(from, Instant::now()) {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => {
                self.metrics.handshakes_delayed.inc();
                tokio::time::sleep(wait).await;
            }
            Err(TooMany) => {
                self.count(Refusal::Handshakes);
                self.connections.floods.keep_waiting(from).await;
                return None;
            }
        }
        Some(())
    }

    /// Why a connection from there is closed at once. Of those that would be kept waiting only so many are.
    fn refusal(&self, from: Option<IpAddr>) -> Option<Refusal> {
        let Connections { floods, handshakes, .. } = &*self.connections;
        if self.connections.has_its_share(from) {
            Some(Refusal::Address)
        } else if floods.refuse(from) && floods.enough_wait(from) {
            Some(Refusal::Flood)
        } else if self.tls && handshakes.refuse(from, Instant::now()) && floods.enough_wait(from) {
            Some(Refusal::Handshakes)
        } else {
            None
        }
    }

    fn count(&self, refusal: Refusal) {
        self.metrics.connections_refused.with_label_values(&[refusal.name()]).inc();
    }
}

/// Closes connections before anything is spent on them: those beyond the share of their address, and those of who floods or begins
/// too many handshakes, once enough of them are kept waiting.
#[derive(Debug)]
pub(super) struct Door(pub(super) Entrance);

#[async_trait]
impl ConnectionFilter for Door {
    async fn should_accept(&self, peer: Option<&SocketAddr>) -> bool {
        let refusal = self.0.refusal(self.0.at_the_door(peer.copied()));
        if let Some(refusal) = refusal {
            self.0.count(refusal);
        }
        // pingora goes on to the next at once: a crowd at the door must not keep those inside waiting.
        if refusal.is_some() || self.0.came.fetch_add(1, Ordering::Relaxed) % AT_ONCE == AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
        refusal.is_none()
    }
}

/// Admits connections before their TLS handshake. pingora gives a handshake a minute, and shows the connection to nobody until it is
/// over: whoever was admitted only then could have any number of them under way.
#[derive(Debug)]
pub(super) struct Threshold(pub(super) Entrance);

#[async_trait]
impl PreTlsProcess for Threshold {
    async fn process(&self, socket: &mut Socket) -> pingora::Result<()> {
        let refused = || Error::explain(ErrorType::AcceptError, "not admitted");
        let (apart, admitted) = self.0.enter(socket).await.ok_or_else(refused)?;
        socket.tracer = Some(Tracer(Box::new(Held { _admitted: Arc::new(admitted) })));
        // Whoever says nothing at all need not be given the minute.
        let begun = tokio::time::timeout(self.0.connections.header_timeout(), socket.try_peek(&mut [0])).await;
        begun.is_ok_and(|peeked| peeked.is_ok()).then_some(()).ok_or_else(refused)?;
        self.0.turn(apart).await.ok_or_else(refused)
    }
}

/// Who is at the other end, as far as is known.
pub(super) fn peer(socket: &dyn IO) -> Option<SocketAddr> {
    socket.get_socket_digest()?.peer_addr()?.as_inet().copied()
}

/// What a connection takes, kept with its socket: however that ends, in the handshake or after it, the place is free again.
#[derive(Clone, Debug)]
struct Held {
    _admitted: Arc<Admitted>,
}

impl Tracing for Held {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {}

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}
