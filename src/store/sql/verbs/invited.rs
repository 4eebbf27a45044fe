//! Open invitations of somebody who loses what they had: a link that they kept must not bring it back.

use super::super::fault::Doing;
use super::Row;
use super::engine::Tx;
use super::rows::Fields;
use crate::record::{ControlEvent, Operation};
use crate::store::StoreError;
use crate::types::{OrgId, UserId};

/// Withdraws what a user invited to in an organization, and what they are invited to there.
pub(super) async fn withdraw_of(tx: &mut Tx<'_>, org: &OrgId, user: &UserId) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE invitations SET closed_at = $1 WHERE org_id = $2 AND closed_at IS NULL AND expires_at > $1 \
         AND (invited_by = $3 OR email = (SELECT u.email FROM users u WHERE u.id = $3)) RETURNING id, org_id",
    )
    .bind(tx.cause.at.millis())
    .bind(org.as_str())
    .bind(user.as_str())
    .fetch_all(tx.connection())
    .await
    .doing("withdraw a member's invitations")?;
    record(tx, &rows)
}

/// Withdraws what a user invited to anywhere.
pub(super) async fn withdraw_by(tx: &mut Tx<'_>, user: &UserId) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE invitations SET closed_at = $1 WHERE invited_by = $2 AND closed_at IS NULL AND expires_at > $1 RETURNING id, org_id",
    )
    .bind(tx.cause.at.millis())
    .bind(user.as_str())
    .fetch_all(tx.connection())
    .await
    .doing("withdraw a user's invitations")?;
    record(tx, &rows)
}

/// Puts each withdrawal into the log of its organization.
pub(super) fn record(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    for row in rows {
        let fields = Fields::of(row, "invitations", "id");
        let (id, org): (String, OrgId) = (fields.value("id")?, fields.parsed("org_id", OrgId::parse)?);
        tx.record(Some(&org), ControlEvent::done(Operation::InvitationWithdraw).on("invitation", id));
    }
    Ok(())
}
