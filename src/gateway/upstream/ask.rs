//! Small requests of our own: the same connection, TLS included, that requests get.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_ENCODING;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora_core::connectors::http::Connector;

use super::peer::{OtherProtocol, Spans};
use super::{Attempt, NoPeer};
use crate::config::UpstreamProtocol;
use crate::gateway::outbound::authority;
use crate::types::{Buffer, Exhausted, Memory, Timestamp};

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 1 << 20;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The endpoint has no address.
    #[error(transparent)]
    NoPeer(#[from] NoPeer),
    /// No connection to it could be had.
    #[error("it can't be reached")]
    Unreached(#[source] Box<pingora::Error>),
    /// It speaks another version of HTTP.
    #[error(transparent)]
    Protocol(#[from] OtherProtocol),
    /// It could not be asked.
    #[error("it can't be asked")]
    Exchange(#[source] Box<pingora::Error>),
    /// It took too long.
    #[error("it did not answer in time")]
    Late,
    /// It answered with more than is read.
    #[error("it answered with more than {MAX_ANSWER} bytes")]
    TooLong,
    /// The node holds as much of all bodies together as it may.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// It answered in a coding that nobody asked for.
    #[error("its answer is compressed")]
    Encoded,
}

impl From<Box<pingora::Error>> for Unanswered {
    fn from(error: Box<pingora::Error>) -> Self {
        Self::Exchange(error)
    }
}

/// The connections of such requests. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Asking(
    /// Made for the first of them: it reads the system's certificates.
    Arc<OnceLock<Connector>>,
);

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asking").finish_non_exhaustive()
    }
}

impl Asking {
    /// Asks over a connection of its own. `head` has no body, and its path is the endpoint's.
    pub(super) async fn ask(
        &self,
        attempt: &mut Attempt,
        head: RequestHeader,
        spans: &Spans,
        (memory, now): (&Arc<Memory>, Timestamp),
    ) -> Result<Answer, Unanswered> {
        let connector = self.0.get_or_init(|| Connector::new(None));
        // Without an end to the whole, an answer could go on byte by byte.
        let whole = spans.total.unwrap_or(spans.connect + spans.read);
        tokio::time::timeout(whole, exchange(connector, attempt, head, spans, (memory, now)))
            .await
            .unwrap_or(Err(Unanswered::Late))
    }
}

async fn exchange(
    connector: &Connector,
    attempt: &mut Attempt,
    mut head: RequestHeader,
    spans: &Spans,
    (memory, now): (&Arc<Memory>, Timestamp),
) -> Result<Answer, Unanswered> {
    let peer = attempt.peer(None, spans, now).await?;
    if attempt.pool().upstream().protocol == UpstreamProtocol::Http2 {
        absolute(&mut head, attempt)?;
    }
    let (mut session, _) = connector.get_http_session(&*peer).await.map_err(Unanswered::Unreached)?;
    OtherProtocol::refuse_session(attempt.pool().upstream().protocol, &session)?;
    attempt.connected();
    session.set_read_timeout(Some(spans.read));
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let answer = read(&mut session, memory).await;
    // Not put back into the pool: so few are asked that none would be found there while it is any good.
    drop(session);
    answer
}

/// HTTP/2 has scheme and authority beside the path (RFC 9113 §8.3.1).
fn absolute(head: &mut RequestHeader, attempt: &Attempt) -> Result<(), Unanswered> {
    let endpoint = attempt.endpoint();
    let path = String::from_utf8_lossy(head.raw_path()).into_owned();
    let scheme = if endpoint.tls { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(authority(endpoint)).path_and_query(path).build();
    let unfit = |e| pingora::Error::because(pingora::ErrorType::InternalError, "no target", e);
    head.set_uri(uri.map_err(unfit)?);
    Ok(())
}

async fn read(session: &mut HttpSession, memory: &Arc<Memory>) -> Result<Answer, Unanswered> {
    let (status, encoded) = session.response_header().map_or((0, false), |head| {
        (head.status.as_u16(), head.headers.get_all(CONTENT_ENCODING).iter().any(|v| v != "identity"))
    });
    let mut body = Buffer::new(memory);
    while let Some(piece) = session.read_response_body().await? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Unanswered::TooLong);
        }
        body.push(&piece)?;
    }
    if encoded { Err(Unanswered::Encoded) } else { Ok(Answer { status, body: body.freeze() }) }
}
