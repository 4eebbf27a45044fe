//! Refusals in the words of gRPC: the status of a call, and `google.rpc.Status`, which OTLP over HTTP answers with too.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use serde_json::json;

use super::denial::Denial;
use super::respond::{Answer, Scene};
use crate::config::{Route, RouteErrors};

#[cfg(test)]
mod tests;

/// `grpc-status`
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// `grpc-message`
pub const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `grpc-status-details-bin`: a `google.rpc.Status` in base64.
pub const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// How a refusal is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Problem details (RFC 9457), or JSON-RPC where an MCP message was read.
    #[default]
    Problem,
    /// The status of a gRPC call, in a head without a body.
    Grpc,
    /// `google.rpc.Status` in protobuf.
    Protobuf,
    /// `google.rpc.Status` in JSON.
    Json,
}

impl Form {
    /// What the sender of a request can read.
    #[must_use]
    pub fn of(version: Version, headers: &HeaderMap, route: Option<&Route>) -> Self {
        match route.and_then(|r| r.errors) {
            _ if version == Version::HTTP_2 && is_grpc(headers) => Self::Grpc,
            Some(RouteErrors::Otlp) if media_type(headers) == "application/json" => Self::Json,
            Some(RouteErrors::Otlp) => Self::Protobuf,
            None => Self::Problem,
        }
    }
}

/// Whether a request is a gRPC call. gRPC-Web is something else, which any version of HTTP carries.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).strip_prefix("application/grpc").is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

fn media_type(headers: &HeaderMap) -> &str {
    let text = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim()
}

/// How a call ended, where these headers or trailers say it.
#[must_use]
pub fn of_call(headers: &HeaderMap) -> Option<u16> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

/// The name of a code (`google.rpc.Code`), for metrics; `OTHER` of a number that is none.
#[must_use]
pub const fn code_name(code: u16) -> &'static str {
    match code {
        0 => "OK",
        1 => "CANCELLED",
        2 => "UNKNOWN",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => "OTHER",
    }
}

/// A code of gRPC, as far as we answer with it (`google.rpc.Code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong, whoever sends it.
    InvalidArgument = 3,
    /// It took too long to come, or to be answered.
    DeadlineExceeded = 4,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// Something is used up, for a while. OTLP clients come again after this, so that nothing final is said with it.
    ResourceExhausted = 8,
    /// There is no such method.
    Unimplemented = 12,
    /// It may work later.
    Unavailable = 14,
    /// Nobody knows who calls.
    Unauthenticated = 16,
}

impl Code {
    /// The code that says what a status says.
    #[must_use]
    pub const fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 405 | 501 => Self::Unimplemented,
            408 | 504 => Self::DeadlineExceeded,
            429 => Self::ResourceExhausted,
            400..=499 | 505 => Self::InvalidArgument,
            _ => Self::Unavailable,
        }
    }
}

/// A whole answer to a gRPC call: a head that is also the trailers (Trailers-Only).
pub(super) fn trailers_only(denial: &Denial, scene: &Scene<'_>, mut headers: HeaderMap) -> Answer {
    let status = Status::of(denial, scene);
    let details = STANDARD_NO_PAD.encode(status.protobuf());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code as u16));
    for (name, value) in [(GRPC_MESSAGE, percent_encoded(&status.message)), (GRPC_DETAILS, details)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Answer { status: StatusCode::OK, headers, body: Bytes::new(), close: denial.closes() }
}

/// The body of a refusal that is written as `google.rpc.Status`.
pub(super) fn body(denial: &Denial, scene: &Scene<'_>) -> Option<(&'static str, Bytes)> {
    match scene.form {
        Form::Problem | Form::Grpc => None,
        Form::Protobuf => Some(("application/x-protobuf", Status::of(denial, scene).protobuf().into())),
        Form::Json => Some(("application/json", Status::of(denial, scene).json().into())),
    }
}

/// `google.rpc.Status` with its details.
struct Status<'a> {
    code: Code,
    message: String,
    /// In capitals, as `google.rpc.ErrorInfo` has it.
    reason: String,
    domain: &'a str,
    metadata: Vec<(&'static str, String)>,
    /// Seconds after which another attempt may succeed.
    retry: Option<u64>,
}

impl<'a> Status<'a> {
    fn of(denial: &Denial, scene: &Scene<'a>) -> Self {
        let mut metadata = vec![("request_id", scene.request.to_string())];
        if let Denial::Scopes { missing, .. } = denial {
            metadata.push(("missing_scopes", scene.config.catalogue.scopes(missing).to_string()));
        }
        Self {
            code: Code::of(denial.status()),
            message: denial.detail(),
            reason: denial.code().to_ascii_uppercase(),
            domain: scene.config.issuer.authority(),
            metadata,
            retry: denial.retry_after(),
        }
    }

    fn protobuf(&self) -> Vec<u8> {
        let mut info = Vec::new();
        field(&mut info, 1, self.reason.as_bytes());
        field(&mut info, 2, self.domain.as_bytes());
        for (key, value) in &self.metadata {
            let mut entry = Vec::new();
            field(&mut entry, 1, key.as_bytes());
            field(&mut entry, 2, value.as_bytes());
            field(&mut info, 3, &entry);
        }
        let mut out = Vec::new();
        number(&mut out, 1, self.code as u64);
        field(&mut out, 2, self.message.as_bytes());
        field(&mut out, 3, &any(ERROR_INFO, &info));
        if let Some(seconds) = self.retry {
            let (mut duration, mut retry) = (Vec::new(), Vec::new());
            number(&mut duration, 1, seconds);
            field(&mut retry, 1, &duration);
            field(&mut out, 3, &any(RETRY_INFO, &retry));
        }
        out
    }

    fn json(&self) -> Vec<u8> {
        let metadata: serde_json::Map<_, _> = self.metadata.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let info = json!({"@type": ERROR_INFO, "reason": self.reason, "domain": self.domain, "metadata": metadata});
        let retry = self.retry.map(|seconds| json!({"@type": RETRY_INFO, "retryDelay": format!("{seconds}s")}));
        let details: Vec<_> = std::iter::once(info).chain(retry).collect();
        json!({"code": self.code as u8, "message": self.message, "details": details}).to_string().into_bytes()
    }
}

fn any(url: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, 1, url.as_bytes());
    field(&mut out, 2, value);
    out
}

/// A field of wire type 2: text, bytes, a message.
fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A field of wire type 0.
fn number(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7F) as u8);
}

/// `grpc-message`: everything but printable ASCII is escaped, and the escape itself.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' => out.push_str("%25"),
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to a String can't fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
