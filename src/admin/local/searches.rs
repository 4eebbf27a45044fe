//! Searches of an organization's log that its members saved.

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::SavedSearchView;
use crate::store::{MAX_SEARCHES, SavedSearch};
use crate::types::{OrgId, UserId};

pub(super) async fn list(local: &Local, org: &str, user: &str) -> Result<Vec<SavedSearchView>, AdminError> {
    let (org, user) = whose(local, org, user).await?;
    Ok(local.node.store.saved_searches(&user, &org).await?.into_iter().map(view).collect())
}

pub(super) async fn save(
    local: &Local,
    (org, user): (&str, &str),
    name: &str,
    query: &str,
) -> Result<SavedSearchView, AdminError> {
    let (org, user) = whose(local, org, user).await?;
    let search = SavedSearch::new(user, org, name, query).map_err(|why| AdminError::invalid(why.to_string()))?;
    if local.node.store.save_search(&search, &local.cause()).await? {
        return Ok(view(search));
    }
    Err(AdminError::conflict(format!("{MAX_SEARCHES} searches are saved there; forget one first")))
}

pub(super) async fn forget(local: &Local, (org, user): (&str, &str), name: &str) -> Result<(), AdminError> {
    let (org, user) = whose(local, org, user).await?;
    if local.node.store.forget_search(&user, &org, name, &local.cause()).await? {
        return Ok(());
    }
    Err(AdminError::not_found("search", name))
}

/// A member and the organization.
async fn whose(local: &Local, org: &str, named: &str) -> Result<(OrgId, UserId), AdminError> {
    let (org, user) = (local.find_org(org).await?.id, local.find_user(named).await?.id);
    match local.node.store.membership(&org, &user).await? {
        Some(_) => Ok((org, user)),
        None => Err(AdminError::not_found("member", named)),
    }
}

fn view(search: SavedSearch) -> SavedSearchView {
    SavedSearchView { org: search.org, user: search.user, name: search.name, query: search.query }
}
