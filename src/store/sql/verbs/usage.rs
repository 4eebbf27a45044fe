//! How grants are used, counted as their records arrive.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{day, start_of};
use super::among::among;
use super::api_keys;
use super::engine::Engine;
use super::forgetting::Old;
use super::rows::Fields;
use super::{Connection, Db, PASS, Row};
use crate::record::{AuditRecord, Event};
use crate::store::{GrantUse, StoreError};
use crate::types::{ApiKeyId, ClientId, GrantId, OrgId, ScopeToken, Timestamp};

/// Grants that are asked about in one statement.
const AT_ONCE: usize = 500;
/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// What one batch adds to a grant's day.
struct Added {
    calls: i64,
    denied: i64,
    /// When the last one was allowed; 0 when none was. What was refused used nothing, were it only that the grant has ended.
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
    let mut clients: BTreeMap<(&OrgId, &ClientId), (i64, i64)> = BTreeMap::new();
    let mut keys: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for record in records {
        let (Event::Call(call), Some(grant)) = (&record.event, &record.actor.grant) else { continue };
        let today = day(record.time);
        let added = days.entry((grant, today)).or_insert(Added { calls: 0, denied: 0, last_at: 0 });
        added.calls += 1;
        if !call.decision.is_allowed() {
            added.denied += 1;
            continue;
        }
        added.last_at = added.last_at.max(record.time.millis());
        if let (Some(org), Some(client)) = (&record.org, &record.actor.client) {
            let (first, last) = clients.entry((org, client)).or_insert((today, record.time.millis()));
            (*first, *last) = (today.min(*first), record.time.millis().max(*last));
        }
        if let Some(key) = record.actor.token.as_deref().filter(|t| ApiKeyId::is_generated(t)) {
            let last = keys.entry(key).or_insert(record.time);
            *last = record.time.max(*last);
        }
        for scope in call.scopes_needed.iter() {
            let last = scopes.entry((grant, scope)).or_insert(today);
            *last = today.max(*last);
        }
    }
    if days.is_empty() {
        return Ok(());
    }
    write_days(connection, &days).await?;
    write_idling(connection, &days).await?;
    write_clients(connection, &clients).await?;
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

/// Notes on the grants themselves when they were last used; once an hour is enough for lists. A grant that somebody is changing is left
/// out: who ends a hundred thousand of them keeps no record from arriving, and its next call notes it.
async fn write_idling(connection: &mut Connection, days: &BTreeMap<(&GrantId, i64), Added>) -> Result<(), StoreError> {
    for ((grant, _), added) in days {
        if added.last_at == 0 {
            continue;
        }
        let mut query = QueryBuilder::<Db>::new("UPDATE grants SET idle_since = ");
        query.push_bind(added.last_at).push(" WHERE id = (SELECT g.id FROM grants g WHERE g.id = ").push_bind(grant.as_str());
        query.push(" AND g.idle_since < ").push_bind(added.last_at - HOUR).push(PASS).push(")");
        query.build().execute(&mut *connection).await.doing("note the last use of a grant")?;
    }
    Ok(())
}

/// Notes when an organization used a client first and last, whatever becomes of the grants.
async fn write_clients(
    connection: &mut Connection,
    clients: &BTreeMap<(&OrgId, &ClientId), (i64, i64)>,
) -> Result<(), StoreError> {
    if clients.is_empty() {
        return Ok(());
    }
    let mut statement = QueryBuilder::<Db>::new("INSERT INTO client_use (org_id, client_id, first_day, last_at) ");
    statement.push_values(clients, |mut row, ((org, client), (first, last))| {
        row.push_bind(org.as_str()).push_bind(client.as_str()).push_bind(*first).push_bind(*last);
    });
    statement.push(
        " ON CONFLICT (org_id, client_id) DO UPDATE SET \
         first_day = CASE WHEN excluded.first_day < client_use.first_day THEN excluded.first_day ELSE client_use.first_day END, \
         last_at = CASE WHEN excluded.last_at > client_use.last_at THEN excluded.last_at ELSE client_use.last_at END",
    );
    statement.build().persistent(false).execute(connection).await.doing("note the use of clients").map(drop)
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

/// How grants were used in the `days` that end with the day of `at`, in two questions for all of them.
pub(super) async fn of_grants(
    connection: &mut Connection,
    grants: &[GrantId],
    at: Timestamp,
    days: u32,
) -> Result<Vec<(GrantId, GrantUse)>, StoreError> {
    let today = day(at);
    let first = today - i64::from(days) + 1;
    let unused = || GrantUse { calls_per_day: vec![0; days as usize], ..GrantUse::default() };
    let mut found: Vec<_> = grants.iter().map(|grant| (grant.clone(), unused())).collect();
    let places: HashMap<&GrantId, usize> = grants.iter().enumerate().map(|(place, grant)| (grant, place)).collect();
    for some in grants.chunks(AT_ONCE) {
        let mut query = QueryBuilder::<Db>::new("SELECT grant_id, day, calls, last_at FROM grant_use WHERE grant_id IN ");
        among(&mut query, some.iter().map(GrantId::as_str));
        for row in query.build().fetch_all(&mut *connection).await.doing("read the use of grants")? {
            let fields = Fields::of(&row, "grant_use", "day");
            let Some(one) = of_row(&fields, &places, &mut found)? else { continue };
            let used = Some(fields.time("last_at")?).filter(|at| at.millis() > 0);
            one.last_used_at = one.last_used_at.max(used);
            let place = usize::try_from(fields.value::<i64>("day")? - first).ok();
            if let Some(calls) = place.and_then(|p| one.calls_per_day.get_mut(p)) {
                *calls = fields.count("calls")?;
            }
        }
        let mut query = QueryBuilder::<Db>::new("SELECT grant_id, scope, last_day FROM grant_scope_use WHERE last_day >= ");
        query.push_bind(first).push(" AND grant_id IN ");
        among(&mut query, some.iter().map(GrantId::as_str));
        for row in query.build().fetch_all(&mut *connection).await.doing("read the scopes that grants used")? {
            let fields = Fields::of(&row, "grant_scope_use", "scope");
            let Some(one) = of_row(&fields, &places, &mut found)? else { continue };
            let (scope, last) = scope(&row)?;
            one.scopes_used.insert(scope.clone());
            one.scopes_last_used.insert(scope, last);
        }
    }
    Ok(found)
}

/// The use of the grant that a row is about.
fn of_row<'f>(
    fields: &Fields<'_>,
    places: &HashMap<&GrantId, usize>,
    found: &'f mut [(GrantId, GrantUse)],
) -> Result<Option<&'f mut GrantUse>, StoreError> {
    let grant = fields.parsed("grant_id", GrantId::parse)?;
    Ok(places.get(&grant).and_then(|place| found.get_mut(*place)).map(|(_, usage)| usage))
}

fn scope(row: &Row) -> Result<(ScopeToken, Timestamp), StoreError> {
    let fields = Fields::of(row, "grant_scope_use", "scope");
    Ok((fields.parsed("scope", ScopeToken::parse)?, start_of(fields.value("last_day")?)))
}

/// The days before `$1`, but for each grant's last one on which something was allowed: it says when the grant was last used.
const OLD_DAYS: Old = Old {
    table: "grant_use",
    key: "grant_id, day",
    which: "t.day < $1 AND (t.last_at = 0 OR EXISTS (SELECT 1 FROM grant_use n WHERE n.grant_id = t.grant_id AND n.day > t.day \
            AND n.last_at > 0))",
};

/// Forgets the days before `before`, once a day: the last days of grants that nobody uses stay, and are looked at each time.
pub(super) async fn forget(engine: &Engine, before: Timestamp) -> Result<(), StoreError> {
    let first = day(before);
    if engine.forgot.load(Ordering::Relaxed) >= first {
        return Ok(());
    }
    // Until nothing is left: there may be more than are forgotten at once.
    if engine.forget(&OLD_DAYS, &[first]).await? == 0 {
        engine.forgot.store(first, Ordering::Relaxed);
    }
    Ok(())
}
