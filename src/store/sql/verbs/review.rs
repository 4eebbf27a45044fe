//! All live grants of an organization.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::Db;
use super::among::among;
use super::engine::Engine;
use super::grants::{narrow_search, reach};
use super::rows::{self, Fields};
use super::sought::Reach;
use crate::store::{GrantFacts, GrantSearch, ReviewStore, StoreError};
use crate::types::{GrantId, OrgId, ScopeSet, ScopeToken, Timestamp};

/// A page of the grants that a search finds, those that idled for longest first. It is found in an index before anything is joined
/// to it.
pub(super) fn idle_page(
    org: &OrgId,
    (search, reach): (&GrantSearch, Option<Reach>),
    (offset, limit): (u32, u32),
) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::<Db>::new(select_facts!("WHERE g.id IN (SELECT g.id FROM grants g WHERE "));
    narrow_search(&mut query, org, search, reach);
    query.push(" ORDER BY g.idle_since, g.id LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ");
    query.push_bind(i64::from(offset)).push(") ORDER BY g.idle_since, g.id");
    query
}

#[async_trait]
impl ReviewStore for Engine {
    async fn count_live_grants(&self, org: &OrgId, at: Timestamp, idle_since: Timestamp) -> Result<(u64, u64), StoreError> {
        // Every grant has idled since some instant: named here, it leads to the index that holds all this asks for.
        let row = sqlx::query(
            "SELECT COUNT(*) AS total, COUNT(*) FILTER (WHERE idle_since <= $3) AS idle FROM grants \
             WHERE org_id = $1 AND idle_since >= 0 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(org.as_str())
        .bind(at.millis())
        .bind(idle_since.millis())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("count an organization's grants")?;
        let fields = Fields::of(&row, "grants", "total");
        Ok((fields.count("total")?, fields.count("idle")?))
    }

    async fn idle_grants(
        &self,
        org: &OrgId,
        search: &GrantSearch,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<GrantFacts>, StoreError> {
        let reach = reach(self, org, search).await?;
        let mut query = idle_page(org, (search, reach), (offset, limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list an organization's idle grants")?;
        rows.iter().map(rows::facts).collect()
    }

    async fn live_grants(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError> {
        let (time, id) = after.map_or((i64::MIN, ""), |(time, id)| (time.millis(), id.as_str()));
        let rows = sqlx::query(select_facts!(
            "WHERE g.org_id = $1 AND (g.created_at, g.id) > ($2, $3) AND g.revoked_at IS NULL \
             AND (g.expires_at IS NULL OR g.expires_at > $4) ORDER BY g.created_at, g.id LIMIT $5"
        ))
        .bind(org.as_str())
        .bind(time)
        .bind(id)
        .bind(at.millis())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list an organization's live grants")?;
        rows.iter().map(rows::facts).collect()
    }

    async fn scopes_used(&self, grants: &[GrantId]) -> Result<HashMap<GrantId, ScopeSet>, StoreError> {
        let mut used: HashMap<GrantId, ScopeSet> = HashMap::new();
        if grants.is_empty() {
            return Ok(used);
        }
        let mut query = QueryBuilder::<Db>::new("SELECT grant_id, scope FROM grant_scope_use WHERE grant_id IN ");
        among(&mut query, grants.iter().map(GrantId::as_str));
        query.push(" ORDER BY scope");
        for row in query.build().fetch_all(&mut *self.reader().await?).await.doing("read the scopes that grants used")? {
            let fields = Fields::of(&row, "grant_scope_use", "scope");
            let scopes = used.entry(fields.parsed("grant_id", GrantId::parse)?).or_default();
            scopes.insert(fields.parsed("scope", ScopeToken::parse)?);
        }
        Ok(used)
    }
}
