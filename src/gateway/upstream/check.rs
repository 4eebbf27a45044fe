//! Active health checks: the same connection, TLS included, that requests get.

use std::time::Duration;

use http::header::{HOST, USER_AGENT};
use pingora::http::RequestHeader;
use pingora_core::connectors::http::Connector;

use super::peer::Spans;
use super::{NoPeer, Pool};
use crate::gateway::outbound::authority;
use crate::types::Timestamp;

/// Why an endpoint is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// It has no address.
    #[error(transparent)]
    NoPeer(#[from] NoPeer),
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

/// Asks the health path of an endpoint over a connection of its own.
///
/// # Errors
/// When the answer is not 2xx, or none comes in time.
pub async fn check(connector: &Connector, pool: &Pool, index: usize, now: Timestamp) -> Result<(), Unwell> {
    let most = pool.upstream().checks.timeout;
    tokio::time::timeout(most, ask(connector, pool, index, (most, now))).await.unwrap_or(Err(Unwell::Late))
}

async fn ask(connector: &Connector, pool: &Pool, index: usize, (most, now): (Duration, Timestamp)) -> Result<(), Unwell> {
    let (upstream, endpoint) = (pool.upstream(), &pool.upstream().endpoints[index]);
    let spans = Spans { connect: most, read: most, idle: None, write: most, total: None };
    let mut peer = pool.peer(index, 0, &spans, now).await?;
    // A check must not be answered by a connection that was opened while the endpoint was still well.
    peer.options.idle_timeout = Some(Duration::ZERO);
    peer.options.tracer = None;
    let path = format!("{}{}", endpoint.base_path, upstream.health.as_deref().unwrap_or("/"));
    let mut head = RequestHeader::build("GET", path.as_bytes(), Some(2))?;
    head.insert_header(HOST, authority(endpoint))?;
    head.insert_header(USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION"), " (health check)"))?;
    let (mut session, _) = connector.get_http_session(&peer).await?;
    session.set_read_timeout(Some(most));
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let status = session.response_header().map_or(0, |head| head.status.as_u16());
    // Not put back into the pool: the connection ends here.
    drop(session);
    if (200..300).contains(&status) { Ok(()) } else { Err(Unwell::Status(status)) }
}
