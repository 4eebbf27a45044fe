//! A client as a page shows it.

use crate::pages::views::{Client as ClientView, Trust};
use crate::pages::{DisplayName, When};
use crate::store::{Client, ClientOrigin, Org};
use crate::types::Timestamp;

/// Whether anybody in an organization uses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InUse {
    /// Somebody does.
    Yes,
    /// Nobody does.
    No,
}

/// Its name, and how far that can be believed in `org`.
pub(super) fn shown(client: &Client, org: &Org, used: InUse, now: Timestamp) -> ClientView {
    let trust = match (client.origin, &client.org) {
        (ClientOrigin::Dynamic, _) => {
            Trust::Registered { ago: When::new(client.created_at, now).relative, used_in_org: used == InUse::Yes }
        }
        (ClientOrigin::Administrator, Some(owner)) if *owner == org.id => Trust::Published { by: DisplayName::new(&org.name) },
        (ClientOrigin::Administrator, _) => Trust::Preregistered,
    };
    ClientView { name: DisplayName::new(&client.name), trust }
}
