//! The decision for proxies that operators already run: Envoy `ext_authz`, nginx `auth_request`, Traefik `forwardAuth`, Caddy
//! `forward_auth`, on a socket of its own.
//!
//! `dialect (what the original request was) → trust → plugin::Gate (the decision of the gate) → dialect (what the proxy understands)`
//!
//! A proxy is believed about the original request only when the operator lists it or it knows the secret. What it could not carry
//! out is refused: a proxy that asks never does more than the gate itself would have done.

mod answer;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod grpc;
mod http;
mod original;
mod proto;
#[cfg(test)]
mod tests;
mod trust;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;

use crate::plugin::Gate;

/// What answers on the authorizer's socket.
pub fn router(gate: Gate) -> Router {
    Router::new().fallback(serve).with_state(gate)
}

async fn serve(State(gate): State<Gate>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    if request.uri().path() == grpc::PATH {
        grpc::check(&gate, peer, request).await
    } else {
        http::check(&gate, peer, request).await
    }
}
