//! The stage that only WebSocket routes have: what asks for one must ask as RFC 6455 §4.1 says.

use http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use http::{HeaderMap, Method};

use super::authorize::Permit;
use super::denial::Denial;
use super::hygiene::{CleanRequest, Upgrade};
use crate::config::RouteUpgrade;

/// Refuses what is no handshake where the route is a WebSocket. HTTP/2 has no such handshake that we take (RFC 8441).
///
/// # Errors
/// The refusal.
pub fn check(permit: &Permit, request: &CleanRequest, headers: &HeaderMap) -> Result<(), Denial> {
    match permit.rule().upgrade {
        None => Ok(()),
        Some(RouteUpgrade::Websocket) if asks(request, headers) => Ok(()),
        Some(RouteUpgrade::Websocket) => Err(Denial::UpgradeRequired),
    }
}

/// Whether a permitted request offers to change protocols in a way that its route does not take. Whoever took it would get a
/// connection that nobody decides about any more.
#[must_use]
pub fn is_idle(permit: &Permit, request: &CleanRequest) -> bool {
    match request.upgrade() {
        Upgrade::None => false,
        Upgrade::WebSocket => permit.rule().upgrade != Some(RouteUpgrade::Websocket),
        Upgrade::Other => true,
    }
}

/// Whether a request is such a handshake.
#[must_use]
pub fn asks(request: &CleanRequest, headers: &HeaderMap) -> bool {
    *request.method() == Method::GET
        && request.upgrade() == Upgrade::WebSocket
        // A body would be read as the first frames by whoever does not expect one.
        && !request.close()
        && headers.get_all(SEC_WEBSOCKET_KEY).iter().count() == 1
        && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|v| v == "13")
}
