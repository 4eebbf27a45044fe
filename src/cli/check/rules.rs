//! What a changed configuration decides otherwise, apart from the scopes that are needed and held.

use std::collections::{BTreeMap, BTreeSet};

use super::impact::{Effect, Impact};
use crate::config::{Access, Api, ApiKind, Config, Enforce, Enforcement, Route, Tell, Tenancy};
use crate::mcp::{Condition, NamePolicy, Need, ServerPolicy};
use crate::types::{RoleName, RouteId, ScopeBits, ScopeSet, ScopeToken, Selector};

/// Everything of this kind that `after` in the place of `before` would touch.
pub(super) fn changes(before: &Config, after: &Config) -> Vec<Impact> {
    let both = before.apis.iter().filter_map(|old| Some((&**old, &**after.apis.iter().find(|new| new.name == old.name)?)));
    let of_apis = both.flat_map(|(old, new)| {
        let mut found = api(old, new);
        found.extend(routes(old, new));
        if let (ApiKind::Mcp(was), ApiKind::Mcp(is)) = (&old.kind, &new.kind) {
            found.extend(server(old.name.as_str(), (before, was), (after, is)));
        }
        found
    });
    of_apis.chain(selectors(before, after)).collect()
}

/// What is strict where something is asked for, and open where it is not.
fn strictness(was: bool, is: bool) -> Option<Effect> {
    match (was, is) {
        (true, false) => Some(Effect::Widens),
        (false, true) => Some(Effect::Narrows),
        _ => None,
    }
}

/// Roles whose permissions are narrowed otherwise.
fn selectors(before: &Config, after: &Config) -> Vec<Impact> {
    let of = |config: &Config, role: &RoleName, scope: &ScopeToken| -> Option<Selector> {
        config.role_selectors.0.get(role)?.0.get(scope).cloned()
    };
    let holds = |config: &Config, role: &RoleName, scope: &ScopeToken| {
        let bits = config.catalogue.bits(&std::iter::once(scope.clone()).collect());
        !bits.is_empty() && config.roles.0.get(role).is_some_and(|has| has.covers(&bits))
    };
    let named: BTreeSet<(&RoleName, &ScopeToken)> = [before, after]
        .into_iter()
        .flat_map(|config| &config.role_selectors.0)
        .flat_map(|(role, selectors)| selectors.0.keys().map(move |scope| (role, scope)))
        .collect();
    let held = named.into_iter().filter(|(role, scope)| holds(before, role, scope) && holds(after, role, scope));
    held.filter_map(|(role, scope)| {
        let (was, is) = (of(before, role, scope), of(after, role, scope));
        let effect = narrowing(was.as_ref(), is.as_ref())?;
        let text = |selector: Option<Selector>| selector.map_or_else(|| "everything".to_owned(), |s| s.to_string());
        Some(Impact::told(effect, "role", format!("{role}: {scope} is for {}, not for {}", text(is), text(was))))
    })
    .collect()
}

fn narrowing(was: Option<&Selector>, is: Option<&Selector>) -> Option<Effect> {
    let within = |a: &Selector, b: &Selector| a.both(b).as_ref() == Some(a);
    match (was, is) {
        (Some(was), Some(is)) if was == is => None,
        (Some(was), Some(is)) if within(is, was) => Some(Effect::Narrows),
        (Some(was), Some(is)) if within(was, is) => Some(Effect::Widens),
        (Some(_), Some(_)) => Some(Effect::Changes),
        (was, is) => strictness(was.is_some(), is.is_some()),
    }
}

/// What holds for a whole API.
fn api(old: &Api, new: &Api) -> Vec<Impact> {
    let name = &old.name;
    let on = |api: &Api| api.enforcement == Enforcement::On;
    let says = |api: &Api| if on(api) { "refuses what is not allowed" } else { "only puts on record what is not allowed" };
    let shadow = strictness(on(old), on(new)).map(|effect| (effect, format!("{name} {}", says(new))));
    let told = |tenancy: &Tenancy| tenancy.tell.as_ref().map_or_else(|| "not at all".to_owned(), by);
    let (was, is) = (&old.tenancy, &new.tenancy);
    let told = (was.tell != is.tell).then(|| {
        let effect = strictness(was.tell.is_some(), is.tell.is_some()).unwrap_or(Effect::Changes);
        (effect, format!("{name} tells its upstream the organization {}, not {}", told(is), told(was)))
    });
    let host = (was.host_suffix != is.host_suffix).then(|| {
        let effect = strictness(was.host_suffix.is_some(), is.host_suffix.is_some()).unwrap_or(Effect::Changes);
        (effect, format!("{name} takes the organization from another part of the host"))
    });
    let forbidden = |has: &Tenancy, lacks: &Tenancy| {
        let only = has.forbidden_query.iter().filter(|name| !lacks.forbidden_query.contains(name));
        only.cloned().collect::<Vec<_>>().join(", ")
    };
    let (taken, refused) = (forbidden(was, is), forbidden(is, was));
    let taken = (!taken.is_empty()).then(|| (Effect::Widens, format!("{name} takes the query parameters {taken}")));
    let refused = (!refused.is_empty()).then(|| (Effect::Narrows, format!("{name} refuses the query parameters {refused}")));
    let stripped = (was.stripped_query != is.stripped_query)
        .then(|| (Effect::Changes, format!("{name} takes other parameters out of queries (strip_query)")));
    let mcp = |api: &Api| matches!(api.kind, ApiKind::Mcp(_));
    let kind = (mcp(old) != mcp(new)).then(|| (Effect::Changes, format!("{name} speaks something else")));
    let all = [shadow, told, host, taken, refused, stripped, kind].into_iter().flatten();
    all.map(|(effect, what)| Impact::told(effect, "api", what)).collect()
}

fn by(tell: &Tell) -> String {
    match tell {
        Tell::Header { name, template, label: None } => format!("by the header {name}: {template}"),
        Tell::Header { name, template, label: Some(label) } => format!("by the header {name} and the label {label}: {template}"),
        Tell::PathPrefix { template } => format!("by the path prefix {template}"),
        Tell::Label { label, template } => format!("by the label {label} = {template}"),
        Tell::Index { before, name, after } => format!("by indices {before}{name:?}{after}"),
    }
}

/// Routes that ask for something else than scopes.
fn routes(old: &Api, new: &Api) -> Vec<Impact> {
    let (was, is) = (named(old), named(new));
    let both = was.iter().filter_map(|(id, was)| Some((*id, *was, *is.get(id)?)));
    both.flat_map(|(id, was, is)| {
        let certificate = strictness(was.client_certificate, is.client_certificate);
        let certificate = certificate.map(|effect| (effect, if is.client_certificate { "wants a" } else { "wants no" }));
        let certificate = certificate.map(|(effect, verb)| (effect, format!("{id} {verb} client certificate")));
        let token = strictness(was.access != Access::Public, is.access != Access::Public);
        let token = token.map(|effect| {
            (
                effect,
                format!(
                    "{id} is open {}",
                    if is.access == Access::Public { "to everybody" } else { "to those with a token only" }
                ),
            )
        });
        let narrowed = enforced(was.enforce, is.enforce);
        let narrowed = narrowed.map(|effect| (effect, format!("{id} is narrowed to the organization otherwise (enforce)")));
        let org = strictness(!was.org_captures.is_empty(), !is.org_captures.is_empty())
            .or_else(|| (was.org_captures != is.org_captures).then_some(Effect::Changes));
        let org = org.map(|effect| (effect, format!("{id} names the organization elsewhere in its path (org_captures)")));
        let bound = was.index_captures != is.index_captures || was.index_body != is.index_body;
        let bound = bound.then(|| (Effect::Changes, format!("{id} names indices elsewhere")));
        let bodies = was.body_without != is.body_without;
        let bodies = bodies.then(|| (Effect::Changes, format!("{id} takes other bodies (body_without)")));
        let blind = was.blind_to != is.blind_to;
        let blind = blind.then(|| (Effect::Changes, format!("{id} does without other ways of the tenant (blind_to)")));
        [certificate, token, narrowed, org, bound, bodies, blind].into_iter().flatten()
    })
    .map(|(effect, what)| Impact::told(effect, "route", what))
    .collect()
}

fn named(api: &Api) -> BTreeMap<&RouteId, &Route> {
    api.routes.iter().map(|(_, _, route)| (&route.id, &**route)).collect()
}

/// A route without it is closed where a label tells organizations apart; one that says `nothing` answers with everybody's.
fn enforced(was: Option<Enforce>, is: Option<Enforce>) -> Option<Effect> {
    let openness = |how: Option<Enforce>| match how {
        None => 0,
        Some(Enforce::Nothing) => 2,
        Some(_) => 1,
    };
    match openness(was).cmp(&openness(is)) {
        std::cmp::Ordering::Less => Some(Effect::Widens),
        std::cmp::Ordering::Greater => Some(Effect::Narrows),
        std::cmp::Ordering::Equal => (was != is).then_some(Effect::Changes),
    }
}

/// What may be used of an MCP server.
fn server(api: &str, (before, was): (&Config, &ServerPolicy), (after, is): (&Config, &ServerPolicy)) -> Vec<Impact> {
    let lists =
        [("tool", &was.tools, &is.tools), ("prompt", &was.prompts, &is.prompts), ("resource", &was.resources, &is.resources)];
    let names = lists.into_iter().flat_map(|(kind, was, is)| names(kind, api, (before, was), (after, is)));
    let tasks = strictness(!was.tasks, !is.tasks);
    let verb = if is.tasks { "are open" } else { "are closed" };
    names.chain(tasks.map(|effect| Impact::told(effect, "api", format!("tasks of {api} {verb}")))).collect()
}

/// Patterns of either policy whose names need something else. A pattern stands for the names that it matches.
fn names(
    kind: &'static str,
    api: &str,
    (before, was): (&Config, &NamePolicy),
    (after, is): (&Config, &NamePolicy),
) -> Vec<Impact> {
    let patterns: BTreeSet<Option<&str>> = was.listing().into_iter().chain(is.listing()).map(|(pattern, _)| pattern).collect();
    let changed = patterns.into_iter().flat_map(|pattern| {
        let what = format!("{api}:{}", pattern.unwrap_or("(others)"));
        let (old, new) = (ruled(was, pattern), ruled(is, pattern));
        [needed(kind, &what, (before, old.0), (after, new.0)), conditions(kind, &what, &old.1, &new.1)]
    });
    changed.flatten().collect()
}

/// What a pattern needs, or everything that no pattern matches.
fn ruled<'p>(policy: &'p NamePolicy, pattern: Option<&'p str>) -> (Need, Vec<&'p Condition>) {
    match pattern {
        Some(name) => (policy.needed(name), policy.conditions(name).collect()),
        None => {
            let default = policy.listing().into_iter().find(|(pattern, _)| pattern.is_none());
            default.map_or((Need::Denied, Vec::new()), |(_, rule)| (rule.need, rule.when.iter().collect()))
        }
    }
}

fn needed(kind: &'static str, what: &str, (before, was): (&Config, Need), (after, is): (&Config, Need)) -> Option<Impact> {
    let names = |config: &Config, scopes: &ScopeBits| config.catalogue.scopes(scopes);
    let open = |scopes: &ScopeSet| if scopes.is_empty() { "is open".to_owned() } else { format!("is open with {scopes}") };
    match (was, is) {
        (Need::Denied, Need::Denied) => None,
        (Need::Denied, Need::Scopes(is)) => {
            Some(Impact::told(Effect::Widens, kind, format!("{what} {}, not closed", open(&names(after, &is)))))
        }
        (Need::Scopes(_), Need::Denied) => Some(Impact::told(Effect::Breaks, kind, format!("{what} is closed"))),
        // Callers lose what is needed more, and gain what is needed no more.
        (Need::Scopes(was), Need::Scopes(is)) => Impact::of(kind, what.to_owned(), &names(after, &is), &names(before, &was))
            .map(|impact| Impact { effect: impact.effect.max(Effect::Narrows), ..impact }),
    }
}

fn conditions(kind: &'static str, what: &str, was: &[&Condition], is: &[&Condition]) -> Option<Impact> {
    let has = |all: &[&Condition], one: &Condition| all.contains(&one);
    let (dropped, added) = (was.iter().any(|c| !has(is, c)), is.iter().any(|c| !has(was, c)));
    let effect = match (dropped, added) {
        (false, false) => return None,
        (true, true) => Effect::Changes,
        (true, false) => Effect::Widens,
        (false, true) => Effect::Narrows,
    };
    Some(Impact::told(effect, kind, format!("{what} has other conditions on its arguments")))
}
