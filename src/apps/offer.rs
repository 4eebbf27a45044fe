//! What an organization may know of an app, and whether it may have it.

use crate::store::{App, Definition, SharedStore, StoreError};
use crate::types::OrgId;

/// Whether `org` may install an app: it was published, or is its own.
#[must_use]
pub fn on_offer(app: &App, org: &OrgId) -> bool {
    app.published_client.is_some() || app.org == *org
}

/// What `org` may know of an app: the draft is its maker's alone, others see the last version.
///
/// # Errors
/// When the store fails.
pub async fn seen_from(store: &SharedStore, org: &OrgId, app: &App) -> Result<Definition, StoreError> {
    if app.org == *org {
        return Ok(app.draft.clone());
    }
    Ok(store.app_versions(&app.id).await?.into_iter().next().map(|v| v.definition).unwrap_or_default())
}
