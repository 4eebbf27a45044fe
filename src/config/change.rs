//! What a running process can't take over from a changed configuration.

use std::fmt::Display;

use secrecy::ExposeSecret as _;

use super::error::ConfigError;
use super::model::{AuditPolicy, Limits, Listen};
use super::tls::ListenTls;
use super::written::ByteSize;
use super::{Config, Kind};

const RESTART: &str = "restart the node for it, or take the change back";

/// Everything in which `after` differs from `before` and that is read at the start only. Secrets are named, never shown.
///
/// What is looked at here is taken apart field by field, so that a new one does not compile until somebody has said whether it
/// is read at the start or at each use.
#[must_use]
pub fn restart_needed(before: &Config, after: &Config) -> Vec<ConfigError> {
    let Config {
        listen,
        store_url,
        data_dir,
        secret,
        audit,
        generation: _,
        issuer: _,
        catalogue: _,
        roles: _,
        role_selectors: _,
        narrowable: _,
        upstreams: _,
        apis: _,
        mounts: _,
        services: _,
        oauth: _,
        hooks: _,
        authorizer: _,
        sites: _,
    } = before;
    let mut found = Found::default();
    of_sockets(listen, &after.listen, &mut found);
    of_limits(&listen.limits, &after.listen.limits, &mut found);
    found.hidden("store.url", store_url.expose_secret() == after.store_url.expose_secret());
    found.unless("data.dir", data_dir == &after.data_dir, data_dir.display(), after.data_dir.display());
    found.hidden("keys.secret", secret.expose() == after.secret.expose());
    let AuditPolicy { power_safe, retention: _ } = audit;
    found.hidden("audit.durability", *power_safe == after.audit.power_safe);
    found.0
}

fn of_sockets(before: &Listen, after: &Listen, found: &mut Found) {
    let Listen { public, admin, authorizer, tls, limits: _, trusted_proxies: _, balancers: _, extra_hosts: _ } = before;
    found.shown("listen.public", public, &after.public);
    found.shown("listen.admin", admin, &after.admin);
    let asks = |socket: &Option<std::net::SocketAddr>| socket.map_or_else(|| "nothing".to_owned(), |a| a.to_string());
    found.shown("listen.authorizer", &asks(authorizer), &asks(&after.authorizer));
    match (tls, &after.tls) {
        (Some(before), Some(after)) => of_tls(before, after, found),
        (before, after) => found.switched("listen.tls", before.is_some(), after.is_some()),
    }
}

/// Whether clients are asked for certificates is settled with the socket. Which authorities they are held against is not; that
/// they must show one is, because a session that was begun without one may be resumed.
fn of_tls(before: &ListenTls, after: &ListenTls, found: &mut Found) {
    let ListenTls { client_ca, client_required, files: _, material: _ } = before;
    found.switched("listen.tls.client_ca", client_ca.is_some(), after.client_ca.is_some());
    found.shown("listen.tls.client_required", client_required, &after.client_required);
}

fn of_limits(before: &Limits, after: &Limits, found: &mut Found) {
    let Limits {
        max_connections,
        max_connections_per_address,
        max_handshakes_per_address,
        flood_penalty,
        header_timeout,
        idle_timeout,
        max_in_flight,
        max_in_flight_per_address,
        max_pending,
        queue,
        max_token_cache,
        drain_timeout: _,
        body_timeout: _,
        max_local_body: _,
        max_mcp_body: _,
        write_timeout: _,
        max_delay: _,
        max_audit_backlog: _,
        max_store_latency: _,
        buffer_memory: _,
        buffer_memory_share: _,
    } = *before;
    found.shown("limits.max_connections", &max_connections, &after.max_connections);
    let (key, most) = ("limits.max_connections_per_address", after.max_connections_per_address);
    found.shown(key, &max_connections_per_address, &most);
    let (key, most) = ("limits.max_handshakes_per_address", after.max_handshakes_per_address);
    found.shown(key, &max_handshakes_per_address, &most);
    found.written("limits.flood_penalty", &flood_penalty, &after.flood_penalty);
    found.shown("limits.max_in_flight", &max_in_flight, &after.max_in_flight);
    found.shown("limits.max_in_flight_per_address", &max_in_flight_per_address, &after.max_in_flight_per_address);
    found.shown("limits.max_pending", &max_pending, &after.max_pending);
    found.written("limits.queue", &queue, &after.queue);
    found.written("limits.max_token_cache", &ByteSize(max_token_cache), &ByteSize(after.max_token_cache));
    found.written("limits.header_timeout", &header_timeout, &after.header_timeout);
    found.written("limits.idle_timeout", &idle_timeout, &after.idle_timeout);
}

/// What was found so far.
#[derive(Default)]
struct Found(Vec<ConfigError>);

impl Found {
    fn unless(&mut self, key: &str, same: bool, from: impl Display, to: impl Display) {
        self.note(key, same, format!("can't change from {from} to {to} while running"));
    }

    fn shown<T: PartialEq + Display>(&mut self, key: &str, from: &T, to: &T) {
        self.unless(key, from == to, from, to);
    }

    fn written<T: PartialEq + Kind>(&mut self, key: &str, from: &T, to: &T) {
        self.unless(key, from == to, from.write(), to.write());
    }

    fn switched(&mut self, key: &str, from: bool, to: bool) {
        let change = if to { "can't be added while running" } else { "can't be taken out while running" };
        self.note(key, from == to, change.to_owned());
    }

    fn hidden(&mut self, key: &str, same: bool) {
        self.note(key, same, "can't change while running".to_owned());
    }

    fn note(&mut self, key: &str, same: bool, change: String) {
        if !same {
            self.0.push(ConfigError::new(key, change, RESTART));
        }
    }
}
