//! Whom APIs in shadow mode would refuse, counted from the log.

use std::collections::HashMap;
use std::time::Duration;

use super::{Local, audit};
use crate::admin::error::AdminError;
use crate::admin::model::{AuditQuery, DecisionName, ShadowEntry, ShadowQuery, ShadowReport};
use crate::record::{AuditRecord, Event, operation};
use crate::store::AuditFilter;

/// How far back a report looks when the query doesn't say.
const RECENT: Duration = Duration::from_hours(24);
/// Records of one page.
const PAGE: u32 = 1000;
/// Most entries that a report counts: anybody can make up addresses and agents.
const MOST: usize = 10_000;

pub(super) async fn report(local: &Local, query: ShadowQuery) -> Result<ShadowReport, AdminError> {
    let ShadowQuery { org, api, since, until } = query;
    let search = AuditQuery { org, api, since, until, decision: Some(DecisionName::WouldDeny), ..AuditQuery::default() };
    let mut filter = audit::filter(local, &search).await?;
    filter.from = filter.from.or_else(|| Some(local.node.now().minus(RECENT)));
    let mut told = audit::Told::reads(local, filter.org.as_ref()).await?;
    let mut report = count(local, &filter, &mut told).await?;
    for entry in &mut report.entries {
        if let Some(user) = &entry.user {
            entry.email = local.node.store.user(user).await?.map(|u| u.email);
        }
    }
    Ok(report)
}

async fn count(local: &Local, filter: &AuditFilter, told: &mut audit::Told) -> Result<ShadowReport, AdminError> {
    let mut counted = Counted::default();
    let mut after = None;
    loop {
        let page = local.node.store.search_audit(filter, after.as_ref(), PAGE).await?;
        told.before(audit::orgs_of(page.rows.iter().map(|row| &row.record))).await?;
        page.rows.iter().for_each(|row| counted.add(&row.record));
        after = page.next;
        if after.is_none() {
            return Ok(counted.report());
        }
    }
}

/// Entries by what tells one from another.
#[derive(Default)]
struct Counted {
    entries: HashMap<[String; 8], ShadowEntry>,
    requests: u64,
    truncated: bool,
}

impl Counted {
    /// Records come newest first: the first of an entry is its last request.
    fn add(&mut self, record: &AuditRecord) {
        let Some(entry) = entry(record) else { return };
        self.requests += 1;
        let key = key(&entry);
        if let Some(known) = self.entries.get_mut(&key) {
            known.count += 1;
        } else if self.entries.len() < MOST {
            self.entries.insert(key, entry);
        } else {
            self.truncated = true;
        }
    }

    fn report(self) -> ShadowReport {
        let mut entries: Vec<_> = self.entries.into_values().collect();
        entries.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| key(a).cmp(&key(b))));
        ShadowReport { requests: self.requests, truncated: self.truncated, entries }
    }
}

fn key(entry: &ShadowEntry) -> [String; 8] {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    [
        text(entry.org.as_ref().map(crate::types::OrgId::as_str)),
        text(entry.user.as_ref().map(crate::types::UserId::as_str)) + &text(entry.address.as_deref()),
        text(entry.client.as_ref().map(crate::types::ClientId::as_str)),
        text(entry.user_agent.as_deref()),
        entry.api.clone(),
        entry.route.clone(),
        entry.reason.clone(),
        entry.missing.to_string(),
    ]
}

fn entry(record: &AuditRecord) -> Option<ShadowEntry> {
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
        missing: waived.missing.clone(),
        count: 1,
        last: record.time,
        request: origin.request.clone(),
    })
}
