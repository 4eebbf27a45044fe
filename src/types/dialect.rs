//! How a proxy asks whether it may forward a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a proxy asks whether it may forward a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// nginx `auth_request`, at `/auth/nginx`.
    Nginx,
    /// Traefik `forwardAuth`, at `/auth/traefik`.
    Traefik,
    /// Caddy `forward_auth`, at `/auth/caddy`.
    Caddy,
    /// Envoy `ext_authz` with an HTTP service, below `/auth/envoy`.
    EnvoyHttp,
    /// Envoy `ext_authz` with a gRPC service.
    EnvoyGrpc,
}

impl Dialect {
    /// Its name in configuration, records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
            Self::Caddy => "caddy",
            Self::EnvoyHttp => "envoy_http",
            Self::EnvoyGrpc => "envoy_grpc",
        }
    }
}
