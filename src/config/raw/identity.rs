//! What an upstream is told about the caller.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RawUpstreamTls, seconds};
use crate::config::SubjectTokenType;
use crate::config::written::Written;

/// A header that tells the upstream something about the caller. Where nobody is known, on a public route, and where its value
/// would be empty, it is not sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHeader {
    /// Its name.
    pub header: Written<HeaderName>,
    /// Its value, in which are replaced: `{org.tenant}`, `{org.id}`, `{org.slug}`, `{user.id}`, `{user.email}`, `{user.name}`,
    /// `{client.id}`, `{client.name}`, `{grant.id}`, `{token.id}`, `{scopes}`, `{request.id}`. What of them is not visible ASCII
    /// is percent-encoded, and so is `%`.
    pub value: String,
}

/// A JWT of the gateway's by which the upstream can verify who calls, without a word to anybody. Its keys are published at
/// `/.well-known/tollgate-assertion-jwks`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAssertion {
    /// The header that carries it; in `Authorization` as a bearer token.
    #[serde(default = "assertion_header")]
    pub header: Written<HeaderName>,
    /// Whom it is for: what its `aud` says and the upstream has to insist on.
    pub audience: String,
    /// How long it lives, from `30s` to `1h`. It is used for half of that.
    #[serde(default = "lifetime")]
    pub lifetime: Written<Duration>,
}

/// A token that the upstream's authorization server issues for each caller in exchange for an assertion of the gateway's
/// (RFC 8693). Without one no request is forwarded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExchange {
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// The authorization server's identifier: what assertions for it name as `aud`. Without it, `token_endpoint`.
    pub issuer: Option<String>,
    /// Who the gateway is there.
    pub client_id: String,
    /// How it proves that. Without it, with its secret in `Authorization`.
    #[serde(default)]
    pub authentication: RawAuthentication,
    /// `env:NAME` of the variable that holds the client's secret.
    pub client_secret: Option<String>,
    /// The file that holds it.
    pub client_secret_file: Option<PathBuf>,
    /// What the assertion is called in the request.
    #[serde(default)]
    pub subject_token_type: SubjectTokenType,
    /// The request's `audience`: the upstream, as the authorization server knows it.
    pub audience: Option<String>,
    /// The request's `resource`: the upstream's URI.
    pub resource: Option<String>,
    /// The request's `scope`.
    pub scope: Option<String>,
    /// The header that carries the token; in `Authorization` as a bearer token.
    #[serde(default = "authorization")]
    pub header: Written<HeaderName>,
    /// What TLS towards the token endpoint shows and believes.
    #[serde(default)]
    pub tls: RawUpstreamTls,
    /// How long the authorization server may take, at most `30s`.
    #[serde(default = "timeout")]
    pub timeout: Written<Duration>,
}

/// How the gateway proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawAuthentication {
    /// With its secret in `Authorization`.
    #[default]
    ClientSecretBasic,
    /// With its secret in the body.
    ClientSecretPost,
    /// With a JWT that the keys of assertions sign.
    PrivateKeyJwt,
    /// Not at all: the assertion is enough.
    None,
}

fn assertion_header() -> Written<HeaderName> {
    Written(HeaderName::from_static("x-tollgate-assertion"))
}

fn authorization() -> Written<HeaderName> {
    Written(http::header::AUTHORIZATION)
}

const fn lifetime() -> Written<Duration> {
    seconds(300)
}

const fn timeout() -> Written<Duration> {
    seconds(5)
}
