//! The scope catalogue and the roles.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::{Packs, Proved};
use super::{Findings, limits, links, listed};
use crate::config::error::KeyPath;
use crate::config::list::List;
use crate::config::raw::{RawConfig, RawKind, RawScope};
use crate::config::read::top;
use crate::config::written::{Kind, Written};
use crate::config::{
    Access, Catalogue, Enforce, GrantFlow, Requirement, Risk, RoleSelectors, Roles, ScopeEntry, Target, Visibility,
};
use crate::types::{MAX_SCOPES, OwnScope, RoleName, ScopeBits, ScopeSet, ScopeToken, Selector, Selectors};

/// The name of our own MCP server.
pub(in crate::config) const OWN_MCP: &str = "tollgate";

/// The name of our own JSON API.
pub(in crate::config) const OWN_API: &str = "tollgate-api";

/// What every member may do, as on the pages of their account: it concerns nobody but them.
const OWN_ACCOUNT: [OwnScope; 4] =
    [OwnScope::ApplicationsRead, OwnScope::ApplicationsWrite, OwnScope::SessionsRead, OwnScope::SessionsWrite];

/// The scope that reaches an MCP server.
pub(super) fn invoke_scope(api: &str) -> String {
    format!("mcp:{api}:invoke")
}

fn builtin(description: String, group: &str, risk: Risk) -> RawScope {
    RawScope {
        description: Some(description),
        group: Some(group.to_owned()),
        risk: Some(risk),
        visibility: Some(Visibility::Public),
        ..RawScope::default()
    }
}

/// What people read of a scope of our own: its sentence, its group, its risk.
const fn words(scope: OwnScope) -> (&'static str, &'static str, Risk) {
    const YOURS: &str = "Your account";
    const THEIRS: &str = "Organization";
    match scope {
        OwnScope::ApiKeysWrite => ("Make an API key with which it sends data on behalf of the organization", THEIRS, Risk::High),
        OwnScope::ApplicationsRead => ("See the applications that you authorized and what they may do", YOURS, Risk::Low),
        OwnScope::ApplicationsWrite => ("End the access of applications that you authorized", YOURS, Risk::Medium),
        OwnScope::AuditRead => ("Read the organization's audit log", THEIRS, Risk::Medium),
        OwnScope::ClientsRead => ("See the organization's own applications, their clients and versions", THEIRS, Risk::Medium),
        OwnScope::ClientsWrite => ("Make, change, publish and remove the organization's own applications", THEIRS, Risk::High),
        OwnScope::GrantsRead => ("See what members gave to applications", THEIRS, Risk::Medium),
        OwnScope::GrantsWrite => ("End the access that members gave to applications", THEIRS, Risk::High),
        OwnScope::MembersRead => ("See who belongs to the organization, with which roles", THEIRS, Risk::Medium),
        OwnScope::MembersWrite => ("Invite members, change their roles and remove them", THEIRS, Risk::High),
        OwnScope::SessionsRead => ("See where you are signed in", YOURS, Risk::Low),
        OwnScope::SessionsWrite => ("Sign you out of browsers", YOURS, Risk::Medium),
    }
}

fn builtins(raw: &RawConfig) -> Vec<(String, RawScope)> {
    let own = "Ask Tollgate who you are, what has access and why requests were refused";
    let mut all = vec![(invoke_scope(OWN_MCP), builtin(own.to_owned(), "MCP servers", Risk::Low))];
    all.extend(OwnScope::ALL.map(|scope| {
        let (text, group, risk) = words(scope);
        let hidden = (scope == OwnScope::ApiKeysWrite).then_some(Visibility::Private);
        let shown = builtin(text.to_owned(), group, risk);
        (scope.to_string(), RawScope { visibility: hidden.or(shown.visibility), ..shown })
    }));
    for api in raw.apis.iter().filter(|a| a.kind == RawKind::Mcp) {
        let name = &api.name.0;
        let description = format!("Use the MCP server {name} and the tools that need nothing more");
        all.push((invoke_scope(name.as_str()), builtin(description, "MCP servers", Risk::Medium)));
    }
    all
}

/// The catalogue: packs and built-ins, changed and added to by the file.
pub(super) fn catalogue(raw: &RawConfig, packs: &Packs, found: &mut Findings<'_>) -> Catalogue {
    let mut drafts: BTreeMap<String, RawScope> = BTreeMap::new();
    for (name, scope) in packed(raw, packs) {
        drafts.entry(name).or_insert(scope);
    }
    drafts.extend(builtins(raw));
    for (name, own) in &raw.scopes {
        let base = drafts.remove(name).unwrap_or_default();
        drafts.insert(name.clone(), own.clone().over(base));
    }
    let at = top("scopes");
    let entries: Vec<_> = drafts.iter().filter_map(|(name, scope)| entry(name, scope, &at.key(name), found)).collect();
    let count = entries.len();
    Catalogue::new(links::tied(&drafts, entries, found)).unwrap_or_else(|| {
        found.error(&at, format!("{count} scopes are too many"), format!("keep at most {MAX_SCOPES}"));
        Catalogue::default()
    })
}

/// Scopes of the packs that the file mounts.
fn packed<'a>(raw: &'a RawConfig, packs: &'a Packs) -> impl Iterator<Item = (String, RawScope)> + 'a {
    let mounted = raw.apis.iter().filter_map(|api| packs.get(api.pack.as_ref()?).map(|pack| (pack, api.name.0.as_str())));
    mounted.flat_map(|(pack, api)| pack.scopes_of(api))
}

fn entry(name: &str, scope: &RawScope, at: &KeyPath, found: &mut Findings<'_>) -> Option<ScopeEntry> {
    let token = match ScopeToken::read(name) {
        Ok(token) => token,
        Err(problem) => {
            found.error(at, problem, format!("expected {}", ScopeToken::EXPECTED));
            return None;
        }
    };
    let description = scope.description.as_deref().unwrap_or_default().trim();
    let length = description.chars().count();
    if length == 0 {
        found.error(at.key("description"), "is missing", "say in one sentence what it lets an application do");
    } else if length > 140 || description.contains(char::is_control) {
        found.error(at.key("description"), "is no sentence for the consent page", "at most 140 characters, in one line");
    }
    let heading = || {
        let mut letters = name.split(':').find(|part| !part.is_empty()).unwrap_or(name).chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    let words = (description.to_owned(), scope.group.clone().unwrap_or_else(heading));
    let (risk, visibility) = (scope.risk.unwrap_or(Risk::Medium), scope.visibility.unwrap_or(Visibility::Public));
    Some(ScopeEntry {
        title: title(scope, &at.key("title"), found),
        max_token_ttl: limits::token_ttl(scope.max_token_ttl.as_ref(), &at.key("max_token_ttl"), found),
        given_by: flows(scope, &at.key("grants_allowed"), found),
        ..ScopeEntry::new(token, words, risk, visibility)
    })
}

fn title(scope: &RawScope, at: &KeyPath, found: &mut Findings<'_>) -> Option<String> {
    let title = scope.title.as_deref()?.trim();
    if title.is_empty() || title.chars().count() > 60 || title.contains(char::is_control) {
        found.error(at, "is no short name", "write 1 to 60 characters in one line, or leave it out");
    }
    Some(title.to_owned())
}

/// A scope that nobody can be given is a mistake: who means that takes its routes out.
fn flows(scope: &RawScope, at: &KeyPath, found: &mut Findings<'_>) -> Vec<GrantFlow> {
    let Some(list) = &scope.grants_allowed else { return GrantFlow::ALL.to_vec() };
    let mut flows = Vec::new();
    for (i, Written(flow)) in list.numbered() {
        if flows.contains(flow) {
            found.error(at.index(i), format!("{} is there twice", flow.name()), "name it once");
        } else {
            flows.push(*flow);
        }
    }
    if list.is_empty() {
        found.error(at, "is empty, so nobody could be given the scope", "name a grant type, or leave it out for all of them");
    }
    flows
}

/// What roles narrow their permissions to. Only scopes that some route can narrow: to narrow another one would close it.
pub(super) fn role_selectors(raw: &RawConfig, narrowable: &ScopeSet, found: &mut Findings<'_>) -> RoleSelectors {
    let mut all = BTreeMap::new();
    for (name, role) in raw.roles.iter().filter(|(_, role)| !role.selectors.is_empty()) {
        let at = top("roles").key(name).key("selectors");
        let mut selectors = Selectors::default();
        for (scope, selector) in &role.selectors {
            let at = at.key(scope);
            let held = role.permissions.iter().find(|Written(held)| held.as_str() == scope);
            let Some(Written(scope)) = held else {
                found.error(&at, "is no permission of the role", "add it to permissions, or remove the selector");
                continue;
            };
            if !narrowable.contains(scope) {
                let way_out =
                    "narrow a scope that only routes with an enforce key need, such as metrics:read of the pack prometheus";
                found.error(&at, "can't be narrowed: no route that needs it reads selectors", way_out);
            }
            match Selector::try_from(selector.clone()) {
                Ok(selector) => drop(selectors.0.insert(scope.clone(), selector)),
                Err(wrong) => found.error(&at, wrong.to_string(), "write labels and their values: { team = [\"a\", \"b\"] }"),
            }
        }
        if let Ok(name) = RoleName::parse(name) {
            all.insert(name, selectors);
        }
    }
    RoleSelectors(all)
}

/// Scopes that routes of upstreams need which read selectors, and that nothing of our own needs: our answers have no labels.
pub(super) fn narrowable(apis: &[Proved]) -> ScopeBits {
    let (mut read, mut own) = (ScopeBits::NONE, ScopeBits::NONE);
    for proved in apis {
        if !matches!(proved.api.target, Target::Upstream(_)) {
            own = own | proved.used;
            continue;
        }
        for (_, _, route) in proved.api.routes.iter() {
            if let (Access::Scopes(rule), Some(_)) = (&route.access, route.enforce.filter(|how| *how != Enforce::Nothing)) {
                read = read | rule.every();
            }
        }
    }
    read.without(&own)
}

/// The roles: `admin` and `viewer`, changed and added to by the file.
pub(super) fn roles(raw: &RawConfig, catalogue: &Catalogue, found: &mut Findings<'_>) -> Roles {
    let all: ScopeSet = catalogue.entries().iter().map(|e| e.name.clone()).collect();
    let viewing: ScopeSet = catalogue.entries().iter().filter(|e| is_viewing(e)).map(|e| e.name.clone()).collect();
    let mut roles = BTreeMap::new();
    for (name, scopes) in [("admin", &all), ("viewer", &viewing)] {
        if let Ok(name) = RoleName::parse(name) {
            roles.insert(name, catalogue.bits(scopes));
        }
    }
    for (name, role) in &raw.roles {
        let at = top("roles").key(name);
        let scopes = known(&role.permissions, &at.key("permissions"), catalogue, found);
        match RoleName::parse(name) {
            Ok(name) => drop(roles.insert(name, catalogue.bits(&scopes))),
            Err(_) => found.error(&at, "is not the name of a role", format!("expected {}", RoleName::EXPECTED)),
        }
    }
    let requirements = catalogue.entries().iter().filter(|entry| entry.requires.is_some()).map(|entry| Requirement {
        scope: catalogue.bits(&std::iter::once(entry.name.clone()).collect()),
        needs: catalogue.required(entry),
    });
    let own: ScopeSet = OWN_ACCOUNT.into_iter().map(ScopeToken::from).collect();
    Roles(roles, requirements.collect(), catalogue.bits(&own))
}

/// What a viewer holds: scopes that are neither private nor internal, of low risk that only read. Our own MCP server only reads.
fn is_viewing(entry: &ScopeEntry) -> bool {
    let name = entry.name.as_str();
    let reads = name.rsplit([':', '_', '-', '.']).next() == Some("read") || name == invoke_scope(OWN_MCP);
    reads && entry.risk == Risk::Low && entry.is_open()
}

/// The scopes of a list that exist; the others are errors.
pub(super) fn known(
    scopes: &List<Written<ScopeToken>>,
    at: &KeyPath,
    catalogue: &Catalogue,
    found: &mut Findings<'_>,
) -> ScopeSet {
    let mut set = ScopeSet::default();
    for (i, Written(scope)) in scopes.numbered() {
        if catalogue.entry(scope).is_none() {
            let names = listed(catalogue.entries().iter().map(|e| e.name.as_str()));
            let way_out = format!("known: {names}; add [scopes.{:?}]", scope.as_str());
            found.unknown(&["scopes", "apis"], at.index(i), format!("unknown scope {:?}", scope.as_str()), way_out);
        } else if !set.insert(scope.clone()) {
            found.error(at.index(i), format!("{scope} is there twice"), "name it once");
        }
    }
    set
}

/// Warns of scopes that nothing needs.
pub(super) fn unused(raw: &RawConfig, packs: &Packs, (catalogue, apis): (&Catalogue, &[Proved]), found: &mut Findings<'_>) {
    let used = apis.iter().fold(ScopeBits::NONE, |all, p| all | p.used);
    let used: BTreeSet<_> = catalogue.scopes(&used).iter().cloned().collect();
    let names: BTreeSet<_> = raw.scopes.keys().cloned().chain(packed(raw, packs).map(|(name, _)| name)).collect();
    // What is going away is as it should be once nothing needs it.
    let stays = |scope: &ScopeToken| catalogue.entry(scope).is_none_or(|entry| entry.deprecated.is_none());
    for name in &names {
        if ScopeToken::parse(name).is_ok_and(|s| !used.contains(&s) && stays(&s)) {
            found.warn(top("scopes").key(name), "no route and no tool needs this scope; consenting to it changes nothing");
        }
    }
}
