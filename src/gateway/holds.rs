//! Who pays for a request: out of whose share of the memory its body is held, and in whose name it takes a place at its
//! upstream.

use std::net::SocketAddr;
use std::sync::Arc;

use super::authorize::Permit;
use super::upstream::holders::Who;
use crate::config::Config;
use crate::node::Node;
use crate::types::{Memory, Owner, network};

/// The share of a permitted request: its organization's, or its network's where the permit names nobody.
#[must_use]
pub fn of(permit: &Permit, node: &Node, config: &Config, client: Option<SocketAddr>) -> Arc<Memory> {
    match permit.principal() {
        Some(principal) => node.memory.of_later(Owner::Organization(principal.org.id.clone())),
        None => of_stranger(node, config, client),
    }
}

/// Who holds the place of a permitted request.
#[must_use]
pub fn holder<'p>(permit: &'p Permit, config: &Config, client: Option<SocketAddr>) -> Who<'p> {
    match permit.principal() {
        Some(principal) => Who::User { org: principal.org.id.as_str(), user: principal.user.id.as_str() },
        None => Who::Stranger(config.listen.apart(client)),
    }
}

/// The share of a request of which nobody knows more than where it comes from. Who can't be told from others has none.
#[must_use]
pub fn of_stranger(node: &Node, config: &Config, client: Option<SocketAddr>) -> Arc<Memory> {
    match config.listen.apart(client) {
        Some(address) => node.memory.of_later(Owner::Network(network(address))),
        None => Arc::clone(&node.memory),
    }
}
