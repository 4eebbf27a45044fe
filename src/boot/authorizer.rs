//! The socket where proxies ask for decisions.

use std::net::SocketAddr;

use tokio::task::JoinHandle;

use super::beside::{self, Until};
use super::{BootError, bind};
use crate::authorizer;
use crate::plugin::Gate;

/// Listens where the configuration says, if it does.
pub(super) fn serve(gate: &Gate, until: Until, tasks: &mut Vec<JoinHandle<()>>) -> Result<Option<SocketAddr>, BootError> {
    let prepared = gate.prepared.load();
    let listen = &prepared.config.listen;
    let Some(address) = listen.authorizer else { return Ok(None) };
    let address = beside::serve(bind(address)?, authorizer::router(gate.clone()), until, tasks)?;
    tracing::info!(%address, "proxies may ask for decisions");
    Ok(Some(address))
}
