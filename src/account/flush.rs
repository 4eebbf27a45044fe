//! Seeing what was just recorded.

use std::time::Duration;

use async_trait::async_trait;

/// A reader waits no longer than this for records on their way; then it reads what is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Brings the records that this node has finished into the store, where searches find them.
#[async_trait]
pub trait AuditFlush: Send + Sync + 'static {
    /// Returns when they are there.
    async fn flush(&self);
}

/// Waits a bounded time for a flush.
pub async fn flushed(flush: &dyn AuditFlush) {
    if tokio::time::timeout(PATIENCE, flush.flush()).await.is_err() {
        tracing::warn!("the audit journal is behind; a reader is shown an older log");
    }
}
