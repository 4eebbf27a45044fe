//! Decisions as each proxy understands them.

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};

use crate::config::AuthorizerPolicy;
use crate::plugin::{Pass, Refused, Told};
use crate::types::Dialect;

/// What replaces path and query of the request that is forwarded.
pub(super) const TARGET: HeaderName = HeaderName::from_static("x-tollgate-target");
/// Why a request was refused.
pub(super) const REASON: HeaderName = HeaderName::from_static("x-tollgate-reason");
/// The status that the gate itself would have answered with.
const STATUS: HeaderName = HeaderName::from_static("x-tollgate-status");
/// What Envoy removes before it forwards.
const ENVOY_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// What the proxy must be told of an allowed request, which is its own from now on.
pub(super) fn told(pass: Pass, headers: &HeaderMap, policy: &AuthorizerPolicy) -> pingora::Result<Told> {
    // On failure the pass is dropped, and the record says that it was our fault.
    let told = pass.told(headers, policy.upstream_credentials)?;
    pass.hand_over();
    Ok(told)
}

/// The answer to an allowed request.
pub(super) fn allowed(dialect: Dialect, pass: Pass, headers: &HeaderMap, policy: &AuthorizerPolicy) -> Response {
    let said = told(pass, headers, policy).ok().and_then(|Told { mut set, remove, target }| {
        if dialect == Dialect::EnvoyHttp {
            let names = remove.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",");
            set.insert(ENVOY_REMOVE, HeaderValue::from_str(&names).ok()?);
        }
        set.insert(TARGET, HeaderValue::from_str(&target).ok()?);
        Some(set)
    });
    match said {
        Some(headers) => (StatusCode::OK, headers).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The answer to a refused request. What a proxy could take for an allowance is none: only 200 is one, and here it never is.
pub(super) fn refused(dialect: Dialect, refused: Refused) -> Response {
    let (real, mut headers) = (refused.answer.status, refused.answer.headers);
    headers.insert(REASON, HeaderValue::from_static(refused.reason));
    headers.insert(STATUS, HeaderValue::from(real.as_u16()));
    let mut response = Response::new(Body::from(refused.answer.body));
    *response.status_mut() = status(dialect, real);
    *response.headers_mut() = headers;
    response
}

/// nginx knows two refusals and calls every other one an error of its own.
fn status(dialect: Dialect, real: StatusCode) -> StatusCode {
    match real {
        StatusCode::UNAUTHORIZED => real,
        _ if dialect == Dialect::Nginx => StatusCode::FORBIDDEN,
        _ if real.is_client_error() || real.is_server_error() => real,
        _ => StatusCode::FORBIDDEN,
    }
}
