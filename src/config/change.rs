//! What a running process can't take over from a changed configuration.

use secrecy::ExposeSecret as _;

use super::error::ConfigError;
use super::written::ByteSize;
use super::{Config, Kind as _};

const RESTART: &str = "restart the node for it, or take the change back";

/// Everything in which `after` differs from `before` and that is read at the start only. Secrets are named, never shown.
#[must_use]
pub fn restart_needed(before: &Config, after: &Config) -> Vec<ConfigError> {
    let mut found = Vec::new();
    let mut unless = |same: bool, key: &str, change: String| {
        if !same {
            found.push(ConfigError::new(key, change, RESTART));
        }
    };
    let from_to = |a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| format!("can't change from {a} to {b} while running");
    let (old, new) = (&before.listen, &after.listen);
    unless(old.public == new.public, "listen.public", from_to(&old.public, &new.public));
    unless(old.admin == new.admin, "listen.admin", from_to(&old.admin, &new.admin));
    let asks = |socket: &Option<std::net::SocketAddr>| socket.map_or_else(|| "nothing".to_owned(), |a| a.to_string());
    unless(old.authorizer == new.authorizer, "listen.authorizer", from_to(&asks(&old.authorizer), &asks(&new.authorizer)));
    let (old, new) = (&old.limits, &new.limits);
    let connections = from_to(&old.max_connections, &new.max_connections);
    unless(old.max_connections == new.max_connections, "limits.max_connections", connections);
    let caches = from_to(&ByteSize(old.max_token_cache).write(), &ByteSize(new.max_token_cache).write());
    unless(old.max_token_cache == new.max_token_cache, "limits.max_token_cache", caches);
    for (key, old, new) in [
        ("limits.header_timeout", old.header_timeout, new.header_timeout),
        ("limits.idle_timeout", old.idle_timeout, new.idle_timeout),
    ] {
        unless(old == new, key, from_to(&old.write(), &new.write()));
    }
    let hidden = || "can't change while running".to_owned();
    unless(before.store_url.expose_secret() == after.store_url.expose_secret(), "store.url", hidden());
    let dirs = from_to(&before.data_dir.display(), &after.data_dir.display());
    unless(before.data_dir == after.data_dir, "data.dir", dirs);
    unless(before.secret.expose() == after.secret.expose(), "keys.secret", hidden());
    unless(before.audit.power_safe == after.audit.power_safe, "audit.durability", hidden());
    found
}
