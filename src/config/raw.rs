//! The file as it is written. The schema and the reference page are made from these types and their comments.

mod authorizer;
mod balancer;
mod hooks;
mod identity;
mod needs;
mod protocol;
mod routes;
mod tenancy;
mod tls;
mod upstreams;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use authorizer::RawAuthorizer;
pub use balancer::RawProxyProtocol;
pub use hooks::{HookEvent, RawHook};
pub use identity::{RawAssertion, RawAuthentication, RawExchange, RawHeader};
pub use needs::{RawAllowed, RawDeny, RawNeed, RawRule, RawValue};
pub use protocol::{RouteErrors, RouteUpgrade, UpstreamProtocol};
pub use routes::{Enforce, IndexBody, Per, RawChange, RawOverride, RawRate, RawRemove, RawRoute};
pub use tenancy::{RawTenant, TellMode};
pub use tls::{RawCertificate, RawTls, RawUpstreamTls};
pub use upstreams::{
    RawBreaker, RawChecks, RawEjection, RawEndpoint, RawGrpcHealth, RawHealth, RawInject, RawRetries, RawRouteTimeouts,
    RawTimeouts, RawUpstream, RawUpstreamLimits, RawWeighted,
};

use super::list::List;
use super::written::{Alias, ByteSize, Origin, Written};
use super::{GrantFlow, Risk, Visibility};
use crate::types::{ApiName, Issuer, LabelValues, ScopeToken};

/// Configuration of a Tollgate gateway. Relative paths start at the working directory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// The issuer. Every URL that is published is built from it, never from a request's `Host`.
    pub public_url: Written<Issuer>,
    /// Sockets.
    #[serde(default)]
    pub listen: RawListen,
    /// Decisions for a proxy that forwards by itself.
    #[serde(default)]
    pub authorizer: RawAuthorizer,
    /// Limits of the public listener.
    #[serde(default)]
    pub limits: RawLimits,
    /// Where state is kept.
    #[serde(default)]
    pub store: RawStore,
    /// What this node keeps on its own disk.
    #[serde(default)]
    pub data: RawData,
    /// The deployment's secret.
    #[serde(default)]
    pub keys: RawKeys,
    /// Lifetimes and limits of the authorization server.
    #[serde(default)]
    pub oauth: RawOAuth,
    /// The audit log.
    #[serde(default)]
    pub audit: RawAudit,
    /// Scopes by name. An entry for a scope of a route pack changes only the keys that it names.
    #[serde(default)]
    pub scopes: BTreeMap<String, RawScope>,
    /// Roles by name. `admin` (every scope) and `viewer` (every public scope of low risk that reads) exist unless they are
    /// defined here.
    #[serde(default)]
    pub roles: BTreeMap<String, RawRole>,
    /// The services that the gateway stands in front of.
    #[serde(default)]
    pub upstreams: List<RawUpstream>,
    /// The APIs that are mounted on the public URL. What is not mounted, and what no route of a mounted API names, is refused.
    #[serde(default)]
    pub apis: List<RawApi>,
    /// Who is told of security events.
    #[serde(default)]
    pub hooks: List<RawHook>,
    /// The deployments of one service, this one among them. Apps travel between them as manifests, and are told at which they are.
    #[serde(default)]
    pub sites: List<RawSite>,
}

/// A deployment of the service: an issuer of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSite {
    /// What apps know it by, for example `eu1`: the parameter `site` of authorization callbacks.
    pub name: String,
    /// Its `public_url`. The site whose issuer is this gateway's is this one.
    pub issuer: Written<Issuer>,
}

/// Sockets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawListen {
    /// Where everybody connects.
    pub public: Written<SocketAddr>,
    /// Metrics, health, administration. Keep it off public networks.
    pub admin: Written<SocketAddr>,
    /// Where proxies ask for decisions; nobody can without it. `[authorizer]` says which proxies, and how.
    pub authorizer: Option<Written<SocketAddr>>,
    /// Peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Written<IpNet>>,
    /// Balancers that pass connections on as they come, and say whose they are.
    pub proxy_protocol: RawProxyProtocol,
    /// Other names of the same gateway, as `Host` carries them. A request for a name that is neither here nor in `public_url` is
    /// refused.
    pub extra_hosts: Vec<String>,
    /// TLS on the public socket. Without it something in front of the gateway has to do that.
    pub tls: Option<RawTls>,
}

impl Default for RawListen {
    fn default() -> Self {
        let local = |port| Written(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        Self {
            public: local(8080),
            admin: local(9901),
            authorizer: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: RawProxyProtocol::default(),
            extra_hosts: Vec::new(),
            tls: None,
        }
    }
}

/// Limits of the public listener.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawLimits {
    /// Connections at one time.
    pub max_connections: u32,
    /// Connections of one client address (IPv6: of one /64) at one time; peers in `listen.trusted_proxies` have no such cap.
    /// Without it: a quarter of `max_connections`, at least 100.
    pub max_connections_per_address: Option<u32>,
    /// TLS handshakes that one client address (IPv6: one /64) may begin in a second, in the long run: five seconds' worth come at once,
    /// more wait up to five seconds for their turn, and what goes beyond is closed; peers in `listen.trusted_proxies` have no such cap.
    pub max_handshakes_per_address: u32,
    /// How long an address (IPv6: a /64) is refused after five of its connections were thrown out for flooding, counted from the first of
    /// them; peers in `listen.trusted_proxies` are not, and with `0s` nobody is.
    pub flood_penalty: Written<Duration>,
    /// From the first byte of a request, or from accepting the connection, to the end of its head.
    pub header_timeout: Written<Duration>,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Written<Duration>,
    /// How long a client may send nothing of a body that has not ended.
    pub body_timeout: Written<Duration>,
    /// How long a client may accept nothing of an answer before it is cut.
    pub write_timeout: Written<Duration>,
    /// How long a stop waits for running requests.
    pub drain_timeout: Written<Duration>,
    /// Largest request body that the gateway's own endpoints read.
    pub max_local_body: Written<ByteSize>,
    /// Largest MCP message.
    pub max_mcp_body: Written<ByteSize>,
    /// Requests under way at one time, streams included.
    pub max_in_flight: u32,
    /// Requests of one client address (IPv6: of one /64) under way or waiting; those of peers in `listen.trusted_proxies` count by the
    /// client that they name. Without it: a quarter of `max_in_flight`, at least 100.
    pub max_in_flight_per_address: Option<u32>,
    /// Requests that wait for one of them to end; what goes beyond is refused with 503.
    pub max_pending: u32,
    /// How long they wait.
    pub queue: Written<Duration>,
    /// How long what is ready to run may wait for its turn: when it is longer for a tenth of a second, more comes than the node gets done,
    /// and only as many requests are begun as it keeps up with; the others are refused with 503, those of who asks for most first.
    pub max_delay: Written<Duration>,
    /// Audit records that may wait for the store; with more, calls of APIs are refused until half of them are left.
    pub max_audit_backlog: u32,
    /// Memory for who tokens speak for, about 1 KiB for each; tokens beyond it are read from the store at every use.
    pub max_token_cache: Written<ByteSize>,
    /// Memory for bodies that are read as a whole before they go on: MCP messages, forms, queries, answers of which something is
    /// taken out, and what is kept of a body to send it again. What finds none is refused with 503.
    pub buffer_memory: Written<ByteSize>,
    /// How much of it the requests of one organization hold at most, or, while nobody knows whose they are, of one client address
    /// (IPv6: of one /64). Without it: a quarter, at least 16MiB and what one body may have, or all of it.
    pub buffer_memory_share: Option<Written<ByteSize>>,
    /// How long the store may take to answer; when it takes longer, pages and the gateway's own endpoints are refused.
    pub max_store_latency: Written<Duration>,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_address: None,
            max_handshakes_per_address: 200,
            flood_penalty: seconds(30),
            header_timeout: seconds(10),
            idle_timeout: seconds(60),
            body_timeout: seconds(60),
            write_timeout: seconds(30),
            drain_timeout: seconds(30),
            max_local_body: Written(ByteSize(64 << 10)),
            max_mcp_body: Written(ByteSize(1 << 20)),
            max_in_flight: 10_000,
            max_in_flight_per_address: None,
            max_pending: 1_000,
            queue: seconds(1),
            max_delay: Written(Duration::from_millis(20)),
            max_audit_backlog: 200_000,
            max_token_cache: Written(ByteSize(256 << 20)),
            buffer_memory: Written(ByteSize(256 << 20)),
            buffer_memory_share: None,
            max_store_latency: seconds(2),
        }
    }
}

/// Where state is kept. Without a key: `tollgate.db` in `data.dir`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawStore {
    /// `sqlite:PATH`, `postgres://…`, or `env:NAME` for a variable that holds one of them.
    pub url: Option<String>,
    /// A file that holds the URL, when it carries a password.
    pub url_file: Option<PathBuf>,
}

/// What this node keeps on its own disk.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawData {
    /// The directory of the audit journal. Each node needs its own.
    pub dir: PathBuf,
}

impl Default for RawData {
    fn default() -> Self {
        Self { dir: "data".into() }
    }
}

/// The deployment's secret: 32 random bytes in base64 or hexadecimal, the same on every node. It seals the signing keys, so
/// losing it ends every token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawKeys {
    /// The file that holds it; without this key and without `secret`, `secret.key` in `data.dir`.
    pub secret_file: Option<PathBuf>,
    /// `env:NAME` of the variable that holds it.
    pub secret: Option<String>,
}

/// Lifetimes and limits of the authorization server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawOAuth {
    /// Lifetime of an authorization code, at most `10m`.
    pub code_ttl: Written<Duration>,
    /// Lifetime of an access token that acts for a user, at most `60m`.
    pub access_token_ttl: Written<Duration>,
    /// Lifetime of an access token of a machine client, at most `60m`.
    pub machine_token_ttl: Written<Duration>,
    /// A refresh token ends when it was not used for this long.
    pub refresh_idle: Written<Duration>,
    /// A grant ends after this, used or not.
    pub grant_ttl: Written<Duration>,
    /// How long a rotated refresh token still gets its successor: clients lose responses.
    pub refresh_grace: Written<Duration>,
    /// How long an authorization request waits for its user.
    pub request_ttl: Written<Duration>,
    /// A browser session ends when it was not used for this long.
    pub session_idle: Written<Duration>,
    /// A browser session ends after this, used or not.
    pub session_ttl: Written<Duration>,
    /// Whether clients may register themselves (RFC 7591). Most MCP clients need it.
    pub dynamic_registration: bool,
    /// Registrations per hour and address.
    pub registrations_per_hour: u32,
    /// A client that registered itself is removed when it had no live grant for this long.
    pub dynamic_client_ttl: Written<Duration>,
    /// Failed sign-ins per account, and per address, in fifteen minutes; wrong secrets per client and address.
    pub login_attempts: u32,
    /// Clients per organization.
    pub max_clients_per_org: u32,
    /// The operator's name on every page, where clients read who runs this, and in what hooks are told.
    pub operator_name: String,
    /// File of the operator's logo, a PNG or an SVG of at most 64 KiB, beside the name on every page. It is served by the gateway
    /// itself, and read again when it changes. Without it: the built-in mark.
    pub operator_logo: Option<PathBuf>,
}

impl Default for RawOAuth {
    fn default() -> Self {
        Self {
            code_ttl: seconds(60),
            access_token_ttl: seconds(600),
            machine_token_ttl: seconds(300),
            refresh_idle: days(30),
            grant_ttl: days(90),
            refresh_grace: seconds(60),
            request_ttl: seconds(600),
            session_idle: seconds(12 * 3600),
            session_ttl: days(7),
            dynamic_registration: true,
            registrations_per_hour: 20,
            dynamic_client_ttl: days(90),
            login_attempts: 10,
            max_clients_per_org: 100,
            operator_name: "Tollgate".to_owned(),
            operator_logo: None,
        }
    }
}

/// The audit log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawAudit {
    /// What a record survives before its request is forwarded.
    pub durability: Durability,
    /// How long records are kept, at least `7d`.
    pub retention: Written<Duration>,
}

impl Default for RawAudit {
    fn default() -> Self {
        Self { durability: Durability::Process, retention: days(365) }
    }
}

/// What a record survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The end of the process, by `kill -9` too.
    Process,
    /// Loss of power, at the price of one disk flush per group of requests.
    Power,
}

/// A scope: what a token may be good for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawScope {
    /// A short name for people, shown beside the scope itself: at most 60 characters, for example "Query metrics".
    pub title: Option<String>,
    /// One sentence for the consent page. A scope that no pack brings needs it.
    pub description: Option<String>,
    /// Under which heading the consent page shows it. Without it: what stands before the first `:` of the name.
    pub group: Option<String>,
    /// How loudly the consent page speaks of it. Without it: `medium`.
    pub risk: Option<Risk>,
    /// Who may ask for it. Without it: `public`.
    pub visibility: Option<Visibility>,
    /// Scopes that come with it: who is given this one is given them too, as far as they could have been asked for. All of them
    /// stand here, those that one of them implies in turn among them. Private ones can't. Nothing that was given before changes.
    pub implies: Option<List<Written<ScopeToken>>>,
    /// The longest that an access token with it lives, one of a machine or a refreshed one too: of a token's scopes, the shortest
    /// counts. At most an hour.
    pub max_token_ttl: Option<Written<Duration>>,
    /// The grant types that give it. Without it: all of them. Refreshed tokens go on with what one of them gave.
    pub grants_allowed: Option<List<Written<GrantFlow>>>,
    /// Whether it is going away: then it isn't advertised, and no app or client takes it up. What was given goes on. Without it:
    /// no.
    pub deprecated: Option<bool>,
    /// Another scope that a user has to hold, by any of their roles, for this one to count. Looked at at each request.
    pub requires_permission: Option<Written<ScopeToken>>,
    /// What to ask for instead of one that is deprecated.
    pub replaced_by: Option<Written<ScopeToken>>,
}

impl RawScope {
    /// This entry, with what it does not say taken from `base`.
    #[must_use]
    pub(super) fn over(self, base: Self) -> Self {
        Self {
            title: self.title.or(base.title),
            description: self.description.or(base.description),
            group: self.group.or(base.group),
            risk: self.risk.or(base.risk),
            visibility: self.visibility.or(base.visibility),
            implies: self.implies.or(base.implies),
            max_token_ttl: self.max_token_ttl.or(base.max_token_ttl),
            grants_allowed: self.grants_allowed.or(base.grants_allowed),
            deprecated: self.deprecated.or(base.deprecated),
            requires_permission: self.requires_permission.or(base.requires_permission),
            replaced_by: self.replaced_by.or(base.replaced_by),
        }
    }
}

/// A role: what its holders may do, and so the most that their applications can.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRole {
    /// Scopes.
    pub permissions: List<Written<ScopeToken>>,
    /// What some of them are narrowed to: a label selector for each scope, which requests get besides the organization's own.
    #[serde(default)]
    pub selectors: BTreeMap<String, BTreeMap<String, LabelValues>>,
}

/// A mounted API: a protected resource of its own (RFC 9728).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawApi {
    /// Its name, for audit records, metrics and pages.
    pub name: Written<ApiName>,
    /// Where it is mounted. Its resource identifier is the public URL of this path.
    pub mount: String,
    /// Names of gRPC services that are reached at the root too, since gRPC clients send no path in front of them. Without it,
    /// those of `pack`.
    pub services: Option<Vec<String>>,
    /// What it speaks.
    #[serde(default)]
    pub kind: RawKind,
    /// A route pack: ready-made routes for a known upstream.
    pub pack: Option<String>,
    /// The name of its upstream.
    pub upstream: Written<ApiName>,
    /// Whether what is not allowed is refused.
    #[serde(default)]
    pub enforce: Enforcement,
    /// Other resource identifiers for the same API, URNs for example. With the organization in it, one is accepted where that is the token's.
    #[serde(default)]
    pub aliases: List<Written<Alias>>,
    /// `{org}.apps.example.com`: requests may name their organization by host. Another organization's host is refused.
    pub host: Option<String>,
    /// How the upstream is told which organization it serves.
    pub tenant: Option<RawTenant>,
    /// Parameters, of the URL or of a form, that name a tenant to the upstream. A request with one of them is refused.
    #[serde(default)]
    pub forbidden_query: Vec<String>,
    /// Such parameters that are taken out of the URL instead, since clients send them without a thought. A form with one of them is
    /// refused.
    #[serde(default)]
    pub strip_query: Vec<String>,
    /// Headers that identify callers to the upstream. They are removed from every request before anything is added.
    #[serde(default)]
    pub identity_headers: List<Written<HeaderName>>,
    /// Headers that tell the upstream who calls. What a client sends under their names is removed.
    #[serde(default)]
    pub headers: List<RawHeader>,
    /// A JWT by which the upstream can verify who calls.
    pub assertion: Option<RawAssertion>,
    /// A token of the upstream's own authorization server for each caller.
    pub exchange: Option<RawExchange>,
    /// Its rules, in addition to those of `pack`. The most specific pattern decides.
    #[serde(default)]
    pub routes: List<RawRoute>,
    /// How often it may be called, all routes together.
    #[serde(default)]
    pub rates: List<RawRate>,
    /// Whether a caller must have shown a client certificate: on every route that does not say otherwise.
    #[serde(default)]
    pub client_certificate: bool,
    /// Requests that it serves at one time on this node, all routes together; streams count until they end.
    pub max_concurrent: Option<u32>,
    /// Largest body of a request, on every route that does not say. Messages of an MCP server have `limits.max_mcp_body` as well.
    pub max_body: Option<Written<ByteSize>>,
    /// How long an answer may take, in place of the upstream's `timeouts`: on every route that has none itself.
    #[serde(default)]
    pub timeouts: RawRouteTimeouts,
    /// What is different from `pack`: keys are ids of its routes, without the API's name.
    #[serde(default)]
    pub overrides: BTreeMap<String, RawOverride>,
    /// Of an MCP server: what each tool needs besides `mcp:<name>:invoke`. Keys are names, with `*` for any run of characters; the
    /// key `default` stands for all other tools and denies them when it is absent.
    #[serde(default)]
    pub tools: BTreeMap<String, RawNeed>,
    /// Of an MCP server: the same for prompts.
    #[serde(default)]
    pub prompts: BTreeMap<String, RawNeed>,
    /// Of an MCP server: the same for resources, by URI, and for resource templates, by their text.
    #[serde(default)]
    pub resources: BTreeMap<String, RawNeed>,
    /// Of an MCP server: whether calls may become tasks that are asked for later (`tasks/*`). A task is its caller's: the gate
    /// seals its id. The tool policy judges the call, and not what is asked of its task later.
    #[serde(default)]
    pub tasks: bool,
    /// Scopes that its metadata names and its 401 asks for. Without it: of an MCP server the scope to reach it and what other
    /// tools need by default, else every public scope of its routes.
    pub advertise: Option<List<Written<ScopeToken>>>,
    /// Pages whose scripts may call it. The public URL always may.
    #[serde(default)]
    pub allowed_origins: List<Written<Origin>>,
    /// The longest that an access token lives that is good here, at most `60m`: one for this API, and one that names no API. Without
    /// it, what `oauth` and the client say.
    pub token_ttl: Option<Written<Duration>>,
}

/// Whether what is not allowed is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// It is refused.
    #[default]
    On,
    /// It is let pass and put on record with the reason, so that nobody is cut off before it is known who would be. What
    /// makes a request mean two things is refused all the same, and so is what can't be put on record.
    Shadow,
}

/// What an API speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawKind {
    /// Plain HTTP.
    #[default]
    Http,
    /// The Model Context Protocol over streamable HTTP, both eras. Its upstream's endpoint is the URL of the MCP server.
    Mcp,
}

const fn seconds(n: u64) -> Written<Duration> {
    Written(Duration::from_secs(n))
}

const fn days(n: u64) -> Written<Duration> {
    seconds(n * 86_400)
}
