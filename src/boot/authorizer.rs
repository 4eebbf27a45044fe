//! The socket where proxies ask for decisions.

use std::net::SocketAddr;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{BootError, GRACE, beside, bind};
use crate::authorizer;
use crate::plugin::Gate;

/// Listens where the configuration says, if it does.
pub(super) fn serve(
    gate: &Gate,
    stop: CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<Option<SocketAddr>, BootError> {
    let prepared = gate.prepared.load();
    let listen = &prepared.config.listen;
    let Some(address) = listen.authorizer else { return Ok(None) };
    let grace = listen.limits.drain_timeout.min(GRACE);
    let address = beside::serve(bind(address)?, (authorizer::router(gate.clone()), grace), stop, tasks)?;
    tracing::info!(%address, "proxies may ask for decisions");
    Ok(Some(address))
}
