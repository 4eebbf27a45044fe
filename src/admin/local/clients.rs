//! Clients and their secrets.

use std::time::Duration;

use super::{Local, display_name, still_there};
use crate::admin::error::AdminError;
use crate::admin::model::{
    ClientScopes, ClientSwitch, ClientView, CreatedClient, CreatedSecret, NewClient, NewClientKind, NewSecret, SecretView, Within,
};
use crate::apps::{self, make_secret};
use crate::config::{Config, Visibility};
use crate::store::{Client, ClientAuth, ClientKind, ClientOrigin, ClientSecret, ClientState, GrantType, Org, UserState};
use crate::token::{LENDS_ITSELF, flows, may_be_subject};
use crate::types::{ClientId, RedirectUri, ResourceId, ScopeSet, ScopeToken, UserId};

/// Why a client can't be switched on alone.
pub const APP_IS_OFF: &str = "the client's app is switched off; switch the app on, and its clients are on with it";

/// Redirect URIs, and resources, that one client may have.
const MAX_URIS: usize = 20;
/// Longest lifetime of a client's access tokens, seconds: revocation is live, but keys are rotated.
const MAX_TTL: u64 = 24 * 60 * 60;

pub(super) async fn list(local: &Local, within: Within) -> Result<Vec<ClientView>, AdminError> {
    if within.user.is_some() {
        return Err(AdminError::invalid("clients belong to organizations; use org"));
    }
    let org = match within.org {
        Some(name) => Some(local.find_org(&name).await?.id),
        None => None,
    };
    Ok(local.node.store.clients(org.as_ref()).await?.into_iter().map(|c| view(c, &[])).collect())
}

pub(super) async fn show(local: &Local, id: &str) -> Result<ClientView, AdminError> {
    let client = find(local, id).await?;
    let secrets = local.node.store.live_secrets(&client.id, local.node.now()).await?;
    Ok(view(client, &secrets))
}

pub(super) async fn create(local: &Local, new: NewClient) -> Result<CreatedClient, AdminError> {
    let cause = local.cause();
    let org = match &new.org {
        Some(name) => Some(local.find_org(name).await?),
        None => None,
    };
    room(local, org.as_ref()).await?;
    let grant_types = match new.kind {
        NewClientKind::Machine => vec![GrantType::ClientCredentials],
        NewClientKind::Confidential | NewClientKind::Public => for_users(&new),
    };
    let client = Client {
        id: ClientId::generate(cause.at, &*local.node.entropy),
        name: display_name(&new.name)?,
        kind: if new.kind == NewClientKind::Public { ClientKind::Public } else { ClientKind::Confidential },
        origin: ClientOrigin::Administrator,
        auth: auth(&new)?,
        redirect_uris: redirect_uris(&new)?,
        scopes: None,
        grant_types,
        subject: subject(local, &new, org.as_ref()).await?,
        resources: resources(local, &new)?,
        require_state: new.require_state,
        access_token_ttl: ttl(new.access_token_ttl_seconds)?,
        app: None,
        state: ClientState::Active,
        created_at: cause.at,
        org: org.map(|o| o.id),
    };
    let asked = scopes(local, &client, new.scopes.as_deref())?;
    let client = Client { scopes: named(new.kind == NewClientKind::Machine, asked)?, ..client };
    let made = (client.kind == ClientKind::Confidential).then(|| make_secret(&local.node, cause.at));
    let (plain, secret) = made.unzip();
    local.node.store.create_client(&client, secret.as_ref(), &cause).await?;
    Ok(CreatedClient { client: view(client, secret.as_slice()), client_secret: plain.map(|p| p.expose().to_owned()) })
}

pub(super) async fn switch(local: &Local, id: &str, to: ClientSwitch) -> Result<ClientView, AdminError> {
    let client = find(local, id).await?;
    let state = match to {
        ClientSwitch::Active => ClientState::Active,
        ClientSwitch::Disabled => ClientState::Disabled,
        ClientSwitch::Frozen => ClientState::Frozen,
    };
    let done = local.node.store.set_client_state(&client.id, state, &local.cause()).await?;
    let now = show(local, id).await?;
    if !done && to == ClientSwitch::Active && now.state == ClientState::Disabled {
        return Err(AdminError::conflict(APP_IS_OFF));
    }
    local.settled(now).await
}

pub(super) async fn set_scopes(local: &Local, id: &str, wanted: ClientScopes) -> Result<ClientView, AdminError> {
    let client = find(local, id).await?;
    of_its_own(&client)?;
    let scopes = named(client.subject.is_some(), scopes(local, &client, wanted.scopes.as_deref())?)?;
    if !local.node.store.set_client_scopes(&client.id, scopes.as_ref(), &local.cause()).await? {
        return Err(AdminError::not_found("client", id));
    }
    let now = show(local, id).await?;
    local.settled(now).await
}

pub(super) async fn add_secret(local: &Local, id: &str, new: NewSecret) -> Result<CreatedSecret, AdminError> {
    let client = find(local, id).await?;
    let lives = apps::NewSecret::of_seconds(new.others_live_seconds, new.lives_seconds);
    let (plain, secret) = apps::add_secret(&local.node, &client, lives, &local.cause()).await?;
    local.settled(CreatedSecret { client_secret: plain.expose().to_owned(), secret: secret_view(&secret) }).await
}

pub(super) async fn delete(local: &Local, id: &str) -> Result<(), AdminError> {
    let client = find(local, id).await?;
    of_its_own(&client)?;
    if !local.node.store.delete_client(&client.id, &local.cause()).await? {
        return Err(AdminError::not_found("client", id));
    }
    local.settled(()).await
}

async fn find(local: &Local, id: &str) -> Result<Client, AdminError> {
    let parsed = ClientId::parse(id).map_err(|_| AdminError::not_found("client", id))?;
    still_there(local.node.store.client(&parsed).await, "client", id)
}

/// A client of an app is what the app's draft or last version says, and goes with the app.
fn of_its_own(client: &Client) -> Result<(), AdminError> {
    let Some(of) = &client.app else { return Ok(()) };
    let app = &of.app;
    let detail = format!("this client belongs to the app {app}: use `tollgate app edit`, `app publish` or `app delete` on that");
    Err(AdminError::conflict(detail))
}

async fn room(local: &Local, org: Option<&Org>) -> Result<(), AdminError> {
    let Some(org) = org else { return Ok(()) };
    let limit = local.node.config.load().oauth.max_clients_per_org;
    if local.node.store.count_clients(&org.id).await? < limit {
        return Ok(());
    }
    Err(AdminError::conflict(format!("{} has {limit} clients, as many as oauth.max_clients_per_org allows", org.slug)))
}

fn auth(new: &NewClient) -> Result<ClientAuth, AdminError> {
    match (new.kind, new.auth) {
        (NewClientKind::Public, None | Some(ClientAuth::None)) => Ok(ClientAuth::None),
        (NewClientKind::Public, Some(_)) => Err(AdminError::invalid("a public client keeps no secret: auth is none")),
        (_, Some(ClientAuth::None)) => Err(AdminError::invalid("a client with a secret must use it; make a public one instead")),
        (_, auth) => Ok(auth.unwrap_or(ClientAuth::SecretBasic)),
    }
}

/// Authorization code where there is a redirect URI, device authorization where it was asked for.
fn for_users(new: &NewClient) -> Vec<GrantType> {
    let code = (!new.redirect_uris.is_empty()).then_some(GrantType::AuthorizationCode);
    let device = new.device_grant.then_some(GrantType::DeviceCode);
    code.into_iter().chain(device).chain([GrantType::RefreshToken]).collect()
}

fn redirect_uris(new: &NewClient) -> Result<Vec<RedirectUri>, AdminError> {
    match (new.kind, new.redirect_uris.len()) {
        (NewClientKind::Machine, 0) if new.device_grant => {
            return Err(AdminError::invalid("a machine has no user to ask; leave device_grant out"));
        }
        (NewClientKind::Machine, 0) | (NewClientKind::Confidential | NewClientKind::Public, 1..=MAX_URIS) => {}
        (NewClientKind::Confidential | NewClientKind::Public, 0) if new.device_grant => {}
        (NewClientKind::Machine, _) => {
            return Err(AdminError::invalid("a machine is never redirected to; leave redirect_uris out"));
        }
        _ => return Err(AdminError::invalid(format!("give 1 to {MAX_URIS} redirect_uris"))),
    }
    let read = |text: &String| RedirectUri::parse(text).map_err(|e| AdminError::invalid(format!("redirect_uris: {text}: {e}")));
    new.redirect_uris.iter().map(read).collect()
}

/// Scopes that a client may be given by name. What it was given before it may keep.
fn scopes(local: &Local, client: &Client, text: Option<&str>) -> Result<Option<ScopeSet>, AdminError> {
    let Some(text) = text else { return Ok(None) };
    let scopes = ScopeSet::parse(text).map_err(|e| AdminError::invalid(format!("scopes: {e}")))?;
    let config = local.node.config.load();
    let unknown = scopes.iter().find(|s| config.catalogue.entry(s).is_none()).cloned();
    match unknown {
        Some(unknown) => Err(AdminError::invalid(format!("there is no scope {unknown}; `tollgate check` lists those that are"))),
        None => {
            let new = client.scopes.as_ref().map_or_else(|| scopes.clone(), |held| scopes.difference(held));
            new.iter().try_for_each(|scope| fits(&config, client, scope))?;
            Ok(Some(scopes))
        }
    }
}

/// Whether a client can be given a scope at all: what would be refused at each of its requests is refused here.
fn fits(config: &Config, client: &Client, scope: &ScopeToken) -> Result<(), AdminError> {
    let Some(entry) = config.catalogue.entry(scope) else { return Ok(()) };
    if let Some(deprecation) = &entry.deprecated {
        return Err(AdminError::invalid(format!("{scope} is deprecated{}", deprecation.way_out())));
    }
    if entry.visibility == Visibility::Internal && !client.is_operators() {
        let detail = format!("{scope} is internal: only clients that the operator makes for no organization can have it");
        return Err(AdminError::invalid(detail));
    }
    let flows = flows(client);
    if flows.iter().any(|flow| entry.given_by.contains(flow)) {
        return Ok(());
    }
    let its = flows.iter().map(|flow| flow.name()).collect::<Vec<_>>().join(", ");
    Err(AdminError::invalid(format!("{scope} is not given by {its}; see its grants_allowed in the configuration")))
}

/// A machine acts as a service user, or as a user who may manage members, who is active and belongs to its organization: checked
/// here and at every token; that it is active and belongs there, at every call.
async fn subject(local: &Local, new: &NewClient, org: Option<&Org>) -> Result<Option<UserId>, AdminError> {
    let (name, org) = match (new.kind, &new.subject, org) {
        (NewClientKind::Machine, Some(name), Some(org)) => (name, org),
        (NewClientKind::Machine, _, _) => {
            return Err(AdminError::invalid("a machine needs an organization (org) and a user to act as (subject)"));
        }
        (_, None, _) => return Ok(None),
        (_, Some(_), _) => return Err(AdminError::invalid("only a machine has a subject; others act as the user who consents")),
    };
    let user = local.find_user(name).await?;
    if user.state != UserState::Active {
        return Err(AdminError::invalid(format!("{} is disabled and can't be the subject of a machine", user.email)));
    }
    let Some(membership) = local.node.store.membership(&org.id, &user.id).await? else {
        let detail = format!("{} is no member of {}; add it with `tollgate member set`", user.email, org.slug);
        return Err(AdminError::invalid(detail));
    };
    if !may_be_subject(&local.node.config.load(), &user, &membership.roles) {
        let detail = format!("{} is a person without {LENDS_ITSELF}: a machine acts as a service user; add one", user.email);
        return Err(AdminError::invalid(detail));
    }
    Ok(Some(user.id))
}

/// A machine's scopes are named: nobody agrees to what it gets, and what the catalogue gains later is not given unasked.
fn named(machine: bool, scopes: Option<ScopeSet>) -> Result<Option<ScopeSet>, AdminError> {
    if machine && scopes.as_ref().is_none_or(ScopeSet::is_empty) {
        return Err(AdminError::invalid("a machine needs scopes: name at least one"));
    }
    Ok(scopes)
}

fn resources(local: &Local, new: &NewClient) -> Result<Vec<ResourceId>, AdminError> {
    if new.kind != NewClientKind::Machine && !new.resources.is_empty() {
        return Err(AdminError::invalid("only a machine's resources are fixed; others name them when they ask"));
    }
    if new.resources.len() > MAX_URIS {
        return Err(AdminError::invalid(format!("give at most {MAX_URIS} resources")));
    }
    let config = local.node.config.load();
    let read = |text: &String| match ResourceId::parse(text) {
        Ok(resource) if config.api_of(&resource).is_some() => Ok(resource),
        Ok(_) => Err(AdminError::invalid(format!("no API is the resource {text}"))),
        Err(e) => Err(AdminError::invalid(format!("resources: {text}: {e}"))),
    };
    new.resources.iter().map(read).collect()
}

fn ttl(seconds: Option<u64>) -> Result<Option<Duration>, AdminError> {
    match seconds {
        Some(s) if !(1..=MAX_TTL).contains(&s) => Err(AdminError::invalid(format!("access tokens live 1 to {MAX_TTL} seconds"))),
        other => Ok(other.map(Duration::from_secs)),
    }
}

/// A secret as it is shown.
#[must_use]
pub fn secret_view(secret: &ClientSecret) -> SecretView {
    SecretView { id: secret.id(), last4: secret.last4.clone(), created_at: secret.created_at, expires_at: secret.expires_at }
}

/// A client as it is shown, with these of its secrets.
#[must_use]
pub fn view(client: Client, secrets: &[ClientSecret]) -> ClientView {
    ClientView {
        id: client.id,
        org: client.org,
        stage: client.app.as_ref().map(|a| a.stage),
        app: client.app.map(|a| a.app),
        name: client.name,
        kind: client.kind,
        origin: client.origin,
        auth: client.auth,
        redirect_uris: client.redirect_uris.iter().map(|u| u.as_str().to_owned()).collect(),
        grant_types: client.grant_types,
        scopes: client.scopes,
        subject: client.subject,
        resources: client.resources,
        require_state: client.require_state,
        access_token_ttl_seconds: client.access_token_ttl.map(|t| t.as_secs()),
        state: client.state,
        created_at: client.created_at,
        secrets: secrets.iter().map(secret_view).collect(),
    }
}
