//! One request with what surrounds it: its connection, and the switches that end it. pingora's hooks and the code below them
//! find it here, through the task that serves the request.

use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use crate::gateway::streams::{CutSwitch, HangUp};

/// One request with its surroundings, from before its head was read.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Its connection.
    pub(super) connection: Option<Arc<Connection>>,
    /// Ends it, whatever it is waiting for.
    pub(super) cut: Arc<CutSwitch>,
    /// Ends what is read of its client, where it waits over HTTP/2.
    pub(super) hang_up: Arc<HangUp>,
}

tokio::task_local! {
    /// The connection that the current task serves; HTTP/1 only.
    pub(super) static CONNECTION: Arc<Connection>;
    /// The request that the current task serves.
    pub(super) static EXCHANGE: Arc<Exchange>;
}

/// How long the current task's connection may be idle, where that is less than its guard can tell.
pub(super) fn short_idle() -> Option<Duration> {
    EXCHANGE.try_with(|exchange| exchange.connection.as_ref()?.short_idle()).ok().flatten()
}

/// The request that the current task serves.
pub(super) fn current() -> Option<Arc<Exchange>> {
    EXCHANGE.try_with(Arc::clone).ok()
}
