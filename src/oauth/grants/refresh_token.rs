//! `grant_type=refresh_token` (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).

use super::super::client_auth::AuthenticatedClient;
use super::super::{App, Code, OAuthError, ask};
use super::{Issued, Wanted, access_ttl, refresh_record, sign, standing_grant};
use crate::config::Config;
use crate::record::Cause;
use crate::store::{Grant, NewAccess, RefreshState, Rotate};
use crate::types::{PlainToken, TokenKind};

/// How far a late refresh follows the chain of those that were faster.
const MAX_STEPS: usize = 8;

/// Replaces a refresh token. The successor follows from the token itself, so clients that lost an answer or asked twice at once all
/// end with the same, working pair.
pub async fn refresh_token(app: &App, config: &Config, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    let missing = || OAuthError::new(Code::InvalidRequest, "refresh_token is missing");
    let presented = caller.params.one("refresh_token")?.ok_or_else(missing)?;
    let token = PlainToken::presented(TokenKind::RefreshToken, presented).ok_or_else(dead)?;
    let known = app.node.store.refresh_grant(&token.hashed(), app.node.now()).await?;
    let (grant, state) = known.filter(|(g, _)| g.client == caller.client.id).ok_or_else(dead)?;
    // What the request asks for is judged before the token is used up: a mistake must not cost the client its authorization.
    let scopes = ask::narrowed_scopes(config, &grant.scopes, ask::scope_param(caller.params.one("scope")?)?)?;
    let asked = ask::targets(config, caller.params.all("resource"))?.within(&app.node, &grant.org).await?;
    let resources = ask::narrowed_resources(config, &grant.resources, asked)?;

    let mut cause = caller.peer.cause(&app.node, caller.actor());
    cause.actor.user = Some(grant.user.clone());
    cause.actor.grant = Some(grant.id.clone());
    // A token that can be used is kept while what stands behind it is frozen. One that was used tells of a thief all the same.
    if let Err(refusal) = standing_grant(app, &grant.id, cause.at).await {
        if state == RefreshState::Dead {
            rotate(app, config, token, (&grant, None), &cause).await?;
        }
        return Err(refusal);
    }
    let wanted = Wanted { grant: &grant, scopes, resources: &resources, ttl: access_ttl(config, caller) };
    let signed = sign(app, config, wanted, cause.at)?;
    let successor = rotate(app, config, token, (&grant, Some(&signed.record)), &cause).await?;
    Ok(signed.with(Some(successor), None))
}

fn dead() -> OAuthError {
    OAuthError::new(Code::InvalidGrant, "The refresh token is unknown, was used, or has ended; start a new authorization")
}

/// The refresh token that the client goes on with; with nothing to hand out, only a reuse is looked for.
async fn rotate(
    app: &App,
    config: &Config,
    mut token: PlainToken,
    (grant, access): (&Grant, Option<&NewAccess>),
    cause: &Cause,
) -> Result<PlainToken, OAuthError> {
    for _ in 0..MAX_STEPS {
        let successor = app.node.keys.successor(&token);
        let record = refresh_record(config, &successor, grant, cause.at);
        let grace = config.oauth.refresh_grace;
        match app.node.store.rotate_refresh(&token.hashed(), &grant.client, access, &record, grace, cause).await? {
            Rotate::Won(_) | Rotate::Again { successor_rotated: false, .. } => return Ok(successor),
            Rotate::Again { successor_rotated: true, .. } => token = successor,
            Rotate::Reused(_) => {
                app.node.settle().await?;
                return Err(dead());
            }
            Rotate::Unknown => return Err(dead()),
        }
    }
    Err(dead())
}
