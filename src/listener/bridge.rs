//! A pingora session, answered by an axum router in the same process.
//!
//! Facts about the client travel as request extensions, never as headers: there is nothing to spoof. Bodies stream both ways.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::{Extensions, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::BodyExt as _;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{OrErr as _, Result};
use pingora_core::protocols::http::HttpTask;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tower::ServiceExt as _;

use super::exchange;
use crate::gateway::overload::Room;
use crate::gateway::respond::REQUEST_ID;
use crate::gateway::streams::Beginning;
use crate::mcp::{Era, Framing, ListFilter, ServerPolicy};
use crate::types::{Buffer, Held, Memory, RequestId, ScopeBits};

/// Longest that a local endpoint may take to start its answer, and a client to send its body.
const HANDLER_TIMEOUT: Duration = Duration::from_mins(1);
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// A declared body up to this size is read and dropped when it was not wanted, so that the connection lives on.
const DRAIN: u64 = 64 * 1024;

/// Largest list that is filtered, bytes.
const MAX_LIST: usize = 4 * 1024 * 1024;

const HOP_BY_HOP: [HeaderName; 5] = [CONNECTION, TRANSFER_ENCODING, UPGRADE, http::header::TE, http::header::TRAILER];

/// What the bridge adds to a request.
pub(super) struct Handover {
    /// Facts about the client, for the handlers.
    pub(super) extensions: Extensions,
    /// The body, when it was already read.
    pub(super) body: Option<Bytes>,
    /// Largest body that is read, bytes.
    pub(super) max_body: usize,
    /// Where what is held of bodies is taken from.
    pub(super) memory: Arc<Memory>,
    /// How a list in the answer is filtered.
    pub(super) list: Option<ListRules>,
    /// A place that others want, until it is known what the answer is.
    pub(super) place: Option<Room>,
}

/// What decides about the entries of a list.
pub(super) struct ListRules {
    pub(super) policy: Arc<ServerPolicy>,
    pub(super) held: ScopeBits,
    pub(super) era: Era,
}

/// Whether a handler answered or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// A handler answered.
    Answered,
    /// A handler panicked; the client got a 500.
    Panicked,
    /// What allowed the request ended before it was answered; the client was told so where somebody could.
    Ended,
}

/// Answers the session's request by the router.
pub(super) async fn serve(session: &mut Session, router: &Router, handover: Handover, id: &RequestId) -> Result<Served> {
    let parts = session.req_header().as_owned_parts();
    let (method, version) = (parts.method.clone(), parts.version);
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let expects = version == Version::HTTP_11 && parts.headers.get(EXPECT).is_some();
    let limit = u64::try_from(handover.max_body).unwrap_or(u64::MAX);
    if declared.is_some_and(|n| n > limit) {
        if !begins() {
            return Ok(Served::Ended);
        }
        write(session, &method, version, named(plain(StatusCode::PAYLOAD_TOO_LARGE), id)).await?;
        return Ok(Served::Answered);
    }
    let mut feed = None;
    // What the handler is given, until it has answered.
    let mut held = handover.memory.nothing();
    let body = match handover.body {
        Some(read) => Body::from(read),
        None if session.is_body_empty() => Body::empty(),
        None => {
            let (tx, rx) = mpsc::channel(1);
            feed = Some(Feed { tx, left: limit });
            Body::from_stream(ReceiverStream::new(rx))
        }
    };
    if feed.is_some() && expects {
        // A 1xx before the body is read switches keep-alive off.
        let keepalive = session.get_keepalive();
        session.write_continue_response().await?;
        session.set_keepalive(keepalive);
    }
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().extend(handover.extensions);
    let (response, served) = run(session, router, request, &mut feed, &mut held).await?;
    if let Some(feed) = feed {
        let _ = feed.tx.try_send(Err(io::Error::other("the answer has begun")));
        if declared.is_some_and(|n| n <= DRAIN) {
            let _ = tokio::time::timeout(Duration::from_secs(1), session.drain_request_body()).await;
        }
    }
    let response = match handover.list {
        Some(rules) => filtered(response, rules, &handover.memory).await,
        None => response,
    };
    drop(handover.place);
    if !begins() {
        return Ok(Served::Ended);
    }
    write(session, &method, version, named(response, id)).await?;
    Ok(served)
}

/// Whether an answer may begin: what allowed the request holds.
fn begins() -> bool {
    exchange::current().is_none_or(|exchange| exchange.cut.begin(Beginning::Plain).is_ok())
}

fn named(mut response: Response, id: &RequestId) -> Response {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The answer without the entries that its reader may not use; one that can't be filtered is not sent.
async fn filtered(response: Response, rules: ListRules, memory: &Arc<Memory>) -> Response {
    if !response.status().is_success() || response.status() == StatusCode::ACCEPTED {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let list = async {
        let framing = Framing::of(&parts.headers).ok()?;
        let whole = axum::body::to_bytes(body, MAX_LIST).await.ok()?;
        let _held = memory.take(whole.len()).ok()?;
        let mut filter = ListFilter::new(rules.policy, rules.held, rules.era, framing, memory);
        let mut out = Buffer::new(memory);
        out.push(&filter.push(&whole).ok()?).ok()?;
        out.push(&filter.finish().ok()?).ok()?;
        Some(out.freeze())
    };
    match list.await {
        Some(list) => {
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(list))
        }
        None => plain(StatusCode::BAD_GATEWAY),
    }
}

struct Feed {
    tx: mpsc::Sender<io::Result<Bytes>>,
    left: u64,
}

/// Runs the handler while feeding it the request body.
async fn run(
    session: &mut Session,
    router: &Router,
    request: Request,
    feed: &mut Option<Feed>,
    held: &mut Held,
) -> Result<(Response, Served)> {
    let call = AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind();
    let (deadline, body_deadline) = (tokio::time::sleep(HANDLER_TIMEOUT), tokio::time::sleep(BODY_TIMEOUT));
    tokio::pin!(call, deadline, body_deadline);
    loop {
        tokio::select! {
            biased;
            answered = &mut call => return Ok(match answered {
                Ok(Ok(response)) => (response, Served::Answered),
                Ok(Err(never)) => match never {},
                Err(_panic) => (plain(StatusCode::INTERNAL_SERVER_ERROR), Served::Panicked),
            }),
            () = &mut deadline => return Ok((plain(StatusCode::GATEWAY_TIMEOUT), Served::Answered)),
            () = &mut body_deadline, if feed.is_some() => return Ok((plain(StatusCode::REQUEST_TIMEOUT), Served::Answered)),
            chunk = pump(session, feed.as_ref()), if feed.is_some() => match chunk.map_err(pingora::Error::into_down)? {
                None => *feed = None,
                Some(bytes) => {
                    let Some(open) = feed.as_mut() else { continue };
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    let Some(left) = open.left.checked_sub(length) else {
                        return Ok((plain(StatusCode::PAYLOAD_TOO_LARGE), Served::Answered));
                    };
                    open.left = left;
                    if held.grow(bytes.len()).is_err() {
                        return Ok((plain(StatusCode::SERVICE_UNAVAILABLE), Served::Answered));
                    }
                    if !bytes.is_empty() {
                        let _ = open.tx.try_send(Ok(bytes));
                    }
                }
            },
        }
    }
}

async fn pump(session: &mut Session, feed: Option<&Feed>) -> Result<Option<Bytes>> {
    if let Some(feed) = feed
        && feed.tx.reserve().await.is_err()
    {
        // The handler dropped its body: it does not want the rest.
        std::future::pending::<()>().await;
    }
    session.read_request_body().await
}

/// Writes a whole response, streaming its body.
pub(super) async fn write(session: &mut Session, method: &Method, version: Version, response: Response) -> Result<()> {
    let (parts, mut body) = response.into_parts();
    let status = parts.status;
    let mut head = ResponseHeader::build(status, Some(parts.headers.len() + 2))?;
    for (name, value) in parts.headers.iter().filter(|(n, _)| !HOP_BY_HOP.contains(n)) {
        head.append_header(name.clone(), value.clone())?;
    }
    let exact = http_body::Body::size_hint(&body).exact();
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless && !head.headers.contains_key(CONTENT_LENGTH) {
        match exact {
            Some(length) => head.insert_header(CONTENT_LENGTH, length)?,
            // Without either pingora ends the body by closing the connection.
            None if version == Version::HTTP_11 => head.insert_header(TRANSFER_ENCODING, "chunked")?,
            None => {}
        }
    }
    if status == StatusCode::UPGRADE_REQUIRED && version == Version::HTTP_11 {
        // RFC 9110 §15.5.22; the connection itself goes on as it is.
        head.insert_header(UPGRADE, "websocket")?;
    }
    let end = *method == Method::HEAD || bodiless || exact == Some(0);
    if end && version == Version::HTTP_2 {
        // pingora takes the end of a stream together with its head only so; clients of gRPC want it there.
        let whole = vec![HttpTask::Header(Box::new(head), true)];
        return session.write_response_tasks(whole).await.map(drop).map_err(pingora::Error::into_down);
    }
    session.write_response_header(Box::new(head), end).await.map_err(pingora::Error::into_down)?;
    if end {
        return Ok(());
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.or_err(pingora::ErrorType::InternalError, "a local endpoint broke off its answer")?;
        if let Ok(data) = frame.into_data() {
            session.write_response_body(Some(data), false).await.map_err(pingora::Error::into_down)?;
        }
    }
    session.write_response_body(None, true).await.map_err(pingora::Error::into_down)
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(status.canonical_reason().unwrap_or("error")));
    *response.status_mut() = status;
    response
}
