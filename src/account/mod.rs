use crate::node::Node;
use std::sync::Arc;
#[async_trait::async_trait]
pub trait AuditFlush: Send + Sync {
    async fn flush(&self);
}
pub fn router(_: Arc<Node>, _: Arc<dyn AuditFlush>) -> axum::Router {
    axum::Router::new()
}
