//! The rules inside an API.

use std::time::Duration;

use super::{RouteScopes, ScopeRule, TemplateHeader};
use crate::config::{Enforce, IndexBody, Per, RouteErrors, RouteUpgrade, TellMode};
use crate::types::RouteId;

/// A rule inside an API.
#[derive(Debug)]
pub struct Route {
    /// Its stable name.
    pub id: RouteId,
    /// Who may use it.
    pub access: Access,
    /// Whether API keys are taken here, beside access tokens.
    pub keys: bool,
    /// Whether a caller must have shown a client certificate.
    pub client_certificate: bool,
    /// Whether `%2F` may occur in its path.
    pub encoded_slash: bool,
    /// Names of captured segments that must name the token's organization.
    pub org_captures: Vec<String>,
    /// Captured segments that must be the organization's namespace at Grafana.
    pub namespace_captures: Vec<String>,
    /// Names of captured segments that must not start with `_`.
    pub index_captures: Vec<String>,
    /// How its bodies name indices.
    pub index_body: Option<IndexBody>,
    /// Names that its bodies must not have.
    pub body_without: Vec<String>,
    /// What `{operation}` stands for in a path prefix.
    pub operation: Option<String>,
    /// Where a request names series or streams; without it, label tenancy refuses it.
    pub enforce: Option<Enforce>,
    /// Ways of telling the organization that its upstream does not look at here.
    pub blind_to: Vec<TellMode>,
    /// How often it may be called, besides the rates of its API.
    pub rates: Vec<Rate>,
    /// Requests that it serves at one time.
    pub max_concurrent: Option<u32>,
    /// Largest body of a request, bytes.
    pub max_body: Option<u64>,
    /// How long its answers may take.
    pub timeouts: RouteTimeouts,
    /// What goes over it.
    pub traffic: Traffic,
    /// What its connections turn into; requests for anything else are refused there.
    pub upgrade: Option<RouteUpgrade>,
    /// How its refusals are written, where not as problem details.
    pub errors: Option<RouteErrors>,
    /// Headers that tell the upstream about the caller, besides those of the API and in their place.
    pub headers: Vec<TemplateHeader>,
}

/// What goes over a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Requests and their answers.
    Requests,
    /// Calls of methods of a gRPC service: both sides may pause.
    Calls,
}

/// How long an answer may take on a route, where that differs from its upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// To connect, with TLS.
    pub connect: Option<Duration>,
    /// To the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Between two reads of the answer.
    pub idle: Option<Duration>,
    /// To the end of the answer.
    pub total: Option<Duration>,
}

/// How often something may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Whose requests are counted together.
    pub per: Per,
    /// Time that a request is worth, microseconds; at least 1.
    pub interval: i64,
    /// How many may come at once; at least 1.
    pub burst: u32,
}

/// Who may use a route. There is no default: a rule says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Public,
    /// Who holds these scopes.
    Scopes(ScopeRule),
}

/// A route as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMeta {
    /// Its stable name.
    pub id: RouteId,
    /// Its pattern, below the mount.
    pub pattern: String,
    /// Its methods.
    pub methods: Vec<http::Method>,
    /// What it needs; `None` for a public one.
    pub needs: Option<RouteScopes>,
    /// Whether API keys are taken there.
    pub keys: bool,
    /// Whether a client certificate must be shown.
    pub client_certificate: bool,
    /// Why everything that is asked of it is refused, whatever the caller holds; `None` where it is not.
    pub closed: Option<Closed>,
}

/// What a route that stands beside narrowed ones can't be narrowed by: it would answer for all organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// A label in its queries: it has no `enforce`.
    Label,
    /// An index in its path: it has no `index_captures`.
    Index,
    /// What its upstream does not look at there.
    Blind,
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Label => "closed: can't be narrowed by label",
            Self::Index => "closed: can't be narrowed by index",
            Self::Blind => "closed: its upstream does not look at the tenant",
        })
    }
}
