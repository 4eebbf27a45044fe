//! Mounted APIs, ours included.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::routes::{self, EveryRoute, Rules};
use super::scopes::{OWN_API, OWN_MCP, invoke_scope, known};
use super::{Findings, identity, limits, listed, mounts, policy, services, tenancy};
use crate::config::error::KeyPath;
use crate::config::own_api;
use crate::config::pack::{self, RawPack};
use crate::config::raw::{RawApi, RawConfig, RawKind, RawTenant};
use crate::config::read::top;
use crate::config::written::Alias;
use crate::config::{Api, ApiKind, Catalogue, Enforcement, Target, Tenancy, Upstream, Visibility};
use crate::routing::RouteTable;
use crate::types::{ApiName, Issuer, ResourceId, ScopeBits, ScopeSet, ScopeToken};

/// Packs that the file mounts, by name.
pub(super) type Packs = BTreeMap<String, RawPack>;

/// An API and what later checks ask of it.
pub(super) struct Proved {
    pub(super) api: Arc<Api>,
    pub(super) at: KeyPath,
    /// Every scope that it needs somewhere.
    pub(super) used: ScopeBits,
}

/// Reads the packs that the file mounts.
pub(super) fn packs(raw: &RawConfig, found: &mut Findings<'_>) -> Packs {
    let mut packs = Packs::new();
    for (i, api) in raw.apis.numbered() {
        let Some(name) = &api.pack else { continue };
        let at = top("apis").index(i).key("pack");
        match pack::load(name) {
            None => found.error(at, format!("unknown pack {name:?}"), format!("known: {}", listed(pack::names()))),
            Some(Ok(pack)) => drop(packs.insert(name.clone(), pack)),
            Some(Err(errors)) => found.errors.extend(errors),
        }
    }
    packs
}

/// Every API of the file in its order, then our own.
pub(super) fn all(
    raw: &RawConfig,
    (packs, catalogue, upstreams): (&Packs, &Catalogue, &[Arc<Upstream>]),
    found: &mut Findings<'_>,
) -> Vec<Proved> {
    let prover = Prover { issuer: &raw.public_url.0, packs, catalogue, upstreams };
    let mut apis = Vec::new();
    let mut names = BTreeSet::new();
    for (i, api) in raw.apis.numbered() {
        let at = top("apis").index(i);
        let name = api.name.0.as_str();
        if name == OWN_MCP || name == OWN_API {
            found.error(at.key("name"), format!("{name} is the gateway's own"), "choose another name");
        } else if !names.insert(name) {
            found.error(at.key("name"), format!("there is another API {name}"), "give each API its own name");
        }
        apis.extend(prover.api(api, &at, found));
    }
    apis.extend(prover.own_mcp(found));
    apis.extend(prover.own_api(found));
    unique_resources(&apis, found);
    routes::unique_ids(&apis, found);
    apis
}

fn unique_resources(apis: &[Proved], found: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    // Ours is the last: its identifier is never the one to change.
    for proved in apis.iter().rev() {
        let api = &proved.api;
        let fixed = std::iter::once(&api.resource).chain(&api.aliases).map(ToString::to_string);
        for id in fixed.chain(api.org_aliases.iter().map(ToString::to_string)) {
            if let Some(other) = seen.insert(id.clone(), &api.name).filter(|other| **other != api.name) {
                let problem = format!("{id} already identifies the API {other}");
                found.error(proved.at.key("aliases"), problem, "give each API identifiers of its own");
            }
        }
    }
}

struct Prover<'a> {
    issuer: &'a Issuer,
    packs: &'a Packs,
    catalogue: &'a Catalogue,
    upstreams: &'a [Arc<Upstream>],
}

impl Prover<'_> {
    fn api(&self, raw: &RawApi, at: &KeyPath, found: &mut Findings<'_>) -> Option<Proved> {
        let mount = mounts::mount(&raw.mount, &at.key("mount"), found);
        if raw.enforce == Enforcement::Shadow {
            let pages = if raw.host.is_none() {
                ". People who open pages of its upstream find them sandboxed, as they would have the origin of the gateway's own: give it a `host` \
                 for them"
            } else {
                ""
            };
            let lets = "shadow lets pass what is not allowed; take it out once nobody would be cut off";
            found.warn(at.key("enforce"), format!("{lets}{pages}"));
        }
        let upstream = self.upstream(raw, at, found);
        let pack = raw.pack.as_ref().and_then(|name| self.packs.get(name));
        contradictions(raw, pack, at, found);
        unheeded(raw, pack, at, found);
        let tenancy = tenancy::tenancy(raw, pack, at, found);
        limits::cap(raw.max_concurrent, at, found);
        let every = EveryRoute::of(raw, at, found);
        let (kind, rules, advertised) = match raw.kind {
            RawKind::Http => self.http(raw, pack, (&tenancy, &every), at, found),
            RawKind::Mcp => self.mcp(raw, pack, &every, (at, found)),
        };
        let advertised = match &raw.advertise {
            Some(list) => self.advertise(list, &at.key("advertise"), found),
            None => advertised,
        };
        let told = identity::told(raw, (self.issuer, &tenancy, upstream.as_deref(), rules.table.as_ref()), at, found);
        let packed = pack.into_iter().flat_map(|p| p.identity_headers.iter());
        let headers = packed.chain(raw.identity_headers.iter()).map(|h| &h.0).chain(&told.names);
        let rates = limits::rates(&raw.rates, &at.key("rates"), found);
        if raw.kind == RawKind::Http {
            let of_routes = rules.table.iter().flat_map(RouteTable::iter).flat_map(|(_, _, route)| route.rates.iter().copied());
            limits::of_tools(&rates.iter().copied().chain(of_routes).collect::<Vec<_>>(), &at.key("rates"), found);
        }
        let services = services::of(raw, pack, (&rules, upstream.as_deref()), at, found);
        let (mount, upstream) = (mount?, upstream?);
        let identity_headers = tenancy::identity_headers(headers, tenancy.tell.as_ref());
        let api = Api {
            name: raw.name.0.clone(),
            resource: self.resource(&mount, at, found)?,
            mount,
            services,
            aliases: raw.aliases.iter().filter_map(|a| if let Alias::One(id) = &a.0 { Some(id.clone()) } else { None }).collect(),
            org_aliases: raw
                .aliases
                .iter()
                .filter_map(|a| if let Alias::OfOrg(template) = &a.0 { Some(template.clone()) } else { None })
                .collect(),
            kind,
            target: Target::Upstream(upstream),
            enforcement: raw.enforce,
            routes: rules.table?,
            listing: rules.listing,
            tenancy,
            rates,
            max_concurrent: raw.max_concurrent,
            advertised,
            allowed_origins: raw.allowed_origins.iter().map(|o| o.0.0.clone()).collect(),
            token_ttl: limits::token_ttl(raw.token_ttl.as_ref(), &at.key("token_ttl"), found),
            identity_headers,
            headers: told.headers,
            assertion: told.assertion,
            exchange: told.exchange,
        };
        Some(Proved { api: Arc::new(api), at: at.clone(), used: rules.used })
    }

    fn upstream(&self, raw: &RawApi, at: &KeyPath, found: &mut Findings<'_>) -> Option<Arc<Upstream>> {
        let name = raw.upstream.0.as_str();
        let upstream = self.upstreams.iter().find(|u| u.name == name).cloned();
        if upstream.is_none() {
            let known = listed(self.upstreams.iter().map(|u| u.name.as_str()));
            let way_out = format!("known: {known}; add [[upstreams]] name = {name:?}");
            found.unknown(&["upstreams"], at.key("upstream"), format!("unknown upstream {name:?}"), way_out);
        }
        upstream
    }

    fn resource(&self, mount: &str, at: &KeyPath, found: &mut Findings<'_>) -> Option<ResourceId> {
        let id = ResourceId::parse(&self.issuer.at(mount));
        id.map_err(|e| found.error(at.key("mount"), e, "choose a path that may stand in a URL")).ok()
    }

    fn http(
        &self,
        raw: &RawApi,
        pack: Option<&RawPack>,
        (tenancy, every): (&Tenancy, &EveryRoute),
        at: &KeyPath,
        found: &mut Findings<'_>,
    ) -> (ApiKind, Rules, ScopeSet) {
        let rules = routes::http(raw, pack, (tenancy, every), (at, self.catalogue), found);
        let open = rules.listing.iter().filter(|route| route.closed.is_none()).filter_map(|route| route.needs.as_ref());
        let needed = open.fold(ScopeSet::default(), |all, needs| all.union(&needs.every()));
        let advertised = self.public(&needed);
        (ApiKind::Http, rules, advertised)
    }

    /// Those of them that metadata may name.
    fn public(&self, scopes: &ScopeSet) -> ScopeSet {
        scopes.intersection(&self.catalogue.advertised())
    }

    fn mcp(
        &self,
        raw: &RawApi,
        pack: Option<&RawPack>,
        every: &EveryRoute,
        (at, found): (&KeyPath, &mut Findings<'_>),
    ) -> (ApiKind, Rules, ScopeSet) {
        let invoke = self.invoke(raw.name.0.as_str());
        let bits = self.catalogue.bits(&invoke);
        let packed = pack.map(|p| p.needs_of(raw.name.0.as_str())).unwrap_or_default();
        let proved = policy::policy(raw, packed, (bits, at), self.catalogue, found);
        let mut rules = routes::mcp(&raw.name.0, &invoke, every, (at, self.catalogue), found);
        rules.used = rules.used | proved.used;
        (ApiKind::Mcp(Arc::new(proved.policy)), rules, self.public(&invoke.union(&proved.by_default)))
    }

    fn invoke(&self, api: &str) -> ScopeSet {
        let scope = ScopeToken::parse(&invoke_scope(api)).ok();
        scope.filter(|s| self.catalogue.entry(s).is_some()).into_iter().collect()
    }

    fn advertise(
        &self,
        list: &crate::config::list::List<crate::config::written::Written<ScopeToken>>,
        at: &KeyPath,
        found: &mut Findings<'_>,
    ) -> ScopeSet {
        let scopes = known(list, at, self.catalogue, found);
        for entry in scopes.iter().filter_map(|s| self.catalogue.entry(s)).filter(|e| !e.is_advertised()) {
            let (why, way_out) = match entry.visibility {
                _ if entry.deprecated.is_some() => ("is deprecated", "take it out"),
                Visibility::Public => ("is not given by authorization_code", "take it out, or add that to its grants_allowed"),
                _ => ("is not public", "take it out, or make it public"),
            };
            found.error(at, format!("{} {why} and must not be advertised", entry.name), way_out);
        }
        scopes
    }

    fn own_mcp(&self, found: &mut Findings<'_>) -> Option<Proved> {
        let at = KeyPath::root().key("public_url");
        let name = ApiName::parse(OWN_MCP).ok()?;
        let invoke = self.invoke(OWN_MCP);
        let proved = policy::own(self.catalogue.bits(&invoke), self.catalogue);
        let rules = routes::mcp(&name, &invoke, &EveryRoute::default(), (&at, self.catalogue), found);
        let api = Api {
            name,
            mount: mounts::OWN_MCP_MOUNT.to_owned(),
            resource: self.resource(mounts::OWN_MCP_MOUNT, &at, found)?,
            services: Vec::new(),
            aliases: Vec::new(),
            org_aliases: Vec::new(),
            kind: ApiKind::Mcp(Arc::new(proved.policy)),
            target: Target::OwnMcp,
            enforcement: Enforcement::On,
            routes: rules.table?,
            listing: rules.listing,
            tenancy: Tenancy::default(),
            rates: Vec::new(),
            max_concurrent: None,
            advertised: invoke,
            allowed_origins: Vec::new(),
            token_ttl: None,
            identity_headers: Vec::new(),
            headers: Vec::new(),
            assertion: None,
            exchange: None,
        };
        Some(Proved { api: Arc::new(api), at, used: proved.used })
    }
}

impl Prover<'_> {
    /// Nothing of it is advertised: who asks for everything that is useful must not get the organization's administration.
    fn own_api(&self, found: &mut Findings<'_>) -> Option<Proved> {
        let at = KeyPath::root().key("public_url");
        let name = ApiName::parse(OWN_API).ok()?;
        let rules = routes::own(&name, (&at, self.catalogue), found);
        let api = Api {
            name,
            mount: own_api::MOUNT.to_owned(),
            resource: self.resource(own_api::MOUNT, &at, found)?,
            services: Vec::new(),
            aliases: Vec::new(),
            org_aliases: Vec::new(),
            kind: ApiKind::Http,
            target: Target::OwnApi,
            enforcement: Enforcement::On,
            routes: rules.table?,
            listing: rules.listing,
            tenancy: Tenancy::default(),
            rates: Vec::new(),
            max_concurrent: None,
            advertised: ScopeSet::default(),
            allowed_origins: Vec::new(),
            token_ttl: None,
            identity_headers: Vec::new(),
            headers: Vec::new(),
            assertion: None,
            exchange: None,
        };
        Some(Proved { api: Arc::new(api), at, used: rules.used })
    }
}

/// Warns of upstreams that look at the tenant when they are told to and not before: who writes `tenant` has seen to that.
fn unheeded(raw: &RawApi, pack: Option<&RawPack>, at: &KeyPath, found: &mut Findings<'_>) {
    let wants = pack.and_then(|p| p.tenant_wants.as_ref()).filter(|_| raw.tenant.is_none());
    if let Some(wants) = wants {
        let text = format!(
            "its upstream looks at the tenant only with {wants}, and without that answers with every organization's: see to it, and \
             write the pack's tenant here once it is so"
        );
        found.warn(at.key("pack"), text);
    }
}

fn contradictions(raw: &RawApi, pack: Option<&RawPack>, at: &KeyPath, found: &mut Findings<'_>) {
    if let Some(pack) = pack.filter(|p| p.kind != raw.kind) {
        let (problem, way_out) = match pack.kind {
            RawKind::Http => ("contradicts kind = \"mcp\"", "this pack is for HTTP APIs; take one of them out"),
            RawKind::Mcp => ("is for MCP servers", "add kind = \"mcp\""),
        };
        found.error(at.key("pack"), problem, way_out);
    }
    match raw.kind {
        RawKind::Mcp => {
            if matches!(raw.tenant, Some(RawTenant::Label { .. })) {
                let way_out = "an MCP server has no selectors; tell it by header or path";
                found.error(at.key("tenant").key("mode"), "contradicts kind = \"mcp\"", way_out);
            }
            if !raw.routes.is_empty() {
                let way_out = "an MCP server has one URL: say its caps and timeouts at the API, and in tools what its tools need";
                found.error(at.key("routes"), "contradicts kind = \"mcp\"", way_out);
            }
        }
        RawKind::Http => {
            let names = [("tools", &raw.tools), ("prompts", &raw.prompts), ("resources", &raw.resources)];
            for (key, _) in names.into_iter().filter(|(_, names)| !names.is_empty()) {
                found.error(at.key(key), "is only for MCP servers", "add kind = \"mcp\", or take it out");
            }
            if raw.tasks {
                found.error(at.key("tasks"), "is only for MCP servers", "add kind = \"mcp\", or take it out");
            }
            if raw.pack.is_none() && raw.routes.is_empty() {
                let way_out = format!("add [[apis.routes]], or pack = one of: {}", listed(pack::names()));
                found.error(at.key("routes"), "is missing: every request would be refused", way_out);
            }
        }
    }
}
