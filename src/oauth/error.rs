//! The one table of OAuth errors: wire code, status and RFC side by side.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::store::StoreError;
use crate::token::TokenFault;
use crate::web::ParamError;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal, $status:ident;)*) => {
        /// What is wrong with a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// `error` as the RFC spells it, and the status of an answer that is not a redirect.
            #[must_use]
            pub const fn wire(self) -> (&'static str, StatusCode) {
                match self { $(Self::$variant => ($wire, StatusCode::$status),)* }
            }
        }
    };
}

codes! {
    /// RFC 6749 §4.1.2.1, §5.2: malformed, repeated or missing parameters, or two ways of client authentication.
    InvalidRequest = "invalid_request", BAD_REQUEST;
    /// RFC 6749 §5.2, with the status of RFC 9110 §15.5.14: a body that is not read at all.
    TooLarge = "invalid_request", PAYLOAD_TOO_LARGE;
    /// RFC 6749 §5.2: unknown client, wrong or missing credentials. Clients forget their registration when they see it.
    InvalidClient = "invalid_client", UNAUTHORIZED;
    /// RFC 6749 §5.2: dead, foreign or mismatched code or refresh token. Clients ask the user again when they see it.
    InvalidGrant = "invalid_grant", BAD_REQUEST;
    /// RFC 6749 §4.1.2.1, §5.2: the client may not use this.
    UnauthorizedClient = "unauthorized_client", BAD_REQUEST;
    /// RFC 6749 §5.2.
    UnsupportedGrantType = "unsupported_grant_type", BAD_REQUEST;
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type", BAD_REQUEST;
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope = "invalid_scope", BAD_REQUEST;
    /// RFC 8707 §2.
    InvalidTarget = "invalid_target", BAD_REQUEST;
    /// RFC 6749 §4.1.2.1: the user declined.
    AccessDenied = "access_denied", FORBIDDEN;
    /// OpenID Connect Core §3.1.2.6: nobody is signed in, and the request forbade to ask.
    LoginRequired = "login_required", BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6: consent is needed, and the request forbade to ask.
    ConsentRequired = "consent_required", BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §6.
    RequestNotSupported = "request_not_supported", BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §6.
    RequestUriNotSupported = "request_uri_not_supported", BAD_REQUEST;
    /// RFC 6749 §4.1.2.1: the store can't be used. Clients may try again.
    TemporarilyUnavailable = "temporarily_unavailable", SERVICE_UNAVAILABLE;
    /// RFC 7591 §3.2.2.
    InvalidRedirectUri = "invalid_redirect_uri", BAD_REQUEST;
    /// RFC 7591 §3.2.2.
    InvalidClientMetadata = "invalid_client_metadata", BAD_REQUEST;
    /// RFC 6585 §4, in the shape of RFC 6749 §5.2.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS;
    /// RFC 7009 §2.2.1.
    UnsupportedTokenType = "unsupported_token_type", BAD_REQUEST;
    /// RFC 8628 §3.5: the user has not decided yet. Clients ask again.
    AuthorizationPending = "authorization_pending", BAD_REQUEST;
    /// RFC 8628 §3.5: as above, and the client asks too often. From now on it waits five seconds longer.
    SlowDown = "slow_down", BAD_REQUEST;
    /// RFC 8628 §3.5: the device code has ended. Clients start again.
    ExpiredToken = "expired_token", BAD_REQUEST;
    /// RFC 8628 §3.5, with the status that RFC 6749 §5.2 wants at the token endpoint: the user declined.
    DeviceDenied = "access_denied", BAD_REQUEST;
    /// Not an OAuth code: nothing is at this path.
    NotFound = "not_found", NOT_FOUND;
    /// Not an OAuth code: the path takes another method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
}

/// What an answer carries besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    None,
    /// The client tried HTTP Basic, so the answer must name it (RFC 6749 §5.2).
    BasicChallenge,
    /// When to try again, seconds.
    RetryAfter(u64),
}

/// A refused request, or one that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    code: Code,
    description: Cow<'static, str>,
    extra: Extra,
}

impl OAuthError {
    /// A refusal. `description` says what to do; characters that RFC 6749 does not allow in it are replaced.
    #[must_use]
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let plain = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let description = if description.bytes().all(plain) {
            description
        } else {
            description.chars().map(|c| if c.is_ascii() && plain(c as u8) { c } else { '\'' }).collect::<String>().into()
        };
        Self { code, description, extra: Extra::None }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// `error_description`.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Names HTTP Basic in the answer, because the client used it.
    #[must_use]
    pub const fn challenging_basic(mut self) -> Self {
        self.extra = Extra::BasicChallenge;
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.extra = Extra::RetryAfter(seconds);
        self
    }

    fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "an OAuth request could not be decided");
        Self::new(Code::TemporarilyUnavailable, "A part of this service can't be reached at the moment; try again").retry_after(1)
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<TokenFault> for OAuthError {
    fn from(error: TokenFault) -> Self {
        Self::unavailable(&error)
    }
}

impl From<ParamError> for OAuthError {
    fn from(error: ParamError) -> Self {
        Self::new(Code::InvalidRequest, error.to_string())
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (error, status) = self.code.wire();
        let body = json!({ "error": error, "error_description": self.description });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        match self.extra {
            Extra::None => {}
            Extra::BasicChallenge => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"token\", charset=\"UTF-8\""));
            }
            Extra::RetryAfter(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_s5_2_statuses() {
        for code in Code::ALL {
            let (wire, status) = code.wire();
            let rfc6749 = ["invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type"];
            if rfc6749.contains(&wire) {
                assert_eq!(status, StatusCode::BAD_REQUEST, "{wire}");
            }
            assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{wire}");
        }
        assert_eq!(Code::InvalidClient.wire().1, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn descriptions_stay_inside_the_grammar() {
        let error = OAuthError::new(Code::InvalidRequest, "a \"b\" \\ é\r\nx");
        assert_eq!(error.description(), "a 'b' ' '''x");
    }

    #[test]
    fn answers_are_not_stored_and_name_basic_only_when_it_was_used() {
        let plain = OAuthError::new(Code::InvalidClient, "x").into_response();
        assert_eq!(plain.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(plain.headers()[CACHE_CONTROL], "no-store");
        assert!(!plain.headers().contains_key(WWW_AUTHENTICATE));
        let basic = OAuthError::new(Code::InvalidClient, "x").challenging_basic().into_response();
        assert!(basic.headers()[WWW_AUTHENTICATE].to_str().is_ok_and(|v| v.starts_with("Basic ")));
    }
}
