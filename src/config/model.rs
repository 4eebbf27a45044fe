//! The proved configuration.

mod identity;
mod needs;
mod routes;
mod tenancy;
mod upstreams;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{SecretSlice, SecretString};
use url::Url;

use super::matrix::needing;
use super::{Catalogue, Enforcement, HookEvent, ListenTls, Logo};
pub use identity::{Assertion, Exchange, ExchangeAuth, SubjectTokenType, TemplateHeader};
pub use needs::{RouteScopes, ScopeRule};
pub use routes::{Access, Closed, Rate, Route, RouteMeta, RouteTimeouts, Traffic};
pub use tenancy::{OrgName, Tell, Tenancy};
pub use upstreams::{
    Breaker, Checks, Ejection, Endpoint, Health, InjectedHeader, Retries, Upstream, UpstreamLimits, UpstreamTimeouts,
};

use crate::mcp::ServerPolicy;
use crate::routing::{Lookup, MountTable, RouteTable};
use crate::types::{
    ApiName, Dialect, Issuer, OrgNamed, OrgResource, OwnScope, ResourceId, RoleName, ScopeBits, ScopeSet, ScopeToken, Selectors,
    Slug,
};

/// One whole configuration. A request sees one, from its first stage to its last.
#[derive(Debug)]
pub struct Config {
    /// Counts configurations of this process, so that what was computed under another is seen to be stale.
    pub generation: u64,
    /// The origin that everything published is built from.
    pub issuer: Issuer,
    /// Sockets and their limits.
    pub listen: Listen,
    /// `sqlite:PATH` or `postgres://…`.
    pub store_url: SecretString,
    /// Where this node keeps its journal.
    pub data_dir: PathBuf,
    /// 32 random bytes, the same on every node: seals signing keys, derives what must agree between nodes.
    pub secret: Arc<DeploymentSecret>,
    /// Every scope.
    pub catalogue: Catalogue,
    /// Every role.
    pub roles: Roles,
    /// What some of their permissions are narrowed to.
    pub role_selectors: RoleSelectors,
    /// Permissions that some route can narrow to labels; to narrow another one would close it.
    pub narrowable: ScopeBits,
    /// Upstreams, by name in order.
    pub upstreams: Vec<Arc<Upstream>>,
    /// APIs in the order of the file; the own MCP server is the last.
    pub apis: Vec<Arc<Api>>,
    /// Which API a path belongs to.
    pub mounts: MountTable<Arc<Api>>,
    /// Which API a gRPC service at the root belongs to.
    pub services: BTreeMap<String, Arc<Api>>,
    /// Lifetimes and limits of the authorization server.
    pub oauth: OAuthPolicy,
    /// The audit log.
    pub audit: AuditPolicy,
    /// Who is told of security events.
    pub hooks: Vec<Arc<Hook>>,
    /// Who may ask for decisions.
    pub authorizer: AuthorizerPolicy,
    /// The deployments of the service; empty, or this one among them.
    pub sites: Vec<Site>,
}

impl Config {
    /// The API that answers for a canonical path, and the path that its routes match.
    #[must_use]
    pub fn api_at<'p>(&self, path: &'p str) -> Option<(&Arc<Api>, &'p str)> {
        self.mounts.lookup(path).or_else(|| {
            let (service, _method) = path.strip_prefix('/')?.split_once('/')?;
            self.services.get(service).map(|api| (api, path))
        })
    }

    /// The API that a resource identifier with an organization in it stands for, and that organization.
    #[must_use]
    pub fn api_in_org(&self, resource: &ResourceId) -> Option<(&Arc<Api>, OrgNamed)> {
        self.apis.iter().find_map(|api| Some((api, api.org_aliases.iter().find_map(|alias| alias.names(resource))?)))
    }

    /// The API that owns a resource identifier.
    #[must_use]
    pub fn api_of(&self, resource: &ResourceId) -> Option<&Arc<Api>> {
        self.apis.iter().find(|a| a.resource == *resource || a.aliases.contains(resource))
    }

    /// The longest that an access token for these resources lives; none of them, or the issuer, is every API.
    #[must_use]
    pub fn token_ttl(&self, resources: &[ResourceId]) -> Option<Duration> {
        let everywhere = resources.is_empty() || resources.iter().any(|r| r.as_str() == self.issuer.as_str());
        let good = self.apis.iter().filter(|api| everywhere || resources.contains(&api.resource));
        good.filter_map(|api| api.token_ttl).min()
    }

    /// What metadata names: scopes that any client may ask for, but for those that are good for nothing, as every route that needs
    /// them is closed.
    #[must_use]
    pub fn advertised(&self) -> ScopeSet {
        let closed = self.apis.iter().flat_map(|api| &api.listing).filter(|route| route.closed.is_some());
        let closed =
            closed.filter_map(|route| route.needs.as_ref()).fold(ScopeSet::default(), |all, needs| all.union(&needs.every()));
        let idle = |scope: &&ScopeToken| {
            let bits = self.catalogue.bits(&std::iter::once((*scope).clone()).collect());
            self.apis.iter().all(|api| needing(api, scope, &bits).is_empty())
        };
        self.catalogue.advertised().difference(&closed.iter().filter(idle).cloned().collect())
    }

    /// What apps know this deployment by: its name among the sites, or its host.
    #[must_use]
    pub fn site(&self) -> &str {
        let this = self.sites.iter().find(|site| site.issuer == self.issuer);
        this.map_or_else(|| self.issuer.authority(), |site| site.name.as_str())
    }

    /// Whether a member who has these roles may do what this scope of our own stands for.
    #[must_use]
    pub fn may(&self, roles: &[RoleName], needed: OwnScope) -> bool {
        self.catalogue.own(needed).is_some_and(|needed| self.roles.permissions(roles).covers(&needed))
    }

    /// What an API key can be good for: the scopes of the routes that take keys.
    #[must_use]
    pub fn key_scopes(&self) -> ScopeBits {
        let routes = self.apis.iter().flat_map(|api| api.routes.iter());
        routes.filter(|(_, _, route)| route.keys).fold(ScopeBits::NONE, |all, (_, _, route)| match &route.access {
            Access::Public => all,
            Access::Scopes(rule) => all | rule.every(),
        })
    }
}

/// 32 random bytes that never print.
pub struct DeploymentSecret(pub(super) [u8; 32]);

impl DeploymentSecret {
    /// Takes the secret from its file or from a test.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for key derivation alone.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for DeploymentSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeploymentSecret(..)")
    }
}

/// Sockets and their limits.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where everybody connects.
    pub public: SocketAddr,
    /// Metrics, health, administration.
    pub admin: SocketAddr,
    /// Where proxies ask for decisions.
    pub authorizer: Option<SocketAddr>,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Peers whose connections begin with a header of the PROXY protocol, which is believed.
    pub balancers: Vec<IpNet>,
    /// Authorities besides the public URL's that are answered: other names of the same gateway.
    pub extra_hosts: Vec<String>,
    /// TLS on the public socket.
    pub tls: Option<ListenTls>,
    /// Limits.
    pub limits: Limits,
}

impl Listen {
    /// Whether a peer says who it asks for.
    #[must_use]
    pub fn is_trusted(&self, peer: IpAddr) -> bool {
        // A balancer of connections writes no header of HTTP: what there is of them is the client's.
        is_listed(&self.trusted_proxies, peer) && !self.is_balancer(peer)
    }

    /// Whether connections of a peer must begin with a header that says whose they are.
    #[must_use]
    pub fn is_balancer(&self, peer: IpAddr) -> bool {
        is_listed(&self.balancers, peer)
    }

    /// The address of a client that tells it from others. That of a trusted proxy does not: everybody behind it may have it.
    #[must_use]
    pub fn apart(&self, client: Option<SocketAddr>) -> Option<IpAddr> {
        client.map(|client| client.ip()).filter(|ip| !self.is_trusted(*ip))
    }
}

fn is_listed(networks: &[IpNet], peer: IpAddr) -> bool {
    // A socket for both families shows IPv4 peers as IPv6 ones.
    let plain = peer.to_canonical();
    networks.iter().any(|net| net.contains(&peer) || net.contains(&plain))
}

/// Who may ask for decisions, how, and what is done with them.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerPolicy {
    /// How may be asked.
    pub dialects: Vec<Dialect>,
    /// Proxies that are believed; empty when the secret alone decides.
    pub trusted_proxies: Vec<IpNet>,
    /// What a proxy must send to be believed.
    pub secret: Option<SecretString>,
    /// Whether proxies that can't be told which headers to remove forward only headers that they list.
    pub strips_headers: bool,
    /// Whether proxies forward the target that we answer with.
    pub uses_target: bool,
    /// Whether proxies are given the credentials of upstreams.
    pub upstream_credentials: bool,
}

/// Limits of the public listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time.
    pub max_connections: usize,
    /// Connections of one client address at one time; at least 1.
    pub max_connections_per_address: u32,
    /// TLS handshakes that one client address may begin in a second, in the long run; at least 1.
    pub max_handshakes_per_address: u32,
    /// How long an address is refused that floods; zero for never.
    pub flood_penalty: Duration,
    /// From accepting a connection, or from the first byte of a request, to the whole request head.
    pub header_timeout: Duration,
    /// A connection without a request.
    pub idle_timeout: Duration,
    /// A client that sends nothing of a body that has not ended.
    pub body_timeout: Duration,
    /// A client that accepts nothing of an answer.
    pub write_timeout: Duration,
    /// How long a stop waits for requests to end.
    pub drain_timeout: Duration,
    /// Largest body that a local endpoint reads, bytes.
    pub max_local_body: usize,
    /// Largest MCP message, bytes.
    pub max_mcp_body: usize,
    /// Requests under way at one time; at least 1.
    pub max_in_flight: u32,
    /// Requests of one client address under way or waiting; at least 1.
    pub max_in_flight_per_address: u32,
    /// Requests that wait.
    pub max_pending: u32,
    /// How long they wait.
    pub queue: Duration,
    /// How long what is ready to run may wait for its turn.
    pub max_delay: Duration,
    /// Audit records that may wait for the store; at least 1.
    pub max_audit_backlog: u32,
    /// Bytes that what is known of tokens may take.
    pub max_token_cache: usize,
    /// Bytes of bodies that may be held at one time.
    pub buffer_memory: usize,
    /// Bytes of them that one organization may hold, or one network of which nobody knows more.
    pub buffer_memory_share: usize,
    /// How long the store may take to answer.
    pub max_store_latency: Duration,
}

/// Every role and what it permits, what some permissions take besides, and what every member may do whatever their roles.
#[derive(Clone, Debug, Default)]
pub struct Roles(pub BTreeMap<RoleName, ScopeBits>, pub Vec<Requirement>, pub ScopeBits);

/// A permission that counts only together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The permission.
    pub scope: ScopeBits,
    /// The others, all of them.
    pub needs: ScopeBits,
}

/// What the permissions of roles are narrowed to.
#[derive(Clone, Debug, Default)]
pub struct RoleSelectors(pub BTreeMap<RoleName, Selectors>);

impl Roles {
    /// What a member who has these roles may do. A role that no longer exists permits nothing; a permission that requires another
    /// counts when any of the roles has that one.
    #[must_use]
    pub fn permissions(&self, roles: &[RoleName]) -> ScopeBits {
        let held = roles.iter().filter_map(|r| self.0.get(r)).fold(self.2, |all, r| all | *r);
        let unmet = self.1.iter().filter(|required| !held.covers(&required.needs));
        unmet.fold(held, |left, required| left.without(&required.scope))
    }
}

/// A mounted API: a protected resource of RFC 9728.
#[derive(Debug)]
pub struct Api {
    /// Its name.
    pub name: ApiName,
    /// Where it is mounted: `/…` without a trailing slash.
    pub mount: String,
    /// gRPC services of it that are reached at the root too.
    pub services: Vec<String>,
    /// Its resource identifier: the public URL of its mount.
    pub resource: ResourceId,
    /// Other identifiers for the same resource, URNs for example.
    pub aliases: Vec<ResourceId>,
    /// The same with an organization in them, for tokens that act in it.
    pub org_aliases: Vec<OrgResource>,
    /// What it speaks.
    pub kind: ApiKind,
    /// Who answers.
    pub target: Target,
    /// Whether what is not allowed is refused.
    pub enforcement: Enforcement,
    /// Its routes.
    pub routes: RouteTable<Arc<Route>>,
    /// Every route with its pattern and methods, for people.
    pub listing: Vec<RouteMeta>,
    /// How requests and the upstream are bound to the organization.
    pub tenancy: Tenancy,
    /// How often it may be called, all routes together.
    pub rates: Vec<Rate>,
    /// Requests that it serves at one time, all routes together.
    pub max_concurrent: Option<u32>,
    /// What its metadata advertises and its 401 asks for: the least that is useful.
    pub advertised: ScopeSet,
    /// Origins of browsers that may call it; the public URL always may.
    pub allowed_origins: Vec<String>,
    /// The longest that an access token lives that is good here.
    pub token_ttl: Option<Duration>,
    /// The rules were made by hand for this API and stand before anything else: headers that identify callers to its upstream.
    pub identity_headers: Vec<http::HeaderName>,
    /// Headers that tell its upstream about the caller.
    pub headers: Vec<TemplateHeader>,
    /// What it signs for its upstream.
    pub assertion: Option<Assertion>,
    /// What is asked for each caller at its upstream's authorization server.
    pub exchange: Option<Arc<Exchange>>,
}

impl Api {
    /// Of an MCP server that can be reached with `held`: the tools that the configuration names and that may be called with it. `None`
    /// of anything else.
    #[must_use]
    pub fn tools_for(&self, held: &ScopeBits) -> Option<Vec<&str>> {
        let ApiKind::Mcp(policy) = &self.kind else { return None };
        if !held.covers(&policy.invoke) {
            return None;
        }
        let named = policy.tools.listing().into_iter().filter_map(|(pattern, _)| pattern.filter(|p| !p.contains(['*', '?'])));
        let open =
            |name: &&str| policy.allows(&crate::mcp::Target::Tool((*name).to_owned()), held) == crate::mcp::Verdict::Allowed;
        Some(named.filter(open).collect())
    }

    /// What its routes match of a canonical path of it: what is below the mount, or all of the path of a gRPC service.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.mount.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }

    /// Whether bodies of its requests or answers may be read as a whole before they go on.
    #[must_use]
    pub fn holds_bodies(&self) -> bool {
        let by_body =
            matches!(self.tenancy.tell, Some(Tell::Label { .. } | Tell::Index { .. } | Tell::Header { label: Some(_), .. }));
        by_body || matches!(self.kind, ApiKind::Mcp(_)) || self.tenancy.reads_forms()
    }

    /// The route of a canonical path below the mount.
    #[must_use]
    pub fn route_of(&self, path: &str, method: &http::Method) -> Option<&Route> {
        match self.routes.lookup(path, method) {
            Lookup::Found { route, .. } => Some(route),
            Lookup::MethodNotAllowed { .. } | Lookup::NotFound => None,
        }
    }
}

/// A deployment of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What apps know it by.
    pub name: String,
    /// Its issuer.
    pub issuer: Issuer,
}

/// What an API speaks.
#[derive(Debug)]
pub enum ApiKind {
    /// Plain HTTP.
    Http,
    /// The Model Context Protocol, with its tool policy and the scope that everything needs.
    Mcp(Arc<ServerPolicy>),
}

/// Who answers an API's requests.
#[derive(Debug)]
pub enum Target {
    /// An upstream.
    Upstream(Arc<Upstream>),
    /// Our own MCP server.
    OwnMcp,
    /// Our own JSON API.
    OwnApi,
}

/// Lifetimes and limits of the authorization server.
#[derive(Clone, Debug)]
pub struct OAuthPolicy {
    /// Lifetime of a code.
    pub code_ttl: Duration,
    /// Lifetime of an access token from a code or a refresh token.
    pub access_token_ttl: Duration,
    /// Lifetime of an access token of a machine client.
    pub machine_token_ttl: Duration,
    /// A refresh token that is not used ends after this.
    pub refresh_idle: Duration,
    /// A grant ends after this, used or not.
    pub grant_ttl: Duration,
    /// How long a rotated refresh token still gets its successor.
    pub refresh_grace: Duration,
    /// How long a waiting authorization request lives.
    pub request_ttl: Duration,
    /// A session without a request ends after this.
    pub session_idle: Duration,
    /// A session ends after this.
    pub session_ttl: Duration,
    /// Whether clients may register themselves.
    pub dynamic_registration: bool,
    /// Registrations per hour and address.
    pub registrations_per_hour: u32,
    /// A dynamic client without a live grant is removed after this.
    pub dynamic_client_ttl: Duration,
    /// Failed sign-ins per account, and per address, in fifteen minutes; wrong secrets per client and address.
    pub login_attempts: u32,
    /// Clients per organization.
    pub max_clients_per_org: u64,
    /// The operator's name on every page.
    pub operator_name: String,
    /// The operator's logo beside it.
    pub operator_logo: Option<Logo>,
}

/// The audit log.
#[derive(Clone, Debug)]
pub struct AuditPolicy {
    /// What a record survives.
    pub power_safe: bool,
    /// How long records are kept.
    pub retention: Duration,
}

/// Somebody who is told of security events.
#[derive(Debug)]
pub struct Hook {
    /// Its name.
    pub name: ApiName,
    /// How it is told.
    pub target: HookTarget,
    /// The organization that it is told about; `None` is every one.
    pub organization: Option<Slug>,
    /// What it is told; never empty.
    pub events: BTreeSet<HookEvent>,
}

/// How a hook is told.
#[derive(Debug)]
pub enum HookTarget {
    /// By a signed POST.
    Webhook {
        /// Where to.
        url: Url,
        /// Signs what is posted.
        secret: SecretSlice<u8>,
    },
    /// By a program.
    Command {
        /// Its absolute path.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}
