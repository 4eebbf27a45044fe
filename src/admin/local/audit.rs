//! Reading the audit log.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::{AuditEntry, AuditPageView, AuditQuery, DecisionName};
use crate::counts::{self, Asked, Counts};
use crate::record::{AuditRecord, ControlEvent, Operation, json, summary};
use crate::store::{AuditFilter, AuditRow, Cursor, DecisionFilter, Statuses, StoreError};
use crate::types::{ClientId, GrantId, OrgId, RecordId, RequestId, Timestamp, UserId};
use crate::web::{Cut, LogFile, LogReader};

/// Records of a page when the query doesn't say, and the most that it may say.
const PAGE: u32 = 100;
const MOST: u32 = 1000;

/// How often a tail looks.
const LOOK: Duration = Duration::from_millis(500);
/// How far back a tail looks: a record's time is when its request came, and it is written when the answer has ended.
const LATE: Duration = Duration::from_secs(5 * 60);
/// Pages of one look. A busier log than that is followed too, but of its records some that come late are not shown.
const LOOK_PAGES: usize = 10;

pub(super) async fn search(local: &Local, query: AuditQuery) -> Result<AuditPageView, AdminError> {
    if query.format.is_some() {
        return Err(AdminError::invalid("a page has no format: leave it out, or export"));
    }
    not_counted(&query)?;
    let filter = filter(local, &query).await?;
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(AdminError::invalid(format!("limit is 1 to {MOST}")));
    }
    let mut told = Told::reads(local, filter.org.as_ref()).await?;
    let page = local.node.store.search_audit(&filter, after.as_ref(), limit).await?;
    told.before(orgs_of(page.rows.iter().map(|row| &row.record))).await?;
    let names = Names::of(local, &page.rows.iter().map(|row| &row.record).collect::<Vec<_>>()).await?;
    let records = page.rows.iter().map(|row| named(&row.record, &names)).collect();
    Ok(AuditPageView { records, next: page.next.as_ref().map(write_cursor) })
}

/// What says how to count is for counts.
fn not_counted(query: &AuditQuery) -> Result<(), AdminError> {
    if query.by.is_some() || query.buckets.is_some() {
        return Err(AdminError::invalid("by and buckets are for counts: leave them out, or count"));
    }
    Ok(())
}

/// How many records a search finds. That the operator counted is on record where they searched.
pub(super) async fn count(local: &Local, query: AuditQuery) -> Result<Counts, AdminError> {
    if query.cursor.is_some() || query.format.is_some() {
        return Err(AdminError::invalid("counts are whole and have one form: leave cursor and format out"));
    }
    let filter = filter(local, &query).await?;
    Told::reads(local, filter.org.as_ref()).await?;
    let asked = Asked { by: query.by, groups: query.limit, buckets: query.buckets };
    counts::count(&local.node, filter, asked).await?.map_err(|why| AdminError::invalid(why.to_string()))
}

/// The operator reads what belongs to organizations: the log of each says so, once, before the first of its records is shown.
#[derive(Debug)]
pub(super) struct Told {
    local: Local,
    event: ControlEvent,
    orgs: HashSet<OrgId>,
}

impl Told {
    /// Somebody reads for the operator: in the log of `org`, or in all of them.
    pub(super) async fn reads(local: &Local, org: Option<&OrgId>) -> Result<Self, StoreError> {
        let event = ControlEvent::done(Operation::AuditQuery).with_comment("by the operator");
        Self::of(local, org, event).await
    }

    /// Writes the event into the log that is named, or into the operator's own when none is.
    async fn of(local: &Local, org: Option<&OrgId>, event: ControlEvent) -> Result<Self, StoreError> {
        local.node.store.note(org, event.clone(), &local.cause()).await?;
        Ok(Self { local: local.clone(), event, orgs: org.into_iter().cloned().collect() })
    }

    /// Tells those of these organizations that were not told yet.
    pub(super) async fn before(&mut self, shown: HashSet<OrgId>) -> Result<(), StoreError> {
        for org in shown {
            if !self.orgs.contains(&org) {
                self.local.node.store.note(Some(&org), self.event.clone(), &self.local.cause()).await?;
                self.orgs.insert(org);
            }
        }
        Ok(())
    }
}

/// Whose records these are.
pub(super) fn orgs_of<'r>(records: impl Iterator<Item = &'r AuditRecord>) -> HashSet<OrgId> {
    records.filter_map(|record| record.org.clone()).collect()
}

#[async_trait]
impl LogReader for Told {
    async fn may_see(&mut self, page: &[AuditRow]) -> Result<(), Cut> {
        Ok(self.before(orgs_of(page.iter().map(|row| &row.record))).await?)
    }
}

pub(super) async fn filter(local: &Local, query: &AuditQuery) -> Result<AuditFilter, AdminError> {
    let mut filter = AuditFilter::default();
    if let Some(org) = &query.org {
        filter.org = Some(local.find_org(org).await?.id);
    }
    if let Some(user) = &query.user {
        filter.user = Some(local.find_user(user).await?.id);
    }
    let id = |what: &str, e: crate::types::IdError| AdminError::invalid(format!("{what}: expected {}", e.rule()));
    filter.client = query.client.as_deref().map(ClientId::parse).transpose().map_err(|e| id("client", e))?;
    filter.grant = query.grant.as_deref().map(GrantId::parse).transpose().map_err(|e| id("grant", e))?;
    filter.request = query.request.as_deref().map(RequestId::parse).transpose().map_err(|e| id("request", e))?;
    filter.from = query.since.as_deref().map(|t| instant("since", t)).transpose()?;
    filter.to = query.until.as_deref().map(|t| instant("until", t)).transpose()?;
    filter.api.clone_from(&query.api);
    filter.tool.clone_from(&query.tool);
    filter.operation.clone_from(&query.operation);
    let status = query.status.as_deref().map(|s| Statuses::parse(s).ok_or_else(wrong_status));
    filter.status = status.transpose()?;
    filter.text.clone_from(&query.text);
    filter.decision = query.decision.map(|d| match d {
        DecisionName::Allowed => DecisionFilter::Allowed,
        DecisionName::Denied => DecisionFilter::Denied,
        DecisionName::WouldDeny => DecisionFilter::WouldDeny,
    });
    Ok(filter)
}

fn wrong_status() -> AdminError {
    AdminError::invalid("status: a number such as 404, or a class such as 4xx")
}

/// What a search finds, as a file that is written while it is read.
pub(super) async fn export(
    local: &Local,
    query: AuditQuery,
) -> Result<BoxStream<'static, Result<Bytes, AdminError>>, AdminError> {
    if query.cursor.is_some() || query.limit.is_some() {
        return Err(AdminError::invalid("an export is whole: leave limit and cursor out"));
    }
    not_counted(&query)?;
    let (filter, format) = (filter(local, &query).await?, query.format.unwrap_or_default());
    let org = filter.org.clone();
    let file = LogFile { format, filter: Some(filter), reader: () }.until(local.node.now());
    let event = ControlEvent::done(Operation::AuditExport).on("audit", format.name());
    let event = event.with_comment(format!("by the operator, {}", file.remark()));
    let file = file.read_by(Told::of(local, org.as_ref(), event).await?);
    Ok(file.stream(local.node.store.clone()).map(|part| part.map_err(cut)).boxed())
}

fn cut(why: Cut) -> AdminError {
    match why {
        Cut::Store(error) => error.into(),
        Cut::Barred => AdminError::invalid(why.to_string()),
    }
}

fn instant(what: &str, text: &str) -> Result<Timestamp, AdminError> {
    let wrong = || AdminError::invalid(format!("{what}: expected an RFC 3339 instant such as 2026-11-21T08:00:00Z"));
    Timestamp::parse_rfc3339(text).ok_or_else(wrong)
}

/// `MILLIS~RECORD`.
fn write_cursor(cursor: &Cursor) -> String {
    format!("{}~{}", cursor.time.millis(), cursor.id)
}

fn read_cursor(text: &str) -> Result<Cursor, AdminError> {
    let read = text
        .split_once('~')
        .and_then(|(time, id)| Some(Cursor { time: Timestamp::from_millis(time.parse().ok()?), id: RecordId::parse(id).ok()? }));
    read.ok_or_else(|| AdminError::invalid("cursor: use the one of the page before"))
}

/// What people call those whom records name by their ids.
#[derive(Debug)]
pub(super) struct Names {
    emails: HashMap<UserId, String>,
    clients: HashMap<ClientId, String>,
    orgs: HashMap<OrgId, String>,
}

impl Names {
    /// Those of all that these records name, each kind in one question.
    pub(super) async fn of(local: &Local, records: &[&AuditRecord]) -> Result<Self, StoreError> {
        let store = &local.node.store;
        let actors = || records.iter().map(|record| &record.actor);
        let users = distinct(actors().filter_map(|actor| actor.user.clone()));
        let clients = distinct(actors().filter(|a| a.client_name.is_none()).filter_map(|actor| actor.client.clone()));
        let orgs = distinct(records.iter().filter_map(|record| record.org.clone()));
        Ok(Self {
            emails: if users.is_empty() { HashMap::new() } else { store.emails(&users).await?.into_iter().collect() },
            clients: if clients.is_empty() { HashMap::new() } else { store.client_names(&clients).await?.into_iter().collect() },
            orgs: if orgs.is_empty() { HashMap::new() } else { store.org_names(&orgs).await?.into_iter().collect() },
        })
    }

    /// Who a row says, with what people call them in the place of ids; who is gone keeps the id.
    pub(super) fn who(&self, who: String, record: &AuditRecord) -> String {
        let actor = &record.actor;
        let nameless = actor.client.as_ref().filter(|_| actor.client_name.is_none());
        let known = nameless.and_then(|client| Some((who.strip_prefix(client.as_str())?, self.clients.get(client)?)));
        let named = known.map(|(behind, client)| format!("{client}{behind}"));
        let who = named.unwrap_or(who);
        let known = actor.user.as_ref().and_then(|user| Some((who.strip_suffix(user.as_str())?, self.emails.get(user)?)));
        let named = known.map(|(before, email)| format!("{before}{email}"));
        named.unwrap_or(who)
    }
}

fn distinct<T: Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<HashSet<_>>().into_iter().collect()
}

/// A record as operators read it.
fn named(record: &AuditRecord, names: &Names) -> AuditEntry {
    let entry = entry(record);
    let org_name = record.org.as_ref().and_then(|org| names.orgs.get(org).cloned());
    AuditEntry { who: names.who(entry.who.clone(), record), org_name, ..entry }
}

/// A record as it is shown.
#[must_use]
pub fn entry(record: &AuditRecord) -> AuditEntry {
    let row = summary(record);
    AuditEntry {
        id: record.id.clone(),
        time: record.time,
        org: record.org.clone(),
        org_name: None,
        who: row.who,
        what: row.what,
        decision: row.decision,
        status: row.status,
        millis: row.millis,
        ocsf: json(record),
    }
}

pub(super) async fn tail(
    local: &Local,
    query: AuditQuery,
) -> Result<BoxStream<'static, Result<AuditEntry, AdminError>>, AdminError> {
    if query.cursor.is_some() || query.until.is_some() || query.limit.is_some() || query.format.is_some() {
        return Err(AdminError::invalid("a tail has no end and no format: leave until, limit, cursor and format out"));
    }
    let mut filter = filter(local, &query).await?;
    let told = Told::reads(local, filter.org.as_ref()).await?;
    let now = local.node.now();
    let start = filter.from.unwrap_or_else(|| now.minus(LATE));
    filter.from = Some(start);
    let mut tail = Tail { local: local.clone(), told, filter, start, seen: HashSet::new(), ready: VecDeque::new() };
    // Without `since` only what is written from now on is shown, also when its request came before.
    if query.since.is_none() {
        drop(tail.look().await?);
    }
    Ok(stream::unfold(tail, |mut tail| async move { tail.next().await.map(|item| (item, tail)) }).boxed())
}

struct Tail {
    local: Local,
    told: Told,
    filter: AuditFilter,
    start: Timestamp,
    seen: HashSet<RecordId>,
    ready: VecDeque<AuditEntry>,
}

impl Tail {
    async fn next(&mut self) -> Option<Result<AuditEntry, AdminError>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(Ok(entry));
            }
            match self.fresh().await {
                Ok(()) if self.ready.is_empty() => tokio::time::sleep(LOOK).await,
                Ok(()) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Makes what is new ready to be shown.
    async fn fresh(&mut self) -> Result<(), AdminError> {
        let fresh = self.look().await?;
        self.told.before(orgs_of(fresh.iter())).await?;
        let names = Names::of(&self.local, &fresh.iter().collect::<Vec<_>>()).await?;
        self.ready.extend(fresh.iter().map(|record| named(record, &names)));
        Ok(())
    }

    /// Reads everything since `filter.from` that was not seen yet, oldest first, then moves the window on.
    async fn look(&mut self) -> Result<Vec<AuditRecord>, AdminError> {
        let (mut window, mut fresh, mut after) = (HashSet::new(), Vec::new(), None);
        for _ in 0..LOOK_PAGES {
            let page = self.local.node.store.search_audit(&self.filter, after.as_ref(), MOST).await?;
            for row in page.rows {
                window.insert(row.record.id.clone());
                if !self.seen.contains(&row.record.id) {
                    fresh.push(row.record);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.seen = window;
        self.filter.from = Some(self.start.max(self.local.node.now().minus(LATE)));
        fresh.reverse();
        Ok(fresh)
    }
}
