//! Apps on their way from and to other sites.

use axum::Json;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::answer::Answer;
use super::super::caller::{Body, Caller, Named, Params};
use super::super::error::ApiError;
use super::super::once::{RepeatableAct, once};
use super::super::openapi::Refusals;
use crate::admin::{ImportedApp, app_view};
use crate::apps::{AppError, Import, Imported, Made, Manifest};

/// Which manifest to export.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ManifestQuery {
    /// The number of a version; the draft when absent.
    version: Option<u32>,
}

/// The manifest of an app: what another site needs to make the same app, without secrets and ids. The export is on record.
#[utoipa::path(
    get, path = "/api/v1/apps/{app}/manifest", tag = "apps", security(("token" = ["clients:read"])),
    params(("app" = String, Path, description = "Id or `app_uuid`"), ManifestQuery),
    responses((status = 200, description = "Done", body = Manifest), Refusals)
)]
pub(in crate::api) async fn export_app(
    caller: Caller,
    Named(app): Named,
    Params(query): Params<ManifestQuery>,
) -> Answer<Manifest> {
    let app = caller.app(&app).await?;
    Ok(Json(caller.workshop().export(&app, query.version).await?))
}

/// Makes the app of a manifest, or changes the draft of the one that has its `app_uuid`. Another time it does nothing. A secret, when an
/// app was made, is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/apps/import", tag = "apps", security(("token" = ["clients:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    request_body = Manifest,
    responses((status = 200, description = "Done", body = ImportedApp), Refusals)
)]
pub(in crate::api) async fn import_app(
    caller: Caller,
    headers: HeaderMap,
    Body(manifest): Body<Manifest>,
) -> Result<RepeatableAct, ApiError> {
    // A body that is JSON of the right shape may still be of another format.
    Manifest::read(&manifest.to_text()).map_err(AppError::from)?;
    let imported = async {
        let Import { did, left_out } = caller.workshop().import(caller.org(), &manifest).await?;
        Ok(match did {
            Imported::Made(Made { app, secret }) => {
                let client_secret = secret.map(|s| s.expose().to_owned());
                ImportedApp { app: app_view(app), created: true, client_secret, left_out }
            }
            Imported::Changed(app) => ImportedApp { app: app_view(app), created: false, client_secret: None, left_out },
        })
    };
    once(&caller, &headers, "apps/import", &manifest, imported).await.map(RepeatableAct)
}
