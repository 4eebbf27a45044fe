//! Searches of the log that the caller saved.

use axum::Json;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::openapi::Refusals;
use crate::store::{MAX_SEARCHES, SavedSearch};

/// A search that was saved under a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchView {
    /// Its name.
    name: String,
    /// The parameters of `GET /audit`, as a query string.
    query: String,
}

/// A search to be saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSearch {
    /// The parameters of `GET /audit`, as a query string; what no search can say is left out.
    query: String,
}

impl From<SavedSearch> for SearchView {
    fn from(search: SavedSearch) -> Self {
        Self { name: search.name, query: search.query }
    }
}

/// The searches that you saved in this organization, by name.
#[utoipa::path(
    get, path = "/api/v1/audit/searches", tag = "audit", security(("token" = ["audit:read"])),
    params(PageQuery),
    responses((status = 200, description = "Done", body = Page<SearchView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Answer<Page<SearchView>> {
    let saved = caller.node.store.saved_searches(&caller.principal.user.id, &caller.org().id).await?;
    let views = saved.into_iter().map(SearchView::from).collect();
    Ok(Json(Page::by_name(views, |s: &SearchView| s.name.clone(), &page)?))
}

/// Saves a search under a name, or replaces the one of that name. Only you see it.
#[utoipa::path(
    put, path = "/api/v1/audit/searches/{name}", tag = "audit", security(("token" = ["audit:read"])),
    params(("name" = String, Path, description = "1 to 60 characters")),
    request_body = NewSearch,
    responses((status = 200, description = "Done", body = SearchView), Refusals)
)]
pub(super) async fn save(caller: Caller, Named(name): Named, Body(new): Body<NewSearch>) -> Answer<SearchView> {
    let (user, org) = (caller.principal.user.id.clone(), caller.org().id.clone());
    let search = SavedSearch::new(user, org, &name, &new.query).map_err(|why| ApiError::invalid(why.to_string()))?;
    if caller.node.store.save_search(&search, &caller.cause()).await? {
        return Ok(Json(search.into()));
    }
    Err(ApiError::conflict(format!("you have saved {MAX_SEARCHES} searches here; forget one first")))
}

/// Forgets a search.
#[utoipa::path(
    delete, path = "/api/v1/audit/searches/{name}", tag = "audit", security(("token" = ["audit:read"])),
    params(("name" = String, Path, description = "1 to 60 characters")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(super) async fn forget(caller: Caller, Named(name): Named) -> Result<StatusCode, ApiError> {
    let (user, org) = (&caller.principal.user.id, &caller.org().id);
    if caller.node.store.forget_search(user, org, &name, &caller.cause()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::not_found("you saved no search of this name here"))
}
