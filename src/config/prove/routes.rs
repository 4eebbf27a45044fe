//! Rules of APIs: from patterns, methods and scopes to a table in which every request has one answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::apis::Proved;
use super::scopes::known;
use super::{Findings, identity, limits, listed, services, tenancy, upstreams};
use crate::config::error::KeyPath;
use crate::config::own_api::{self, Needs};
use crate::config::pack::RawPack;
use crate::config::raw::{RawApi, RawChange, RawOverride, RawRoute};
use crate::config::written::Written;
use crate::config::{Access, Catalogue, Route, RouteMeta, RouteScopes, RouteTimeouts, Tenancy, Traffic};
use crate::routing::{Lookup, MethodSet, Pattern, RouteTable, Segment, conflicts};
use crate::types::{ApiName, RouteId, ScopeBits, ScopeSet, ScopeToken};

/// The rules of one API.
pub(super) struct Rules {
    /// Nothing when two rules conflict, which was reported then.
    pub(super) table: Option<RouteTable<Arc<Route>>>,
    pub(super) listing: Vec<RouteMeta>,
    /// Every scope that a rule needs.
    pub(super) used: ScopeBits,
}

/// What an API says of each of its routes that does not say it itself.
#[derive(Default)]
pub(super) struct EveryRoute {
    client_certificate: bool,
    max_body: Option<u64>,
    timeouts: RouteTimeouts,
}

impl EveryRoute {
    /// As the file has it.
    pub(super) fn of(raw: &RawApi, at: &KeyPath, found: &mut Findings<'_>) -> Self {
        Self {
            client_certificate: raw.client_certificate,
            max_body: limits::body(raw.max_body.as_ref()),
            timeouts: upstreams::route_timeouts(&raw.timeouts, &at.key("timeouts"), found),
        }
    }
}

/// A rule on its way into the table.
struct Draft {
    at: KeyPath,
    pattern: Pattern,
    meta: RouteMeta,
    route: Route,
}

/// Rules of an HTTP API: those of its pack and its own.
pub(super) fn http(
    raw: &RawApi,
    pack: Option<&RawPack>,
    (tenancy, every): (&Tenancy, &EveryRoute),
    (at, catalogue): (&KeyPath, &Catalogue),
    found: &mut Findings<'_>,
) -> Rules {
    let (mut drafts, mut removed, mut of_pack) = (Vec::new(), Vec::new(), Vec::new());
    let name = &raw.name.0;
    overridden(raw, pack, at, found);
    for (i, route) in pack.into_iter().flat_map(|p| p.routes.numbered()) {
        let change = route.id.as_ref().and_then(|id| raw.overrides.get_key_value(id.0.as_str()));
        let id = route.id.as_ref().and_then(|id| RouteId::parse(&format!("{name}.{}", id.0)).ok());
        of_pack.extend(id.clone());
        match change {
            None => {
                let at = at.key("pack").key("routes").index(i);
                drafts.extend(draft(route, (name, id), every, (&at, catalogue), found));
            }
            Some((key, RawOverride::Word(_))) => removed.push((key.as_str(), route)),
            Some((key, RawOverride::Change(change))) => {
                let at = at.key("overrides").key(key);
                drafts.extend(draft(&changed(route, change), (name, id), every, (&at, catalogue), found));
            }
        }
    }
    for (i, route) in raw.routes.numbered() {
        let at = at.key("routes").index(i);
        let id = route.id.as_ref().map(|id| id.0.clone());
        drafts.extend(draft(route, (name, id), every, (&at, catalogue), found));
    }
    let listed = services::listed(raw, pack);
    for draft in &mut drafts {
        if services::is_method(&draft.pattern, &draft.meta.methods, listed) {
            draft.route.traffic = Traffic::Calls;
        }
        draft.meta.closed = tenancy.closes(&draft.route);
    }
    tenancy::routes(tenancy, &drafts.iter().map(|d| (d.at.clone(), &d.route)).collect::<Vec<_>>(), found);
    let rules = rules(drafts, found);
    replaced(&removed, &of_pack, &rules, at, found);
    rules
}

/// Warns of removed routes whose requests are not refused now, but answered by a wider route of the same pack.
fn replaced(removed: &[(&str, &RawRoute)], of_pack: &[RouteId], rules: &Rules, at: &KeyPath, found: &mut Findings<'_>) {
    let Some(table) = &rules.table else { return };
    for (key, route) in removed {
        let paths = Pattern::parse(&route.pattern).map(|p| samples(&p)).unwrap_or_default();
        let mut asked = paths.iter().flat_map(|path| route.methods.iter().map(move |method| (path, &method.0)));
        let answers = asked.find_map(|(path, method)| match table.lookup(path, method) {
            Lookup::Found { route, .. } => of_pack.iter().find(|id| **id == route.id),
            Lookup::MethodNotAllowed { .. } | Lookup::NotFound => None,
        });
        if let Some(id) = answers {
            let text = format!("{} is answered by the route {id} now: remove that too", route.pattern);
            found.warn(at.key("overrides").key(key), text);
        }
    }
}

/// A path for each combination of a pattern's alternatives.
fn samples(pattern: &Pattern) -> Vec<String> {
    pattern.segments().iter().fold(vec![String::new()], |paths, segment| {
        let texts: Vec<&str> = match segment {
            Segment::Literal(text) => vec![&**text],
            Segment::Alternatives(texts) => texts.iter().map(|text| &**text).collect(),
            Segment::Capture(_) | Segment::Rest => vec!["x"],
        };
        paths.iter().flat_map(|path| texts.iter().map(move |text| format!("{path}/{text}"))).collect()
    })
}

/// A route of a pack with the operator's keys in place of its own.
fn changed(route: &RawRoute, change: &RawChange) -> RawRoute {
    RawRoute {
        scopes: change.scopes.clone().unwrap_or_else(|| route.scopes.clone()),
        scopes_any: change.scopes_any.clone().or_else(|| route.scopes_any.clone()),
        keys: change.keys.unwrap_or(route.keys),
        client_certificate: change.client_certificate.or(route.client_certificate),
        rates: change.rates.clone().unwrap_or_else(|| route.rates.clone()),
        max_concurrent: change.max_concurrent.or(route.max_concurrent),
        max_body: change.max_body.clone().or_else(|| route.max_body.clone()),
        timeouts: change.timeouts.clone().unwrap_or_else(|| route.timeouts.clone()),
        headers: change.headers.clone().unwrap_or_else(|| route.headers.clone()),
        ..route.clone()
    }
}

/// Refuses overrides of what is not there.
fn overridden(raw: &RawApi, pack: Option<&RawPack>, at: &KeyPath, found: &mut Findings<'_>) {
    let ids: Vec<_> =
        pack.into_iter().flat_map(|p| p.routes.iter()).filter_map(|r| r.id.as_ref().map(|id| id.0.as_str())).collect();
    for key in raw.overrides.keys().filter(|key| !ids.contains(&key.as_str())) {
        let way_out = format!("known: {}", listed(ids.iter().copied()));
        found.error(at.key("overrides").key(key), "is no route of the pack", way_out);
    }
}

/// The rules of an MCP server: its one URL, for whoever may reach it.
pub(super) fn mcp(
    name: &ApiName,
    invoke: &ScopeSet,
    every: &EveryRoute,
    (at, catalogue): (&KeyPath, &Catalogue),
    found: &mut Findings<'_>,
) -> Rules {
    // This pattern is the mount itself; below it nothing answers.
    let pattern = Pattern::parse("/").map_err(|e| found.error(at, e, "report this")).ok();
    let id = RouteId::parse(&format!("{name}.mcp")).ok();
    let needs = RouteScopes::from(invoke.clone());
    let draft = pattern.zip(id).map(|(pattern, id)| Draft {
        at: at.clone(),
        pattern,
        meta: RouteMeta {
            id: id.clone(),
            pattern: String::new(),
            methods: vec![Method::POST, Method::GET, Method::DELETE],
            needs: Some(needs.clone()),
            keys: false,
            client_certificate: every.client_certificate,
            closed: None,
        },
        route: Route {
            client_certificate: every.client_certificate,
            max_body: every.max_body,
            timeouts: every.timeouts,
            ..plain(id, Access::Scopes(catalogue.rule(&needs)))
        },
    });
    rules(draft.into_iter().collect(), found)
}

/// A route with nothing but its id and who may use it.
const fn plain(id: RouteId, access: Access) -> Route {
    Route {
        id,
        access,
        keys: false,
        client_certificate: false,
        encoded_slash: false,
        org_captures: Vec::new(),
        namespace_captures: Vec::new(),
        index_captures: Vec::new(),
        index_body: None,
        body_without: Vec::new(),
        operation: None,
        enforce: None,
        blind_to: Vec::new(),
        rates: Vec::new(),
        max_concurrent: None,
        max_body: None,
        timeouts: RouteTimeouts { connect: None, first_byte: None, idle: None, total: None },
        traffic: Traffic::Requests,
        upgrade: None,
        errors: None,
        headers: Vec::new(),
    }
}

/// The rules of our own JSON API.
pub(super) fn own(name: &ApiName, (at, catalogue): (&KeyPath, &Catalogue), found: &mut Findings<'_>) -> Rules {
    let mut drafts = Vec::new();
    for rule in own_api::RULES {
        let needs = match rule.needs {
            Needs::Nothing => None,
            Needs::Token => Some(RouteScopes::default()),
            Needs::Scope(scope) => Some(RouteScopes::from(std::iter::once(ScopeToken::from(scope)).collect::<ScopeSet>())),
        };
        let pattern = Pattern::parse(rule.pattern).map_err(|e| found.error(at, e, "report this")).ok();
        let id = RouteId::parse(&format!("{name}.{}", rule.id)).ok();
        let method = Method::from_bytes(rule.method.as_bytes()).ok();
        let Some(((pattern, id), method)) = pattern.zip(id).zip(method) else { continue };
        let access = needs.as_ref().map_or(Access::Public, |needs| Access::Scopes(catalogue.rule(needs)));
        let meta = RouteMeta {
            id: id.clone(),
            pattern: rule.pattern.to_owned(),
            methods: vec![method],
            needs,
            keys: false,
            client_certificate: false,
            closed: None,
        };
        drafts.push(Draft { at: at.clone(), pattern, meta, route: plain(id, access) });
    }
    rules(drafts, found)
}

fn draft(
    raw: &RawRoute,
    (api, id): (&ApiName, Option<RouteId>),
    every: &EveryRoute,
    (at, catalogue): (&KeyPath, &Catalogue),
    found: &mut Findings<'_>,
) -> Option<Draft> {
    let needs = needs(raw, (at, catalogue), found);
    if raw.public && raw.keys {
        found.error(at.key("keys"), "contradicts public", "a public route asks for no credential; keep one of the two");
    }
    let mut methods: Vec<Method> = Vec::new();
    for (i, method) in raw.methods.numbered() {
        if methods.contains(&method.0) {
            found.error(at.key("methods").index(i), format!("{} is there twice", method.0), "name it once");
        } else {
            methods.push(method.0.clone());
        }
    }
    if raw.methods.is_empty() {
        found.error(at.key("methods"), "is empty", "name at least one method");
    }
    let id = id.or_else(|| derived_id(api, &raw.pattern));
    if id.is_none() {
        found.error(at.key("id"), "is missing, and the pattern makes none", "give the route an id");
    }
    let way_out = "write /a/{name}/{b,c}, with /** at the end for everything below";
    let pattern = Pattern::parse(&raw.pattern).map_err(|e| found.error(at.key("match"), e, way_out)).ok()?;
    let named = [
        ("org_captures", &raw.org_captures),
        ("namespace_captures", &raw.namespace_captures),
        ("index_captures", &raw.index_captures),
    ];
    for (key, captures) in named {
        for (i, capture) in captures.iter().enumerate().filter(|(_, c)| !pattern.captures().any(|p| p == c.as_str())) {
            let way_out = format!("write {{{capture}}} in match");
            found.error(at.key(key).index(i), format!("the pattern captures no {capture:?}"), way_out);
        }
    }
    for i in raw.body_without.iter().enumerate().filter(|(_, name)| name.is_empty()).map(|(i, _)| i) {
        found.error(at.key("body_without").index(i), "is empty", "name what no body may have");
    }
    operation(raw, at, found);
    services::upgrade(raw, at, found);
    limits::cap(raw.max_concurrent, at, found);
    let client_certificate = raw.client_certificate.unwrap_or(every.client_certificate);
    let timeouts = upstreams::route_timeouts(&raw.timeouts, &at.key("timeouts"), found);
    let access = if raw.public { Access::Public } else { Access::Scopes(catalogue.rule(&needs)) };
    let id = id?;
    Some(Draft {
        at: at.clone(),
        pattern,
        meta: RouteMeta {
            id: id.clone(),
            pattern: raw.pattern.clone(),
            methods,
            needs: (!raw.public).then_some(needs),
            keys: raw.keys,
            client_certificate,
            closed: None,
        },
        route: Route {
            id,
            access,
            keys: raw.keys,
            client_certificate,
            encoded_slash: raw.encoded_slash,
            org_captures: raw.org_captures.clone(),
            namespace_captures: raw.namespace_captures.clone(),
            index_captures: raw.index_captures.clone(),
            index_body: raw.index_body,
            body_without: raw.body_without.clone(),
            operation: raw.operation.clone(),
            enforce: raw.enforce,
            blind_to: raw.blind_to.clone(),
            rates: limits::rates(&raw.rates, &at.key("rates"), found),
            max_concurrent: raw.max_concurrent,
            max_body: limits::body(raw.max_body.as_ref()).or(every.max_body),
            timeouts: if timeouts == RouteTimeouts::default() { every.timeouts } else { timeouts },
            traffic: Traffic::Requests,
            upgrade: raw.upgrade,
            errors: raw.errors,
            headers: identity::headers(&raw.headers, &at.key("headers"), found),
        },
    })
}

/// What a token needs for a route.
fn needs(raw: &RawRoute, (at, catalogue): (&KeyPath, &Catalogue), found: &mut Findings<'_>) -> RouteScopes {
    let all = known(&raw.scopes, &at.key("scopes"), catalogue, found);
    match (raw.public, raw.scopes.is_empty() && raw.scopes_any.is_none()) {
        (true, false) => found.error(at.key("public"), "contradicts scopes", "keep public = true or scopes, not both"),
        (false, true) => found.error(at.key("scopes"), "is missing", "name what a token needs, or say public = true"),
        (true, true) | (false, false) => {}
    }
    let Some(listed) = &raw.scopes_any else { return all.into() };
    let at = at.key("scopes_any");
    if listed.is_empty() {
        found.error(&at, "is empty, so nobody could use the route", "name scopes of which one is enough, or leave it out");
    }
    for (i, Written(scope)) in listed.numbered().filter(|(_, Written(scope))| all.contains(scope)) {
        let problem = format!("{scope} is in scopes too, so that the others change nothing");
        found.error(at.index(i), problem, "name it in scopes, where all are needed, or here, where one is enough");
    }
    let any = known(listed, &at, catalogue, found);
    RouteScopes::new(all, listed.iter().map(|Written(scope)| scope).filter(|scope| any.contains(scope)).cloned().collect())
}

/// An operation becomes a segment of a path.
fn operation(raw: &RawRoute, at: &KeyPath, found: &mut Findings<'_>) {
    let plain = |o: &String| !o.is_empty() && o.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if let Some(operation) = raw.operation.as_ref().filter(|o| !plain(o)) {
        found.error(at.key("operation"), format!("{operation:?} is not a segment of a path"), "use letters, digits, - and _");
    }
}

/// The API's name and the pattern, in characters of an id.
fn derived_id(api: &ApiName, pattern: &str) -> Option<RouteId> {
    let mut id = api.as_str().to_owned();
    for segment in pattern.split('/').filter(|s| !s.is_empty()) {
        let word = match segment {
            "**" => "all".to_owned(),
            other => other.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-', "-"),
        };
        id.push('.');
        id.push_str(word.trim_matches('-'));
    }
    RouteId::parse(&id).ok()
}

fn rules(drafts: Vec<Draft>, found: &mut Findings<'_>) -> Rules {
    conflicting(&drafts, found);
    let mut used = ScopeBits::NONE;
    let mut listing = Vec::new();
    let mut entries = Vec::new();
    for draft in drafts {
        if let Access::Scopes(rule) = &draft.route.access {
            used = used | rule.every();
        }
        let methods = MethodSet::parse(draft.meta.methods.iter().map(Method::as_str)).unwrap_or(MethodSet::EMPTY);
        entries.push((draft.pattern, methods, Arc::new(draft.route)));
        listing.push(draft.meta);
    }
    Rules { table: RouteTable::build(entries).ok(), listing, used }
}

/// Reports every pair of rules of which nobody could say which one applies, and every id that is there twice.
fn conflicting(drafts: &[Draft], found: &mut Findings<'_>) {
    for (i, later) in drafts.iter().enumerate() {
        for first in &drafts[..i] {
            if first.meta.id == later.meta.id {
                let problem = format!("{} is the id of another route too", later.meta.id);
                found.error(later.at.key("id"), problem, "give the route an id of its own");
            }
            let shared = later.meta.methods.iter().find(|m| first.meta.methods.contains(m));
            if let Some(method) = shared.filter(|_| conflicts(&first.pattern, &later.pattern)) {
                let problem = format!("{method} {} is also answered by the route {}", later.pattern, first.meta.id);
                found.error(later.at.key("match"), problem, "make one of the two more specific, or share out the methods");
            }
        }
    }
}

/// Ids stand in records and metrics without their API.
pub(super) fn unique_ids(apis: &[Proved], found: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    for proved in apis {
        for route in &proved.api.listing {
            if let Some(other) = seen.insert(&route.id, &proved.api.name).filter(|other| **other != proved.api.name) {
                let problem = format!("{} is also a route of the API {other}", route.id);
                found.error(proved.at.key("routes"), problem, "give each route an id of its own");
            }
        }
    }
}
