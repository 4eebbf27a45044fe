//! What administration refuses, and how the admin API says it (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::StoreError;
use crate::token::TokenFault;
use crate::types::{Chain, Slug};

/// Why something was not administered.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// What was asked for can't be done; nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// The store failed.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
    /// The signing keys failed.
    #[error("the signing keys can't be used")]
    Keys(#[from] TokenFault),
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    Password(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The running gateway could not be reached, or answered what nobody expects.
    #[error("the gateway at {at} can't be asked")]
    Gateway {
        /// Its admin address.
        at: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A refusal, the same whether it was made here or by a running gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What sort of refusal.
    pub code: RefusalCode,
    /// One sentence with the way out.
    pub detail: String,
    /// The rule that was broken, for whoever says it in words of their own; `None` where nobody does, and from a running gateway.
    pub rule: Option<Rule>,
}

/// Rules that people break in forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// How slugs are written.
    Slug,
    /// No two organizations have one slug; this is the one.
    SlugTaken(Slug),
    /// Names have so many characters at most, and one line.
    Name(usize),
    /// Tenant values have so many characters at most, and only some of them.
    Tenant(usize),
    /// A private scope is given for so many seconds at most.
    Term(u64),
    /// Only what waits is denied.
    NotWaiting,
    /// Only what was given is taken back.
    NotGiven,
}

/// Sorts of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The request makes no sense or breaks a rule.
    Invalid,
    /// The admin API's bearer secret is missing or wrong.
    Unauthorized,
    /// There is no such thing.
    NotFound,
    /// It is taken, or is already so.
    Conflict,
    /// The gateway can't do it now.
    Unavailable,
}

impl RefusalCode {
    /// The HTTP status of the refusal.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Invalid => "The request can't be carried out as it is",
            Self::Unauthorized => "The admin secret is missing or wrong",
            Self::NotFound => "There is no such thing",
            Self::Conflict => "It is taken or already so",
            Self::Unavailable => "The gateway can't do this now",
        }
    }
}

/// `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A sentence about the sort of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// The sort of problem, for programs.
    pub code: RefusalCode,
    /// What is wrong this time, with the way out.
    pub detail: String,
}

impl AdminError {
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: RefusalCode::Invalid, detail: detail.into(), rule: None })
    }

    pub(super) fn not_found(what: &str, which: &str) -> Self {
        let which: String = which.chars().take(128).collect();
        Self::Refused(Refusal { code: RefusalCode::NotFound, detail: format!("there is no {what} {which:?}"), rule: None })
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::Refused(Refusal { code: RefusalCode::Conflict, detail: detail.into(), rule: None })
    }

    /// The same refusal, for breaking this rule.
    pub(super) fn of(mut self, rule: Rule) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.rule = Some(rule);
        }
        self
    }

    pub(super) fn unauthorized() -> Self {
        let detail = "send the secret of the gateway's data directory (admin.token) as a bearer token".to_owned();
        Self::Refused(Refusal { code: RefusalCode::Unauthorized, detail, rule: None })
    }

    /// What is told to the caller; faults are named, not described.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            fault => Refusal { code: RefusalCode::Unavailable, detail: fault.to_string(), rule: None },
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        if !matches!(self, Self::Refused(_)) {
            tracing::error!(error = %Chain(&self), "an administration request failed");
        }
        let Refusal { code, detail, .. } = self.refusal();
        let status = code.status();
        let problem =
            Problem { kind: "about:blank".to_owned(), title: code.title().to_owned(), status: status.as_u16(), code, detail };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if code == RefusalCode::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollgate-admin\""));
        }
        response
    }
}
