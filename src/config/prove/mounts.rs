//! Where APIs may be mounted.

use std::sync::Arc;

use super::Findings;
use super::apis::Proved;
use crate::config::Api;
use crate::config::error::KeyPath;
use crate::routing::MountTable;

/// Where our own MCP server is. Other MCP servers may be mounted below it.
pub(super) const OWN_MCP_MOUNT: &str = "/mcp";

/// Paths of the gateway's own endpoints: nothing is mounted at, below or above them.
const RESERVED: [&str; 15] = [
    "/.well-known",
    "/oauth2",
    "/login",
    "/logout",
    "/consent",
    "/settings",
    "/orgs",
    "/operator",
    "/api/v1",
    "/device",
    "/assets",
    "/favicon.ico",
    "/robots.txt",
    "/healthz",
    "/readyz",
];

/// Reads a mount.
pub(super) fn mount(text: &str, at: &KeyPath, found: &mut Findings<'_>) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(plain);
    if !text.strip_prefix('/').is_some_and(|path| path.split('/').all(segment)) {
        let way_out = "start it with /, end it without, use letters, digits and - . _ ~";
        found.error(at, format!("{text:?} is not a path for an API"), way_out);
        return None;
    }
    // Paths are compared byte for byte when requests are routed, but an upper-case twin of our own page is nobody's wish.
    let lower = text.to_ascii_lowercase();
    if let Some(own) = RESERVED.into_iter().find(|own| below(&lower, own) || below(own, &lower)) {
        found.error(at, format!("{text} collides with the gateway's own {own}"), "choose another path");
        return None;
    }
    if lower == OWN_MCP_MOUNT {
        found.error(at, "/mcp is the gateway's own MCP server", "mount yours below it, for example at /mcp/NAME");
        return None;
    }
    Some(text.to_owned())
}

/// Whether `path` is `base` or below it.
fn below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The table of all mounts.
pub(super) fn table(apis: &[Proved], found: &mut Findings<'_>) -> Option<MountTable<Arc<Api>>> {
    let mut whole = true;
    for (i, proved) in apis.iter().enumerate() {
        let api = &proved.api;
        if let Some(other) = apis[..i].iter().find(|o| o.api.mount == api.mount) {
            let problem = format!("{} is the mount of {} too", api.mount, other.api.name);
            found.error(proved.at.key("mount"), problem, "give each API a path of its own");
            whole = false;
        }
    }
    if !whole {
        return None;
    }
    let table = MountTable::build(apis.iter().map(|p| (p.api.mount.as_str(), Arc::clone(&p.api))));
    table.map_err(|e| found.error("apis", e, "give each API a path of its own")).ok()
}
