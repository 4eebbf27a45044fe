//! What is said at a path where nothing is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::{Peer, Trouble};
use crate::node::Node;
use crate::pages::texts::troubles;

/// Answers a request that no page, endpoint or API takes: a page for a browser, `application/problem+json` for everybody else.
pub async fn missing(State(node): State<Arc<Node>>, peer: Peer, headers: HeaderMap) -> Response {
    let browser = headers.get(ACCEPT).is_some_and(|a| a.as_bytes().windows(9).any(|w| w == b"text/html"));
    if browser {
        return Trouble::at(StatusCode::NOT_FOUND, troubles::missing()).page(&node.config.load(), &peer);
    }
    let problem = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing is mounted at this path. Check the URL against the list of APIs that you were given.",
        "reason": "no_api",
        "request_id": peer.request,
    });
    let mut response = (StatusCode::NOT_FOUND, Json(problem)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
