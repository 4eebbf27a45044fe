//! Who may open the operator's pages.

use axum::Json;
use axum::http::StatusCode;

use crate::admin::Administration;
use crate::admin::error::AdminError;
use crate::admin::extract::{Named, Operator, Params};
use crate::admin::model::{Page, PageQuery, UserView};
use crate::admin::openapi::Refusals;

/// Who may open the operator's pages, by e-mail address.
#[utoipa::path(
    get, path = "/admin/v1/operators", tag = "users", params(PageQuery),
    responses((status = 200, description = "Done", body = Page<UserView>), Refusals)
)]
pub(in crate::admin) async fn list_operators(
    Operator(local): Operator,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<UserView>>, AdminError> {
    Ok(Json(local.operators(page).await?))
}

/// Lets an active person open the operator's pages.
#[utoipa::path(
    put, path = "/admin/v1/operators/{user}", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 200, description = "Done", body = UserView), Refusals)
)]
pub(in crate::admin) async fn add_operator(
    Operator(local): Operator,
    Named(user): Named<String>,
) -> Result<Json<UserView>, AdminError> {
    Ok(Json(local.add_operator(&user).await?))
}

/// Takes the operator's pages from a user, at their next request.
#[utoipa::path(
    delete, path = "/admin/v1/operators/{user}", tag = "users",
    params(("user" = String, Path, description = "Id or e-mail address of a user")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::admin) async fn remove_operator(
    Operator(local): Operator,
    Named(user): Named<String>,
) -> Result<StatusCode, AdminError> {
    local.remove_operator(&user).await?;
    Ok(StatusCode::NO_CONTENT)
}
