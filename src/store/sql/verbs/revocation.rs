//! How grants end, whoever ends them.

use super::super::audit_row::revoked;
use super::super::fault::Doing;
use super::super::values::word;
use super::Row;
use super::engine::Tx;
use super::rows::Fields;
use crate::store::{Holder, RevokeReason, StoreError, Subject};
use crate::types::{AppId, ClientId, GrantId, OrgId, ScopeToken, UserId};

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
    /// Every grant of an app's clients in an organization.
    AppIn(&'a OrgId, &'a AppId),
    /// Every grant of a holder's clients that holds a scope.
    Holding(&'a Holder, &'a ScopeToken),
}

/// A grant that ended.
pub(super) struct Ended {
    /// Which.
    pub(super) id: GrantId,
    /// Where.
    pub(super) org: OrgId,
    /// Whose.
    pub(super) user: UserId,
}

/// Ends grants that live, with a record and a feed line for each. Codes and refresh tokens end with their grant: every verb
/// that takes one asks for a live grant in the same statement.
pub(super) async fn end(tx: &mut Tx<'_>, which: Ending<'_>, reason: RevokeReason) -> Result<Vec<Ended>, StoreError> {
    let rows = update(tx, which, reason).await?;
    let mut ended = Vec::with_capacity(rows.len());
    for row in &rows {
        let fields = Fields::of(row, "grants", "id");
        let grant = Ended {
            id: fields.parsed("id", GrantId::parse)?,
            org: fields.parsed("org_id", OrgId::parse)?,
            user: fields.parsed("user_id", UserId::parse)?,
        };
        tx.touch(Subject::Grant { id: grant.id.clone() });
        tx.record(Some(&grant.org), revoked(reason).on("grant", grant.id.as_str()));
        ended.push(grant);
    }
    Ok(ended)
}

/// The words of a reason. Those that were not there from the first are a detail of what stands for them.
fn words(reason: RevokeReason) -> Result<(String, Option<String>), StoreError> {
    match reason {
        RevokeReason::Uninstalled | RevokeReason::Policy => Ok((word(&RevokeReason::Admin)?, Some(word(&reason)?))),
        _ => Ok((word(&reason)?, None)),
    }
}

macro_rules! ending {
    ($which:literal) => {
        concat!(
            "UPDATE grants SET revoked_at = $1, revoke_reason = $2, revoke_detail = $3 WHERE revoked_at IS NULL AND ",
            $which,
            " RETURNING id, org_id, user_id"
        )
    };
}

async fn update(tx: &mut Tx<'_>, which: Ending<'_>, reason: RevokeReason) -> Result<Vec<Row>, StoreError> {
    let (at, (reason, detail)) = (tx.cause.at.millis(), words(reason)?);
    let statement = match which {
        Ending::One(..) => ending!("id = $4 AND (expires_at IS NULL OR expires_at > $1) AND user_id = COALESCE($5, user_id)"),
        Ending::User(_) => ending!("user_id = $4"),
        Ending::Member(..) => ending!("user_id = $4 AND org_id = $5"),
        Ending::Client(_) => ending!("client_id = $4"),
        Ending::ClientIn(..) => ending!("client_id = $4 AND org_id = $5"),
        Ending::AppIn(..) => ending!("client_id IN (SELECT id FROM clients WHERE app_id = $4) AND org_id = $5"),
        // A scope has no character that JSON escapes: it stands there as it is, in quotation marks.
        Ending::Holding(..) => {
            ending!("client_id IN (SELECT id FROM clients WHERE app_id = $4 OR id = $4) AND REPLACE(scopes, $5, '') <> scopes")
        }
    };
    let query = sqlx::query(statement).bind(at).bind(reason).bind(detail);
    let query = match which {
        Ending::One(id, owner) => query.bind(id.as_str()).bind(owner.map(|o| o.as_str().to_owned())),
        Ending::User(user) => query.bind(user.as_str()),
        Ending::Member(org, user) => query.bind(user.as_str()).bind(org.as_str()),
        Ending::Client(client) => query.bind(client.as_str()),
        Ending::ClientIn(org, client) => query.bind(client.as_str()).bind(org.as_str()),
        Ending::AppIn(org, app) => query.bind(app.as_str()).bind(org.as_str()),
        Ending::Holding(holder, scope) => query.bind(holder.as_str()).bind(format!("\"{scope}\"")),
    };
    query.fetch_all(tx.connection()).await.doing("revoke grants")
}
