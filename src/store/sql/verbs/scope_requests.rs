//! Private scopes: requests and approvals.

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::storable;
use super::Row;
use super::api_keys::{Disabling, disable};
use super::engine::{Engine, Tx};
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Approvals, DisableReason, Holder, Refused, RevokeReason, ScopeRefusal, ScopeRequest, ScopeRequestStore, ScopeRequests,
    StoreError, Subject,
};
use crate::types::{API_KEYS_WRITE, AppId, ClientId, OrgId, ScopeToken, Timestamp, UserId};

/// Keeps an approval from being taken back until this transaction has ended; `false` when the scope does not count.
pub(super) async fn hold(tx: &mut Tx<'_>, holder: &Holder, scope: &str) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let done = sqlx::query("UPDATE scope_requests SET scope = scope WHERE holder = $1 AND scope = $2 AND approved_until > $3")
        .bind(holder.as_str())
        .bind(scope)
        .bind(at)
        .execute(tx.connection())
        .await
        .doing("hold an approval")?;
    Ok(done.rows_affected() > 0)
}

/// Writes the record of what happens to a request, and tells the nodes that hold tokens of the holder's clients.
async fn told(tx: &mut Tx<'_>, holder: &Holder, org: Option<&OrgId>, event: ControlEvent) -> Result<(), StoreError> {
    let clients: Vec<String> = sqlx::query_scalar("SELECT id FROM clients WHERE app_id = $1 OR id = $1")
        .bind(holder.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("read a holder's clients")?;
    for id in clients {
        let id = ClientId::parse(&id).map_err(|_| StoreError::Inconsistent { table: "clients", column: "id", row: id })?;
        tx.touch(Subject::Client { id });
    }
    let kind = match holder {
        Holder::App(_) => "app",
        Holder::Client(_) => "client",
    };
    tx.record(org, event.on(kind, holder.as_str()));
    Ok(())
}

/// What the operator said, as a record holds it.
fn in_one_line(said: &str) -> String {
    storable(said).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn owner(row: &Row) -> Result<Option<OrgId>, StoreError> {
    Fields::of(row, "scope_requests", "holder").maybe_parsed("org_id", OrgId::parse)
}

fn request(row: &Row) -> Result<ScopeRequest, StoreError> {
    let fields = Fields::of(row, "scope_requests", "holder");
    let asked_by = fields.maybe_parsed("asked_by", UserId::parse)?;
    Ok(ScopeRequest {
        holder: match fields.maybe_parsed("app_id", AppId::parse)? {
            Some(app) => Holder::App(app),
            None => Holder::Client(fields.parsed("holder", ClientId::parse)?),
        },
        name: fields.value("name")?,
        org: fields.maybe_parsed("org_id", OrgId::parse)?,
        scope: fields.parsed("scope", ScopeToken::parse)?,
        reason: fields.value("reason")?,
        asked: fields.maybe_time("asked_at")?.map(|at| (asked_by, at)),
        state: fields.word("state")?,
        approved_until: fields.maybe_time("approved_until")?,
        decided_at: fields.maybe_time("decided_at")?,
        comment: fields.value("comment")?,
    })
}

/// Requests with the names of their holders, those that wait first; a condition comes between.
macro_rules! requests {
    ($which:literal) => {
        concat!(
            "SELECT s.holder, s.scope, s.org_id, s.reason, s.asked_by, s.asked_at, s.state, s.approved_until, s.decided_at, \
             s.comment, c.app_id, c.name FROM scope_requests s JOIN clients c ON c.id = s.holder \
             OR (c.app_id = s.holder AND c.stage = 'draft') WHERE c.deleted_at IS NULL",
            $which,
            " ORDER BY s.state <> 'pending', COALESCE(s.decided_at, s.asked_at) DESC, s.holder, s.scope"
        )
    };
}

#[async_trait]
impl ScopeRequestStore for Engine {
    async fn request_scope(&self, holder: &Holder, scope: &ScopeToken, reason: &str, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "INSERT INTO scope_requests (holder, scope, org_id, reason, asked_by, asked_at, state) \
             SELECT $1, $2, MIN(c.org_id), $3, $4, $5, 'pending' FROM clients c \
             WHERE (c.app_id = $1 OR c.id = $1) AND c.deleted_at IS NULL AND c.origin = 'administrator' HAVING COUNT(*) > 0 \
             ON CONFLICT (holder, scope) DO UPDATE SET reason = excluded.reason, asked_by = excluded.asked_by, \
             asked_at = excluded.asked_at, state = excluded.state WHERE scope_requests.state <> 'pending' RETURNING holder, org_id",
        )
        .bind(holder.as_str())
        .bind(scope.as_str())
        .bind(storable(reason))
        .bind(cause.actor.user.as_ref().map(UserId::as_str))
        .bind(cause.at.millis())
        .fetch_optional(tx.connection())
        .await
        .doing("ask for a scope")?;
        let Some(row) = row else { return Ok(false) };
        let event = ControlEvent::done(Operation::ScopeRequest).with_scopes(std::iter::once(scope.clone()).collect());
        told(&mut tx, holder, owner(&row)?.as_ref(), event).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn approve_scope(
        &self,
        holder: &Holder,
        scope: &ScopeToken,
        until: Timestamp,
        comment: Option<&str>,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "INSERT INTO scope_requests (holder, scope, org_id, reason, state, approved_until, decided_at, comment) \
             SELECT $1, $2, MIN(c.org_id), '', 'approved', $3, $4, $5 FROM clients c \
             WHERE (c.app_id = $1 OR c.id = $1) AND c.deleted_at IS NULL AND c.origin = 'administrator' HAVING COUNT(*) > 0 \
             ON CONFLICT (holder, scope) DO UPDATE SET state = excluded.state, approved_until = excluded.approved_until, \
             decided_at = excluded.decided_at, comment = excluded.comment RETURNING holder, org_id",
        )
        .bind(holder.as_str())
        .bind(scope.as_str())
        .bind(until.millis())
        .bind(cause.at.millis())
        .bind(comment.map(storable))
        .fetch_optional(tx.connection())
        .await
        .doing("give a scope")?;
        let Some(row) = row else { return Ok(false) };
        let event = ControlEvent::done(Operation::ScopeApprove).with_scopes(std::iter::once(scope.clone()).collect());
        let said = comment.map_or_else(String::new, |said| format!(": {}", in_one_line(said)));
        told(&mut tx, holder, owner(&row)?.as_ref(), event.with_comment(format!("until {until}{said}"))).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn refuse_scope(
        &self,
        holder: &Holder,
        scope: &ScopeToken,
        how: ScopeRefusal,
        comment: Option<&str>,
        cause: &Cause,
    ) -> Result<Option<Refused>, StoreError> {
        let mut tx = self.begin(cause).await?;
        let (state, operation) = match how {
            ScopeRefusal::Deny => ("denied", Operation::ScopeDeny),
            ScopeRefusal::Withdraw => ("withdrawn", Operation::ScopeWithdraw),
        };
        let row = sqlx::query(
            "UPDATE scope_requests SET state = $1, approved_until = NULL, decided_at = $2, comment = $3 \
             WHERE holder = $4 AND scope = $5 AND ((state = 'pending' AND $1 = 'denied') \
             OR (approved_until IS NOT NULL AND $1 = 'withdrawn')) RETURNING holder, org_id",
        )
        .bind(state)
        .bind(cause.at.millis())
        .bind(comment.map(storable))
        .bind(holder.as_str())
        .bind(scope.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("refuse a scope")?;
        let Some(row) = row else { return Ok(None) };
        let grants = end(&mut tx, Ending::Holding(holder, scope), RevokeReason::Policy).await?.len() as u64;
        let keys = match holder {
            Holder::App(app) if scope.as_str() == API_KEYS_WRITE => {
                disable(&mut tx, Disabling::App(app), DisableReason::Withdrawal).await?
            }
            _ => 0,
        };
        let event = ControlEvent::done(operation).with_scopes(std::iter::once(scope.clone()).collect());
        let event = comment.map_or_else(|| event.clone(), |said| event.clone().with_comment(in_one_line(said)));
        told(&mut tx, holder, owner(&row)?.as_ref(), event).await?;
        tx.commit().await?;
        Ok(Some(Refused { grants, keys }))
    }

    async fn cancel_scope_request(&self, holder: &Holder, scope: &ScopeToken, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE scope_requests SET state = CASE WHEN approved_until IS NULL THEN 'withdrawn' ELSE 'approved' END, \
             decided_at = COALESCE(CASE WHEN approved_until IS NOT NULL THEN decided_at END, $1), \
             comment = CASE WHEN approved_until IS NOT NULL THEN comment END \
             WHERE holder = $2 AND scope = $3 AND state = 'pending' RETURNING holder, org_id",
        )
        .bind(cause.at.millis())
        .bind(holder.as_str())
        .bind(scope.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("take a request for a scope back")?;
        let Some(row) = row else { return Ok(false) };
        let event = ControlEvent::done(Operation::ScopeCancel).with_scopes(std::iter::once(scope.clone()).collect());
        told(&mut tx, holder, owner(&row)?.as_ref(), event).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn scope_requests(&self, which: ScopeRequests<'_>) -> Result<Vec<ScopeRequest>, StoreError> {
        let query = match which {
            ScopeRequests::All => sqlx::query(requests!("")),
            ScopeRequests::Of(org) => sqlx::query(requests!(" AND s.org_id = $1")).bind(org.as_str()),
            ScopeRequests::For(holder) => sqlx::query(requests!(" AND s.holder = $1")).bind(holder.as_str()),
        };
        let rows = query.fetch_all(&mut *self.reader().await?).await.doing("list requests for scopes")?;
        rows.iter().map(request).collect()
    }

    async fn approvals(&self, client: &ClientId) -> Result<Approvals, StoreError> {
        let row = sqlx::query(concat!("SELECT c.id AS c_id, ", approvals_column!(), " FROM clients c WHERE c.id = $1"))
            .bind(client.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read what a client was given")?;
        row.as_ref().map_or_else(|| Ok(Approvals::default()), rows::approvals)
    }
}
