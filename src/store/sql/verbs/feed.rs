//! The change feed.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::json;
use super::engine::Engine;
use super::rows::Fields;
use super::{Connection, Db};
use crate::store::{Change, FeedStore, Mark, StoreError, Subject};
use crate::types::Timestamp;

/// Lines in one INSERT.
const AT_ONCE: usize = 500;

/// Gives each subject a position and writes its line. Every other change waits meanwhile: what can be made ready before is.
pub(super) async fn append(connection: &mut Connection, subjects: &[Subject], at: Timestamp) -> Result<(), StoreError> {
    if subjects.is_empty() {
        return Ok(());
    }
    let lines = subjects.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    let count = i64::try_from(lines.len()).doing("count changes")?;
    let last: i64 = sqlx::query_scalar("UPDATE feed_head SET position = position + $1 WHERE one = 1 RETURNING position")
        .bind(count)
        .fetch_one(&mut *connection)
        .await
        .doing("take positions in the feed")?;
    for (some, first) in lines.chunks(AT_ONCE).zip((last - count + 1..).step_by(AT_ONCE)) {
        let mut query = QueryBuilder::<Db>::new("INSERT INTO changes (position, subject, changed_at) ");
        query.push_values(some.iter().zip(first..), |mut row, (line, position)| {
            row.push_bind(position).push_bind(line.as_str()).push_bind(at.millis());
        });
        // Most changes touch few: those statements stay prepared.
        let query = query.build().persistent(some.len() <= 4);
        query.execute(&mut *connection).await.doing("write to the feed")?;
    }
    Ok(())
}

#[async_trait]
impl FeedStore for Engine {
    async fn feed_position(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT position FROM feed_head WHERE one = 1")
            .fetch_one(&mut *self.urgent_reader().await?)
            .await
            .doing("read the feed's position")?;
        Fields::of(&row, "feed_head", "position").count("position")
    }

    async fn changes_after(&self, position: u64, limit: u32) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query("SELECT position, mark, subject FROM changes WHERE position > $1 ORDER BY position LIMIT $2")
            .bind(i64::try_from(position).unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.urgent_reader().await?)
            .await
            .doing("read the feed")?;
        let line = |row| {
            let fields = Fields::of(row, "changes", "position");
            let mark = fields.value("mark").map(Mark)?;
            Ok(Change { position: fields.count("position")?, mark, subject: fields.json("subject")? })
        };
        rows.iter().map(line).collect()
    }

    async fn forget_changes(&self, before: Timestamp) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM changes WHERE changed_at < $1 AND position < (SELECT MAX(position) FROM changes)")
            .bind(before.millis())
            .execute(&mut *self.writer().await?)
            .await
            .doing("forget old changes")
            .map(|done| done.rows_affected())
    }
}
