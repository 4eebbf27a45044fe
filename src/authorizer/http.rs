//! Questions that are one HTTP request each.

use std::net::SocketAddr;
use std::sync::Arc;

use ::http::{HeaderMap, Method, StatusCode};
use axum::body::Body as Sent;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};

use super::original::{ENVOY_PREFIX, Original, able};
use super::{answer, trust};
use crate::config::AuthorizerPolicy;
use crate::gateway::denial::Denial;
use crate::gateway::holds;
use crate::gateway::hygiene::{Head, Peer, Protocol};
use crate::gateway::seen::{self, Seen};
use crate::gateway::unfit::Unfit;
use crate::plugin::{Body, Gate, Question};
use crate::record::Forwarder;
use crate::types::{Buffer, Dialect, Memory};

/// What Envoy says when it sends the body: whether there is more of it.
pub(super) const PARTIAL: &str = "x-envoy-auth-partial-body";

/// The dialect that a path is for.
fn dialect(path: &str) -> Option<Dialect> {
    match path {
        "/auth/nginx" => Some(Dialect::Nginx),
        "/auth/traefik" => Some(Dialect::Traefik),
        "/auth/caddy" => Some(Dialect::Caddy),
        _ => path.strip_prefix(ENVOY_PREFIX).filter(|rest| rest.starts_with('/')).map(|_| Dialect::EnvoyHttp),
    }
}

/// Answers a question.
pub(super) async fn check(gate: &Gate, peer: SocketAddr, request: Request) -> Response {
    let prepared = gate.prepared.load_full();
    let policy = &prepared.config.authorizer;
    let Some(dialect) = dialect(request.uri().path()).filter(|d| policy.dialects.contains(d)) else {
        return (StatusCode::NOT_FOUND, "Nothing is decided here: see `tollgate manual plugin`.\n").into_response();
    };
    let (parts, body) = request.into_parts();
    let believed = trust::believes(policy, peer, &parts.headers);
    let seen = seen(gate, policy, (peer, believed), &parts.headers);
    let forwarder = Some(Forwarder { peer, dialect });
    let unread = Question {
        head: bare(&parts.method, &parts.headers),
        seen: &seen,
        body: Body::Unsent,
        length: None,
        forwarder: forwarder.clone(),
        able: able(dialect, policy),
    };
    if !believed {
        tracing::warn!(%peer, dialect = dialect.as_str(), "a proxy that is not believed asks for a decision");
        return answer::refused(dialect, gate.turn_away(&prepared, &unread, Denial::Unfit(Unfit::Proxy)));
    }
    let Some(original) = Original::read(dialect, &parts.method, &parts.uri, parts.headers.clone()) else {
        return answer::refused(dialect, gate.turn_away(&prepared, &unread, Denial::Unfit(Unfit::Question)));
    };
    // A proxy that names no client speaks for everybody behind it.
    let client = seen.client.filter(|client| client.ip() != peer.ip());
    let memory = holds::of_stranger(&gate.node, &prepared.config, client);
    let sent = body_of(dialect, &original, body, (prepared.config.listen.limits.max_mcp_body, &memory)).await;
    let question = Question { head: original.head(), body: sent.as_body(), forwarder, ..unread };
    match gate.ask(&prepared, &question).await {
        Ok(pass) => answer::allowed(dialect, pass, &original.headers, policy),
        Err(refused) => answer::refused(dialect, refused),
    }
}

/// The head of the question itself, for the record of one that is turned away.
fn bare<'h>(method: &'h Method, headers: &'h HeaderMap) -> Head<'h> {
    Head {
        protocol: Protocol::Http11,
        peer: Peer::Direct,
        raw: None,
        method,
        target: "/",
        scheme: None,
        authority: None,
        headers,
        tls: false,
        has_body: false,
    }
}

/// Names the original request; what a proxy says of its client counts only when the proxy is believed.
fn seen(gate: &Gate, policy: &AuthorizerPolicy, (peer, believed): (SocketAddr, bool), headers: &HeaderMap) -> Seen {
    let is_proxy = |ip| believed && (ip == peer.ip() || trust::is_listed(policy, ip));
    Seen::of(&gate.node, headers, Some(seen::client(peer, headers, is_proxy)))
}

/// A body as a proxy sent it.
pub(super) enum Received {
    Unsent,
    Cut,
    /// There was no memory for it.
    Unread,
    Whole(Bytes),
}

impl Received {
    pub(super) fn as_body(&self) -> Body<'_> {
        match self {
            Self::Unsent => Body::Unsent,
            Self::Cut => Body::Cut,
            Self::Unread => Body::Unread,
            Self::Whole(bytes) => Body::Whole(bytes),
        }
    }

    /// What Envoy says about the body that it sends. Where it sends none, a client can say this too: that there is nothing is
    /// never believed.
    pub(super) fn said(headers: &HeaderMap, bytes: Bytes) -> Self {
        match headers.get(PARTIAL).map(::http::HeaderValue::as_bytes) {
            Some(b"false") if bytes.is_empty() => Self::Unsent,
            Some(b"false") => Self::Whole(bytes),
            Some(_) => Self::Cut,
            None => Self::Unsent,
        }
    }
}

async fn body_of(dialect: Dialect, original: &Original, body: Sent, (max, memory): (usize, &Arc<Memory>)) -> Received {
    if dialect != Dialect::EnvoyHttp || !original.headers.contains_key(PARTIAL) {
        return Received::Unsent;
    }
    match whole(body, max, memory).await {
        Ok(whole) => Received::said(&original.headers, whole),
        Err(Unread::Broken) => Received::Cut,
        Err(Unread::NoRoom) => Received::Unread,
    }
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It broke off, or is too long.
    Broken,
    /// There is no memory for it.
    NoRoom,
}

/// Reads a body of at most so many bytes.
pub(super) async fn whole(body: Sent, most: usize, memory: &Arc<Memory>) -> Result<Bytes, Unread> {
    let (mut body, mut whole) = (Limited::new(body, most), Buffer::new(memory));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() {
            whole.push(&data).map_err(|_| Unread::NoRoom)?;
        }
    }
    Ok(whole.freeze())
}
