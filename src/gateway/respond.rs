//! The one place where a refusal becomes an answer.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pingora::http::ResponseHeader;

use super::authorize::Permit;
use super::denial::Denial;
use super::status::{self, Form};
use crate::config::{Api, ApiKind, Config};
use crate::mcp::{self, BadReason};
use crate::token::Principal;
use crate::types::{RequestId, ScopeSet};

/// `X-Request-Id`, on every answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What only we may say to pages.
const CORS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// What an answer is about.
pub struct Scene<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The API, when one was reached.
    pub api: Option<&'a Api>,
    /// The request.
    pub request: &'a RequestId,
    /// Who called.
    pub principal: Option<&'a Principal>,
    /// The id of the JSON-RPC request.
    pub rpc: Option<&'a mcp::RequestId>,
    /// The tool, prompt or resource that was named.
    pub target: Option<&'a mcp::Target>,
    /// The browser's origin, when it may read the answer.
    pub origin: Option<&'a HeaderValue>,
    /// What its sender can read.
    pub form: Form,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Whether the connection ends with it.
    pub close: bool,
}

/// The answer to a refused request.
#[must_use]
pub fn answer(denial: &Denial, scene: &Scene<'_>) -> Answer {
    let mut headers = HeaderMap::new();
    put(&mut headers, REQUEST_ID, scene.request.as_str());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge(denial, scene) {
        put(&mut headers, WWW_AUTHENTICATE, &challenge);
    }
    match denial {
        Denial::Method { allow } => put(&mut headers, ALLOW, allow),
        Denial::Unclean(unclean) => {
            if let Some(allow) = unclean.reason.allow() {
                put(&mut headers, ALLOW, allow);
            }
        }
        _ => {}
    }
    if let Some(seconds) = denial.retry_after() {
        put(&mut headers, RETRY_AFTER, &seconds.to_string());
    }
    if let Some(origin) = scene.origin {
        cors(&mut headers, origin);
    }
    if scene.form == Form::Grpc {
        return status::trailers_only(denial, scene, headers);
    }
    let (status, content_type, body) = body(denial, scene);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Answer { status, headers, body, close: denial.closes() }
}

/// Lets a browser's page read an answer (Fetch standard): the headers that MCP clients need are exposed on every status.
pub fn cors(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate, Retry-After, Mcp-Session-Id, MCP-Protocol-Version, X-Request-Id"),
    );
}

/// Lets go of how the upstream spells the names of headers: pingora keeps that in a second map, and every header that is put in or taken
/// out would be looked up there too.
///
/// # Errors
/// Never: what the upstream says beside its status was read as such.
pub fn unspelled(head: &mut ResponseHeader) -> pingora::Result<()> {
    let said = head.get_reason_phrase().filter(|said| Some(*said) != head.status.canonical_reason()).map(ToOwned::to_owned);
    let came = std::mem::replace(head, ResponseHeader::from(http::Response::new(()).into_parts().0));
    *head = ResponseHeader::from(http::response::Parts::from(came));
    match said {
        Some(said) => head.set_reason_phrase(Some(&said)),
        None => Ok(()),
    }
}

/// Says which pages may read an answer of an upstream's: we do, not the upstream. Its cookies would be set for our own origin.
///
/// # Errors
/// When a value can't be written as a header.
pub fn disclose(head: &mut ResponseHeader, permit: &Permit, origin: Option<&HeaderValue>) -> pingora::Result<()> {
    head.remove_header(&SET_COOKIE);
    if permit.is_as_it_came() {
        // Without a gate the upstream says it.
        return Ok(());
    }
    for name in &CORS {
        head.remove_header(name);
    }
    match origin {
        Some(origin) => {
            let mut headers = HeaderMap::new();
            cors(&mut headers, origin);
            for (name, value) in &headers {
                head.append_header(name.clone(), value.clone())?;
            }
        }
        // Another page gets another answer: no cache may give this one to it.
        None if !permit.api().allowed_origins.is_empty() => {
            head.append_header(VARY, "Origin")?;
        }
        None => {}
    }
    Ok(())
}

/// RFC 6750 §3 and RFC 9728 §5.1: one challenge, every value quoted, ASCII only.
fn challenge(denial: &Denial, scene: &Scene<'_>) -> Option<String> {
    let api = scene.api?;
    let metadata = scene.config.issuer.at(&format!("/.well-known/oauth-protected-resource{}", api.mount));
    let (error, scopes) = match denial {
        Denial::NoToken => (None, api.advertised.clone()),
        Denial::Token(_) | Denial::Key(_) | Denial::Audience => (Some("invalid_token"), api.advertised.clone()),
        Denial::Scopes { needed, grantable: true, .. } => {
            // The union: clients replace what they hold by what the challenge names.
            let held = scene.principal.map(|p| p.claims.scope.clone()).unwrap_or_default();
            (Some("insufficient_scope"), held.union(&scene.config.catalogue.scopes(needed)))
        }
        _ => return None,
    };
    let mut text = String::from("Bearer ");
    if let Some(error) = error {
        let description = match denial {
            Denial::Scopes { missing, .. } => format!("missing: {}", scene.config.catalogue.scopes(missing)),
            other => other.detail().replace(['"', '\\'], "'").replace('…', "..."),
        };
        let _ = write!(text, "error=\"{error}\", error_description=\"{description}\", ");
    }
    // Writing to a String can't fail.
    let _ = write!(text, "resource_metadata=\"{metadata}\"");
    if !scopes.is_empty() {
        let _ = write!(text, ", scope=\"{scopes}\"");
    }
    Some(text)
}

fn body(denial: &Denial, scene: &Scene<'_>) -> (StatusCode, &'static str, Bytes) {
    if scene.api.is_some_and(|a| matches!(a.kind, ApiKind::Mcp(_)))
        && let Some(answer) = rpc(denial, scene)
    {
        return (answer.status, "application/json", answer.body);
    }
    if let Some((content_type, body)) = status::body(denial, scene) {
        return (denial.status(), content_type, body);
    }
    let (missing, needed) = match denial {
        Denial::Scopes { missing, needed, .. } => (scene.config.catalogue.scopes(missing), scene.config.catalogue.scopes(needed)),
        _ => (ScopeSet::default(), ScopeSet::default()),
    };
    let status = denial.status();
    let problem = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Refused"),
        status: status.as_u16(),
        detail: denial.detail(),
        reason: denial.code(),
        request_id: scene.request.as_str(),
        missing_scopes: missing,
        required_scopes: needed,
    };
    (status, "application/problem+json", serde_json::to_vec(&problem).unwrap_or_default().into())
}

/// RFC 9457, with members of our own.
#[derive(serde::Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: String,
    reason: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    missing_scopes: ScopeSet,
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    required_scopes: ScopeSet,
}

/// How long a message may be, bytes: an MCP server has one route.
fn longest_message(scene: &Scene<'_>) -> usize {
    let most = scene.config.listen.limits.max_mcp_body;
    let mut routes = scene.api.into_iter().flat_map(|api| api.routes.iter());
    let of_route = routes.find_map(|(_, _, route)| usize::try_from(route.max_body?).ok());
    of_route.map_or(most, |of_route| most.min(of_route))
}

/// The JSON-RPC form, for refusals of a message.
fn rpc(denial: &Denial, scene: &Scene<'_>) -> Option<mcp::Answer> {
    let page = || scene.config.issuer.at("/settings/applications");
    Some(match denial {
        Denial::Message(bad) => mcp::Answer::bad_message(bad),
        Denial::BodyTooLarge => {
            mcp::Answer::bad_message(&mcp::BadMessage { reason: BadReason::Size(longest_message(scene)), id: None })
        }
        Denial::Mismatch(mismatch) => mcp::Answer::mismatch(mismatch, scene.rpc),
        Denial::Argument { target, argument } => mcp::Answer::argument(scene.rpc, target, argument),
        Denial::Tasks(_) => mcp::Answer::no_tasks(scene.rpc, denial.status()),
        Denial::Task => mcp::Answer::no_task(scene.rpc),
        Denial::Session => mcp::Answer::no_session(scene.rpc),
        Denial::Target(target) => mcp::Answer::denied(scene.rpc, target),
        Denial::Scopes { missing, grantable: true, .. } => {
            let scopes = scene.config.catalogue.scopes(missing).to_string();
            mcp::Answer::insufficient_scope(scene.rpc, scene.target?, &scopes, &page())
        }
        Denial::Scopes { .. } => mcp::Answer::denied(scene.rpc, scene.target?),
        limit if limit.is_of_limit() => mcp::Answer::too_many(scene.rpc, denial.code(), denial.detail()),
        Denial::Overloaded | Denial::Identity(_) => {
            mcp::Answer::unidentified(scene.rpc, denial.status(), denial.code(), denial.detail())
        }
        Denial::Upstream(fault) => mcp::Answer::upstream(scene.rpc, fault.for_mcp()),
        _ => return None,
    })
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spelling_of_an_answer_is_let_go() {
        for reason in [None, Some("Fine")] {
            let mut head = ResponseHeader::build(203_u16, None).expect("a head");
            head.set_reason_phrase(reason).expect("a reason");
            for (name, value) in [("X-ONE", "1"), ("Vary", "a"), ("vary", "b")] {
                head.append_header(name, value).expect("a header");
            }
            let before = (head.headers.clone(), head.get_reason_phrase().map(ToOwned::to_owned));
            assert!(head.has_case());
            unspelled(&mut head).expect("a head");
            assert!(!head.has_case());
            assert_eq!((head.headers.clone(), head.get_reason_phrase().map(ToOwned::to_owned)), before);
            assert_eq!(head.status, 203);
        }
    }
}
