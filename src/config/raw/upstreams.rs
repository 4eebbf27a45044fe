//! How an upstream's endpoints are used.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RawUpstreamTls, UpstreamProtocol, seconds};
use crate::config::written::Written;
use crate::config::{Endpoint, List};
use crate::types::ApiName;

/// A set of endpoints that serve the same thing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawUpstream {
    /// Its name, for `apis.upstream`, logs and metrics.
    pub name: Written<ApiName>,
    /// Where it is. Certificates of `https` endpoints are always verified.
    pub endpoints: List<RawEndpoint>,
    /// What it speaks.
    #[serde(default)]
    pub protocol: UpstreamProtocol,
    /// What answers when an endpoint is well.
    pub health: Option<RawHealth>,
    /// How its endpoints are checked, where `health` says what is asked.
    #[serde(default)]
    pub checks: RawChecks,
    /// When an endpoint that fails requests is left out for a while; never more than half of them.
    #[serde(default)]
    pub ejection: RawEjection,
    /// When it is not asked for a while, because no connection to any of its endpoints can be had.
    #[serde(default)]
    pub breaker: RawBreaker,
    /// When a request that failed is sent again.
    #[serde(default)]
    pub retries: RawRetries,
    /// What it may hold at one time.
    #[serde(default)]
    pub limits: RawUpstreamLimits,
    /// How long an endpoint that comes back takes to get its whole share of the requests again.
    #[serde(default = "slow_start")]
    pub slow_start: Written<Duration>,
    /// How long a resolved name is believed before it is asked for again, in the background.
    #[serde(default = "resolve")]
    pub resolve: Written<Duration>,
    /// What TLS towards it shows and believes.
    #[serde(default)]
    pub tls: RawUpstreamTls,
    /// How long it may take.
    #[serde(default)]
    pub timeouts: RawTimeouts,
    /// Headers that each request gets: the gateway's own credentials for this upstream.
    #[serde(default)]
    pub inject: List<RawInject>,
}

/// How long an upstream may take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawTimeouts {
    /// To connect, with TLS.
    pub connect: Written<Duration>,
    /// Between two reads of an answer.
    pub read: Written<Duration>,
    /// Between two reads of an answer that is a stream: on routes for MCP, gRPC or WebSocket, and where a client that asks for one
    /// is answered with `text/event-stream` or `application/grpc`.
    pub stream_idle: Written<Duration>,
    /// To take what is sent.
    pub write: Written<Duration>,
    /// To the first byte of an answer that is no event stream; at least as long as `read`, and `read` without it.
    pub first_byte: Option<Written<Duration>>,
    /// From the request's head to the end of an answer that is no event stream. Without it there is no such limit.
    pub total: Option<Written<Duration>>,
}

impl Default for RawTimeouts {
    fn default() -> Self {
        Self {
            connect: seconds(5),
            read: seconds(60),
            stream_idle: seconds(3600),
            write: seconds(30),
            first_byte: None,
            total: None,
        }
    }
}

const fn slow_start() -> Written<Duration> {
    seconds(30)
}

const fn resolve() -> Written<Duration> {
    seconds(30)
}

/// A header towards an upstream. It replaces whatever the client sent under that name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawInject {
    /// Its name.
    pub header: Written<HeaderName>,
    /// `env:NAME` of the variable that holds the value.
    pub value: Option<String>,
    /// The file that holds the value.
    pub value_file: Option<PathBuf>,
}

impl RawUpstream {
    /// An upstream with one endpoint and nothing else.
    #[must_use]
    pub fn new(name: ApiName, endpoint: Endpoint) -> Self {
        Self {
            name: Written(name),
            endpoints: std::iter::once(RawEndpoint::Url(Written(endpoint))).collect(),
            protocol: UpstreamProtocol::default(),
            health: None,
            checks: RawChecks::default(),
            ejection: RawEjection::default(),
            breaker: RawBreaker::default(),
            retries: RawRetries::default(),
            limits: RawUpstreamLimits::default(),
            slow_start: slow_start(),
            resolve: resolve(),
            tls: RawUpstreamTls::default(),
            timeouts: RawTimeouts::default(),
            inject: List::default(),
        }
    }
}

/// One endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawEndpoint {
    /// Its URL; its weight is 1.
    Url(Written<Endpoint>),
    /// With a weight.
    Weighted(RawWeighted),
}

impl RawEndpoint {
    /// The endpoint with its weight.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Url(url) => url.0.clone(),
            Self::Weighted(weighted) => Endpoint { weight: weighted.weight, ..weighted.url.0.clone() },
        }
    }
}

/// An endpoint with a weight.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWeighted {
    /// Where it is.
    pub url: Written<Endpoint>,
    /// Its share of the requests, in proportion to the other endpoints' weights; 1 to 1000.
    #[serde(default = "one")]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// What answers when an endpoint is well.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawHealth {
    /// The path that answers 200.
    Path(String),
    /// `grpc.health.v1.Health/Check`.
    Grpc(RawGrpcHealth),
}

/// What `grpc.health.v1.Health/Check` is asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGrpcHealth {
    /// The service that must serve; empty for the server as a whole.
    pub grpc: String,
}

/// How the endpoints of an upstream with `health` are checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawChecks {
    /// From one check of an endpoint to the next.
    pub interval: Written<Duration>,
    /// How long an endpoint may take to answer.
    pub timeout: Written<Duration>,
    /// So many good answers in a row bring an endpoint back.
    pub healthy: u32,
    /// So many bad or missing answers in a row take it out.
    pub unhealthy: u32,
}

impl Default for RawChecks {
    fn default() -> Self {
        Self { interval: seconds(10), timeout: seconds(3), healthy: 2, unhealthy: 3 }
    }
}

/// When an endpoint that fails requests is left out for a while.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawEjection {
    /// So many failures in a row: no connection, no answer, or an answer 5xx but 501 and 505. 0 switches ejection off.
    pub failures: u32,
    /// How long it is left out the first time; each further time doubles it.
    pub base: Written<Duration>,
    /// The most that doubling comes to. An endpoint that was not ejected for this long starts at `base` again.
    pub longest: Written<Duration>,
}

impl Default for RawEjection {
    fn default() -> Self {
        Self { failures: 5, base: seconds(30), longest: seconds(300) }
    }
}

/// When an upstream that can't be reached is not asked for a while.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawBreaker {
    /// So many connections in a row that could not be had, at all endpoints together: refused, timed out, no TLS, no address.
    /// Slow or failed answers don't count. 0 switches it off.
    pub failures: u32,
    /// How long requests are refused the first time, up to a quarter less; each further time doubles it. Then one request at a time
    /// tries.
    pub base: Written<Duration>,
    /// The most that doubling comes to.
    pub longest: Written<Duration>,
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self { failures: 10, base: seconds(1), longest: seconds(30) }
    }
}

/// When a request that failed is sent again: when nothing of it was sent, or when its method is idempotent, it has no body and
/// no byte was answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawRetries {
    /// How often a request is sent at most, the first time included; 1 to 3.
    pub tries: u32,
    /// Retries that may be made for each hundred requests.
    pub budget: u32,
    /// Retries that may be made beyond that, until requests have earned them back.
    pub reserve: u32,
}

impl Default for RawRetries {
    fn default() -> Self {
        Self { tries: 2, budget: 20, reserve: 10 }
    }
}

/// What an upstream may hold at one time. What goes beyond is refused with 503.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawUpstreamLimits {
    /// Requests under way, streams included.
    pub in_flight: u32,
    /// Requests that wait for one of them to end.
    pub pending: u32,
    /// How long they wait.
    pub queue: Written<Duration>,
    /// Requests under way at one endpoint, and so its connections over HTTP/1.
    pub connections: u32,
    /// Connections to one endpoint that are kept, for a minute, while nobody uses them.
    pub idle: u32,
}

impl Default for RawUpstreamLimits {
    fn default() -> Self {
        Self { in_flight: 2048, pending: 512, queue: seconds(1), connections: 2048, idle: 256 }
    }
}

/// How long an answer may take here, in place of the upstream's `timeouts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawRouteTimeouts {
    /// To connect, with TLS.
    pub connect: Option<Written<Duration>>,
    /// To the first byte of the answer; at least as long as `idle`.
    pub first_byte: Option<Written<Duration>>,
    /// Between two reads of the answer, of event streams too.
    pub idle: Option<Written<Duration>>,
    /// From the request's head to the end of the answer.
    pub total: Option<Written<Duration>>,
}
