//! What the protocol of a request asks of its way to the upstream and back: gRPC, WebSocket, event streams, `100 Continue`, CORS.

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, EXPECT, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use super::ctx::Forwarding;
use crate::config::{RouteUpgrade, UpstreamProtocol};
use crate::gateway::denial::UpstreamFault;
use crate::gateway::handshake;
use crate::gateway::respond;
use crate::gateway::status::{self, Code, GRPC_DETAILS, GRPC_MESSAGE, GRPC_STATUS};
use crate::gateway::upstream::upgrade;

/// What only we may say to pages.
const CORS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// Whether the answer may have long pauses: events, calls with messages in both directions.
pub(super) fn has_pauses(forwarding: &Forwarding, head: &RequestHeader) -> bool {
    let events = head.headers.get(ACCEPT).is_some_and(|a| a.as_bytes().starts_with(b"text/event-stream"));
    events || forwarding.message.is_some() || is_websocket(forwarding) || status::is_grpc(&head.headers)
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

/// Says which pages may read an answer: we do, not the upstream. Cookies of an upstream would be set for our own origin.
pub(super) fn disclose(head: &mut ResponseHeader, forwarding: &Forwarding) -> Result<()> {
    if forwarding.permit.is_as_it_came() {
        // Without a gate the upstream says it.
        head.remove_header(&SET_COOKIE);
        return Ok(());
    }
    for name in CORS.iter().chain([&SET_COOKIE]) {
        head.remove_header(name);
    }
    match &forwarding.origin {
        Some(origin) => {
            let mut headers = HeaderMap::new();
            respond::cors(&mut headers, origin);
            for (name, value) in &headers {
                head.append_header(name.clone(), value.clone())?;
            }
        }
        // Another page gets another answer: no cache may give this one to it.
        None if !forwarding.permit.api().allowed_origins.is_empty() => {
            head.append_header(VARY, "Origin")?;
        }
        None => {}
    }
    Ok(())
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
