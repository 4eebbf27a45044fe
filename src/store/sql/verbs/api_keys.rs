//! API keys.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{json, word};
use super::among::among;
use super::engine::{Engine, Tx};
use super::rows::{self, Fields};
use super::sought::Sought;
use super::{Db, HOLD, Row, installs, scope_requests};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    ApiKey, ApiKeyFacts, ApiKeySearch, ApiKeyStanding, ApiKeyStore, DisableReason, Holder, Minted, StoreError, Subject,
};
use crate::types::{API_KEYS_WRITE, ApiKeyId, AppId, ClientId, HashedToken, OrgId, Timestamp};

/// Which keys are disabled.
#[derive(Clone, Copy)]
pub(super) enum Disabling<'a> {
    /// One; with an organization, only that one's.
    One(&'a ApiKeyId, Option<&'a OrgId>),
    /// Those of an app.
    App(&'a AppId),
    /// Those of an app in an organization.
    AppIn(&'a OrgId, &'a AppId),
    /// Those that were made through grants of trials that have ended: of one app in one organization, or all.
    Trials(Option<(&'a OrgId, &'a AppId)>),
}

macro_rules! disabling {
    ($which:literal) => {
        concat!(
            "UPDATE api_keys SET disabled_at = $1, disable_reason = $2, disable_detail = $3 WHERE disabled_at IS NULL AND ",
            $which,
            " RETURNING id, org_id, client_id, name, last4"
        )
    };
}

/// The words of a reason. Those that were not there from the first are a detail of what stands for them.
fn words(reason: DisableReason) -> Result<(String, Option<String>), StoreError> {
    match reason {
        DisableReason::Trial => Ok((word(&DisableReason::Hand)?, Some(word(&reason)?))),
        _ => Ok((word(&reason)?, None)),
    }
}

/// Disables keys that work, each with a record in its own organization. Nodes forget what they know of the clients that made
/// them.
pub(super) async fn disable(tx: &mut Tx<'_>, which: Disabling<'_>, reason: DisableReason) -> Result<u64, StoreError> {
    let mut many = QueryBuilder::<Db>::new("SELECT id FROM api_keys WHERE disabled_at IS NULL AND ");
    let locks = match which {
        Disabling::App(app) => many.push("app_id = ").push_bind(app.as_str()),
        Disabling::Trials(None) => many.push("grant_id IN (SELECT grant_id FROM trial_grants)"),
        Disabling::One(..) | Disabling::AppIn(..) | Disabling::Trials(Some(_)) => &mut many,
    };
    if matches!(which, Disabling::App(_) | Disabling::Trials(None)) {
        // In the order in which their use is noted: nobody waits for each other.
        let locked = locks.push(" ORDER BY id").push(HOLD).build().fetch_all(tx.connection()).await;
        locked.doing("lock the API keys that end")?;
    }
    let statement = match which {
        Disabling::One(..) => disabling!("id = $4 AND org_id = COALESCE($5, org_id)"),
        Disabling::App(_) => disabling!("app_id = $4"),
        Disabling::AppIn(..) => disabling!("app_id = $4 AND org_id = $5"),
        Disabling::Trials(_) => disabling!(
            "app_id = COALESCE($4, app_id) AND org_id = COALESCE($5, org_id) AND grant_id IN (SELECT n.grant_id FROM trial_grants n \
             JOIN grants g ON g.id = n.grant_id WHERE g.revoked_at IS NOT NULL OR g.expires_at <= $1)"
        ),
    };
    let (said, detail) = words(reason)?;
    let query = sqlx::query(statement).bind(tx.cause.at.millis()).bind(said).bind(detail);
    let query = match which {
        Disabling::One(id, org) => query.bind(id.as_str()).bind(org.map(|o| o.as_str().to_owned())),
        Disabling::App(app) => query.bind(app.as_str()),
        Disabling::AppIn(org, app) => query.bind(app.as_str()).bind(org.as_str()),
        Disabling::Trials(only) => {
            query.bind(only.map(|(_, app)| app.as_str().to_owned())).bind(only.map(|(org, _)| org.as_str().to_owned()))
        }
    };
    let rows = query.fetch_all(tx.connection()).await.doing("disable API keys")?;
    let why = match reason {
        DisableReason::Hand => "",
        DisableReason::Uninstall => "; its application was uninstalled",
        DisableReason::Withdrawal => "; its application may no longer make keys",
        DisableReason::AppDeleted => "; its application was removed",
        DisableReason::Trial => "; the test that made it has ended",
    };
    for row in &rows {
        let fields = Fields::of(row, "api_keys", "id");
        let (org, id) = (fields.parsed("org_id", OrgId::parse)?, fields.parsed("id", ApiKeyId::parse)?);
        tx.touch(Subject::Client { id: fields.parsed("client_id", ClientId::parse)? });
        let comment = format!("{}, ends in {}{why}", fields.value::<&str>("name")?, fields.value::<&str>("last4")?);
        tx.record(Some(&org), ControlEvent::done(Operation::ApiKeyDisable).on("api_key", id.as_str()).with_comment(comment));
    }
    Ok(rows.len() as u64)
}

/// Keeps the grant from ending until this transaction has.
async fn hold_grant(tx: &mut Tx<'_>, key: &ApiKey) -> Result<bool, StoreError> {
    let at = tx.cause.at.millis();
    let done = sqlx::query(
        "UPDATE grants SET id = id WHERE id = $1 AND org_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
    )
    .bind(key.grant.as_str())
    .bind(key.org.as_str())
    .bind(at)
    .execute(tx.connection())
    .await
    .doing("hold a grant")?;
    Ok(done.rows_affected() > 0)
}

async fn insert(tx: &mut Tx<'_>, key: &ApiKey, hash: &HashedToken) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO api_keys (id, hash, last4, name, org_id, app_id, client_id, grant_id, user_id, scopes, resources, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (org_id, app_id) WHERE disabled_at IS NULL DO NOTHING",
    )
    .bind(key.id.as_str())
    .bind(&hash.bytes()[..])
    .bind(&key.last4)
    .bind(&key.name)
    .bind(key.org.as_str())
    .bind(key.app.as_str())
    .bind(key.client.as_str())
    .bind(key.grant.as_str())
    .bind(key.user.as_str())
    .bind(json(&key.scopes)?)
    .bind(json(&key.resources)?)
    .bind(key.created_at.millis())
    .execute(tx.connection())
    .await
    .doing("write an API key")?;
    Ok(done.rows_affected() > 0)
}

/// The key that works for an app in an organization.
async fn taken(tx: &mut Tx<'_>, key: &ApiKey) -> Result<Option<ApiKey>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        api_key_columns!(),
        " FROM api_keys k WHERE k.org_id = $1 AND k.app_id = $2 AND k.disabled_at IS NULL"
    ))
    .bind(key.org.as_str())
    .bind(key.app.as_str())
    .fetch_optional(tx.connection())
    .await
    .doing("read an API key")?;
    row.as_ref().map(rows::api_key).transpose()
}

/// Notes when keys were last used.
pub(super) async fn used(connection: &mut super::Connection, keys: &BTreeMap<&str, Timestamp>) -> Result<(), StoreError> {
    for (id, at) in keys {
        sqlx::query("UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)")
            .bind(at.millis())
            .bind(*id)
            .execute(&mut *connection)
            .await
            .doing("note the use of an API key")?;
    }
    Ok(())
}

/// Keys with everything that their effect depends on; a condition follows.
macro_rules! key_facts {
    ($which:literal) => {
        concat!(
            "SELECT ",
            api_key_columns!(),
            ", ",
            user_columns!(),
            ", ",
            org_columns!(),
            ", ",
            client_columns!(),
            ", ",
            policy_columns!("k.org_id"),
            ", ",
            approvals_column!(),
            ", i.app_id AS i_app_id FROM api_keys k JOIN users u ON u.id = k.user_id JOIN orgs o ON o.id = k.org_id \
             JOIN clients c ON c.id = k.client_id \
             LEFT JOIN client_policies p ON p.org_id = k.org_id AND p.client_id = k.client_id \
             LEFT JOIN org_policies q ON q.org_id = k.org_id \
             LEFT JOIN installs i ON i.org_id = k.org_id AND i.app_id = k.app_id WHERE ",
            $which
        )
    };
}

fn facts(row: &Row) -> Result<ApiKeyFacts, StoreError> {
    Ok(ApiKeyFacts {
        key: rows::api_key(row)?,
        user: rows::user(row)?,
        org: rows::org(row)?,
        client: rows::client(row)?,
        policy: rows::policy(row)?,
        approvals: rows::approvals(row)?,
        installed: Fields::of(row, "installs", "k_id").value::<Option<&str>>("i_app_id")?.is_some(),
    })
}

#[async_trait]
impl ApiKeyStore for Engine {
    async fn mint_api_key(&self, key: &ApiKey, hash: &HashedToken, cause: &Cause) -> Result<Minted, StoreError> {
        let mut tx = self.begin(cause).await?;
        // Whoever withdraws, uninstalls or revokes at the same time either comes first and is seen here, or waits and sees the key.
        if !scope_requests::hold(&mut tx, &Holder::App(key.app.clone()), API_KEYS_WRITE).await? {
            return Ok(Minted::NotApproved);
        }
        if !installs::hold(&mut tx, &key.org, &key.app).await? || !hold_grant(&mut tx, key).await? {
            return Ok(Minted::Ended);
        }
        // What a test left is in nobody's way, whether anybody has cleaned up since or not.
        disable(&mut tx, Disabling::Trials(Some((&key.org, &key.app))), DisableReason::Trial).await?;
        if !insert(&mut tx, key, hash).await? {
            return Ok(taken(&mut tx, key).await?.map_or(Minted::Ended, |k| Minted::Taken(Box::new(k))));
        }
        let event = ControlEvent::done(Operation::ApiKeyMint).on("api_key", key.id.as_str()).with_scopes(key.scopes.clone());
        tx.record(Some(&key.org), event.with_comment(format!("{}, ends in {}", key.name, key.last4)));
        tx.commit().await?;
        Ok(Minted::Done)
    }

    async fn api_key_facts(&self, hash: &HashedToken) -> Result<Option<ApiKeyFacts>, StoreError> {
        let row = sqlx::query(key_facts!("k.hash = $1"))
            .bind(&hash.bytes()[..])
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an API key")?;
        row.as_ref().map(facts).transpose()
    }

    async fn facts_of_api_keys(&self, ids: &[ApiKeyId]) -> Result<Vec<ApiKeyFacts>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(key_facts!("k.id IN "));
        among(&mut query, ids.iter().map(ApiKeyId::as_str));
        query.push(" ORDER BY k.created_at DESC, k.id DESC");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("read API keys")?;
        rows.iter().map(facts).collect()
    }

    async fn api_key_hash(&self, id: &ApiKeyId) -> Result<Option<HashedToken>, StoreError> {
        let row = sqlx::query("SELECT id AS k_id, hash AS k_hash FROM api_keys WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an API key")?;
        row.as_ref().map(|row| Fields::of(row, "api_keys", "k_id").hash("k_hash")).transpose()
    }

    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", api_key_columns!(), " FROM api_keys k WHERE k.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an API key")?;
        row.as_ref().map(rows::api_key).transpose()
    }

    async fn api_keys(&self, org: Option<&OrgId>) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            api_key_columns!(),
            " FROM api_keys k WHERE k.org_id = COALESCE($1, k.org_id) ORDER BY k.created_at DESC, k.id DESC"
        ))
        .bind(org.map(OrgId::as_str))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list API keys")?;
        rows.iter().map(rows::api_key).collect()
    }

    async fn api_keys_of_app(&self, org: &OrgId, app: &AppId) -> Result<Vec<ApiKey>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            api_key_columns!(),
            " FROM api_keys k WHERE k.org_id = $1 AND k.app_id = $2 ORDER BY k.created_at DESC, k.id DESC"
        ))
        .bind(org.as_str())
        .bind(app.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list the API keys of an app")?;
        rows.iter().map(rows::api_key).collect()
    }

    async fn find_api_keys(
        &self,
        search: &ApiKeySearch,
        after: Option<&(Timestamp, ApiKeyId)>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let ApiKeySearch { org, app, standing, text } = search;
        let mut query = QueryBuilder::<Db>::new(concat!("SELECT ", api_key_columns!(), " FROM api_keys k WHERE TRUE"));
        if let Some(org) = org {
            query.push(" AND k.org_id = ").push_bind(org.as_str().to_owned());
        }
        if let Some(app) = app {
            query.push(" AND k.app_id = ").push_bind(app.as_str().to_owned());
        }
        match standing {
            Some(ApiKeyStanding::Live) => drop(query.push(" AND k.disabled_at IS NULL")),
            Some(ApiKeyStanding::Disabled) => drop(query.push(" AND k.disabled_at IS NOT NULL")),
            None => {}
        }
        if let Some((time, id)) = after {
            query.push(" AND (k.created_at, k.id) < (").push_bind(time.millis());
            query.push(", ").push_bind(id.as_str().to_owned()).push(")");
        }
        if !text.is_empty() {
            let sought = Sought::of(text);
            query.push(" AND (");
            sought.within(&mut query, &["k.name", "k.last4", "k.id"]);
            query.push(" OR EXISTS (SELECT 1 FROM clients c WHERE c.id = k.client_id AND ");
            sought.within(&mut query, &["c.name"]);
            query.push(") OR EXISTS (SELECT 1 FROM users u WHERE u.id = k.user_id AND ");
            sought.within(&mut query, &["u.email", "u.name"]);
            query.push(")");
            // Scopes are a list in JSON, whose own characters are none of theirs.
            if !text.contains(['"', '[', ']', ',', ' ']) {
                query.push(" OR ");
                sought.within(&mut query, &["k.scopes"]);
            }
            query.push(")");
        }
        query.push(" ORDER BY k.created_at DESC, k.id DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search API keys")?;
        rows.iter().map(rows::api_key).collect()
    }

    async fn disable_api_key(&self, id: &ApiKeyId, org: Option<&OrgId>, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if disable(&mut tx, Disabling::One(id, org), DisableReason::Hand).await? == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
