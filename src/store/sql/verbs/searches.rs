//! Searches that people saved.

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::storable;
use super::engine::Engine;
use super::rows::Fields;
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{MAX_SEARCHES, SavedSearch, SearchStore, StoreError};
use crate::types::{OrgId, UserId};

#[async_trait]
impl SearchStore for Engine {
    async fn save_search(&self, search: &SavedSearch, cause: &Cause) -> Result<bool, StoreError> {
        let name = storable(&search.name);
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO saved_searches (user_id, org_id, name, query) SELECT u.id, $2, $3, $4 FROM users u WHERE u.id = $1 \
             AND (SELECT COUNT(*) FROM saved_searches s WHERE s.user_id = $1 AND s.org_id = $2 AND s.name <> $3) < $5 \
             ON CONFLICT (user_id, org_id, name) DO UPDATE SET query = excluded.query",
        )
        .bind(search.user.as_str())
        .bind(search.org.as_str())
        .bind(&name)
        .bind(storable(&search.query))
        .bind(i64::from(MAX_SEARCHES))
        .execute(tx.connection())
        .await
        .doing("save a search")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        // Its name is nobody else's to read.
        tx.record(Some(&search.org), ControlEvent::done(Operation::AuditSearchSave));
        tx.commit().await?;
        Ok(true)
    }

    async fn saved_searches(&self, user: &UserId, org: &OrgId) -> Result<Vec<SavedSearch>, StoreError> {
        let rows = sqlx::query("SELECT name, query FROM saved_searches WHERE user_id = $1 AND org_id = $2 ORDER BY name")
            .bind(user.as_str())
            .bind(org.as_str())
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list saved searches")?;
        let saved = |row| {
            let fields = Fields::of(row, "saved_searches", "name");
            Ok(SavedSearch { user: user.clone(), org: org.clone(), name: fields.value("name")?, query: fields.value("query")? })
        };
        rows.iter().map(saved).collect()
    }

    async fn forget_search(&self, user: &UserId, org: &OrgId, name: &str, cause: &Cause) -> Result<bool, StoreError> {
        let name = storable(name);
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query("DELETE FROM saved_searches WHERE user_id = $1 AND org_id = $2 AND name = $3")
            .bind(user.as_str())
            .bind(org.as_str())
            .bind(&name)
            .execute(tx.connection())
            .await
            .doing("forget a search")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.record(Some(org), ControlEvent::done(Operation::AuditSearchForget));
        tx.commit().await?;
        Ok(true)
    }
}
