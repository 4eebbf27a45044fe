//! Who may ask for decisions.

use secrecy::ExposeSecret as _;

use super::Findings;
use super::apis::Proved;
use crate::config::raw::RawConfig;
use crate::config::read::top;
use crate::config::{ApiKind, AuthorizerPolicy, Target};
use crate::types::Dialect;

/// Shortest secret of a proxy, characters.
const LEAST_SECRET: usize = 24;

/// What `[authorizer]` and its socket come to.
pub(super) fn policy(raw: &RawConfig, found: &mut Findings<'_>) -> AuthorizerPolicy {
    let (at, socket) = (top("authorizer"), top("listen").key("authorizer"));
    let said = &raw.authorizer;
    let given = (said.secret.as_deref(), said.secret_file.as_deref());
    let secret = found.secret(given, &at, "secret").ok().flatten();
    if secret.as_ref().is_some_and(|s| s.expose_secret().len() < LEAST_SECRET) {
        let way_out = "make it with: openssl rand -base64 32";
        found.error(at.key("secret"), format!("is shorter than {LEAST_SECRET} characters"), way_out);
    }
    match &raw.listen.authorizer {
        Some(_) if said.dialects.is_empty() => {
            found.error(at.key("dialects"), "is empty: nobody could ask", "name how your proxy asks, for example [\"nginx\"]");
        }
        None if !said.dialects.is_empty() => {
            found.error(&socket, "is missing: nobody could ask", "add authorizer = \"127.0.0.1:9902\" to [listen]");
        }
        Some(address) => {
            let taken = [raw.listen.public.0, raw.listen.admin.0].contains(&address.0);
            if taken && address.0.port() != 0 {
                found.error(&socket, format!("{} is taken by another socket", address.0), "give it a port of its own");
            }
            if !address.0.ip().is_loopback() {
                found.warn(&socket, format!("{}: tokens arrive there in the clear; keep it on a network of its own", address.0));
            }
        }
        None => {}
    }
    let believed = secret.is_some() || given != (None, None) || !said.trusted_proxies.is_empty();
    if raw.listen.authorizer.is_some() && !believed {
        let way_out = "list the addresses of your proxies, or give them a secret";
        found.error(at.key("trusted_proxies"), "is empty: nobody would be believed", way_out);
    }
    AuthorizerPolicy {
        dialects: said.dialects.iter().copied().collect(),
        trusted_proxies: said.trusted_proxies.iter().map(|n| n.0).collect(),
        secret,
        strips_headers: said.strips_headers,
        uses_target: said.uses_target,
        upstream_credentials: said.upstream_credentials,
    }
}

/// Proxies that ask before they forward show nobody what comes back. Only Envoy's bring messages of MCP at all.
pub(super) fn unfiltered(policy: &AuthorizerPolicy, apis: &[Proved], found: &mut Findings<'_>) {
    if !policy.dialects.iter().any(|dialect| matches!(dialect, Dialect::EnvoyHttp | Dialect::EnvoyGrpc)) {
        return;
    }
    for api in apis.iter().map(|proved| &*proved.api) {
        let (ApiKind::Mcp(server), Target::Upstream(_)) = (&api.kind, &api.target) else { continue };
        if !server.hides() {
            continue;
        }
        let text = format!(
            "{}: Envoy hands on the lists of this MCP server unfiltered: tools that a caller may not use are shown, and refused when called; \
             send its clients to listen.public",
            api.name
        );
        found.warn(top("authorizer").key("dialects"), text);
    }
}
