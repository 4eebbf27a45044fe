//! Clients as pages show them.

use std::collections::{BTreeSet, HashMap};

use super::App;
use crate::pages::views::{Client as ClientView, Trust, UsedHere};
use crate::pages::{DisplayName, When};
use crate::store::{Client, ClientOrigin, Stage, StoreError};
use crate::types::{OrgId, Timestamp};

/// The organizations that own clients, by name: all of them in one question.
pub(super) struct Owners(HashMap<OrgId, DisplayName>);

impl Owners {
    pub(super) async fn of<'a>(app: &App, clients: impl Iterator<Item = &'a Client>) -> Result<Self, StoreError> {
        let ids: BTreeSet<_> = clients.filter_map(|client| client.org.clone()).collect();
        if ids.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let found = app.node.store.org_names(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self(found.into_iter().map(|(id, name)| (id, DisplayName::new(&name))).collect()))
    }

    /// The name of a client, and how far that can be believed where `used` says who uses it.
    pub(super) fn shown(&self, client: &Client, used: UsedHere, now: Timestamp) -> ClientView {
        ClientView { name: DisplayName::new(&client.name), trust: self.trust(client, used, now) }
    }

    fn trust(&self, client: &Client, used: UsedHere, now: Timestamp) -> Trust {
        if client.origin == ClientOrigin::Dynamic {
            return Trust::Registered { ago: When::new(client.created_at, now).relative, used };
        }
        let Some(by) = client.org.as_ref().and_then(|org| self.0.get(org)).cloned() else { return Trust::Preregistered };
        let draft = client.app.as_ref().is_some_and(|a| a.stage == Stage::Draft);
        if draft { Trust::Draft { by } } else { Trust::Published { by } }
    }
}

/// One client alone.
pub(super) async fn shown(app: &App, client: &Client, used: UsedHere) -> Result<ClientView, StoreError> {
    Ok(Owners::of(app, std::iter::once(client)).await?.shown(client, used, app.node.now()))
}
