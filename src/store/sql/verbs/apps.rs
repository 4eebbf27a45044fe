//! Apps, their drafts and their versions.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::{json, word};
use super::Row;
use super::accounts::record_in_each;
use super::api_keys::{Disabling, disable};
use super::client_secrets;
use super::clients::{self, changed};
use super::engine::{Engine, Tx};
use super::grants::narrow;
use super::installs;
use super::rows::{self, Fields};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    App, AppState, AppStore, AppVersion, Client, ClientSecret, Definition, DisableReason, Drafted, Edit, Hand, Maturity,
    Publication, Published, Stage, StoreError, Subject, Via,
};
use crate::types::{AppId, AppUuid, ClientId, OrgId, Timestamp, UserId};

/// Writes an app unless its UUID is taken in the organization.
async fn insert(tx: &mut Tx<'_>, app: &App) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO apps (id, org_id, uuid, draft, revision, stable, state, version, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9) ON CONFLICT (org_id, uuid) WHERE deleted_at IS NULL DO NOTHING",
    )
    .bind(app.id.as_str())
    .bind(app.org.as_str())
    .bind(app.uuid.as_str())
    .bind(json(&app.draft)?)
    .bind(i64::try_from(app.revision).unwrap_or(i64::MAX))
    .bind(app.maturity == Maturity::Stable)
    .bind(word(&app.state)?)
    .bind(app.created_at.millis())
    .bind(app.changed_at.millis())
    .execute(tx.connection())
    .await
    .doing("make an app")?;
    Ok(done.rows_affected() > 0)
}

/// The organization that a changed app's row names.
fn owner(row: &Row) -> Result<OrgId, StoreError> {
    Fields::of(row, "apps", "id").parsed("org_id", OrgId::parse)
}

fn told(tx: &mut Tx<'_>, id: &AppId, org: &OrgId, event: ControlEvent) {
    tx.record(Some(org), event.on("app", id.as_str()));
}

/// Makes a client of an app what `definition` says, and takes from its live grants what is no longer asked for. How many grants
/// were narrowed and how many ended; `None` when there is no such client yet.
async fn follow(
    tx: &mut Tx<'_>,
    id: &AppId,
    stage: Stage,
    definition: &Definition,
    why: &str,
) -> Result<Option<(u64, u64)>, StoreError> {
    let client: Option<String> = sqlx::query_scalar(
        "UPDATE clients SET name = $1, redirect_uris = $2, scopes = $3, access_token_ttl = $6, require_state = $7 \
         WHERE app_id = $4 AND stage = $5 AND deleted_at IS NULL RETURNING id",
    )
    .bind(&definition.name)
    .bind(json(&definition.redirect_uris)?)
    .bind(json(&definition.scopes)?)
    .bind(id.as_str())
    .bind(word(&stage)?)
    .bind(definition.access_token_ttl().map(clients::millis))
    .bind(definition.require_state)
    .fetch_optional(tx.connection())
    .await
    .doing("change a client of an app")?;
    let Some(client) = client else { return Ok(None) };
    let client =
        ClientId::parse(&client).map_err(|_| StoreError::Inconsistent { table: "clients", column: "id", row: client })?;
    tx.touch(Subject::Client { id: client.clone() });
    narrow(tx, &client, &definition.scopes, why).await.map(Some)
}

async fn insert_version(tx: &mut Tx<'_>, id: &AppId, version: &AppVersion) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO app_versions (app_id, number, definition, published_at, published_by) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.as_str())
        .bind(i64::from(version.number))
        .bind(json(&version.definition)?)
        .bind(version.published_at.millis())
        .bind(version.published_by.as_ref().map(UserId::as_str))
        .execute(tx.connection())
        .await
        .doing("write a version of an app")
        .map(drop)
}

/// The published client of a first version.
async fn insert_published(tx: &mut Tx<'_>, publication: &Publication, definition: &Definition) -> Result<(), StoreError> {
    let client = Client {
        name: definition.name.clone(),
        redirect_uris: definition.redirect_uris.clone(),
        scopes: Some(definition.scopes.clone()),
        access_token_ttl: definition.access_token_ttl(),
        require_state: definition.require_state,
        ..publication.client.clone()
    };
    clients::insert(tx, &client).await?;
    if let Some(secret) = &publication.secret {
        client_secrets::insert(tx, &client.id, secret).await?;
    }
    changed(tx, &client.id, client.org.as_ref(), ControlEvent::done(Operation::ClientCreate));
    Ok(())
}

fn version(row: &Row) -> Result<AppVersion, StoreError> {
    let fields = Fields::of(row, "app_versions", "number");
    Ok(AppVersion {
        number: u32::try_from(fields.count("number")?).map_err(|_| fields.inconsistent("number"))?,
        definition: fields.json("definition")?,
        published_at: fields.time("published_at")?,
        published_by: fields.maybe_parsed("published_by", UserId::parse)?,
    })
}

#[async_trait]
impl AppStore for Engine {
    async fn create_app(
        &self,
        app: &App,
        client: &Client,
        secret: Option<&ClientSecret>,
        via: Via,
        most: u64,
        cause: &Cause,
    ) -> Result<Drafted, StoreError> {
        let mut tx = self.begin(cause).await?;
        if clients::count_held(&mut tx, &app.org).await? >= most {
            return Ok(Drafted::Full);
        }
        if !insert(&mut tx, app).await? {
            return Ok(Drafted::Taken);
        }
        clients::insert(&mut tx, client).await?;
        if let Some(secret) = secret {
            client_secrets::insert(&mut tx, &client.id, secret).await?;
        }
        let operation = match via {
            Via::Hand => Operation::AppCreate,
            Via::Manifest => Operation::AppManifestImport,
        };
        told(&mut tx, &app.id, &app.org, ControlEvent::done(operation).with_scopes(app.draft.scopes.clone()));
        changed(&mut tx, &client.id, client.org.as_ref(), ControlEvent::done(Operation::ClientCreate));
        tx.commit().await?;
        Ok(Drafted::Done)
    }

    async fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.id = $1 AND a.deleted_at IS NULL"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an app")?;
        row.as_ref().map(rows::app).transpose()
    }

    async fn app_by_uuid(&self, org: &OrgId, uuid: &AppUuid) -> Result<Option<App>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            app_columns!(),
            " FROM apps a WHERE a.org_id = $1 AND a.uuid = $2 AND a.deleted_at IS NULL"
        ))
        .bind(org.as_str())
        .bind(uuid.as_str())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read an app")?;
        row.as_ref().map(rows::app).transpose()
    }

    async fn apps(&self, org: Option<&OrgId>) -> Result<Vec<App>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            app_columns!(),
            " FROM apps a WHERE a.org_id = COALESCE($1, a.org_id) AND a.deleted_at IS NULL ORDER BY a.created_at DESC, a.id DESC"
        ))
        .bind(org.map(OrgId::as_str))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list apps")?;
        rows.iter().map(rows::app).collect()
    }

    async fn find_apps(&self, org: &OrgId, after: Option<&(Timestamp, AppId)>, limit: u32) -> Result<Vec<App>, StoreError> {
        let (time, id) = after.map_or((i64::MAX, ""), |(time, id)| (time.millis(), id.as_str()));
        let rows = sqlx::query(concat!(
            "SELECT ",
            app_columns!(),
            " FROM apps a WHERE a.org_id = $1 AND a.deleted_at IS NULL AND (a.created_at, a.id) < ($2, $3) \
             ORDER BY a.created_at DESC, a.id DESC LIMIT $4"
        ))
        .bind(org.as_str())
        .bind(time)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list an organization's apps")?;
        rows.iter().map(rows::app).collect()
    }

    async fn app_versions(&self, id: &AppId) -> Result<Vec<AppVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, definition, published_at, published_by FROM app_versions WHERE app_id = $1 ORDER BY number DESC",
        )
        .bind(id.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list the versions of an app")?;
        rows.iter().map(version).collect()
    }

    async fn edit_app(
        &self,
        id: &AppId,
        revision: u64,
        draft: &Definition,
        via: Via,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Edit, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE apps SET draft = $1, revision = revision + 1, stable = FALSE, changed_at = $2 \
             WHERE id = $3 AND revision = $4 AND deleted_at IS NULL RETURNING id, org_id",
        )
        .bind(json(draft)?)
        .bind(cause.at.millis())
        .bind(id.as_str())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .fetch_optional(tx.connection())
        .await
        .doing("change the draft of an app")?;
        let Some(row) = row else { return Ok(Edit::Stale) };
        if !clients::lock_those_of(&mut tx, id, &[Stage::Draft], hand).await? {
            return Ok(Edit::Frozen);
        }
        follow(&mut tx, id, Stage::Draft, draft, "its draft no longer asks for").await?;
        let operation = match via {
            Via::Hand => Operation::AppUpdate,
            Via::Manifest => Operation::AppManifestImport,
        };
        told(&mut tx, id, &owner(&row)?, ControlEvent::done(operation).with_scopes(draft.scopes.clone()));
        tx.commit().await?;
        Ok(Edit::Done)
    }

    async fn mark_app(&self, id: &AppId, revision: u64, maturity: Maturity, cause: &Cause) -> Result<Edit, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE apps SET stable = $1 WHERE id = $2 AND revision = $3 AND stable <> $1 AND deleted_at IS NULL \
             RETURNING id, org_id",
        )
        .bind(maturity == Maturity::Stable)
        .bind(id.as_str())
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .fetch_optional(tx.connection())
        .await
        .doing("mark the draft of an app")?;
        let Some(row) = row else { return Ok(Edit::Stale) };
        let comment = match maturity {
            Maturity::Stable => "its draft is stable",
            Maturity::InWork => "its draft is in work again",
        };
        told(&mut tx, id, &owner(&row)?, ControlEvent::done(Operation::AppMarkStable).with_comment(comment));
        tx.commit().await?;
        Ok(Edit::Done)
    }

    async fn publish_app(
        &self,
        id: &AppId,
        publication: &Publication,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Published, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE apps SET version = $1 WHERE id = $2 AND revision = $3 AND version = $4 AND stable AND state = 'active' \
             AND deleted_at IS NULL RETURNING id, org_id, draft",
        )
        .bind(i64::from(publication.number))
        .bind(id.as_str())
        .bind(i64::try_from(publication.revision).unwrap_or(i64::MAX))
        .bind(i64::from(publication.number) - 1)
        .fetch_optional(tx.connection())
        .await
        .doing("publish an app")?;
        let Some(row) = row else { return Ok(Published::Stale) };
        // The first version would be a client that works, in place of a draft client that may not.
        if !clients::lock_those_of(&mut tx, id, &[Stage::Draft, Stage::Published], hand).await? {
            return Ok(Published::Frozen);
        }
        let version = AppVersion {
            number: publication.number,
            definition: Fields::of(&row, "apps", "id").json("draft")?,
            published_at: cause.at,
            published_by: cause.actor.user.clone(),
        };
        insert_version(&mut tx, id, &version).await?;
        let why = format!("version {} of its app no longer asks for", version.number);
        let (narrowed, ended) = match follow(&mut tx, id, Stage::Published, &version.definition, &why).await? {
            Some(counts) => counts,
            None => {
                if clients::count_held(&mut tx, &owner(&row)?).await? >= publication.most {
                    return Ok(Published::Full);
                }
                insert_published(&mut tx, publication, &version.definition).await?;
                (0, 0)
            }
        };
        let event = ControlEvent::done(Operation::AppPublish).with_scopes(version.definition.scopes.clone());
        told(&mut tx, id, &owner(&row)?, event.with_comment(format!("version {}", version.number)));
        tx.commit().await?;
        Ok(Published::Done { version: Box::new(version), narrowed, ended })
    }

    async fn set_app_state(&self, id: &AppId, state: AppState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row =
            sqlx::query("UPDATE apps SET state = $1 WHERE id = $2 AND state <> $1 AND deleted_at IS NULL RETURNING id, org_id")
                .bind(word(&state)?)
                .bind(id.as_str())
                .fetch_optional(tx.connection())
                .await
                .doing("switch an app")?;
        let Some(row) = row else { return Ok(false) };
        // What the operator froze stays off, and follows its app when it is thawed.
        let clients = sqlx::query(
            "UPDATE clients SET state = CASE WHEN state = 'disabled' AND frozen_at IS NOT NULL THEN state ELSE $1 END, \
             frozen_at = CASE WHEN state = 'disabled' THEN frozen_at ELSE NULL END, \
             thawed_state = CASE WHEN state = 'disabled' AND frozen_at IS NOT NULL THEN $1 ELSE NULL END \
             WHERE app_id = $2 AND deleted_at IS NULL RETURNING id, org_id",
        )
        .bind(word(&state)?)
        .bind(id.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("switch the clients of an app")?;
        let mut concerned = BTreeSet::from([owner(&row)?]);
        for client in &clients {
            let id = Fields::of(client, "clients", "id").parsed("id", ClientId::parse)?;
            concerned.extend(clients::orgs_using(&mut tx, &id).await?);
            tx.touch(Subject::Client { id });
        }
        let operation = match state {
            AppState::Active => Operation::AppEnable,
            AppState::Disabled => Operation::AppDisable,
        };
        record_in_each(&mut tx, &concerned, &ControlEvent::done(operation).on("app", id.as_str()));
        tx.commit().await?;
        Ok(true)
    }

    async fn delete_app(&self, id: &AppId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let row = sqlx::query(
            "UPDATE apps SET deleted_at = $1, state = 'disabled' WHERE id = $2 AND deleted_at IS NULL RETURNING id, org_id",
        )
        .bind(cause.at.millis())
        .bind(id.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("remove an app")?;
        let Some(row) = row else { return Ok(false) };
        let org = owner(&row)?;
        let gone = sqlx::query(
            "UPDATE clients SET deleted_at = $1, state = 'disabled' WHERE app_id = $2 AND deleted_at IS NULL \
             RETURNING id, org_id",
        )
        .bind(cause.at.millis())
        .bind(id.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("remove the clients of an app")?;
        // Installations before grants and keys, as whoever consents, mints a key or uninstalls locks them.
        installs::forget(&mut tx, id).await?;
        for client in &gone {
            let id = Fields::of(client, "clients", "id").parsed("id", ClientId::parse)?;
            clients::strip(&mut tx, &id).await?;
            changed(&mut tx, &id, Some(&org), ControlEvent::done(Operation::ClientDelete));
        }
        disable(&mut tx, Disabling::App(id), DisableReason::AppDeleted).await?;
        told(&mut tx, id, &org, ControlEvent::done(Operation::AppDelete));
        tx.commit().await?;
        Ok(true)
    }
}
