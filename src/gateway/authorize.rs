//! Stages 2 to 4 of a request: who calls, for which organization, and whether it may.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use super::denial::{Counting, Denial, NamedBy};
use super::hygiene::{CleanRequest, Credential, stripped};
use super::index;
use super::shadow::{Passage, Waived};
use crate::config::{Access, Api, ApiKind, Config, Enforce, Enforcement, Route, ScopeRule, Tell};
use crate::labels;
use crate::node::Node;
use crate::record::CallerRef;
use crate::routing::{Captures, Lookup, MethodSet};
use crate::store::Org;
use crate::token::{Presented, Principal, Refusal, Rejected};
use crate::types::{ALL_TENANTS, Chain, HashedToken, PlainToken, RouteId, ScopeBits, Timestamp, TokenKind};

/// Proof that a request was authorized. Without one nothing can be forwarded: it is what names the upstream.
#[derive(Debug)]
pub struct Permit {
    api: Arc<Api>,
    route: Arc<Route>,
    needed: ScopeBits,
    /// What of it the route itself does not need.
    more: ScopeBits,
    principal: Option<Arc<Principal>>,
    waived: Option<Waived>,
}

impl Permit {
    /// The permit of a request that would have been refused.
    pub(super) fn waived(
        api: &Arc<Api>,
        route: Arc<Route>,
        needed: ScopeBits,
        principal: Option<Arc<Principal>>,
        waived: Waived,
    ) -> Self {
        let mut permit = Self { api: Arc::clone(api), route, needed, more: ScopeBits::NONE, principal, waived: None };
        permit.waive(waived);
        permit
    }

    /// Notes that the request would have been refused; the first reason stays. Who passes as it came loses what we know of it.
    pub(super) fn waive(&mut self, waived: Waived) {
        let mut caller = waived.caller.clone();
        if waived.passage == Passage::AsItCame
            && let Some(principal) = self.principal.take()
        {
            caller = Some(principal.caller().to_caller());
        }
        let passage = waived.passage;
        let kept = self.waived.get_or_insert(waived);
        kept.caller = kept.caller.take().or(caller);
        if passage == Passage::AsItCame {
            kept.passage = passage;
        }
    }

    /// Why enforcement would have refused it.
    #[must_use]
    pub const fn would_deny(&self) -> Option<&Waived> {
        self.waived.as_ref()
    }

    /// Whether nothing of ours is lent to the request.
    #[must_use]
    pub fn is_as_it_came(&self) -> bool {
        self.waived.as_ref().is_some_and(|w| w.passage == Passage::AsItCame)
    }

    /// Whether what is not allowed is refused.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.api.enforcement == Enforcement::On
    }

    /// The route, when one matched.
    #[must_use]
    pub fn matched(&self) -> Option<&RouteId> {
        let none = self.waived.as_ref().is_some_and(|w| !w.matched);
        (!none).then_some(&self.route.id)
    }

    /// Who the record says calls; `None` when nobody is known.
    #[must_use]
    pub fn caller(&self) -> Option<CallerRef<'_>> {
        let known = self.principal.as_ref().map(|p| p.caller());
        known.or_else(|| self.waived.as_ref().and_then(|w| w.caller.as_ref()).map(CallerRef::from))
    }

    /// The API.
    #[must_use]
    pub const fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &RouteId {
        &self.route.id
    }

    /// The rule behind the route.
    #[must_use]
    pub fn rule(&self) -> &Route {
        &self.route
    }

    /// What was needed.
    #[must_use]
    pub const fn needed(&self) -> &ScopeBits {
        &self.needed
    }

    /// Who calls; `None` on public routes.
    #[must_use]
    pub const fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// The same permit with more needed, when the principal holds that too.
    ///
    /// # Errors
    /// When it does not.
    pub fn widen(&mut self, more: &ScopeBits) -> Result<(), Denial> {
        if let Some(principal) = &self.principal {
            covers(principal, &(self.needed | *more))?;
        }
        self.needed = self.needed | *more;
        self.more = self.more | *more;
        Ok(())
    }

    /// Whether the same request would still be allowed to this principal, who is who called, read again. What its permissions were
    /// narrowed to is in what was forwarded already: narrowed to anything else, it is another request.
    ///
    /// # Errors
    /// Why not.
    pub fn check_again(&self, principal: &Principal) -> Result<(), Denial> {
        if self.ways().any(|way| self.holds_by(&way, principal)) {
            return Ok(());
        }
        covers(principal, &self.needed_of(principal))?;
        Err(Denial::Selector(labels::Refused::Narrowed))
    }

    /// The same under another configuration than the one that it was given `then`. Scopes are compared by name: positions hold
    /// within one catalogue only, and a scope that is gone is held by nobody.
    #[must_use]
    pub fn holds_under(&self, now: &Config, then: &Config, principal: &Principal) -> bool {
        if now.generation == then.generation {
            return self.check_again(principal).is_ok();
        }
        self.ways().any(|way| {
            let names = then.catalogue.scopes(&way);
            let needed = now.catalogue.bits(&names);
            names.iter().all(|scope| now.catalogue.entry(scope).is_some()) && self.holds_by(&needed, principal)
        })
    }

    /// What the request needs of a principal: where one of several scopes is enough, another one than at first may be held by now.
    fn needed_of(&self, principal: &Principal) -> ScopeBits {
        match &self.route.access {
            Access::Scopes(rule) if rule.has_choice() => principal.way(rule) | self.more,
            Access::Scopes(_) | Access::Public => self.needed,
        }
    }

    /// The sets of scopes that each suffice for the request.
    fn ways(&self) -> impl Iterator<Item = ScopeBits> {
        let rule = match &self.route.access {
            Access::Scopes(rule) if rule.has_choice() => Some(rule),
            Access::Scopes(_) | Access::Public => None,
        };
        let alone = rule.is_none().then_some(self.needed);
        alone.into_iter().chain(rule.into_iter().flat_map(ScopeRule::ways).map(|way| way | self.more))
    }

    /// Whether an MCP server still lists to this principal, who is who called, read again, what it listed `then`.
    #[must_use]
    pub fn shows_alike(&self, now: &Config, then: &Config, principal: &Principal) -> bool {
        let Some(before) = &self.principal else { return true };
        let alike = self.usable(before) == self.usable(principal);
        if now.generation == then.generation {
            return alike;
        }
        let policy = |config: &Config| match config.apis.iter().find(|api| api.name == self.api.name).map(|api| &api.kind) {
            Some(ApiKind::Mcp(policy)) => Some(Arc::clone(policy)),
            Some(ApiKind::Http) | None => None,
        };
        let names = |config: &Config| config.catalogue.entries().iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        names(now) == names(then) && policy(now) == policy(then) && alike
    }

    /// What the caller may use of an MCP server, and so what its lists show; `None` on public routes.
    #[must_use]
    pub fn shown(&self) -> Option<ScopeBits> {
        self.principal.as_deref().map(|principal| self.usable(principal))
    }

    /// A scope that is narrowed by labels is of no use where nothing is narrowed by them.
    fn usable(&self, principal: &Principal) -> ScopeBits {
        if self.route.enforce == Some(Enforce::Nothing) {
            return principal.effective.now;
        }
        principal.effective.now.without(&principal.narrowing.scopes())
    }

    /// Whether `way`, which is enough for the permit in the catalogue of `principal`, is held, and narrowed as the request was.
    fn holds_by(&self, way: &ScopeBits, principal: &Principal) -> bool {
        let before = self.principal.as_ref().map(|p| p.narrowing.of(&self.needed));
        principal.effective.now.covers(way) && before.is_none_or(|before| before == principal.narrowing.of(way))
    }
}

/// A request that reached an API.
pub struct Asked<'a> {
    /// The configuration of this request.
    pub config: &'a Config,
    /// The API.
    pub api: &'a Arc<Api>,
    /// The path below its mount.
    pub path: &'a str,
    /// The request.
    pub request: &'a CleanRequest,
    /// What it presents.
    pub credential: Credential<'a>,
    /// Its headers, as they came.
    pub headers: &'a HeaderMap,
    /// Where it came from, when that tells its sender from others.
    pub from: Option<IpAddr>,
    /// When it came.
    pub now: Timestamp,
}

/// A refusal, with what was known by then.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The route, when one matched.
    pub route: Option<RouteId>,
    /// Who called, when that was known.
    pub principal: Option<Arc<Principal>>,
    /// What a genuine token said that is worth nothing any more.
    pub claims: Option<Box<crate::token::Claims>>,
}

/// Decides about a request: authentication first, so that nobody without a token learns what there is.
///
/// # Errors
/// The refusal.
pub async fn authorize(node: &Node, asked: &Asked<'_>) -> Result<Permit, Refused> {
    authorize_as(asked, authenticate(node, asked)).await
}

/// The same for whoever `caller` finds; it is not asked where nobody has to be known.
///
/// # Errors
/// The refusal.
pub(super) async fn authorize_as(
    asked: &Asked<'_>,
    caller: impl Future<Output = Result<Arc<Principal>, Refused>>,
) -> Result<Permit, Refused> {
    let lookup = asked.api.routes.lookup(asked.path, asked.request.method());
    if let Lookup::Found { route, .. } = &lookup
        && route.access == Access::Public
    {
        slash(asked, route).map_err(|denial| refused(denial, Some(route), None))?;
        return Ok(Permit {
            api: Arc::clone(asked.api),
            route: Arc::clone(route),
            needed: ScopeBits::NONE,
            more: ScopeBits::NONE,
            principal: None,
            waived: None,
        });
    }
    let principal = caller.await?;
    if !principal.is_for(&asked.api.resource, &asked.api.aliases, asked.config.issuer.as_str()) {
        return Err(refused(Denial::Audience, None, Some(&principal)));
    }
    if matches!(principal.presented, Presented::ApiKey(_)) && !takes_keys(&lookup) {
        return Err(refused(Denial::Key(Refusal::KeyNotAccepted), None, Some(&principal)));
    }
    let (route, captures) = match lookup {
        Lookup::Found { route, captures } => (route, captures),
        Lookup::MethodNotAllowed { allow } => return Err(refused(Denial::Method { allow: list(allow) }, None, Some(&principal))),
        Lookup::NotFound => return Err(refused(Denial::NoRoute, None, Some(&principal))),
    };
    match decide(asked, route, &captures, &principal) {
        Ok(needed) => {
            let (api, route, principal) = (Arc::clone(asked.api), Arc::clone(route), Some(principal));
            Ok(Permit { api, route, needed, more: ScopeBits::NONE, principal, waived: None })
        }
        Err(denial) => Err(refused(denial, Some(route), Some(&principal))),
    }
}

/// Everything about a request with a principal that needs no waiting.
fn decide(asked: &Asked<'_>, route: &Route, captures: &Captures<'_, '_>, principal: &Principal) -> Result<ScopeBits, Denial> {
    slash(asked, route)?;
    bind(asked, route, captures, &principal.org)?;
    match &route.access {
        Access::Public => Ok(ScopeBits::NONE),
        Access::Scopes(rule) => {
            let needed = principal.way(rule);
            covers(principal, &needed).map(|()| needed)
        }
    }
}

fn slash(asked: &Asked<'_>, route: &Route) -> Result<(), Denial> {
    asked.request.admit_encoded_slash(route.encoded_slash).map_err(Denial::Unclean)
}

async fn authenticate(node: &Node, asked: &Asked<'_>) -> Result<Arc<Principal>, Refused> {
    let Credential::Bearer(token) = asked.credential else {
        return Err(refused(Denial::NoToken, None, None));
    };
    if !node.view.is_fresh() {
        return Err(refused(Denial::Stale, None, None));
    }
    // What looks like a key and is none is a malformed token.
    match PlainToken::presented(TokenKind::ApiKey, token) {
        Some(key) if takes_keys(&asked.api.routes.lookup(asked.path, asked.request.method())) => {
            node.verifier.api_key(&key.hashed(), asked.from, asked.config, asked.now).await.map_err(unresolved_key)
        }
        // Anybody can write what looks like a key: where none is taken the store is not asked whose it is.
        Some(key) => {
            let known = node.verifier.known_key(&key.hashed(), asked.config, asked.now);
            known.ok_or_else(|| unresolved_key(Refusal::KeyNotAccepted.into()))
        }
        None => node.verifier.principal(token, asked.config, asked.now).await.map_err(unresolved),
    }
}

/// Who an API key with this hash would speak for, where the route takes keys.
///
/// # Errors
/// The refusal.
pub(super) async fn suppose_key(node: &Node, asked: &Asked<'_>, hash: &HashedToken) -> Result<Arc<Principal>, Refused> {
    if !takes_keys(&asked.api.routes.lookup(asked.path, asked.request.method())) {
        return Err(unresolved_key(Refusal::KeyNotAccepted.into()));
    }
    node.verifier.suppose_key(hash, asked.config, asked.now).await.map_err(unresolved_key)
}

fn takes_keys(lookup: &Lookup<'_, '_, Arc<Route>>) -> bool {
    matches!(lookup, Lookup::Found { route, .. } if route.keys)
}

/// Why nobody is known by a token.
pub(super) fn unresolved(rejected: Rejected) -> Refused {
    nobody(rejected, Denial::Token)
}

/// Why nobody is known by an API key.
fn unresolved_key(rejected: Rejected) -> Refused {
    nobody(rejected, Denial::Key)
}

fn nobody(rejected: Rejected, of: fn(Refusal) -> Denial) -> Refused {
    match rejected {
        Rejected::Refused { refusal, claims } => Refused { denial: of(refusal), route: None, principal: None, claims },
        Rejected::Guessing { wait } => refused(Denial::Rate { of: Counting::Guesses, wait }, None, None),
        Rejected::Fault(error) => {
            tracing::error!(error = %Chain(&error), "a token can't be resolved");
            refused(Denial::Store, None, None)
        }
    }
}

fn covers(principal: &Principal, needed: &ScopeBits) -> Result<(), Denial> {
    if principal.effective.now.covers(needed) { Ok(()) } else { Err(Denial::lacking(principal, needed)) }
}

/// The organization of the token is the only one that a request may name (G2).
fn bind(asked: &Asked<'_>, route: &Route, captures: &Captures<'_, '_>, org: &Org) -> Result<(), Denial> {
    let tenant = tenant_value(asked.api, org);
    let is_ours = |name: &str| is_name(org, tenant, name);
    if !names_own(asked.api, route, captures, org) {
        return Err(Denial::Organization(NamedBy::Path));
    }
    if route.index_captures.iter().any(|c| captures.value(c).is_some_and(|value| value.starts_with('_'))) {
        return Err(Denial::NoRoute);
    }
    index::bind(asked.api, route, captures, org)?;
    let tenancy = &asked.api.tenancy;
    if tells_all(tenancy.tell.as_ref()) && [tenant, org.slug.as_str()].contains(&ALL_TENANTS) {
        return Err(Denial::Selector(labels::Refused::NoValue));
    }
    if let Some(suffix) = &tenancy.host_suffix {
        let named = asked.request.host().strip_suffix(suffix.as_str());
        if named.is_some_and(|slug| slug != org.slug.as_str()) {
            return Err(Denial::Organization(NamedBy::Host));
        }
    }
    if let Some(Tell::Header { name, .. }) = &tenancy.tell
        && asked.headers.get_all(name).iter().any(|v| v.to_str().map_or(true, |v| !is_ours(v)))
    {
        return Err(Denial::Organization(NamedBy::Header));
    }
    if tenancy.is_named_in(stripped(asked.request.query().unwrap_or_default(), &tenancy.stripped_query).as_bytes()) {
        return Err(Denial::Organization(NamedBy::Query));
    }
    Ok(())
}

/// Whether the upstream may take the name of an organization for all of its tenants: `VictoriaMetrics` does in a path, and, where that
/// has none, in `AccountID`.
fn tells_all(tell: Option<&Tell>) -> bool {
    match tell {
        Some(Tell::PathPrefix { .. }) => true,
        Some(Tell::Header { name, .. }) => name == "accountid",
        Some(Tell::Label { .. } | Tell::Index { .. }) | None => false,
    }
}

/// Whether every segment of a path that has to name the organization does.
pub(super) fn names_own(api: &Api, route: &Route, captures: &Captures<'_, '_>, org: &Org) -> bool {
    let tenant = tenant_value(api, org);
    let is_named = |capture: &String| captures.value(capture).is_some_and(|name| is_name(org, tenant, name));
    let is_namespace = |capture: &String| captures.value(capture).is_some_and(|name| is_namespace(api, tenant, name));
    route.org_captures.iter().all(is_named) && route.namespace_captures.iter().all(is_namespace)
}

/// Whether `name` is one of the organization's, which an upstream knows as `tenant`.
fn is_name(org: &Org, tenant: &str, name: &str) -> bool {
    name == org.slug.as_str() || name == org.id.as_str() || name == tenant
}

/// What the upstream of `api` knows the organization by.
#[must_use]
pub fn tenant_value<'o>(api: &Api, org: &'o Org) -> &'o str {
    org.tenants.get(api.name.as_str()).unwrap_or(&org.tenant)
}

/// Whether Grafana takes `name` for the organization: its own are numbers, whose namespaces are `org-2` and so on, and `default` for
/// the first. One that is not told the organization has one for all, which a stack of Grafana Cloud calls by its own number.
fn is_namespace(api: &Api, tenant: &str, name: &str) -> bool {
    if api.tenancy.tell.is_some() {
        return (tenant == "1" && name == "default") || name.strip_prefix("org-") == Some(tenant);
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name == "default" || name.strip_prefix("stacks-").is_some_and(is_number)
}

fn list(methods: MethodSet) -> String {
    methods.iter().map(|m| m.to_string()).collect::<Vec<_>>().join(", ")
}

fn refused(denial: Denial, route: Option<&Route>, principal: Option<&Arc<Principal>>) -> Refused {
    Refused { denial, route: route.map(|r| r.id.clone()), principal: principal.cloned(), claims: None }
}
