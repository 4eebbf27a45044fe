//! Grants and signing keys.

use axum::Json;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{GrantChange, GrantView, KeyView, Page, Rotation, Within};
use crate::admin::openapi::Refusals;

type Answer<T> = Result<Json<T>, AdminError>;

/// Grants, newest first.
#[utoipa::path(
    get, path = "/admin/v1/grants", tag = "grants",
    params(Within),
    responses((status = 200, description = "Done", body = Page<GrantView>), Refusals)
)]
pub(in crate::admin) async fn list_grants(Operator(local): Operator, Params(query): Params<Within>) -> Answer<Page<GrantView>> {
    Ok(Json(local.grants(query).await?))
}

/// One grant.
#[utoipa::path(
    get, path = "/admin/v1/grants/{grant}", tag = "grants",
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 200, description = "Done", body = GrantView), Refusals)
)]
pub(in crate::admin) async fn show_grant(Operator(local): Operator, Named(grant): Named<String>) -> Answer<GrantView> {
    Ok(Json(local.grant(&grant).await?))
}

/// Takes scopes from a grant, or sets when it ends; live tokens follow before the answer.
#[utoipa::path(
    patch, path = "/admin/v1/grants/{grant}", tag = "grants",
    params(("grant" = String, Path, description = "Id of a grant")),
    request_body = GrantChange,
    responses((status = 200, description = "Done", body = GrantView), Refusals)
)]
pub(in crate::admin) async fn change_grant(
    Operator(local): Operator,
    Named(grant): Named<String>,
    Body(body): Body<GrantChange>,
) -> Answer<GrantView> {
    Ok(Json(local.change_grant(&grant, body).await?))
}

/// Ends a grant: its tokens stop working before the answer.
#[utoipa::path(
    post, path = "/admin/v1/grants/{grant}/revoke", tag = "grants",
    params(("grant" = String, Path, description = "Id of a grant")),
    responses((status = 200, description = "Done", body = GrantView), Refusals)
)]
pub(in crate::admin) async fn revoke_grant(Operator(local): Operator, Named(grant): Named<String>) -> Answer<GrantView> {
    Ok(Json(local.revoke_grant(&grant).await?))
}

/// The signing keys.
#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "keys",
    responses((status = 200, description = "Done", body = Vec<KeyView>), Refusals)
)]
pub(in crate::admin) async fn list_keys(Operator(local): Operator) -> Answer<Vec<KeyView>> {
    Ok(Json(local.keys().await?))
}

/// Makes a key that signs from now on.
#[utoipa::path(
    post, path = "/admin/v1/keys/rotate", tag = "keys",
    request_body = Rotation,
    responses((status = 200, description = "Done", body = KeyView), Refusals)
)]
pub(in crate::admin) async fn rotate_key(Operator(local): Operator, Body(body): Body<Rotation>) -> Answer<KeyView> {
    Ok(Json(local.rotate_key(body).await?))
}
