//! What a changed configuration does to what the store holds. Nothing is read or written here.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rules::changes;
use crate::config::{Config, RouteMeta, RouteScopes};
use crate::store::{ApiKey, ApiKeyState, Client, ClientOrigin, GrantFacts, Membership};
use crate::token::{effective, standing};
use crate::types::{RoleName, RouteId, ScopeBits, ScopeSet, Timestamp};

/// What the store holds that rests on a configuration.
pub(super) struct Stored {
    pub(super) grants: Vec<GrantFacts>,
    pub(super) clients: Vec<Client>,
    pub(super) keys: Vec<ApiKey>,
    /// Who is in which organization, with the organization's slug.
    pub(super) members: Vec<(String, Membership)>,
}

/// What a change does to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Effect {
    /// It is worth nothing any more.
    Breaks,
    /// It loses something.
    Narrows,
    /// It is decided otherwise: whether that is more or less only a person can say.
    Changes,
    /// It gains something and loses nothing.
    Widens,
}

/// One thing that a change touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Impact {
    pub(super) effect: Effect,
    /// `grant`, `api_key`, `client`, `role`, `member`, `route`, `api`, `tool`, `prompt` or `resource`.
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) gains: ScopeSet,
    pub(super) loses: ScopeSet,
}

impl Impact {
    /// What becomes of something that held `before` and will hold `after`; `None` when nothing does.
    pub(super) fn of(kind: &'static str, what: String, before: &ScopeSet, after: &ScopeSet) -> Option<Self> {
        let (gains, loses) = (without(after, before), without(before, after));
        let effect = match (gains.is_empty(), loses.is_empty()) {
            (true, true) => return None,
            (false, true) => Effect::Widens,
            _ if after.is_empty() => Effect::Breaks,
            _ => Effect::Narrows,
        };
        Some(Self { effect, kind, what, gains, loses })
    }

    /// What is not about scopes.
    pub(super) fn told(effect: Effect, kind: &'static str, what: String) -> Self {
        Self { effect, kind, what, gains: ScopeSet::default(), loses: ScopeSet::default() }
    }

    fn gone(kind: &'static str, what: String) -> Self {
        Self::told(Effect::Breaks, kind, what)
    }
}

fn without(all: &ScopeSet, taken: &ScopeSet) -> ScopeSet {
    all.iter().filter(|s| !taken.iter().any(|t| t == *s)).cloned().collect()
}

/// Everything that `after` in the place of `before` would touch, the worst first.
pub(super) fn impacts(before: &Config, after: &Config, stored: &Stored, at: Timestamp) -> Vec<Impact> {
    let mut found = Vec::new();
    found.extend(stored.grants.iter().filter(|f| standing(before, f, at).is_ok()).filter_map(|f| grant(before, after, f, at)));
    found.extend(stored.keys.iter().filter(|k| k.state == ApiKeyState::Live).filter_map(|k| key(before, after, k)));
    found.extend(stored.clients.iter().filter_map(|c| client(before, after, c)));
    found.extend(roles(before, after));
    found.extend(members(before, after, &stored.members));
    found.extend(routes(before, after));
    found.extend(changes(before, after));
    found.sort_by(|a, b| (a.effect, a.kind, &a.what).cmp(&(b.effect, b.kind, &b.what)));
    found
}

fn grant(before: &Config, after: &Config, facts: &GrantFacts, at: Timestamp) -> Option<Impact> {
    let what = format!("{} ({} for {} in {})", facts.grant.id, facts.client.name, facts.user.email, facts.org.slug);
    let leads = |config: &Config| facts.grant.resources.iter().any(|r| config.api_of(r).is_some());
    if !facts.grant.resources.is_empty() && leads(before) && !leads(after) {
        return Some(Impact::gone("grant", format!("{what}: no API that it is for is left")));
    }
    let held = |config: &Config| config.catalogue.scopes(&effective(config, facts, &facts.grant.scopes, at).now);
    Impact::of("grant", what, &held(before), &held(after))
}

/// A key does what its scopes and the routes that take keys have in common.
fn key(before: &Config, after: &Config, key: &ApiKey) -> Option<Impact> {
    let held = |config: &Config| config.catalogue.scopes(&(config.catalogue.bits(&key.scopes) & config.key_scopes()));
    Impact::of("api_key", format!("{} ({}, …{})", key.id, key.name, key.last4), &held(before), &held(after))
}

/// What a client may ask for by name, as far as it exists.
fn client(before: &Config, after: &Config, client: &Client) -> Option<Impact> {
    let asked = client.scopes.as_ref().filter(|_| client.origin == ClientOrigin::Administrator)?;
    let known = |config: &Config| config.catalogue.scopes(&config.catalogue.bits(asked));
    Impact::of("client", format!("{} ({})", client.id, client.name), &known(before), &known(after))
}

fn roles(before: &Config, after: &Config) -> Vec<Impact> {
    let named =
        |config: &Config, name: &RoleName| config.catalogue.scopes(&config.roles.0.get(name).copied().unwrap_or(ScopeBits::NONE));
    let all = before.roles.0.keys().chain(after.roles.0.keys().filter(|n| !before.roles.0.contains_key(*n)));
    all.filter_map(|name| Impact::of("role", name.to_string(), &named(before, name), &named(after, name))).collect()
}

/// Who has a role that will be gone.
fn members(before: &Config, after: &Config, members: &[(String, Membership)]) -> Vec<Impact> {
    let gone = |role: &&RoleName| before.roles.0.contains_key(*role) && !after.roles.0.contains_key(*role);
    let lost = members.iter().flat_map(|(org, m)| m.roles.iter().filter(gone).map(move |role| (org, m, role)));
    lost.map(|(org, m, role)| Impact::gone("member", format!("{} in {org} has the role {role}", m.user))).collect()
}

/// Routes that need more, less, or are no more. What is needed more is what callers lose.
fn routes(before: &Config, after: &Config) -> Vec<Impact> {
    let (old, new) = (listed(before), listed(after));
    let changed = old.iter().filter_map(|(id, meta)| match new.get(id) {
        None => Some(Impact::gone("route", format!("{id} ({})", meta.pattern))),
        Some(now) => {
            let [was, is] = [meta, now].map(|meta| meta.needs.clone().unwrap_or_default());
            route(format!("{id} ({})", meta.pattern), &was, &is)
        }
    });
    changed.collect()
}

/// What becomes of a route's callers: they lose what is needed more, and gain what is needed no more.
fn route(what: String, was: &RouteScopes, is: &RouteScopes) -> Option<Impact> {
    if was.has_choice() || is.has_choice() {
        let effect = if is.admits(was) { Effect::Widens } else { Effect::Narrows };
        let named = |needs: &RouteScopes| if needs.is_empty() { "nothing".to_owned() } else { needs.to_string() };
        let text = format!("{what} needs {}, before: {}", named(is), named(was));
        return (was != is).then(|| Impact::told(effect, "route", text));
    }
    let impact = Impact::of("route", what, is.all(), was.all())?;
    Some(Impact { effect: impact.effect.max(Effect::Narrows), ..impact })
}

fn listed(config: &Config) -> BTreeMap<&RouteId, &RouteMeta> {
    config.apis.iter().flat_map(|api| &api.listing).map(|meta| (&meta.id, meta)).collect()
}
