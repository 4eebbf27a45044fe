//! The gate in the hooks of somebody else's pingora application.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, Result};
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::v1::server::HttpSession;

use super::gate::{Able, Bodies, Body, Gate, Question, Refused};
use super::pass::Pass;
use crate::config::{Api, ApiKind};
use crate::gateway::decide::{About, Refusal};
use crate::gateway::denial::Denial;
use crate::gateway::forms;
use crate::gateway::holds;
use crate::gateway::hygiene::{Head, Peer, Protocol};
use crate::gateway::path::canonicalize;
use crate::gateway::prepared::Prepared;
use crate::gateway::respond::Answer;
use crate::gateway::seen::{self, Seen};
use crate::record::BrokenBy;
use crate::types::{Buffer, Memory};

/// Longest body that is read to decide, bytes: what pingora replays to an upstream.
const MESSAGE: usize = 64 * 1024;
/// How long one may take to arrive. Nobody knows yet who sends it.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

impl Gate {
    /// Decides about the request of a session (`request_filter`): puts the pass of an allowed one into `entered`. Of a refused one there
    /// is none, and it was answered: says so.
    ///
    /// # Errors
    /// When the client went away.
    pub async fn enter(&self, session: &mut Session, entered: &mut Option<Pass>) -> Result<bool> {
        let prepared = self.prepared.load_full();
        let client = client(session, &prepared);
        let memory = holds::of_stranger(&self.node, &prepared.config, client);
        let body = message(session, &prepared, &memory).await?;
        let empty = session.as_mut().is_body_empty();
        let asked = {
            let head = session.req_header();
            let trusted = |ip| prepared.config.listen.is_trusted(ip);
            let peer = session.client_addr().and_then(|a| a.as_inet()).copied();
            let tls = session.digest().and_then(|d| d.ssl_digest.as_ref());
            let seen = Seen::of(&self.node, &head.headers, client).showing(tls.map_or(&[], |d| d.cert_digest.as_slice()));
            let raw = session.as_downstream().as_http1().map(HttpSession::get_headers_raw_bytes);
            let question = Question {
                head: Head {
                    raw: raw.as_deref(),
                    peer: if peer.is_some_and(|p| trusted(p.ip())) { Peer::Trusted } else { Peer::Direct },
                    tls: tls.is_some(),
                    ..head_of(head)
                },
                seen: &seen,
                body: match &body {
                    Message::Elsewhere if empty => Body::Whole(&[]),
                    Message::Elsewhere => Body::Unsent,
                    Message::TooLong | Message::Late => Body::Cut,
                    Message::NoRoom => Body::Unread,
                    Message::Read(bytes) => Body::Whole(bytes),
                },
                length: head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()),
                forwarder: None,
                able: Able { strip: true, retarget: true, watch: self.bodies == Bodies::Watched },
            };
            if matches!(body, Message::Late) {
                let refusal = Refusal { denial: Denial::BodyBroken, about: About::default() };
                Err(self.refuse(&prepared, &question, refusal, Instant::now()))
            } else {
                self.ask(&prepared, &question).await
            }
        };
        match asked {
            Ok(pass) => {
                *entered = Some(pass);
                Ok(false)
            }
            Err(Refused { answer, .. }) => write(session, answer).await.map(|()| true),
        }
    }
}

impl Pass {
    /// Closes the record of a request that has a pass with what became of it (`logging`).
    pub fn end(pass: Option<Self>, session: &Session, error: Option<&Error>) {
        let Some(pass) = pass else { return };
        let status = session.response_written().map_or(0, |r| r.status.as_u16());
        let broken = error.map(|e| match e.esource() {
            ErrorSource::Downstream => BrokenBy::Client,
            ErrorSource::Upstream => BrokenBy::Upstream,
            ErrorSource::Internal | ErrorSource::Unset => BrokenBy::Fault,
        });
        pass.close(status, u64::try_from(session.body_bytes_sent()).unwrap_or(0), broken);
    }
}

fn head_of(head: &RequestHeader) -> Head<'_> {
    Head {
        protocol: match head.version {
            Version::HTTP_2 => Protocol::Http2,
            Version::HTTP_10 => Protocol::Http10,
            _ => Protocol::Http11,
        },
        peer: Peer::Direct,
        raw: None,
        method: &head.method,
        target: std::str::from_utf8(head.raw_path()).unwrap_or("\u{0}"),
        scheme: head.uri.scheme_str(),
        authority: head.uri.authority().map(http::uri::Authority::as_str),
        headers: &head.headers,
        tls: false,
        has_body: head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING),
    }
}

/// What was read of a body.
enum Message {
    /// Nothing: it decides nothing.
    Elsewhere,
    /// It is too long to be replayed.
    TooLong,
    /// It did not arrive in time.
    Late,
    /// There is no memory for it.
    NoRoom,
    /// All of it.
    Read(Bytes),
}

/// Who asks, as far as the peer can be believed.
fn client(session: &Session, prepared: &Prepared) -> Option<SocketAddr> {
    let peer = session.client_addr().and_then(|a| a.as_inet()).copied()?;
    Some(seen::client(peer, &session.req_header().headers, |ip| prepared.config.listen.is_trusted(ip)))
}

/// The message of a request to an MCP API, or a short body that could name a tenant, read so that pingora replays it. Any other body is
/// left where it is.
async fn message(session: &mut Session, prepared: &Prepared, memory: &Arc<Memory>) -> Result<Message> {
    let head = session.req_header();
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    let short = declared.is_some_and(|n| n <= MESSAGE);
    let form = short && forms::is_one(&head.headers);
    let without = |api: &Api, below: &str| api.route_of(below, &head.method).is_some_and(|route| !route.body_without.is_empty());
    let decides = |api: &Api, below: &str| match api.kind {
        ApiKind::Mcp(_) => head.method == Method::POST,
        ApiKind::Http => (form && api.tenancy.reads_forms()) || (short && without(api, below)),
    };
    // The path that the decision is about: one that has none is refused there.
    let Ok(path) = canonicalize(head.uri.path()) else { return Ok(Message::Elsewhere) };
    if !prepared.config.api_at(path.as_str()).is_some_and(|(api, below)| decides(api, below)) {
        return Ok(Message::Elsewhere);
    }
    if declared.is_some_and(|n| n > MESSAGE) {
        return Ok(Message::TooLong);
    }
    in_time(session, memory).await
}

async fn in_time(session: &mut Session, memory: &Arc<Memory>) -> Result<Message> {
    tokio::time::timeout(MESSAGE_TIMEOUT, read(session, memory)).await.unwrap_or(Ok(Message::Late))
}

async fn read(session: &mut Session, memory: &Arc<Memory>) -> Result<Message> {
    session.as_mut().enable_retry_buffering();
    let mut body = Buffer::new(memory);
    while let Some(chunk) = session.read_request_body().await? {
        if body.push(&chunk).is_err() {
            return Ok(Message::NoRoom);
        }
        if body.len() > MESSAGE {
            return Ok(Message::TooLong);
        }
    }
    Ok(Message::Read(body.freeze()))
}

/// Writes a refusal. A body that nobody read ends the connection with it: what is left of it must not be taken for a request.
async fn write(session: &mut Session, answer: Answer) -> Result<()> {
    let has_body = session.req_header().headers.contains_key(CONTENT_LENGTH)
        || session.req_header().headers.contains_key(TRANSFER_ENCODING)
        || session.is_http2() && !session.as_mut().is_body_empty();
    if answer.close || has_body {
        session.set_keepalive(None);
    }
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 1))?;
    for (name, value) in &answer.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    head.insert_header(CONTENT_LENGTH, answer.body.len())?;
    let bare = session.req_header().method == Method::HEAD || answer.body.is_empty();
    if bare && session.is_http2() {
        // pingora takes the end of a stream together with its head only so; clients of gRPC want it there.
        return session.write_response_tasks(vec![HttpTask::Header(Box::new(head), true)]).await.map(drop);
    }
    session.write_response_header(Box::new(head), bare).await?;
    if bare { Ok(()) } else { session.write_response_body(Some(answer.body), true).await }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A session whose client has sent `bytes` and then nothing more, with its end of the connection.
    async fn session(bytes: &[u8]) -> (Session, tokio::io::DuplexStream) {
        let (mut client, server) = tokio::io::duplex(4_096);
        client.write_all(bytes).await.expect("room");
        let mut session = Session::new_h1(Box::new(server));
        assert!(session.read_request().await.expect("a head"));
        (session, client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_never_ends_is_waited_for_only_so_long() {
        let head = "POST /mcp/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n";
        let (mut whole, _client) = session(format!("{head}half").as_bytes()).await;
        assert!(matches!(in_time(&mut whole, &Memory::unlimited()).await, Ok(Message::Read(body)) if body == "half"));
        let (mut late, _client) = session(format!("{head}ha").as_bytes()).await;
        late.set_read_timeout(None);
        let began = tokio::time::Instant::now();
        assert!(matches!(in_time(&mut late, &Memory::unlimited()).await, Ok(Message::Late)));
        assert_eq!(began.elapsed().as_secs(), MESSAGE_TIMEOUT.as_secs());
    }
}
