//! Driver errors as faults of the store.

use crate::store::StoreError;

/// Says what was being done when a driver or a serializer failed.
pub(super) trait Doing<T> {
    /// The value, or [`StoreError::Unavailable`] that names `what` and keeps the cause.
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

/// What PostgreSQL says when others were in the way for too long: `lock_not_available`, `query_canceled`.
const LATE: [&str; 2] = ["55P03", "57014"];

impl StoreError {
    /// Whether the store is there, and only did not get done in time what was asked of it.
    #[must_use]
    pub fn is_late(&self) -> bool {
        let Self::Unavailable { source, .. } = self else { return false };
        let Some(error) = source.downcast_ref::<sqlx::Error>() else { return false };
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        super::sqlite::is_busy(error) || code.is_some_and(|code| LATE.contains(&&*code))
    }
}

impl<T, E: std::error::Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| {
            let rejected = is_rejected(&source);
            let source = Box::new(source);
            if rejected { StoreError::Rejected { what, source } } else { StoreError::Unavailable { what, source } }
        })
    }
}

/// Whether the database refused what it was given, and not the moment.
fn is_rejected(error: &(dyn std::error::Error + 'static)) -> bool {
    let Some(sqlx::Error::Database(error)) = error.downcast_ref() else { return false };
    error.code().is_some_and(|code| is_about_data(&code))
}

/// PostgreSQL: the classes of "data exception" and "program limit exceeded", <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
/// `SQLite`: too big, and of another type than the column, <https://www.sqlite.org/rescode.html>.
fn is_about_data(code: &str) -> bool {
    match code.len() {
        5 => code.starts_with("22") || code.starts_with("54"),
        _ => matches!(code, "18" | "20"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_from_who_can_not_be_asked() {
        for data in ["22001", "22P05", "54000", "18", "20"] {
            assert!(is_about_data(data), "{data}");
        }
        for moment in ["08006", "40001", "53100", "57P01", "5", "10", "13", "2067"] {
            assert!(!is_about_data(moment), "{moment}");
        }
        let closed: Result<(), _> = Err(sqlx::Error::PoolClosed);
        assert!(matches!(closed.doing("ask"), Err(StoreError::Unavailable { .. })));
    }
}
