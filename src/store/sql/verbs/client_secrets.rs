//! The secrets of clients.

use super::super::fault::Doing;
use super::clients::{changed, frees, lock, owner};
use super::engine::{Engine, Tx};
use super::rows::Fields;
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{Added, ClientSecret, Hand, MAX_SECRETS, Removed, StoreError};
use crate::types::{ClientId, HashedToken, Timestamp};

/// Writes a secret of a client.
pub(super) async fn insert(tx: &mut Tx<'_>, id: &ClientId, secret: &ClientSecret) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO client_secrets (hash, client_id, last4, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&secret.hash.bytes()[..])
        .bind(id.as_str())
        .bind(&secret.last4)
        .bind(secret.created_at.millis())
        .bind(secret.expires_at.map(Timestamp::millis))
        .execute(tx.connection())
        .await
        .doing("write a client's secret")
        .map(drop)
}

/// The secrets of a client that live at the cause's time.
async fn count(tx: &mut Tx<'_>, id: &ClientId) -> Result<u64, StoreError> {
    let at = tx.cause.at.millis();
    let row = sqlx::query(
        "SELECT COUNT(*) AS many FROM client_secrets WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(id.as_str())
    .bind(at)
    .fetch_one(tx.connection())
    .await
    .doing("count a client's secrets")?;
    Fields::of(&row, "client_secrets", "many").count("many")
}

/// The secrets of a client that have not ended at an instant.
pub(super) async fn live(engine: &Engine, id: &ClientId, at: Timestamp) -> Result<Vec<ClientSecret>, StoreError> {
    let rows = sqlx::query(
        "SELECT client_id, hash, last4, created_at, expires_at FROM client_secrets \
         WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at, hash",
    )
    .bind(id.as_str())
    .bind(at.millis())
    .fetch_all(&mut *engine.reader().await?)
    .await
    .doing("read a client's secrets")?;
    let secret = |row| {
        let fields = Fields::of(row, "client_secrets", "client_id");
        Ok(ClientSecret {
            hash: fields.hash("hash")?,
            last4: fields.value("last4")?,
            created_at: fields.time("created_at")?,
            expires_at: fields.maybe_time("expires_at")?,
        })
    };
    rows.iter().map(secret).collect()
}

/// Adds a secret, if there is room; the others live until `others_until`.
pub(super) async fn add(
    engine: &Engine,
    (id, secret): (&ClientId, &ClientSecret),
    others_until: Option<Timestamp>,
    hand: Hand,
    cause: &Cause,
) -> Result<Added, StoreError> {
    let mut tx = engine.begin(cause).await?;
    // Whoever adds one or freezes the client at the same time waits here, and counts this one.
    let Some(row) = lock(&mut tx, id).await? else { return Ok(Added::Absent) };
    if !frees(&row, hand)? {
        return Ok(Added::Frozen);
    }
    if let Some(until) = others_until {
        sqlx::query("UPDATE client_secrets SET expires_at = $1 WHERE client_id = $2 AND (expires_at IS NULL OR expires_at > $1)")
            .bind(until.millis())
            .bind(id.as_str())
            .execute(tx.connection())
            .await
            .doing("end a client's other secrets")?;
    }
    let live = count(&mut tx, id).await?;
    if live >= MAX_SECRETS {
        return Ok(Added::Full(live));
    }
    insert(&mut tx, id, secret).await?;
    let event = ControlEvent::done(Operation::ClientSecretCreate);
    changed(&mut tx, id, owner(&row)?.as_ref(), event.with_comment(format!("the one that ends in {}", secret.last4)));
    tx.commit().await?;
    Ok(Added::Done)
}

/// Removes a secret, unless no other one would live on.
pub(super) async fn remove(
    engine: &Engine,
    (id, secret): (&ClientId, &HashedToken),
    hand: Hand,
    cause: &Cause,
) -> Result<Removed, StoreError> {
    let mut tx = engine.begin(cause).await?;
    let Some(row) = lock(&mut tx, id).await? else { return Ok(Removed::Absent) };
    if !frees(&row, hand)? {
        return Ok(Removed::Frozen);
    }
    let last4: Option<String> = sqlx::query_scalar(
        "DELETE FROM client_secrets WHERE client_id = $1 AND hash = $2 AND EXISTS (SELECT 1 FROM client_secrets o \
         WHERE o.client_id = $1 AND o.hash <> $2 AND (o.expires_at IS NULL OR o.expires_at > $3)) RETURNING last4",
    )
    .bind(id.as_str())
    .bind(&secret.bytes()[..])
    .bind(cause.at.millis())
    .fetch_optional(tx.connection())
    .await
    .doing("remove a client's secret")?;
    let Some(last4) = last4 else {
        return Ok(if has(&mut tx, id, secret).await? { Removed::Last } else { Removed::Unknown });
    };
    let event = ControlEvent::done(Operation::ClientSecretDelete);
    changed(&mut tx, id, owner(&row)?.as_ref(), event.with_comment(format!("the one that ends in {last4}")));
    tx.commit().await?;
    Ok(Removed::Done)
}

/// Whether a client has this secret, ended or not.
async fn has(tx: &mut Tx<'_>, id: &ClientId, secret: &HashedToken) -> Result<bool, StoreError> {
    let last4: Option<String> = sqlx::query_scalar("SELECT last4 FROM client_secrets WHERE client_id = $1 AND hash = $2")
        .bind(id.as_str())
        .bind(&secret.bytes()[..])
        .fetch_optional(tx.connection())
        .await
        .doing("look for a client's secret")?;
    Ok(last4.is_some())
}
