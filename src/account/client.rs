//! A client as a page shows it.

use super::App;
use crate::pages::views::{Client as ClientView, Trust, UsedHere};
use crate::pages::{DisplayName, When};
use crate::store::{Client, ClientOrigin, Org, Stage, StoreError};

/// Its name, and how far that can be believed in `org`.
pub(super) async fn shown(app: &App, client: &Client, org: &Org, used: UsedHere) -> Result<ClientView, StoreError> {
    Ok(ClientView { name: DisplayName::new(&client.name), trust: trust(app, client, org, used).await? })
}

async fn trust(app: &App, client: &Client, org: &Org, used: UsedHere) -> Result<Trust, StoreError> {
    let owner = match (client.origin, &client.org) {
        (ClientOrigin::Dynamic, _) => {
            let ago = When::new(client.created_at, app.node.now()).relative;
            return Ok(Trust::Registered { ago, used });
        }
        (ClientOrigin::Administrator, None) => return Ok(Trust::Preregistered),
        (ClientOrigin::Administrator, Some(owner)) if *owner == org.id => Some(org.clone()),
        (ClientOrigin::Administrator, Some(owner)) => app.node.store.org(owner).await?,
    };
    let Some(by) = owner.map(|o| DisplayName::new(&o.name)) else { return Ok(Trust::Preregistered) };
    let draft = client.app.as_ref().is_some_and(|a| a.stage == Stage::Draft);
    Ok(if draft { Trust::Draft { by } } else { Trust::Published { by } })
}
