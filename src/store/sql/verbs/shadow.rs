//! What APIs in shadow mode let pass, counted by caller, route and reason.

use std::collections::{BTreeMap, HashMap};

use sqlx::QueryBuilder;

use super::super::audit_row::kind;
use super::super::fault::Doing;
use super::super::values::{day, start_of, storable};
use super::among::among;
use super::rows::Fields;
use super::{Connection, Db};
use crate::record::{AuditRecord, Event};
use crate::store::{ShadowCount, ShadowFilter, ShadowPage, StoreError};
use crate::types::{OrgId, RecordId, Timestamp};

/// Records that are read, and counts that are written, in one statement.
const AT_ONCE: usize = 500;

/// Counts those of `records`, none of which was counted before, that shadow mode let pass. Rows are written in the order of their
/// keys, so that two nodes never wait for each other.
pub(super) async fn count<'r>(
    connection: &mut Connection,
    records: impl Iterator<Item = &'r AuditRecord>,
) -> Result<(), StoreError> {
    let mut days: BTreeMap<(i64, String), (i64, &AuditRecord, &str)> = BTreeMap::new();
    for record in records {
        let (Event::Call(call), Some(kind)) = (&record.event, kind(record)) else { continue };
        let counted = days.entry((day(record.time), kind)).or_insert((0, record, call.api.as_str()));
        counted.0 += 1;
        if record.id > counted.1.id {
            counted.1 = record;
        }
    }
    for some in days.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
        let mut statement = QueryBuilder::<Db>::new("INSERT INTO shadow_days (day, shadow, org_id, api, calls, last_id) ");
        statement.push_values(some, |mut row, ((day, kind), (calls, last, api))| {
            row.push_bind(*day).push_bind(kind.clone()).push_bind(last.org.as_ref().map(OrgId::as_str));
            row.push_bind(*api).push_bind(*calls).push_bind(last.id.as_str());
        });
        statement.push(
            " ON CONFLICT (day, shadow) DO UPDATE SET calls = shadow_days.calls + excluded.calls, \
             last_id = CASE WHEN excluded.last_id > shadow_days.last_id THEN excluded.last_id ELSE shadow_days.last_id END",
        );
        statement.build().persistent(false).execute(&mut *connection).await.doing("count what shadow mode let pass")?;
    }
    Ok(())
}

/// Forgets the days before that of `before`.
pub(super) async fn forget(connection: &mut Connection, before: Timestamp) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM shadow_days WHERE day < $1").bind(day(before)).execute(connection).await;
    done.doing("forget what shadow mode let pass").map(drop)
}

/// Where counts come from.
enum Part {
    /// Records of a span, in milliseconds: the first and the one behind the last.
    Records(i64, i64),
    /// Whole days: the first and the one behind the last.
    Days(i64, i64),
}

/// A span of time as whole days and what is left over at its ends.
fn parts(filter: &ShadowFilter) -> Vec<Part> {
    let (from, to) = (filter.from.millis(), filter.to.map_or(i64::MAX, Timestamp::millis));
    let first = day(filter.from) + i64::from(start_of(day(filter.from)) != filter.from);
    let end = filter.to.map_or(i64::MAX, day);
    if first >= end {
        return vec![Part::Records(from, to)];
    }
    let mut parts = vec![Part::Records(from, start_of(first).millis()), Part::Days(first, end)];
    parts.extend(filter.to.map(|to| Part::Records(start_of(end).millis(), to.millis())));
    parts
}

/// One page of what would have been refused, most calls first. Days are counted already; a record is read for each line of the
/// page alone.
pub(super) async fn calls(
    connection: &mut Connection,
    filter: &ShadowFilter,
    skip: u32,
    limit: u32,
) -> Result<ShadowPage, StoreError> {
    // Ids grow with time: the greatest is the last call's.
    let mut query = QueryBuilder::<Db>::new(
        "SELECT shadow, CAST(SUM(calls) AS BIGINT) AS calls, MAX(last_id) AS last, COUNT(*) OVER () AS kinds, \
         CAST(SUM(SUM(calls)) OVER () AS BIGINT) AS counted FROM (",
    );
    for (number, part) in parts(filter).into_iter().enumerate() {
        query.push(if number > 0 { " UNION ALL " } else { "" });
        let (select, column, first, end) = match part {
            Part::Records(first, end) => {
                ("SELECT shadow, 1 AS calls, id AS last_id FROM audit_records WHERE shadow IS NOT NULL", "time", first, end)
            }
            Part::Days(first, end) => ("SELECT shadow, calls, last_id FROM shadow_days WHERE 1 = 1", "day", first, end),
        };
        query.push(select).push(" AND ").push(column).push(" >= ").push_bind(first);
        query.push(" AND ").push(column).push(" < ").push_bind(end);
        let same = [(" AND org_id = ", filter.org.as_ref().map(OrgId::as_str)), (" AND api = ", filter.api.as_deref())];
        for (condition, value) in same.into_iter().filter_map(|(c, v)| Some((c, v?))) {
            query.push(condition).push_bind(storable(value));
        }
    }
    query.push(") AS parts GROUP BY shadow ORDER BY 2 DESC, 1 LIMIT ").push_bind(i64::from(limit));
    query.push(" OFFSET ").push_bind(i64::from(skip));
    let found = query.build().fetch_all(&mut *connection).await.doing("count what shadow mode let pass")?;
    let (mut page, mut lines) = (ShadowPage::default(), Vec::with_capacity(found.len()));
    for row in &found {
        let fields = Fields::of(row, "shadow_days", "last");
        (page.kinds, page.calls) = (fields.count("kinds")?, fields.count("counted")?);
        lines.push((fields.parsed("last", RecordId::parse)?, fields.count("calls")?));
    }
    let mut records = last(connection, &lines).await?;
    page.rows = lines.iter().filter_map(|(id, calls)| Some(ShadowCount { calls: *calls, last: records.remove(id)? })).collect();
    Ok(page)
}

/// The last record of each line.
async fn last(connection: &mut Connection, lines: &[(RecordId, u64)]) -> Result<HashMap<RecordId, AuditRecord>, StoreError> {
    let mut records = HashMap::with_capacity(lines.len());
    for some in lines.chunks(AT_ONCE) {
        let mut query = QueryBuilder::<Db>::new("SELECT id, record FROM audit_records WHERE id IN ");
        among(&mut query, some.iter().map(|(id, _)| id.as_str()));
        for row in query.build().fetch_all(&mut *connection).await.doing("read what shadow mode let pass")? {
            let record: AuditRecord = Fields::of(&row, "audit_records", "id").json("record")?;
            records.insert(record.id.clone(), record);
        }
    }
    Ok(records)
}
