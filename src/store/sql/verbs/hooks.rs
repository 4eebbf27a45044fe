//! What hooks are told.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::engine::Engine;
use super::rows::Fields;
use super::{BEGIN, Connection, Db, Row};
use crate::record::{AuditRecord, Cause, ControlEvent, Event, Operation};
use crate::store::{HookDelivery, HookStore, NewDelivery, StoreError, WaitingRecord};
use crate::types::{OrgId, RecordId, Timestamp};

/// Records in one INSERT.
const AT_ONCE: usize = 256;

/// Puts the records of security events before the hooks.
pub(super) async fn announce(connection: &mut Connection, records: &[AuditRecord]) -> Result<(), StoreError> {
    let told = |r: &&AuditRecord| matches!(&r.event, Event::Control(event) if event.operation.is_security_event());
    let told: Vec<_> = records.iter().filter(told).collect();
    for some in told.chunks(AT_ONCE) {
        let mut query = QueryBuilder::<Db>::new("INSERT INTO hook_events (record_id, at) ");
        query.push_values(some, |mut row, record| {
            row.push_bind(record.id.as_str()).push_bind(record.time.millis());
        });
        // Most changes are one event: that statement stays prepared.
        let query = query.build().persistent(some.len() == 1);
        query.execute(&mut *connection).await.doing("put records before hooks")?;
    }
    Ok(())
}

/// Forgets what nobody looked at for as long as records are kept.
pub(super) async fn forget(connection: &mut Connection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM hook_events WHERE at < $1")
        .bind(before.millis())
        .execute(connection)
        .await
        .doing("forget records before hooks")
        .map(drop)
}

fn delivery(row: &Row) -> Result<HookDelivery, StoreError> {
    let f = Fields::of(row, "hook_deliveries", "record_id");
    let what = NewDelivery {
        hook: f.value("hook")?,
        record: f.parsed("record_id", RecordId::parse)?,
        org: f.maybe_parsed("org_id", OrgId::parse)?,
        body: f.value("body")?,
    };
    let attempts = u32::try_from(f.count("attempts")?).map_err(|_| f.inconsistent("attempts"))?;
    Ok(HookDelivery { what, attempts, created_at: f.time("created_at")? })
}

async fn insert(connection: &mut Connection, delivery: &NewDelivery, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO hook_deliveries (hook, record_id, org_id, body, attempts, due_at, created_at) \
         VALUES ($1, $2, $3, $4, 0, $5, $5)",
    )
    .bind(&delivery.hook)
    .bind(delivery.record.as_str())
    .bind(delivery.org.as_ref().map(OrgId::as_str))
    .bind(&delivery.body)
    .bind(at.millis())
    .execute(connection)
    .await
    .doing("queue a delivery")
    .map(drop)
}

#[async_trait]
impl HookStore for Engine {
    async fn hook_events(&self, after: Option<(Timestamp, &RecordId)>, limit: u32) -> Result<Vec<WaitingRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.id AS id, e.at AS at, r.record AS record FROM hook_events e JOIN audit_records r ON r.id = e.record_id \
             WHERE (e.at, e.record_id) > ($1, $2) ORDER BY e.at, e.record_id LIMIT $3",
        )
        .bind(after.map_or(i64::MIN, |(at, _)| at.millis()))
        .bind(after.map_or("", |(_, id)| id.as_str()))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("read records before hooks")?;
        let waiting = |row| {
            let fields = Fields::of(row, "audit_records", "id");
            let id = fields.parsed("id", RecordId::parse)?;
            Ok(WaitingRecord { id, at: fields.time("at")?, record: fields.json("record") })
        };
        rows.iter().map(waiting).collect()
    }

    async fn queue_hooks(&self, looked_at: &[RecordId], deliveries: &[NewDelivery], at: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write.begin_with(BEGIN).await.doing("begin a transaction")?;
        let mut taken = 0;
        for id in looked_at {
            let mine = sqlx::query("DELETE FROM hook_events WHERE record_id = $1")
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .doing("take a record from before hooks")?;
            if mine.rows_affected() == 0 {
                continue;
            }
            taken += 1;
            for delivery in deliveries.iter().filter(|d| d.record == *id) {
                insert(&mut tx, delivery, at).await?;
            }
        }
        tx.commit().await.doing("commit deliveries")?;
        Ok(taken)
    }

    async fn claim_hooks(
        &self,
        hook: &str,
        at: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<HookDelivery>, StoreError> {
        // Nothing is due nearly always: that takes no lock.
        let due = sqlx::query("SELECT record_id FROM hook_deliveries WHERE hook = $1 AND due_at <= $2 LIMIT 1")
            .bind(hook)
            .bind(at.millis())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("look for due deliveries")?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        // The condition stands twice: who waited for another's claim looks at what that one left.
        let rows = sqlx::query(
            "UPDATE hook_deliveries SET due_at = $1, attempts = attempts + 1 WHERE hook = $2 AND due_at <= $3 \
             AND record_id IN (SELECT d.record_id FROM hook_deliveries d WHERE d.hook = $2 AND d.due_at <= $3 \
             ORDER BY d.due_at, d.record_id LIMIT $4) \
             RETURNING hook, record_id, org_id, body, attempts, created_at",
        )
        .bind(until.millis())
        .bind(hook)
        .bind(at.millis())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.writer().await?)
        .await
        .doing("claim deliveries")?;
        rows.iter().map(delivery).collect()
    }

    async fn finish_hook(&self, delivery: &HookDelivery) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM hook_deliveries WHERE hook = $1 AND record_id = $2 AND attempts = $3")
            .bind(&delivery.what.hook)
            .bind(delivery.what.record.as_str())
            .bind(i64::from(delivery.attempts))
            .execute(&mut *self.writer().await?)
            .await
            .doing("finish a delivery")?;
        Ok(done.rows_affected() > 0)
    }

    async fn postpone_hook(&self, delivery: &HookDelivery, due: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE hook_deliveries SET due_at = $4 WHERE hook = $1 AND record_id = $2 AND attempts = $3")
            .bind(&delivery.what.hook)
            .bind(delivery.what.record.as_str())
            .bind(i64::from(delivery.attempts))
            .bind(due.millis())
            .execute(&mut *self.writer().await?)
            .await
            .doing("postpone a delivery")?;
        Ok(done.rows_affected() > 0)
    }

    async fn give_up_hooks(&self, before: Timestamp, cause: &Cause) -> Result<Vec<HookDelivery>, StoreError> {
        // Nothing is given up nearly always: no transaction, and no lock, for that.
        let old = sqlx::query("SELECT record_id FROM hook_deliveries WHERE created_at < $1 AND due_at <= $2 LIMIT 1")
            .bind(before.millis())
            .bind(cause.at.millis())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("look for old deliveries")?;
        if old.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin(cause).await?;
        let rows = sqlx::query(
            "DELETE FROM hook_deliveries WHERE created_at < $1 AND due_at <= $2 \
             RETURNING hook, record_id, org_id, body, attempts, created_at",
        )
        .bind(before.millis())
        .bind(cause.at.millis())
        .fetch_all(tx.connection())
        .await
        .doing("give deliveries up")?;
        let given_up = rows.iter().map(delivery).collect::<Result<Vec<_>, _>>()?;
        for one in &given_up {
            let event = ControlEvent::refused(Operation::HookGiveUp, "not_delivered").on("record", one.what.record.as_str());
            let comment = format!("hook {}, {} attempts", one.what.hook, one.attempts);
            tx.record(one.what.org.as_ref(), event.with_comment(comment));
        }
        tx.commit().await?;
        Ok(given_up)
    }
}
