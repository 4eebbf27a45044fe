//! The JSON-RPC errors that the gate itself sends.
//!
//! Codes of the JSON-RPC and MCP ranges only where those specifications define them; the gate's own refusals carry the HTTP
//! status as their code, outside the reserved ranges, and say `"source": "gateway"` so that nobody takes them for the server's
//! (MCP 2026-07-28 "Error Codes").

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::headers::{Era, Mismatch, ProtocolVersion};
use super::request::{BadMessage, BadReason, RequestId, Target};

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;

/// Longest part of a target that an answer repeats.
const QUOTED_CHARS: usize = 200;

/// Status and body of an answer; the body is `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of the HTTP response.
    pub status: StatusCode,
    /// One JSON-RPC error response.
    pub body: Bytes,
}

/// What went wrong behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// It could not be reached, or broke off (502).
    Unreachable,
    /// It answered something that the gate can't check, such as a broken list (502).
    Unreadable,
    /// It is not there on purpose: draining, or no healthy one (503).
    Unavailable,
    /// It took too long (504).
    Timeout,
}

#[derive(Serialize)]
struct Envelope<'a> {
    jsonrpc: &'static str,
    /// `null` where the id could not be read (JSON-RPC 2.0 §5).
    id: Option<&'a RequestId>,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: i32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Version {
        supported: Vec<&'static str>,
        requested: &'a str,
    },
    Gateway {
        source: &'static str,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<&'a str>,
    },
}

impl<'a> Data<'a> {
    const fn gateway(reason: &'static str, scope: Option<&'a str>) -> Self {
        Self::Gateway { source: "gateway", reason, scope }
    }
}

impl Answer {
    fn new(status: StatusCode, id: Option<&RequestId>, code: i32, message: String, data: Option<Data<'_>>) -> Self {
        let envelope = Envelope { jsonrpc: "2.0", id, error: Error { code, message, data } };
        // Nothing in the envelope can fail to serialize; an empty body still refuses.
        Self { status, body: serde_json::to_vec(&envelope).unwrap_or_default().into() }
    }

    /// The body was not a message: 400 (413 when too long), `-32700`, `-32600` or `-32602`.
    #[must_use]
    pub fn bad_message(bad: &BadMessage) -> Self {
        let code = match bad.reason {
            BadReason::Encoding | BadReason::Json { .. } => PARSE_ERROR,
            BadReason::Params | BadReason::Target => INVALID_PARAMS,
            _ => INVALID_REQUEST,
        };
        let too_long = matches!(bad.reason, BadReason::Size(_));
        let status = if too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        Self::new(status, bad.id.as_ref(), code, bad.to_string(), None)
    }

    /// Headers and body disagree: 400, `-32020`, `-32022` with the supported versions, `-32602` or `-32600`.
    #[must_use]
    pub fn mismatch(mismatch: &Mismatch, id: Option<&RequestId>) -> Self {
        let (code, data) = match mismatch {
            Mismatch::Unsupported { requested, era } => {
                let versions = ProtocolVersion::SUPPORTED.into_iter().filter(|v| *era == Era::Legacy || v.era() == Era::Modern);
                let supported = versions.map(ProtocolVersion::as_str).collect();
                (UNSUPPORTED_PROTOCOL_VERSION, Some(Data::Version { supported, requested }))
            }
            Mismatch::NoMetaVersion => (INVALID_PARAMS, None),
            Mismatch::Response => (INVALID_REQUEST, None),
            _ => (HEADER_MISMATCH, None),
        };
        Self::new(StatusCode::BAD_REQUEST, id, code, mismatch.to_string(), data)
    }

    /// The token lacks scopes: 403. `scope` is the space-delimited set of the challenge, `page` where a person authorizes again;
    /// several clients show this text and never act on the challenge.
    #[must_use]
    pub fn insufficient_scope(id: Option<&RequestId>, target: &Target, scope: &str, page: &str) -> Self {
        let message = format!("{} needs the scope \"{scope}\". Authorize this application again at {page}", quoted(target));
        let data = Data::gateway("insufficient_scope", Some(scope));
        Self::new(StatusCode::FORBIDDEN, id, 403, message, Some(data))
    }

    /// No scope helps: 403, to be sent without a challenge. Says the same for a tool that the policy denies and for one that it
    /// does not know.
    #[must_use]
    pub fn denied(id: Option<&RequestId>, target: &Target) -> Self {
        let message = format!("{} is not available through this gateway", quoted(target));
        Self::new(StatusCode::FORBIDDEN, id, 403, message, Some(Data::gateway("access_denied", None)))
    }

    /// An argument has a value that the policy does not allow: 403, to be sent without a challenge.
    #[must_use]
    pub fn argument(id: Option<&RequestId>, target: &Target, argument: &str) -> Self {
        let message = format!("{} may not be used with this {argument}, or without it", quoted(target));
        Self::new(StatusCode::FORBIDDEN, id, 403, message, Some(Data::gateway("argument_denied", None)))
    }

    /// The session is not the caller's, or is none: 404, on which a client opens a new one (MCP 2025-11-25 "Session Management").
    #[must_use]
    pub fn no_session(id: Option<&RequestId>) -> Self {
        let message = "There is no such session of yours. Open a new one with initialize".to_owned();
        Self::new(StatusCode::NOT_FOUND, id, 404, message, Some(Data::gateway("session_not_yours", None)))
    }

    /// Tasks are closed: the answer of a server that has none (404 in the modern era, else 403), to be sent without a challenge.
    #[must_use]
    pub fn no_tasks(id: Option<&RequestId>, status: StatusCode) -> Self {
        let message = "Tasks are not available through this gateway: make the call without one".to_owned();
        Self::new(status, id, METHOD_NOT_FOUND, message, Some(Data::gateway("tasks_closed", None)))
    }

    /// No task of the caller's has this id: 400 with `-32602`, the same for a task of somebody else and for none.
    #[must_use]
    pub fn no_task(id: Option<&RequestId>) -> Self {
        let data = Data::gateway("task_not_yours", None);
        Self::new(StatusCode::BAD_REQUEST, id, INVALID_PARAMS, "Task not found".to_owned(), Some(data))
    }

    /// A rate or a cap is used up: 429, to be sent with `Retry-After`.
    #[must_use]
    pub fn too_many(id: Option<&RequestId>, reason: &'static str, message: String) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, id, 429, message, Some(Data::gateway(reason, None)))
    }

    /// The server can't be told who calls: 403, to be sent without a challenge, 502, or 503, to be sent with `Retry-After`.
    #[must_use]
    pub fn unidentified(id: Option<&RequestId>, status: StatusCode, reason: &'static str, message: String) -> Self {
        Self::new(status, id, i32::from(status.as_u16()), message, Some(Data::gateway(reason, None)))
    }

    /// The server behind the gate failed: 502, 503 or 504.
    #[must_use]
    pub fn upstream(id: Option<&RequestId>, fault: UpstreamFault) -> Self {
        let (status, code, reason, message) = match fault {
            UpstreamFault::Unreachable => (StatusCode::BAD_GATEWAY, 502, "upstream_unreachable", "could not be reached"),
            UpstreamFault::Unreadable => (StatusCode::BAD_GATEWAY, 502, "upstream_unreadable", "sent an unreadable answer"),
            UpstreamFault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 503, "upstream_unavailable", "is not available"),
            UpstreamFault::Timeout => (StatusCode::GATEWAY_TIMEOUT, 504, "upstream_timeout", "did not answer in time"),
        };
        Self::new(status, id, code, format!("The MCP server {message}"), Some(Data::gateway(reason, None)))
    }
}

fn quoted(target: &Target) -> String {
    let name: String = target.as_str().chars().take(QUOTED_CHARS).collect();
    format!("The {} \"{name}\"", target.kind())
}
