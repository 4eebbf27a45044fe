//! Token introspection (RFC 7662): for clients that can keep a secret, about tokens that are theirs to ask about.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::super::client_auth::AuthenticatedClient;
use super::super::{App, Code, OAuthError};
use super::token::lost;
use crate::config::Config;
use crate::store::{Client, ClientKind, ClientOrigin, RefreshState};
use crate::token::Rejected;
use crate::types::{ClientId, OrgId, PlainToken, TokenKind};

/// `POST /oauth2/introspect`. Everything that is not valid for this caller is just inactive (RFC 7662 §2.2).
pub async fn introspect(State(app): State<App>, caller: AuthenticatedClient) -> Result<Response, OAuthError> {
    if caller.client.kind != ClientKind::Confidential {
        return Err(OAuthError::new(Code::InvalidClient, "Introspection is for clients that authenticate with a secret"));
    }
    let missing = || OAuthError::new(Code::InvalidRequest, "token is missing");
    let token = caller.params.one("token")?.ok_or_else(missing)?;
    lost(&app)?;
    let config = app.node.config.load_full();
    let found = match PlainToken::presented(TokenKind::RefreshToken, token) {
        Some(refresh) => of_refresh(&app, &caller.client, &refresh).await?,
        None => of_access(&app, &config, &caller.client, token).await?,
    };
    let body = found.unwrap_or_else(|| json!({ "active": false }));
    let mut response = body.to_string().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A client may ask about its own tokens; one that an administrator made also about those of its organization, as a resource server
/// does, and the operator's about all.
fn may_ask(caller: &Client, holder: &ClientId, org: &OrgId) -> bool {
    caller.id == *holder || (caller.origin == ClientOrigin::Administrator && caller.org.as_ref().is_none_or(|mine| mine == org))
}

async fn of_access(app: &App, config: &Config, caller: &Client, token: &str) -> Result<Option<Value>, OAuthError> {
    // What this node remembers may have been revoked elsewhere: it has to hear of that first.
    if !app.node.view.is_fresh() {
        app.node.catch_up().await?;
    }
    let principal = match app.node.verifier.principal(token, config, app.node.now()).await {
        Ok(principal) => principal,
        Err(Rejected::Refused { .. } | Rejected::Guessing { .. }) => return Ok(None),
        Err(Rejected::Fault(fault)) => return Err(fault.into()),
    };
    let claims = &principal.claims;
    if !may_ask(caller, &claims.client_id, &claims.org) {
        return Ok(None);
    }
    let mut body = serde_json::to_value(claims).unwrap_or_default();
    body["active"] = true.into();
    body["token_type"] = "Bearer".into();
    body["username"] = principal.user.email.as_str().into();
    // What it can do now, not what it was issued for.
    body["scope"] = principal.held.to_string().into();
    Ok(Some(body))
}

async fn of_refresh(app: &App, caller: &Client, token: &PlainToken) -> Result<Option<Value>, OAuthError> {
    let now = app.node.now();
    let Some((grant, RefreshState::Live { expires_at })) = app.node.store.refresh_grant(&token.hashed(), now).await? else {
        return Ok(None);
    };
    let config = app.node.config.load_full();
    let standing = app.node.store.grant_facts(&grant.id).await?.is_some_and(|f| crate::token::standing(&config, &f, now).is_ok());
    if grant.client != caller.id || !standing {
        return Ok(None);
    }
    Ok(Some(json!({
        "active": true,
        "client_id": grant.client,
        "sub": grant.user,
        "scope": grant.scopes.to_string(),
        "exp": expires_at.seconds(),
        "org": grant.org,
        "grant": grant.id,
    })))
}
