//! Whom APIs in shadow mode would refuse, counted from the log.

use std::collections::HashMap;
use std::time::Duration;

use super::{Local, audit};
use crate::admin::error::AdminError;
use crate::admin::model::{AuditQuery, ShadowEntry, ShadowQuery, ShadowReport};
use crate::config::Enforcement;
use crate::record::{AuditRecord, Event, operation};
use crate::store::{ShadowCount, ShadowFilter};
use crate::types::UserId;

/// How far back a report looks when the query doesn't say.
const RECENT: Duration = Duration::from_hours(24);
/// Most entries of one answer, and how many it has when the query doesn't say.
const MOST: u32 = 10_000;

pub(super) async fn report(local: &Local, query: ShadowQuery) -> Result<ShadowReport, AdminError> {
    let ShadowQuery { org, api, since, until, skip, limit } = query;
    let (skip, limit) = (skip.unwrap_or(0), limit.unwrap_or(MOST));
    if !(1..=MOST).contains(&limit) {
        return Err(AdminError::invalid(format!("limit is 1 to {MOST}")));
    }
    let search = audit::filter(local, &AuditQuery { org, since, until, ..AuditQuery::default() }).await?;
    let from = search.from.unwrap_or_else(|| local.node.now().minus(RECENT));
    let apis = in_shadow(local, api.as_deref());
    let mut told = audit::Told::reads(local, search.org.as_ref()).await?;
    let page = local.node.store.shadow_calls(&ShadowFilter { org: search.org, api, from, to: search.to }, skip, limit).await?;
    told.before(audit::orgs_of(page.rows.iter().map(|row| &row.last))).await?;
    let mut entries: Vec<_> = page.rows.iter().filter_map(entry).collect();
    name(local, &mut entries).await?;
    let truncated = u64::from(skip) + (page.rows.len() as u64) < page.kinds;
    Ok(ShadowReport { requests: page.calls, kinds: page.kinds, truncated, entries, apis })
}

/// The APIs in shadow mode; of one that is asked about, that one or none.
fn in_shadow(local: &Local, asked: Option<&str>) -> Vec<String> {
    let config = local.node.config.load();
    let shadowed = config.apis.iter().filter(|api| api.enforcement == Enforcement::Shadow);
    shadowed.map(|api| api.name.to_string()).filter(|name| asked.is_none_or(|asked| asked == name)).collect()
}

/// The addresses of all users in one question.
async fn name(local: &Local, entries: &mut [ShadowEntry]) -> Result<(), AdminError> {
    let mut users: Vec<UserId> = entries.iter().filter_map(|entry| entry.user.clone()).collect();
    users.sort_unstable();
    users.dedup();
    let emails: HashMap<_, _> = local.node.store.emails(&users).await?.into_iter().collect();
    for entry in entries {
        entry.email = entry.user.as_ref().and_then(|user| emails.get(user)).cloned();
    }
    Ok(())
}

fn entry(counted: &ShadowCount) -> Option<ShadowEntry> {
    let record: &AuditRecord = &counted.last;
    let Event::Call(call) = &record.event else { return None };
    let waived = call.would_deny.as_ref()?;
    let (actor, origin) = (&record.actor, &record.origin);
    let nameless = actor.user.is_none() && actor.client.is_none();
    Some(ShadowEntry {
        org: record.org.clone(),
        user: actor.user.clone(),
        email: None,
        client: actor.client.clone(),
        client_name: actor.client_name.clone(),
        address: origin.peer.filter(|_| nameless).map(|peer| peer.ip().to_canonical().to_string()),
        user_agent: origin.user_agent.clone().filter(|_| nameless),
        api: call.api.to_string(),
        route: operation(record).to_owned(),
        reason: waived.reason.clone(),
        refused: !call.decision.is_allowed(),
        missing: waived.missing.clone(),
        count: counted.calls,
        last: record.time,
        request: origin.request.clone(),
    })
}
