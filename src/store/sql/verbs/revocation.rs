//! How grants end, whoever ends them.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use super::super::audit_row::revoked;
use super::super::fault::Doing;
use super::super::values::word;
use super::among::among;
use super::engine::Tx;
use super::rows::Fields;
use super::{Db, HOLD, Row};
use crate::store::{Holder, RevokeReason, StoreError, Subject};
use crate::types::{AppId, ClientId, GrantId, OrgId, ScopeToken, UserId};

/// Grants that one statement changes, so that none of them comes near what a statement may take.
pub(super) const AT_ONCE: usize = 500;
/// Grants that nodes are told of one by one.
pub(super) const FEW: usize = 64;

/// Which grants end, of those that have not ended by themselves.
#[derive(Clone, Copy)]
pub(super) enum Ending<'a> {
    /// One; with an owner, only that user's.
    One(&'a GrantId, Option<&'a UserId>),
    /// These, as many as fit into one statement.
    These(&'a [GrantId]),
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
    /// By whom it was held.
    client: ClientId,
}

/// Ends grants that live, with a record for each, and tells nodes. Codes and refresh tokens end with their grant: every verb that
/// takes one asks for a live grant in the same statement.
pub(super) async fn end(tx: &mut Tx<'_>, which: Ending<'_>, reason: RevokeReason) -> Result<Vec<Ended>, StoreError> {
    let ids = hold(tx, which).await?;
    let mut ended = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        for row in &update(tx, some, reason).await? {
            let fields = Fields::of(row, "grants", "id");
            let grant = Ended {
                id: fields.parsed("id", GrantId::parse)?,
                org: fields.parsed("org_id", OrgId::parse)?,
                user: fields.parsed("user_id", UserId::parse)?,
                client: fields.parsed("client_id", ClientId::parse)?,
            };
            tx.record(Some(&grant.org), revoked(reason).on("grant", grant.id.as_str()));
            ended.push(grant);
        }
    }
    tell(tx, which, &ended);
    Ok(ended)
}

/// Tells nodes of grants that ended. Whatever a token rests on is looked at again when its grant changed, and also when its client,
/// its user or the membership did: of many grants one line says it, in place of one for each that every other change waits for.
fn tell(tx: &mut Tx<'_>, which: Ending<'_>, ended: &[Ended]) {
    if ended.len() <= FEW {
        for grant in ended {
            tx.touch(Subject::Grant { id: grant.id.clone() });
        }
        return;
    }
    match which {
        Ending::User(user) => tx.touch(Subject::User { id: user.clone() }),
        Ending::Member(org, user) => tx.touch(Subject::Membership { org: org.clone(), user: user.clone() }),
        _ => {
            for client in ended.iter().map(|grant| &grant.client).collect::<BTreeSet<_>>() {
                tx.touch(Subject::Client { id: client.clone() });
            }
        }
    }
}

/// The words of a reason. Those that were not there from the first are a detail of what stands for them.
fn words(reason: RevokeReason) -> Result<(String, Option<String>), StoreError> {
    match reason {
        RevokeReason::Uninstalled | RevokeReason::Policy => Ok((word(&RevokeReason::Admin)?, Some(word(&reason)?))),
        _ => Ok((word(&reason)?, None)),
    }
}

/// Locks the grants that end, in the order of their ids. What has expired stays as it is, or its history would say that somebody
/// ended it. Another node, whose clock is behind, may think for a moment that it lives: no longer than it would have lived there
/// anyway, since every look at a token asks for the end of its grant, and no verb moves that end away again. A machine's grant,
/// which is written anew, has none.
async fn hold(tx: &mut Tx<'_>, which: Ending<'_>) -> Result<Vec<GrantId>, StoreError> {
    let at = tx.cause.at.millis();
    let mut query =
        QueryBuilder::<Db>::new("SELECT id FROM grants WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ");
    query.push_bind(at).push(")");
    match which {
        Ending::One(id, owner) => {
            query.push(" AND id = ").push_bind(id.as_str());
            if let Some(owner) = owner {
                query.push(" AND user_id = ").push_bind(owner.as_str());
            }
        }
        Ending::These(ids) => {
            query.push(" AND id IN ");
            among(&mut query, ids.iter().map(GrantId::as_str));
        }
        Ending::User(user) => drop(query.push(" AND user_id = ").push_bind(user.as_str())),
        Ending::Member(org, user) => {
            query.push(" AND user_id = ").push_bind(user.as_str()).push(" AND org_id = ").push_bind(org.as_str());
        }
        Ending::Client(client) => drop(query.push(" AND client_id = ").push_bind(client.as_str())),
        Ending::ClientIn(org, client) => {
            query.push(" AND client_id = ").push_bind(client.as_str()).push(" AND org_id = ").push_bind(org.as_str());
        }
        Ending::AppIn(org, app) => {
            query.push(" AND client_id IN (SELECT c.id FROM clients c WHERE c.app_id = ").push_bind(app.as_str());
            query.push(") AND org_id = ").push_bind(org.as_str());
        }
        Ending::Holding(holder, scope) => {
            query.push(" AND client_id IN (SELECT c.id FROM clients c WHERE c.app_id = ").push_bind(holder.as_str());
            query.push(" OR c.id = ").push_bind(holder.as_str());
            // A scope has no character that JSON escapes: it stands there as it is, in quotation marks.
            query.push(") AND REPLACE(scopes, ").push_bind(format!("\"{scope}\"")).push(", '') <> scopes");
        }
    }
    query.push(" ORDER BY id").push(HOLD);
    let rows = query.build().fetch_all(tx.connection()).await.doing("lock the grants that end")?;
    rows.iter().map(|row| Fields::of(row, "grants", "id").parsed("id", GrantId::parse)).collect()
}

/// Ends grants that this transaction holds.
async fn update(tx: &mut Tx<'_>, grants: &[GrantId], reason: RevokeReason) -> Result<Vec<Row>, StoreError> {
    let (at, (reason, detail)) = (tx.cause.at.millis(), words(reason)?);
    let mut query = QueryBuilder::<Db>::new("UPDATE grants SET revoked_at = ");
    query.push_bind(at).push(", revoke_reason = ").push_bind(reason).push(", revoke_detail = ").push_bind(detail);
    query.push(" WHERE revoked_at IS NULL AND id IN ");
    among(&mut query, grants.iter().map(GrantId::as_str));
    query.push(" RETURNING id, org_id, user_id, client_id");
    query.build().fetch_all(tx.connection()).await.doing("revoke grants")
}
