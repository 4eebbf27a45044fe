//! The socket where proxies ask for decisions.

use std::net::SocketAddr;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{BootError, bind, serve_admin};
use crate::authorizer;
use crate::plugin::Gate;

/// Listens where the configuration says, if it does.
pub(super) fn serve(
    gate: &Gate,
    stop: CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<Option<SocketAddr>, BootError> {
    let Some(address) = gate.prepared.load().config.listen.authorizer else { return Ok(None) };
    let address = serve_admin(bind(address)?, authorizer::router(gate.clone()), stop, tasks)?;
    tracing::info!(%address, "proxies may ask for decisions");
    Ok(Some(address))
}
