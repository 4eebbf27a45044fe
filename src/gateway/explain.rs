//! Why the gate decides as it does, step by step: the decision itself, asked about a request that nobody sent.

mod factors;
mod limits;
mod spoken;

use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};

pub use factors::{Factor, Lack};
pub use spoken::Spoken;

use super::authorize::{self, Asked, Permit, Refused};
use super::denial::Denial;
use super::hygiene::{self, Credential, Head, HygienePolicy, Inspected, Peer, Protocol};
use super::{decide, handshake, narrow, shadow};
use crate::config::{Access, Api, Config, RouteMeta};
use crate::node::Node;
use crate::record::{AuditRecord, Decision, Event};
use crate::store::{ApiKeyFacts, GrantFacts, StoreError};
use crate::token::Claims;
use crate::types::{ApiKeyId, HashedToken, Memory, ResourceId, RouteId, ScopeBits, ScopeSet};

/// A part of the decision, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Everybody reads the request alike.
    Hygiene,
    /// Some API is mounted at its path.
    Mount,
    /// The page that sends it may.
    Origin,
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
    /// It came as the route wants it: with a client certificate, as a WebSocket.
    Connection,
    /// Its body is not too long.
    Body,
    /// The caller holds what the tool needs.
    Message,
    /// It is counted.
    Rates,
    /// It can be narrowed to what the caller may see.
    Narrow,
}

impl Stage {
    /// What is decided about who calls which route, before the rest of the request is looked at.
    const OF_ROUTE: [Self; 5] = [Self::Authenticate, Self::Audience, Self::Route, Self::Bind, Self::Authorize];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hygiene => "hygiene",
            Self::Mount => "mount",
            Self::Origin => "origin",
            Self::Authenticate => "authenticate",
            Self::Audience => "audience",
            Self::Route => "route",
            Self::Bind => "bind",
            Self::Authorize => "authorize",
            Self::Connection => "connection",
            Self::Body => "body",
            Self::Message => "message",
            Self::Rates => "rates",
            Self::Narrow => "narrow",
        }
    }

    /// Which part of what is decided about who calls which route refuses for this.
    const fn of(denial: &Denial) -> Self {
        match denial {
            Denial::Audience => Self::Audience,
            // Slashes that are escaped are the route's to take.
            Denial::NoRoute | Denial::Method { .. } | Denial::Unclean(_) => Self::Route,
            Denial::Organization(_) | Denial::Index { .. } | Denial::Selector(_) => Self::Bind,
            Denial::Scopes { .. } => Self::Authorize,
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

    /// Tells what these parts found, as far as they had something to decide.
    fn passed(&mut self, stages: &[Stage], asked: &Asked<'_>, supposed: &Supposed<'_>, needed: &ScopeBits) {
        for stage in stages {
            if let Some(says) = passed(*stage, asked, supposed, needed) {
                self.pass(*stage, says);
            }
        }
    }

    /// Says of the last part that its refusal is not enforced.
    fn let_pass(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.says.push_str(" The API is in shadow mode: the request is let pass, and this is put on record.");
        }
    }

    /// The same for a refusal by an API that may be in shadow mode. Gives what was needed, where that was the reason.
    fn refused(&mut self, stage: Stage, denial: &Denial, asked: &Asked<'_>) -> Option<ScopeBits> {
        self.refuse(stage, denial);
        let doubtful = matches!(denial, Denial::Unclean(_)) && shadow::only(asked.config, asked.request.path()).is_some();
        if doubtful || shadow::waives(asked.api, denial) {
            self.let_pass();
        }
        if let Denial::Scopes { needed, .. } = denial { Some(*needed) } else { None }
    }
}

/// Who is supposed to call.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// Somebody without a token.
    Nobody,
    /// Whoever has a token of this grant that names these scopes and every API.
    Grant(&'a GrantFacts, &'a ScopeSet),
    /// Whoever has this API key.
    Key(&'a ApiKeyFacts, &'a HashedToken),
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
    /// Whether its query is known, which the record of a request does not have.
    pub query_known: bool,
    /// What it says to an MCP server.
    pub spoken: Option<Spoken<'a>>,
    /// Whether it shows a client certificate of an authority that the operator names.
    pub certificate: bool,
    /// Whether it is the handshake of a WebSocket.
    pub handshake: bool,
    /// The origin of the page that sends it.
    pub origin: Option<&'a HeaderValue>,
    /// How long its body is.
    pub length: Option<u64>,
}

impl Supposed<'_> {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if self.handshake {
            let key = "c3VwcG9zZWQgaGFuZHNoYQ==";
            headers = [(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13"), (SEC_WEBSOCKET_KEY, key)]
                .map(|(name, value)| (name, HeaderValue::from_static(value)))
                .into_iter()
                .collect();
        }
        headers.extend(self.origin.map(|origin| (ORIGIN, origin.clone())));
        headers
    }
}

/// Decides about a request that nobody sent, as things are now.
pub async fn explain(node: &Node, config: &Arc<Config>, supposed: &Supposed<'_>) -> Explained {
    let policy = HygienePolicy::of(config);
    let mut told = Explained::default();
    let headers = supposed.headers();
    let head = Head {
        protocol: if supposed.handshake { Protocol::Http11 } else { Protocol::Http2 },
        peer: Peer::Direct,
        raw: None,
        method: supposed.method,
        target: supposed.target,
        scheme: None,
        authority: Some(config.issuer.authority()),
        headers: &headers,
        tls: config.issuer.is_https(),
        has_body: supposed.spoken.is_some() || supposed.length.is_some_and(|length| length > 0),
    };
    let request = match hygiene::inspect(&head, &policy) {
        Ok(Inspected::Request { request, .. }) => request,
        Ok(Inspected::OptionsAsterisk) => {
            told.pass(Stage::Hygiene, "OPTIONS * is about the server and is answered to everybody.");
            return told;
        }
        Err(unclean) => {
            told.refuse(Stage::Hygiene, &Denial::Unclean(unclean));
            let came = hygiene::as_it_came(&head, &policy).filter(|came| shadow::only(config, came.path()).is_some());
            if came.is_some() {
                told.let_pass();
            }
            return told;
        }
    };
    told.pass(Stage::Hygiene, format!("Everybody reads the request alike; its path is {}.", request.path()));
    let Some((api, path)) = config.api_at(request.path()) else {
        let says = "No API is mounted at this path; pages and the authorization server may answer there.".to_owned();
        told.reason = Some(Denial::NoRoute.code());
        told.steps.push(Step { stage: Stage::Mount, passed: false, says });
        return told;
    };
    let root = if config.mounts.lookup(request.path()).is_none() { "; this service is reached at the root too" } else { "" };
    told.pass(Stage::Mount, format!("The API {} is mounted at {}{root}.", api.name, api.mount));
    let credential = Credential::None;
    let asked = Asked { config, api, path, request: &request, credential, headers: &headers, from: None, now: node.now() };
    match limits::origin(&asked, supposed) {
        Ok(says) => says.into_iter().for_each(|says| told.pass(Stage::Origin, says)),
        Err(denial) => {
            told.refused(Stage::Origin, &denial, &asked);
            return told;
        }
    }
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
    let key = key_of(node, record).await?;
    let caller = match (&key, &facts) {
        (Some((facts, hash)), _) => Caller::Key(facts, hash),
        (None, Some(facts)) => Caller::Grant(facts, &facts.grant.scopes),
        (None, None) => Caller::Nobody,
    };
    let spoken = call.mcp.as_ref().map(|m| Spoken { method: &m.method, target: m.target.as_deref() });
    // A record does not say whether a WebSocket was asked for, unless it was refused for that.
    let refused = matches!(&call.decision, Decision::Denied { reason, .. } if reason == Denial::UpgradeRequired.code());
    let upgrades =
        config.api_at(&call.path).and_then(|(api, path)| api.route_of(path, &method)).is_some_and(|r| r.upgrade.is_some());
    let certificate = record.origin.certificate.is_some();
    let supposed = Supposed {
        method: &method,
        target: &call.path,
        caller,
        query_known: false,
        spoken,
        certificate,
        handshake: upgrades && !refused,
        // Neither is on record.
        origin: None,
        length: None,
    };
    Ok(Some(explain(node, config, &supposed).await))
}

/// The API key that a record names in place of a token.
async fn key_of(node: &Node, record: &AuditRecord) -> Result<Option<(ApiKeyFacts, HashedToken)>, StoreError> {
    let id = record.actor.token.as_deref().filter(|token| ApiKeyId::is_generated(token));
    match id.and_then(|id| ApiKeyId::parse(id).ok()) {
        Some(id) => key(node, &id).await,
        None => Ok(None),
    }
}

/// What there is to know of an API key, for a request that would show it.
///
/// # Errors
/// When the store fails.
pub async fn key(node: &Node, id: &ApiKeyId) -> Result<Option<(ApiKeyFacts, HashedToken)>, StoreError> {
    let Some(hash) = node.store.api_key_hash(id).await? else { return Ok(None) };
    Ok(node.store.api_key_facts(&hash).await?.map(|facts| (facts, hash)))
}

async fn decide(node: &Node, asked: &Asked<'_>, supposed: &Supposed<'_>, told: &mut Explained) {
    let decided = match supposed.caller {
        Caller::Nobody => authorize::authorize(node, asked).await,
        Caller::Key(_, hash) => authorize::authorize_as(asked, authorize::suppose_key(node, asked, hash)).await,
        Caller::Grant(facts, scopes) => {
            let claims = claims(asked.config, facts, scopes, asked.now.seconds());
            let caller = async { node.verifier.suppose(claims, asked.config, asked.now).await.map_err(authorize::unresolved) };
            authorize::authorize_as(asked, caller).await
        }
    };
    let needed = match decided {
        Ok(mut permit) => {
            told.passed(&Stage::OF_ROUTE, asked, supposed, permit.needed());
            let met = onward(node, asked, supposed, &mut permit, told);
            met.err().and_then(|(stage, denial)| told.refused(stage, &denial, asked)).unwrap_or(*permit.needed())
        }
        Err(Refused { denial, .. }) => {
            let stage = Stage::of(&denial);
            let before: Vec<_> = Stage::OF_ROUTE.into_iter().filter(|s| *s < stage).collect();
            told.passed(&before, asked, supposed, &ScopeBits::NONE);
            told.refused(stage, &denial, asked).unwrap_or(ScopeBits::NONE)
        }
    };
    if let Caller::Grant(facts, scopes) = supposed.caller {
        told.lacks = factors::lacks(asked.config, facts, scopes, &needed, asked.now);
    }
    if let Caller::Key(facts, _) = supposed.caller {
        told.lacks = factors::lacks_of_key(asked.config, facts, &needed);
    }
}

/// What is asked once the route is open to the caller, by the functions that the gate asks, in its order.
fn onward(
    node: &Node,
    asked: &Asked<'_>,
    supposed: &Supposed<'_>,
    permit: &mut Permit,
    told: &mut Explained,
) -> Result<(), (Stage, Denial)> {
    let shown = decide::certificate(permit, supposed.certificate);
    let came = shown.and_then(|()| handshake::check(permit, asked.request, asked.headers));
    came.map_err(|denial| (Stage::Connection, denial))?;
    if permit.rule().client_certificate || permit.rule().upgrade.is_some() {
        told.pass(Stage::Connection, "It came as its route wants it.");
    }
    let fits = limits::body(asked, supposed, permit).map_err(|denial| (Stage::Body, denial))?;
    if let Some(says) = fits {
        told.pass(Stage::Body, says);
    }
    let heard = spoken::hear(node, asked, supposed.spoken, permit).map_err(|denial| (Stage::Message, denial))?;
    if let Some(says) = heard {
        told.pass(Stage::Message, says);
    }
    if let Some(says) = limits::rates(asked, supposed, permit) {
        told.pass(Stage::Rates, says);
    }
    let narrowed = narrowed(asked, supposed, permit).map_err(|denial| (Stage::Narrow, denial))?;
    if let Some(says) = narrowed {
        told.pass(Stage::Narrow, says);
    }
    Ok(())
}

/// What the request is narrowed to; `None` where there is nothing to narrow.
fn narrowed(asked: &Asked<'_>, supposed: &Supposed<'_>, permit: &Permit) -> Result<Option<String>, Denial> {
    let Some(labels) = narrow::labels(permit)? else { return Ok(None) };
    // What a body asks for nobody knows here.
    if supposed.query_known && *asked.request.method() != Method::POST {
        narrow::narrow(permit, &labels, &mut asked.request.clone(), asked.headers, (None, &Memory::unlimited()))?;
        return Ok(Some(format!("It is narrowed to {{{labels}}}.")));
    }
    Ok(Some(format!("It is narrowed to {{{labels}}}, if what it asks for can be: that is not known here.")))
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
        (Stage::Authenticate, Caller::Key(facts, _)) => Some(format!(
            "The API key {} (…{}) works; {} made it through {} in {}.",
            facts.key.name, facts.key.last4, facts.user.email, facts.client.name, facts.org.slug
        )),
        (Stage::Audience, _) => Some(format!("The token is for {}.", asked.api.resource)),
        (Stage::Bind, _) => Some("It names no other organization.".to_owned()),
        (Stage::Authorize, _) => {
            let needed = asked.config.catalogue.scopes(needed).to_string();
            Some(if needed.is_empty() { "Nothing is needed.".to_owned() } else { format!("All of {needed} is held.") })
        }
        _ => None,
    }
}

fn route_says(api: &Api, id: &RouteId) -> String {
    let listed: Option<&RouteMeta> = api.listing.iter().find(|meta| meta.id == *id);
    let pattern = listed.map_or("", |meta| meta.pattern.as_str());
    if let Some(why) = listed.and_then(|meta| meta.closed) {
        return format!("{id} ({pattern}) is {why}.");
    }
    match listed.map(|meta| meta.needs.as_ref()) {
        Some(Some(needs)) => format!("{id} ({pattern}) needs {needs}."),
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
