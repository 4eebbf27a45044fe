//! Bodies that decide: MCP messages and forms with queries, read before anything is forwarded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, Method, Version};
use pingora::proxy::Session;

use crate::config::{ApiKind, Config};
use crate::gateway::authorize::Permit;
use crate::gateway::denial::Denial;
use crate::gateway::forms;
use crate::gateway::hygiene::CleanRequest;
use crate::gateway::message::{self, Inspected};
use crate::gateway::narrow::{self, Narrowed};
use crate::gateway::shadow;
use crate::gateway::sizes;
use crate::labels;
use crate::mcp;
use crate::node::Node;
use crate::types::{Buffer, Memory};

/// Longest message whose length need not be declared, bytes: what pingora replays of a body that was read to decide.
const REPLAYED: usize = 64 * 1024;
/// How long a message may take to arrive.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a body may take to arrive that something else waits for.
const SOON: Duration = Duration::from_secs(3);

/// Reads the message of an MCP request and widens the permit by what it needs.
pub(super) async fn message(
    session: &mut Session,
    (config, node, memory): (&Config, &Node, &Arc<Memory>),
    request: &CleanRequest,
    permit: &mut Permit,
) -> Result<(Option<Bytes>, Option<Inspected>), message::Refused> {
    let fits = declared(session, permit);
    shadow::tolerate(permit, fits)?;
    let ApiKind::Mcp(policy) = &permit.api().kind else { return Ok((None, None)) };
    // Enforcement never reads the message of somebody whom it does not know.
    if permit.is_as_it_came() {
        return Ok((None, None));
    }
    let policy = Arc::clone(policy);
    let limits =
        mcp::Limits { bytes: sizes::longest_message(config.listen.limits.max_mcp_body, permit), ..mcp::Limits::default() };
    let reads = *request.method() == Method::POST;
    let body = if reads { read_whole(session, limits.bytes, permit, memory).await? } else { Some(Bytes::new()) };
    let Some(body) = body else { return Ok((None, None)) };
    let mut inspected =
        message::judge(&policy, &session.req_header().headers, request.method(), &body, &limits, &node.keys, permit)?;
    let sealed = inspected.tasks.as_mut().and_then(|tasks| tasks.body.take());
    let sealed = sealed.map(|body| memory.keep(body.into_bytes())).transpose().map_err(Denial::from)?;
    inspected.rewritten = sealed.is_some();
    Ok((reads.then(|| sealed.unwrap_or(body)), Some(inspected)))
}

/// Reads a whole body; `None` when it is declared too long and passes unread.
async fn read_whole(
    session: &mut Session,
    max: usize,
    permit: &mut Permit,
    memory: &Arc<Memory>,
) -> Result<Option<Bytes>, Denial> {
    let fits = sizes::of_message(max, length(session));
    if shadow::tolerate(permit, fits)?.is_none() {
        return Ok(None);
    }
    read(session, max, memory).await.map(Some)
}

/// Refuses a body that is declared longer than its route takes; one that is not declared is counted while it passes.
fn declared(session: &Session, permit: &Permit) -> Result<(), Denial> {
    sizes::of_route(permit, length(session))
}

fn length(session: &Session) -> Option<u64> {
    session.req_header().headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok())
}

/// Narrows a request to its organization, where the upstream tells organizations apart by a label, and refuses forms that name a
/// tenant.
pub(super) async fn selectors(
    session: &mut Session,
    (config, memory): (&Config, &Arc<Memory>),
    request: &mut CleanRequest,
    permit: &mut Permit,
) -> Result<(Option<Bytes>, Option<Narrowed>), Denial> {
    if permit.is_as_it_came() {
        return Ok((None, None));
    }
    let labels = narrow::labels(permit);
    let Some(labels) = shadow::tolerate(permit, labels)?.flatten() else {
        return form(session, (config, memory), permit).await.map(|body| (body, None));
    };
    let empty = session.as_mut().is_body_empty();
    if !empty && *request.method() != Method::POST {
        let refused = shadow::tolerate(permit, Err(Denial::Selector(labels::Refused::NotAForm)))?;
        return Ok(refused.unwrap_or((None, None)));
    }
    let max = config.listen.limits.max_mcp_body;
    let body = if empty { Some(Bytes::new()) } else { read_whole(session, max, permit, memory).await? };
    let Some(body) = body else {
        // What can't be read can't be narrowed either.
        shadow::note(permit, &Denial::Selector(labels::Refused::NotAForm));
        return Ok((None, None));
    };
    let body = (!body.is_empty()).then_some(body);
    let fit = unnamed(permit, &session.req_header().headers, body.as_ref());
    if shadow::tolerate(permit, fit)?.is_none() {
        return Ok((body, None));
    }
    let narrowed = narrow::narrow(permit, &labels, request, &session.req_header().headers, (body.as_ref(), memory));
    match shadow::tolerate(permit, narrowed)? {
        Some((body, narrowed)) => Ok((body, Some(narrowed))),
        None => Ok((body, None)),
    }
}

/// Reads a form that could name a tenant; every other body passes unread.
async fn form(
    session: &mut Session,
    (config, memory): (&Config, &Arc<Memory>),
    permit: &mut Permit,
) -> Result<Option<Bytes>, Denial> {
    if permit.is_as_it_came() || session.as_mut().is_body_empty() {
        return Ok(None);
    }
    let decides = forms::decides(permit, &session.req_header().headers);
    if shadow::tolerate(permit, decides)? != Some(true) {
        return Ok(None);
    }
    let body = read_whole(session, config.listen.limits.max_mcp_body, permit, memory).await?.filter(|body| !body.is_empty());
    let fit = unnamed(permit, &session.req_header().headers, body.as_ref());
    shadow::tolerate(permit, fit).map(|_| body)
}

/// Refuses a body that is a form and names a tenant.
fn unnamed(permit: &Permit, headers: &HeaderMap, body: Option<&Bytes>) -> Result<(), Denial> {
    let Some(body) = body else { return Ok(()) };
    if forms::decides(permit, headers)? { forms::check(permit, body) } else { Ok(()) }
}

/// Reads a whole body of at most `max` bytes; `None` when it does not come soon.
pub(super) async fn soon(session: &mut Session, max: usize, memory: &Arc<Memory>) -> Option<Bytes> {
    tokio::time::timeout(SOON, read(session, max, memory)).await.ok()?.ok()
}

/// Reads a whole body in a way that lets pingora replay its end: only what is left once at most [`REPLAYED`] bytes are missing is
/// kept by pingora, and `super::front` puts the whole in its place.
async fn read(session: &mut Session, max: usize, memory: &Arc<Memory>) -> Result<Bytes, Denial> {
    let headers = &session.req_header().headers;
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|n| n > max) {
        return Err(Denial::BodyTooLarge);
    }
    if headers.contains_key(EXPECT) && session.req_header().version == Version::HTTP_11 {
        let keepalive = session.get_keepalive();
        session.write_continue_response().await.map_err(|_| Denial::BodyBroken)?;
        session.set_keepalive(keepalive);
    }
    // Not as much as is declared: what a client says that it will send is no reason to keep room for it.
    let mut body = Buffer::new(memory);
    let read = async {
        loop {
            if declared.is_none_or(|n| n.saturating_sub(body.len()) <= REPLAYED) {
                session.as_mut().enable_retry_buffering();
            }
            match session.read_request_body().await {
                Ok(None) => return Ok(()),
                Ok(Some(chunk)) => body.push(&chunk)?,
                Err(_) => return Err(Denial::BodyBroken),
            }
            match declared {
                None if body.len() > REPLAYED => return Err(Denial::LengthRequired),
                _ if body.len() > max => return Err(Denial::BodyTooLarge),
                _ => {}
            }
        }
    };
    tokio::time::timeout(MESSAGE_TIMEOUT, read).await.unwrap_or(Err(Denial::BodyBroken))?;
    Ok(body.freeze())
}
