//! The request that a proxy asks about, read from what the proxy says in its dialect.

use ::http::header::HOST;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::trust::SECRET;
use crate::gateway::hygiene::{Head, Peer, Protocol};
use crate::gateway::status;
use crate::plugin::Able;
use crate::types::Dialect;

/// What stands before the original target when Envoy asks over HTTP.
pub(super) const ENVOY_PREFIX: &str = "/auth/envoy";

/// Headers that say which request is meant; no other dialect may say it too.
const NGINX: [&str; 2] = ["x-original-method", "x-original-uri"];
const FORWARDED: [&str; 3] = ["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"];

/// The original request, as far as it is known.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) protocol: Protocol,
}

impl Original {
    /// Reads what was asked over HTTP. `None` when method, target or host is missing or there twice.
    pub(super) fn read(dialect: Dialect, method: &Method, uri: &::http::Uri, mut headers: HeaderMap) -> Option<Self> {
        headers.remove(SECRET);
        match dialect {
            Dialect::Nginx => {
                let [method, target] = NGINX.map(|name| only(&mut headers, name));
                Self::of(&method?, target?, headers)
            }
            Dialect::Traefik | Dialect::Caddy => {
                let [method, target, host] = FORWARDED.map(|name| only(&mut headers, name));
                headers.insert(HOST, HeaderValue::from_str(&host?).ok()?);
                Self::of(&method?, target?, headers)
            }
            Dialect::EnvoyHttp => {
                let target = uri.path_and_query()?.as_str().strip_prefix(ENVOY_PREFIX)?;
                Self::of(method.as_str(), target.to_owned(), headers)
            }
            Dialect::EnvoyGrpc => None,
        }
    }

    /// A request of these parts; one host.
    pub(super) fn of(method: &str, target: String, headers: HeaderMap) -> Option<Self> {
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        let one_host = headers.get_all(HOST).iter().count() == 1;
        // Most proxies do not say which version was spoken. A call that came in another one ends at its upstream.
        let protocol = if status::is_grpc(&headers) { Protocol::Http2 } else { Protocol::Http11 };
        one_host.then_some(Self { method, target, headers, protocol })
    }

    /// The request as hygiene reads it: the proxy speaks for the connection.
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            protocol: self.protocol,
            peer: Peer::Trusted,
            raw: None,
            method: &self.method,
            target: &self.target,
            scheme: None,
            authority: None,
            headers: &self.headers,
            tls: false,
            has_body: false,
        }
    }
}

/// The only value of a header, which is taken out.
fn only(headers: &mut HeaderMap, name: &'static str) -> Option<String> {
    let name = HeaderName::from_static(name);
    let mut values = headers.get_all(&name).iter();
    let only = values.next().filter(|_| values.next().is_none()).and_then(|v| v.to_str().ok()).map(str::to_owned);
    headers.remove(&name);
    only
}

/// What a proxy that asks in a dialect can be told.
pub(super) fn able(dialect: Dialect, policy: &crate::config::AuthorizerPolicy) -> Able {
    match dialect {
        Dialect::EnvoyGrpc => Able { strip: true, retarget: true, watch: false },
        Dialect::EnvoyHttp => Able { strip: true, retarget: false, watch: false },
        Dialect::Nginx => Able { strip: policy.strips_headers, retarget: policy.uses_target, watch: false },
        // A rewrite from a header changes the path there and keeps the client's query.
        Dialect::Caddy | Dialect::Traefik => Able { strip: policy.strips_headers, retarget: false, watch: false },
    }
}
