//! Tollgate's own MCP server at `/mcp`: who am I, which applications are mine, what happened, why was I refused. It only reads.
//!
//! The gate has authenticated a request before it comes here and says for whom in an extension; nothing else in the request
//! names anybody. No request depends on one before: there are no sessions, so none can be stolen, outlive a revocation or be
//! lost at a restart, and both protocol eras are served alike (2026-07-28 has none, and 2025-11-25 leaves it to the server to
//! hand out a session id).

mod answer;
mod applications;
mod denial;
mod search;
mod server;
mod supposed;
mod whoami;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::account::AuditFlush;
use crate::node::Node;
use crate::token::Principal;
use server::OwnMcp;

/// The server, at exactly `/mcp`. Requests must carry an `Arc<Principal>` extension.
pub fn router(node: Arc<Node>, flush: Arc<dyn AuditFlush>) -> Router {
    // The listener bounds the message by the configuration of its request; a bound of this router would be that of the start.
    // Host and Origin were checked by the gate, against the public URL and what the operator allows.
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(usize::MAX);
    let server = OwnMcp::new(node, flush);
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    Router::new().route_service("/mcp", service).layer(from_fn(authenticated)).layer(map_response(private))
}

/// Refuses what the gate did not authenticate. It can't happen while this router is only reached through the gate.
async fn authenticated(request: Request, next: Next) -> Response {
    if request.extensions().get::<Arc<Principal>>().is_some() {
        return next.run(request).await;
    }
    tracing::error!("a request reached the MCP server without a principal");
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Answers are for one caller.
async fn private(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
