//! How grants are used, counted as their records arrive.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{day, start_of};
use super::api_keys;
use super::rows::Fields;
use super::{Connection, Db, Row};
use crate::record::{AuditRecord, Event};
use crate::store::{GrantUse, StoreError};
use crate::types::{ApiKeyId, GrantId, ScopeToken, Timestamp};

/// What one batch adds to a grant's day.
struct Added {
    calls: i64,
    denied: i64,
    last_at: i64,
}

/// Counts the calls among `records`, none of which was counted before. Rows are written in the order of their keys, so that
/// two nodes never wait for each other.
pub(super) async fn count<'r>(
    connection: &mut Connection,
    records: impl Iterator<Item = &'r AuditRecord>,
) -> Result<(), StoreError> {
    let mut days: BTreeMap<(&GrantId, i64), Added> = BTreeMap::new();
    let mut scopes: BTreeMap<(&GrantId, &ScopeToken), i64> = BTreeMap::new();
    let mut keys: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for record in records {
        let (Event::Call(call), Some(grant)) = (&record.event, &record.actor.grant) else { continue };
        let today = day(record.time);
        let added = days.entry((grant, today)).or_insert(Added { calls: 0, denied: 0, last_at: 0 });
        added.calls += 1;
        added.denied += i64::from(!call.decision.is_allowed());
        added.last_at = added.last_at.max(record.time.millis());
        if let Some(key) = record.actor.token.as_deref().filter(|t| call.decision.is_allowed() && ApiKeyId::is_generated(t)) {
            let last = keys.entry(key).or_insert(record.time);
            *last = record.time.max(*last);
        }
        if call.decision.is_allowed() {
            for scope in call.scopes_needed.iter() {
                let last = scopes.entry((grant, scope)).or_insert(today);
                *last = today.max(*last);
            }
        }
    }
    if days.is_empty() {
        return Ok(());
    }
    write_days(connection, &days).await?;
    api_keys::used(connection, &keys).await?;
    if scopes.is_empty() { Ok(()) } else { write_scopes(connection, &scopes).await }
}

async fn write_days(connection: &mut Connection, days: &BTreeMap<(&GrantId, i64), Added>) -> Result<(), StoreError> {
    let mut statement = QueryBuilder::<Db>::new("INSERT INTO grant_use (grant_id, day, calls, denied, last_at) ");
    statement.push_values(days, |mut row, ((grant, day), added)| {
        row.push_bind(grant.as_str()).push_bind(*day).push_bind(added.calls).push_bind(added.denied).push_bind(added.last_at);
    });
    statement.push(
        " ON CONFLICT (grant_id, day) DO UPDATE SET calls = grant_use.calls + excluded.calls, \
         denied = grant_use.denied + excluded.denied, \
         last_at = CASE WHEN excluded.last_at > grant_use.last_at THEN excluded.last_at ELSE grant_use.last_at END",
    );
    statement.build().persistent(false).execute(connection).await.doing("count the use of grants").map(drop)
}

async fn write_scopes(connection: &mut Connection, scopes: &BTreeMap<(&GrantId, &ScopeToken), i64>) -> Result<(), StoreError> {
    let all: Vec<_> = scopes.iter().collect();
    for batch in all.chunks(1000) {
        let mut statement = QueryBuilder::<Db>::new("INSERT INTO grant_scope_use (grant_id, scope, last_day) ");
        statement.push_values(batch, |mut row, ((grant, scope), day)| {
            row.push_bind(grant.as_str()).push_bind(scope.as_str()).push_bind(**day);
        });
        statement.push(
            " ON CONFLICT (grant_id, scope) DO UPDATE SET last_day = excluded.last_day \
             WHERE grant_scope_use.last_day < excluded.last_day",
        );
        statement.build().persistent(false).execute(&mut *connection).await.doing("note the scopes that were used")?;
    }
    Ok(())
}

/// How one grant was used in the `days` that end with the day of `at`.
pub(super) async fn of_grant(
    connection: &mut Connection,
    grant: &GrantId,
    at: Timestamp,
    days: u32,
) -> Result<GrantUse, StoreError> {
    let today = day(at);
    let first = today - i64::from(days) + 1;
    let rows = sqlx::query("SELECT day, calls, last_at FROM grant_use WHERE grant_id = $1 ORDER BY day")
        .bind(grant.as_str())
        .fetch_all(&mut *connection)
        .await
        .doing("read the use of a grant")?;
    let mut found = GrantUse { calls_per_day: vec![0; days as usize], ..GrantUse::default() };
    for row in &rows {
        let fields = Fields::of(row, "grant_use", "day");
        found.last_used_at = found.last_used_at.max(Some(fields.time("last_at")?));
        let place = usize::try_from(fields.value::<i64>("day")? - first).ok();
        if let Some(calls) = place.and_then(|p| found.calls_per_day.get_mut(p)) {
            *calls = fields.count("calls")?;
        }
    }
    let rows = sqlx::query("SELECT scope, last_day FROM grant_scope_use WHERE grant_id = $1 AND last_day >= $2 ORDER BY scope")
        .bind(grant.as_str())
        .bind(first)
        .fetch_all(connection)
        .await
        .doing("read the scopes that a grant used")?;
    found.scopes_last_used = rows.iter().map(scope).collect::<Result<_, _>>()?;
    found.scopes_used = found.scopes_last_used.keys().cloned().collect();
    Ok(found)
}

fn scope(row: &Row) -> Result<(ScopeToken, Timestamp), StoreError> {
    let fields = Fields::of(row, "grant_scope_use", "scope");
    Ok((fields.parsed("scope", ScopeToken::parse)?, start_of(fields.value("last_day")?)))
}

/// Forgets the days before `before`, but keeps each grant's last one: it says when the grant was last used.
pub(super) async fn forget(connection: &mut Connection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM grant_use WHERE day < $1 \
         AND EXISTS (SELECT 1 FROM grant_use n WHERE n.grant_id = grant_use.grant_id AND n.day > grant_use.day)",
    )
    .bind(day(before))
    .execute(connection)
    .await
    .doing("forget the use of grants")
    .map(drop)
}
