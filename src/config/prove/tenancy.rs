//! How an API is bound to the organization.

use http::HeaderName;

use super::{Findings, templates};
use crate::config::error::KeyPath;
use crate::config::pack::RawPack;
use crate::config::raw::{RawApi, RawTenant};
use crate::config::{Access, Enforce, OrgName, Route, Tell, Tenancy};
use crate::types::{Placeholder, Template};

/// Parameters by which OpenSearch takes an index or a body that is then in neither, sends a document through a pipeline that may
/// give it another index, or keeps something open under an id that says nothing of whose it is.
const BESIDE_THE_PATH: [&str; 6] = ["index", "source", "source_content_type", "pipeline", "scroll", "keep_alive"];

/// The tenancy of an API.
pub(super) fn tenancy(raw: &RawApi, pack: Option<&RawPack>, at: &KeyPath, found: &mut Findings<'_>) -> Tenancy {
    let mut forbidden_query = pack.map_or_else(Vec::new, |p| p.forbidden_query.clone());
    for (i, parameter) in raw.forbidden_query.iter().enumerate() {
        if parameter.is_empty() {
            found.error(at.key("forbidden_query").index(i), "is empty", "name a query parameter");
        }
        forbidden_query.push(parameter.clone());
    }
    let tenant = raw.tenant.as_ref().or_else(|| pack?.tenant.as_ref());
    if matches!(tenant, Some(RawTenant::Index { .. })) {
        forbidden_query.extend(BESIDE_THE_PATH.map(ToOwned::to_owned));
    }
    let stripped_query = stripped(raw, at, found);
    forbidden_query.retain(|name| !stripped_query.contains(name));
    forbidden_query.sort();
    forbidden_query.dedup();
    Tenancy {
        host_suffix: raw.host.as_deref().and_then(|h| host_suffix(h, &at.key("host"), found)),
        tell: tenant.and_then(|t| tell(t, &at.key("tenant"), found)),
        forbidden_query,
        stripped_query,
    }
}

/// Parameters that are taken out. Those that a pack refuses may be among them, those that the API itself refuses may not.
fn stripped(raw: &RawApi, at: &KeyPath, found: &mut Findings<'_>) -> Vec<String> {
    let at = at.key("strip_query");
    for (i, name) in raw.strip_query.iter().enumerate() {
        if name.is_empty() {
            found.error(at.index(i), "is empty", "name a query parameter");
        } else if raw.forbidden_query.contains(name) {
            found.error(at.index(i), format!("{name:?} is in forbidden_query too"), "refuse it or take it out, not both");
        } else if raw.strip_query[..i].contains(name) {
            found.error(at.index(i), format!("{name:?} is there twice"), "name it once");
        }
    }
    raw.strip_query.clone()
}

/// What stands behind `{org}`, its dot included.
fn host_suffix(host: &str, at: &KeyPath, found: &mut Findings<'_>) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let suffix = host.strip_prefix("{org}").filter(|s| {
        let mut labels = s.split('.');
        labels.next() == Some("") && s.len() > 1 && labels.all(|l| !l.is_empty() && l.bytes().all(plain))
    });
    if suffix.is_none() {
        found.error(at, format!("{host:?} is not {{org}} before a host in lower case"), "write {org}.apps.example.com");
    }
    suffix.map(ToOwned::to_owned)
}

fn tell(raw: &RawTenant, at: &KeyPath, found: &mut Findings<'_>) -> Option<Tell> {
    let tenant = at;
    let at = at.key("value");
    Some(match raw {
        RawTenant::None => return None,
        RawTenant::Header { name, value, label } => {
            let template = of_tenant(value, Placeholder::OF_ORG, &at, found);
            templates::sendable(value, &at, found);
            if let Some(label) = label {
                named(label, tenant, found);
            }
            Tell::Header { name: name.0.clone(), template: template?, label: label.clone() }
        }
        RawTenant::Label { label, value } => {
            let template = of_tenant(value, Placeholder::OF_ORG, &at, found);
            named(label, tenant, found);
            Tell::Label { label: label.clone(), template: template? }
        }
        RawTenant::Index { value } => return index(value, &at, found),
        RawTenant::PathPrefix { value } => {
            let template = of_tenant(value, Placeholder::OF_PATH, &at, found)?;
            let fixed = template.fill(|_, out| out.push('x'));
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'~' | b':');
            let whole = fixed.strip_prefix('/').is_some_and(|p| p.split('/').all(|s| !matches!(s, "" | "." | "..")));
            if !whole || !fixed.bytes().all(plain) {
                found.error(&at, format!("{value:?} is not a path"), "start it with /, end it without, encode nothing");
            }
            Tell::PathPrefix { template }
        }
    })
}

/// Refuses what is not the name of a label.
fn named(label: &str, tenant: &KeyPath, found: &mut Findings<'_>) {
    let mut letters = label.bytes();
    let starts = letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts || !letters.all(|b| b.is_ascii_alphanumeric() || b == b'_') || label.starts_with("__") {
        let way_out = "use letters, digits and _, for example \"tenant\"";
        found.error(tenant.key("label"), format!("{label:?} is not the name of a label"), way_out);
    }
}

/// What the names of indices start with: one placeholder, and a border behind it.
fn index(value: &str, at: &KeyPath, found: &mut Findings<'_>) -> Option<Tell> {
    let names = [("{org.tenant}", OrgName::Tenant), ("{org.id}", OrgName::Id), ("{org.slug}", OrgName::Slug)];
    let parts = names.iter().find_map(|(text, name)| value.split_once(text).map(|(before, after)| (before, *name, after)));
    let Some((before, name, after)) = parts else {
        found.error(at, format!("{value:?} names no organization"), "write \"{org.slug}.\", or {org.tenant}, {org.id}");
        return None;
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if !before.bytes().chain(after.bytes()).all(plain) || before.starts_with(['-', '_']) {
        found.error(
            at,
            format!("{value:?} is not the beginning of an index"),
            "use lower case, digits, - _ . around one placeholder",
        );
        return None;
    }
    let taken = |b: char| match name {
        OrgName::Slug => b.is_ascii_alphanumeric() || b == '-',
        OrgName::Id => b.is_ascii_alphanumeric() || b == '_',
        // Any of them may be in one: the names that have it are refused.
        OrgName::Tenant => b.is_ascii_alphanumeric(),
    };
    if after.chars().next().is_none_or(taken) {
        let problem = format!("{value:?} ends where a longer name of another organization goes on");
        found.error(at, problem, "put a character behind the placeholder that no such name has: \"{org.slug}.\"");
        return None;
    }
    Some(Tell::Index { before: before.to_owned(), name, after: after.to_owned() })
}

/// A template that tells the tenant; one that names no organization tells the same tenant for all.
fn of_tenant(value: &str, known: &[Placeholder], at: &KeyPath, found: &mut Findings<'_>) -> Option<Template> {
    let template = templates::template(value, known, at, found)?;
    if !template.names().any(|p| Placeholder::OF_ORG.contains(&p)) {
        found.warn(at, format!("{value:?} names no organization: every organization is the same tenant to the upstream"));
    }
    Some(template)
}

/// Refuses routes that could not be bound to the organization in the way that the API is.
pub(super) fn routes(tenancy: &Tenancy, drafts: &[(KeyPath, &Route)], found: &mut Findings<'_>) {
    match &tenancy.tell {
        Some(Tell::PathPrefix { template }) if template.names().any(|p| p == Placeholder::Operation) => {
            for (at, _) in drafts.iter().filter(|(_, route)| route.operation.is_none()) {
                let way_out = "add operation = \"…\" to the route, or take {operation} out of the tenant's prefix";
                found.error(at.key("operation"), "is missing", way_out);
            }
        }
        Some(Tell::Label { .. } | Tell::Index { .. }) => {
            let open = |route: &Route| route.access == Access::Public && route.enforce != Some(Enforce::Nothing);
            for (at, _) in drafts.iter().filter(|(_, route)| open(route)) {
                let way_out = "a caller without a token has no organization: name scopes, or say enforce = \"nothing\"";
                found.error(at.key("public"), "contradicts tenant.mode", way_out);
            }
        }
        _ => {}
    }
}

/// Headers that identify callers to the upstream, the one that tells the tenant included.
pub(super) fn identity_headers<'a>(all: impl IntoIterator<Item = &'a HeaderName>, tell: Option<&'a Tell>) -> Vec<HeaderName> {
    let told = match tell {
        Some(Tell::Header { name, .. }) => Some(name),
        _ => None,
    };
    let mut names: Vec<_> = all.into_iter().chain(told).cloned().collect();
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}
