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
        let code = error.as_database_error().and_then(|fault| fault.code());
        super::sqlite::is_busy(error) || code.is_some_and(|code| LATE.contains(&&*code))
    }
}

impl<T, E: std::error::Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Unavailable { what, source: Box::new(source) })
    }
}
