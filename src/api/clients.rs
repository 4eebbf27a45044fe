//! The organization's own clients.

use axum::Json;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Nothing, Page, limit, made, one_more, place};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::Refusals;
use crate::admin::{Administration, ClientView, CreatedClient, CreatedSecret, NewClient, NewSecret, Switch, client_view};
use crate::clients::New;
use crate::store::ClientState;
use crate::types::{ClientId, Setting};

/// A change of a client; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientChange {
    /// Switches it off (no token of it works) or on. `active` also lets a machine be given tokens again whose authorization was
    /// revoked.
    state: Option<Switch>,
    /// What it may ask for, separated by spaces; live grants narrow at once.
    scopes: Option<String>,
    /// Lifetime of its access tokens in seconds; `null` is the configuration's. Tokens that are out live on as they were issued.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 86_400)]
    access_token_ttl_seconds: Setting<u64>,
    /// Whether its authorization requests must carry `state`.
    require_state: Option<bool>,
}

/// Which clients; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClientQuery {
    /// Text that occurs in the client's name or id, or in the name or the address of the user that it acts as, ignoring case.
    text: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Clients that belong to the organization, newest first.
#[utoipa::path(
    get, path = "/api/v1/clients", tag = "clients", security(("token" = ["clients:read"])),
    params(ClientQuery),
    responses((status = 200, description = "Done", body = Page<ClientView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<ClientQuery>) -> Answer<Page<ClientView>> {
    let (limit, after) = (limit(query.limit)?, query.cursor.as_deref().map(|c| place(c, ClientId::parse)).transpose()?);
    let text = query.text.unwrap_or_default();
    let found = caller.node.store.find_org_clients(&caller.org().id, &text, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(found, limit, |last| made(last.created_at, &last.id), |client| client_view(client, &[]))))
}

/// One client, with what is known of its secrets.
#[utoipa::path(
    get, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:read"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(super) async fn show(caller: Caller, Named(client): Named, _: Params<Nothing>) -> Answer<ClientView> {
    let id = caller.clients().find(&client).await?.id;
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
    let (clients, wanted) = (caller.clients(), New::from(&new));
    clients.may_create(Some(org), &wanted).await?;
    once(&caller, &headers, "clients", &new, async { Ok(CreatedClient::from(clients.create(Some(org), &wanted).await?)) }).await
}

/// Switches a client off or on, sets what it may ask for, how long its tokens live, and whether its requests must carry `state`.
#[utoipa::path(
    patch, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    request_body = ClientChange,
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(super) async fn update(caller: Caller, Named(client): Named, Body(change): Body<ClientChange>) -> Answer<ClientView> {
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    let id = &client.id;
    let state = change.state.map(|state| match state {
        Switch::Active => ClientState::Active,
        Switch::Disabled => ClientState::Disabled,
    });
    let terms = (change.access_token_ttl_seconds, change.require_state);
    clients.change(&client, change.scopes.as_deref(), terms, state).await?;
    Ok(Json(caller.administration().client(id.as_str()).await?))
}

/// Removes a client and revokes its grants.
#[utoipa::path(
    delete, path = "/api/v1/clients/{client}", tag = "clients", security(("token" = ["clients:write"])),
    params(("client" = String, Path, description = "`client_id`")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn delete(caller: Caller, Named(client): Named) -> Result<StatusCode, ApiError> {
    let clients = caller.clients();
    clients.delete(&clients.find(&client).await?).await?;
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
    let clients = caller.clients();
    let client = clients.find_to_change(&client).await?;
    clients.may_hold_secret(&client).await?;
    let path = format!("clients/{}/secrets", client.id);
    once(&caller, &headers, &path, &new, async { Ok(CreatedSecret::from(clients.add_secret(&client, new.into()).await?)) }).await
}

/// Ends a secret at once; never the only one that lives on.
#[utoipa::path(
    delete, path = "/api/v1/clients/{client}/secrets/{secret}", tag = "clients", security(("token" = ["clients:write"])),
    params(
        ("client" = String, Path, description = "`client_id`"),
        ("secret" = String, Path, description = "Id or last four characters"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn end_secret(caller: Caller, Named((client, secret)): Named<(String, String)>) -> Result<StatusCode, ApiError> {
    let clients = caller.clients();
    clients.remove_secret(&clients.find_to_change(&client).await?, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
