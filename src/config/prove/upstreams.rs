//! Upstreams and their credentials.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;

use super::Findings;
use super::apis::Proved;
use super::sections::between;
use crate::config::error::KeyPath;
use crate::config::raw::{
    RawConfig, RawEndpoint, RawHealth, RawInject, RawRouteTimeouts, RawTimeouts, RawUpstream, RawUpstreamTls,
};
use crate::config::read::top;
use crate::config::written::Written;
use crate::config::{
    Breaker, Checks, Ejection, Endpoint, Health, InjectedHeader, Retries, RouteTimeouts, Target, Upstream, UpstreamLimits,
    UpstreamProtocol, UpstreamTimeouts, UpstreamTls,
};

/// Endpoints of one upstream: as many as a request can remember to have tried.
const MOST_ENDPOINTS: usize = 64;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Every upstream that has a name of its own.
pub(super) fn all(raw: &RawConfig, found: &mut Findings<'_>) -> Vec<Arc<Upstream>> {
    let mut names = BTreeSet::new();
    let used: BTreeSet<_> = raw.apis.iter().map(|a| &a.upstream.0).collect();
    let mut upstreams = Vec::new();
    for (i, upstream) in raw.upstreams.numbered() {
        let at = top("upstreams").index(i);
        let name = &upstream.name.0;
        if !names.insert(name) {
            found.error(at.key("name"), format!("there is another upstream {name}"), "give each upstream its own name");
        }
        if !used.contains(name) {
            found.warn(at.key("name"), format!("no API uses the upstream {name}"));
        }
        upstreams.push(Arc::new(one(upstream, &at, found)));
    }
    upstreams.sort_by(|a, b| a.name.cmp(&b.name));
    upstreams
}

fn one(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Upstream {
    let mut names = BTreeSet::new();
    let mut inject = Vec::new();
    for (i, header) in raw.inject.numbered() {
        let at = at.key("inject").index(i);
        if !names.insert(header.header.0.as_str()) {
            found.error(at.key("header"), format!("{} is there twice", header.header.0), "inject each header once");
        }
        inject.extend(injected(header, &at, found));
    }
    Upstream {
        name: raw.name.0.to_string(),
        endpoints: endpoints(raw, &at.key("endpoints"), found),
        protocol: raw.protocol,
        health: health(raw, at, found),
        checks: checks(raw, &at.key("checks"), found),
        ejection: ejection(raw, &at.key("ejection"), found),
        breaker: breaker(raw, &at.key("breaker"), found),
        retries: retries(raw, &at.key("retries"), found),
        limits: limits(raw, &at.key("limits"), found),
        slow_start: between(raw.slow_start.0, (Duration::ZERO, DAY), &at.key("slow_start"), found),
        resolve: between(raw.resolve.0, (Duration::from_secs(1), DAY), &at.key("resolve"), found),
        tls: tls(raw, &at.key("tls"), found),
        timeouts: timeouts(&raw.timeouts, &at.key("timeouts"), found),
        inject,
    }
}

fn health(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Option<Health> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    Some(match raw.health.as_ref()? {
        RawHealth::Path(path) => {
            if !path.starts_with('/') || !plain(path) {
                found.error(at.key("health"), format!("{path:?} is not a path"), "start it with /");
            }
            Health::Path(path.clone())
        }
        RawHealth::Grpc(asked) => {
            if raw.protocol != UpstreamProtocol::Http2 {
                found.error(at.key("health"), "asks over gRPC, which needs HTTP/2", "add protocol = \"http2\"");
            }
            if !plain(&asked.grpc) {
                found.error(
                    at.key("health").key("grpc"),
                    format!("{:?} is no service", asked.grpc),
                    "name one such as package.Service, or \"\"",
                );
            }
            Health::Grpc(asked.grpc.clone())
        }
    })
}

fn injected(raw: &RawInject, at: &KeyPath, found: &mut Findings<'_>) -> Option<InjectedHeader> {
    let given = (raw.value.as_deref(), raw.value_file.as_deref());
    let Some(value) = found.secret(given, at, "value").ok()? else {
        found.error(at, "has no value", "add value_file = \"PATH\" or value = \"env:NAME\"");
        return None;
    };
    if HeaderValue::from_str(value.expose_secret()).is_err() {
        found.error(at, "the value has characters that no header may have", "write one line of printable characters");
        return None;
    }
    Some(InjectedHeader { name: raw.header.0.clone(), value })
}

fn endpoints(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Vec<Endpoint> {
    if raw.endpoints.is_empty() {
        found.error(at, "is empty", "name at least one endpoint");
    }
    let mut all: Vec<Endpoint> = Vec::new();
    for (i, written) in raw.endpoints.numbered() {
        let endpoint = written.endpoint();
        if let RawEndpoint::Weighted(weighted) = written
            && !(1..=1000).contains(&weighted.weight)
        {
            found.error(at.index(i).key("weight"), format!("{} is out of range", weighted.weight), "keep it between 1 and 1000");
        }
        if all.iter().any(|e| e.is_same_place(&endpoint)) {
            found.error(at.index(i), format!("{endpoint} is there twice"), "name it once, with a weight");
        }
        all.push(endpoint);
    }
    if all.len() > MOST_ENDPOINTS {
        found.error(at, format!("has {} endpoints", all.len()), format!("name at most {MOST_ENDPOINTS}"));
    }
    all
}

fn tls(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamTls {
    let plain = raw.endpoints.iter().map(RawEndpoint::endpoint).find(|e| !e.tls);
    let plain = plain.map(|e| (e.to_string(), "make every endpoint https, or take tls out"));
    trust(&raw.tls, plain, at, found)
}

/// What TLS shows and believes. Keys that nothing would look at, because of a `plain` URL, are refused: they promise what is not
/// done.
pub(super) fn trust(keys: &RawUpstreamTls, plain: Option<(String, &str)>, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamTls {
    let is_used = keys.ca.is_some() || keys.server_name.is_some() || keys.client_cert.is_some() || keys.client_key.is_some();
    if is_used && let Some((url, way_out)) = plain {
        found.error(at, format!("{url} is not reached over TLS"), way_out);
    }
    for path in [&keys.ca, &keys.client_cert, &keys.client_key].into_iter().flatten() {
        found.env.reading(path);
    }
    if let Some(name) = keys.server_name.as_deref().filter(|n| ServerName::try_from(*n).is_err()) {
        found.error(at.key("server_name"), format!("{name:?} is no name that a certificate can have"), "write a host name");
        return UpstreamTls::default();
    }
    let client = match (keys.client_cert.as_deref(), keys.client_key.as_deref()) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (Some(_), None) => {
            found.error(at.key("client_key"), "is missing", "name the key of client_cert");
            None
        }
        (None, Some(_)) => {
            found.error(at.key("client_cert"), "is missing", "name the certificate of client_key");
            None
        }
    };
    let given = (keys.ca.as_deref(), client);
    let read = crate::config::tls::upstream(given, keys.server_name.as_deref(), at, &mut found.warnings);
    found.keep(read).unwrap_or_default()
}

fn checks(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Checks {
    let shortest = Duration::from_millis(50);
    for (key, value) in [("healthy", raw.checks.healthy), ("unhealthy", raw.checks.unhealthy)] {
        if !(1..=100).contains(&value) {
            found.error(at.key(key), format!("{value} is out of range"), "keep it between 1 and 100");
        }
    }
    Checks {
        interval: between(raw.checks.interval.0, (shortest, DAY), &at.key("interval"), found),
        timeout: between(raw.checks.timeout.0, (shortest, DAY), &at.key("timeout"), found),
        healthy: raw.checks.healthy,
        unhealthy: raw.checks.unhealthy,
    }
}

fn ejection(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Ejection {
    let base = between(raw.ejection.base.0, (Duration::from_millis(1), DAY), &at.key("base"), found);
    let longest = between(raw.ejection.longest.0, (base, DAY), &at.key("longest"), found);
    Ejection { failures: NonZeroU32::new(raw.ejection.failures), base, longest }
}

fn breaker(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Breaker {
    let base = between(raw.breaker.base.0, (Duration::from_millis(100), HOUR), &at.key("base"), found);
    let longest = between(raw.breaker.longest.0, (base, HOUR), &at.key("longest"), found);
    if raw.breaker.failures > 10_000 {
        found.error(at.key("failures"), format!("{} is out of range", raw.breaker.failures), "keep it at most 10000");
    }
    Breaker { failures: NonZeroU32::new(raw.breaker.failures), base, longest }
}

fn retries(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> Retries {
    for (key, value, most) in
        [("tries", raw.retries.tries, 3), ("budget", raw.retries.budget, 100), ("reserve", raw.retries.reserve, 10_000)]
    {
        if value > most || (key == "tries" && value == 0) {
            let least = u32::from(key == "tries");
            found.error(at.key(key), format!("{value} is out of range"), format!("keep it between {least} and {most}"));
        }
    }
    let tries = u8::try_from(raw.retries.tries).unwrap_or(u8::MAX);
    Retries { tries, budget: raw.retries.budget, reserve: raw.retries.reserve }
}

fn limits(raw: &RawUpstream, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamLimits {
    for (key, value) in [("in_flight", raw.limits.in_flight), ("connections", raw.limits.connections), ("idle", raw.limits.idle)]
    {
        if !(1..=1_000_000).contains(&value) {
            found.error(at.key(key), format!("{value} is out of range"), "keep it between 1 and 1000000");
        }
    }
    UpstreamLimits {
        in_flight: raw.limits.in_flight,
        pending: raw.limits.pending,
        queue: between(raw.limits.queue.0, (Duration::ZERO, DAY), &at.key("queue"), found),
        connections: raw.limits.connections,
        idle: raw.limits.idle,
    }
}

const ZERO: &str = "is zero: every request would fail";

fn timeouts(raw: &RawTimeouts, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamTimeouts {
    let all = [
        ("connect", Some(raw.connect.0)),
        ("read", Some(raw.read.0)),
        ("stream_idle", Some(raw.stream_idle.0)),
        ("write", Some(raw.write.0)),
        ("first_byte", raw.first_byte.as_ref().map(|d| d.0)),
        ("total", raw.total.as_ref().map(|d| d.0)),
    ];
    for (key, _) in all.into_iter().filter(|(_, d)| *d == Some(Duration::ZERO)) {
        found.error(at.key(key), ZERO, "give it some time");
    }
    let timeouts = UpstreamTimeouts {
        connect: raw.connect.0,
        read: raw.read.0,
        stream_idle: raw.stream_idle.0,
        write: raw.write.0,
        first_byte: raw.first_byte.as_ref().map(|d| d.0),
        total: raw.total.as_ref().map(|d| d.0),
    };
    if timeouts.first_byte.is_some_and(|first| first < timeouts.read) {
        found.error(at.key("first_byte"), "is shorter than read", "make read at most as long: the first byte is read too");
    }
    timeouts
}

/// The timeouts of a route.
pub(super) fn route_timeouts(raw: &RawRouteTimeouts, at: &KeyPath, found: &mut Findings<'_>) -> RouteTimeouts {
    let all = [("connect", &raw.connect), ("first_byte", &raw.first_byte), ("idle", &raw.idle), ("total", &raw.total)];
    for (key, _) in all.into_iter().filter(|(_, d)| d.as_ref().is_some_and(|d| d.0 == Duration::ZERO)) {
        found.error(at.key(key), ZERO, "give it some time");
    }
    spans(raw)
}

fn spans(raw: &RawRouteTimeouts) -> RouteTimeouts {
    let span = |written: &Option<Written<Duration>>| written.as_ref().map(|d| d.0);
    RouteTimeouts {
        connect: span(&raw.connect),
        first_byte: span(&raw.first_byte),
        idle: span(&raw.idle),
        total: span(&raw.total),
    }
}

/// A wait for the first byte that the time between two reads would end early promises what can't be kept.
pub(super) fn reachable(raw: &RawConfig, apis: &[Proved], found: &mut Findings<'_>) {
    for proved in apis {
        let Target::Upstream(upstream) = &proved.api.target else { continue };
        let every = raw.apis.iter().find(|api| api.name.0 == proved.api.name).map(|api| spans(&api.timeouts)).unwrap_or_default();
        let mut told = false;
        for (_, _, route) in proved.api.routes.iter() {
            let of_upstream = &upstream.timeouts;
            let idle = route.timeouts.idle.unwrap_or(of_upstream.read);
            let first = route.timeouts.first_byte.or(of_upstream.first_byte);
            let changed = route.timeouts.idle.is_some() || route.timeouts.first_byte.is_some();
            if !changed || first.is_none_or(|first| first >= idle) {
                continue;
            }
            if route.timeouts == every {
                if !std::mem::replace(&mut told, true) {
                    let problem = "the first byte is waited for shorter than between two reads";
                    found.error(proved.at.key("timeouts"), problem, "make idle at most as long as first_byte");
                }
            } else {
                let problem = format!("the route {} waits for its first byte shorter than between two reads", route.id);
                found.error(proved.at.key("routes"), problem, "make timeouts.idle at most as long as timeouts.first_byte");
            }
        }
    }
}
