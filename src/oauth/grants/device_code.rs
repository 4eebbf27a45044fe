//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a device asks whether its user has decided.

use super::super::client_auth::AuthenticatedClient;
use super::super::endpoints::unbound;
use super::super::{App, Code, OAuthError, ask};
use super::{Issued, Wanted, access_ttl, issue, standing_grant};
use crate::config::Config;
use crate::store::{DevicePoll, GrantType, NewRefreshToken};
use crate::types::{PlainToken, TokenKind};

/// Answers a question. What doesn't fit is refused before the code is used up.
pub async fn device_code(app: &App, config: &Config, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    let missing = || OAuthError::new(Code::InvalidRequest, "device_code is missing");
    let presented = caller.params.one("device_code")?.ok_or_else(missing)?;
    let code = PlainToken::presented(TokenKind::DeviceCode, presented).ok_or_else(dead)?;
    let request = app.node.store.device_request(&code.hashed()).await?;
    let request = request.filter(|r| r.client == caller.client.id).ok_or_else(dead)?;
    let asked = unbound(ask::targets(config, caller.params.all("resource"))?)?;
    let resources = ask::narrowed_resources(config, &request.resources, asked)?;

    let mut cause = caller.peer.cause(&app.node, caller.actor());
    let refreshes = caller.client.grant_types.contains(&GrantType::RefreshToken);
    let refresh = refreshes.then(|| PlainToken::generate(TokenKind::RefreshToken, &*app.node.entropy));
    let expires_at = cause.at.plus(config.oauth.refresh_idle);
    let stored = refresh.as_ref().map(|r| NewRefreshToken { hash: r.hashed(), expires_at });
    let told = app.node.store.poll_device(&code.hashed(), &caller.client.id, stored.as_ref(), &cause).await?;
    let DevicePoll::Won(grant) = told else { return Err(refusal(app, &told)) };
    app.node.metrics.devices.with_label_values(&["redeemed"]).inc();
    cause.actor.user = Some(grant.user.clone());
    cause.actor.grant = Some(grant.id.clone());
    standing_grant(app, &grant, cause.at).await?;
    let scopes = grant.scopes.clone();
    let ttl = access_ttl(config, caller);
    let wanted = Wanted { grant: &grant, scopes, resources, ttl, refresh, refreshed: false, resource: None };
    issue(app, config, wanted, cause).await
}

fn dead() -> OAuthError {
    OAuthError::new(Code::InvalidGrant, "The device code is unknown, was used, or has ended; ask for a new one")
}

/// RFC 8628 §3.5.
fn refusal(app: &App, told: &DevicePoll) -> OAuthError {
    match told {
        DevicePoll::Pending => OAuthError::new(Code::AuthorizationPending, "The user has not decided yet; ask again"),
        DevicePoll::TooFast(interval) => {
            app.node.metrics.devices.with_label_values(&["slowed_down"]).inc();
            let text = format!("Asked too often: wait {} seconds between two questions", interval.as_secs());
            OAuthError::new(Code::SlowDown, text).retry_after(interval.as_secs())
        }
        DevicePoll::Denied => OAuthError::new(Code::DeviceDenied, "The user did not allow it"),
        DevicePoll::Expired => OAuthError::new(Code::ExpiredToken, "The device code has ended; ask for a new one"),
        DevicePoll::Won(_) | DevicePoll::Unknown => dead(),
    }
}
