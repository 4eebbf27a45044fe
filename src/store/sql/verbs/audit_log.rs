//! The audit log.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use sqlx::{QueryBuilder, SqlStr};

use super::super::audit_row::AuditColumns;
use super::super::fault::Doing;
use super::super::values::{indexed, like, storable};
use super::among::among;
use super::engine::Engine;
use super::rows::Fields;
use super::{BEGIN, Connection, Db, Row, Transaction, hooks, proof, shadow, usage};
use crate::record::{Operation, Written};
use crate::store::{
    AuditFilter, AuditLogStore, AuditPage, AuditRow, Bucket, Cursor, DecisionFilter, Entry, Facet, GrantUse, Head, Place,
    ShadowFilter, ShadowPage, StoreError, Tally,
};
use crate::types::{ClientId, GrantId, OrgId, RecordId, RequestId, Timestamp, UserId};

/// Rows in one INSERT: statements of these sizes stay prepared. SQLite takes 32 766 parameters, and a row has nineteen.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];
const COLUMNS: usize = 19;

/// Records that one change has as JSON at a time, however many it writes: as many as one INSERT takes.
pub(super) const AT_ONCE: usize = SIZES[0];

/// The INSERT of so many rows; each size is made once.
static INSERTS: LazyLock<[SqlStr; SIZES.len()]> = LazyLock::new(|| SIZES.map(statement));

/// Rows in one DELETE, so that nothing waits long behind it.
const EXPIRE_BATCH: i64 = 5000;

/// What a denied call adds to a sum besides the one that every call adds.
const DENIED: i64 = 1 << 32;

fn statement(rows: usize) -> SqlStr {
    let mut statement = QueryBuilder::<Db>::new(
        "INSERT INTO audit_records (id, time, org_id, user_id, client_id, grant_id, request_id, api, operation, tool, \
         denied, reason, status, micros, search, record, would_deny, shadow, sealed) ",
    );
    statement.push_values(0..rows, |mut row, _| {
        for _ in 0..COLUMNS {
            row.push_bind(0_i64);
        }
    });
    statement.push(" ON CONFLICT (id) DO NOTHING");
    statement.into_sql()
}

/// Writes records, leaves those alone that are there, and says how many are new. `sealed` is the number of the batch that will
/// have them; without one they wait to be sealed.
pub(super) async fn insert(connection: &mut Connection, records: &[&Written], sealed: Option<i64>) -> Result<u64, StoreError> {
    let (mut rest, mut new) = (records, 0);
    for (size, statement) in SIZES.iter().zip(&*INSERTS) {
        while let Some((batch, others)) = rest.split_at_checked(*size) {
            rest = others;
            let mut query = sqlx::query(statement.clone());
            for record in batch {
                query = bound(query, AuditColumns::of(record)).bind(sealed);
            }
            new += query.execute(&mut *connection).await.doing("write audit records")?.rows_affected();
        }
    }
    Ok(new)
}

type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

fn bound<'q>(query: Query<'q>, columns: AuditColumns<'q>) -> Query<'q> {
    query
        .bind(columns.of.id.as_str())
        .bind(columns.of.time.millis())
        .bind(columns.of.org.as_ref().map(OrgId::as_str))
        .bind(columns.of.actor.user.as_ref().map(UserId::as_str))
        .bind(columns.client)
        .bind(columns.grant)
        .bind(columns.of.origin.request.as_str())
        .bind(columns.api)
        .bind(columns.operation)
        .bind(columns.tool)
        .bind(columns.denied)
        .bind(columns.reason)
        .bind(columns.status)
        .bind(columns.micros)
        .bind(columns.search)
        .bind(columns.record)
        .bind(columns.would_deny)
        .bind(columns.shadow)
}

/// Those of `records` that are not in the log, each once.
async fn missing<'r>(connection: &mut Connection, records: &'r [Written]) -> Result<Vec<&'r Written>, StoreError> {
    let mut missing: BTreeMap<&RecordId, &Written> = BTreeMap::new();
    for written in records {
        missing.entry(&written.record.id).or_insert(written);
    }
    let ids: Vec<RecordId> = missing.keys().map(|id| (*id).clone()).collect();
    for batch in ids.chunks(SIZES[0]) {
        let mut query = QueryBuilder::<Db>::new("SELECT id FROM audit_records WHERE id IN ");
        among(&mut query, batch.iter().map(RecordId::as_str));
        for row in query.build().fetch_all(&mut *connection).await.doing("look for audit records")? {
            missing.remove(&Fields::of(&row, "audit_records", "id").parsed("id", RecordId::parse)?);
        }
    }
    Ok(missing.into_values().collect())
}

/// Writes the records that are new, counts what was used, and seals them where there is a place for a batch.
pub(super) async fn append(engine: &Engine, records: &[Written], place: Option<&Place<'_>>) -> Result<Option<Head>, StoreError> {
    if records.is_empty() {
        return Ok(None);
    }
    let number = place.map(Place::number);
    let all: Vec<&Written> = records.iter().collect();
    let mut tx = engine.write.begin_with(BEGIN).await.doing("begin a transaction")?;
    if insert(&mut tx, &all, number).await? == all.len() as u64 {
        return finish(tx, &all, place).await;
    }
    // Some came before, when nobody could tell whether they had been taken: what a grant did must not count twice, and no batch
    // but that of the first time has them.
    tx.rollback().await.doing("start over")?;
    let mut tx = engine.write.begin_with(BEGIN).await.doing("begin a transaction")?;
    let new = missing(&mut tx, records).await?;
    if new.is_empty() {
        tx.rollback().await.doing("leave the log as it is")?;
        return Ok(None);
    }
    if insert(&mut tx, &new, number).await? != new.len() as u64 {
        let raced = std::io::Error::other("somebody else wrote the same records at the same time");
        return Err(raced).doing("write audit records");
    }
    finish(tx, &new, place).await
}

async fn finish(mut tx: Transaction, new: &[&Written], place: Option<&Place<'_>>) -> Result<Option<Head>, StoreError> {
    usage::count(&mut tx, new.iter().map(|w| &w.record)).await?;
    shadow::count(&mut tx, new.iter().map(|w| &w.record)).await?;
    let head = match place {
        Some(place) => {
            let entries: Vec<Entry> = new.iter().map(|written| Entry::of(written)).collect();
            Some(proof::seal(&mut tx, place, &entries).await?)
        }
        None => None,
    };
    tx.commit().await.doing("commit audit records")?;
    Ok(head)
}

/// Adds ` WHERE …` for everything that the filter narrows by.
fn narrow(query: &mut QueryBuilder<Db>, filter: &AuditFilter) {
    query.push(" WHERE 1 = 1");
    let tool = filter.tool.as_deref().map(indexed);
    let same = [
        (" AND org_id = ", filter.org.as_ref().map(OrgId::as_str)),
        (" AND user_id = ", filter.user.as_ref().map(UserId::as_str)),
        (" AND client_id = ", filter.client.as_ref().map(ClientId::as_str)),
        (" AND grant_id = ", filter.grant.as_ref().map(GrantId::as_str)),
        (" AND request_id = ", filter.request.as_ref().map(RequestId::as_str)),
        (" AND api = ", filter.api.as_deref()),
        (" AND tool = ", tool.as_deref()),
    ];
    for (condition, value) in same.into_iter().filter_map(|(c, v)| Some((c, v?))) {
        query.push(condition).push_bind(storable(value));
    }
    if let Some(from) = filter.from {
        query.push(" AND time >= ").push_bind(from.millis());
    }
    if let Some(to) = filter.to {
        query.push(" AND time < ").push_bind(to.millis());
    }
    match filter.operation.as_deref().map(|o| (o, o.strip_suffix('*'))) {
        Some((_, Some(start))) => {
            query.push(" AND operation LIKE ").push_bind(like(start, "", "%")).push(r" ESCAPE '\'");
        }
        Some((whole, None)) => {
            query.push(" AND operation = ").push_bind(storable(whole));
        }
        None => {}
    }
    if let Some(status) = filter.status {
        query
            .push(" AND status >= ")
            .push_bind(i64::from(status.first))
            .push(" AND status <= ")
            .push_bind(i64::from(status.last));
    }
    match filter.decision {
        Some(DecisionFilter::Unknown) => {
            query.push(" AND NOT denied AND api IS NOT NULL AND status IS NULL");
        }
        Some(DecisionFilter::WouldDeny) => {
            query.push(" AND would_deny IS NOT NULL");
        }
        Some(decision) => {
            query.push(" AND denied = ").push_bind(decision == DecisionFilter::Denied);
        }
        None => {}
    }
    if let Some(text) = filter.text.as_deref().filter(|t| !t.is_empty()) {
        query.push(" AND search LIKE ").push_bind(like(&text.to_lowercase(), "%", "%")).push(r" ESCAPE '\'");
    }
}

fn record(row: &Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow { record: Fields::of(row, "audit_records", "id").json("record")? })
}

/// Goes on behind the last record of a page.
fn behind(query: &mut QueryBuilder<Db>, after: Option<&Cursor>) {
    if let Some(cursor) = after {
        query.push(" AND (time, id) < (").push_bind(cursor.time.millis());
        query.push(", ").push_bind(cursor.id.as_str().to_owned()).push(")");
    }
}

/// Newest first. One more than asked for tells whether there is a next page.
fn one_more(query: &mut QueryBuilder<Db>, limit: u32) -> &mut QueryBuilder<Db> {
    query.push(" ORDER BY time DESC, id DESC LIMIT ").push_bind(i64::from(limit) + 1)
}

/// One page of what happened to a user's account and grants. Each part finds its newest in an index of its own, which one condition
/// with OR could not: the whole log would be read.
pub(super) fn events_page(user: &UserId, org: Option<&OrgId>, after: Option<&Cursor>, limit: u32) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new("SELECT id, record FROM audit_records WHERE id IN (");
    let newest = |query: &mut QueryBuilder<Db>| {
        if let Some(org) = org {
            query.push(" AND COALESCE(r.org_id, ").push_bind(org.as_str().to_owned());
            query.push(") = ").push_bind(org.as_str().to_owned());
        }
        if let Some(cursor) = after {
            query.push(" AND (r.time, r.id) < (").push_bind(cursor.time.millis());
            query.push(", ").push_bind(cursor.id.as_str().to_owned()).push(")");
        }
        query.push(" ORDER BY r.time DESC, r.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
    };
    // What they did, and not to somebody else's account.
    query.push("SELECT id FROM (SELECT r.id FROM audit_records r WHERE r.user_id = ").push_bind(user.as_str().to_owned());
    query.push(" AND r.api IS NULL AND (r.about IS NULL OR r.about = r.user_id) AND r.operation IN ");
    among(&mut query, Operation::OF_ACCOUNTS.iter().map(|operation| operation.name()));
    newest(&mut query);
    // What somebody else did to their account: in the log of each organization that they were in, with the same request and time.
    query.push(") AS did UNION ALL SELECT id FROM (SELECT r.id FROM audit_records r WHERE r.about = ");
    query.push_bind(user.as_str().to_owned()).push(" AND (r.user_id IS NULL OR r.user_id <> r.about)");
    if org.is_none() {
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM audit_records t WHERE t.about = r.about AND t.time = r.time AND t.id < r.id \
             AND t.request_id = r.request_id AND t.operation = r.operation)",
        );
    }
    newest(&mut query);
    // What anybody did to their grants. The words of this join keep SQLite from beginning with the log.
    query.push(") AS had UNION ALL SELECT id FROM (SELECT r.id FROM grants g CROSS JOIN audit_records r WHERE g.user_id = ");
    query.push_bind(user.as_str().to_owned()).push(" AND r.grant_id = g.id AND r.api IS NULL AND r.operation IN ");
    among(&mut query, Operation::OF_GRANTS.iter().map(|operation| operation.name()));
    newest(&mut query);
    query.push(") AS granted)");
    one_more(&mut query, limit);
    query
}

fn page(found: &[Row], limit: u32) -> Result<AuditPage, StoreError> {
    let limit = limit as usize;
    let rows = found.iter().take(limit).map(record).collect::<Result<Vec<_>, _>>()?;
    let last = rows.last().filter(|_| found.len() > limit);
    let next = last.map(|row| Cursor { time: row.record.time, id: row.record.id.clone() });
    Ok(AuditPage { rows, next })
}

impl Engine {
    /// The span that a histogram covers; where the filter leaves an end open, the records give it.
    async fn span(&self, filter: &AuditFilter) -> Result<Option<(i64, i64)>, StoreError> {
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            return Ok(Some((from.millis(), to.millis())));
        }
        let mut query = QueryBuilder::<Db>::new("SELECT MIN(time) AS first, MAX(time) AS last FROM audit_records");
        narrow(&mut query, filter);
        let row = query.build().fetch_one(&mut *self.reader().await?).await.doing("find the span of the log")?;
        let fields = Fields::of(&row, "audit_records", "first");
        let ends = fields.value::<Option<i64>>("first")?.zip(fields.value::<Option<i64>>("last")?);
        Ok(ends.map(|(first, last)| {
            (filter.from.map_or(first, Timestamp::millis), filter.to.map_or(last.saturating_add(1), Timestamp::millis))
        }))
    }
}

#[async_trait]
impl AuditLogStore for Engine {
    async fn append_written(&self, records: &[Written]) -> Result<(), StoreError> {
        append(self, records, None).await.map(drop)
    }

    async fn search_audit(&self, filter: &AuditFilter, after: Option<&Cursor>, limit: u32) -> Result<AuditPage, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT id, record FROM audit_records");
        narrow(&mut query, filter);
        behind(&mut query, after);
        let found = one_more(&mut query, limit).build().fetch_all(&mut *self.reader().await?).await.doing("search the log")?;
        page(&found, limit)
    }

    async fn own_events(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<AuditPage, StoreError> {
        let mut query = events_page(user, org, after, limit);
        let found = query.build().fetch_all(&mut *self.reader().await?).await.doing("read own events")?;
        page(&found, limit)
    }

    async fn audit_record(&self, id: &RecordId, org: Option<&OrgId>) -> Result<Option<AuditRow>, StoreError> {
        let row = sqlx::query("SELECT id, org_id, record FROM audit_records WHERE id = $1 AND ($2 IS NULL OR org_id = $2)")
            .bind(id.as_str())
            .bind(org.map(OrgId::as_str))
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an audit record")?;
        row.as_ref().map(record).transpose()
    }

    async fn audit_histogram(&self, filter: &AuditFilter, buckets: u32) -> Result<Vec<Bucket>, StoreError> {
        let Some((from, to)) = self.span(filter).await?.filter(|(from, to)| from < to && buckets > 0) else {
            return Ok(Vec::new());
        };
        let (span, count) = (to - from, i64::from(buckets));
        // The first instant of bucket n is the first whose (instant - from) * count / span is n.
        let starts: Vec<i64> = (0..=count).map(|n| from + (n * span + count - 1) / count).collect();
        // A range of an index for each bucket needs no sorting, and one sum tells both counts in one pass.
        let mut query = QueryBuilder::<Db>::new("SELECT bar.column1 AS start, COALESCE((SELECT CAST(SUM(CASE WHEN denied THEN ");
        query.push(DENIED + 1).push(" ELSE 1 END) AS BIGINT) FROM audit_records");
        narrow(&mut query, &AuditFilter { from: None, to: None, ..filter.clone() });
        query.push(" AND time >= bar.column1 AND time < bar.column2), 0) AS counted FROM (");
        query.push_values(starts.windows(2), |mut row, ends| {
            row.push_bind(ends[0]).push_bind(ends[1]);
        });
        query.push(") AS bar ORDER BY 1");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("count the log")?;
        let bucket = |row| {
            let fields = Fields::of(row, "audit_records", "start");
            let counted = fields.value::<i64>("counted")?;
            let (denied, total) = (counted / DENIED, counted % DENIED);
            Ok(Bucket { start: fields.time("start")?, total: total.unsigned_abs(), denied: denied.unsigned_abs() })
        };
        rows.iter().map(bucket).collect()
    }

    async fn audit_tallies(&self, filter: &AuditFilter, by: Facet, limit: u32) -> Result<Vec<Tally>, StoreError> {
        let column = match by {
            Facet::Client => "client_id",
            Facet::User => "user_id",
            Facet::Tool => "tool",
            Facet::Operation => "operation",
            Facet::Decision => {
                "CASE WHEN denied THEN 'denied' WHEN would_deny IS NOT NULL THEN 'would_deny' \
                 WHEN api IS NOT NULL AND status IS NULL THEN 'unknown' ELSE 'allowed' END"
            }
        };
        let mut query = QueryBuilder::<Db>::new("SELECT ");
        query.push(column).push(" AS value, COUNT(*) AS total, COUNT(*) FILTER (WHERE denied) AS denied FROM audit_records");
        narrow(&mut query, filter);
        query.push(" AND ").push(column).push(" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("count the log")?;
        let tally = |row| {
            let fields = Fields::of(row, "audit_records", "value");
            Ok(Tally { value: fields.value("value")?, total: fields.count("total")?, denied: fields.count("denied")? })
        };
        rows.iter().map(tally).collect()
    }

    async fn shadow_calls(&self, filter: &ShadowFilter, skip: u32, limit: u32) -> Result<ShadowPage, StoreError> {
        shadow::calls(&mut *self.reader().await?, filter, skip, limit).await
    }

    async fn grant_use(&self, grants: &[GrantId], at: Timestamp, days: u32) -> Result<Vec<(GrantId, GrantUse)>, StoreError> {
        let mut connection = self.reader().await?;
        usage::of_grants(&mut connection, grants, at, days).await
    }

    async fn expire_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut expired = 0;
        loop {
            let done = sqlx::query(
                "DELETE FROM audit_records WHERE id IN (SELECT id FROM audit_records WHERE time < $1 ORDER BY time LIMIT $2)",
            )
            .bind(before.millis())
            .bind(EXPIRE_BATCH)
            .execute(&mut *self.writer().await?)
            .await
            .doing("expire audit records")?;
            expired += done.rows_affected();
            if done.rows_affected() == 0 {
                break;
            }
        }
        let mut connection = self.writer().await?;
        let hooks = hooks::forget(&mut connection, before).await;
        let shadow = shadow::forget(&mut connection, before).await;
        // SQLite has this one connection.
        drop(connection);
        let used = usage::forget(self, before).await;
        hooks.and(shadow).and(used)?;
        Ok(expired)
    }
}
