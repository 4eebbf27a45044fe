//! `grant_type=authorization_code` (RFC 6749 §4.1.3).

use std::time::Duration;

use super::super::client_auth::AuthenticatedClient;
use super::super::{App, Code, OAuthError, ask, pkce};
use super::{Issued, Wanted, access_ttl, refresh_record, sign, standing_grant};
use crate::config::Config;
use crate::record::Cause;
use crate::store::{CodeRecord, GrantType, NewAccess, NewRefreshToken, Redeem};
use crate::types::{PlainToken, TokenKind};

/// A second redemption this soon after the first is a client that asked twice, not a thief: it is refused, and nothing is revoked.
const REPLAY_GRACE: Duration = Duration::from_secs(10);

/// Exchanges a code. What doesn't fit is refused before the code is touched, so that nobody but its client can use it up.
pub async fn authorization_code(app: &App, config: &Config, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    let dead = || OAuthError::new(Code::InvalidGrant, "The code is unknown, was used, or has ended; start a new authorization");
    let missing = || OAuthError::new(Code::InvalidRequest, "code is missing");
    let presented = caller.params.one("code")?.ok_or_else(missing)?;
    let code = PlainToken::presented(TokenKind::AuthorizationCode, presented).ok_or_else(dead)?;
    let record = app.node.store.code(&code.hashed()).await?.filter(|c| c.client == caller.client.id).ok_or_else(dead)?;
    fits(caller, &record)?;
    let asked = ask::targets(config, caller.params.all("resource"))?.within(&app.node, &record.grant.org).await?;
    let resources = ask::narrowed_resources(config, &record.resources, asked)?;

    let mut cause = caller.peer.cause(&app.node, caller.actor());
    cause.actor.user = Some(record.grant.user.clone());
    cause.actor.grant = Some(record.grant.id.clone());
    let refreshes = caller.client.grant_types.contains(&GrantType::RefreshToken);
    let refresh = refreshes.then(|| PlainToken::generate(TokenKind::RefreshToken, &*app.node.entropy));
    let stored = refresh.as_ref().map(|r| refresh_record(config, r, &record.grant, cause.at));
    // What stands behind the code is asked before it is used up. One that was used already tells of a thief all the same.
    if let Err(refusal) = standing_grant(app, &record.grant.id, cause.at).await {
        redeem(app, &code, caller, (None, None), &cause).await?;
        return Err(refusal);
    }
    let (scopes, ttl) = (record.grant.scopes.clone(), access_ttl(config, caller));
    let signed = sign(app, config, Wanted { grant: &record.grant, scopes, resources: &resources, ttl }, cause.at)?;
    match redeem(app, &code, caller, (Some(&signed.record), stored.as_ref()), &cause).await? {
        Redeem::Won(_) => Ok(signed.with(refresh, None)),
        Redeem::Replayed { .. } | Redeem::Unknown => Err(dead()),
    }
}

/// Uses a code up for what is handed out; with nothing to hand out, only a replay is looked for.
async fn redeem(
    app: &App,
    code: &PlainToken,
    caller: &AuthenticatedClient,
    (access, refresh): (Option<&NewAccess>, Option<&NewRefreshToken>),
    cause: &Cause,
) -> Result<Redeem, OAuthError> {
    let store = &app.node.store;
    let told = store.redeem_code(&code.hashed(), &caller.client.id, access, refresh, REPLAY_GRACE, cause).await?;
    if matches!(told, Redeem::Replayed { revoked: true, .. }) {
        app.node.settle().await?;
    }
    Ok(told)
}

/// RFC 6749 §4.1.3, RFC 7636 §4.6: the request that redeems is the one that asked.
fn fits(caller: &AuthenticatedClient, record: &CodeRecord) -> Result<(), OAuthError> {
    let missing = "redirect_uri is missing; send the one of the authorization request";
    let redirect = caller.params.one("redirect_uri")?.ok_or_else(|| OAuthError::new(Code::InvalidRequest, missing))?;
    if redirect != record.redirect_uri.as_str() {
        return Err(OAuthError::new(Code::InvalidGrant, "redirect_uri is not the one of the authorization request"));
    }
    let missing = "code_verifier is missing; PKCE is required";
    let verifier = caller.params.one("code_verifier")?.ok_or_else(|| OAuthError::new(Code::InvalidRequest, missing))?;
    if !pkce::is_verifier(verifier) {
        return Err(OAuthError::new(Code::InvalidRequest, "code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~"));
    }
    if !pkce::proves(verifier, &record.challenge) {
        return Err(OAuthError::new(Code::InvalidGrant, "code_verifier does not match the code_challenge"));
    }
    Ok(())
}
