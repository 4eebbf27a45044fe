//! Who sent a request, and what it is called.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::USER_AGENT;
use uuid::Uuid;

use crate::node::Node;
use crate::record::Origin;
use crate::telemetry::TraceContext;
use crate::types::{NodeId, RecordId, RequestId, Timestamp};

/// Longest `User-Agent` that is kept, bytes.
const MAX_USER_AGENT: usize = 256;

/// Who sent a request, and what it is called.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What its names are made from.
    pub uuid: Uuid,
    /// What callers know it by.
    pub request: RequestId,
    /// When it came.
    pub at: Timestamp,
    /// Who sent it, as far as that is known.
    pub client: Option<SocketAddr>,
    /// Its place in a trace.
    pub trace: TraceContext,
    /// `User-Agent`, bounded.
    pub user_agent: Option<String>,
    /// SHA-256 of the certificate that the caller showed, in hexadecimal.
    pub certificate: Option<String>,
}

impl Seen {
    /// Names a request of `client`.
    #[must_use]
    pub fn of(node: &Node, headers: &HeaderMap, client: Option<SocketAddr>) -> Self {
        let at = node.now();
        let uuid = node.ids.next(at);
        let traceparent = headers.get("traceparent").and_then(|v| v.to_str().ok());
        Self {
            uuid,
            request: RequestId::of(uuid),
            at,
            client,
            trace: TraceContext::of(traceparent, uuid),
            user_agent: headers.get(USER_AGENT).map(|v| clipped(v.as_bytes())),
            certificate: None,
        }
    }

    /// The same, with the SHA-256 of the certificate that the client showed in the handshake, which proved it. Empty for none.
    #[must_use]
    pub fn showing(self, digest: &[u8]) -> Self {
        let certificate = (!digest.is_empty()).then(|| {
            digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
                // Writing to a String can't fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
        });
        Self { certificate, ..self }
    }

    /// The id of its audit record.
    #[must_use]
    pub fn record_id(&self) -> RecordId {
        RecordId::of(self.uuid)
    }

    /// Where its audit record says that it came from.
    #[must_use]
    pub fn origin(&self, node: &NodeId) -> Origin {
        Origin {
            request: self.request.clone(),
            node: node.clone(),
            peer: self.client,
            user_agent: self.user_agent.clone(),
            trace: Some(self.trace.trace_id()),
            certificate: self.certificate.clone(),
        }
    }
}

fn clipped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    if text.len() <= MAX_USER_AGENT {
        return text.into_owned();
    }
    let end = text.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| *end <= MAX_USER_AGENT).last();
    text[..end.unwrap_or(0)].to_owned()
}

/// The caller's address: the peer's, or what a trusted proxy says, read from the right until an address that is not a proxy's.
#[must_use]
pub fn client(peer: SocketAddr, headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> SocketAddr {
    if !is_trusted(peer.ip()) {
        return peer;
    }
    let said: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).collect();
    // Only what proxies of ours wrote is true: an entry that is no address was written by somebody else, and so is all before it.
    let hops = said.iter().rev().map_while(|a| a.trim().parse::<IpAddr>().ok());
    let mut ip = None;
    for hop in hops {
        ip = Some(hop);
        if !is_trusted(hop) {
            break;
        }
    }
    SocketAddr::new(ip.unwrap_or(peer.ip()), 0)
}
