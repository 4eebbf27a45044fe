//! What a member is told of the proof of a log.

use crate::account::App;
use crate::pages::When;
use crate::pages::texts::audit as texts;
use crate::pages::views::{LastProof, LastSeal, Proof};
use crate::record::{AuditRecord, Event, Found};
use crate::store::{Head, Org, StoreError};
use crate::types::Timestamp;

/// Where the newest record of `org` is sealed, and what the last proof of the whole log found: that is what is on record of it.
pub(super) async fn known(app: &App, org: &Org) -> Result<Proof, StoreError> {
    let (store, now) = (&app.node.store, app.node.now());
    let (sealed, last) = tokio::try_join!(store.last_seal(&org.id), store.last_proof())?;
    let seal = |head: Head| LastSeal { at: When::new(head.at, now), place: texts::sealed_in(head.chain.as_str(), head.seq) };
    Ok(Proof { sealed: sealed.map(seal), last: last.and_then(|record| last_proof(&record, now)) })
}

fn last_proof(record: &AuditRecord, now: Timestamp) -> Option<LastProof> {
    let Event::Control(event) = &record.event else { return None };
    let found = Found::of(event)?;
    let text = match found {
        Found::Proved(Some(until)) => texts::proved_until(&When::new(until, now)),
        Found::Proved(None) => texts::proved_nothing(),
        // How many is not told: they may be of others.
        Found::Faults(_) => texts::proof_failed(),
    };
    Some(LastProof { at: When::new(record.time, now), found: text, is_faulty: matches!(found, Found::Faults(_)) })
}
