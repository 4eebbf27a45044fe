//! `/api/v1`: what the pages show and do, as JSON, for the organization of the token that asks.
//!
//! The gate has authenticated a request and held its route's rule ([`crate::config::own_api`]) before it comes here, and says for
//! whom in an extension. Nothing in a request names an organization: what belongs to another one does not exist.

mod activity;
mod answer;
mod api_keys;
mod applications;
mod apps;
mod audit;
mod caller;
mod client_scopes;
mod clients;
mod error;
mod grants;
mod installations;
mod members;
mod once;
mod openapi;
mod own;
mod policy;
mod scopes;
mod searches;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

pub use error::{GateProblem, Problem};
pub use openapi::document;
pub use own::{OwnApplication, OwnPermission, OwnRecord, Whence};

use crate::account::AuditFlush;
use crate::node::Node;
use error::ApiError;

/// Largest body that is read, bytes.
const MAX_BODY: usize = 64 << 10;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    node: Arc<Node>,
    flush: Arc<dyn AuditFlush>,
}

/// The API. Requests must carry an `Arc<Principal>` and a [`crate::web::Peer`] extension, but for the document.
pub fn router(node: Arc<Node>, flush: Arc<dyn AuditFlush>) -> Router {
    let (routes, document) = openapi::routes().split_for_parts();
    let document = Arc::new(document);
    Router::new()
        .route("/api/v1/openapi.json", get(move || openapi::serve(Arc::clone(&document))))
        .merge(routes)
        .fallback(async || ApiError::not_found("nothing is at this path; see /api/v1/openapi.json"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&node), settled))
        .layer(map_response(private))
        .with_state(Api { node, flush })
}

/// What a change is refused for holds everywhere when it is told.
async fn settled(State(node): State<Arc<Node>>, request: Request, next: Next) -> Result<Response, ApiError> {
    Ok(crate::web::settled_refusal(&node, request, next).await?)
}

/// Answers are for one caller.
async fn private(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
