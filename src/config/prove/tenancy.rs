//! How an API is bound to the organization.

use http::HeaderName;

use super::Findings;
use crate::config::error::KeyPath;
use crate::config::raw::{RawApi, RawTenant};
use crate::config::{Tell, Tenancy};

/// What a template may name.
const PLACEHOLDERS: [&str; 3] = ["org.tenant", "org.id", "org.slug"];

/// The tenancy of an API; `forbidden` comes from its pack.
pub(super) fn tenancy(raw: &RawApi, forbidden: &[String], at: &KeyPath, found: &mut Findings<'_>) -> Tenancy {
    let mut forbidden_query = forbidden.to_vec();
    for (i, parameter) in raw.forbidden_query.iter().enumerate() {
        if parameter.is_empty() {
            found.error(at.key("forbidden_query").index(i), "is empty", "name a query parameter");
        }
        forbidden_query.push(parameter.clone());
    }
    forbidden_query.sort();
    forbidden_query.dedup();
    Tenancy {
        host_suffix: raw.host.as_deref().and_then(|h| host_suffix(h, &at.key("host"), found)),
        tell: raw.tenant.as_ref().map(|t| tell(t, &at.key("tenant"), found)),
        forbidden_query,
    }
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

fn tell(raw: &RawTenant, at: &KeyPath, found: &mut Findings<'_>) -> Tell {
    let at = at.key("value");
    match raw {
        RawTenant::Header { name, value } => {
            template(value, &at, found);
            if !value.bytes().all(|b| (0x20..=0x7E).contains(&b)) || value.trim() != value {
                found.error(&at, "has characters that no header may have", "use printable ASCII");
            }
            Tell::Header { name: name.0.clone(), template: value.clone() }
        }
        RawTenant::PathPrefix { value } => {
            template(value, &at, found);
            let fixed = PLACEHOLDERS.iter().fold(value.clone(), |v, p| v.replace(&format!("{{{p}}}"), "x"));
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'~' | b':');
            let whole = fixed.strip_prefix('/').is_some_and(|p| p.split('/').all(|s| !matches!(s, "" | "." | "..")));
            if !whole || !fixed.bytes().all(plain) {
                found.error(&at, format!("{value:?} is not a path"), "start it with /, end it without, encode nothing");
            }
            Tell::PathPrefix { template: value.clone() }
        }
    }
}

/// Refuses placeholders that nobody fills: the upstream would get one tenant for all.
fn template(value: &str, at: &KeyPath, found: &mut Findings<'_>) {
    let mut rest = value;
    let mut named = 0;
    while let Some(start) = rest.find(['{', '}']) {
        let inside = rest[start..].strip_prefix('{').and_then(|r| r.split_once('}'));
        match inside {
            Some((name, after)) if PLACEHOLDERS.contains(&name) => {
                named += 1;
                rest = after;
            }
            Some((name, after)) if !name.contains('{') => {
                found.error(at, format!("unknown placeholder {{{name}}}"), "known: {org.tenant}, {org.id}, {org.slug}");
                (named, rest) = (named + 1, after);
            }
            _ => return found.error(at, format!("{value:?} has a brace without its partner"), "close or remove it"),
        }
    }
    if named == 0 {
        found.warn(at, format!("{value:?} names no organization: every organization is the same tenant to the upstream"));
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
