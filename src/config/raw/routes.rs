//! The rules inside an API.

use std::time::Duration;

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RawHeader, RawRouteTimeouts, RouteErrors, RouteUpgrade, TellMode};
use crate::config::list::List;
use crate::config::written::{ByteSize, Written};
use crate::types::{RouteId, ScopeToken};

/// A rule inside an API.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRoute {
    /// Its stable name in audit records and metrics. Without it: the API's name and the pattern. Routes of a pack get the API's
    /// name in front.
    pub id: Option<Written<RouteId>>,
    /// The path below the mount: `{name}` captures a segment, `{a,b}` stands for one of several, `/**` at the end for
    /// everything below.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Its methods.
    pub methods: List<Written<Method>>,
    /// What a token needs: all of these scopes.
    #[serde(default)]
    pub scopes: List<Written<ScopeToken>>,
    /// Scopes of which a token needs one, whichever it is, besides all of `scopes`.
    pub scopes_any: Option<List<Written<ScopeToken>>>,
    /// Whether it is open to anybody, without a token. It must have neither `scopes` nor `scopes_any` then.
    #[serde(default)]
    pub public: bool,
    /// Whether API keys are taken here, beside access tokens: for routes that applications push to.
    #[serde(default)]
    pub keys: bool,
    /// Whether a caller must have shown a client certificate, beside what else the route needs. Without it, what the API says.
    pub client_certificate: Option<bool>,
    /// Whether `%2F` may occur in its path.
    #[serde(default)]
    pub encoded_slash: bool,
    /// Names of captured segments that must name the token's organization, by id, slug or tenant value.
    #[serde(default)]
    pub org_captures: Vec<String>,
    /// Names of captured segments that must be the organization's namespace at Grafana: `org-` and its tenant value, `default` for `1`;
    /// where Grafana is not told the organization, `default` or a stack of Grafana Cloud (`stacks-` and a number).
    #[serde(default)]
    pub namespace_captures: Vec<String>,
    /// Names of captured segments that must each name one thing of the caller's: none that starts with `_`, which the
    /// upstream keeps for itself.
    #[serde(default)]
    pub index_captures: Vec<String>,
    /// How its bodies name indices.
    #[serde(default)]
    pub index_body: Option<IndexBody>,
    /// Names that its bodies, YAML or JSON, must not have, however they are spelt there: by them one would name other tenants. Bodies are
    /// read for it before they go on, up to `limits.max_mcp_body`.
    #[serde(default)]
    pub body_without: Vec<String>,
    /// How often it may be called, besides the rates of its API.
    #[serde(default)]
    pub rates: List<RawRate>,
    /// Requests that it serves at one time on this node; streams count until they end.
    pub max_concurrent: Option<u32>,
    /// Largest body of a request. Without it, what the API says.
    pub max_body: Option<Written<ByteSize>>,
    /// How long an answer may take, in place of the upstream's `timeouts`. A route that has some has none of its API.
    #[serde(default)]
    pub timeouts: RawRouteTimeouts,
    /// What `{operation}` of a tenant's path prefix stands for here.
    pub operation: Option<String>,
    /// Where a request names series or streams, so that `tenant.mode = "label"` can narrow it. Without it the route is refused
    /// in that mode.
    pub enforce: Option<Enforce>,
    /// Ways of `tenant.mode` that its upstream does not look at here: it answers with everybody's whatever it is told. In these
    /// modes the route is narrowed as `enforce` says where the tenant has a `label`, and refused otherwise.
    #[serde(default)]
    pub blind_to: Vec<TellMode>,
    /// What its connections turn into. Offers to change protocols are taken nowhere else, and other requests are refused here.
    pub upgrade: Option<RouteUpgrade>,
    /// How its refusals are written, where not as problem details (RFC 9457).
    pub errors: Option<RouteErrors>,
    /// Headers that tell the upstream who calls, besides those of the API and in place of those with their names.
    #[serde(default)]
    pub headers: List<RawHeader>,
}

/// Where a request names series or streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforce {
    /// Nowhere: neither request nor answer has anything of any tenant.
    Nothing,
    /// The parameter `query` is PromQL.
    PromqlQuery,
    /// The parameter `query` is PromQL, and the answer lists exemplars of Prometheus; those of other series are taken out.
    PromqlExemplars,
    /// The parameters `match[]` are series selectors; without one, all series of the organization.
    PromqlMatch,
    /// The answer lists rules of Prometheus; the others are taken out.
    PromqlRules,
    /// The answer lists alerts of Prometheus; the others are taken out.
    PromqlAlerts,
    /// The parameter `query` is LogQL.
    LogqlQuery,
    /// The parameter `query` is LogQL that selects streams.
    LogqlStreams,
    /// The parameter `query` is LogQL or missing; without it, all streams of the organization.
    LogqlOptional,
    /// The parameters `match` and `match[]` are stream selectors; without one, all streams of the organization.
    LogqlSeries,
    /// The parameters `filter` narrow the answer of an Alertmanager.
    AlertmanagerFilter,
    /// The answer lists silences of an Alertmanager; the others are taken out.
    AlertmanagerSilences,
    /// The body is a silence of an Alertmanager. One that it replaces must be the organization's.
    AlertmanagerSilence,
    /// The path ends in the id of a silence of an Alertmanager, which must be the organization's.
    AlertmanagerSilenceId,
}

/// How a body names indices, where `tenant.mode` is `"index"`. Other bodies are documents, and pass as they are. Where the path names
/// no index (no `index_captures`), every line or document of a list has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndexBody {
    /// One query, at most 1 MiB of JSON. It may refer to documents of other indices.
    Query,
    /// Lines of `_msearch`: index and query by turns.
    Searches,
    /// Lines of `_bulk`: what is done with which index, and the document.
    Bulk,
    /// One list of `_mget`, at most 1 MiB of JSON: documents by index and id.
    Documents,
}

impl IndexBody {
    /// Whether every line or document can name its index, so that no path has to.
    #[must_use]
    pub const fn names_each(self) -> bool {
        matches!(self, Self::Searches | Self::Bulk | Self::Documents)
    }
}

/// What is different from a route of a pack.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawOverride {
    /// Other keys.
    Change(RawChange),
    /// The route is taken out: its requests are refused.
    Word(RawRemove),
}

/// Other keys of a route of a pack.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawChange {
    /// What a token needs instead: all of these scopes.
    pub scopes: Option<List<Written<ScopeToken>>>,
    /// Scopes of which a token needs one instead, besides all of `scopes`.
    pub scopes_any: Option<List<Written<ScopeToken>>>,
    /// Whether API keys are taken here.
    pub keys: Option<bool>,
    /// Whether a caller must have shown a client certificate.
    pub client_certificate: Option<bool>,
    /// How often it may be called, besides the rates of its API.
    pub rates: Option<List<RawRate>>,
    /// Requests that it serves at one time on this node; streams count until they end.
    pub max_concurrent: Option<u32>,
    /// Largest body of a request.
    pub max_body: Option<Written<ByteSize>>,
    /// How long an answer may take, in place of the upstream's `timeouts`.
    pub timeouts: Option<RawRouteTimeouts>,
    /// Headers that tell the upstream who calls, besides those of the API and in place of those with their names.
    pub headers: Option<List<RawHeader>>,
}

/// How often something may be called. Each node counts for itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRate {
    /// Whose requests are counted together.
    pub per: Per,
    /// How many.
    pub requests: u32,
    /// In how long, at least `1s`.
    pub every: Written<Duration>,
    /// How many may come at once, after a pause. Without it, `requests`.
    pub burst: Option<u32>,
}

/// Whose requests are counted together. Without a token there is only the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Everybody's of an organization.
    Organization,
    /// An application's in an organization.
    Client,
    /// A user's in an organization, through whichever application.
    User,
    /// An address's; of IPv6, a /64's.
    Address,
    /// An organization's of one tool, prompt or resource of an MCP server.
    Tool,
}

/// The route is taken out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRemove {
    /// The route is taken out.
    Remove,
}
