//! Audit records of gated requests.

use super::authorize::Permit;
use super::denial::Denial;
use super::seen::Seen;
use super::shadow;
use crate::config::{Api, Config};
use crate::record::{Actor, AuditRecord, Call, Decision, Event, Forwarder, McpCall, Measured, Opening, Outcome, WouldDeny};
use crate::token::{Claims, Principal};
use crate::types::{ApiName, NodeId, RecordId, RouteId, ScopeBits, ScopeSet};

/// Longest path that a record carries, in characters.
const MAX_PATH: usize = 1024;

/// What every record of one request has in common.
pub struct Basis<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The node that serves it.
    pub node: &'a NodeId,
    /// What it is called and who sent it.
    pub seen: &'a Seen,
    /// Its id.
    pub id: RecordId,
    /// The id of its trace.
    pub trace: String,
    /// HTTP method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// The MCP message.
    pub mcp: Option<&'a McpCall>,
    /// The proxy that asked and forwards by itself.
    pub forwarder: Option<&'a Forwarder>,
}

impl<'a> Basis<'a> {
    /// That of a request which came for `method` and `path`, without what not every request has.
    #[must_use]
    pub fn of(config: &'a Config, node: &'a NodeId, seen: &'a Seen, (method, path): (&'a str, &'a str)) -> Self {
        let (id, trace) = (seen.record_id(), seen.trace.trace_id());
        Self { config, node, seen, id, trace, method, path, mcp: None, forwarder: None }
    }
}

/// What the journal writes of a request that is about to be forwarded. `needed` are the scopes of the permit.
#[must_use]
pub fn opening<'a>(
    basis: &'a Basis<'a>,
    permit: &'a Permit,
    needed: &'a ScopeSet,
    would_deny: Option<&'a WouldDeny>,
) -> Opening<'a> {
    Opening {
        id: &basis.id,
        time: basis.seen.at,
        request: &basis.seen.request,
        node: basis.node,
        peer: basis.seen.client,
        user_agent: basis.seen.user_agent.as_deref(),
        trace: Some(&basis.trace),
        certificate: basis.seen.certificate.as_deref(),
        api: &permit.api().name,
        route: permit.matched(),
        method: basis.method,
        path: bounded(basis.path),
        mcp: basis.mcp,
        scopes_needed: needed,
        would_deny,
        caller: permit.caller(),
        forwarder: basis.forwarder,
    }
}

fn bounded(path: &str) -> &str {
    if path.len() <= MAX_PATH {
        return path;
    }
    path.char_indices().nth(MAX_PATH).map_or(path, |(end, _)| &path[..end])
}

/// What is known about a refused request.
pub struct Known<'a> {
    /// The API, when one was reached.
    pub api: Option<&'a Api>,
    /// The route, when one matched.
    pub route: Option<RouteId>,
    /// Who called.
    pub principal: Option<&'a Principal>,
    /// What a genuine token said that is worth nothing any more.
    pub claims: Option<&'a Claims>,
}

/// The record of a refused request.
///
/// # Panics
/// Never: the gateway's own name is a constant that parses.
#[must_use]
pub fn denied(basis: Basis<'_>, denial: &Denial, known: Known<'_>, measured: Measured) -> AuditRecord {
    let (needed, missing) = match denial {
        Denial::Scopes { needed, missing, .. } => (*needed, basis.config.catalogue.scopes(missing)),
        _ => (ScopeBits::NONE, ScopeSet::default()),
    };
    let scopes = Scopes::of(basis.config, &needed, known.principal);
    let decision = Decision::Denied { reason: denial.code().to_owned(), missing };
    // What never reached an API is on record under the gateway's own name.
    let api = known.api.map_or_else(|| ApiName::parse("gateway").expect("a valid name"), |a| a.name.clone());
    let who = who(known.principal, known.claims);
    let mut record = call(basis, api, known.route, who, scopes, decision, Outcome::Completed(measured));
    if let Event::Call(call) = &mut record.event
        && known.api.is_some_and(|api| shadow::reports(api, denial))
    {
        call.would_deny = Some(WouldDeny { reason: denial.code().to_owned(), missing: ScopeSet::default() });
    }
    record
}

struct Scopes {
    needed: ScopeSet,
    held: ScopeSet,
}

impl Scopes {
    fn of(config: &Config, needed: &ScopeBits, principal: Option<&Principal>) -> Self {
        let held = principal.map(|p| p.held.clone()).unwrap_or_default();
        Self { needed: config.catalogue.scopes(needed), held }
    }
}

fn who(principal: Option<&Principal>, claims: Option<&Claims>) -> Option<(Actor, Claims)> {
    let claims = principal.map(|p| &p.claims).or(claims)?.clone();
    let actor = Actor {
        user: Some(claims.sub.clone()),
        client: Some(claims.client_id.clone()),
        client_name: principal.map(|p| p.client.name.clone()),
        grant: Some(claims.grant.clone()),
        token: Some(claims.jti.clone()),
    };
    Some((actor, claims))
}

fn call(
    basis: Basis<'_>,
    api: ApiName,
    route: Option<RouteId>,
    who: Option<(Actor, Claims)>,
    scopes: Scopes,
    decision: Decision,
    outcome: Outcome,
) -> AuditRecord {
    let (actor, claims) = who.map_or((Actor::default(), None), |(actor, claims)| (actor, Some(claims)));
    let call = Call {
        api,
        route,
        method: basis.method.to_owned(),
        path: bounded(basis.path).to_owned(),
        mcp: basis.mcp.cloned(),
        scopes_needed: scopes.needed,
        scopes_held: scopes.held,
        resource: claims.as_ref().and_then(|c| c.aud.first().cloned()),
        decision,
        would_deny: None,
        outcome,
        forwarder: basis.forwarder.cloned(),
    };
    AuditRecord {
        id: basis.id,
        time: basis.seen.at,
        org: claims.map(|c| c.org),
        actor,
        origin: basis.seen.origin(basis.node),
        event: Event::Call(Box::new(call)),
    }
}
