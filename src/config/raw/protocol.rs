//! What is spoken: towards upstreams, on upgraded connections, in refusals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: over TLS by ALPN, without TLS with prior knowledge (h2c). gRPC needs it.
    Http2,
}

/// What a connection turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteUpgrade {
    /// A WebSocket (RFC 6455).
    Websocket,
}

/// How refusals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteErrors {
    /// `google.rpc.Status`, in protobuf or JSON as the request was, for OTLP over HTTP.
    Otlp,
}
