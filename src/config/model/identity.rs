//! What an upstream is told about the caller.

use std::time::Duration;

use http::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::config::UpstreamTls;
use crate::types::Template;

/// A header that tells an upstream something about the caller.
#[derive(Clone, Debug)]
pub struct TemplateHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: Template,
}

/// A JWT of ours by which an upstream can verify who calls.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The header that carries it; in `authorization` as a bearer token.
    pub header: HeaderName,
    /// What its `aud` says.
    pub audience: String,
    /// How long it lives at most.
    pub lifetime: Duration,
}

/// A token for the upstream that its authorization server issues in exchange for an assertion of ours (RFC 8693).
#[derive(Debug)]
pub struct Exchange {
    /// Where it is asked for.
    pub endpoint: Url,
    /// What TLS towards it shows and believes.
    pub tls: UpstreamTls,
    /// What assertions for the authorization server name as `aud`.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it.
    pub authentication: ExchangeAuth,
    /// What our assertion is called.
    pub subject: SubjectTokenType,
    /// `audience` of the request.
    pub audience: Option<String>,
    /// `resource` of the request.
    pub resource: Option<String>,
    /// `scope` of the request.
    pub scope: Option<String>,
    /// The header that carries the token; in `authorization` as a bearer token.
    pub header: HeaderName,
    /// How long the authorization server may take.
    pub timeout: Duration,
}

impl Exchange {
    /// Whether both ask for the same, at the same place, in the same way. Each field is named, so that a new one does not compile
    /// until somebody has said what it means for tokens that are there.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { endpoint, tls, issuer, client_id, authentication, subject, audience, resource, scope, header, timeout } = self;
        (endpoint, &tls.server_name, tls.digest) == (&other.endpoint, &other.tls.server_name, other.tls.digest)
            && (issuer, client_id, subject) == (&other.issuer, &other.client_id, &other.subject)
            && authentication.is_same(&other.authentication)
            && (audience, resource, scope) == (&other.audience, &other.resource, &other.scope)
            && (header, timeout) == (&other.header, &other.timeout)
    }
}

/// How we prove at an authorization server who we are.
#[derive(Debug)]
pub enum ExchangeAuth {
    /// Not at all: the assertion is enough.
    None,
    /// With a secret in `Authorization` (RFC 6749 §2.3.1).
    Basic(SecretString),
    /// With a secret in the body.
    Post(SecretString),
    /// With a JWT that the assertion's keys sign (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl ExchangeAuth {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::PrivateKeyJwt, Self::PrivateKeyJwt) => true,
            (Self::Basic(one), Self::Basic(other)) | (Self::Post(one), Self::Post(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            (Self::None | Self::Basic(_) | Self::Post(_) | Self::PrivateKeyJwt, _) => false,
        }
    }
}

/// What a subject token is called (RFC 8693 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectTokenType {
    /// `urn:ietf:params:oauth:token-type:jwt`
    #[default]
    Jwt,
    /// `urn:ietf:params:oauth:token-type:id_token`
    IdToken,
    /// `urn:ietf:params:oauth:token-type:access_token`
    AccessToken,
}

impl SubjectTokenType {
    /// The identifier that requests carry.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
        }
    }
}
