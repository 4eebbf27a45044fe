//! The organization's own clients.

use axum::Json;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{
    APP_IS_OFF, Administration, ClientScopes, ClientView, CreatedClient, CreatedSecret, NewClient, NewClientKind, NewSecret,
    Switch, Within,
};
use crate::config::Visibility;
use crate::store::{Client, ClientState};
use crate::types::{ClientId, ScopeBits, ScopeSet, UserId};

/// Why an owner can't change a client.
const FROZEN: &str = "the operator of this gateway froze this client; ask them to thaw it";

/// A change of a client; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientChange {
    /// Switches it off (no token of it works) or on.
    state: Option<Switch>,
    /// What it may ask for, separated by spaces; live grants narrow at once.
    scopes: Option<String>,
}

/// Clients that belong to the organization, newest first.
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "clients", security(("token" = ["clients:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<ClientView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<ClientView>> {
    let within = Within { org: Some(caller.org().id.to_string()), user: None };
    let clients = caller.administration().clients(within).await?;
    Ok(Json(Page::cut(clients, |c: &ClientView| c.id.to_string(), &page)?))
}

/// One client, with what is known of its secrets.
#[utoipa::path(
    get, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:read"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(client): Named) -> Answer<ClientView> {
    let id = own(&caller, &client).await?.id;
    Ok(Json(caller.administration().client(id.as_str()).await?))
}

/// Makes a client of the organization. `org` in the body is the token's organization and can be left out. A secret is in this
/// answer and nowhere else; repeating the request with the same `Idempotency-Key` within a day gives the same answer again.
#[utoipa::path(
    post, path = "/api/v1/clients", tag = "clients", security(("token" = ["clients:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    request_body = NewClient,
    responses((status = 201, description = "Made", body = CreatedClient), Refusals)
)]
pub(super) async fn create(caller: Caller, headers: HeaderMap, Body(new): Body<NewClient>) -> Result<Repeatable, ApiError> {
    let org = caller.org();
    if new.org.as_deref().is_some_and(|named| named != org.id.as_str() && named != org.slug.as_str()) {
        return Err(ApiError::not_found("the token is for another organization"));
    }
    let new = NewClient { org: Some(org.id.to_string()), ..new };
    may_make(&caller, &new).await?;
    once(&caller, &headers, "clients", &new, async { Ok(caller.administration().create_client(new.clone()).await?) }).await
}

/// Switches a client off or on, or sets what it may ask for.
#[utoipa::path(
    patch, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    request_body = ClientChange,
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(super) async fn update(caller: Caller, Named(client): Named, Body(change): Body<ClientChange>) -> Answer<ClientView> {
    let client = thawed(own(&caller, &client).await?)?;
    let id = &client.id;
    if let Some(scopes) = &change.scopes {
        public_scopes(&caller, scopes)?;
        within_own_reach(&caller, client.subject.as_ref()).await?;
        let wanted = ClientScopes { scopes: Some(scopes.clone()) };
        caller.administration().set_client_scopes(id.as_str(), wanted).await?;
    }
    if let Some(state) = change.state {
        switch(&caller, id, state).await?;
    }
    Ok(Json(caller.administration().client(id.as_str()).await?))
}

/// Removes a client and revokes its grants.
#[utoipa::path(
    delete, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn delete(caller: Caller, Named(client): Named) -> Result<StatusCode, ApiError> {
    let id = own(&caller, &client).await?.id;
    caller.administration().delete_client(id.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a client another secret, shown in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/clients/{client}/secrets", tag = "clients", security(("token" = ["clients:write"])),
    params(
        ("client" = String, Path, description = "`client_id`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = NewSecret,
    responses((status = 201, description = "Made", body = CreatedSecret), Refusals)
)]
pub(super) async fn add_secret(
    caller: Caller,
    Named(client): Named,
    headers: HeaderMap,
    Body(new): Body<NewSecret>,
) -> Result<Repeatable, ApiError> {
    let client = thawed(own(&caller, &client).await?)?;
    within_own_reach(&caller, client.subject.as_ref()).await?;
    let id = client.id;
    let (path, administration) = (format!("clients/{id}/secrets"), caller.administration());
    once(&caller, &headers, &path, &new, async { Ok(administration.add_secret(id.as_str(), new).await?) }).await
}

/// A client that belongs to the organization. Those of others, and those that registered themselves, are not its to change.
async fn own(caller: &Caller, id: &str) -> Result<Client, ApiError> {
    let missing = || ApiError::not_found("the organization has no such client");
    let id = ClientId::parse(id).map_err(|_| missing())?;
    let client = caller.node.store.client(&id).await?.ok_or_else(missing)?;
    if client.org.as_ref() == Some(&caller.org().id) { Ok(client) } else { Err(missing()) }
}

/// A client that the operator froze is not its owner's to change; it can only be removed.
fn thawed(client: Client) -> Result<Client, ApiError> {
    match client.state {
        ClientState::Frozen => Err(ApiError::conflict(FROZEN)),
        ClientState::Active | ClientState::Disabled => Ok(client),
    }
}

async fn switch(caller: &Caller, id: &ClientId, to: Switch) -> Result<(), ApiError> {
    let state = match to {
        Switch::Active => ClientState::Active,
        Switch::Disabled => ClientState::Disabled,
    };
    let store = &caller.node.store;
    if !store.set_unfrozen_client_state(id, state, &caller.cause()).await?
        && let Some(now) = store.client(id).await?.filter(|now| now.state != state)
    {
        return Err(ApiError::conflict(if now.state == ClientState::Frozen { FROZEN } else { APP_IS_OFF }));
    }
    Ok(caller.node.settle().await?)
}

/// Private scopes are given by the operator, never taken (behind them are things that can't be undone).
fn public_scopes(caller: &Caller, text: &str) -> Result<(), ApiError> {
    let scopes = ScopeSet::parse(text).map_err(|e| ApiError::invalid(format!("scopes: {e}")))?;
    let private =
        |s: &&crate::types::ScopeToken| caller.config.catalogue.entry(s).is_some_and(|e| e.visibility == Visibility::Private);
    match scopes.iter().find(private) {
        Some(scope) => Err(ApiError::forbidden(format!("{scope} is private; the operator gives it to clients"))),
        // Internal ones are refused where clients are written: they are no organization's.
        None => Ok(()),
    }
}

async fn may_make(caller: &Caller, new: &NewClient) -> Result<(), ApiError> {
    if let Some(scopes) = &new.scopes {
        public_scopes(caller, scopes)?;
    }
    let (NewClientKind::Machine, Some(subject)) = (new.kind, &new.subject) else { return Ok(()) };
    let member = super::members::find(caller, subject).await?;
    within_own_reach(caller, Some(&member.user.id)).await
}

/// A machine acts without anybody's consent: whoever can get its secret must hold what its subject holds.
async fn within_own_reach(caller: &Caller, subject: Option<&UserId>) -> Result<(), ApiError> {
    let Some(subject) = subject else { return Ok(()) };
    let membership = caller.node.store.membership(&caller.org().id, subject).await?;
    let theirs = membership.map_or(ScopeBits::NONE, |m| caller.config.roles.permissions(&m.roles));
    if caller.permissions().await?.covers(&theirs) {
        return Ok(());
    }
    Err(ApiError::forbidden("the client's subject holds more than you do; ask somebody who holds it"))
}
