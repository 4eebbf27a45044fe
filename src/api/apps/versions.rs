//! Versions of an app and how they differ.

use axum::Json;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::answer::{Answer, Page, PageQuery};
use super::super::caller::{Body, Caller, Named, Params};
use super::super::error::ApiError;
use super::super::once::{Repeatable, once};
use super::super::openapi::{Refusals, Stale};
use crate::admin::{AppVersionView, ChangeView, Publish, PublishedApp, change_view, version_view};
use crate::apps::{AppError, Refusal, difference};
use crate::store::Definition;

/// Which two states of an app to compare.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Between {
    /// The number of a version; the last one when absent, or nothing before the first.
    from: Option<u32>,
    /// The number of a version; the draft when absent.
    to: Option<u32>,
}

/// Versions of an app, newest first. They never change.
#[utoipa::path(
    get, path = "/api/v1/apps/{app}/versions", tag = "apps", security(("token" = ["clients:read"])),
    params(("app" = String, Path, description = "Id or `app_uuid`"), PageQuery),
    responses((status = 200, description = "Done", body = Page<AppVersionView>), Refusals)
)]
pub(in crate::api) async fn list_versions(
    caller: Caller,
    Named(app): Named,
    Params(page): Params<PageQuery>,
) -> Answer<Page<AppVersionView>> {
    let app = caller.app(&app).await?;
    let versions = caller.node.store.app_versions(&app.id).await?.into_iter().map(version_view).collect();
    Ok(Json(Page::cut(versions, |v: &AppVersionView| format!("{:010}", v.number), &page)?))
}

/// Publishes the draft as a new version. With the first one the answer carries the published client's secret, this once (repeating
/// the request with the same `Idempotency-Key` within a day gives the same answer again). What is not ready is refused with 409, and
/// `missing` names every precondition that is not met. With `If-Match` only what was looked at is published.
#[utoipa::path(
    post, path = "/api/v1/apps/{app}/versions", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what was looked at"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = Publish,
    responses((status = 201, description = "Made", body = PublishedApp), Stale, Refusals)
)]
pub(in crate::api) async fn publish_app(
    caller: Caller,
    Named(app): Named,
    headers: HeaderMap,
    Body(publish): Body<Publish>,
) -> Result<Repeatable, ApiError> {
    let found = caller.app(&app).await?;
    let id = found.id;
    let release = async {
        // Inside, because the second request with an Idempotency-Key finds another revision than the first.
        let app = caller.app_seen(id.as_str(), &headers).await?;
        let release = caller.workshop().release(&app, publish.app_uuid.as_deref()).await?;
        Ok(PublishedApp {
            version: release.version.number,
            app_uuid: app.uuid,
            client_id: release.client,
            client_secret: release.secret.map(|s| s.expose().to_owned()),
            narrowed_grants: release.narrowed,
            ended_grants: release.ended,
            untried_scopes: release.untried,
        })
    };
    let answer = once(&caller, &headers, &format!("apps/{id}/versions"), &publish, release).await?;
    // The answer is kept by now: when this fails, the repeated request gets it. With a first version nobody loses anything.
    if found.published_client.is_some() {
        caller.node.settle().await?;
    }
    Ok(answer)
}

/// What one state of an app changes over another: what publishing the draft would change, unless versions are named.
#[utoipa::path(
    get, path = "/api/v1/apps/{app}/difference", tag = "apps", security(("token" = ["clients:read"])),
    params(("app" = String, Path, description = "Id or `app_uuid`"), Between),
    responses((status = 200, description = "Done", body = Vec<ChangeView>), Refusals)
)]
pub(in crate::api) async fn difference_of(
    caller: Caller,
    Named(app): Named,
    Params(between): Params<Between>,
) -> Answer<Vec<ChangeView>> {
    let app = caller.app(&app).await?;
    let versions = caller.node.store.app_versions(&app.id).await?;
    let version = |number: u32| {
        let found = versions.iter().find(|v| v.number == number).map(|v| v.definition.clone());
        found.ok_or(ApiError::from(AppError::Refused(Refusal::UnknownVersion)))
    };
    let before = match between.from {
        Some(number) => version(number)?,
        None => versions.first().map_or_else(Definition::default, |v| v.definition.clone()),
    };
    let after = between.to.map_or_else(|| Ok(app.draft.clone()), version)?;
    Ok(Json(difference(&before, &after).into_iter().map(change_view).collect()))
}
