//! `grant_type=client_credentials` (RFC 6749 §4.4): a client that acts as a subject user of its own organization.

use serde_json::json;

use super::super::client_auth::AuthenticatedClient;
use super::super::{App, Code, OAuthError, ask};
use super::{Issued, Wanted, sign, standing_grant};
use crate::config::{Config, GrantFlow};
use crate::store::{ClientKind, Grant, GrantState, OrgState};
use crate::token::{Unfit, fit_to_act};
use crate::types::{GrantId, OrgId, Selectors, UserId};

/// Issues a token without a refresh token.
pub async fn client_credentials(app: &App, config: &Config, caller: &AuthenticatedClient) -> Result<Issued, OAuthError> {
    let (org, subject) = acting_as(app, config, caller).await?;
    let approved = ask::approved_scopes(&app.node, config, &caller.client).await?;
    let asking = ask::Asking { client: &caller.client, approved: &approved, flow: GrantFlow::ClientCredentials };
    let allowed = ask::allowed_scopes(config, asking);
    let asked = ask::scope_param(caller.params.one("scope")?)?;
    let asked = Some(asked.unwrap_or_else(|| allowed.clone()));
    let scopes = ask::authorize_scopes(config, asking, asked, &[])?;
    let resources = ask::targets(config, caller.params.all("resource"))?.within(&app.node, &org).await?;
    let resources = ask::narrowed_resources(config, &caller.client.resources, resources)?;
    let echoed: Vec<&str> = caller.params.all("resource").collect();
    let resource = match echoed.as_slice() {
        [] if resources.is_empty() => json!(config.issuer.as_str()),
        [] => json!(resources),
        [one] => json!(one),
        many => json!(many),
    };

    let mut cause = caller.peer.cause(&app.node, caller.actor());
    // The grant holds all that the client may do; each token holds what it was asked for.
    let grant = Grant {
        id: GrantId::generate(cause.at, &*app.node.entropy),
        org,
        user: subject,
        client: caller.client.id.clone(),
        scopes: allowed,
        selectors: Selectors::default(),
        resources: caller.client.resources.clone(),
        state: GrantState::Live,
        created_at: cause.at,
        expires_at: None,
        last_used_at: None,
    };
    let grant = app.node.store.machine_grant(&grant, &cause).await?.ok_or_else(revoked)?;
    standing_grant(app, &grant.id, cause.at).await?;
    cause.actor.user = Some(grant.user.clone());
    cause.actor.grant = Some(grant.id.clone());
    let ttl = caller.client.access_token_ttl.unwrap_or(config.oauth.machine_token_ttl);
    let signed = sign(app, config, Wanted { grant: &grant, scopes, resources: &resources, ttl }, cause.at)?;
    app.node.store.note_token(&grant, &signed.record, &cause).await?;
    Ok(signed.with(None, Some(resource)))
}

/// Its authorization was revoked, and is not undone by asking again.
fn revoked() -> OAuthError {
    let text = "What this client held was revoked; it gets tokens again when an administrator of its organization enables it";
    OAuthError::new(Code::UnauthorizedClient, text)
}

/// The organization and user that the client acts in and as, when both may act now.
async fn acting_as(app: &App, config: &Config, caller: &AuthenticatedClient) -> Result<(OrgId, UserId), OAuthError> {
    let refused = |text: &'static str| OAuthError::new(Code::UnauthorizedClient, text);
    if caller.client.kind != ClientKind::Confidential {
        return Err(refused("client_credentials is for clients that authenticate with a secret"));
    }
    let (Some(org), Some(subject)) = (&caller.client.org, &caller.client.subject) else {
        return Err(refused("This client has no organization and subject user to act for; an administrator sets them"));
    };
    let store = &app.node.store;
    let org_acts = store.org(org).await?.is_some_and(|o| o.state == OrgState::Active);
    let (user, membership) = (store.user(subject).await?, store.membership(org, subject).await?);
    let roles = membership.as_ref().map(|m| m.roles.as_slice());
    let absent = "The client's subject user is not an active member of its organization";
    match fit_to_act(config, &caller.client, user.as_ref(), roles) {
        Ok(()) if org_acts => {}
        Ok(()) | Err(Unfit::Inactive | Unfit::Elsewhere) => return Err(refused(absent)),
        Err(Unfit::Person) => {
            return Err(refused("The client's subject must be a service user, or a user who may manage members"));
        }
        Err(Unfit::Unnamed) => return Err(refused("No scopes are named for this client; an administrator names them")),
    }
    Ok((org.clone(), subject.clone()))
}
