//! The grants of the token endpoint, one file each, and what they share: checking that a grant stands, and issuing.

mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::client_auth::AuthenticatedClient;
use super::{App, Code, OAuthError};
use crate::config::Config;
use crate::store::{Grant, GrantFacts, NewAccess, NewRefreshToken};
use crate::token::{IssuedToken, NewAccessToken, standing};
use crate::types::{GrantId, PlainToken, ResourceId, ScopeSet, Timestamp};

pub use authorization_code::authorization_code;
pub use client_credentials::client_credentials;
pub use device_code::device_code;
pub use refresh_token::refresh_token;

/// What a token request got.
#[derive(Debug)]
pub struct Issued {
    access: IssuedToken,
    scopes: ScopeSet,
    refresh: Option<PlainToken>,
    /// Echoed to machine clients.
    resource: Option<Value>,
}

impl Issued {
    /// The body of the answer (RFC 6749 §5.1).
    pub fn body(self) -> SecretString {
        let mut body = json!({
            "access_token": self.access.token.expose_secret(),
            "token_type": "Bearer",
            "expires_in": self.access.expires_in.as_secs(),
            "scope": self.scopes.to_string(),
        });
        if let Some(refresh) = &self.refresh {
            body["refresh_token"] = refresh.expose().into();
        }
        if let Some(resource) = self.resource {
            body["resource"] = resource;
        }
        body.to_string().into()
    }

    /// The answer (RFC 6749 §5.1).
    pub fn into_response(self) -> Response {
        let mut response = self.body().expose_secret().to_owned().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}

/// What is to be issued.
struct Wanted<'a> {
    grant: &'a Grant,
    scopes: ScopeSet,
    resources: &'a [ResourceId],
    ttl: Duration,
}

/// An access token that is signed, and handed out only when it is on record.
struct Signed {
    token: IssuedToken,
    record: NewAccess,
}

impl Signed {
    /// Hands it out.
    fn with(self, refresh: Option<PlainToken>, resource: Option<Value>) -> Issued {
        Issued { access: self.token, scopes: self.record.scopes, refresh, resource }
    }
}

/// Signs. It comes before anything is used up: what fails here costs the client nothing.
fn sign(app: &App, config: &Config, wanted: Wanted<'_>, now: Timestamp) -> Result<Signed, OAuthError> {
    let Wanted { grant, scopes, resources, ttl } = wanted;
    let mut id = [0_u8; 16];
    app.node.entropy.fill(&mut id);
    let jti = URL_SAFE_NO_PAD.encode(id);
    let ttl = shortest(config, &scopes, resources, ttl);
    let new = NewAccessToken { grant, scopes: &scopes, resources, jti: jti.clone(), now, ttl };
    let token = app.node.keys.issue(&config.issuer, &new)?;
    Ok(Signed { token, record: NewAccess { jti, scopes } })
}

/// How long a token lives: as long as its client's do, unless one of its resources or scopes wants it shorter.
fn shortest(config: &Config, scopes: &ScopeSet, resources: &[ResourceId], ttl: Duration) -> Duration {
    let limits = [config.token_ttl(resources), config.catalogue.token_ttl(scopes)];
    limits.into_iter().flatten().fold(ttl, Duration::min)
}

/// The grant with everything behind it, when all of it stands. Asked before anything is used up.
async fn standing_grant(app: &App, grant: &GrantId, now: Timestamp) -> Result<GrantFacts, OAuthError> {
    let ended = |why: String| OAuthError::new(Code::InvalidGrant, why);
    let facts = app.node.store.grant_facts(grant).await?.ok_or_else(|| ended("The authorization has ended".to_owned()))?;
    match standing(&app.node.config.load(), &facts, now) {
        Ok(()) => Ok(facts),
        Err(refusal) => Err(ended(format!("The authorization has ended: {refusal}"))),
    }
}

/// A refresh token's record: it ends when it is not used, and with its grant.
fn refresh_record(config: &Config, token: &PlainToken, grant: &Grant, now: Timestamp) -> NewRefreshToken {
    let idle = now.plus(config.oauth.refresh_idle);
    NewRefreshToken { hash: token.hashed(), expires_at: grant.expires_at.map_or(idle, |end| end.min(idle)) }
}

fn access_ttl(config: &Config, caller: &AuthenticatedClient) -> Duration {
    caller.client.access_token_ttl.unwrap_or(config.oauth.access_token_ttl)
}
