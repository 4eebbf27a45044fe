//! What an upstream receives: the request that was authorized, our credentials, one tenant, and nothing of the client's.

use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::{OrErr as _, Result};
use secrecy::ExposeSecret as _;

use super::authorize::{Permit, filled};
use super::hygiene::{CREDENTIAL_HEADERS, CleanRequest};
use crate::config::{ApiKind, Endpoint, Target, Tell};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Facts that travel with a forwarded request.
pub struct Facts<'a> {
    /// Where it goes.
    pub endpoint: &'a Endpoint,
    /// The request id.
    pub request_id: &'a str,
    /// `traceparent` of this hop.
    pub traceparent: &'a str,
    /// The caller's address.
    pub client: Option<std::net::IpAddr>,
    /// `http` or `https`, as the caller sees us.
    pub scheme: &'static str,
}

/// The target that the upstream receives: its own base path, what tells it the tenant, and the authorized path and query byte for
/// byte.
#[must_use]
pub fn target(permit: &Permit, request: &CleanRequest, endpoint: &Endpoint) -> String {
    let below = &request.path()[permit.api().mount.len()..];
    let prefix = match (&permit.api().tenancy.tell, permit.principal()) {
        (Some(Tell::PathPrefix { template }), Some(principal)) => {
            let operation = permit.rule().operation.as_deref().unwrap_or_default();
            filled(&template.replace("{operation}", operation), permit, &principal.org)
        }
        _ => String::new(),
    };
    let mut target = format!("{}{prefix}{below}", endpoint.base_path);
    if target.is_empty() {
        target.push('/');
    }
    if let Some(query) = request.query() {
        target.push('?');
        target.push_str(query);
    }
    target
}

/// Turns the client's request head into the one that the upstream receives.
///
/// # Errors
/// When a value can't be written as a header; nothing is forwarded then.
pub fn prepare(head: &mut RequestHeader, permit: &Permit, request: &CleanRequest, facts: &Facts<'_>) -> Result<()> {
    head.set_raw_path(target(permit, request, facts.endpoint).as_bytes())?;
    for name in CREDENTIAL_HEADERS.iter().chain(request.remove()).chain(&permit.api().identity_headers) {
        head.remove_header(name);
    }
    if matches!(permit.api().kind, ApiKind::Mcp(_)) {
        // Lists are filtered on the way back: they must be readable.
        head.remove_header(&ACCEPT_ENCODING);
    }
    head.insert_header(HOST, authority(facts.endpoint))?;
    head.insert_header(REQUEST_ID, facts.request_id)?;
    head.insert_header(TRACEPARENT, facts.traceparent)?;
    head.insert_header(FORWARDED_HOST, request.host().as_ref())?;
    head.insert_header(FORWARDED_PROTO, facts.scheme)?;
    match facts.client {
        Some(address) => head.insert_header(FORWARDED_FOR, address.to_string())?,
        None => drop(head.remove_header(&FORWARDED_FOR)),
    }
    tell(head, permit)?;
    inject(head, permit)
}

const REQUEST_ID: HeaderName = super::respond::REQUEST_ID;

fn tell(head: &mut RequestHeader, permit: &Permit) -> Result<()> {
    let Some(Tell::Header { name, template }) = &permit.api().tenancy.tell else { return Ok(()) };
    head.remove_header(name);
    match permit.principal() {
        Some(principal) => head.insert_header(name.clone(), filled(template, permit, &principal.org)),
        None => Ok(()),
    }
}

fn inject(head: &mut RequestHeader, permit: &Permit) -> Result<()> {
    let Target::Upstream(upstream) = &permit.api().target else { return Ok(()) };
    for header in &upstream.inject {
        let mut value = HeaderValue::from_str(header.value.expose_secret())
            .or_err(pingora::ErrorType::InternalError, "an injected header's value is no header value")?;
        value.set_sensitive(true);
        head.insert_header(header.name.clone(), value)?;
    }
    Ok(())
}

fn authority(endpoint: &Endpoint) -> String {
    let host = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    match (endpoint.tls, endpoint.port) {
        (true, 443) | (false, 80) => host,
        (_, port) => format!("{host}:{port}"),
    }
}
