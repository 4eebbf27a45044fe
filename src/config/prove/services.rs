//! gRPC services at the root, and what else needs one version of HTTP towards its upstream.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::apis::Proved;
use super::routes::Rules;
use super::{Findings, mounts};
use crate::config::error::KeyPath;
use crate::config::pack::RawPack;
use crate::config::raw::{RawApi, RawKind, RawRoute};
use crate::config::{Api, RouteUpgrade, Upstream, UpstreamProtocol};
use crate::routing::{Pattern, RouteTable, Segment};

/// The services of an API: its own list, else its pack's.
pub(super) fn of(
    raw: &RawApi,
    pack: Option<&RawPack>,
    (rules, upstream): (&Rules, Option<&Upstream>),
    at: &KeyPath,
    found: &mut Findings<'_>,
) -> Vec<String> {
    let http2 = upstream.is_none_or(|u| u.protocol == UpstreamProtocol::Http2);
    let routes = || rules.table.iter().flat_map(RouteTable::iter).map(|(_, _, route)| route);
    if let Some(route) = routes().find(|r| upstream.is_some() && http2 && r.upgrade == Some(RouteUpgrade::Websocket)) {
        let problem = format!("{} is a WebSocket, which an upstream with protocol = \"http2\" does not take", route.id);
        found.error(at.key("upstream"), problem, "name one with protocol = \"http1\", or take the route out");
    }
    let listed = listed(raw, pack).to_vec();
    let at = at.key("services");
    if !listed.is_empty() && raw.kind == RawKind::Mcp {
        found.error(&at, "contradicts kind = \"mcp\"", "an MCP server has one URL; take services out");
    }
    if !listed.is_empty() && !http2 {
        found.error(&at, "are gRPC, which needs HTTP/2", "add protocol = \"http2\" to the upstream, or say services = []");
    }
    for (i, service) in listed.iter().enumerate() {
        one(service, &at.index(i), found);
    }
    listed
}

/// The services that an API lists, or its pack does for it.
pub(super) fn listed<'r>(raw: &'r RawApi, pack: Option<&'r RawPack>) -> &'r [String] {
    raw.services.as_ref().or_else(|| pack.map(|p| &p.services)).map_or(&[], Vec::as_slice)
}

/// Whether a pattern is for methods of gRPC services: `/package.v1.Service/…`, by POST alone. A service that its package does not
/// tell from a folder has to be listed.
pub(super) fn is_method(pattern: &Pattern, methods: &[Method], listed: &[String]) -> bool {
    let service = |text: &str| text.contains('.') || listed.iter().any(|one| one == text);
    let services = match pattern.segments() {
        [Segment::Literal(text), _] => service(text),
        [Segment::Alternatives(texts), _] => texts.iter().all(|text| service(text)),
        _ => false,
    };
    services && methods == [Method::POST]
}

/// `package.Service`, as it stands in the path of a call.
fn one(service: &str, at: &KeyPath, found: &mut Findings<'_>) {
    let identifier = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if service.split('.').all(identifier) {
        mounts::mount(&format!("/{service}"), at, found);
    } else {
        found.error(at, format!("{service:?} is not the full name of a service"), "write package.v1.Service, as its .proto does");
    }
}

/// The table of all services. A service and a mount are never both meant by one path.
pub(super) fn table(apis: &[Proved], found: &mut Findings<'_>) -> BTreeMap<String, Arc<Api>> {
    let mut table: BTreeMap<String, Arc<Api>> = BTreeMap::new();
    for proved in apis {
        for service in &proved.api.services {
            let at = proved.at.key("services");
            let first = |api: &Api| api.mount.split('/').nth(1) == Some(service);
            if let Some(other) = apis.iter().find(|other| first(&other.api)) {
                let problem = format!("{service} is also where the API {} is mounted", other.api.name);
                found.error(&at, problem, "mount it elsewhere");
            }
            if let Some(other) = table.insert(service.clone(), Arc::clone(&proved.api)) {
                let problem = format!("{service} is a service of {} too", other.name);
                found.error(&at, problem, "list it at one of the two; services = [] lists none");
            }
        }
    }
    table
}

/// Refuses upgrades of what no handshake asks for.
pub(super) fn upgrade(raw: &RawRoute, at: &KeyPath, found: &mut Findings<'_>) {
    if raw.upgrade == Some(RouteUpgrade::Websocket) && raw.methods.iter().any(|m| m.0 != Method::GET) {
        found.error(at.key("upgrade"), "contradicts methods", "a WebSocket begins with GET; name other methods in another route");
    }
}
