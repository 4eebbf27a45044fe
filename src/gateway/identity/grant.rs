//! One token request of RFC 8693 §2.1 and what its answer means.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::IdentityFault;
use crate::config::{Exchange, ExchangeAuth};
use crate::egress::Place;
use crate::node::Node;
use crate::token::ClientAuthentication;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 64 << 10;
/// Longest token that is sent on, bytes: upstreams take no longer headers.
const MAX_TOKEN: usize = 16 << 10;
/// What a token lives whose answer does not say it (RFC 6749 §5.1 only recommends it).
const UNSAID: u64 = 60;
/// A token is not used any more when less than a tenth of its life is left, at most this.
const MARGIN: Duration = Duration::from_secs(30);
/// How long our own authentication is good for.
const AUTHENTICATION: Duration = Duration::from_mins(1);

/// A token that was issued.
pub(super) struct Granted {
    pub(super) token: SecretString,
    /// How long it may be used.
    pub(super) lives: Duration,
}

/// Why there is no token. Nothing of what was sent or answered is repeated but codes of RFC 6749 and RFC 8693.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It says that this caller gets none for this upstream.
    #[error("the authorization server refused: {0}")]
    Refused(&'static str),
    /// It does not take us, or our request.
    #[error("the authorization server takes no requests of ours: {0}, {1}")]
    Misconfigured(StatusCode, &'static str),
    /// There was no answer, or none that says anything.
    #[error("no answer from the authorization server: {0}")]
    Fault(String),
}

impl Failure {
    /// As metrics count it, and as the gate refuses it.
    pub(super) const fn told(&self) -> (&'static str, IdentityFault) {
        match self {
            Self::Refused(_) => ("refused", IdentityFault::Refused),
            Self::Misconfigured(..) => ("misconfigured", IdentityFault::Misconfigured),
            Self::Fault(_) => ("failed", IdentityFault::Unavailable),
        }
    }
}

/// Codes by which a server refuses a caller or what is wanted for it (RFC 8693 §2.2.2, RFC 6749 §5.2).
const REFUSALS: [&str; 5] = ["access_denied", "invalid_grant", "invalid_request", "invalid_scope", "invalid_target"];
/// Codes by which it refuses us.
const OURS: [&str; 3] = ["invalid_client", "unauthorized_client", "unsupported_grant_type"];

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Asks for a token in exchange for `subject`.
pub(super) async fn ask(place: &Place, terms: &Exchange, node: &Node, subject: &SecretString) -> Result<Granted, Failure> {
    let mut request = place
        .post()
        .timeout(terms.timeout)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json");
    if let ExchangeAuth::Basic(secret) = &terms.authentication {
        request = request.header(AUTHORIZATION, basic(&terms.client_id, secret));
    }
    let transport = |error: reqwest::Error| Failure::Fault(error.without_url().to_string());
    let mut answer = request.body(form(terms, node, subject)?).send().await.map_err(transport)?;
    let status = answer.status();
    let mut body = zeroize::Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::Fault("it is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    read(status, &body)
}

fn form(terms: &Exchange, node: &Node, subject: &SecretString) -> Result<String, Failure> {
    let mut form = Serializer::new(String::with_capacity(2048));
    form.append_pair("grant_type", GRANT_TYPE)
        .append_pair("subject_token", subject.expose_secret())
        .append_pair("subject_token_type", terms.subject.urn())
        .append_pair("requested_token_type", ACCESS_TOKEN);
    for (name, value) in [("audience", &terms.audience), ("resource", &terms.resource), ("scope", &terms.scope)] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    match &terms.authentication {
        ExchangeAuth::Basic(_) => {}
        ExchangeAuth::None => {
            form.append_pair("client_id", &terms.client_id);
        }
        ExchangeAuth::Post(secret) => {
            form.append_pair("client_id", &terms.client_id).append_pair("client_secret", secret.expose_secret());
        }
        ExchangeAuth::PrivateKeyJwt => {
            let now = node.now();
            let new = ClientAuthentication {
                client_id: &terms.client_id,
                audience: &terms.issuer,
                jti: node.ids.next(now).to_string(),
                now,
                lifetime: AUTHENTICATION,
            };
            let signed = node.keys.authenticate(&new).map_err(|e| Failure::Fault(e.to_string()))?;
            form.append_pair("client_assertion_type", CLIENT_ASSERTION)
                .append_pair("client_assertion", signed.token.expose_secret());
        }
    }
    Ok(form.finish())
}

/// RFC 6749 §2.3.1: both parts are encoded as in a form before they are put together.
fn basic(id: &str, secret: &SecretString) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.expose_secret()))))
}

fn read(status: StatusCode, body: &[u8]) -> Result<Granted, Failure> {
    if status == StatusCode::OK {
        let said = serde_json::from_slice::<Success>(body).map_err(|_| Failure::Fault("it is not a token".to_owned()))?;
        return granted(said);
    }
    let code = serde_json::from_slice::<Refusal>(body).map(|r| r.error).unwrap_or_default();
    let known = |codes: &[&'static str]| codes.iter().copied().find(|c| *c == code);
    match (status.as_u16(), known(&REFUSALS), known(&OURS)) {
        (400..=403, Some(code), _) => Err(Failure::Refused(code)),
        (400..=403, None, Some(code)) => Err(Failure::Misconfigured(status, code)),
        (408 | 429 | 500.., ..) => Err(Failure::Fault(format!("it answered {status}"))),
        _ => Err(Failure::Misconfigured(status, "no code that is known")),
    }
}

fn granted(said: Success) -> Result<Granted, Failure> {
    let token = SecretString::from(said.access_token);
    let text = token.expose_secret();
    let sendable = !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|b| b.is_ascii_graphic());
    // RFC 8693 §2.2.1: "N_A" is what is no access token and is carried as it is.
    let bearer = said.token_type.eq_ignore_ascii_case("bearer") || said.token_type.eq_ignore_ascii_case("n_a");
    if !sendable || !bearer {
        return Err(Failure::Misconfigured(StatusCode::OK, "a token that can't be sent on"));
    }
    let said = Duration::from_secs(said.expires_in.unwrap_or(UNSAID));
    Ok(Granted { token, lives: said.saturating_sub((said / 10).min(MARGIN)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        match read(status, body.as_bytes()) {
            Ok(granted) => format!("{} for {} s", granted.token.expose_secret(), granted.lives.as_secs()),
            Err(failure) => failure.told().0.to_owned(),
        }
    }

    #[test]
    fn answers_mean_one_thing_each() {
        let token = |rest: &str| format!(r#"{{"access_token":"t","issued_token_type":"x","token_type":"Bearer"{rest}}}"#);
        let table = [
            (200, token(",\"expires_in\":100"), "t for 90 s"),
            (200, token(",\"expires_in\":3600"), "t for 3570 s"),
            (200, token(""), "t for 54 s"),
            (200, token("").replace("Bearer", "N_A"), "t for 54 s"),
            (200, token("").replace("Bearer", "DPoP"), "misconfigured"),
            (200, token("").replace("\"t\"", "\"a b\""), "misconfigured"),
            (200, token("").replace("\"t\"", "\"a\\r\\nX: y\""), "misconfigured"),
            (200, token("").replace("\"t\"", "\"\""), "misconfigured"),
            (200, "{}".into(), "failed"),
            (200, "<html>".into(), "failed"),
            (400, r#"{"error":"invalid_target"}"#.into(), "refused"),
            (400, r#"{"error":"invalid_request","error_description":"no"}"#.into(), "refused"),
            (403, r#"{"error":"access_denied"}"#.into(), "refused"),
            (400, r#"{"error":"unsupported_grant_type"}"#.into(), "misconfigured"),
            (401, r#"{"error":"invalid_client"}"#.into(), "misconfigured"),
            (401, String::new(), "misconfigured"),
            (404, "not here".into(), "misconfigured"),
            (302, String::new(), "misconfigured"),
            (429, r#"{"error":"slow_down"}"#.into(), "failed"),
            (503, r#"{"error":"invalid_target"}"#.into(), "failed"),
        ];
        for (status, body, expected) in table {
            assert_eq!(told(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_stands_in_basic_is_encoded_first() {
        let header = basic("a:b", &SecretString::from("s%c r+t"));
        let pair = STANDARD.decode(header.trim_start_matches("Basic ")).expect("base64");
        assert_eq!(String::from_utf8(pair).expect("text"), "a%3Ab:s%25c+r%2Bt");
    }
}
