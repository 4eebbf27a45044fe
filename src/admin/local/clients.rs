//! Clients and their secrets.

use super::Local;
use super::pages::{Wanted, made, place};
use crate::admin::error::{AdminError, RefusalCode};
use crate::admin::model::{
    ClientScopes, ClientSwitch, ClientTerms, ClientView, CreatedClient, CreatedSecret, NewClient, NewClientKind, NewSecret, Page,
    SecretView, Within,
};
use crate::apps;
use crate::clients::{By, ClientError, Clients, Kind, Made, New, Sort};
use crate::store::{Client, ClientSecret, ClientState};
use crate::types::{ClientId, PlainToken};

pub(super) async fn list(local: &Local, within: Within) -> Result<Page<ClientView>, AdminError> {
    if within.user.is_some() {
        return Err(AdminError::invalid("clients belong to organizations; use org"));
    }
    let wanted = Wanted::new(within.limit, within.cursor.as_deref(), place(ClientId::parse))?;
    let (store, after, limit) = (&local.node.store, wanted.after.as_ref(), wanted.one_more());
    let found = match within.org {
        Some(name) => store.find_org_clients(&local.find_org(&name).await?.id, "", after, limit).await?,
        None => store.clients_behind(after, limit).await?,
    };
    Ok(wanted.page(found, |last| made(last.created_at, &last.id), |client| view(client, &[])))
}

pub(super) async fn show(local: &Local, id: &str) -> Result<ClientView, AdminError> {
    let client = clients(local).find(id).await?;
    let secrets = local.node.store.live_secrets(&client.id, local.node.now()).await?;
    Ok(view(client, &secrets))
}

pub(super) async fn create(local: &Local, new: NewClient) -> Result<CreatedClient, AdminError> {
    let org = match &new.org {
        Some(name) => Some(local.find_org(name).await?),
        None => None,
    };
    Ok(clients(local).create(org.as_ref(), &New::from(&new)).await?.into())
}

pub(super) async fn switch(local: &Local, id: &str, to: ClientSwitch) -> Result<ClientView, AdminError> {
    let (clients, state) = (clients(local), state_of(to));
    clients.switch(&clients.find(id).await?, state).await?;
    show(local, id).await
}

const fn state_of(to: ClientSwitch) -> ClientState {
    match to {
        ClientSwitch::Active => ClientState::Active,
        ClientSwitch::Disabled => ClientState::Disabled,
        ClientSwitch::Frozen => ClientState::Frozen,
    }
}

pub(super) async fn set_scopes(local: &Local, id: &str, wanted: ClientScopes) -> Result<ClientView, AdminError> {
    let clients = clients(local);
    clients.set_scopes(&clients.find(id).await?, wanted.scopes.as_deref()).await?;
    show(local, id).await
}

pub(super) async fn set_terms(local: &Local, id: &str, terms: ClientTerms) -> Result<ClientView, AdminError> {
    let clients = clients(local);
    clients.set_terms(&clients.find(id).await?, terms.access_token_ttl_seconds, terms.require_state).await?;
    show(local, id).await
}

pub(super) async fn add_secret(local: &Local, id: &str, new: NewSecret) -> Result<CreatedSecret, AdminError> {
    let clients = clients(local);
    Ok(clients.add_secret(&clients.find(id).await?, new.into()).await?.into())
}

pub(super) async fn remove_secret(local: &Local, id: &str, secret: &str) -> Result<(), AdminError> {
    let clients = clients(local);
    Ok(clients.remove_secret(&clients.find(id).await?, secret).await?)
}

pub(super) async fn delete(local: &Local, id: &str) -> Result<(), AdminError> {
    let clients = clients(local);
    Ok(clients.delete(&clients.find(id).await?).await?)
}

pub(super) fn clients(local: &Local) -> Clients<'_> {
    Clients::new(&local.node, By::Operator, local.cause())
}

impl From<ClientError> for AdminError {
    fn from(error: ClientError) -> Self {
        let (sort, detail) = match error.sorted() {
            Ok(sorted) => sorted,
            Err(shared) => return shared.into(),
        };
        match sort {
            Sort::Absent => Self::Refused(crate::admin::Refusal { code: RefusalCode::NotFound, detail, rule: None }),
            Sort::Conflict => Self::conflict(detail),
            // The operator may do everything, and is never told so.
            Sort::Invalid | Sort::Forbidden => Self::invalid(detail),
        }
    }
}

impl From<&NewClient> for New {
    fn from(new: &NewClient) -> Self {
        Self {
            kind: match new.kind {
                NewClientKind::Confidential => Kind::Confidential,
                NewClientKind::Public => Kind::Public,
                NewClientKind::Machine => Kind::Machine,
            },
            name: new.name.clone(),
            redirect_uris: new.redirect_uris.clone(),
            scopes: new.scopes.clone(),
            subject: new.subject.clone(),
            resources: new.resources.clone(),
            auth: new.auth,
            require_state: new.require_state,
            access_token_ttl: new.access_token_ttl_seconds,
            secret_lives: new.secret_lives_seconds,
            device_grant: new.device_grant,
        }
    }
}

impl From<NewSecret> for apps::NewSecret {
    fn from(new: NewSecret) -> Self {
        Self::of_seconds(new.others_live_seconds, new.lives_seconds)
    }
}

impl From<Made> for CreatedClient {
    fn from(made: Made) -> Self {
        let (plain, secret) = made.secret.unzip();
        Self { client: view(made.client, secret.as_slice()), client_secret: plain.map(|p| p.expose().to_owned()) }
    }
}

impl From<(PlainToken, ClientSecret)> for CreatedSecret {
    fn from((plain, secret): (PlainToken, ClientSecret)) -> Self {
        Self { client_secret: plain.expose().to_owned(), secret: secret_view(&secret) }
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
