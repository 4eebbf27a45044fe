//! The apps that the organization has.

use axum::Json;

use super::answer::{Answer, Page, PageQuery, damaged, limit, one_more};
use super::caller::{Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::admin::{Administration, InstallView, UninstalledApp, install_view};
use crate::apps::on_offer;
use crate::types::AppId;

/// The apps that the organization has, with what each holds there; the newest apps first.
#[utoipa::path(
    get, path = "/api/v1/installations", tag = "installations", security(("token" = ["grants:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<InstallView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<InstallView>> {
    let limit = limit(page.limit)?;
    let after = page.cursor.as_deref().map(AppId::parse).transpose().map_err(|_| damaged())?;
    let (store, org, now) = (&caller.node.store, &caller.org().id, caller.node.now());
    let found = store.installs_behind(org, now, after.as_ref(), one_more(limit)).await?;
    Ok(Json(Page::found(found, limit, |last| last.install.app.to_string(), install_view)))
}

/// Installs a published app, or one of the organization's own, before anybody authorizes it, and lets it through the
/// organization's approval. Installing again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/installations/{app}", tag = "installations", security(("token" = ["grants:write"])),
    params(("app" = String, Path, description = "Id of an app")),
    responses((status = 200, description = "Done", body = InstallView), Refusals)
)]
pub(super) async fn install(caller: Caller, Named(app): Named) -> Answer<InstallView> {
    let id = known(&app)?;
    let found = caller.node.store.app(&id).await?;
    found.filter(|a| on_offer(a, &caller.org().id)).ok_or_else(missing)?;
    Ok(Json(caller.administration().install_app(caller.org().id.as_str(), id.as_str()).await?))
}

/// Uninstalls an app: its grants are revoked and its API keys disabled before the answer, which says how many.
#[utoipa::path(
    delete, path = "/api/v1/installations/{app}", tag = "installations", security(("token" = ["grants:write"])),
    params(("app" = String, Path, description = "Id of an app")),
    responses((status = 200, description = "Done", body = UninstalledApp), Refusals)
)]
pub(super) async fn uninstall(caller: Caller, Named(app): Named) -> Answer<UninstalledApp> {
    let (id, org) = (known(&app)?, &caller.org().id);
    caller.node.store.installs(org).await?.into_iter().find(|i| i.app == id).ok_or_else(missing)?;
    Ok(Json(caller.administration().uninstall_app(org.as_str(), id.as_str()).await?))
}

fn known(app: &str) -> Result<AppId, ApiError> {
    AppId::parse(app).map_err(|_| missing())
}

fn missing() -> ApiError {
    ApiError::not_found("the organization does not have this app, or there is none that it could have")
}
