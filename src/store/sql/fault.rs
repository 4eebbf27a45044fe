//! Driver errors as faults of the store.

use crate::store::StoreError;

/// Says what was being done when a driver or a serializer failed.
pub(super) trait Doing<T> {
    /// The value, or [`StoreError::Unavailable`] that names `what` and keeps the cause.
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Unavailable { what, source: Box::new(source) })
    }
}
