//! Upstreams and their credentials.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use secrecy::ExposeSecret;

use super::Findings;
use crate::config::error::KeyPath;
use crate::config::raw::{RawConfig, RawInject, RawTimeouts, RawUpstream};
use crate::config::read::top;
use crate::config::secrets;
use crate::config::{InjectedHeader, Upstream, UpstreamTimeouts};

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
    if raw.endpoints.is_empty() {
        found.error(at.key("endpoints"), "is empty", "name at least one endpoint");
    }
    if let Some(health) = raw.health.as_deref().filter(|h| !h.starts_with('/') || !h.bytes().all(|b| b.is_ascii_graphic())) {
        found.error(at.key("health"), format!("{health:?} is not a path"), "start it with /");
    }
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
        endpoints: raw.endpoints.iter().map(|e| e.0.clone()).collect(),
        protocol: raw.protocol,
        health: raw.health.clone(),
        timeouts: timeouts(&raw.timeouts, &at.key("timeouts"), found),
        inject,
    }
}

fn injected(raw: &RawInject, at: &KeyPath, found: &mut Findings<'_>) -> Option<InjectedHeader> {
    let given = (raw.value.as_deref(), raw.value_file.as_deref());
    let read = secrets::either(found.env, given, (at, "value"), &mut found.warnings);
    let Some(value) = found.keep(read)? else {
        found.error(at, "has no value", "add value_file = \"PATH\" or value = \"env:NAME\"");
        return None;
    };
    if HeaderValue::from_str(value.expose_secret()).is_err() {
        found.error(at, "the value has characters that no header may have", "write one line of printable characters");
        return None;
    }
    Some(InjectedHeader { name: raw.header.0.clone(), value })
}

fn timeouts(raw: &RawTimeouts, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamTimeouts {
    let all = [("connect", raw.connect.0), ("read", raw.read.0), ("stream_idle", raw.stream_idle.0), ("write", raw.write.0)];
    for (key, _) in all.into_iter().filter(|(_, d)| *d == Duration::ZERO) {
        found.error(at.key(key), "is zero: every request would fail", "give it some time");
    }
    UpstreamTimeouts { connect: raw.connect.0, read: raw.read.0, stream_idle: raw.stream_idle.0, write: raw.write.0 }
}
