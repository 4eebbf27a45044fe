//! Active health checks: the same connection, TLS included, that requests get.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::{HOST, USER_AGENT};
use pingora::http::RequestHeader;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora_core::connectors::http::Connector;

use super::peer::{OtherProtocol, Spans};
use super::{NoPeer, Pool};
use crate::gateway::outbound::authority;
use crate::types::Timestamp;

/// Why an endpoint is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// It has no address.
    #[error(transparent)]
    NoPeer(#[from] NoPeer),
    /// It speaks another version of HTTP.
    #[error(transparent)]
    Protocol(#[from] OtherProtocol),
    /// It could not be asked.
    #[error("it can't be asked")]
    Exchange(#[source] Box<pingora::Error>),
    /// It took too long.
    #[error("it did not answer in time")]
    Late,
    /// It answered with this status.
    #[error("it answered {0}")]
    Status(u16),
}

impl From<Box<pingora::Error>> for Unwell {
    fn from(error: Box<pingora::Error>) -> Self {
        Self::Exchange(error)
    }
}

/// Most addresses of a name that one check asks.
const MOST: usize = 8;

/// Asks the health path of an endpoint over a connection of its own: one address of its name after the other, beginning at another
/// one each time. One that is well is enough.
///
/// # Errors
/// When no answer is 2xx, or none comes in time.
pub async fn check(connector: &Connector, pool: &Pool, index: usize, now: Timestamp) -> Result<(), Unwell> {
    let (most, addresses) = (pool.upstream().checks.timeout, pool.members()[index].addresses());
    let mut tried: Option<SocketAddr> = None;
    let mut turn = 0;
    loop {
        let spans = Spans { connect: most, read: most, first: None, idle: None, write: most, total: None, stream: None };
        let peer = pool.peer(index, tried, &spans, now).await?;
        let address = peer.address().as_inet().copied();
        let asked = tokio::time::timeout(most, ask(connector, pool, index, peer, most)).await.unwrap_or(Err(Unwell::Late));
        let Err(unwell) = asked else { return Ok(()) };
        if let Some(address) = address {
            addresses.leave_out(address, now);
        }
        turn += 1;
        if turn >= addresses.known().len().min(MOST) {
            return Err(unwell);
        }
        tried = address;
    }
}

async fn ask(connector: &Connector, pool: &Pool, index: usize, mut peer: HttpPeer, most: Duration) -> Result<(), Unwell> {
    let (upstream, endpoint) = (pool.upstream(), &pool.upstream().endpoints[index]);
    // A check must not be answered by a connection that was opened while the endpoint was still well.
    peer.options.idle_timeout = Some(Duration::ZERO);
    peer.options.tracer = None;
    let path = format!("{}{}", endpoint.base_path, upstream.health.as_deref().unwrap_or("/"));
    let mut head = RequestHeader::build("GET", path.as_bytes(), Some(2))?;
    head.insert_header(HOST, authority(endpoint))?;
    head.insert_header(USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION"), " (health check)"))?;
    let (mut session, _) = connector.get_http_session(&peer).await?;
    OtherProtocol::refuse_session(upstream.protocol, &session)?;
    session.set_read_timeout(Some(most));
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let status = session.response_header().map_or(0, |head| head.status.as_u16());
    // Not put back into the pool: the connection ends here.
    drop(session);
    if (200..300).contains(&status) { Ok(()) } else { Err(Unwell::Status(status)) }
}
