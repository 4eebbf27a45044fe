//! Seeing what was just recorded.

use async_trait::async_trait;

/// Brings the records that this node has finished into the store, where searches find them. Readers ask for it before they
/// read, so that they see what they did themselves a moment ago.
#[async_trait]
pub trait AuditFlush: Send + Sync {
    /// Returns when they are there, or after a bounded time: a page that shows a moment less is better than none.
    async fn flush(&self);
}
