//! Why the gate decides as it does, step by step: the decision itself, asked about a request that nobody sent.

mod factors;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

pub use factors::{Factor, Lack};

use super::authorize::{self, Asked, Permit, Refused};
use super::denial::Denial;
use super::hygiene::{self, Credential, Head, Inspected, Peer, Protocol};
use super::message;
use super::prepared::Prepared;
use super::shadow;
use crate::config::{Access, Api, ApiKind, Config, RouteMeta};
use crate::mcp;
use crate::node::Node;
use crate::record::{AuditRecord, Event};
use crate::store::{GrantFacts, StoreError};
use crate::token::Claims;
use crate::types::{ResourceId, RouteId, ScopeBits, ScopeSet};

/// A part of the decision, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Everybody reads the request alike.
    Hygiene,
    /// Some API is mounted at its path.
    Mount,
    /// Its caller is known.
    Authenticate,
    /// The token is for this API.
    Audience,
    /// The API has such a route.
    Route,
    /// It names no other organization.
    Bind,
    /// The caller holds what the route needs.
    Authorize,
    /// The caller holds what the tool needs.
    Message,
}

impl Stage {
    const ALL: [Self; 8] =
        [Self::Hygiene, Self::Mount, Self::Authenticate, Self::Audience, Self::Route, Self::Bind, Self::Authorize, Self::Message];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hygiene => "hygiene",
            Self::Mount => "mount",
            Self::Authenticate => "authenticate",
            Self::Audience => "audience",
            Self::Route => "route",
            Self::Bind => "bind",
            Self::Authorize => "authorize",
            Self::Message => "message",
        }
    }

    /// Which part refuses for this.
    const fn of(denial: &Denial) -> Self {
        match denial {
            Denial::Unclean(_) => Self::Hygiene,
            Denial::Audience => Self::Audience,
            Denial::NoRoute | Denial::Method { .. } => Self::Route,
            Denial::Organization(_) => Self::Bind,
            Denial::Scopes { .. } => Self::Authorize,
            Denial::Target(_) | Denial::Message(_) | Denial::Mismatch(_) => Self::Message,
            _ => Self::Authenticate,
        }
    }
}

/// What one part of the decision came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which part.
    pub stage: Stage,
    /// Whether it let the request on.
    pub passed: bool,
    /// What it found.
    pub says: String,
}

/// A decision, step by step. It ends with the part that refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// Each part that was reached.
    pub steps: Vec<Step>,
    /// The reason code of the refusal; `None` when the request is allowed.
    pub reason: Option<&'static str>,
    /// Which scopes are missing, who takes each of them away, and how to mend it.
    pub lacks: Vec<Lack>,
}

impl Explained {
    fn pass(&mut self, stage: Stage, says: impl Into<String>) {
        self.steps.push(Step { stage, passed: true, says: says.into() });
    }

    fn refuse(&mut self, stage: Stage, denial: &Denial) {
        self.reason = Some(denial.code());
        self.steps.push(Step { stage, passed: false, says: denial.detail() });
    }
}

/// Who is supposed to call.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// Somebody without a token.
    Nobody,
    /// Whoever has a token of this grant that names these scopes and every API.
    Grant(&'a GrantFacts, &'a ScopeSet),
}

/// A request that nobody sent.
#[derive(Clone, Copy, Debug)]
pub struct Supposed<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, and a query if there is one.
    pub target: &'a str,
    /// Who calls.
    pub caller: Caller<'a>,
    /// The tool that it calls, at an MCP server.
    pub tool: Option<&'a str>,
}

/// Decides about a request that nobody sent, as things are now.
pub async fn explain(node: &Node, config: &Arc<Config>, supposed: &Supposed<'_>) -> Explained {
    let prepared = Prepared::new(Arc::clone(config));
    let mut told = Explained::default();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let head = Head {
        protocol: Protocol::Http2,
        peer: Peer::Direct,
        raw: None,
        method: supposed.method,
        target: supposed.target,
        scheme: None,
        authority: Some(config.issuer.authority()),
        headers: &headers,
        tls: config.issuer.is_https(),
        has_body: supposed.tool.is_some(),
    };
    let request = match hygiene::inspect(&head, &prepared.hygiene) {
        Ok(Inspected::Request { request, .. }) => request,
        Ok(Inspected::OptionsAsterisk) => {
            told.pass(Stage::Hygiene, "OPTIONS * is about the server and is answered to everybody.");
            return told;
        }
        Err(unclean) => {
            told.refuse(Stage::Hygiene, &Denial::Unclean(unclean));
            return told;
        }
    };
    told.pass(Stage::Hygiene, format!("Everybody reads the request alike; its path is {}.", request.path()));
    let Some((api, path)) = config.mounts.lookup(request.path()) else {
        let says = "No API is mounted at this path; pages and the authorization server may answer there.".to_owned();
        told.reason = Some(Denial::NoRoute.code());
        told.steps.push(Step { stage: Stage::Mount, passed: false, says });
        return told;
    };
    told.pass(Stage::Mount, format!("The API {} is mounted at {}.", api.name, api.mount));
    let credential = Credential::None;
    let asked = Asked { config, api, path, request: &request, credential, headers: &headers, from: None, now: node.now() };
    decide(node, &asked, supposed, &mut told).await;
    told
}

/// The record's request decided anew, by a token of everything that its grant has; `None` for records of anything else. Its query
/// is not known: where that decides, the decision may differ.
///
/// # Errors
/// When the store fails.
pub async fn again(node: &Node, config: &Arc<Config>, record: &AuditRecord) -> Result<Option<Explained>, StoreError> {
    let Event::Call(call) = &record.event else { return Ok(None) };
    let Ok(method) = Method::from_bytes(call.method.as_bytes()) else { return Ok(None) };
    let facts = match &record.actor.grant {
        Some(grant) => node.store.grant_facts(grant).await?,
        None => None,
    };
    let caller = facts.as_ref().map_or(Caller::Nobody, |f| Caller::Grant(f, &f.grant.scopes));
    let tool = call.mcp.as_ref().filter(|m| m.method == "tools/call").and_then(|m| m.target.as_deref());
    let supposed = Supposed { method: &method, target: &call.path, caller, tool };
    Ok(Some(explain(node, config, &supposed).await))
}

async fn decide(node: &Node, asked: &Asked<'_>, supposed: &Supposed<'_>, told: &mut Explained) {
    let decided = match supposed.caller {
        Caller::Nobody => authorize::authorize(node, asked).await,
        Caller::Grant(facts, scopes) => {
            let claims = claims(asked.config, facts, scopes, asked.now.seconds());
            let caller = async { node.verifier.suppose(claims, asked.config, asked.now).await.map_err(authorize::unresolved) };
            authorize::authorize_as(asked, caller).await
        }
    };
    let decided = decided.map_err(|Refused { denial, .. }| (Stage::of(&denial), denial)).and_then(|mut permit| {
        let spoken = speak(node, asked, supposed, &mut permit).map_err(|denial| (Stage::Message, denial));
        spoken.map(|()| permit)
    });
    let (reached, needed) = match &decided {
        Ok(permit) => (Stage::Message, *permit.needed()),
        Err((stage, Denial::Scopes { needed, .. })) => (*stage, *needed),
        Err((stage, _)) => (*stage, ScopeBits::NONE),
    };
    for stage in Stage::ALL.into_iter().filter(|s| *s > Stage::Mount && (*s < reached || decided.is_ok())) {
        if let Some(says) = passed(stage, asked, supposed, &needed) {
            told.pass(stage, says);
        }
    }
    if let Err((stage, denial)) = &decided {
        told.refuse(*stage, denial);
        if let Some(step) = told.steps.last_mut().filter(|_| shadow::waives(asked.api, denial)) {
            step.says.push_str(" The API is in shadow mode: the request is let pass, and this is put on record.");
        }
    }
    if let Caller::Grant(facts, scopes) = supposed.caller {
        told.lacks = factors::lacks(asked.config, facts, scopes, &needed, asked.now);
    }
}

/// Lets the permit widen by what a call of the tool needs.
fn speak(node: &Node, asked: &Asked<'_>, supposed: &Supposed<'_>, permit: &mut Permit) -> Result<(), Denial> {
    let (ApiKind::Mcp(policy), Some(tool)) = (&asked.api.kind, supposed.tool) else { return Ok(()) };
    let call =
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": {} } });
    let (body, limits) = (call.to_string().into_bytes(), mcp::Limits::default());
    let inspected = message::inspect(policy, asked.headers, &Method::POST, &body, &limits, &node.keys, permit);
    inspected.map(drop).map_err(|refused| refused.denial)
}

/// What a part that let the request on has found; `None` where it had nothing to decide.
fn passed(stage: Stage, asked: &Asked<'_>, supposed: &Supposed<'_>, needed: &ScopeBits) -> Option<String> {
    let found = asked.api.route_of(asked.path, asked.request.method());
    let public = found.is_some_and(|route| route.access == Access::Public);
    match (stage, supposed.caller) {
        (Stage::Route, _) => found.map(|route| route_says(asked.api, &route.id)),
        _ if public => None,
        (Stage::Authenticate, Caller::Grant(facts, _)) => Some(format!(
            "{} through {} in {}; the grant {} is live.",
            facts.user.email, facts.client.name, facts.org.slug, facts.grant.id
        )),
        (Stage::Audience, _) => Some(format!("The token is for {}.", asked.api.resource)),
        (Stage::Bind, _) => Some("It names no other organization.".to_owned()),
        (Stage::Authorize, _) => {
            let needed = asked.config.catalogue.scopes(needed).to_string();
            Some(if needed.is_empty() { "Nothing is needed.".to_owned() } else { format!("All of {needed} is held.") })
        }
        (Stage::Message, _) => supposed.tool.map(|tool| format!("The tool {tool} may be called.")),
        (Stage::Hygiene | Stage::Mount | Stage::Authenticate, _) => None,
    }
}

fn route_says(api: &Api, id: &RouteId) -> String {
    let listed: Option<&RouteMeta> = api.listing.iter().find(|meta| meta.id == *id);
    let pattern = listed.map_or("", |meta| meta.pattern.as_str());
    match listed.map(|meta| meta.scopes.as_ref()) {
        Some(Some(scopes)) => format!("{id} ({pattern}) needs {scopes}."),
        Some(None) => format!("{id} ({pattern}) is public."),
        None => format!("{id}."),
    }
}

/// What a token of this grant would say.
fn claims(config: &Config, facts: &GrantFacts, scopes: &ScopeSet, now: i64) -> Claims {
    let grant = &facts.grant;
    let everywhere = || ResourceId::parse(config.issuer.as_str()).into_iter().collect();
    Claims {
        iss: config.issuer.to_string(),
        sub: grant.user.clone(),
        aud: if grant.resources.is_empty() { everywhere() } else { grant.resources.as_slice().into() },
        exp: now.saturating_add(60),
        iat: now,
        jti: "supposed".to_owned(),
        client_id: grant.client.clone(),
        scope: scopes.clone(),
        org: grant.org.clone(),
        grant: grant.id.clone(),
    }
}
