//! Apps, their clients, versions and manifests.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::app_model::{
    AppChange, AppDetails, AppSecret, AppView, CreatedApp, ExportQuery, ImportedApp, NewApp, Publish, PublishedApp, StableMark,
};
use crate::admin::error::AdminError;
use crate::admin::extract::{Body, Named, Operator, Params};
use crate::admin::model::{CreatedSecret, Page, SwitchTo, Within};
use crate::admin::openapi::Refusals;
use crate::apps::Manifest;
use crate::store::Stage;

type Answer<T> = Result<Json<T>, AdminError>;
type Made<T> = Result<(StatusCode, Json<T>), AdminError>;

/// Apps, newest first.
#[utoipa::path(
    get, path = "/admin/v1/apps", tag = "apps",
    params(Within),
    responses((status = 200, description = "Done", body = Page<AppView>), Refusals)
)]
pub(in crate::admin) async fn list_apps(Operator(local): Operator, Params(query): Params<Within>) -> Answer<Page<AppView>> {
    Ok(Json(local.apps(query).await?))
}

/// Makes an app with its draft client. The answer carries that client's secret, this once.
#[utoipa::path(
    post, path = "/admin/v1/apps", tag = "apps",
    request_body = NewApp,
    responses((status = 201, description = "Done", body = CreatedApp), Refusals)
)]
pub(in crate::admin) async fn create_app(Operator(local): Operator, Body(body): Body<NewApp>) -> Made<CreatedApp> {
    Ok((StatusCode::CREATED, Json(local.create_app(body).await?)))
}

/// One app, with its clients, versions, and what publishing would change and still needs.
#[utoipa::path(
    get, path = "/admin/v1/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    responses((status = 200, description = "Done", body = AppDetails), Refusals)
)]
pub(in crate::admin) async fn show_app(Operator(local): Operator, Named(app): Named<String>) -> Answer<AppDetails> {
    Ok(Json(local.app(&app).await?))
}

/// Changes the draft of an app; takes its stable mark away.
#[utoipa::path(
    patch, path = "/admin/v1/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    request_body = AppChange,
    responses((status = 200, description = "Done", body = AppView), Refusals)
)]
pub(in crate::admin) async fn update_app(
    Operator(local): Operator,
    Named(app): Named<String>,
    Body(body): Body<AppChange>,
) -> Answer<AppView> {
    Ok(Json(local.update_app(&app, body).await?))
}

/// Removes an app and revokes the grants of its clients.
#[utoipa::path(
    delete, path = "/admin/v1/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn delete_app(Operator(local): Operator, Named(app): Named<String>) -> Result<StatusCode, AdminError> {
    local.delete_app(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks the draft of an app stable, or in work again.
#[utoipa::path(
    put, path = "/admin/v1/apps/{app}/stable", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    request_body = StableMark,
    responses((status = 200, description = "Done", body = AppView), Refusals)
)]
pub(in crate::admin) async fn mark_app(
    Operator(local): Operator,
    Named(app): Named<String>,
    Body(body): Body<StableMark>,
) -> Answer<AppView> {
    Ok(Json(local.mark_app(&app, body).await?))
}

/// Publishes the draft of an app. With the first version the answer carries the published client's secret, this once.
#[utoipa::path(
    post, path = "/admin/v1/apps/{app}/versions", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    request_body = Publish,
    responses((status = 201, description = "Done", body = PublishedApp), Refusals)
)]
pub(in crate::admin) async fn publish_app(
    Operator(local): Operator,
    Named(app): Named<String>,
    Body(body): Body<Publish>,
) -> Made<PublishedApp> {
    Ok((StatusCode::CREATED, Json(local.publish_app(&app, body).await?)))
}

/// Switches an app off or on, with its clients.
#[utoipa::path(
    put, path = "/admin/v1/apps/{app}/state", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    request_body = SwitchTo,
    responses((status = 200, description = "Done", body = AppView), Refusals)
)]
pub(in crate::admin) async fn switch_app(
    Operator(local): Operator,
    Named(app): Named<String>,
    Body(body): Body<SwitchTo>,
) -> Answer<AppView> {
    Ok(Json(local.switch_app(&app, body.state).await?))
}

/// Gives one of an app's clients another secret. The answer carries it, this once.
#[utoipa::path(
    post, path = "/admin/v1/apps/{app}/secrets", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid")),
    request_body = AppSecret,
    responses((status = 201, description = "Done", body = CreatedSecret), Refusals)
)]
pub(in crate::admin) async fn add_app_secret(
    Operator(local): Operator,
    Named(app): Named<String>,
    Body(body): Body<AppSecret>,
) -> Made<CreatedSecret> {
    Ok((StatusCode::CREATED, Json(local.add_app_secret(&app, body).await?)))
}

/// Removes a secret of one of an app's clients; never the only one that lives on.
#[utoipa::path(
    delete, path = "/admin/v1/apps/{app}/secrets/{stage}/{secret}", tag = "apps",
    params(
        ("app" = String, Path, description = "id or app_uuid"),
        ("stage" = String, Path, description = "draft or published"),
        ("secret" = String, Path, description = "id or last four characters"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn remove_app_secret(
    Operator(local): Operator,
    Named((app, stage, secret)): Named<(String, Stage, String)>,
) -> Result<StatusCode, AdminError> {
    local.remove_app_secret(&app, stage, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The manifest of an app: what another site needs to make the same app, without secrets. The export is on record.
#[utoipa::path(
    get, path = "/admin/v1/apps/{app}/manifest", tag = "apps",
    params(("app" = String, Path, description = "id or app_uuid"), ExportQuery),
    responses((status = 200, description = "Done", body = Manifest), Refusals)
)]
pub(in crate::admin) async fn export_app(
    Operator(local): Operator,
    Named(app): Named<String>,
    Params(query): Params<ExportQuery>,
) -> Answer<Manifest> {
    Ok(Json(local.export_app(&app, query.version).await?))
}

/// Makes the app of a manifest, or changes the draft of the app that the organization has under its `app_uuid`.
#[utoipa::path(
    post, path = "/admin/v1/orgs/{org}/apps/import", tag = "apps",
    params(("org" = String, Path, description = "id or slug")),
    request_body = Manifest,
    responses((status = 200, description = "Done", body = ImportedApp), Refusals)
)]
pub(in crate::admin) async fn import_app(
    Operator(local): Operator,
    Named(org): Named<String>,
    Body(body): Body<Manifest>,
) -> Answer<ImportedApp> {
    Ok(Json(local.import_app(&org, body).await?))
}
