//! Token revocation (RFC 7009).

use axum::extract::State;
use http::StatusCode;

use super::super::client_auth::AuthenticatedClient;
use super::super::{App, Code, OAuthError};
use crate::store::{RevokeReason, StoreError};
use crate::types::{PlainToken, Timestamp, TokenKind};

/// `POST /oauth2/revoke`. Answers 200 for what is unknown or another client's, without touching it; a refresh token takes its whole
/// grant along. The answer comes when the revocation holds, not before.
pub async fn revoke(State(app): State<App>, caller: AuthenticatedClient) -> Result<StatusCode, OAuthError> {
    let missing = || OAuthError::new(Code::InvalidRequest, "token is missing");
    let token = caller.params.one("token")?.ok_or_else(missing)?;
    let changed = match PlainToken::presented(TokenKind::RefreshToken, token) {
        Some(refresh) => revoke_refresh(&app, &caller, &refresh).await?,
        None => revoke_access(&app, &caller, token).await?,
    };
    if changed {
        app.node.settle().await?;
    }
    Ok(StatusCode::OK)
}

async fn revoke_refresh(app: &App, caller: &AuthenticatedClient, token: &PlainToken) -> Result<bool, StoreError> {
    let Some((grant, _)) = app.node.store.refresh_grant(&token.hashed(), app.node.now()).await? else { return Ok(false) };
    if grant.client != caller.client.id {
        return Ok(false);
    }
    let mut cause = caller.peer.cause(&app.node, caller.actor());
    cause.actor.user = Some(grant.user.clone());
    cause.actor.grant = Some(grant.id.clone());
    if app.node.store.revoke_grant(&grant.id, None, RevokeReason::Client, &cause).await? {
        app.node.metrics.grants_revoked.inc();
    }
    // Also when it had ended before: another request may just be revoking it.
    Ok(true)
}

async fn revoke_access(app: &App, caller: &AuthenticatedClient, token: &str) -> Result<bool, StoreError> {
    let config = app.node.config.load();
    // Not asked whether it has expired: another node's clock may be behind this one's, and takes it still.
    let Ok(claims) = app.node.verifier.signed(token, &config.issuer) else { return Ok(false) };
    if claims.client_id != caller.client.id {
        return Ok(false);
    }
    let mut cause = caller.peer.cause(&app.node, caller.actor());
    cause.actor.user = Some(claims.sub);
    cause.actor.grant = Some(claims.grant.clone());
    cause.actor.token = Some(claims.jti.clone());
    let until = Timestamp::from_millis(claims.exp.saturating_mul(1000));
    app.node.store.revoke_access_token(&claims.jti, &claims.grant, until, &cause).await?;
    Ok(true)
}
