//! `[authorizer]`.

use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::list::List;
use super::super::written::Written;
use crate::types::Dialect;

/// Decisions for a proxy that forwards by itself, on the socket `listen.authorizer`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawAuthorizer {
    /// How may be asked. What is not listed is not answered.
    pub dialects: List<Dialect>,
    /// Proxies that are believed about the original request, by address.
    pub trusted_proxies: List<Written<IpNet>>,
    /// `env:NAME` of the variable that holds what a proxy must send in `X-Tollgate-Proxy-Secret`: with `trusted_proxies` both are
    /// needed, without it the secret alone decides.
    pub secret: Option<String>,
    /// The file that holds that secret.
    pub secret_file: Option<PathBuf>,
    /// Whether nginx, Traefik or Caddy forwards only headers that it lists. Otherwise a request with headers that the gate would
    /// remove is refused: these proxies can't be told to remove them.
    pub strips_headers: bool,
    /// Whether nginx forwards `X-Tollgate-Target` in place of the path and query that came. Otherwise, and with Caddy and Traefik,
    /// a request whose target would be changed on its way is refused.
    pub uses_target: bool,
    /// Whether answers carry the credentials of upstreams (`upstreams.inject`) for the proxy to send on.
    pub upstream_credentials: bool,
}
