//! How rows that have had their time are deleted, a few at a time.

use sqlx::AssertSqlSafe;

use super::super::fault::Doing;
use super::TAKE;
use super::engine::Engine;
use crate::store::StoreError;

/// Rows in one DELETE, so that nothing waits long behind it and it never comes near the limit on statements.
const AT_ONCE: u64 = 1000;
/// DELETEs of one table in a row. What is left then waits for the next time.
const IN_A_ROW: usize = 100;

/// Rows of a table that can be forgotten.
pub(super) struct Old {
    /// The table.
    pub(super) table: &'static str,
    /// Its primary key.
    pub(super) key: &'static str,
    /// Which of its rows, known as `t`: a condition that an index serves, and perhaps an order. `$1` and so on are bound.
    pub(super) which: &'static str,
}

impl Old {
    /// As one statement. What another node is deleting is left to it; what is old is looked for once, whatever the table looks like
    /// to the planner.
    fn statement(&self) -> String {
        let Self { table, key, which } = self;
        let columns: Vec<_> = key.split(", ").map(|column| format!("t.{column}")).collect();
        let columns = columns.join(", ");
        format!(
            "WITH doomed AS MATERIALIZED (SELECT {columns} FROM {table} t WHERE {which} LIMIT {AT_ONCE}{TAKE}) \
             DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM doomed)"
        )
    }
}

impl Engine {
    /// Deletes what is old; says how much.
    pub(super) async fn forget(&self, old: &Old, bounds: &[i64]) -> Result<u64, StoreError> {
        let (statement, mut forgotten) = (old.statement(), 0);
        for _ in 0..IN_A_ROW {
            let mut query = sqlx::query(AssertSqlSafe(statement.clone()));
            for bound in bounds {
                query = query.bind(*bound);
            }
            let done = query.execute(&mut *self.writer().await?).await.doing("forget what ended")?.rows_affected();
            forgotten += done;
            if done < AT_ONCE {
                break;
            }
        }
        Ok(forgotten)
    }

    /// The same of several tables. One that fails keeps none of the others.
    pub(super) async fn forget_each(&self, all: &[Old], bounds: &[i64]) -> Result<u64, StoreError> {
        let (mut forgotten, mut failed) = (0, None);
        for old in all {
            match self.forget(old, bounds).await {
                Ok(some) => forgotten += some,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(forgotten), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_two_keys_is_asked_for_both() {
        let old = Old { table: "places", key: "user_id, place", which: "t.seen_at < $1 ORDER BY t.seen_at" };
        let (head, tail) = (
            "WITH doomed AS MATERIALIZED (SELECT t.user_id, t.place FROM places t WHERE t.seen_at < $1 ORDER BY t.seen_at LIMIT 1000",
            ") DELETE FROM places WHERE (user_id, place) IN (SELECT user_id, place FROM doomed)",
        );
        let statement = old.statement();
        assert!(statement.starts_with(head) && statement.ends_with(tail), "{statement}");
    }
}
