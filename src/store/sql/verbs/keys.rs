//! Signing keys.

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::word;
use super::engine::{Engine, Tx};
use super::rows::Fields;
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{KeyState, KeyStore, SealedKey, StoreError, Subject};
use crate::types::{KeyId, Timestamp};

/// Writes a key; `false` when it would be a second active one.
async fn insert(tx: &mut Tx<'_>, key: &SealedKey, state: KeyState) -> Result<bool, StoreError> {
    let made = sqlx::query(
        "INSERT INTO signing_keys (id, sealed, state, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (state) WHERE state = 'active' DO NOTHING",
    )
    .bind(key.id.as_str())
    .bind(&key.sealed[..])
    .bind(word(&state)?)
    .bind(key.created_at.millis())
    .execute(tx.connection())
    .await
    .doing("write a signing key")?;
    Ok(made.rows_affected() > 0)
}

async fn is_active(tx: &mut Tx<'_>, key: &KeyId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT id FROM signing_keys WHERE id = $1 AND state = 'active'")
        .bind(key.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("ask which key signs")?;
    Ok(row.is_some())
}

fn changed(tx: &mut Tx<'_>, operation: Operation, key: &KeyId) {
    tx.touch(Subject::Keys);
    tx.record(None, ControlEvent::done(operation).on("key", key.as_str()));
}

#[async_trait]
impl KeyStore for Engine {
    async fn signing_keys(&self, at: Timestamp) -> Result<Vec<SealedKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, sealed, state, created_at, forget_at FROM signing_keys WHERE forget_at IS NULL OR forget_at > $1 \
             ORDER BY created_at, id",
        )
        .bind(at.millis())
        .fetch_all(&mut *self.urgent_reader().await?)
        .await
        .doing("read signing keys")?;
        let key = |row| {
            let fields = Fields::of(row, "signing_keys", "id");
            Ok(SealedKey {
                id: fields.parsed("id", KeyId::parse)?,
                sealed: fields.value("sealed")?,
                state: fields.word("state")?,
                created_at: fields.time("created_at")?,
                forget_at: fields.maybe_time("forget_at")?,
            })
        };
        rows.iter().map(key).collect()
    }

    async fn add_first_key(&self, key: &SealedKey, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !insert(&mut tx, key, KeyState::Active).await? {
            return Ok(false);
        }
        changed(&mut tx, Operation::KeyCreate, &key.id);
        changed(&mut tx, Operation::KeyActivate, &key.id);
        tx.commit().await?;
        Ok(true)
    }

    async fn add_next_key(&self, key: &SealedKey, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        insert(&mut tx, key, KeyState::Next).await?;
        changed(&mut tx, Operation::KeyCreate, &key.id);
        tx.commit().await
    }

    async fn activate_key(&self, next: &KeyId, forget_at: Timestamp, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        // One activation at a time: two that each saw the same active key would both retire it.
        sqlx::query("UPDATE feed_head SET position = position WHERE one = 1")
            .execute(tx.connection())
            .await
            .doing("lock the signing keys")?;
        let retired = sqlx::query(
            "UPDATE signing_keys SET state = 'retired', forget_at = $1 \
             WHERE id <> $2 AND (state = 'active' OR (state = 'retired' AND forget_at > $1)) \
             AND EXISTS (SELECT 1 FROM signing_keys n WHERE n.id = $2 AND n.state IN ('next', 'active')) RETURNING id",
        )
        .bind(forget_at.millis())
        .bind(next.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("retire a signing key")?;
        let done = sqlx::query("UPDATE signing_keys SET state = 'active' WHERE id = $1 AND state = 'next'")
            .bind(next.as_str())
            .execute(tx.connection())
            .await
            .doing("activate a signing key")?;
        let activated = done.rows_affected() > 0;
        if !activated && !is_active(&mut tx, next).await? {
            return Ok(false);
        }
        for row in &retired {
            let old = Fields::of(row, "signing_keys", "id").parsed("id", KeyId::parse)?;
            changed(&mut tx, Operation::KeyRetire, &old);
        }
        if activated {
            changed(&mut tx, Operation::KeyActivate, next);
        }
        tx.commit().await?;
        Ok(true)
    }
}
