//! How grants end, whoever ends them.

use super::super::audit_row::revoked;
use super::super::fault::Doing;
use super::super::values::word;
use super::Row;
use super::engine::Tx;
use super::rows::Fields;
use crate::store::{RevokeReason, StoreError, Subject};
use crate::types::{ClientId, GrantId, OrgId, UserId};

/// Which grants end.
#[derive(Clone, Copy)]
pub(super) enum Ending<'a> {
    /// One, unless it has ended by itself; with an owner, only that user's.
    One(&'a GrantId, Option<&'a UserId>),
    /// Every grant of a user.
    User(&'a UserId),
    /// Every grant of a user in an organization.
    Member(&'a OrgId, &'a UserId),
    /// Every grant of a client.
    Client(&'a ClientId),
    /// Every grant of a client in an organization.
    ClientIn(&'a OrgId, &'a ClientId),
}

/// A grant that ended.
pub(super) struct Ended {
    /// Which.
    pub(super) id: GrantId,
    /// Where.
    pub(super) org: OrgId,
}

/// Ends grants that live, with a record and a feed line for each. Codes and refresh tokens end with their grant: every verb
/// that takes one asks for a live grant in the same statement.
pub(super) async fn end(tx: &mut Tx<'_>, which: Ending<'_>, reason: RevokeReason) -> Result<Vec<Ended>, StoreError> {
    let rows = update(tx, which, reason).await?;
    let mut ended = Vec::with_capacity(rows.len());
    for row in &rows {
        let fields = Fields::of(row, "grants", "id");
        let grant = Ended { id: fields.parsed("id", GrantId::parse)?, org: fields.parsed("org_id", OrgId::parse)? };
        tx.touch(Subject::Grant { id: grant.id.clone() });
        tx.record(Some(&grant.org), revoked(reason).on("grant", grant.id.as_str()));
        ended.push(grant);
    }
    Ok(ended)
}

async fn update(tx: &mut Tx<'_>, which: Ending<'_>, reason: RevokeReason) -> Result<Vec<Row>, StoreError> {
    let (at, reason) = (tx.cause.at.millis(), word(&reason)?);
    let query = match which {
        Ending::One(id, owner) => sqlx::query(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $1) AND user_id = COALESCE($4, user_id) RETURNING id, org_id",
        )
        .bind(at)
        .bind(reason)
        .bind(id.as_str())
        .bind(owner.map(UserId::as_str)),
        Ending::User(user) => sqlx::query(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2 WHERE user_id = $3 AND revoked_at IS NULL \
             RETURNING id, org_id",
        )
        .bind(at)
        .bind(reason)
        .bind(user.as_str()),
        Ending::Member(org, user) => sqlx::query(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2 WHERE user_id = $3 AND org_id = $4 \
             AND revoked_at IS NULL RETURNING id, org_id",
        )
        .bind(at)
        .bind(reason)
        .bind(user.as_str())
        .bind(org.as_str()),
        Ending::Client(client) => sqlx::query(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2 WHERE client_id = $3 AND revoked_at IS NULL \
             RETURNING id, org_id",
        )
        .bind(at)
        .bind(reason)
        .bind(client.as_str()),
        Ending::ClientIn(org, client) => sqlx::query(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2 WHERE client_id = $3 AND org_id = $4 \
             AND revoked_at IS NULL RETURNING id, org_id",
        )
        .bind(at)
        .bind(reason)
        .bind(client.as_str())
        .bind(org.as_str()),
    };
    query.fetch_all(tx.connection()).await.doing("revoke grants")
}
