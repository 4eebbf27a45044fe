//! MCP sessions, bound to whom they were opened for (MCP 2025-11-25 "Session Management", security best practices "Session
//! Hijacking").
//!
//! A server hands out a session id and takes whoever presents it for the one who opened the session. So the client never sees that
//! id alone: it gets `ID.TAG`, where the tag is a MAC over id, organization, user and route. It is computed anew each time and
//! stored nowhere, so every node knows every session, and a restart loses none.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::authorize::Permit;
use super::denial::Denial;
use crate::mcp::Era;
use crate::token::KeyRing;

/// The header of the legacy era. The modern one has no sessions.
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// Where a client asks for what it missed of a stream.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const PURPOSE: &str = "mcp-session";
/// Bytes of the MAC that a client carries.
const TAG: usize = 16;
/// Longest id that a server may hand out, bytes.
const LONGEST: usize = 1024;

/// The session that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpSession {
    /// None: the server is told of none.
    None,
    /// One that was opened for whoever asks. The id is the server's own.
    Own(HeaderValue),
    /// Whatever was sent: an API in shadow mode lets it pass.
    AsSent,
}

/// The session that the headers name, if it is the caller's.
///
/// # Errors
/// [`Denial::Session`] when it was not opened for this user in this organization on this route.
pub fn named(headers: &HeaderMap, era: Era, keys: &KeyRing, permit: &Permit) -> Result<McpSession, Denial> {
    let Some(presented) = headers.get(SESSION_ID).filter(|_| era == Era::Legacy) else { return Ok(McpSession::None) };
    let own = presented.to_str().ok().and_then(|text| unbound(PURPOSE, text, keys, permit));
    own.and_then(|id| HeaderValue::from_str(id).ok()).map(McpSession::Own).ok_or(Denial::Session)
}

/// The id in `ID.TAG`, if the tag is the caller's.
pub(super) fn unbound<'t>(purpose: &str, presented: &'t str, keys: &KeyRing, permit: &Permit) -> Option<&'t str> {
    let (id, tag) = presented.rsplit_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    verify_slices_are_equal(&tag, &mac(purpose, id, keys, permit)?[..TAG]).ok()?;
    Some(id)
}

/// An id as the caller may carry it.
pub(super) fn bound(purpose: &str, id: &str, keys: &KeyRing, permit: &Permit) -> Option<String> {
    let mac = mac(purpose, id, keys, permit)?;
    Some(format!("{id}.{}", URL_SAFE_NO_PAD.encode(&mac[..TAG])))
}

/// Puts the session of an answer into the form that its client may carry. An id that is none (a second one, characters outside
/// visible ASCII, too long) is taken out, as is every id in the modern era.
pub fn bind(headers: &HeaderMap, era: Era, keys: &KeyRing, permit: &Permit) -> Option<HeaderValue> {
    let mut ids = headers.get_all(SESSION_ID).iter();
    let (Some(id), None, Era::Legacy) = (ids.next(), ids.next(), era) else { return None };
    let id = id.to_str().ok().filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))?;
    HeaderValue::from_str(&bound(PURPOSE, id, keys, permit)?).ok()
}

/// The fields are told apart by a character that none of them can have but the last.
pub(super) fn mac(purpose: &str, id: &str, keys: &KeyRing, permit: &Permit) -> Option<[u8; 32]> {
    let principal = permit.principal()?;
    let owner = [permit.route().as_str(), principal.org.id.as_str(), principal.user.id.as_str(), id].join("\n");
    Some(keys.derive(purpose, owner.as_bytes()))
}
