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
use crate::record::Cause;
use crate::store::{Grant, GrantFacts, NewRefreshToken};
use crate::token::{IssuedToken, NewAccessToken, standing};
use crate::types::{PlainToken, ResourceId, ScopeSet, Timestamp};

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
    resources: Vec<ResourceId>,
    ttl: Duration,
    refresh: Option<PlainToken>,
    refreshed: bool,
    resource: Option<Value>,
}

/// Signs, records, and only then hands out.
async fn issue(app: &App, config: &Config, wanted: Wanted<'_>, mut cause: Cause) -> Result<Issued, OAuthError> {
    let mut id = [0_u8; 16];
    app.node.entropy.fill(&mut id);
    let new = NewAccessToken {
        grant: wanted.grant,
        scopes: &wanted.scopes,
        resources: &wanted.resources,
        jti: URL_SAFE_NO_PAD.encode(id),
        now: cause.at,
        ttl: shortest(config, &wanted),
    };
    let access = app.node.keys.issue(&config.issuer, &new)?;
    cause.actor.user = Some(wanted.grant.user.clone());
    cause.actor.grant = Some(wanted.grant.id.clone());
    cause.actor.token = Some(access.jti.clone());
    app.node.store.note_token(wanted.grant, &wanted.scopes, wanted.refreshed, &cause).await?;
    Ok(Issued { access, scopes: wanted.scopes, refresh: wanted.refresh, resource: wanted.resource })
}

/// How long a token lives: as long as its client's do, unless one of its resources or scopes wants it shorter.
fn shortest(config: &Config, wanted: &Wanted<'_>) -> Duration {
    let limits = [config.token_ttl(&wanted.resources), config.catalogue.token_ttl(&wanted.scopes)];
    limits.into_iter().flatten().fold(wanted.ttl, Duration::min)
}

/// The grant with everything behind it, when all of it stands. Asked before anything is used up.
async fn standing_grant(app: &App, grant: &Grant, now: Timestamp) -> Result<GrantFacts, OAuthError> {
    let ended = |why: String| OAuthError::new(Code::InvalidGrant, why);
    let facts = app.node.store.grant_facts(&grant.id).await?.ok_or_else(|| ended("The authorization has ended".to_owned()))?;
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
