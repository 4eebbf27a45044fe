//! What this gateway does in the place of an app that is being tried.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::store::Client;
use crate::web::Peer;

/// The requests that an app makes by itself, made by this gateway to itself, exactly as if they had come from the app.
#[async_trait]
pub trait StandIn: Send + Sync {
    /// Redeems the code of a trial at the token endpoint (RFC 6749 §4.1.3), `form` being the body of the request. The client's
    /// secret is not needed: whoever calls this has checked that the browser acts for an organization that owns the client.
    async fn redeem(&self, client: Client, form: &str, peer: &Peer) -> Result<SecretString, Refused>;

    /// Calls one of this gateway's APIs. Time and size of the answer are bounded.
    async fn call(&self, sent: Sent, token: &SecretString) -> Result<Called, Unanswered>;
}

/// A call, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its method.
    pub method: http::Method,
    /// A path on our origin with its query.
    pub target: String,
    /// Headers, but for `Host` and `Authorization`.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The body.
    pub body: String,
}

/// What the token endpoint refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `error` (RFC 6749 §5.2).
    pub code: String,
    /// `error_description`.
    pub description: String,
}

/// An answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// HTTP status.
    pub status: http::StatusCode,
    /// Headers.
    pub headers: http::HeaderMap,
    /// The start of the body.
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub cut: bool,
    /// How long it took, milliseconds.
    pub millis: u64,
}

/// A call that got no answer in time, or could not be made.
#[derive(Debug, thiserror::Error)]
#[error("this gateway did not answer itself")]
pub struct Unanswered(#[source] pub Box<dyn std::error::Error + Send + Sync>);
