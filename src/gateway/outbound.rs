//! What an upstream receives: the request that was authorized, our credentials, one tenant, and nothing of the client's.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::{OrErr as _, Result};
use secrecy::ExposeSecret as _;

use super::authorize::Permit;
use super::hygiene::{CREDENTIAL_HEADERS, CleanRequest};
use super::identity::{self, Identity};
use super::mcp_session::{LAST_EVENT_ID, McpSession, SESSION_ID};
use super::shadow;
use crate::config::{ApiKind, Endpoint, InjectedHeader, Target, Tell};
use crate::mcp;
use crate::telemetry::TraceContext;
use crate::types::{Digits, Dotted, Issuer};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Header fields of ours that nearly every request is given.
const ADDED: usize = 8;

/// Facts that travel with a forwarded request.
pub struct Facts<'a> {
    /// Where it goes.
    pub endpoint: &'a Endpoint,
    /// The request id.
    pub request_id: &'a str,
    /// Its place in a trace.
    pub trace: &'a TraceContext,
    /// The MCP session, where the API is an MCP server.
    pub session: Option<&'a McpSession>,
    /// What `Mcp-Name` says in place of the client's.
    pub name: Option<&'a HeaderValue>,
    /// Who calls, as the upstream is told.
    pub identity: &'a Identity,
    /// The caller's address.
    pub client: Option<IpAddr>,
    /// `http` or `https`, as the caller sees us.
    pub scheme: &'static str,
    /// Whose tokens must not travel on.
    pub issuer: &'a Issuer,
}

/// The target that the upstream receives: its own base path, what tells it the tenant, and the authorized path and query byte for
/// byte.
#[must_use]
pub fn target<'r>(permit: &Permit, request: &'r CleanRequest, endpoint: &Endpoint) -> Cow<'r, str> {
    let below = permit.api().below(request.path());
    let prefix = prefix(permit);
    if !below.is_empty() && prefix.is_empty() && endpoint.base_path.is_empty() {
        // Mostly it is the end of what came.
        let before = request.path().len() - below.len();
        return Cow::Borrowed(&request.origin_form()[before..]);
    }
    let (path, query) = (located(permit, below, endpoint), request.query());
    Cow::Owned(match query {
        Some(query) => [path.as_str(), query].join("?"),
        None => path,
    })
}

/// Where an endpoint has the path `below` the mount, for the organization of a permit.
pub(super) fn located(permit: &Permit, below: &str, endpoint: &Endpoint) -> String {
    let target = [endpoint.base_path.as_str(), prefix(permit).as_str(), below].concat();
    if target.is_empty() { "/".to_owned() } else { target }
}

/// What tells the tenant in front of every path; empty where something else does.
pub(super) fn prefix(permit: &Permit) -> String {
    match (&permit.api().tenancy.tell, permit.principal()) {
        (Some(Tell::PathPrefix { template }), Some(principal)) => identity::of_org(template, permit, &principal.org),
        _ => String::new(),
    }
}

/// Turns the client's request head into the one that the upstream receives. Names of headers leave in lower case: keeping the
/// client's spelling would cost a second map beside the headers.
///
/// # Errors
/// When a value can't be written as a header; nothing is forwarded then.
pub fn prepare(head: &mut RequestHeader, permit: &Permit, request: &CleanRequest, facts: &Facts<'_>) -> Result<()> {
    let came = std::mem::replace(head, RequestHeader::from(http::Request::new(()).into_parts().0));
    let mut parts = http::request::Parts::from(came);
    // At once: what pingora cloned has room for what came and no more.
    parts.headers.reserve(ADDED);
    if permit.is_as_it_came() {
        shadow::strip(&mut parts.headers, permit.api(), request, facts.issuer);
        describe(&mut parts.headers, request, facts)?;
        *head = RequestHeader::from(parts);
        return head.set_raw_path(target(permit, request, facts.endpoint).as_bytes());
    }
    for name in CREDENTIAL_HEADERS.iter().chain(request.remove()).chain(&permit.api().identity_headers) {
        parts.headers.remove(name);
    }
    if matches!(permit.api().kind, ApiKind::Mcp(_)) {
        // Lists are filtered on the way back: they must be readable.
        parts.headers.remove(ACCEPT_ENCODING);
    }
    session(&mut parts.headers, facts.session);
    if let (Some(name), true) = (facts.name, parts.headers.contains_key(mcp::NAME)) {
        parts.headers.insert(mcp::NAME, name.clone());
    }
    describe(&mut parts.headers, request, facts)?;
    tell(&mut parts.headers, permit)?;
    facts.identity.put(&mut parts.headers);
    inject(&mut parts.headers, permit)?;
    *head = RequestHeader::from(parts);
    head.set_raw_path(target(permit, request, facts.endpoint).as_bytes())
}

/// The server's own session id in place of the one that the client carries. Without a session nothing is resumed: ids of events
/// belong to nobody then, and a server may give whatever they name.
fn session(headers: &mut HeaderMap, session: Option<&McpSession>) {
    match session {
        None | Some(McpSession::AsSent) => {}
        Some(McpSession::Own(id)) => drop(headers.insert(SESSION_ID, id.clone())),
        Some(McpSession::None) => {
            headers.remove(SESSION_ID);
            headers.remove(LAST_EVENT_ID);
        }
    }
}

fn describe(headers: &mut HeaderMap, request: &CleanRequest, facts: &Facts<'_>) -> Result<()> {
    let asked = headers.insert(HOST, owned(authority(facts.endpoint))?);
    headers.insert(REQUEST_ID, value(facts.request_id)?);
    headers.insert(TRACEPARENT, owned(facts.trace.traceparent())?);
    // Mostly the client wrote it as we do.
    let host = asked.filter(|host| host.as_bytes() == request.host().as_bytes());
    headers.insert(FORWARDED_HOST, host.map_or_else(|| value(request.host()), Ok)?);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(facts.scheme));
    match facts.client {
        Some(IpAddr::V4(address)) => headers.insert(FORWARDED_FOR, bytes(Dotted::of(address).as_bytes())?),
        Some(IpAddr::V6(address)) => headers.insert(FORWARDED_FOR, owned(address.to_string())?),
        None => headers.remove(FORWARDED_FOR),
    };
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue> {
    bytes(text.as_bytes())
}

fn bytes(text: &[u8]) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text).or_err(pingora::ErrorType::InternalError, "a header's value is no header value")
}

/// As [`value`], of a text that is not copied.
fn owned(text: String) -> Result<HeaderValue> {
    HeaderValue::try_from(text).or_err(pingora::ErrorType::InternalError, "a header's value is no header value")
}

const REQUEST_ID: HeaderName = super::respond::REQUEST_ID;

fn tell(headers: &mut HeaderMap, permit: &Permit) -> Result<()> {
    let Some(Tell::Header { name, template, .. }) = &permit.api().tenancy.tell else { return Ok(()) };
    headers.remove(name);
    if let Some(principal) = permit.principal() {
        headers.insert(name.clone(), owned(identity::of_org(template, permit, &principal.org))?);
    }
    Ok(())
}

fn inject(headers: &mut HeaderMap, permit: &Permit) -> Result<()> {
    let Target::Upstream(upstream) = &permit.api().target else { return Ok(()) };
    for header in &upstream.inject {
        headers.insert(header.name.clone(), secret(header)?);
    }
    Ok(())
}

/// What an upstream is shown of ours in a header.
pub(super) fn secret(header: &InjectedHeader) -> Result<HeaderValue> {
    let mut secret = value(header.value.expose_secret())?;
    secret.set_sensitive(true);
    Ok(secret)
}

/// What `Host` says at an endpoint.
pub(super) fn authority(endpoint: &Endpoint) -> String {
    let mut authority = String::with_capacity(endpoint.host.len() + 8);
    let is_literal = endpoint.host.contains(':');
    authority.push_str(if is_literal { "[" } else { "" });
    authority.push_str(&endpoint.host);
    authority.push_str(if is_literal { "]" } else { "" });
    if !matches!((endpoint.tls, endpoint.port), (true, 443) | (false, 80)) {
        authority.push(':');
        Digits::of(u64::from(endpoint.port)).push_to(&mut authority);
    }
    authority
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Kind as _;

    #[test]
    fn a_host_names_the_port_that_is_not_its_scheme_s() {
        let table = [
            ("http://a.example", "a.example"),
            ("http://a.example:443", "a.example:443"),
            ("https://a.example:443", "a.example"),
            ("https://a.example:80", "a.example:80"),
            ("http://127.0.0.1:65535", "127.0.0.1:65535"),
            ("http://[2001:db8::1]:9090", "[2001:db8::1]:9090"),
            ("http://[2001:db8::1]", "[2001:db8::1]"),
        ];
        for (url, expected) in table {
            assert_eq!(authority(&Endpoint::read(url).expect("an endpoint")), expected, "{url}");
        }
    }
}
