//! What an application of a user did, record by record, and from where it last called: for pages and for the API.

use std::time::Duration;

use super::applications::Application;
use crate::node::Node;
use crate::record::{AuditRecord, Event};
use crate::store::{AuditFilter, AuditPage, Cursor, GrantFacts, StoreError};

/// What the times of two records differ by at least.
const INSTANT: Duration = Duration::from_millis(1);
/// Records of one instant among which a call is looked for.
const MOST: u32 = 25;

/// From where an application called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledFrom {
    /// Its address.
    pub address: String,
    /// What it said that it is, as it came.
    pub user_agent: Option<String>,
}

/// One page of what was done under a grant, newest first, whatever else the filter narrows by.
///
/// # Errors
/// When the store fails.
pub async fn activity(
    node: &Node,
    facts: &GrantFacts,
    filter: AuditFilter,
    (after, limit): (Option<&Cursor>, u32),
) -> Result<AuditPage, StoreError> {
    node.store.search_audit(&within(facts, filter), after, limit).await
}

/// From where an application last called. The record is looked up by its time: there may be any number of refreshes behind it.
///
/// # Errors
/// When the store fails.
pub async fn last_from(node: &Node, application: &Application) -> Result<Option<CalledFrom>, StoreError> {
    let Some(last) = application.usage.last_used_at else { return Ok(None) };
    let then = AuditFilter { from: Some(last), to: Some(last.plus(INSTANT)), ..AuditFilter::default() };
    let found = activity(node, &application.facts, then, (None, MOST)).await?;
    let call = found.rows.iter().map(|row| &row.record).find(|record| matches!(record.event, Event::Call(_)));
    Ok(call.and_then(from))
}

/// From where a record's request came.
#[must_use]
pub fn from(record: &AuditRecord) -> Option<CalledFrom> {
    let address = record.origin.peer?.ip().to_canonical().to_string();
    Some(CalledFrom { address, user_agent: record.origin.user_agent.clone() })
}

fn within(facts: &GrantFacts, filter: AuditFilter) -> AuditFilter {
    AuditFilter { org: Some(facts.org.id.clone()), grant: Some(facts.grant.id.clone()), ..filter }
}
