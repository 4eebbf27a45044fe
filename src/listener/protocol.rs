//! What the protocol of a request asks of its way to the upstream and back: gRPC, WebSocket, event streams, `100 Continue`, CORS.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, EXPECT, LINK, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use super::ctx::{Ctx, Forwarding};
use crate::config::{ApiKind, RouteUpgrade, Traffic, UpstreamProtocol};
use crate::gateway::denial::UpstreamFault;
use crate::gateway::handshake;
use crate::gateway::location::{self, Way};
use crate::gateway::status::{self, Code, GRPC_DETAILS, GRPC_MESSAGE, GRPC_STATUS};
use crate::gateway::upstream::{Coming, upgrade};

/// The media type of event streams.
const EVENTS: &[u8] = b"text/event-stream";

/// How the answer comes. Only the route makes long pauses a matter of course: whatever a client says of itself, it could say on any
/// route, and hold places there for as long as streams may. What it says it takes decides whether its answer is looked at.
pub(super) fn coming(forwarding: &Forwarding, head: &RequestHeader) -> Coming {
    let is_mcp = matches!(forwarding.permit.api().kind, ApiKind::Mcp(_));
    if is_mcp || is_websocket(forwarding) || is_call(forwarding, head) {
        Coming::Events
    } else if takes_events(&head.headers) || status::is_grpc(&head.headers) {
        Coming::Either
    } else {
        Coming::Whole
    }
}

/// Whether this is a gRPC call of a method that the route is for: both sides may pause.
pub(super) fn is_call(forwarding: &Forwarding, head: &RequestHeader) -> bool {
    forwarding.permit.rule().traffic == Traffic::Calls && status::is_grpc(&head.headers)
}

fn takes_events(headers: &HeaderMap) -> bool {
    let types = headers.get_all(ACCEPT).iter().flat_map(|v| v.as_bytes().split(|b| *b == b','));
    types.map(<[u8]>::trim_ascii).any(|kind| is(kind, EVENTS))
}

/// Whether an answer is a stream of events.
pub(super) fn is_events(head: &ResponseHeader) -> bool {
    head.headers.get(CONTENT_TYPE).is_some_and(|kind| is(kind.as_bytes(), EVENTS))
}

/// Whether an answer may have long pauses, whatever was asked.
pub(super) fn has_pauses(head: &ResponseHeader) -> bool {
    is_events(head) || status::is_grpc(&head.headers)
}

fn is(text: &[u8], kind: &[u8]) -> bool {
    let (start, rest) = text.split_at_checked(kind.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(kind) && matches!(rest.trim_ascii_start(), [] | [b';', ..])
}

/// Lets a peer change protocols where the route is for that. In shadow mode anything may come on such a route.
pub(super) fn fit(peer: &mut HttpPeer, forwarding: &Forwarding, head: &RequestHeader) {
    if is_websocket(forwarding) && handshake::asks(&forwarding.request, &head.headers) {
        upgrade::allow(peer);
    }
}

fn is_websocket(forwarding: &Forwarding) -> bool {
    forwarding.permit.rule().upgrade == Some(RouteUpgrade::Websocket)
}

/// Lets a client send its body that waits for `100 Continue`, where no upstream will say it: over HTTP/2 none gets through.
pub(super) async fn go_ahead(session: &mut Session, head: &mut RequestHeader, forwarding: &Forwarding) -> Result<()> {
    let http2 = forwarding.attempt.as_ref().is_some_and(|a| a.pool().upstream().protocol == UpstreamProtocol::Http2);
    if !http2 || head.remove_header(&EXPECT).is_none() {
        return Ok(());
    }
    if session.req_header().version == Version::HTTP_11 && forwarding.held.is_none() && forwarding.tries == 1 {
        let keepalive = session.get_keepalive();
        session.write_continue_response().await?;
        session.set_keepalive(keepalive);
    }
    Ok(())
}

/// What comes before an answer: that something does, and for `103 Early Hints` which links it will have. Anything else of it would be said
/// before the answer itself is looked at, a cookie for our own origin among it.
///
/// # Errors
/// When there were too many, or they were too long.
pub(super) fn hint(head: &mut ResponseHeader, ctx: &mut Ctx) -> Result<()> {
    ctx.hints.count(head)?;
    let kept = |name: &HeaderName| name == LINK && head.status == StatusCode::EARLY_HINTS;
    let others: Vec<_> = head.headers.keys().filter(|name| !kept(name)).cloned().collect();
    for name in &others {
        head.remove_header(name);
    }
    let config = Arc::clone(&ctx.prepared);
    let Some(Forwarding { permit, request, identity, attempt: Some(attempt), .. }) = ctx.forwarding() else { return Ok(()) };
    location::lead_back(head, &Way { config: &config.config, permit, request, endpoint: attempt.endpoint(), identity })
}

/// Whether an upstream refuses our credentials, not the client's: handing its challenge on would start a login for nothing.
pub(super) fn refuses_us(head: &ResponseHeader) -> bool {
    head.status == StatusCode::UNAUTHORIZED || unauthenticated(&head.headers)
}

fn unauthenticated(headers: &HeaderMap) -> bool {
    headers.get(GRPC_STATUS).is_some_and(|s| s == "16")
}

/// A connection that was just upgraded is silent for as long as its two ends like.
pub(super) fn upgraded(session: &mut Session, head: &ResponseHeader) {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        session.set_read_timeout(None);
    }
}

/// The end of a gRPC call. As in [`refuses_us`], a refusal of our credentials is no matter of the client's.
pub(super) fn trailers(trailers: &mut HeaderMap, forwarding: &mut Forwarding) {
    trailers.remove(SET_COOKIE);
    if unauthenticated(trailers) {
        forwarding.fault = Some(UpstreamFault::Credentials);
        tracing::error!(request = %forwarding.seen.request, api = %forwarding.permit.api().name, "an upstream refuses our credentials");
        trailers.insert(GRPC_STATUS, HeaderValue::from(Code::Unavailable as u16));
        trailers.insert(GRPC_MESSAGE, HeaderValue::from_static("the service does not accept the gateway's own credentials"));
        trailers.remove(GRPC_DETAILS);
    }
}
