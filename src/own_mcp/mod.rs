use crate::{account::AuditFlush, node::Node};
use std::sync::Arc;
pub fn router(_: Arc<Node>, _: Arc<dyn AuditFlush>) -> axum::Router {
    axum::Router::new()
}
