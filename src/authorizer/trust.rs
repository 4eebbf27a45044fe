//! Which proxies are believed.

use std::net::{IpAddr, SocketAddr};

use ::http::{HeaderMap, HeaderName};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::ExposeSecret as _;

use crate::config::AuthorizerPolicy;

/// What carries the secret of a proxy.
pub(super) const SECRET: HeaderName = HeaderName::from_static("x-tollgate-proxy-secret");

/// Whether what `peer` says about the original request is believed.
pub(super) fn believes(policy: &AuthorizerPolicy, peer: SocketAddr, headers: &HeaderMap) -> bool {
    let listed = policy.trusted_proxies.is_empty() || is_listed(policy, peer.ip());
    let known = policy.secret.as_ref().is_none_or(|secret| {
        let mut said = headers.get_all(SECRET).iter();
        let (first, second) = (said.next(), said.next());
        let equal = |v: &::http::HeaderValue| verify_slices_are_equal(v.as_bytes(), secret.expose_secret().as_bytes()).is_ok();
        second.is_none() && first.is_some_and(equal)
    });
    // A file without either does not pass its proof; were there one, nobody is believed.
    listed && known && !(policy.trusted_proxies.is_empty() && policy.secret.is_none())
}

/// Whether an address is that of a proxy.
pub(super) fn is_listed(policy: &AuthorizerPolicy, address: IpAddr) -> bool {
    policy.trusted_proxies.iter().any(|net| net.contains(&address.to_canonical()))
}
