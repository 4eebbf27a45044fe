//! Refusals as problem documents (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{AdminError, RefusalCode};
use crate::store::StoreError;

/// `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence about the sort of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// The sort of problem, for programs.
    pub code: String,
    /// What is wrong this time, with the way out.
    pub detail: String,
}

/// Why a request was not carried out; nothing was changed.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "a part of this service can't be reached; try again")
    }

    const fn title(&self) -> &'static str {
        match self.status {
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::NOT_FOUND => "There is no such thing",
            StatusCode::CONFLICT => "It is taken or already so",
            StatusCode::SERVICE_UNAVAILABLE => "This can't be done now",
            _ => "The request can't be carried out as it is",
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a request to the API could not be served");
        Self::unavailable()
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        let AdminError::Refused(refusal) = &error else {
            tracing::error!(error = &error as &dyn std::error::Error, "a request to the API could not be served");
            return Self::unavailable();
        };
        match refusal.code {
            RefusalCode::NotFound => Self::not_found(refusal.detail.clone()),
            RefusalCode::Conflict => Self::conflict(refusal.detail.clone()),
            RefusalCode::Unavailable => Self::unavailable(),
            _ => Self::invalid(refusal.detail.clone()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.title().to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(problem)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
