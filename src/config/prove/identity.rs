//! What an upstream is told about the caller.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;
use rustls::pki_types::ServerName;
use url::Url;

use super::sections::between;
use super::{Findings, templates, upstreams};
use crate::config::error::KeyPath;
use crate::config::raw::{RawApi, RawAssertion, RawAuthentication, RawExchange, RawHeader};
use crate::config::{Assertion, Exchange, ExchangeAuth, List, Route, Tell, TemplateHeader, Tenancy, Upstream, UpstreamTls};
use crate::routing::RouteTable;
use crate::types::{Issuer, Placeholder};

/// What else no template may set, besides the names that no header of the configuration may have: they say what a body is, where
/// a request comes from or which version it is of, and what the gate decided rests on them.
const NOT_OURS_TO_SAY: [&str; 15] = [
    "accept-encoding",
    "authorization",
    "content-encoding",
    "content-type",
    "dpop",
    "http2-settings",
    "last-event-id",
    "origin",
    "proxy-connection",
    "set-cookie",
    "tracestate",
    "x-http-method",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// The same for whole families.
const FAMILIES: [&str; 7] =
    ["access-control-", "grpc-", "mcp-", "sec-", "x-forwarded-", "x-http-method-override", "x-method-override"];

/// What an API tells its upstream about callers.
pub(super) struct Told {
    pub(super) headers: Vec<TemplateHeader>,
    pub(super) assertion: Option<Assertion>,
    pub(super) exchange: Option<Arc<Exchange>>,
    /// Names that clients must not be able to say, those of its routes included.
    pub(super) names: Vec<HeaderName>,
}

/// Reads the headers of an API or of a route.
pub(super) fn headers(raw: &List<RawHeader>, at: &KeyPath, found: &mut Findings<'_>) -> Vec<TemplateHeader> {
    let mut all: Vec<TemplateHeader> = Vec::new();
    for (i, header) in raw.numbered() {
        let (at, name) = (at.index(i), &header.header.0);
        if *name == AUTHORIZATION {
            let way_out = "inject a secret, or use assertion or exchange";
            found.error(at.key("header"), "Authorization is not a header that a template may set", way_out);
        } else {
            settable(name, &at.key("header"), found);
        }
        if all.iter().any(|h| h.name == *name) {
            found.error(at.key("header"), format!("{name} is there twice"), "set each header once");
        }
        let at = at.key("value");
        templates::sendable(&header.value, &at, found);
        if header.value.is_empty() {
            found.error(&at, "is empty", "name something of the caller, for example \"{user.email}\"");
        }
        let value = templates::template(&header.value, Placeholder::OF_REQUEST, &at, found);
        all.extend(value.map(|value| TemplateHeader { name: name.clone(), value }));
    }
    all
}

/// Refuses names that mean something else already, or that a server could take for another.
fn settable(name: &HeaderName, at: &KeyPath, found: &mut Findings<'_>) {
    let text = name.as_str();
    if *name != AUTHORIZATION && (NOT_OURS_TO_SAY.contains(&text) || FAMILIES.iter().any(|family| text.starts_with(family))) {
        found.error(at, format!("{name} says something else than who calls"), "choose another name");
    }
    if text.bytes().any(|b| !b.is_ascii_alphanumeric() && b != b'-') {
        found.error(at, format!("{name} has characters that servers take for others"), "use letters, digits and -");
    }
}

/// What an API tells its upstream, no two things under one name.
pub(super) fn told(
    raw: &RawApi,
    (issuer, tenancy, upstream, routes): (&Issuer, &Tenancy, Option<&Upstream>, Option<&RouteTable<Arc<Route>>>),
    at: &KeyPath,
    found: &mut Findings<'_>,
) -> Told {
    let headers = headers(&raw.headers, &at.key("headers"), found);
    let assertion = raw.assertion.as_ref().and_then(|raw| assertion(raw, issuer, &at.key("assertion"), found));
    let exchange = raw.exchange.as_ref().and_then(|raw| exchange(raw, issuer, &at.key("exchange"), found)).map(Arc::new);
    let of_routes = routes.into_iter().flat_map(RouteTable::iter).flat_map(|(_, _, route)| &route.headers);
    let mut names: Vec<_> = headers.iter().chain(of_routes).map(|h| h.name.clone()).collect();
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    let mut all: Vec<_> = names.iter().map(|name| (name.clone(), at.key("headers"), "one of headers")).collect();
    if let Some(Tell::Header { name, .. }) = &tenancy.tell {
        all.push((name.clone(), at.key("tenant").key("name"), "the tenant's"));
    }
    all.extend(assertion.iter().map(|a| (a.header.clone(), at.key("assertion").key("header"), "the assertion's")));
    all.extend(exchange.iter().map(|e| (e.header.clone(), at.key("exchange").key("header"), "the exchanged token's")));
    // A header that we set twice, to two values, would be an identity of the upstream's choice.
    for (i, (name, at, _)) in all.iter().enumerate() {
        if let Some(upstream) = upstream.filter(|u| u.inject.iter().any(|h| h.name == *name)) {
            let problem = format!("{name} is also injected by the upstream {}", upstream.name);
            found.error(at, problem, "set it in one of the two places");
        }
        if let Some((_, _, what)) = all[..i].iter().find(|(other, ..)| other == name) {
            found.error(at, format!("{name} is {what} too"), "give each a name of its own");
        }
    }
    names.extend(assertion.iter().map(|a| a.header.clone()).chain(exchange.iter().map(|e| e.header.clone())));
    // Nobody's credential goes on anyway, and in shadow mode a stranger's own has to.
    names.retain(|name| *name != AUTHORIZATION);
    Told { headers, assertion, exchange, names }
}

fn assertion(raw: &RawAssertion, issuer: &Issuer, at: &KeyPath, found: &mut Findings<'_>) -> Option<Assertion> {
    settable(&raw.header.0, &at.key("header"), found);
    let audience = audience(&raw.audience, issuer, &at.key("audience"), found);
    let span = (Duration::from_secs(30), Duration::from_hours(1));
    let lifetime = between(raw.lifetime.0, span, &at.key("lifetime"), found);
    Some(Assertion { header: raw.header.0.clone(), audience: audience?, lifetime })
}

/// Whom an assertion is for: never us, so that it is worth nothing here whatever became of its key.
fn audience(text: &str, issuer: &Issuer, at: &KeyPath, found: &mut Findings<'_>) -> Option<String> {
    let ours = text.strip_prefix(issuer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if ours {
        found.error(at, format!("{text:?} is the gateway's own"), "name the upstream, for example by its own URL");
        return None;
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        found.error(at, "does not name an audience", "write a name or a URL, without spaces");
        return None;
    }
    Some(text.to_owned())
}

fn exchange(raw: &RawExchange, issuer: &Issuer, at: &KeyPath, found: &mut Findings<'_>) -> Option<Exchange> {
    settable(&raw.header.0, &at.key("header"), found);
    let what = ("a token endpoint", "is asked without TLS: whoever sits between has every caller's token");
    let endpoint = found.address(&raw.token_endpoint, &at.key("token_endpoint"), what);
    let named = raw.issuer.as_deref().map(|text| audience(text, issuer, &at.key("issuer"), found));
    let authentication = authentication(raw, at, found);
    if raw.client_id.is_empty() {
        found.error(at.key("client_id"), "is empty", "write what the authorization server calls this gateway");
    }
    for (key, value) in [("audience", &raw.audience), ("resource", &raw.resource), ("scope", &raw.scope)] {
        if value.as_deref().is_some_and(str::is_empty) {
            found.error(at.key(key), "is empty", "take it out");
        }
    }
    let span = (Duration::from_millis(100), Duration::from_secs(30));
    let timeout = between(raw.timeout.0, span, &at.key("timeout"), found);
    let endpoint = endpoint?;
    let tls = tls(raw, &endpoint, &at.key("tls"), found);
    let issuer = match named {
        Some(named) => named?,
        None => audience(endpoint.as_str(), issuer, &at.key("token_endpoint"), found)?,
    };
    Some(Exchange {
        issuer,
        client_id: raw.client_id.clone(),
        authentication: authentication?,
        subject: raw.subject_token_type,
        audience: raw.audience.clone(),
        resource: raw.resource.clone(),
        scope: raw.scope.clone(),
        header: raw.header.0.clone(),
        timeout,
        tls,
        endpoint,
    })
}

/// Whether a URL can have it for a host and does not take it for an address.
fn is_a_host(name: &str, url: &Url) -> bool {
    let mut url = url.clone();
    url.set_host(Some(name)).is_ok() && url.domain().is_some_and(|host| host.eq_ignore_ascii_case(name))
}

fn tls(raw: &RawExchange, endpoint: &Url, at: &KeyPath, found: &mut Findings<'_>) -> UpstreamTls {
    let plain = (endpoint.scheme() == "http").then(|| (endpoint.to_string(), "make it https, or take tls out"));
    let name = raw.tls.server_name.as_deref().filter(|name| ServerName::try_from(*name).is_ok());
    if let Some(name) = name.filter(|name| !is_a_host(name, endpoint)) {
        found.error(at.key("server_name"), format!("{name:?} is no host name"), "write a host name, or ask at that address");
    }
    upstreams::trust(&raw.tls, plain, at, found)
}

fn authentication(raw: &RawExchange, at: &KeyPath, found: &mut Findings<'_>) -> Option<ExchangeAuth> {
    let given = (raw.client_secret.as_deref(), raw.client_secret_file.as_deref());
    let takes = matches!(raw.authentication, RawAuthentication::ClientSecretBasic | RawAuthentication::ClientSecretPost);
    if !takes && given != (None, None) {
        found.error(at.key("authentication"), "takes no secret", "take client_secret and client_secret_file out");
        return None;
    }
    let secret = found.secret(given, at, "client_secret").ok()?;
    match (raw.authentication, secret) {
        (RawAuthentication::None, _) => Some(ExchangeAuth::None),
        (RawAuthentication::PrivateKeyJwt, _) => Some(ExchangeAuth::PrivateKeyJwt),
        (RawAuthentication::ClientSecretBasic, Some(secret)) => Some(ExchangeAuth::Basic(secret)),
        (RawAuthentication::ClientSecretPost, Some(secret)) => Some(ExchangeAuth::Post(secret)),
        (_, None) => {
            let way_out =
                "add client_secret_file = \"PATH\" or client_secret = \"env:NAME\", or authentication = \"private_key_jwt\"";
            found.error(at, "has no secret", way_out);
            None
        }
    }
}
