//! Active health checks: the same connection, TLS included, that requests get.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use http::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use pingora::http::RequestHeader;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{ErrorType, OrErr as _};
use pingora_core::connectors::http::Connector;

use super::peer::{OtherProtocol, Spans};
use super::{NoPeer, Pool, grpc_health};
use crate::config::{Endpoint, Health, Upstream};
use crate::gateway::outbound::{authority, secret};
use crate::gateway::status::{code_name, of_call};
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
    /// The call ended with this code.
    #[error("the call ended with {0}")]
    Call(&'static str),
    /// It says that it does not serve, or nothing that can be read.
    #[error("it does not say that it serves")]
    NotServing,
}

impl From<Box<pingora::Error>> for Unwell {
    fn from(error: Box<pingora::Error>) -> Self {
        Self::Exchange(error)
    }
}

/// Most addresses of a name that one check asks.
const MOST: usize = 8;

/// Asks the health of an endpoint over a connection of its own: one address of its name after the other, beginning at another
/// one each time. One that is well is enough.
///
/// # Errors
/// When no answer is good, or none comes in time.
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

async fn ask(connector: &Connector, pool: &Pool, index: usize, mut peer: Box<HttpPeer>, most: Duration) -> Result<(), Unwell> {
    let (upstream, endpoint) = (pool.upstream(), &pool.upstream().endpoints[index]);
    // A check must not be answered by a connection that was opened while the endpoint was still well.
    peer.options.idle_timeout = Some(Duration::ZERO);
    peer.options.tracer = None;
    let head = head(endpoint, upstream)?;
    let (mut session, _) = connector.get_http_session(&*peer).await?;
    OtherProtocol::refuse_session(upstream.protocol, &session)?;
    session.set_read_timeout(Some(most));
    session.write_request_header(Box::new(head)).await?;
    // The session is not put back into the pool: the connection ends here.
    let Some(Health::Grpc(service)) = &upstream.health else {
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session.response_header().map_or(0, |head| head.status.as_u16());
        return if (200..300).contains(&status) { Ok(()) } else { Err(Unwell::Status(status)) };
    };
    session.write_request_body(grpc_health::question(service), true).await?;
    session.read_response_header().await?;
    let (status, code) = session.response_header().map_or((0, None), |head| (head.status.as_u16(), of_call(&head.headers)));
    match code {
        _ if status != 200 => return Err(Unwell::Status(status)),
        Some(code) if code != 0 => return Err(Unwell::Call(code_name(code))),
        _ => {}
    }
    let mut answer = Vec::new();
    while let Some(piece) = session.read_response_body().await? {
        answer.extend_from_slice(&piece);
        if answer.len() > grpc_health::MOST {
            return Err(Unwell::NotServing);
        }
    }
    if grpc_health::serves(&answer) { Ok(()) } else { Err(Unwell::NotServing) }
}

/// What is asked, with what requests show of ours.
fn head(endpoint: &Endpoint, upstream: &Upstream) -> pingora::Result<RequestHeader> {
    const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"), " (health check)");
    let (base, host) = (&endpoint.base_path, authority(endpoint));
    let mut head = match &upstream.health {
        Some(Health::Grpc(_)) => {
            let mut head = RequestHeader::build("POST", b"/", Some(3))?;
            // Of a relative target pingora says `https`, whatever the connection is.
            let scheme = if endpoint.tls { "https" } else { "http" };
            let uri =
                Uri::builder().scheme(scheme).authority(host).path_and_query(format!("{base}{}", grpc_health::PATH)).build();
            head.set_uri(uri.or_err(ErrorType::InternalError, "an endpoint is no part of a URL")?);
            head.insert_header(CONTENT_TYPE, "application/grpc")?;
            head.insert_header(TE, "trailers")?;
            head
        }
        Some(Health::Path(_)) | None => {
            let path = if let Some(Health::Path(path)) = &upstream.health { path.as_str() } else { "/" };
            let mut head = RequestHeader::build("GET", format!("{base}{path}").as_bytes(), Some(2))?;
            head.insert_header(HOST, host)?;
            head
        }
    };
    head.insert_header(USER_AGENT, AGENT)?;
    for header in &upstream.inject {
        let secret = secret(header).or_err(ErrorType::InternalError, "what is injected is no header")?;
        head.insert_header(header.name.clone(), secret)?;
    }
    Ok(head)
}
