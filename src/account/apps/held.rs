//! What keeps an app's clients from working, for those who own the app.

use super::Visit;
use crate::account::log::Names;
use crate::node::Node;
use crate::pages::When;
use crate::pages::texts::{Text, apps as texts};
use crate::pages::views::HeldApp;
use crate::record::{AuditRecord, Event, Operation};
use crate::store::{self, AppState, AuditFilter, Client, ClientState, Stage, StoreError};
use crate::types::{OrgId, UserId};

/// Records of the owner's log, newest first, among which who did it is looked for.
const RECENT: u32 = 100;

/// Whether the operator froze a client of the app; these are clients of its organization.
pub(super) fn is_frozen(app: &store::App, clients: &[Client]) -> bool {
    let its = |client: &&Client| client.app.as_ref().is_some_and(|of| of.app == app.id);
    clients.iter().filter(its).any(|client| client.state == ClientState::Frozen)
}

/// Whatever keeps the app's clients from working, the app's own switch first.
pub(super) async fn holds(visit: &Visit<'_>, app: &store::App) -> Result<Vec<HeldApp>, StoreError> {
    let mut holds = Vec::new();
    let app_is_off = app.state == AppState::Disabled;
    if app_is_off {
        holds.push(hold(visit, texts::app_is_off(), (Operation::AppDisable, app.id.as_str()), false).await?);
    }
    for (stage, id) in [(Stage::Draft, Some(&app.draft_client)), (Stage::Published, app.published_client.as_ref())] {
        let Some(id) = id else { continue };
        let Some(client) = visit.app.node.store.client(id).await? else { continue };
        let sentence = match (client.state, stage) {
            (ClientState::Active, _) => continue,
            (ClientState::Disabled, _) if app_is_off => continue,
            (ClientState::Disabled, Stage::Draft) => texts::draft_client_is_off(),
            (ClientState::Disabled, Stage::Published) => texts::published_client_is_off(),
            (ClientState::Frozen, Stage::Draft) => texts::draft_client_is_frozen(),
            (ClientState::Frozen, Stage::Published) => texts::published_client_is_frozen(),
        };
        let frozen = client.state == ClientState::Frozen;
        holds.push(hold(visit, sentence, (Operation::ClientDisable, id.as_str()), frozen).await?);
    }
    Ok(holds)
}

/// One of them, with when it was done and by which member, as far as the log still tells.
async fn hold(visit: &Visit<'_>, sentence: Text, (done, to): (Operation, &str), frozen: bool) -> Result<HeldApp, StoreError> {
    let (node, org) = (&visit.app.node, &visit.org.id);
    let filter = AuditFilter { org: Some(org.clone()), operation: Some(done.name().to_owned()), ..AuditFilter::default() };
    let found = node.store.search_audit(&filter, None, RECENT).await?;
    let record = found.rows.iter().map(|row| &row.record).find(|record| tells(record, to, frozen));
    // That the operator froze it is in the sentence.
    let doer = record.and_then(|record| record.actor.user.as_ref()).filter(|_| !frozen);
    let by = match doer {
        Some(user) => member(node, org, user).await?,
        None => None,
    };
    Ok(HeldApp { sentence, since: record.map(|record| When::new(record.time, node.now())), by })
}

/// The address of a member. Whoever is none is a stranger to those who read it.
async fn member(node: &Node, org: &OrgId, user: &UserId) -> Result<Option<String>, StoreError> {
    if node.store.membership(org, user).await?.is_none() {
        return Ok(None);
    }
    let mut names = Names::default();
    names.learn(node, std::iter::once(user)).await?;
    Ok(Some(names.of(user).to_owned()))
}

/// Whether a record is about this target. Of what switches a client off, a freeze alone has a remark.
fn tells(record: &AuditRecord, target: &str, frozen: bool) -> bool {
    match &record.event {
        Event::Control(event) => {
            let about_it = event.target.as_ref().is_some_and(|(_, id)| id == target);
            about_it && event.refused.is_none() && event.comment.is_some() == frozen
        }
        Event::Call(_) => false,
    }
}
