//! What operators see: metrics and logs.

mod logs;
mod metrics;
mod trace;

pub use logs::{LogFormat, start_logs};
pub use metrics::{Metrics, RouteMetrics};
pub use prometheus::IntGauge;
pub use trace::TraceContext;
