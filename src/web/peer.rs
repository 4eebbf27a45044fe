//! Who called, as far as the connection tells.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use crate::node::Node;
use crate::record::{Actor, Cause, Origin};
use crate::types::RequestId;

/// Facts of one request that its head does not carry. The bridge puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The caller's address, after the rule of trusted proxies was applied; `None` on a transport that has none.
    pub addr: Option<SocketAddr>,
    /// The request's id.
    pub request: RequestId,
    /// W3C trace id, 32 hex digits.
    pub trace: Option<String>,
    /// `User-Agent`, bounded.
    pub user_agent: Option<String>,
}

impl Peer {
    /// Why a change happens: this request, on behalf of `actor`, now.
    #[must_use]
    pub fn cause(&self, node: &Node, actor: Actor) -> Cause {
        let origin = Origin {
            request: self.request.clone(),
            node: node.id.clone(),
            peer: self.addr,
            user_agent: self.user_agent.clone(),
            trace: self.trace.clone(),
            certificate: None,
        };
        Cause { actor, origin, at: node.now() }
    }

    /// The address as throttles count it: an IPv6 caller owns a whole /64.
    #[must_use]
    pub fn network(&self) -> String {
        self.addr.map_or_else(|| "unknown".to_owned(), |a| network(a.ip()))
    }
}

/// The network that an address belongs to: itself, or its /64 with IPv6.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::SERVICE_UNAVAILABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_caller_is_counted_by_its_network() {
        let peer = |addr: &str| Peer {
            addr: addr.parse().ok(),
            request: RequestId::parse("req_1").expect("a plain id"),
            trace: None,
            user_agent: None,
        };
        assert_eq!(peer("[2001:db8:1:2:3::4]:1").network(), peer("[2001:db8:1:2:ffff::9]:2").network());
        assert_ne!(peer("[2001:db8:1:2::1]:1").network(), peer("[2001:db8:1:3::1]:1").network());
        assert_eq!(peer("[::ffff:192.0.2.1]:1").network(), "192.0.2.1");
    }
}
