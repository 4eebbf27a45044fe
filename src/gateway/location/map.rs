//! What of the inside is where outside.

use http::HeaderValue;

use super::link;
use super::reference::{Authority, Place, resolved, split};
use super::secrets::Secrets;
use crate::config::Endpoint;

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Led {
    /// To somebody else, or to where it is.
    AsItCame,
    /// To this path of ours.
    To(String),
    /// To somebody else, written like this.
    Away(String),
    /// Nowhere that a client can go.
    Nowhere,
}

/// Where another API has the paths of an endpoint.
pub(super) struct Other<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) mount: &'a str,
    /// What tells the tenant in front of every path; `None` where that is not known here.
    pub(super) prefix: Option<String>,
}

/// What of the inside is where outside.
pub(super) struct Map<'a> {
    /// Where the API is mounted.
    pub(super) mount: &'a str,
    /// The endpoint that answered.
    pub(super) endpoint: &'a Endpoint,
    /// The path that was asked for there.
    pub(super) path: String,
    /// What tells the tenant in front of every path.
    pub(super) prefix: &'a str,
    /// The endpoints of the upstream.
    pub(super) endpoints: &'a [Endpoint],
    /// Those of other APIs.
    pub(super) others: Vec<Other<'a>>,
    /// Those of every upstream: they are named to nobody, whether an API leads there or not.
    pub(super) hidden: Vec<&'a Endpoint>,
    /// Mounts of other APIs.
    pub(super) mounts: Vec<&'a str>,
    /// Our host, as the client names it, and the port that it has without saying so.
    pub(super) host: (&'a str, u16),
    /// What may stand in no reference.
    pub(super) secrets: Secrets,
}

impl Map<'_> {
    /// The value of `Location` for one of the upstream's. What is not text could name anything.
    pub(super) fn lead(&self, value: &HeaderValue) -> Option<HeaderValue> {
        match self.led(std::str::from_utf8(value.as_bytes()).ok()?) {
            Led::AsItCame => Some(value.clone()),
            Led::To(to) | Led::Away(to) => HeaderValue::from_bytes(to.as_bytes()).ok(),
            Led::Nowhere => None,
        }
    }

    /// The same of `Refresh`: seconds, and after them where to.
    pub(super) fn refresh(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let text = std::str::from_utf8(value.as_bytes()).ok().filter(|text| !self.secrets.are_in(text))?;
        let Some((seconds, to)) = text.split_once([';', ',']) else { return Some(value.clone()) };
        let to = to.trim();
        let named = to.get(..3).filter(|word| word.eq_ignore_ascii_case("url")).and_then(|_| to[3..].trim().strip_prefix('='));
        let to = named.unwrap_or(to).trim().trim_matches(['"', '\'']);
        match self.led(to) {
            Led::AsItCame => Some(value.clone()),
            Led::To(to) | Led::Away(to) => HeaderValue::from_bytes(format!("{seconds}; url={to}").as_bytes()).ok(),
            Led::Nowhere => None,
        }
    }

    /// The same of `Link`: each link by itself, those that lead nowhere left out.
    pub(super) fn links(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let text = std::str::from_utf8(value.as_bytes()).ok().filter(|text| !self.secrets.are_in(text))?;
        let led: Vec<_> = link::read(text)?.iter().filter_map(|link| self.link(link)).collect();
        (!led.is_empty()).then(|| HeaderValue::from_bytes(led.join(", ").as_bytes()).ok()).flatten()
    }

    fn link(&self, link: &link::Link<'_>) -> Option<String> {
        if link.parameters.iter().any(|parameter| self.secrets.are_in(&parameter.plain())) {
            return None;
        }
        let anchors = link.parameters.iter().filter(|parameter| parameter.is_anchor());
        // Of several none but the first may count (RFC 8288 appendix B.3), or the last: they are all the same then.
        let mut anchors = anchors.map(link::Parameter::plain);
        let anchor = match anchors.next() {
            Some(anchor) => Some(self.linked(&anchor)?),
            None => None,
        };
        Some(link::written(link, &self.linked(link.target)?, anchor.as_deref()))
    }

    /// A reference of a link. Programs follow those, and many resolve none that is not absolute: whole ones stay whole.
    fn linked(&self, reference: &str) -> Option<String> {
        let to = match self.led(reference) {
            Led::AsItCame => reference.to_owned(),
            Led::To(path) if matches!(Place::of(&split(reference).0), Place::Named(..)) => {
                let scheme = if self.host.1 == 443 { "https" } else { "http" };
                format!("{scheme}://{}{path}", self.host.0)
            }
            Led::To(to) | Led::Away(to) => to,
            Led::Nowhere => return None,
        };
        // It ends there, whatever it came as.
        (!to.contains(['<', '>', '"'])).then_some(to)
    }

    fn led(&self, reference: &str) -> Led {
        if self.secrets.are_in(reference) {
            return Led::Nowhere;
        }
        let (place, rest) = split(reference);
        if place.is_empty() {
            return Led::AsItCame;
        }
        match Place::of(&place) {
            // Nothing leads there through us.
            Place::Elsewhere(Some(authority)) if authority.has_user || self.has(&authority) => Led::Nowhere,
            Place::Elsewhere(_) => Led::AsItCame,
            Place::Named(authority, path) => self.named(&authority, path, (reference, rest)),
            Place::Path(path) => self.path(path, rest),
            Place::Relative(path) => {
                let folder = self.path.rfind('/').map_or("", |at| &self.path[..at]);
                self.at(&self.endpoint.base_path, &format!("{folder}/{path}"), rest)
            }
        }
    }

    /// Whether an endpoint is there.
    fn has(&self, authority: &Authority<'_>) -> bool {
        let others = self.others.iter().map(|other| other.endpoint).chain(self.hidden.iter().copied());
        self.endpoints.iter().chain(others).any(|endpoint| authority.names(endpoint))
    }

    /// A path of whoever answered: of the upstream, of another behind the same host, or one that knows our mount.
    fn path(&self, path: &str, rest: &str) -> Led {
        if self.is_known_below(path) {
            return Led::To([&resolved(path), rest].concat());
        }
        let own = self.at(&self.endpoint.base_path, path, rest);
        let is_there =
            |other: &&Other<'_>| (&other.endpoint.host, other.endpoint.port) == (&self.endpoint.host, self.endpoint.port);
        if own == Led::Nowhere { elsewhere(self.others.iter().filter(is_there), path, rest) } else { own }
    }

    /// A reference that names somebody.
    fn named(&self, authority: &Authority<'_>, path: &str, (reference, rest): (&str, &str)) -> Led {
        let path = if path.is_empty() { "/" } else { path };
        let mut ours = self.endpoints.iter().filter(|endpoint| authority.names(endpoint)).peekable();
        let is_ours = ours.peek().is_some();
        if let Some(led) = ours.map(|endpoint| self.at(&endpoint.base_path, path, rest)).find(|led| *led != Led::Nowhere) {
            return led;
        }
        let mut others = self.others.iter().filter(|other| authority.names(other.endpoint)).peekable();
        if is_ours || others.peek().is_some() {
            return elsewhere(others, path, rest);
        }
        if authority.is(self.host.0, self.host.1) {
            return self.public(path, rest);
        }
        if self.has(authority) {
            return Led::Nowhere;
        }
        if !authority.has_user {
            return Led::AsItCame;
        }
        // A user and password are shown to whoever reads it, and sent along to whoever it is.
        let scheme =
            reference.split_once(':').map(|(scheme, _)| scheme.trim()).filter(|scheme| !scheme.contains(['/', '\\', '@']));
        Led::Away(
            [scheme.unwrap_or_default(), if scheme.is_some() { "://" } else { "//" }, authority.written, path, rest].concat(),
        )
    }

    /// A path of our own host: an upstream that was told of it knows it, but not always where it is mounted.
    fn public(&self, path: &str, rest: &str) -> Led {
        // Two slashes would name a host.
        let clean = format!("/{}", resolved(path).trim_start_matches('/'));
        let is_of_others = self.mounts.iter().any(|mount| is_below(mount, &clean));
        let is_for_clients = ["/oauth2", "/.well-known"].iter().any(|ours| is_below(ours, &clean));
        if is_below(self.mount, &clean) || is_of_others || is_for_clients {
            return Led::To([&clean, rest].concat());
        }
        match self.at(&self.endpoint.base_path, path, rest) {
            Led::Nowhere => Led::To([&clean, rest].concat()),
            led => led,
        }
    }

    /// Whether an upstream says by itself where it is mounted, as Grafana does by `root_url`. Whose own paths begin like the mount does
    /// not.
    fn is_known_below(&self, path: &str) -> bool {
        let base = &self.endpoint.base_path;
        let path = resolved(path);
        let is_own = !base.is_empty() && is_below(base, &path);
        !is_own && self.prefix.is_empty() && is_below(self.mount, &path) && !is_below(self.mount, &self.path)
    }

    /// A path of an endpoint whose own path is `base`, below the mount.
    fn at(&self, base: &str, path: &str, rest: &str) -> Led {
        let below = below(base, self.prefix, path);
        below.map_or(Led::Nowhere, |below| Led::To([self.mount, &below, rest].concat()))
    }
}

/// A path below the mount of the API that has most of it.
fn elsewhere<'o>(others: impl Iterator<Item = &'o Other<'o>>, path: &str, rest: &str) -> Led {
    let led = others.filter_map(|other| Some((other, below(&other.endpoint.base_path, other.prefix.as_deref()?, path)?)));
    // The first of several that have as much.
    let best = led.min_by_key(|(_, below)| below.len());
    best.map_or(Led::Nowhere, |(other, below)| Led::To([other.mount, &below, rest].concat()))
}

fn is_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What of a path is behind a base and a prefix.
fn below(base: &str, prefix: &str, path: &str) -> Option<String> {
    let path = resolved(path);
    let below = path.strip_prefix(base)?.strip_prefix(prefix)?;
    (below.is_empty() || below.starts_with('/')).then(|| below.to_owned())
}
