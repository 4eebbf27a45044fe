//! What the journal writes before a call is forwarded: the record without what is only known later.
//!
//! It is written once per call, on the request path. So it borrows everything.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Actor, AuditRecord, Call, Decision, Event, Forwarder, McpCall, Origin, Outcome, WouldDeny};
use crate::types::{
    ApiName, ClientId, GrantId, NodeId, OrgId, RecordId, RequestId, ResourceId, RouteId, ScopeSet, Timestamp, UserId,
};

/// What the records of all calls of one token have in common while nothing behind it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The organization that the token is bound to.
    pub org: Option<OrgId>,
    /// Who calls, through what.
    pub actor: Actor,
    /// What the token can do.
    pub scopes_held: ScopeSet,
    /// The resource that the token is for.
    pub resource: Option<ResourceId>,
}

/// A [`Caller`] whose parts belong to somebody else. Both are written alike.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CallerRef<'a> {
    /// The organization that the token is bound to.
    pub org: Option<&'a OrgId>,
    /// Who calls, through what.
    pub actor: ActorRef<'a>,
    /// What the token can do.
    pub scopes_held: &'a ScopeSet,
    /// The resource that the token is for.
    pub resource: Option<&'a ResourceId>,
}

/// An [`Actor`] whose parts belong to somebody else.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ActorRef<'a> {
    /// The user on whose behalf.
    pub user: Option<&'a UserId>,
    /// The client that acts.
    pub client: Option<&'a ClientId>,
    /// The client's name.
    pub client_name: Option<&'a str>,
    /// The grant that is used.
    pub grant: Option<&'a GrantId>,
    /// `jti` of the access token that is used.
    pub token: Option<&'a str>,
}

impl<'a> From<&'a Caller> for CallerRef<'a> {
    fn from(caller: &'a Caller) -> Self {
        let Caller { org, actor, scopes_held, resource } = caller;
        let actor = ActorRef {
            user: actor.user.as_ref(),
            client: actor.client.as_ref(),
            client_name: actor.client_name.as_deref(),
            grant: actor.grant.as_ref(),
            token: actor.token.as_deref(),
        };
        Self { org: org.as_ref(), actor, scopes_held, resource: resource.as_ref() }
    }
}

impl CallerRef<'_> {
    /// The same on its own.
    #[must_use]
    pub fn to_caller(self) -> Caller {
        let actor = Actor {
            user: self.actor.user.cloned(),
            client: self.actor.client.cloned(),
            client_name: self.actor.client_name.map(ToOwned::to_owned),
            grant: self.actor.grant.cloned(),
            token: self.actor.token.map(ToOwned::to_owned),
        };
        Caller { org: self.org.cloned(), actor, scopes_held: self.scopes_held.clone(), resource: self.resource.cloned() }
    }
}

/// A call that is about to be forwarded.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Opening<'a> {
    /// The record's id.
    pub id: &'a RecordId,
    /// When the request was accepted.
    pub time: Timestamp,
    /// The request.
    pub request: &'a RequestId,
    /// The node that serves it.
    pub node: &'a NodeId,
    /// The caller's address.
    pub peer: Option<SocketAddr>,
    /// `User-Agent`, bounded.
    pub user_agent: Option<&'a str>,
    /// W3C trace id, 32 hex digits.
    pub trace: Option<&'a str>,
    /// SHA-256 of the certificate that the caller showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<&'a str>,
    /// The API.
    pub api: &'a ApiName,
    /// The rule that matched.
    pub route: Option<&'a RouteId>,
    /// HTTP method.
    pub method: &'a str,
    /// The path as it was matched and is forwarded, without query.
    pub path: &'a str,
    /// The MCP method and target, when the API is an MCP server.
    pub mcp: Option<&'a McpCall>,
    /// What the route needs.
    pub scopes_needed: &'a ScopeSet,
    /// Why enforcement would refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_deny: Option<&'a WouldDeny>,
    /// Who calls; `None` on public routes.
    pub caller: Option<CallerRef<'a>>,
    /// The proxy that asked and forwards by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarder: Option<&'a Forwarder>,
}

impl<'a> Opening<'a> {
    /// The opening of a call's record; `None` for records of anything else. `caller` is who the record says calls.
    #[must_use]
    pub fn of(record: &'a AuditRecord, caller: &'a Caller) -> Option<Self> {
        let Event::Call(call) = &record.event else { return None };
        Some(Self {
            id: &record.id,
            time: record.time,
            request: &record.origin.request,
            node: &record.origin.node,
            peer: record.origin.peer,
            user_agent: record.origin.user_agent.as_deref(),
            trace: record.origin.trace.as_deref(),
            certificate: record.origin.certificate.as_deref(),
            api: &call.api,
            route: call.route.as_ref(),
            method: &call.method,
            path: &call.path,
            mcp: call.mcp.as_ref(),
            scopes_needed: &call.scopes_needed,
            would_deny: call.would_deny.as_ref(),
            caller: Some(caller.into()),
            forwarder: call.forwarder.as_ref(),
        })
    }
}

impl From<&AuditRecord> for Caller {
    fn from(record: &AuditRecord) -> Self {
        let (scopes_held, resource) = match &record.event {
            Event::Call(call) => (call.scopes_held.clone(), call.resource.clone()),
            Event::Control(_) => (ScopeSet::default(), None),
        };
        Self { org: record.org.clone(), actor: record.actor.clone(), scopes_held, resource }
    }
}

/// An [`Opening`] as it is read back.
#[derive(Debug, Deserialize)]
pub struct Opened<'a> {
    id: RecordId,
    time: Timestamp,
    request: RequestId,
    node: NodeId,
    peer: Option<SocketAddr>,
    user_agent: Option<String>,
    trace: Option<String>,
    #[serde(default)]
    certificate: Option<String>,
    api: ApiName,
    route: Option<RouteId>,
    method: String,
    path: String,
    mcp: Option<McpCall>,
    scopes_needed: ScopeSet,
    #[serde(default)]
    would_deny: Option<WouldDeny>,
    #[serde(borrow)]
    caller: Option<&'a RawValue>,
    #[serde(default)]
    forwarder: Option<Forwarder>,
}

impl Opened<'_> {
    /// The record that was opened; its outcome is unknown.
    ///
    /// # Errors
    /// When what stands for the caller is none.
    pub fn record(self, callers: &mut Callers) -> serde_json::Result<AuditRecord> {
        let caller = self.caller.map(|text| callers.read(text.get())).transpose()?;
        let (org, actor, scopes_held, resource) =
            caller.map_or_else(Default::default, |c| (c.org, c.actor, c.scopes_held, c.resource));
        let call = Call {
            api: self.api,
            route: self.route,
            method: self.method,
            path: self.path,
            mcp: self.mcp,
            scopes_needed: self.scopes_needed,
            scopes_held,
            resource,
            decision: Decision::Allowed,
            would_deny: self.would_deny,
            outcome: Outcome::Unknown,
            forwarder: self.forwarder,
        };
        let origin = Origin {
            request: self.request,
            node: self.node,
            peer: self.peer,
            user_agent: self.user_agent,
            trace: self.trace,
            certificate: self.certificate,
        };
        Ok(AuditRecord { id: self.id, time: self.time, org, actor, origin, event: Event::Call(Box::new(call)) })
    }
}

/// Most callers that a reader remembers.
const MAX_CALLERS: usize = 1024;

/// Callers that were read before: the same text comes with every call of a token.
#[derive(Debug, Default)]
pub struct Callers(HashMap<Box<str>, Caller>);

impl Callers {
    fn read(&mut self, text: &str) -> serde_json::Result<Caller> {
        if let Some(known) = self.0.get(text) {
            return Ok(known.clone());
        }
        let caller: Caller = serde_json::from_str(text)?;
        if self.0.len() >= MAX_CALLERS {
            self.0.clear();
        }
        self.0.insert(text.into(), caller.clone());
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn what_was_opened_is_the_record() {
        let mut callers = Callers::default();
        for mut record in [samples::call(), samples::unknown(), samples::waived()] {
            let Event::Call(call) = &mut record.event else { continue };
            (call.decision, call.outcome) = (Decision::Allowed, Outcome::Unknown);
            let caller = Caller::from(&record);
            assert_eq!(CallerRef::from(&caller).to_caller(), caller);
            let line = serde_json::to_string(&Opening::of(&record, &caller).expect("a call")).expect("JSON");
            for _ in 0..2 {
                let opened: Opened<'_> = serde_json::from_str(&line).expect("what was written");
                assert_eq!(opened.record(&mut callers).expect("a caller"), record);
            }
        }
        assert!(!callers.0.is_empty());
    }

    #[test]
    fn callers_are_not_remembered_without_end() {
        let mut callers = Callers::default();
        for n in 0..=MAX_CALLERS {
            let text = format!(r#"{{"org":"org_{n}","actor":{{}},"scopes_held":[],"resource":null}}"#);
            assert_eq!(callers.read(&text).expect("a caller").org, OrgId::parse(&format!("org_{n}")).ok());
        }
        assert_eq!(callers.0.len(), 1);
    }
}
