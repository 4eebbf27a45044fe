//! What every test starts from.

pub mod api;
pub mod audit;
pub mod certificates;
pub mod command;
pub mod frames;
pub mod gateway;
pub mod grpc;
pub mod http1;
pub mod http2;
pub mod line;
pub mod upstream;
pub mod way;
pub mod world;

use std::future::Future;
use std::time::Duration;

pub use api::Api;
pub use command::Command;
pub use gateway::{Gateway, Setup, UPSTREAM_SECRET};
pub use upstream::Upstream;
pub use world::Caller;

/// Longest that anything may take on a machine that is busy with other things. Nothing waits this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that has to happen.
pub async fn within<T>(what: &str, it: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, it).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}
