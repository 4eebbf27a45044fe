//! What is proxied to.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::{UpstreamProtocol, UpstreamTls};

/// A set of endpoints that serve the same thing.
#[derive(Debug)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Where it is; never empty.
    pub endpoints: Vec<Endpoint>,
    /// What it speaks.
    pub protocol: UpstreamProtocol,
    /// What its health check asks.
    pub health: Option<Health>,
    /// How it is checked, where something is asked.
    pub checks: Checks,
    /// When an endpoint is left out for a while.
    pub ejection: Ejection,
    /// When it is not asked at all.
    pub breaker: Breaker,
    /// When a request is sent again.
    pub retries: Retries,
    /// What it may hold at one time.
    pub limits: UpstreamLimits,
    /// How long an endpoint that comes back takes to get its whole share.
    pub slow_start: Duration,
    /// How long a resolved name is believed.
    pub resolve: Duration,
    /// What TLS towards it shows and believes.
    pub tls: UpstreamTls,
    /// Its timeouts.
    pub timeouts: UpstreamTimeouts,
    /// What we add to each request: the upstream's own credentials.
    pub inject: Vec<InjectedHeader>,
}

/// What a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// This path, below the endpoint's own.
    Path(String),
    /// `grpc.health.v1.Health/Check` of this service; empty for the server as a whole.
    Grpc(String),
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it is reached over TLS; the certificate is always verified.
    pub tls: bool,
    /// What comes before every path: empty, or `/…` without a trailing slash.
    pub base_path: String,
    /// Its share of the requests, in proportion to the others'; 1 to 1000.
    pub weight: u32,
}

impl Endpoint {
    /// Whether both are the same place, whatever their shares.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        (&self.host, self.port, self.tls, &self.base_path) == (&other.host, other.port, other.tls, &other.base_path)
    }
}

/// How endpoints are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// From one check to the next.
    pub interval: Duration,
    /// How long an endpoint may take to answer.
    pub timeout: Duration,
    /// Good answers in a row that bring an endpoint back; at least 1.
    pub healthy: u32,
    /// Bad answers in a row that take it out; at least 1.
    pub unhealthy: u32,
}

/// When an endpoint that fails requests is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Failures in a row; `None` when endpoints are never ejected.
    pub failures: Option<std::num::NonZeroU32>,
    /// How long the first time.
    pub base: Duration,
    /// How long at most.
    pub longest: Duration,
}

/// When an upstream that can't be reached is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Connections in a row that could not be had; `None` when it is always asked.
    pub failures: Option<std::num::NonZeroU32>,
    /// How long the first time.
    pub base: Duration,
    /// How long at most.
    pub longest: Duration,
}

/// When a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often it is sent at most; 1 to 3.
    pub tries: u8,
    /// Retries for each hundred requests.
    pub budget: u32,
    /// Retries beyond that, until they are earned back.
    pub reserve: u32,
}

/// What an upstream may hold at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamLimits {
    /// Requests under way; at least 1.
    pub in_flight: u32,
    /// Requests that wait.
    pub pending: u32,
    /// How long they wait.
    pub queue: Duration,
    /// Requests under way at one endpoint; at least 1.
    pub connections: u32,
    /// Connections to one endpoint that are kept while nobody uses them; at least 1.
    pub idle: u32,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamTimeouts {
    /// To connect, with TLS.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// Between two events of an event stream.
    pub stream_idle: Duration,
    /// To take what we write.
    pub write: Duration,
    /// To the first byte of an answer; never less than `read`.
    pub first_byte: Option<Duration>,
    /// To the end of an answer.
    pub total: Option<Duration>,
}

/// A header that we add towards an upstream.
#[derive(Debug)]
pub struct InjectedHeader {
    /// Its name.
    pub name: http::HeaderName,
    /// Its value, read from a file or the environment.
    pub value: SecretString,
}
