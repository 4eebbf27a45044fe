use crate::{node::Node, telemetry::Metrics, types::HashedToken};
use std::sync::Arc;
pub struct AdminState {
    pub node: Arc<Node>,
    pub metrics: Arc<Metrics>,
    pub readiness: Arc<dyn Readiness>,
    pub token: HashedToken,
}
#[async_trait::async_trait]
pub trait Readiness: Send + Sync {
    async fn check(&self) -> Result<(), Vec<String>>;
}
pub fn router(_: AdminState) -> axum::Router {
    axum::Router::new()
}
