//! Where an answer of an upstream points to, as its client can follow it: through the mount, or not at all.
//!
//! An upstream knows itself by the address that we reach it at, and its paths without the mount. Handed on as they came, its
//! redirects would name addresses of the inside and lead around the gate, or out of the mount to something else of ours.

use std::net::IpAddr;

use http::HeaderValue;
use http::header::{CONTENT_LOCATION, LOCATION, REFRESH};
use pingora::Result;
use pingora::http::ResponseHeader;

use super::authorize::Permit;
use super::hygiene::CleanRequest;
use super::outbound;
use crate::config::{Config, Endpoint, Target};

/// The way that a request went.
pub struct Way<'a> {
    /// The configuration of the request.
    pub config: &'a Config,
    /// What allowed it.
    pub permit: &'a Permit,
    /// The request.
    pub request: &'a CleanRequest,
    /// Where it went.
    pub endpoint: &'a Endpoint,
}

/// Makes `Location`, `Content-Location` and `Refresh` lead back through the mount. What names an address of the inside that no
/// mount of this API leads to is left out.
///
/// # Errors
/// When a value can't be written as a header.
pub fn lead_back(head: &mut ResponseHeader, way: &Way<'_>) -> Result<()> {
    let present: Vec<_> =
        [LOCATION, CONTENT_LOCATION, REFRESH].into_iter().filter(|name| head.headers.contains_key(name)).collect();
    if present.is_empty() {
        return Ok(());
    }
    let Target::Upstream(upstream) = &way.permit.api().target else { return Ok(()) };
    let others = way.config.upstreams.iter().filter(|other| other.name != upstream.name);
    let prefix = outbound::prefix(way.permit);
    let map = Map {
        mount: &way.permit.api().mount,
        base: &way.endpoint.base_path,
        path: outbound::located(way.permit, way.permit.api().below(way.request.path()), way.endpoint),
        prefix: &prefix,
        endpoints: &upstream.endpoints,
        others: others.flat_map(|other| &other.endpoints).collect(),
    };
    for name in present {
        let came: Vec<_> = head.headers.get_all(&name).iter().cloned().collect();
        head.remove_header(&name);
        for value in came {
            let led = if name == REFRESH { map.refresh(&value) } else { map.lead(&value) };
            if let Some(led) = led {
                head.append_header(name.clone(), led)?;
            }
        }
    }
    Ok(())
}

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Led {
    /// To somebody else, or to where it is.
    AsItCame,
    /// To this path of ours.
    To(String),
    /// Nowhere that a client can go.
    Nowhere,
}

/// What of the inside is where outside.
struct Map<'a> {
    mount: &'a str,
    /// The path of the endpoint that answered.
    base: &'a str,
    /// The path that was asked for there.
    path: String,
    /// What tells the tenant in front of every path.
    prefix: &'a str,
    /// The endpoints of the upstream.
    endpoints: &'a [Endpoint],
    /// Those of all other upstreams.
    others: Vec<&'a Endpoint>,
}

impl Map<'_> {
    /// The value of `Location` for one of the upstream's. What is not text could name anything.
    fn lead(&self, value: &HeaderValue) -> Option<HeaderValue> {
        match self.led(std::str::from_utf8(value.as_bytes()).ok()?) {
            Led::AsItCame => Some(value.clone()),
            Led::To(path) => HeaderValue::from_bytes(path.as_bytes()).ok(),
            Led::Nowhere => None,
        }
    }

    /// The same of `Refresh`: seconds, and after them where to.
    fn refresh(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        let Some((seconds, to)) = text.split_once([';', ',']) else { return Some(value.clone()) };
        let to = to.trim();
        let named = to.get(..3).filter(|word| word.eq_ignore_ascii_case("url")).and_then(|_| to[3..].trim().strip_prefix('='));
        let to = named.unwrap_or(to).trim().trim_matches(['"', '\'']);
        match self.led(to) {
            Led::AsItCame => Some(value.clone()),
            Led::To(path) => HeaderValue::from_bytes(format!("{seconds}; url={path}").as_bytes()).ok(),
            Led::Nowhere => None,
        }
    }

    fn led(&self, reference: &str) -> Led {
        let (place, rest) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
        // Browsers take one for the other.
        let place = place.trim().replace('\\', "/");
        if place.is_empty() {
            return Led::AsItCame;
        }
        match Place::of(&place) {
            Place::Elsewhere => Led::AsItCame,
            Place::Named(authority, path) => self.named(&authority, path, rest),
            Place::Path(path) if self.is_known_below(path) => Led::To([&resolved(path), rest].concat()),
            Place::Path(path) => self.at(self.base, path, rest),
            Place::Relative(path) => {
                let folder = self.path.rfind('/').map_or("", |at| &self.path[..at]);
                self.at(self.base, &format!("{folder}/{path}"), rest)
            }
        }
    }

    /// A reference that names somebody.
    fn named(&self, authority: &Authority<'_>, path: &str, rest: &str) -> Led {
        let path = if path.is_empty() { "/" } else { path };
        let mut ours = self.endpoints.iter().filter(|endpoint| authority.names(endpoint)).peekable();
        let is_ours = ours.peek().is_some();
        let led = ours.map(|endpoint| self.at(&endpoint.base_path, path, rest)).find(|led| *led != Led::Nowhere);
        match led {
            Some(led) => led,
            None if is_ours || self.others.iter().any(|endpoint| authority.names(endpoint)) => Led::Nowhere,
            None => Led::AsItCame,
        }
    }

    /// Whether an upstream that answers at its root says by itself where it is mounted, as Grafana does by `root_url`. Whose own paths
    /// begin like the mount does not.
    fn is_known_below(&self, path: &str) -> bool {
        let is_below = |path: &str| path.strip_prefix(self.mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.base.is_empty() && self.prefix.is_empty() && is_below(&resolved(path)) && !is_below(&self.path)
    }

    /// A path of an endpoint whose own path is `base`, below the mount.
    fn at(&self, base: &str, path: &str, rest: &str) -> Led {
        let path = resolved(path);
        let below = path.strip_prefix(base).and_then(|path| path.strip_prefix(self.prefix));
        match below.filter(|below| below.is_empty() || below.starts_with('/')) {
            Some(below) => Led::To([self.mount, below, rest].concat()),
            None => Led::Nowhere,
        }
    }
}

/// A reference by its form (RFC 3986 §4.1), as browsers read it.
enum Place<'a> {
    /// With a scheme that has nothing to do with us.
    Elsewhere,
    Named(Authority<'a>, &'a str),
    Path(&'a str),
    Relative(&'a str),
}

impl<'a> Place<'a> {
    fn of(place: &'a str) -> Self {
        let scheme = place.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
        let (port, named) = match scheme {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(80), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(443), rest),
            Some(_) => return Self::Elsewhere,
            None if place.starts_with("//") => (None, place),
            None if place.starts_with('/') => return Self::Path(place),
            None => return Self::Relative(place),
        };
        // Any number of slashes is two.
        let named = named.trim_start_matches('/');
        let (authority, path) = named.split_at(named.find('/').unwrap_or(named.len()));
        Self::Named(Authority::of(authority, port), path)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Host and port of a reference.
struct Authority<'a> {
    host: &'a str,
    /// Its port, or the one of its scheme; `None` where neither is said.
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn of(text: &'a str, usual: Option<u16>) -> Self {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
            _ => (text, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Self { host: host.strip_suffix('.').unwrap_or(host), port: port.or(usual) }
    }

    fn names(&self, endpoint: &Endpoint) -> bool {
        let port = self.port.is_none_or(|port| port == endpoint.port);
        let alike = |a: IpAddr, b: IpAddr| a.to_canonical() == b.to_canonical();
        let host = match (self.host.parse::<IpAddr>(), endpoint.host.parse::<IpAddr>()) {
            (Ok(said), Ok(known)) => alike(said, known),
            _ => self.host.eq_ignore_ascii_case(&endpoint.host),
        };
        host && port
    }
}

/// A path without dot segments (RFC 3986 §5.2.4), escaped ones among them.
fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_in_dots = matches!(&*plain, "." | "..");
        match &*plain {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let end = if ends_in_dots && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Kind as _;

    fn endpoints(urls: &[&str]) -> Vec<Endpoint> {
        urls.iter().map(|url| Endpoint::read(url).expect("an endpoint")).collect()
    }

    fn leads(prefix: &str, rows: &[(&str, Option<&str>)]) {
        let endpoints = endpoints(&["http://prom.internal:9090/base", "https://[2001:db8::1]/base", "http://10.0.0.7:9090"]);
        let others = self::endpoints(&["http://loki.internal:3100"]);
        let map = Map {
            mount: "/prometheus",
            base: "/base",
            path: format!("/base{prefix}/api/v1/query"),
            prefix,
            endpoints: &endpoints,
            others: others.iter().collect(),
        };
        for (came, wanted) in rows {
            let led = map.lead(&HeaderValue::from_str(came).expect("a header"));
            assert_eq!(led.as_ref().map(|led| led.to_str().expect("text")), *wanted, "{came} {prefix}");
        }
    }

    #[test]
    fn absolute_references_lead_through_the_mount_or_to_somebody_else() {
        leads(
            "",
            &[
                ("http://prom.internal:9090/base/graph?a=b#c", Some("/prometheus/graph?a=b#c")),
                ("https://PROM.internal.:9090/base/graph", Some("/prometheus/graph")),
                ("http://user@prom.internal:9090/base", Some("/prometheus")),
                ("//prom.internal:9090/base/x", Some("/prometheus/x")),
                ("https:\\\\prom.internal:9090\\base\\x", Some("/prometheus/x")),
                ("https://[2001:db8:0::1]/base/", Some("/prometheus/")),
                ("http://[::ffff:10.0.0.7]:9090/x", Some("/prometheus/x")),
                ("http://10.0.0.7:9090", Some("/prometheus/")),
                ("http://prom.internal:9090/admin", None),
                ("http://prom.internal:9090/base/../admin", None),
                ("http://prom.internal:9090/base%2F", None),
                ("http://loki.internal:3100/", None),
                ("//loki.internal:3100", None),
                ("http://prom.internal/base/x", Some("http://prom.internal/base/x")),
                (
                    "https://login.example/?next=http://prom.internal:9090/",
                    Some("https://login.example/?next=http://prom.internal:9090/"),
                ),
                ("mailto:a@prom.internal", Some("mailto:a@prom.internal")),
            ],
        );
    }

    #[test]
    fn paths_lead_to_where_they_are_below_the_mount() {
        leads(
            "",
            &[
                ("/base/graph", Some("/prometheus/graph")),
                ("/base", Some("/prometheus")),
                ("/base/a/../b?c=../d", Some("/prometheus/b?c=../d")),
                ("/base/../login", None),
                ("/base/%2e%2E/login", None),
                ("/login", None),
                ("/baseless", None),
                ("range", Some("/prometheus/api/v1/range")),
                ("./range/", Some("/prometheus/api/v1/range/")),
                ("../../graph", Some("/prometheus/graph")),
                ("../../../login", None),
                ("..", Some("/prometheus/api/")),
                ("a:b/c", Some("a:b/c")),
                ("?page=2", Some("?page=2")),
                ("#top", Some("#top")),
                ("", Some("")),
            ],
        );
    }

    #[test]
    fn an_upstream_that_knows_its_mount_is_taken_at_its_word() {
        let endpoints = endpoints(&["http://prom.internal:9090"]);
        let map = |path: &str, prefix| Map {
            mount: "/prometheus",
            base: "",
            path: path.to_owned(),
            prefix,
            endpoints: &endpoints,
            others: Vec::new(),
        };
        let led = |map: Map<'_>, to: &str| map.lead(&HeaderValue::from_str(to).expect("a header"));
        for (to, wanted) in [
            ("/prometheus/graph?a=b", "/prometheus/graph?a=b"),
            ("/prometheus", "/prometheus"),
            ("/prometheus/../login", "/prometheus/login"),
            ("/prometheuses", "/prometheus/prometheuses"),
            ("/graph", "/prometheus/graph"),
        ] {
            assert_eq!(led(map("/api/v1/query", ""), to).expect("a place"), wanted, "{to}");
        }
        let own = led(map("/prometheus/api/v1/query", ""), "/prometheus/graph");
        assert_eq!(own.expect("a place"), "/prometheus/prometheus/graph", "its own paths begin like the mount");
        assert!(led(map("/o/acme/api", "/o/acme"), "/prometheus/graph").is_none(), "another tenant's, for all we know");
    }

    #[test]
    fn what_tells_the_tenant_is_taken_off_again() {
        leads(
            "/o/acme",
            &[
                ("/base/o/acme/graph", Some("/prometheus/graph")),
                ("http://prom.internal:9090/base/o/acme/graph", Some("/prometheus/graph")),
                ("range", Some("/prometheus/api/v1/range")),
                ("/base/graph", None),
                ("/base/o/evil/graph", None),
                ("/base/o/acmeevil/graph", None),
                ("../../../evil/graph", None),
            ],
        );
    }

    #[test]
    fn a_refresh_leads_where_a_redirect_would() {
        let endpoints = endpoints(&["http://up.internal"]);
        let map = Map { mount: "/m", base: "", path: "/a/b".into(), prefix: "", endpoints: &endpoints, others: Vec::new() };
        for (came, wanted) in [
            ("5", Some("5")),
            ("0; url=/x", Some("0; url=/m/x")),
            ("0;URL='http://up.internal/x'", Some("0; url=/m/x")),
            ("0, x", Some("0; url=/m/a/x")),
            ("0; url=https://other.example/", Some("0; url=https://other.example/")),
        ] {
            let led = map.refresh(&HeaderValue::from_static(came));
            assert_eq!(led.as_ref().map(|led| led.to_str().expect("text")), wanted, "{came}");
        }
    }
}
