//! From a permit to a connection: which endpoint, at which address, with which limits.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use super::authorize::Permit;
use crate::config::{Endpoint, Target, Upstream, UpstreamProtocol};

/// How long a resolved name is believed.
const NAME_TTL: Duration = Duration::from_secs(30);
/// Requests at one time on one HTTP/2 connection to an upstream. What every server takes (RFC 9113 §6.5.2).
const MAX_STREAMS: usize = 100;

/// Finds endpoints and their addresses.
#[derive(Debug)]
pub struct Upstreams {
    names: Cache<(String, u16), Vec<SocketAddr>>,
    turn: AtomicUsize,
}

/// Why there is no peer.
#[derive(Debug, thiserror::Error)]
pub enum NoPeer {
    /// The permit is for a local target.
    #[error("this API is answered here and has no upstream")]
    Local,
    /// The name does not resolve.
    #[error("the upstream's name {host} can't be resolved")]
    Name {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: Option<std::io::Error>,
    },
}

impl Default for Upstreams {
    fn default() -> Self {
        Self { names: Cache::builder().max_capacity(10_000).time_to_live(NAME_TTL).build(), turn: AtomicUsize::new(0) }
    }
}

impl Upstreams {
    /// The endpoint whose turn it is, by its place in the upstream. Only a permit names an upstream: who skips authorization has nowhere to go.
    ///
    /// # Errors
    /// When the permit is for a local target.
    pub fn choose(&self, permit: &Permit) -> Result<(Arc<Upstream>, usize), NoPeer> {
        let Target::Upstream(upstream) = &permit.api().target else { return Err(NoPeer::Local) };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % upstream.endpoints.len().max(1);
        if upstream.endpoints.len() > turn { Ok((Arc::clone(upstream), turn)) } else { Err(NoPeer::Local) }
    }

    /// A peer for an endpoint. The name is resolved here, without blocking: pingora's own look-up blocks and panics.
    ///
    /// # Errors
    /// When the name does not resolve.
    pub async fn peer(&self, upstream: &Upstream, endpoint: &Endpoint) -> Result<HttpPeer, NoPeer> {
        let address = self.address(endpoint).await?;
        let mut peer = HttpPeer::new(address, endpoint.tls, endpoint.host.clone());
        // pingora pools by address and name; what else distinguishes two upstreams must keep their connections apart.
        let mut group = DefaultHasher::new();
        (&upstream.name, upstream.protocol).hash(&mut group);
        peer.group_key = group.finish();
        let options = &mut peer.options;
        options.connection_timeout = Some(upstream.timeouts.connect);
        options.total_connection_timeout = Some(upstream.timeouts.connect);
        options.read_timeout = Some(upstream.timeouts.read);
        options.write_timeout = Some(upstream.timeouts.write);
        options.idle_timeout = Some(Duration::from_mins(1));
        if upstream.protocol == UpstreamProtocol::Http2 {
            options.set_http_version(2, 2);
            options.max_h2_streams = MAX_STREAMS;
        }
        options.verify_cert = true;
        options.verify_hostname = true;
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        Ok(peer)
    }

    async fn address(&self, endpoint: &Endpoint) -> Result<SocketAddr, NoPeer> {
        if let Ok(ip) = endpoint.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, endpoint.port));
        }
        let key = (endpoint.host.clone(), endpoint.port);
        let addresses = if let Some(known) = self.names.get(&key) {
            known
        } else {
            let unresolved = |source| NoPeer::Name { host: endpoint.host.clone(), source: Some(source) };
            let found: Vec<_> =
                tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(unresolved)?.collect();
            self.names.insert(key, found.clone());
            found
        };
        addresses.first().copied().ok_or_else(|| NoPeer::Name { host: endpoint.host.clone(), source: None })
    }
}
