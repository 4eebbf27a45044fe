//! The proof of the audit log.

use axum::Json;
use axum::body::{Body as Content, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures::StreamExt;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Operator};
use crate::admin::model::{AuditKeyView, VerifyAsked};
use crate::admin::openapi::Refusals;
use crate::admin::{AdminState, Administration};

/// Walks the whole log: every chain, every batch, every record. Answers while it walks, one JSON object per line: `{"proved":N}`,
/// `{"fault":{…}}`, and `{"done":{…}}` at the end. An answer without that line is none.
#[utoipa::path(
    post, path = "/admin/v1/audit/verify", tag = "audit",
    request_body = VerifyAsked,
    responses((status = 200, description = "Steps", body = String, content_type = "application/x-ndjson"), Refusals)
)]
pub(in crate::admin) async fn verify_audit(
    State(state): State<AdminState>,
    Operator(local): Operator,
    Body(asked): Body<VerifyAsked>,
) -> Result<Response, AdminError> {
    let steps = local.verify_audit(asked).await?.take_until(state.stop.cancelled_owned());
    let lines = steps.map(|step| {
        let mut line = serde_json::to_vec(&step?).map_err(|e| AdminError::invalid(e.to_string()))?;
        line.push(b'\n');
        Ok::<_, AdminError>(Bytes::from(line))
    });
    let mut response = Response::new(Content::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// The keys that seal the audit log, oldest first.
#[utoipa::path(
    get, path = "/admin/v1/audit/keys", tag = "audit",
    responses((status = 200, description = "Done", body = Vec<AuditKeyView>), Refusals)
)]
pub(in crate::admin) async fn list_audit_keys(Operator(local): Operator) -> Result<Json<Vec<AuditKeyView>>, AdminError> {
    Ok(Json(local.audit_keys().await?))
}

/// Makes a key that seals the audit log from now on: each node takes it up within a minute. What was signed before stays proved.
#[utoipa::path(
    post, path = "/admin/v1/audit/keys/rotate", tag = "audit",
    responses((status = 200, description = "Done", body = AuditKeyView), Refusals)
)]
pub(in crate::admin) async fn rotate_audit_key(Operator(local): Operator) -> Result<Json<AuditKeyView>, AdminError> {
    Ok(Json(local.rotate_audit_key().await?))
}
