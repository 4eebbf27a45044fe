//! What pingora is told about an endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use http::Version;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::upstreams::peer::Tracer;

use super::{NoPeer, Pool};
use crate::config::{RouteTimeouts, UpstreamProtocol, UpstreamTimeouts};
use crate::types::Timestamp;

/// How long a connection that nobody uses is kept, where not too many are. pingora has one pool for all upstreams, which drops the
/// oldest of any when it is full: so it is as large as all of them together may need, and each keeps to its own number here.
const IDLE: Duration = Duration::from_mins(1);

/// Requests at one time on one HTTP/2 connection to an upstream. What every server takes (RFC 9113 §6.5.2).
const MAX_STREAMS: usize = 100;

/// How long one exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// To connect.
    pub connect: Duration,
    /// To the first byte, and where nothing shorter is watched, between two reads.
    pub read: Duration,
    /// To the first byte, where that is shorter than `read`.
    pub first: Option<Duration>,
    /// Between two reads of the answer, where that is shorter than to the first byte.
    pub idle: Option<Duration>,
    /// To take what we write.
    pub write: Duration,
    /// To the end of the answer.
    pub total: Option<Duration>,
    /// What is in place of `idle` and `total` once the answer turns out to be a stream.
    pub stream: Option<Stream>,
}

/// How long an answer may take that is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Between two reads of it.
    pub idle: Duration,
    /// To its end.
    pub total: Option<Duration>,
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// At once.
    Whole,
    /// As events, with pauses.
    Events,
    /// As the answer itself says once it has begun.
    Either,
}

impl Spans {
    /// What the upstream allows, and the route in its place.
    #[must_use]
    pub fn of(upstream: &UpstreamTimeouts, route: &RouteTimeouts, coming: Coming) -> Self {
        if coming == Coming::Either {
            return Self::either(&Self::of(upstream, route, Coming::Whole), &Self::of(upstream, route, Coming::Events));
        }
        let events = coming == Coming::Events;
        let idle = route.idle.unwrap_or(if events { upstream.stream_idle } else { upstream.read });
        // Before the first byte nothing is read, so that its limit is also the longest pause that pingora sees.
        let first = route.first_byte.or_else(|| upstream.first_byte.filter(|_| !events));
        let read = first.unwrap_or(idle);
        Self {
            connect: route.connect.unwrap_or(upstream.connect),
            read,
            first: None,
            idle: (idle < read).then_some(idle),
            write: upstream.write,
            total: route.total.or_else(|| upstream.total.filter(|_| !events)),
            stream: None,
        }
    }

    /// The same for a caller who waits no longer than `deadline`.
    #[must_use]
    pub fn within(self, deadline: Option<Duration>) -> Self {
        let Some(deadline) = deadline else { return self };
        let least = |total: Option<Duration>| Some(total.map_or(deadline, |total| total.min(deadline)));
        let stream = self.stream.map(|stream| Stream { total: least(stream.total), ..stream });
        Self { total: least(self.total), stream, ..self }
    }

    /// Those of a whole answer until it begins, and after that those of what it is. pingora has one limit for both.
    fn either(whole: &Self, events: &Self) -> Self {
        if whole == events {
            return *whole;
        }
        let stream = Stream { idle: events.idle.unwrap_or(events.read), total: events.total };
        let idle = whole.idle.unwrap_or(whole.read);
        Self { read: whole.read.max(events.read), first: Some(whole.read), idle: Some(idle), stream: Some(stream), ..*whole }
    }
}

/// An endpoint does not speak the version of HTTP that its upstream is configured for. Over TLS pingora takes HTTP/1.1 where no `h2`
/// is negotiated, whatever it was told: calls of gRPC would lose their trailers without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it negotiated no HTTP/2 (ALPN h2), which protocol = \"http2\" asks for")]
pub struct OtherProtocol;

impl OtherProtocol {
    /// Whether what a connection speaks is what was configured.
    ///
    /// # Errors
    /// When it is not.
    pub fn refuse(configured: UpstreamProtocol, spoken: Version) -> Result<(), Self> {
        if configured == UpstreamProtocol::Http2 && spoken != Version::HTTP_2 { Err(Self) } else { Ok(()) }
    }

    /// The same of a connection for a request of our own.
    pub(super) fn refuse_session(configured: UpstreamProtocol, session: &HttpSession) -> Result<(), Self> {
        let spoken = if matches!(session, HttpSession::H2(_)) { Version::HTTP_2 } else { Version::HTTP_11 };
        Self::refuse(configured, spoken)
    }
}

impl Pool {
    /// A peer for an endpoint. The name is resolved here, without blocking: pingora's own look-up blocks and panics. The
    /// addresses of a name have their turns; the one that was `tried` is left to the others.
    ///
    /// # Errors
    /// When the name does not resolve.
    pub async fn peer(
        &self,
        index: usize,
        tried: Option<SocketAddr>,
        spans: &Spans,
        now: Timestamp,
    ) -> Result<Box<HttpPeer>, NoPeer> {
        let (member, slow_start) = (&self.members()[index], self.upstream().slow_start);
        let addresses = member.addresses();
        let address = match addresses.known_now(tried, slow_start, now) {
            Some(address) => address,
            None => {
                // Rare, and large: every other request would carry it.
                let resolved = Box::pin(tokio::time::timeout(spans.connect, addresses.pick(tried, slow_start, now))).await;
                resolved.map_err(|_| NoPeer::Name { host: member.endpoint.host.clone(), source: None })??
            }
        };
        Ok(self.at(index, address, spans))
    }

    /// In its box from the start: it is half a kilobyte, and handed on twice.
    fn at(&self, index: usize, address: SocketAddr, spans: &Spans) -> Box<HttpPeer> {
        let (upstream, member) = (self.upstream(), &self.members()[index]);
        let endpoint = &upstream.endpoints[index];
        // An empty name would switch verification off.
        let name = upstream.tls.server_name.as_ref().unwrap_or(&endpoint.host);
        let mut peer = Box::new(HttpPeer::new(address, endpoint.tls, name.clone()));
        peer.client_cert_key.clone_from(&upstream.tls.client);
        peer.options.ca.clone_from(&upstream.tls.roots);
        peer.group_key = self.group();
        let options = &mut peer.options;
        options.connection_timeout = Some(spans.connect);
        options.total_connection_timeout = Some(spans.connect);
        options.read_timeout = Some(spans.read);
        options.write_timeout = Some(spans.write);
        options.idle_timeout = Some(if member.keeps_more(upstream.limits.idle) { IDLE } else { Duration::ZERO });
        if upstream.protocol == UpstreamProtocol::Http2 {
            options.set_http_version(2, 2);
            options.max_h2_streams = MAX_STREAMS;
        }
        options.verify_cert = true;
        options.verify_hostname = true;
        options.tracer = Some(Tracer(Box::new(member.counter())));
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        peer
    }
}
