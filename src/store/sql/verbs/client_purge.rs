//! Clients that registered themselves and are not used go again.

use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::among::among;
use super::clients::{changed, owner};
use super::engine::{Engine, Tx};
use super::rows::Fields;
use super::sought::living;
use super::{Db, TAKE};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::StoreError;
use crate::types::{ClientId, Timestamp};

/// Clients that are purged in one change.
const PURGED_AT_ONCE: usize = 500;

/// Locks clients that registered themselves before an instant and have no live grant. Whoever consents to one at this moment holds it:
/// that one is left alone.
async fn take_unused(tx: &mut Tx<'_>, before: Timestamp) -> Result<Vec<ClientId>, StoreError> {
    let at = tx.cause.at;
    let mut query = QueryBuilder::<Db>::new("SELECT c.id AS id FROM clients c WHERE c.origin = 'dynamic' AND c.created_at < ");
    query.push_bind(before.millis());
    query.push(" AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id");
    living(&mut query, at);
    query.push(") AND (c.deleted_at IS NULL OR NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id))");
    query.push(" ORDER BY c.created_at, c.id LIMIT ").push(PURGED_AT_ONCE).push(TAKE);
    let rows = query.build().fetch_all(tx.connection()).await.doing("look for unused clients")?;
    rows.iter().map(|row| Fields::of(row, "clients", "id").parsed("id", ClientId::parse)).collect()
}

/// Removes those of locked clients that still have no live grant; says how many. A statement of its own sees what was committed before
/// they were locked.
async fn purge(tx: &mut Tx<'_>, clients: &[ClientId]) -> Result<u64, StoreError> {
    let at = tx.cause.at;
    // Rows that no grant ever named go for good, so that registering is no way to fill the disk.
    let mut query = QueryBuilder::<Db>::new(
        "DELETE FROM clients WHERE NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id) AND id IN ",
    );
    among(&mut query, clients.iter().map(ClientId::as_str));
    query.push(" RETURNING id, org_id");
    let gone = query.build().fetch_all(tx.connection()).await.doing("purge clients")?;
    let mut query = QueryBuilder::<Db>::new("UPDATE clients SET state = 'disabled', deleted_at = ");
    query
        .push_bind(at.millis())
        .push(" WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id");
    living(&mut query, at);
    query.push(") AND id IN ");
    among(&mut query, clients.iter().map(ClientId::as_str));
    query.push(" RETURNING id, org_id");
    let hidden = query.build().fetch_all(tx.connection()).await.doing("purge clients")?;
    let mut purged = 0;
    for row in gone.iter().chain(&hidden) {
        let id = Fields::of(row, "clients", "id").parsed("id", ClientId::parse)?;
        let event = ControlEvent::done(Operation::ClientDelete).with_comment("it registered itself and was not used");
        changed(tx, &id, owner(row)?.as_ref(), event);
        purged += 1;
    }
    Ok(purged)
}

/// Removes clients that registered themselves before an instant and have no live grant, some at a time; says how many.
pub(super) async fn unused(engine: &Engine, before: Timestamp, cause: &Cause) -> Result<u64, StoreError> {
    let mut purged = 0;
    loop {
        let mut tx = engine.begin(cause).await?;
        let unused = take_unused(&mut tx, before).await?;
        if unused.is_empty() {
            return Ok(purged);
        }
        purged += purge(&mut tx, &unused).await?;
        tx.commit().await?;
        if unused.len() < PURGED_AT_ONCE {
            return Ok(purged);
        }
    }
}
