//! One request with what surrounds it: its connection, and the switches that end it. pingora's hooks and the code below them
//! find it here, through the task that serves the request.

use std::sync::Arc;

use pingora::proxy::Session;

use super::connection::Connection;
use super::waiting::is_http2;
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

impl Exchange {
    /// What ends the reading of its client.
    pub(super) fn hangs_up(&self, session: &Session) -> Arc<HangUp> {
        Arc::clone(match &self.connection {
            Some(connection) if !is_http2(session) => &connection.hang_up,
            Some(_) | None => &self.hang_up,
        })
    }
}

tokio::task_local! {
    /// The connection that the current task serves; HTTP/1 only.
    pub(super) static CONNECTION: Arc<Connection>;
    /// The request that the current task serves.
    pub(super) static EXCHANGE: Arc<Exchange>;
}

/// The request that the current task serves.
pub(super) fn current() -> Option<Arc<Exchange>> {
    EXCHANGE.try_with(Arc::clone).ok()
}
