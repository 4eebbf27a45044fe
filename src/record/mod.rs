//! What an audit record says, as types. Written by the gate through its journal and by the store beside each change.
//!
//! A record never holds a token, code, secret, cookie or query value: no field here could take one.

mod control;
mod file;
mod flush;
mod ocsf;
mod opening;
mod proof;
mod table;
mod text;

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub use control::{ControlEvent, Operation};
pub use file::FileFormat;
pub use flush::AuditFlush;
#[cfg(test)]
use ocsf::samples;
pub use ocsf::{Sealing, json, json_line, operation, sealed_json_line};
pub use opening::{ActorRef, Caller, CallerRef, Callers, Opened, Opening};
pub use proof::Found;
pub use table::{Summary, csv_header, csv_line, row as csv_row, summary};
pub use text::{Written, write_opening, write_outcome, write_record};

use crate::types::{
    ApiName, ClientId, Dialect, GrantId, NodeId, OrgId, RecordId, RequestId, ResourceId, RouteId, ScopeSet, Timestamp, UserId,
};

/// One audit record, before it is written as OCSF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The record's own id; a record that arrives twice is kept once.
    pub id: RecordId,
    /// When the request was accepted or the change was made.
    pub time: Timestamp,
    /// The organization whose log this belongs to; `None` is the operator's own log.
    pub org: Option<OrgId>,
    /// Who did it, through what.
    pub actor: Actor,
    /// Where it came from.
    pub origin: Origin,
    /// What was done.
    pub event: Event,
}

impl AuditRecord {
    /// Whether the organization in whose log it is is not told who did it, since they are a stranger there: an application stands in
    /// their place, which did not act itself.
    #[must_use]
    pub const fn hides_its_actor(&self) -> bool {
        self.org.is_some() && self.actor.user.is_none() && self.actor.client.is_some() && self.origin.peer.is_none()
    }
}

/// On whose behalf, and through what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user on whose behalf it was done.
    pub user: Option<UserId>,
    /// The client that acted.
    pub client: Option<ClientId>,
    /// The client's name at that time.
    pub client_name: Option<String>,
    /// The grant that was used.
    pub grant: Option<GrantId>,
    /// `jti` of the access token that was used (RFC 7519 §4.1.7).
    pub token: Option<String>,
}

/// Which request, from where, on which node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The request.
    pub request: RequestId,
    /// The node that served it.
    pub node: NodeId,
    /// The caller's address; `None` for the node's own acts and its command line.
    pub peer: Option<SocketAddr>,
    /// `User-Agent`, bounded.
    pub user_agent: Option<String>,
    /// W3C trace id, 32 hex digits.
    pub trace: Option<String>,
    /// SHA-256 of the certificate that the caller showed, in hexadecimal; of calls alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A request to a gated API.
    Call(Box<Call>),
    /// A change, a login, a token: anything that the authorization server does.
    Control(ControlEvent),
}

/// A request to a gated API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The API.
    pub api: ApiName,
    /// The rule that matched; `None` when none did.
    pub route: Option<RouteId>,
    /// HTTP method.
    pub method: String,
    /// The path as it was matched and forwarded, without query.
    pub path: String,
    /// The MCP method and target, when the API is an MCP server.
    pub mcp: Option<McpCall>,
    /// What the route needed.
    pub scopes_needed: ScopeSet,
    /// What the token could do at that moment.
    pub scopes_held: ScopeSet,
    /// The resource that the token was for.
    pub resource: Option<ResourceId>,
    /// What the gate decided.
    pub decision: Decision,
    /// Why it would have been refused, when its API is in shadow mode and let it pass; with a decision that it was, why it is
    /// refused in that mode too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_deny: Option<WouldDeny>,
    /// How it ended.
    pub outcome: Outcome,
    /// The proxy that asked for the decision and forwards by itself; `None` when the gate forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarder: Option<Forwarder>,
}

impl Call {
    /// Why it would have been refused, of a call that was let pass.
    #[must_use]
    pub fn waived(&self) -> Option<&WouldDeny> {
        self.would_deny.as_ref().filter(|_| self.decision.is_allowed())
    }
}

/// A proxy that asks for decisions and forwards by itself. How its requests end is not known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarder {
    /// Its address.
    pub peer: SocketAddr,
    /// How it asks.
    pub dialect: Dialect,
}

/// An MCP message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpCall {
    /// JSON-RPC method.
    pub method: String,
    /// Tool, prompt or resource that it names.
    pub target: Option<String>,
    /// Negotiated protocol version.
    pub version: Option<String>,
}

/// What the gate decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Forwarded.
    Allowed,
    /// Refused, with the denial's stable reason code.
    Denied {
        /// The reason code.
        reason: String,
        /// The scopes that were missing, when that was the reason.
        missing: ScopeSet,
    },
}

/// A refusal that was not enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldDeny {
    /// The reason code.
    pub reason: String,
    /// The scopes that were missing, when that was the reason.
    pub missing: ScopeSet,
}

impl Decision {
    /// Whether it was forwarded.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer was written whole.
    Completed(Measured),
    /// It ended early: by whom, and what had been written by then.
    Broken {
        /// Who ended it.
        by: BrokenBy,
        /// What had happened by then.
        measured: Measured,
    },
    /// The process ended between the journal's opening line and its closing one: the upstream may have acted.
    Unknown,
}

/// Who ended a request early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokenBy {
    /// The caller went away.
    Client,
    /// The upstream failed or went away.
    Upstream,
    /// We cut it: the grant was revoked or the token expired.
    Revocation,
    /// We cut it: the node was shutting down.
    Shutdown,
    /// A fault of ours.
    Fault,
}

/// Status, size and time of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// HTTP status; 0 when none was written.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From the accepted request to the end of the answer, microseconds.
    pub micros: u64,
    /// How a gRPC call ended (`google.rpc.Code`), where its upstream said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u16>,
}

/// Why a control-plane change happens, and who is behind it: every verb of the store that changes something takes one and
/// writes its record in the same transaction.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Who does it.
    pub actor: Actor,
    /// Which request, from where.
    pub origin: Origin,
    /// When: the verb's notion of now.
    pub at: Timestamp,
}

/// `allowed` or the reason code.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Denied { reason, .. } => f.write_str(reason),
        }
    }
}
