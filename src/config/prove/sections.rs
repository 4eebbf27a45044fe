//! Sockets, limits, store, secret, lifetimes, audit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use secrecy::{ExposeSecret, SecretString};

use super::Findings;
use super::apis::Proved;
use crate::config::error::KeyPath;
use crate::config::raw::{Durability, RawAudit, RawConfig, RawLimits, RawListen, RawOAuth};
use crate::config::read::top;
use crate::config::written::Kind;
use crate::config::{AuditPolicy, CertificateFiles, DeploymentSecret, Limits, Listen, ListenTls, Logo, OAuthPolicy, secrets};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Sockets.
pub(super) fn listen(raw: &RawConfig, found: &mut Findings<'_>) -> Listen {
    let at = top("listen");
    let (public, admin) = (raw.listen.public.0, raw.listen.admin.0);
    let same_ip = public.ip() == admin.ip() || public.ip().is_unspecified() || admin.ip().is_unspecified();
    if public.port() != 0 && public.port() == admin.port() && same_ip {
        found.error(at.key("admin"), format!("{admin} is taken by listen.public"), "give it a port of its own");
    }
    if !admin.ip().is_loopback() {
        found.warn(at.key("admin"), format!("{admin} can be reached from other machines; keep it off public networks"));
    }
    for (i, host) in raw.listen.extra_hosts.iter().enumerate() {
        let plain = host.parse::<Authority>().is_ok_and(|a| a.as_str() == host.to_ascii_lowercase() && !host.contains('@'));
        if !plain {
            let way_out = "write a host in lower case, with its port unless it is the default one";
            found.error(at.key("extra_hosts").index(i), format!("{host:?} is not a host"), way_out);
        }
    }
    for (i, network) in raw.listen.proxy_protocol.from.numbered().filter(|(_, network)| network.0.prefix_len() == 0) {
        let text = format!("{} is everybody: whoever connects says from where", network.0);
        found.warn(at.key("proxy_protocol").key("from").index(i), text);
    }
    overlapping(&raw.listen, &at, found);
    Listen {
        public,
        admin,
        authorizer: raw.listen.authorizer.as_ref().map(|a| a.0),
        trusted_proxies: raw.listen.trusted_proxies.iter().map(|n| n.0).collect(),
        balancers: raw.listen.proxy_protocol.from.iter().map(|n| n.0).collect(),
        extra_hosts: raw.listen.extra_hosts.clone(),
        tls: tls(raw, &at.key("tls"), found),
        limits: limits(&raw.limits, &top("limits"), found),
    }
}

/// Says of trusted proxies that all of them are balancers: what those write in headers of HTTP is the client's, so that it is never
/// believed.
fn overlapping(raw: &RawListen, at: &KeyPath, found: &mut Findings<'_>) {
    for (i, network) in raw.trusted_proxies.iter().enumerate() {
        let balancers = raw.proxy_protocol.from.numbered().map(|(_, from)| from.0);
        for from in balancers.filter(|from| from.contains(&network.0)) {
            let text = format!(
                "{} lies within {from} of proxy_protocol.from, so that nothing these peers say in X-Forwarded-* is believed; take it out of one of the two",
                network.0
            );
            found.warn(at.key("trusted_proxies").index(i), text);
        }
    }
}

/// TLS on the public socket, with everything that its files hold.
fn tls(raw: &RawConfig, at: &KeyPath, found: &mut Findings<'_>) -> Option<ListenTls> {
    let raw = raw.listen.tls.as_ref()?;
    if raw.client_required && raw.client_ca.is_none() {
        found.error(at.key("client_required"), "contradicts a missing client_ca", "name the authorities of client certificates");
        return None;
    }
    let first = CertificateFiles { cert: raw.cert.clone(), key: raw.key.clone() };
    let more = raw.more.iter().map(|m| CertificateFiles { cert: m.cert.clone(), key: m.key.clone() });
    let files: Vec<_> = std::iter::once(first).chain(more).collect();
    match crate::config::tls::read(&files, (raw.client_ca.as_deref(), raw.client_required), at) {
        Ok((material, warnings)) => {
            found.warnings.extend(warnings);
            let (client_ca, client_required) = (raw.client_ca.clone(), raw.client_required);
            Some(ListenTls { files, client_ca, client_required, material: Arc::new(material) })
        }
        Err(errors) => {
            found.errors.extend(errors);
            None
        }
    }
}

/// Refuses routes that nobody could show their certificate to.
pub(super) fn certificates(raw: &RawConfig, (apis, listen): (&[Proved], &Listen), found: &mut Findings<'_>) {
    if listen.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
        return;
    }
    let way_out = "name their authorities in listen.tls.client_ca";
    for proved in apis {
        if raw.apis.iter().any(|api| api.client_certificate && api.name.0 == proved.api.name) {
            found.error(proved.at.key("client_certificate"), "asks for client certificates, which nobody is asked for", way_out);
            continue;
        }
        for (_, _, route) in proved.api.routes.iter().filter(|(_, _, route)| route.client_certificate) {
            let problem = format!("the route {} wants client certificates, which nobody is asked for", route.id);
            found.error(proved.at.key("routes"), problem, way_out);
        }
    }
}

/// Least that an address may have where the file does not say: with small limits a share of them is too little for anybody.
const LEAST_SHARE: u32 = 100;
/// The least memory that an owner has for bodies, unless the file says otherwise: one large answer.
const LEAST_BUFFERS: usize = 16 << 20;

/// What one address may have of `whole`.
fn share(given: Option<u32>, whole: u32, at: &KeyPath, found: &mut Findings<'_>) -> u32 {
    if given == Some(0) {
        found.error(at, "is zero: nobody could get anything", "allow each address some");
    }
    given.unwrap_or((whole / 4).max(LEAST_SHARE))
}

/// Memory for bodies that are held, and what of it one organization may have.
fn buffers(raw: &RawLimits, at: &KeyPath, found: &mut Findings<'_>) -> (usize, usize) {
    let (whole, one) = (raw.buffer_memory.0.0, raw.max_mcp_body.0.0.max(raw.max_local_body.0.0));
    if !((1 << 20)..=(64 << 30)).contains(&whole) {
        found.error(at.key("buffer_memory"), "is out of range", "keep it between 1MiB and 64GiB");
    } else if whole < one {
        found.error(at.key("buffer_memory"), "is less than one body may have", "make it several times max_mcp_body");
    }
    let Some(share) = raw.buffer_memory_share.as_ref().map(|share| share.0.0) else {
        return (whole, (whole / 4).max(LEAST_BUFFERS).max(one).min(whole));
    };
    if share > whole {
        found.error(at.key("buffer_memory_share"), "is more than buffer_memory", "leave something to others, or take it out");
    } else if share < one {
        found.error(at.key("buffer_memory_share"), "is less than one body may have", "make it several times max_mcp_body");
    }
    (whole, share)
}

fn limits(raw: &RawLimits, at: &KeyPath, found: &mut Findings<'_>) -> Limits {
    if raw.max_connections == 0 {
        found.error(at.key("max_connections"), "is zero: nobody could connect", "allow some connections");
    }
    for (key, value) in [("max_in_flight", raw.max_in_flight), ("max_audit_backlog", raw.max_audit_backlog)] {
        if value == 0 {
            found.error(at.key(key), "is zero: every request would be refused", "allow some");
        }
    }
    let spans = [
        ("header_timeout", raw.header_timeout.0),
        ("idle_timeout", raw.idle_timeout.0),
        ("body_timeout", raw.body_timeout.0),
        ("write_timeout", raw.write_timeout.0),
        ("max_delay", raw.max_delay.0),
    ];
    for (key, value) in spans {
        between(value, (Duration::from_millis(1), 60 * MINUTE), &at.key(key), found);
    }
    between(raw.drain_timeout.0, (Duration::ZERO, DAY), &at.key("drain_timeout"), found);
    for (key, size) in [("max_local_body", raw.max_local_body.0.0), ("max_mcp_body", raw.max_mcp_body.0.0)] {
        if !((1 << 10)..=(64 << 20)).contains(&size) {
            found.error(at.key(key), "is out of range", "keep it between 1KiB and 64MiB");
        }
    }
    if !(1..=100_000).contains(&raw.max_handshakes_per_address) {
        found.error(at.key("max_handshakes_per_address"), "is out of range", "keep it between 1 and 100000");
    }
    let max_token_cache = raw.max_token_cache.0.0;
    if !((1 << 20)..=(64 << 30)).contains(&max_token_cache) {
        found.error(at.key("max_token_cache"), "is out of range", "keep it between 1MiB and 64GiB");
    }
    let (buffer_memory, buffer_memory_share) = buffers(raw, at, found);
    Limits {
        buffer_memory,
        buffer_memory_share,
        max_token_cache,
        max_connections: usize::try_from(raw.max_connections).unwrap_or(usize::MAX),
        max_connections_per_address: share(
            raw.max_connections_per_address,
            raw.max_connections,
            &at.key("max_connections_per_address"),
            found,
        ),
        max_handshakes_per_address: raw.max_handshakes_per_address,
        flood_penalty: between(raw.flood_penalty.0, (Duration::ZERO, DAY), &at.key("flood_penalty"), found),
        header_timeout: raw.header_timeout.0,
        idle_timeout: raw.idle_timeout.0,
        body_timeout: raw.body_timeout.0,
        write_timeout: raw.write_timeout.0,
        drain_timeout: raw.drain_timeout.0,
        max_local_body: raw.max_local_body.0.0,
        max_mcp_body: raw.max_mcp_body.0.0,
        max_in_flight: raw.max_in_flight,
        max_in_flight_per_address: share(
            raw.max_in_flight_per_address,
            raw.max_in_flight,
            &at.key("max_in_flight_per_address"),
            found,
        ),
        max_pending: raw.max_pending,
        queue: between(raw.queue.0, (Duration::ZERO, 60 * MINUTE), &at.key("queue"), found),
        max_delay: raw.max_delay.0,
        max_audit_backlog: raw.max_audit_backlog,
        max_store_latency: between(
            raw.max_store_latency.0,
            (Duration::from_millis(1), 60 * MINUTE),
            &at.key("max_store_latency"),
            found,
        ),
    }
}

/// Refuses a duration that is out of range; gives it back as it is.
pub(super) fn between(value: Duration, (least, most): (Duration, Duration), at: &KeyPath, found: &mut Findings<'_>) -> Duration {
    if !(least..=most).contains(&value) {
        let range = format!("keep it between {} and {}", least.write(), most.write());
        found.error(at, format!("{} is out of range", value.write()), range);
    }
    value
}

/// Where state is kept.
pub(super) fn store(raw: &RawConfig, root: &KeyPath, found: &mut Findings<'_>) -> Option<SecretString> {
    let at = root.key("store");
    let inline = raw.store.url.as_deref().filter(|u| !u.starts_with("env:"));
    let url: SecretString = if let (Some(url), None) = (inline, &raw.store.url_file) {
        url.into()
    } else {
        let given = (raw.store.url.as_deref(), raw.store.url_file.as_deref());
        found
            .secret(given, &at, "url")
            .ok()?
            .unwrap_or_else(|| format!("sqlite:{}", raw.data.dir.join("tollgate.db").display()).into())
    };
    let at = at.key("url");
    let text = url.expose_secret();
    let postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let sqlite = text.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty());
    if !postgres && !sqlite {
        found.error(at, "is not the URL of a store", "write sqlite:PATH or postgres://HOST/DATABASE");
        return None;
    }
    if inline.is_some() && postgres && has_password(text) {
        let way_out = "put the URL into a file of its own and say url_file = \"PATH\", or url = \"env:NAME\"";
        found.error(at, "carries a password, and a secret must not stand in the file", way_out);
        return None;
    }
    Some(url)
}

/// Whether the URL of a server says a password, before its host or among its parameters. What can't be read is looked at as text: a
/// password with a character that should have been escaped is one all the same.
fn has_password(text: &str) -> bool {
    match url::Url::parse(text) {
        Ok(url) => url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password"),
        Err(_) => {
            let before_host = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
            before_host.is_some_and(|(who, _)| who.contains(':')) || text.contains("password=")
        }
    }
}

/// The deployment's secret.
pub(super) fn secret(raw: &RawConfig, root: &KeyPath, found: &mut Findings<'_>) -> Option<Arc<DeploymentSecret>> {
    let at = root.key("keys");
    let default = raw.data.dir.join("secret.key");
    let file: Option<&Path> = match (&raw.keys.secret, &raw.keys.secret_file) {
        (None, None) => Some(&default),
        (_, file) => file.as_deref(),
    };
    let made = file.map_or_else(String::new, first_secret);
    let read = secrets::either(found.env, (raw.keys.secret.as_deref(), file), (&at, "secret"), &mut found.warnings);
    let read = read.map_err(|mut e| {
        e.way_out.push_str(&made);
        e
    });
    let text = found.keep(read)??;
    let secret = secrets::deployment_secret(&text);
    if secret.is_none() {
        let key = if file.is_some() { "secret_file" } else { "secret" };
        found.error(at.key(key), "does not hold 32 bytes in base64 or hexadecimal", "make it with: openssl rand -base64 32");
    }
    secret.map(Arc::new)
}

/// What to do about a deployment's secret that is not there. A new one would end every token of a gateway that only was started
/// from another folder.
fn first_secret(file: &Path) -> String {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().unwrap_or(&file).display();
    let file = file.display();
    format!(
        "; relative paths start at the working directory; only for a deployment that never ran, make one: \
         (umask 077; mkdir -p {folder}; openssl rand -base64 32 > {file})"
    )
}

/// Lifetimes and limits of the authorization server.
pub(super) fn oauth(raw: &RawOAuth, at: &KeyPath, found: &mut Findings<'_>) -> OAuthPolicy {
    let second = Duration::from_secs(1);
    for (key, value, most) in [
        ("code_ttl", raw.code_ttl.0, 10 * MINUTE),
        ("access_token_ttl", raw.access_token_ttl.0, 60 * MINUTE),
        ("machine_token_ttl", raw.machine_token_ttl.0, 60 * MINUTE),
        ("refresh_idle", raw.refresh_idle.0, raw.grant_ttl.0.max(second)),
        ("grant_ttl", raw.grant_ttl.0, 3650 * DAY),
        ("request_ttl", raw.request_ttl.0, 60 * MINUTE),
        ("session_idle", raw.session_idle.0, raw.session_ttl.0.max(second)),
        ("session_ttl", raw.session_ttl.0, 365 * DAY),
        ("dynamic_client_ttl", raw.dynamic_client_ttl.0, 3650 * DAY),
    ] {
        between(value, (second, most), &at.key(key), found);
    }
    between(raw.refresh_grace.0, (Duration::ZERO, 10 * MINUTE), &at.key("refresh_grace"), found);
    if raw.dynamic_registration && raw.registrations_per_hour == 0 {
        let way_out = "set dynamic_registration = false, or allow some";
        found.error(at.key("registrations_per_hour"), "contradicts dynamic_registration = true", way_out);
    }
    for (key, value) in [("login_attempts", raw.login_attempts), ("max_clients_per_org", raw.max_clients_per_org)] {
        if value == 0 {
            found.error(at.key(key), "is zero: nobody could get in", "allow some");
        }
    }
    let name = raw.operator_name.trim();
    if name.is_empty() || name.chars().count() > 80 || name.contains(char::is_control) {
        found.error(at.key("operator_name"), "is not a name", "write 1 to 80 characters in one line");
    }
    OAuthPolicy {
        code_ttl: raw.code_ttl.0,
        access_token_ttl: raw.access_token_ttl.0,
        machine_token_ttl: raw.machine_token_ttl.0,
        refresh_idle: raw.refresh_idle.0,
        grant_ttl: raw.grant_ttl.0,
        refresh_grace: raw.refresh_grace.0,
        request_ttl: raw.request_ttl.0,
        session_idle: raw.session_idle.0,
        session_ttl: raw.session_ttl.0,
        dynamic_registration: raw.dynamic_registration,
        registrations_per_hour: raw.registrations_per_hour,
        dynamic_client_ttl: raw.dynamic_client_ttl.0,
        login_attempts: raw.login_attempts,
        max_clients_per_org: u64::from(raw.max_clients_per_org),
        operator_name: name.to_owned(),
        operator_logo: raw.operator_logo.as_deref().and_then(|path| {
            found.env.reading(path);
            found.keep(Logo::read(path, &at.key("operator_logo")))
        }),
    }
}

/// The audit log.
pub(super) fn audit(raw: &RawAudit, at: &KeyPath, found: &mut Findings<'_>) -> AuditPolicy {
    between(raw.retention.0, (7 * DAY, 36_525 * DAY), &at.key("retention"), found);
    AuditPolicy { power_safe: raw.durability == Durability::Power, retention: raw.retention.0 }
}
