//! Trial authorizations.

use async_trait::async_trait;

use super::super::fault::Doing;
use super::Row;
use super::api_keys::{Disabling, disable};
use super::engine::Engine;
use super::installs;
use super::rows::Fields;
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{DisableReason, StoreError, Trial, TrialStore};
use crate::types::{AppId, ClientId, GrantId, HashedToken, OrgId, RedirectUri, ScopeSet, Timestamp, UserId};

fn trial(row: &Row) -> Result<Trial, StoreError> {
    let f = Fields::of(row, "trials", "app_id");
    Ok(Trial {
        session: f.hash("session")?,
        org: f.parsed("org_id", OrgId::parse)?,
        app: f.parsed("app_id", AppId::parse)?,
        client: f.parsed("client_id", ClientId::parse)?,
        redirect_uri: f.parsed("redirect_uri", RedirectUri::parse)?,
        state: f.hash("state")?,
        challenge: f.value("challenge")?,
        sealed: f.value("sealed")?,
        grant: f.maybe_parsed("grant_id", GrantId::parse)?,
        expires_at: f.time("expires_at")?,
    })
}

#[async_trait]
impl TrialStore for Engine {
    async fn begin_trial(&self, trial: &Trial, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO trials (session, org_id, app_id, client_id, redirect_uri, state, challenge, sealed, expires_at) \
             SELECT s.hash, a.org_id, a.id, c.id, $5, $6, $7, $8, $9 \
             FROM sessions s, apps a JOIN clients c ON c.app_id = a.id \
             WHERE s.hash = $1 AND a.org_id = $2 AND a.id = $3 AND a.deleted_at IS NULL AND c.id = $4 \
             ON CONFLICT (session) DO UPDATE SET org_id = excluded.org_id, app_id = excluded.app_id, \
             client_id = excluded.client_id, redirect_uri = excluded.redirect_uri, state = excluded.state, \
             challenge = excluded.challenge, sealed = excluded.sealed, expires_at = excluded.expires_at, grant_id = NULL",
        )
        .bind(&trial.session.bytes()[..])
        .bind(trial.org.as_str())
        .bind(trial.app.as_str())
        .bind(trial.client.as_str())
        .bind(trial.redirect_uri.as_str())
        .bind(&trial.state.bytes()[..])
        .bind(&trial.challenge)
        .bind(&trial.sealed)
        .bind(trial.expires_at.millis())
        .execute(tx.connection())
        .await
        .doing("begin a trial")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.record(Some(&trial.org), ControlEvent::done(Operation::AppTestBegin).on("client", trial.client.as_str()));
        tx.commit().await?;
        Ok(true)
    }

    async fn trial(&self, session: &HashedToken, at: Timestamp) -> Result<Option<Trial>, StoreError> {
        let row = sqlx::query(
            "SELECT session, org_id, app_id, client_id, redirect_uri, state, challenge, sealed, grant_id, expires_at \
             FROM trials WHERE session = $1 AND expires_at > $2",
        )
        .bind(&session.bytes()[..])
        .bind(at.millis())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read a trial")?;
        row.as_ref().map(self::trial).transpose()
    }

    async fn trial_grants(&self, user: &UserId, client: &ClientId) -> Result<Vec<GrantId>, StoreError> {
        // What a node of the version before wrote is known by its trial alone.
        let rows = sqlx::query(
            "SELECT g.id FROM trial_grants n JOIN grants g ON g.id = n.grant_id WHERE g.user_id = $1 AND g.client_id = $2 \
             UNION SELECT g.id FROM grants g JOIN sessions s ON s.user_id = g.user_id \
             JOIN trials t ON t.session = s.hash AND t.client_id = g.client_id \
             WHERE g.user_id = $1 AND g.client_id = $2 AND (t.grant_id = g.id OR t.expires_at = g.expires_at)",
        )
        .bind(user.as_str())
        .bind(client.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list the grants of trials")?;
        rows.iter().map(|row| Fields::of(row, "grants", "id").parsed("id", GrantId::parse)).collect()
    }

    async fn scopes_tried(&self, client: &ClientId) -> Result<ScopeSet, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT scopes FROM grants WHERE client_id = $1")
            .bind(client.as_str())
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("read what a client was ever given")?;
        let mut tried = ScopeSet::default();
        for row in &rows {
            let scopes: ScopeSet = Fields::of(row, "grants", "scopes").json("scopes")?;
            tried = tried.union(&scopes);
        }
        Ok(tried)
    }

    async fn finish_trial(&self, trial: &Trial, grant: &GrantId, sealed: &[u8], at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE trials SET grant_id = $3, sealed = $4 \
             WHERE session = $1 AND state = $2 AND grant_id IS NULL AND expires_at > $5",
        )
        .bind(&trial.session.bytes()[..])
        .bind(&trial.state.bytes()[..])
        .bind(grant.as_str())
        .bind(sealed)
        .bind(at.millis())
        .execute(&mut *self.writer().await?)
        .await
        .doing("finish a trial")?;
        Ok(done.rows_affected() > 0)
    }

    async fn end_trial(&self, trial: &Trial, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query("DELETE FROM trials WHERE session = $1 AND state = $2")
            .bind(&trial.session.bytes()[..])
            .bind(&trial.state.bytes()[..])
            .execute(tx.connection())
            .await
            .doing("end a trial")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let of = Some((&trial.org, &trial.app));
        installs::end_trials(&mut tx, of).await?;
        disable(&mut tx, Disabling::Trials(of), DisableReason::Trial).await?;
        tx.record(Some(&trial.org), ControlEvent::done(Operation::AppTestEnd).on("client", trial.client.as_str()));
        tx.commit().await?;
        Ok(true)
    }
}
