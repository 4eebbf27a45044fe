//! Clients and their secrets.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{
    ClientScopes, ClientSwitchTo, ClientTerms, ClientView, CreatedClient, CreatedSecret, NewClient, NewSecret, Page, Within,
};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// Clients, newest first.
#[utoipa::path(
    get, path = "/admin/v1/clients", tag = "clients",
    params(Within),
    responses((status = 200, description = "Done", body = Page<ClientView>), Refusals)
)]
pub(in crate::admin) async fn list_clients(Operator(local): Operator, Params(query): Params<Within>) -> Answer<Page<ClientView>> {
    Ok(Json(local.clients(query).await?))
}

/// Makes a client. The answer carries its secret, this once.
#[utoipa::path(
    post, path = "/admin/v1/clients", tag = "clients",
    request_body = NewClient,
    responses((status = 201, description = "Done", body = CreatedClient), Refusals)
)]
pub(in crate::admin) async fn create_client(
    Operator(local): Operator,
    Body(body): Body<NewClient>,
) -> Result<(StatusCode, Json<CreatedClient>), AdminError> {
    Ok((StatusCode::CREATED, Json(local.create_client(body).await?)))
}

/// One client, with what is known of its secrets.
#[utoipa::path(
    get, path = "/admin/v1/clients/{client}", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(in crate::admin) async fn show_client(Operator(local): Operator, Named(client): Named<String>) -> Answer<ClientView> {
    Ok(Json(local.client(&client).await?))
}

/// Removes a client and revokes its grants.
#[utoipa::path(
    delete, path = "/admin/v1/clients/{client}", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn delete_client(
    Operator(local): Operator,
    Named(client): Named<String>,
) -> Result<StatusCode, AdminError> {
    local.delete_client(&client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switches a client off or on, or freezes it. Its owner can switch on what is off, and not what is frozen.
#[utoipa::path(
    put, path = "/admin/v1/clients/{client}/state", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    request_body = ClientSwitchTo,
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(in crate::admin) async fn switch_client(
    Operator(local): Operator,
    Named(client): Named<String>,
    Body(body): Body<ClientSwitchTo>,
) -> Answer<ClientView> {
    Ok(Json(local.switch_client(&client, body.state).await?))
}

/// Sets what a client may ask for; live grants narrow at once.
#[utoipa::path(
    put, path = "/admin/v1/clients/{client}/scopes", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    request_body = ClientScopes,
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(in crate::admin) async fn set_client_scopes(
    Operator(local): Operator,
    Named(client): Named<String>,
    Body(body): Body<ClientScopes>,
) -> Answer<ClientView> {
    Ok(Json(local.set_client_scopes(&client, body).await?))
}

/// Sets how long a client's access tokens live, and whether its authorization requests must carry `state`. New tokens and requests
/// follow; tokens that are out live on as they were issued.
#[utoipa::path(
    patch, path = "/admin/v1/clients/{client}", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    request_body = ClientTerms,
    responses((status = 200, description = "Done", body = ClientView), Refusals)
)]
pub(in crate::admin) async fn set_client_terms(
    Operator(local): Operator,
    Named(client): Named<String>,
    Body(body): Body<ClientTerms>,
) -> Answer<ClientView> {
    Ok(Json(local.set_client_terms(&client, body).await?))
}

/// Gives a client another secret. The answer carries it, this once.
#[utoipa::path(
    post, path = "/admin/v1/clients/{client}/secrets", tag = "clients",
    params(("client" = String, Path, description = "client_id")),
    request_body = NewSecret,
    responses((status = 201, description = "Done", body = CreatedSecret), Refusals)
)]
pub(in crate::admin) async fn add_secret(
    Operator(local): Operator,
    Named(client): Named<String>,
    Body(body): Body<NewSecret>,
) -> Result<(StatusCode, Json<CreatedSecret>), AdminError> {
    Ok((StatusCode::CREATED, Json(local.add_secret(&client, body).await?)))
}

/// Removes a secret of a client; never the only one that lives on.
#[utoipa::path(
    delete, path = "/admin/v1/clients/{client}/secrets/{secret}", tag = "clients",
    params(
        ("client" = String, Path, description = "`client_id`"),
        ("secret" = String, Path, description = "id or last four characters"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn remove_secret(
    Operator(local): Operator,
    Named((client, secret)): Named<(String, String)>,
) -> Result<StatusCode, AdminError> {
    local.remove_secret(&client, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
