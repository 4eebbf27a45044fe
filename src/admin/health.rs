//! Health and metrics, for whoever can reach the admin listener.

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::AdminState;

/// Says whether a node should get traffic.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Whether it should.
    ///
    /// # Errors
    /// Every reason why it should not, one sentence each.
    async fn check(&self) -> Result<(), Vec<String>>;

    /// What else an operator wants to know: an object that is shown beside the answer.
    fn detail(&self) -> Value {
        Value::Null
    }
}

/// The process runs.
pub(super) async fn alive() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "ok" })))
}

/// 200 when the node should get traffic, else 503 with every reason.
pub(super) async fn ready(State(state): State<AdminState>) -> impl IntoResponse {
    let (status, mut body) = match state.readiness.check().await {
        Ok(()) => (StatusCode::OK, json!({ "status": "ready" })),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "unready", "reasons": reasons })),
    };
    if let Value::Object(detail) = state.readiness.detail() {
        detail.into_iter().for_each(|(name, value)| body[name] = value);
    }
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body))
}

/// Everything in Prometheus' text format.
pub(super) async fn metrics(State(state): State<AdminState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.text())
}
