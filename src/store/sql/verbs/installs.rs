//! Which apps organizations have.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::api_keys::{Disabling, disable};
use super::engine::{Engine, Tx};
use super::policy::decided;
use super::revocation::{Ending, end};
use super::rows::Fields;
use super::sought::living;
use super::{Db, Row};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Definition, DisableReason, Footing, Grant, Install, InstallStore, Installed, RevokeReason, StoreError, Subject,
};
use crate::types::{AppId, ClientId, OrgId, Timestamp, UserId};

/// Keeps an app from being uninstalled until this transaction has ended; `false` when it is not installed.
pub(super) async fn hold(tx: &mut Tx<'_>, org: &OrgId, app: &AppId) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE installs SET app_id = app_id WHERE org_id = $1 AND app_id = $2")
        .bind(org.as_str())
        .bind(app.as_str())
        .execute(tx.connection())
        .await
        .doing("hold an installation")?;
    Ok(done.rows_affected() > 0)
}

/// Installs an app, perhaps for a trial, unless it is installed or gone.
async fn insert(tx: &mut Tx<'_>, (org, app): (&OrgId, &AppId), by: Option<&UserId>, trial: bool) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO installs (org_id, app_id, installed_at, installed_by, for_trial) SELECT $1, a.id, $3, $4, $5 FROM apps a \
         WHERE a.id = $2 AND a.deleted_at IS NULL ON CONFLICT (org_id, app_id) DO NOTHING",
    )
    .bind(org.as_str())
    .bind(app.as_str())
    .bind(tx.cause.at.millis())
    .bind(by.map(UserId::as_str))
    .bind(trial)
    .execute(tx.connection())
    .await
    .doing("install an app")?;
    Ok(done.rows_affected() > 0)
}

/// Keeps what a trial installed for good, as installed from now on; `false` when there is nothing of that kind.
async fn keep(tx: &mut Tx<'_>, org: &OrgId, app: &AppId, by: Option<&UserId>) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE installs SET for_trial = FALSE, installed_at = $3, installed_by = $4 \
         WHERE org_id = $1 AND app_id = $2 AND for_trial",
    )
    .bind(org.as_str())
    .bind(app.as_str())
    .bind(tx.cause.at.millis())
    .bind(by.map(UserId::as_str))
    .execute(tx.connection())
    .await
    .doing("keep what a trial installed")?;
    Ok(done.rows_affected() > 0)
}

/// Uninstalls what only trials installed, where nothing of them lives any more: of one app in one organization, when somebody of it
/// ends a trial, since the records name them; of all, when the node does. How many installations that were.
pub(super) async fn end_trials(tx: &mut Tx<'_>, only: Option<(&OrgId, &AppId)>) -> Result<u64, StoreError> {
    let (in_org, of_app) = (only.map(|(org, _)| org.as_str()), only.map(|(_, app)| app.as_str()));
    // Writes nothing; whoever consents at the same time either came first and is seen below, or waits and installs anew.
    let locked = sqlx::query(
        "UPDATE installs SET app_id = app_id WHERE for_trial AND org_id = COALESCE($1, org_id) AND app_id = COALESCE($2, app_id)",
    )
    .bind(in_org)
    .bind(of_app)
    .execute(tx.connection())
    .await
    .doing("lock what trials installed")?;
    if locked.rows_affected() == 0 {
        return Ok(0);
    }
    let at = tx.cause.at.millis();
    let rows = sqlx::query(
        "DELETE FROM installs WHERE for_trial AND org_id = COALESCE($1, org_id) AND app_id = COALESCE($2, app_id) \
         AND NOT EXISTS (SELECT 1 FROM grants g JOIN clients c ON c.id = g.client_id \
         WHERE g.org_id = installs.org_id AND c.app_id = installs.app_id AND g.revoked_at IS NULL \
         AND (g.expires_at IS NULL OR g.expires_at > $3)) RETURNING org_id, app_id",
    )
    .bind(in_org)
    .bind(of_app)
    .bind(at)
    .fetch_all(tx.connection())
    .await
    .doing("uninstall what trials installed")?;
    for row in &rows {
        let fields = Fields::of(row, "installs", "app_id");
        let (org, app) = (fields.parsed("org_id", OrgId::parse)?, fields.parsed("app_id", AppId::parse)?);
        disable(tx, Disabling::AppIn(&org, &app), DisableReason::Uninstall).await?;
        touch(tx, &app).await?;
        let event = ControlEvent::done(Operation::AppUninstall).on("app", app.as_str());
        tx.record(Some(&org), event.with_comment("it was installed for a test, which ended"));
    }
    Ok(rows.len() as u64)
}

/// Installs the app of a client that somebody agrees to, unless it is installed. Before the grant is written: whoever uninstalls
/// at the same time either came first, or waits and sees the grant. What a trial installed is kept by whoever agrees for good.
pub(super) async fn by_consent(tx: &mut Tx<'_>, grant: &Grant, trial: bool) -> Result<(), StoreError> {
    let app: Option<Option<String>> = sqlx::query_scalar("SELECT app_id FROM clients WHERE id = $1")
        .bind(grant.client.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("read the app of a client")?;
    let Some(app) = app.flatten() else { return Ok(()) };
    let app = AppId::parse(&app).map_err(|_| StoreError::Inconsistent { table: "clients", column: "app_id", row: app })?;
    let mut installed = !hold(tx, &grant.org, &app).await? && insert(tx, (&grant.org, &app), Some(&grant.user), trial).await?;
    if !installed {
        // Somebody else's consent may have been quicker.
        hold(tx, &grant.org, &app).await?;
        installed = !trial && keep(tx, &grant.org, &app, Some(&grant.user)).await?;
    }
    if installed {
        let event = ControlEvent::done(Operation::AppInstall).on("app", app.as_str());
        tx.record(Some(&grant.org), event.with_comment(if trial { "for a test" } else { "by its first consent" }));
    }
    Ok(())
}

/// Takes an app that was removed from every organization that has it; the log of each says so.
pub(super) async fn forget(tx: &mut Tx<'_>, app: &AppId) -> Result<(), StoreError> {
    let rows = sqlx::query("DELETE FROM installs WHERE app_id = $1 RETURNING org_id, app_id")
        .bind(app.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("take an app from where it is installed")?;
    for row in &rows {
        let org = Fields::of(row, "installs", "app_id").parsed("org_id", OrgId::parse)?;
        let event = ControlEvent::done(Operation::AppUninstall).on("app", app.as_str());
        tx.record(Some(&org), event.with_comment("its maker removed it"));
    }
    Ok(())
}

/// Lets the clients of an app that wait, or that nobody decided about, through the organization's approval; which those were.
async fn let_through(tx: &mut Tx<'_>, org: &OrgId, app: &AppId) -> Result<Vec<ClientId>, StoreError> {
    let rows = sqlx::query(
        "INSERT INTO client_policies (org_id, client_id, stance) SELECT $1, c.id, 'allowed' FROM clients c \
         WHERE c.app_id = $2 AND c.deleted_at IS NULL ON CONFLICT (org_id, client_id) DO UPDATE SET stance = 'allowed', \
         asked_by = NULL, asked_at = NULL WHERE client_policies.stance IS NULL OR client_policies.stance = 'pending' \
         RETURNING client_id",
    )
    .bind(org.as_str())
    .bind(app.as_str())
    .fetch_all(tx.connection())
    .await
    .doing("let the clients of an app through")?;
    rows.iter().map(|row| Fields::of(row, "client_policies", "client_id").parsed("client_id", ClientId::parse)).collect()
}

/// The clients of an app, whose tokens and keys nodes read again.
async fn touch(tx: &mut Tx<'_>, app: &AppId) -> Result<(), StoreError> {
    let clients: Vec<String> = sqlx::query_scalar("SELECT id FROM clients WHERE app_id = $1")
        .bind(app.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("read the clients of an app")?;
    for id in clients {
        let id = ClientId::parse(&id).map_err(|_| StoreError::Inconsistent { table: "clients", column: "id", row: id })?;
        tx.touch(Subject::Client { id });
    }
    Ok(())
}

fn install(row: &Row) -> Result<Install, StoreError> {
    let fields = Fields::of(row, "installs", "app_id");
    Ok(Install {
        org: fields.parsed("org_id", OrgId::parse)?,
        app: fields.parsed("app_id", AppId::parse)?,
        at: fields.time("installed_at")?,
        by: fields.maybe_parsed("installed_by", UserId::parse)?,
    })
}

fn installed(row: &Row) -> Result<Installed, StoreError> {
    let fields = Fields::of(row, "installs", "app_id");
    let seen: Option<Definition> = fields.maybe_json("definition")?;
    Ok(Installed { install: install(row)?, name: seen.unwrap_or_default().name, footing: footing(&fields)? })
}

/// A page of an organization's installations, with what each has there at an instant.
pub(super) fn page(org: &OrgId, at: Timestamp, after: Option<&AppId>, limit: u32) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new(
        "SELECT i.org_id, i.app_id, i.installed_at, i.installed_by, CASE WHEN a.org_id = i.org_id THEN a.draft ELSE \
         (SELECT v.definition FROM app_versions v WHERE v.app_id = a.id ORDER BY v.number DESC LIMIT 1) END AS definition",
    );
    for (counted, name) in [("COUNT(*)", "grants"), ("COUNT(DISTINCT g.user_id)", "users")] {
        // The join says the order: the clients of the app, each with its grants there, and no others of the organization.
        query.push(", (SELECT ").push(counted).push(" FROM clients c CROSS JOIN grants g ");
        query.push("WHERE c.app_id = i.app_id AND g.org_id = i.org_id AND g.client_id = c.id");
        living(&mut query, at);
        query.push(") AS ").push(name);
    }
    query.push(
        ", (SELECT COUNT(*) FROM api_keys k WHERE k.org_id = i.org_id AND k.app_id = i.app_id AND k.disabled_at IS NULL) \
         AS api_keys FROM installs i JOIN apps a ON a.id = i.app_id WHERE a.deleted_at IS NULL AND i.org_id = ",
    );
    query.push_bind(org.as_str().to_owned());
    if let Some(after) = after {
        query.push(" AND i.app_id < ").push_bind(after.as_str().to_owned());
    }
    query.push(" ORDER BY i.app_id DESC LIMIT ").push_bind(i64::from(limit));
    query
}

fn footing(fields: &Fields<'_>) -> Result<Footing, StoreError> {
    Ok(Footing { grants: fields.count("grants")?, users: fields.count("users")?, keys: fields.count("api_keys")? })
}

#[async_trait]
impl InstallStore for Engine {
    async fn install_app(&self, org: &OrgId, app: &AppId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let by = cause.actor.user.as_ref();
        let new = insert(&mut tx, (org, app), by, false).await? || keep(&mut tx, org, app, by).await?;
        if !new && !hold(&mut tx, org, app).await? {
            return Ok(false);
        }
        let allowed = let_through(&mut tx, org, app).await?;
        if new {
            tx.record(Some(org), ControlEvent::done(Operation::AppInstall).on("app", app.as_str()));
        } else if allowed.is_empty() {
            return Ok(false);
        } else {
            // What was there already is allowed, and no more than that.
            for client in &allowed {
                decided(&mut tx, org, client, ControlEvent::done(Operation::OrgPolicyClientAllow));
            }
        }
        touch(&mut tx, app).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn uninstall_app(&self, org: &OrgId, app: &AppId, cause: &Cause) -> Result<Option<Footing>, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query("DELETE FROM installs WHERE org_id = $1 AND app_id = $2")
            .bind(org.as_str())
            .bind(app.as_str())
            .execute(tx.connection())
            .await
            .doing("uninstall an app")?;
        let ended = end(&mut tx, Ending::AppIn(org, app), RevokeReason::Uninstalled).await?;
        let keys = disable(&mut tx, Disabling::AppIn(org, app), DisableReason::Uninstall).await?;
        if done.rows_affected() == 0 && ended.is_empty() && keys == 0 {
            return Ok(None);
        }
        let users = ended.iter().map(|e| &e.user).collect::<HashSet<_>>().len();
        let footing = Footing { grants: ended.len() as u64, users: users as u64, keys };
        touch(&mut tx, app).await?;
        let comment = format!("{} grants of {} users revoked, {} API keys disabled", footing.grants, footing.users, footing.keys);
        tx.record(Some(org), ControlEvent::done(Operation::AppUninstall).on("app", app.as_str()).with_comment(comment));
        tx.commit().await?;
        Ok(Some(footing))
    }

    async fn end_trial_installs(&self, cause: &Cause) -> Result<u64, StoreError> {
        let mut tx = self.begin(cause).await?;
        let ended = end_trials(&mut tx, None).await?;
        let keys = disable(&mut tx, Disabling::Trials(None), DisableReason::Trial).await?;
        if ended > 0 || keys > 0 {
            tx.commit().await?;
        }
        Ok(ended)
    }

    async fn installs(&self, org: &OrgId) -> Result<Vec<Install>, StoreError> {
        let rows = sqlx::query(
            "SELECT org_id, app_id, installed_at, installed_by FROM installs WHERE org_id = $1 \
             ORDER BY installed_at DESC, app_id DESC",
        )
        .bind(org.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list installations")?;
        rows.iter().map(install).collect()
    }

    async fn installs_behind(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&AppId>,
        limit: u32,
    ) -> Result<Vec<Installed>, StoreError> {
        let mut query = page(org, at, after, limit);
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list installations with what each has")?;
        rows.iter().map(installed).collect()
    }

    async fn footing(&self, org: &OrgId, app: &AppId, at: Timestamp) -> Result<Footing, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS grants, COUNT(DISTINCT user_id) AS users, (SELECT COUNT(*) FROM api_keys k \
             WHERE k.org_id = $1 AND k.app_id = $2 AND k.disabled_at IS NULL) AS api_keys FROM grants WHERE org_id = $1 \
             AND client_id IN (SELECT id FROM clients WHERE app_id = $2) AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $3)",
        )
        .bind(org.as_str())
        .bind(app.as_str())
        .bind(at.millis())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("count what an app has")?;
        footing(&Fields::of(&row, "installs", "grants"))
    }
}
