//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): a device asks whether its user has decided.

use super::super::client_auth::AuthenticatedClient;
use super::super::endpoints::unbound;
use super::super::{App, Code, OAuthError, ask};
use super::{Issued, Signed, Wanted, access_ttl, sign, standing_grant};
use crate::config::Config;
use crate::record::Cause;
use crate::store::{DevicePoll, DeviceRequest, GrantType, NewRefreshToken};
use crate::types::{PlainToken, ResourceId, TokenKind};

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
    let signed = ready(app, config, caller, (&request, resources.as_slice()), &mut cause).await?;
    let access = signed.as_ref().map(|s| &s.record);
    let refreshes = caller.client.grant_types.contains(&GrantType::RefreshToken);
    let refresh = refreshes.then(|| PlainToken::generate(TokenKind::RefreshToken, &*app.node.entropy));
    let expires_at = cause.at.plus(config.oauth.refresh_idle);
    let stored = refresh.as_ref().map(|r| NewRefreshToken { hash: r.hashed(), expires_at });
    let told = app.node.store.poll_device(&code.hashed(), &caller.client.id, access, stored.as_ref(), &cause).await?;
    match (told, signed) {
        (DevicePoll::Won(_), Some(signed)) => {
            app.node.metrics.devices.with_label_values(&["redeemed"]).inc();
            Ok(signed.with(refresh, None))
        }
        (told, _) => Err(refusal(app, &told)),
    }
}

/// What the device is given if it is the one that gets it; `None` while nobody has agreed.
async fn ready(
    app: &App,
    config: &Config,
    caller: &AuthenticatedClient,
    (request, resources): (&DeviceRequest, &[ResourceId]),
    cause: &mut Cause,
) -> Result<Option<Signed>, OAuthError> {
    let Some(id) = &request.grant else { return Ok(None) };
    let grant = standing_grant(app, id, cause.at).await?.grant;
    cause.actor.user = Some(grant.user.clone());
    cause.actor.grant = Some(grant.id.clone());
    let wanted = Wanted { grant: &grant, scopes: grant.scopes.clone(), resources, ttl: access_ttl(config, caller) };
    sign(app, config, wanted, cause.at).map(Some)
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
