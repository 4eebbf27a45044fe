//! What clients may ask for.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{Answer, Page, PageQuery};
use super::caller::{Caller, Params};
use super::openapi::Refusals;
use crate::admin::{ScopeQuery, ScopeView};

/// Which scopes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CatalogueQuery {
    /// Text that occurs in name, title, description or group, ignoring case.
    text: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The scopes that a client which somebody made may ask for, by name. Private and internal ones are not listed.
#[utoipa::path(
    get, path = "/api/v1/scopes", tag = "scopes", security(("token" = [])),
    params(CatalogueQuery),
    responses((status = 200, description = "Done", body = Page<ScopeView>), Refusals)
)]
pub(super) async fn list(caller: Caller, Params(query): Params<CatalogueQuery>) -> Answer<Page<ScopeView>> {
    let wanted = ScopeQuery { text: query.text };
    let public = caller.config.catalogue.entries().iter().filter(|e| e.is_open() && wanted.admits(e));
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    Ok(Json(Page::by_name(public.map(ScopeView::from).collect(), |s: &ScopeView| s.name.to_string(), &page)?))
}
