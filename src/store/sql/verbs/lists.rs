//! Lists over all organizations, page by page.

use std::borrow::Borrow;

use async_trait::async_trait;

use super::super::fault::Doing;
use super::super::values::storable;
use super::engine::Engine;
use super::rows;
use crate::store::{App, Client, GrantFacts, ListStore, Org, StoreError, User};
use crate::types::{AppId, ClientId, GrantId, Slug, Timestamp, UserId};

/// Where a page of what was made begins: behind everything that is newer.
fn place<I: Borrow<str>>(after: Option<&(Timestamp, I)>) -> (i64, &str) {
    after.map_or((i64::MAX, ""), |(time, id)| (time.millis(), Borrow::<str>::borrow(id)))
}

#[async_trait]
impl ListStore for Engine {
    async fn orgs_behind(&self, after: Option<&Slug>, limit: u32) -> Result<Vec<Org>, StoreError> {
        let rows = sqlx::query(concat!("SELECT ", org_columns!(), " FROM orgs o WHERE o.slug > $1 ORDER BY o.slug LIMIT $2"))
            .bind(after.map_or("", Slug::as_str))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list organizations")?;
        rows.iter().map(rows::org).collect()
    }

    async fn users_behind(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.email > $1 ORDER BY u.email LIMIT $2"))
            .bind(storable(after.unwrap_or_default()))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list users")?;
        rows.iter().map(rows::user).collect()
    }

    async fn clients_behind(&self, after: Option<&(Timestamp, ClientId)>, limit: u32) -> Result<Vec<Client>, StoreError> {
        let (time, id) = place(after);
        let rows = sqlx::query(concat!(
            "SELECT ",
            client_columns!(),
            " FROM clients c WHERE c.deleted_at IS NULL AND (c.created_at, c.id) < ($1, $2) \
             ORDER BY c.created_at DESC, c.id DESC LIMIT $3"
        ))
        .bind(time)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list clients")?;
        rows.iter().map(rows::client).collect()
    }

    async fn apps_behind(&self, after: Option<&(Timestamp, AppId)>, limit: u32) -> Result<Vec<App>, StoreError> {
        let (time, id) = place(after);
        let rows = sqlx::query(concat!(
            "SELECT ",
            app_columns!(),
            " FROM apps a WHERE a.deleted_at IS NULL AND (a.created_at, a.id) < ($1, $2) \
             ORDER BY a.created_at DESC, a.id DESC LIMIT $3"
        ))
        .bind(time)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list apps")?;
        rows.iter().map(rows::app).collect()
    }

    async fn grants_behind(
        &self,
        user: Option<&UserId>,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError> {
        let (time, id) = place(after);
        let query = match user {
            Some(user) => sqlx::query(select_facts!(
                "WHERE g.user_id = $4 AND (g.created_at, g.id) < ($1, $2) ORDER BY g.created_at DESC, g.id DESC LIMIT $3"
            ))
            .bind(time)
            .bind(id)
            .bind(i64::from(limit))
            .bind(user.as_str()),
            None => {
                sqlx::query(select_facts!("WHERE (g.created_at, g.id) < ($1, $2) ORDER BY g.created_at DESC, g.id DESC LIMIT $3"))
                    .bind(time)
                    .bind(id)
                    .bind(i64::from(limit))
            }
        };
        let rows = query.fetch_all(&mut *self.reader().await?).await.doing("list grants")?;
        rows.iter().map(rows::facts).collect()
    }
}
