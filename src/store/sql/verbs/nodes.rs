//! The processes on the store.

use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::super::fault::Doing;
use super::engine::Engine;
use super::rows::Fields;
use crate::store::{FeedHead, Listing, Mark, NodeRole, NodeRow, NodeStore, Point, StoreError};
use crate::types::NodeId;

/// Beats that no row lives to see: where the count of the next row starts.
const APART: i64 = 1 << 32;

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[async_trait]
impl NodeStore for Engine {
    async fn list_node(&self, id: &NodeId, role: NodeRole) -> Result<(), StoreError> {
        // A row that was forgotten and comes back must not be taken for the one from before.
        let beats = self.listed.fetch_add(1, Ordering::Relaxed).saturating_mul(APART);
        sqlx::query(
            "INSERT INTO nodes (id, serves, position, beats, fenced) VALUES ($1, $2, 0, $3, FALSE) ON CONFLICT (id) DO UPDATE \
             SET serves = excluded.serves, position = 0, beats = nodes.beats + 1, fenced = FALSE",
        )
        .bind(id.as_str())
        .bind(role == NodeRole::Serves)
        .bind(beats)
        .execute(&mut *self.urgent_writer().await?)
        .await
        .doing("list this node")
        .map(drop)
    }

    async fn feed_head(&self, id: &NodeId) -> Result<FeedHead, StoreError> {
        let row = sqlx::query(
            "SELECT h.position, c.mark, n.fenced, (SELECT COUNT(*) FROM nodes o WHERE o.id <> $1) AS company FROM feed_head h \
             LEFT JOIN changes c ON c.position = h.position LEFT JOIN nodes n ON n.id = $1 WHERE h.one = 1",
        )
        .bind(id.as_str())
        .fetch_one(&mut *self.urgent_reader().await?)
        .await
        .doing("read the feed's position")?;
        let fields = Fields::of(&row, "feed_head", "position");
        let fenced: Option<bool> = fields.value("fenced")?;
        Ok(FeedHead {
            point: Point { position: fields.count("position")?, mark: fields.value::<Option<i64>>("mark")?.map(Mark) },
            listing: if fenced == Some(false) { Listing::Stands } else { Listing::Gone },
            others: fields.count("company")?,
        })
    }

    async fn confirm_node(&self, id: &NodeId, point: Point) -> Result<bool, StoreError> {
        // What was applied from another history, before a fail-over, confirms nothing about this one.
        sqlx::query(
            "UPDATE nodes SET position = $2, beats = beats + 1 WHERE id = $1 AND NOT fenced \
             AND ($2 = 0 OR EXISTS (SELECT 1 FROM changes c WHERE c.position = $2 AND c.mark = $3))",
        )
        .bind(id.as_str())
        .bind(number(point.position))
        .bind(point.mark.map(|m| m.0))
        .execute(&mut *self.urgent_writer().await?)
        .await
        .doing("confirm what was applied")
        .map(|done| done.rows_affected() > 0)
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
        let rows = sqlx::query("SELECT id, serves, position, beats, fenced FROM nodes ORDER BY id")
            .fetch_all(&mut *self.urgent_reader().await?)
            .await
            .doing("read what nodes there are")?;
        let node = |row| {
            let fields = Fields::of(row, "nodes", "id");
            Ok(NodeRow {
                id: fields.parsed("id", NodeId::parse)?,
                role: if fields.value("serves")? { NodeRole::Serves } else { NodeRole::Commands },
                position: fields.count("position")?,
                beats: fields.count("beats")?,
                fenced: fields.value("fenced")?,
            })
        };
        rows.iter().map(node).collect()
    }

    async fn fence_node(&self, seen: &NodeRow) -> Result<bool, StoreError> {
        sqlx::query("UPDATE nodes SET fenced = TRUE WHERE id = $1 AND beats = $2 AND NOT fenced")
            .bind(seen.id.as_str())
            .bind(number(seen.beats))
            .execute(&mut *self.urgent_writer().await?)
            .await
            .doing("give up a silent node")
            .map(|done| done.rows_affected() > 0)
    }

    async fn forget_node(&self, seen: &NodeRow) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM nodes WHERE id = $1 AND beats = $2 AND fenced")
            .bind(seen.id.as_str())
            .bind(number(seen.beats))
            .execute(&mut *self.urgent_writer().await?)
            .await
            .doing("forget a silent node")
            .map(|done| done.rows_affected() > 0)
    }

    async fn unlist_node(&self, id: &NodeId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM nodes WHERE id = $1")
            .bind(id.as_str())
            .execute(&mut *self.urgent_writer().await?)
            .await
            .doing("take this node off the list")
            .map(drop)
    }
}
