//! The token endpoint (RFC 6749 §3.2).

use axum::extract::State;
use axum::response::Response;

use super::super::client_auth::{AuthenticatedClient, records};
use super::super::grants::{self, Issued};
use super::super::{App, Code, OAuthError};
use crate::record::{ControlEvent, Operation};
use crate::store::{ClientKind, GrantType};

/// `POST /oauth2/token`.
pub async fn exchange(State(app): State<App>, caller: AuthenticatedClient) -> Result<Response, OAuthError> {
    Ok(redeem(&app, &caller).await?.into_response())
}

/// Gives a client that was authenticated what it asks for, or puts on record that it was refused.
pub async fn redeem(app: &App, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    let config = app.node.config.load_full();
    match grant(app, &config, caller).await {
        Ok(issued) => Ok(issued),
        Err(error) => {
            note_refusal(app, caller, &error).await?;
            Err(error)
        }
    }
}

async fn grant(app: &App, config: &crate::config::Config, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    lost(app)?;
    let kind = match caller.params.one("grant_type")? {
        Some("authorization_code") => GrantType::AuthorizationCode,
        Some("refresh_token") => GrantType::RefreshToken,
        Some("client_credentials") => GrantType::ClientCredentials,
        Some("urn:ietf:params:oauth:grant-type:device_code") => GrantType::DeviceCode,
        Some(_) => {
            let text = "grant_type must be one of grant_types_supported in the metadata";
            return Err(OAuthError::new(Code::UnsupportedGrantType, text));
        }
        None => return Err(OAuthError::new(Code::InvalidRequest, "grant_type is missing")),
    };
    if !caller.client.grant_types.contains(&kind) {
        return Err(OAuthError::new(Code::UnauthorizedClient, "This client is not set up for this grant_type"));
    }
    match kind {
        GrantType::AuthorizationCode => grants::authorization_code(app, config, caller).await,
        GrantType::RefreshToken => grants::refresh_token(app, config, caller).await,
        GrantType::ClientCredentials => grants::client_credentials(app, config, caller).await,
        GrantType::DeviceCode => grants::device_code(app, config, caller).await,
    }
}

/// Refuses while the store has lost changes: what was used up or revoked before looks as if it were not.
pub(super) fn lost(app: &App) -> Result<(), OAuthError> {
    if !app.node.view.is_forked() {
        return Ok(());
    }
    let why = "The store of this service has lost changes; its operator has to look after it";
    Err(OAuthError::new(Code::TemporarilyUnavailable, why).retry_after(1))
}

/// Refusals of known clients are in the log; when the store is down there is nothing to write to, and the answer says so already.
/// A device that asks whether its user has decided was not refused anything. Whoever knows a public client's name can be refused in it,
/// so only so many are.
async fn note_refusal(app: &App, caller: &AuthenticatedClient, error: &OAuthError) -> Result<(), OAuthError> {
    let passing = matches!(error.code(), Code::TemporarilyUnavailable | Code::AuthorizationPending | Code::SlowDown);
    if passing || (caller.client.kind == ClientKind::Public && !records(app, &caller.client)) {
        return Ok(());
    }
    let event = ControlEvent::refused(Operation::TokenRefuse, error.code().wire().0)
        .on("client", caller.client.id.as_str())
        .with_comment(error.description().to_owned());
    let cause = caller.peer.cause(&app.node, caller.actor());
    Ok(app.node.store.note(caller.client.private_to(), event, &cause).await?)
}
