//! Secrets of an app's clients.

use http::{HeaderMap, StatusCode};

use super::super::caller::{Body, Caller, Named};
use super::super::error::ApiError;
use super::super::once::{Repeatable, once};
use super::super::openapi::Refusals;
use crate::admin::{AppSecret, CreatedSecret, secret_view};
use crate::apps::NewSecret;
use crate::store::Stage;

/// Gives one of an app's clients another secret, shown in this answer and nowhere else. The others live on as they would, or for as
/// long as is said: clients that still have them get time to change.
#[utoipa::path(
    post, path = "/api/v1/apps/{app}/secrets", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request"),
    ),
    request_body = AppSecret,
    responses((status = 201, description = "Made", body = CreatedSecret), Refusals)
)]
pub(in crate::api) async fn add_app_secret(
    caller: Caller,
    Named(app): Named,
    headers: HeaderMap,
    Body(new): Body<AppSecret>,
) -> Result<Repeatable, ApiError> {
    let app = caller.app(&app).await?;
    let lives = NewSecret::of_seconds(new.others_live_seconds, new.lives_seconds);
    let made = async {
        let (plain, secret) = caller.workshop().add_secret(&app, new.stage, lives).await?;
        Ok(CreatedSecret { client_secret: plain.expose().to_owned(), secret: secret_view(&secret) })
    };
    once(&caller, &headers, &format!("apps/{}/secrets", app.id), &new, made).await
}

/// Ends a secret at once; never the only one that lives on.
#[utoipa::path(
    delete, path = "/api/v1/apps/{app}/secrets/{stage}/{secret}", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("stage" = String, Path, description = "`draft` or `published`"),
        ("secret" = String, Path, description = "Id or last four characters"),
    ),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::api) async fn end_app_secret(
    caller: Caller,
    Named((app, stage, secret)): Named<(String, Stage, String)>,
) -> Result<StatusCode, ApiError> {
    let app = caller.app(&app).await?;
    caller.workshop().remove_secret(&app, stage, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
