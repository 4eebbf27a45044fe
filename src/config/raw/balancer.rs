//! Balancers that pass connections on.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::list::List;
use super::super::written::Written;

/// The PROXY protocol on the public socket, version 1 or 2: a balancer that passes connections on says whose they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawProxyProtocol {
    /// The balancers. Each connection of theirs must begin with a header, and is of the address that it names; connections of
    /// others must not. None listed is none believed.
    pub from: List<Written<IpNet>>,
}
