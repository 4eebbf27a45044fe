//! Refusals as problem documents (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{AdminError, ConditionView, RefusalCode, condition_view};
use crate::apps::{AppError, Condition, Refusal};
use crate::clients::{ClientError, Sort};
use crate::roster::{self, RosterError};
use crate::store::StoreError;
use crate::types::Chain;

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
    /// Preconditions that are not met, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub missing: Vec<ConditionView>,
    /// What is wrong with each field, all of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub flaws: Vec<FlawView>,
}

/// `application/problem+json` of the gate, which refuses before the API sees a request.
#[derive(Clone, Debug, ToSchema)]
pub struct GateProblem {
    /// `about:blank`.
    #[schema(rename = "type")]
    pub kind: String,
    /// A sentence about the sort of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong this time, with the way out.
    pub detail: String,
    /// The stable reason of the refusal.
    pub reason: String,
    /// Our name for the request, as in the log.
    pub request_id: String,
    /// Scopes that the token lacks.
    pub missing_scopes: Option<Vec<String>>,
    /// Scopes that the operation needs.
    pub required_scopes: Option<Vec<String>>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FlawView {
    /// The field.
    pub field: String,
    /// One sentence with the way out.
    pub text: String,
}

/// Why a request was not carried out. Nothing was changed, unless it broke off: see [`ApiError::is_refusal`].
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    missing: Vec<ConditionView>,
    flaws: Vec<FlawView>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), missing: Vec::new(), flaws: Vec::new() }
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

    /// The caller saw something that is no longer so (RFC 9110 §13.1.1).
    pub(super) fn stale(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
    }

    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "a part of this service can't be reached; try again")
    }

    /// Whether the request was refused for what it is, and so changed nothing. What broke off may have been done.
    pub(super) fn is_refusal(&self) -> bool {
        self.status.is_client_error()
    }

    const fn title(&self) -> &'static str {
        match self.status {
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::NOT_FOUND => "There is no such thing",
            StatusCode::CONFLICT => "It is taken or already so",
            StatusCode::PRECONDITION_FAILED => "It was changed meanwhile",
            StatusCode::SERVICE_UNAVAILABLE => "This can't be done now",
            _ => "The request can't be carried out as it is",
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %Chain(&error), "a request to the API could not be served");
        Self::unavailable()
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        let AdminError::Refused(refusal) = &error else {
            tracing::error!(error = %Chain(&error), "a request to the API could not be served");
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

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let refusal = match error {
            AppError::Store(fault) => return fault.into(),
            AppError::Refused(refusal) => refusal,
        };
        let detail = refusal.to_string();
        match refusal {
            Refusal::Flawed(flaws) => {
                let view =
                    |flaw: crate::apps::Flaw| FlawView { field: flaw.field.name().to_owned(), text: flaw.fault.to_string() };
                Self { flaws: flaws.into_iter().map(view).collect(), ..Self::invalid(detail) }
            }
            Refusal::Unready(needs) => {
                let view = |need| condition_view(Condition { need, met: false });
                Self { missing: needs.into_iter().map(view).collect(), ..Self::conflict(detail) }
            }
            Refusal::Gone | Refusal::UnknownSecret | Refusal::UnknownVersion => Self::not_found(detail),
            Refusal::WrongUuid
            | Refusal::NotPublic
            | Refusal::NotConfidential
            | Refusal::NoSecrets
            | Refusal::SecretLife
            | Refusal::UnknownScope(_)
            | Refusal::PublicScope(_)
            | Refusal::DeprecatedScope(..)
            | Refusal::NotForApps(_)
            | Refusal::NoReason
            | Refusal::UnfitReason
            | Refusal::Manifest(_) => Self::invalid(detail),
            Refusal::Taken
            | Refusal::Waiting(_)
            | Refusal::NotWaiting(_)
            | Refusal::Stale
            | Refusal::Full(_)
            | Refusal::Frozen
            | Refusal::LastSecret
            | Refusal::ManySecrets(_)
            | Refusal::Unpublished => Self::conflict(detail),
        }
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        let (sort, detail) = match error.sorted() {
            Ok(sorted) => sorted,
            Err(shared) => return shared.into(),
        };
        match sort {
            Sort::Invalid => Self::invalid(detail),
            Sort::Absent => Self::not_found(detail),
            Sort::Forbidden => Self::forbidden(detail),
            Sort::Conflict => Self::conflict(detail),
        }
    }
}

impl From<RosterError> for ApiError {
    fn from(error: RosterError) -> Self {
        match error {
            RosterError::Store(fault) => fault.into(),
            RosterError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<roster::Refusal> for ApiError {
    fn from(refusal: roster::Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            roster::Refusal::Address(_) | roster::Refusal::Role { .. } | roster::Refusal::ServiceName => Self::invalid(detail),
            roster::Refusal::Absent | roster::Refusal::NoInvitation => Self::not_found(detail),
            roster::Refusal::BeyondReach => Self::forbidden(detail),
            roster::Refusal::ServiceTaken
            | roster::Refusal::NotOwnService
            | roster::Refusal::Frozen
            | roster::Refusal::LastAdministrator => Self::conflict(detail),
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
            missing: self.missing,
            flaws: self.flaws,
        };
        let mut response = (self.status, Json(problem)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
