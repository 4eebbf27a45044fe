//! Headers that every answer of the local endpoints carries, and pages as answers.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use url::Url;

use crate::node::Node;
use crate::pages::policy::content_security_policy;
use crate::types::Chain;

/// Adds the security headers that an answer does not bring itself.
pub async fn harden(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    default(CACHE_CONTROL, "no-store");
    default(CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'");
    if node.config.load().issuer.is_https() {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// A page as an answer.
#[must_use]
pub fn page(status: StatusCode, page: &impl Template) -> Response {
    answer(status, page, &content_security_policy(None))
}

/// A page whose form may end at `target` besides this origin.
#[must_use]
pub fn page_leading_to(status: StatusCode, target: Option<&Url>, page: &impl Template) -> Response {
    answer(status, page, &content_security_policy(target))
}

fn answer(status: StatusCode, page: &impl Template, policy: &str) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a page could not be rendered");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
