//! Request hygiene: the first thing that happens to a request. What two servers could read differently is refused, what only we
//! may say is removed, and the rest has one form (RFC 9110, RFC 9112, RFC 9113).
//!
//! The order is: bytes, method, header fields, credential, host, target. The first broken rule answers.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, PROXY_AUTHORIZATION};
use http::{Method, StatusCode};

mod credential;
mod fields;
mod head;
mod host;
mod line;
mod names;
mod query;
mod reason;
mod request;
mod target;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

pub use credential::Credential;
pub use host::AcceptedHosts;
pub use line::Line;
pub use names::IdentityHeaders;
pub use query::stripped;
pub use reason::{POSSIBLE_METHODS, Reason};
pub use request::{CleanRequest, Signals, Unclean, Upgrade};

/// Headers that carry the client's credentials and never travel on, in any request.
pub const CREDENTIAL_HEADERS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HeaderName::from_static("dpop")];

/// The version of HTTP that a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Anybody.
    Direct,
    /// A proxy of the operator's. Its forwarding headers are true: the listener may read them. They travel no further either.
    Trusted,
}

/// What happens to a path with `%2F`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlashPolicy {
    /// No route takes it.
    #[default]
    Refuse,
    /// Some route takes it: [`CleanRequest::admit_encoded_slash`] decides when the route is known.
    PerRoute,
}

/// How much of a head we read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most header fields.
    pub headers: usize,
    /// Most bytes of header fields, with their separators.
    pub header_bytes: usize,
    /// Most bytes of target.
    pub target_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { headers: 100, header_bytes: 32 * 1024, target_bytes: 8 * 1024 }
    }
}

/// What one configuration asks of every request.
#[derive(Clone, Debug)]
pub struct HygienePolicy {
    /// The hosts that we answer for.
    pub hosts: AcceptedHosts,
    /// How much we read.
    pub limits: Limits,
    /// The operator's own identity headers.
    pub identity_headers: IdentityHeaders,
    /// What happens to `%2F`.
    pub encoded_slash: SlashPolicy,
}

/// A request head as the protocol library hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// The version of HTTP.
    pub protocol: Protocol,
    /// Who sent it.
    pub peer: Peer,
    /// The bytes of an HTTP/1 head with its final empty line. Where there are none, rules about them cannot be checked.
    pub raw: Option<&'h [u8]>,
    /// The method, as parsed.
    pub method: &'h Method,
    /// The target as parsed. With `raw`, the target is taken from there.
    pub target: &'h str,
    /// `:scheme` of HTTP/2.
    pub scheme: Option<&'h str>,
    /// `:authority` of HTTP/2.
    pub authority: Option<&'h str>,
    /// The header fields.
    pub headers: &'h HeaderMap,
    /// Whether the listener speaks TLS on this connection.
    pub tls: bool,
    /// Whether a body follows.
    pub has_body: bool,
}

/// A head that passed.
#[derive(Debug)]
pub enum Inspected<'h> {
    /// A request for something that has a path.
    Request {
        /// What to match and to forward.
        request: CleanRequest,
        /// What the client presents.
        credential: Credential<'h>,
    },
    /// `OPTIONS *`, which asks about the server itself (RFC 9110 §9.3.7). Answered here, with [`POSSIBLE_METHODS`] as `Allow`.
    OptionsAsterisk,
}

/// Reads a request head by every rule of hygiene.
///
/// # Errors
/// With the first rule that the request breaks.
pub fn inspect<'h>(head: &Head<'h>, policy: &HygienePolicy) -> Result<Inspected<'h>, Unclean> {
    inspect_head(head, policy, target::Parts::canonical).map_err(Unclean::from)
}

/// The same head with its path as it came, where that alone is why it does not pass, and no more is wrong with the path than that
/// servers may decode `%2F`, merge slashes or cut parameters off. Nothing may be matched against it.
#[must_use]
pub fn as_it_came(head: &Head<'_>, policy: &HygienePolicy) -> Option<CleanRequest> {
    match inspect_head(head, policy, target::Parts::as_it_came) {
        Ok(Inspected::Request { request, .. }) => Some(request),
        Ok(Inspected::OptionsAsterisk) | Err(_) => None,
    }
}

/// How the target of a request is brought into its form.
type Form<'h> = fn(&target::Parts<'h>, &HygienePolicy) -> Result<target::Target, Reason>;

fn inspect_head<'h>(head: &Head<'h>, policy: &HygienePolicy, form: Form<'h>) -> Result<Inspected<'h>, Reason> {
    let target = sent_target(head, policy)?;
    check_method(head.method)?;
    let fields = fields::read(head, policy)?;
    if let Some(raw) = head.raw.filter(|_| fields.has_transfer_encoding)
        && head::has_field(raw, "content-length")
    {
        return Err(Reason::LengthAndTransferEncoding);
    }
    let credential = fields.authorization.map_or(Ok(Credential::None), |v| credential::read(v.as_bytes()))?;
    if let Some(scheme) = head.scheme {
        target::check_scheme(scheme, head)?;
    }
    let host = authority(head, fields.host)?;
    if target == "*" && head.method == Method::OPTIONS {
        policy.hosts.find(host)?;
        return Ok(Inspected::OptionsAsterisk);
    }
    let parts = target::split(target, head)?;
    let host = policy.hosts.find(host)?;
    if let Some(authority) = parts.authority
        && !policy.hosts.find(authority).is_ok_and(|named| named == host)
    {
        return Err(Reason::HostMismatch);
    }
    let target = form(&parts, policy)?;
    let mut signals = fields.signals;
    if target.token_removed {
        signals.insert(Signals::TOKEN_IN_QUERY);
    }
    let close = head.protocol == Protocol::Http10 || (fields.upgrade != Upgrade::None && head.has_body);
    let request = CleanRequest {
        method: head.method.clone(),
        target: target.text,
        path_len: target.path_len,
        encoded_slash: target.encoded_slash,
        doubt: target.doubt,
        host: host.clone(),
        remove: fields.remove,
        upgrade: fields.upgrade,
        signals,
        close,
    };
    Ok(Inspected::Request { request, credential })
}

/// The target as the client sent it, when the bytes around it are sound.
fn sent_target<'h>(head: &Head<'h>, policy: &HygienePolicy) -> Result<&'h str, Reason> {
    let Some(raw) = head.raw else {
        return if head.target.len() > policy.limits.target_bytes { Err(Reason::TargetTooLong) } else { Ok(head.target) };
    };
    let line = head::read(raw)?;
    if line.target.len() > policy.limits.target_bytes {
        return Err(Reason::TargetTooLong);
    }
    if line.fields_len > policy.limits.header_bytes {
        return Err(Reason::HeadersTooLarge);
    }
    if line.method != head.method.as_str() {
        return Err(Reason::RequestLine);
    }
    Ok(line.target)
}

fn check_method(method: &Method) -> Result<(), Reason> {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => Ok(()),
        Method::TRACE | Method::CONNECT => Err(Reason::MethodForbidden),
        _ => Err(Reason::MethodUnknown),
    }
}

/// The one authority that the request names beside its target (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn authority<'h>(head: &Head<'h>, host: Option<&'h http::HeaderValue>) -> Result<&'h str, Reason> {
    let host = host.map(|h| std::str::from_utf8(h.as_bytes()).map_err(|_| Reason::HostMalformed)).transpose()?;
    match (head.authority, host) {
        (None, None) => Err(Reason::HostMissing),
        (Some(a), Some(h)) if a != h => Err(Reason::HostMismatch),
        (Some(one), _) | (None, Some(one)) => Ok(one),
    }
}

/// All `Cookie` fields as the one that local pages expect (RFC 9113 §8.2.3).
#[must_use]
pub fn joined_cookies(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok());
    let first = values.next()?;
    let mut joined = Cow::Borrowed(first);
    for value in values {
        let text = joined.to_mut();
        text.push_str("; ");
        text.push_str(value);
    }
    Some(joined)
}

impl Inspected<'_> {
    /// The status of the answer that needs nothing but this.
    #[must_use]
    pub const fn local_status(&self) -> Option<StatusCode> {
        match self {
            Self::Request { .. } => None,
            Self::OptionsAsterisk => Some(StatusCode::NO_CONTENT),
        }
    }
}
