//! What is changed of a client: its state, what it may ask for, its terms.

use super::super::fault::Doing;
use super::super::values::json;
use super::accounts::record_in_each;
use super::clients::{changed, lock, millis, orgs_using, owner};
use super::engine::Tx;
use super::rows::{self, Fields};
use crate::record::{ControlEvent, Operation};
use crate::store::{ClientState, ClientTerms, Hand, StoreError, Subject};
use crate::types::{ClientId, OrgId, ScopeSet};

/// Locks the app of a client, if it has one, so that nobody switches it meanwhile. Apps are locked before their clients.
pub(super) async fn lock_app_of(tx: &mut Tx<'_>, id: &ClientId) -> Result<(), StoreError> {
    sqlx::query("UPDATE apps SET state = state WHERE id = (SELECT c.app_id FROM clients c WHERE c.id = $1)")
        .bind(id.as_str())
        .execute(tx.connection())
        .await
        .doing("lock the app of a client")
        .map(drop)
}

/// Writes the state of a client, with its records, unless it already is so.
async fn switch(tx: &mut Tx<'_>, id: &ClientId, state: ClientState) -> Result<bool, StoreError> {
    // A client of an app that is off is on again with its app, and not alone.
    let (statement, operation, comment) = match state {
        ClientState::Active => (
            "UPDATE clients SET frozen_at = NULL, thawed_state = NULL, \
             state = CASE WHEN frozen_at IS NULL THEN 'active' ELSE COALESCE(thawed_state, 'active') END \
             WHERE id = $1 AND state = 'disabled' AND deleted_at IS NULL AND (frozen_at IS NOT NULL OR NOT EXISTS \
             (SELECT 1 FROM apps a WHERE a.id = clients.app_id AND a.state = 'disabled')) RETURNING id, org_id",
            Operation::ClientEnable,
            None,
        ),
        ClientState::Disabled => (
            "UPDATE clients SET state = 'disabled', frozen_at = NULL, thawed_state = NULL \
             WHERE id = $1 AND (state = 'active' OR frozen_at IS NOT NULL) AND deleted_at IS NULL RETURNING id, org_id",
            Operation::ClientDisable,
            None,
        ),
        ClientState::Frozen => (
            "UPDATE clients SET thawed_state = state, state = 'disabled', frozen_at = $2 \
             WHERE id = $1 AND (state = 'active' OR frozen_at IS NULL) AND deleted_at IS NULL RETURNING id, org_id",
            Operation::ClientDisable,
            Some("frozen by the operator"),
        ),
    };
    let at = tx.cause.at.millis();
    let query = sqlx::query(statement).bind(id.as_str());
    let query = if state == ClientState::Frozen { query.bind(at) } else { query };
    let Some(row) = query.fetch_optional(tx.connection()).await.doing("switch a client")? else { return Ok(false) };
    let event = ControlEvent::done(operation).on("client", id.as_str());
    let event = match comment {
        Some(comment) => event.with_comment(comment),
        None => event,
    };
    told(tx, id, owner(&row)?, &event).await?;
    Ok(true)
}

/// The same by a hand, which may not undo the operator's freeze; what is switched on may be given tokens again. The client's app, if it
/// has one, is locked.
pub(super) async fn set_state(tx: &mut Tx<'_>, id: &ClientId, state: ClientState, hand: Hand) -> Result<bool, StoreError> {
    if hand == Hand::Owner {
        // Whoever freezes or thaws at the same time waits for this row.
        let held = sqlx::query("UPDATE clients SET state = state WHERE id = $1 AND (state <> 'disabled' OR frozen_at IS NULL)")
            .bind(id.as_str())
            .execute(tx.connection())
            .await
            .doing("lock a client")?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
    }
    let lifted = state == ClientState::Active && lift(tx, id).await?;
    Ok(switch(tx, id, state).await? || lifted)
}

/// Whether a client is there and in a state.
pub(super) async fn is_so(tx: &mut Tx<'_>, id: &ClientId, state: ClientState) -> Result<bool, StoreError> {
    let row = sqlx::query(concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.id = $1 AND c.deleted_at IS NULL"))
        .bind(id.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("read a client")?;
    Ok(row.as_ref().map(rows::client).transpose()?.is_some_and(|client| client.state == state))
}

/// Writes what a client may ask for, with its records, unless it is gone, or frozen and the hand its owner's.
pub(super) async fn write_scopes(
    tx: &mut Tx<'_>,
    id: &ClientId,
    scopes: Option<&ScopeSet>,
    hand: Hand,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "UPDATE clients SET scopes = $1 WHERE id = $2 AND deleted_at IS NULL \
         AND ($3 OR state <> 'disabled' OR frozen_at IS NULL) RETURNING id, org_id",
    )
    .bind(scopes.map(json).transpose()?)
    .bind(id.as_str())
    .bind(hand == Hand::Operator)
    .fetch_optional(tx.connection())
    .await
    .doing("write a client's scopes")?;
    let Some(row) = row else { return Ok(false) };
    let event = ControlEvent::done(Operation::ClientUpdate).with_scopes(scopes.cloned().unwrap_or_default());
    let comment = if scopes.is_some() { "its allowed scopes" } else { "its allowed scopes: every public scope" };
    told(tx, id, owner(&row)?, &event.on("client", id.as_str()).with_comment(comment)).await?;
    Ok(true)
}

/// Writes the terms of a client, with its records, unless it is gone or an app's, or frozen and the hand its owner's.
pub(super) async fn write_terms(tx: &mut Tx<'_>, id: &ClientId, terms: ClientTerms, hand: Hand) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "UPDATE clients SET access_token_ttl = CASE WHEN $1 THEN access_token_ttl ELSE $2 END, \
         require_state = COALESCE($3, require_state) WHERE id = $4 AND deleted_at IS NULL AND app_id IS NULL \
         AND ($5 OR state <> 'disabled' OR frozen_at IS NULL) RETURNING id, org_id",
    )
    .bind(terms.access_token_ttl.stays())
    .bind(terms.access_token_ttl.over(None).map(millis))
    .bind(terms.require_state)
    .bind(id.as_str())
    .bind(hand == Hand::Operator)
    .fetch_optional(tx.connection())
    .await
    .doing("write the terms of a client")?;
    let Some(row) = row else { return Ok(false) };
    let event = ControlEvent::done(Operation::ClientUpdate).with_comment(terms.to_string());
    changed(tx, id, owner(&row)?.as_ref(), event);
    Ok(true)
}

/// Lets a machine client be given tokens again whose authorization was revoked; whether it was. To thaw a client is not to say
/// anything about that.
async fn lift(tx: &mut Tx<'_>, id: &ClientId) -> Result<bool, StoreError> {
    let Some(row) = lock(tx, id).await? else { return Ok(false) };
    if Fields::of(&row, "clients", "id").value::<bool>("frozen")? {
        return Ok(false);
    }
    let at = tx.cause.at.millis();
    let done = sqlx::query(concat!(
        "UPDATE grants SET lifted_at = $1 WHERE client_id = $2 AND machine AND revoked_at IS NOT NULL AND lifted_at IS NULL AND ",
        barred!("grants.client_id", "grants.user_id", "grants.org_id")
    ))
    .bind(at)
    .bind(id.as_str())
    .execute(tx.connection())
    .await
    .doing("lift the revocation of a machine client's grant")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let event = ControlEvent::done(Operation::ClientEnable).on("client", id.as_str());
    told(tx, id, owner(&row)?, &event.with_comment("what it held was revoked; it may be given tokens again")).await?;
    Ok(true)
}

/// Tells nodes, and the logs of the client's organization and of all that use it.
async fn told(tx: &mut Tx<'_>, id: &ClientId, owner: Option<OrgId>, event: &ControlEvent) -> Result<(), StoreError> {
    let mut concerned = orgs_using(tx, id).await?;
    concerned.extend(owner);
    tx.touch(Subject::Client { id: id.clone() });
    record_in_each(tx, &concerned, event);
    Ok(())
}
