//! Where requests are answered that are not forwarded: refusals, local endpoints, our own MCP server and JSON API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CONTENT_LENGTH, VARY,
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use pingora::Result;
use pingora::proxy::Session;

use super::bridge::{self, Handover, ListRules, Served};
use super::ctx::Forwarding;
use super::entry::Entered;
use super::exchange;
use super::front::Front;
use super::parting;
use crate::config::{ApiKind, Target};
use crate::gateway::authorize::Permit;
use crate::gateway::decide::{About, Refusal};
use crate::gateway::denial::Denial;
use crate::gateway::holds;
use crate::gateway::hygiene;
use crate::gateway::overload::Room;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Answered;
use crate::gateway::record::{self, Basis, Known};
use crate::gateway::respond::{self, Answer, Scene};
use crate::gateway::seen::Seen;
use crate::gateway::status::Form;
use crate::node::Snapshot;
use crate::record::{Actor, BrokenBy, ControlEvent, McpCall, Measured, Operation};
use crate::types::{Chain, Memory};
use crate::web;

/// A declared body up to this size is read and dropped before a refusal, so that the connection lives on and the answer is not
/// reset away.
const DRAIN: u64 = 64 * 1024;
/// Longest list of headers that a page may ask for, bytes.
const MAX_CORS_HEADERS: usize = 1024;
/// What a page may send that does not say what it will (MCP clients in browsers).
const CORS_HEADERS: &str =
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";

/// Where requests are answered: the request's facts and everything that an answer needs.
pub(super) struct Desk<'a> {
    pub(super) front: &'a Front,
    pub(super) prepared: &'a Prepared,
    pub(super) seen: &'a Seen,
    pub(super) started: Instant,
}

impl Desk<'_> {
    fn peer(&self) -> web::Peer {
        web::Peer {
            addr: self.seen.client,
            request: self.seen.request.clone(),
            trace: Some(self.seen.trace.trace_id()),
            user_agent: self.seen.user_agent.clone(),
        }
    }

    /// Out of which bodies of the request are held.
    pub(super) fn memory(&self, permit: Option<&Permit>) -> Arc<Memory> {
        let (node, config, client) = (&self.front.node, &self.prepared.config, self.seen.client);
        permit.map_or_else(|| holds::of_stranger(node, config, client), |permit| holds::of(permit, node, config, client))
    }

    pub(super) fn basis<'b>(&'b self, method: &'b str, path: &'b str, mcp: Option<&'b McpCall>) -> Basis<'b> {
        Basis { mcp, ..Basis::of(&self.prepared.config, &self.front.node.id, self.seen, (method, path)) }
    }

    /// Refuses: on record first, then on the wire.
    pub(super) async fn refuse(&self, session: &mut Session, refusal: Refusal) -> Result<Entered> {
        let Refusal { denial, about } = refusal;
        let Answered { denial, recorded } = self.front.rates.refused(denial, &about, self.seen.at);
        let status = denial.status().as_u16();
        let api = about.api.as_ref().map_or("gateway", |a| a.name.as_str());
        let route = about.route.as_ref().map_or("none", |r| r.as_str());
        denial.count(&self.front.metrics, api, route);
        tracing::debug!(request = %self.seen.request, api, route, reason = denial.code(), status, "refused");
        // Refusals that no organization is known for are the operator's, and anybody can cause them: a bounded number is kept.
        let kept = recorded.unwrap_or_else(|| self.front.strangers.admit(self.seen.at));
        let recorded = !kept || self.record(session, &denial, &about, status);
        let denial = if recorded { denial } else { Denial::Journal };
        let scene = Scene {
            config: &self.prepared.config,
            api: about.api.as_deref(),
            request: &self.seen.request,
            principal: about.principal.as_deref(),
            rpc: about.rpc.as_ref(),
            target: about.target.as_ref(),
            origin: about.origin.as_ref(),
            form: form(session, &about),
        };
        let answer = respond::answer(&denial, &scene);
        if answer.close {
            session.set_keepalive(None);
        } else {
            drain(session).await;
        }
        write(session, answer).await?;
        Ok(Entered::Answered)
    }

    fn record(&self, session: &Session, denial: &Denial, about: &About, status: u16) -> bool {
        let head = session.req_header();
        let path = about.path.as_deref().unwrap_or_else(|| head.uri.path());
        let basis = self.basis(head.method.as_str(), path, about.call.as_ref());
        let known = Known {
            api: about.api.as_deref(),
            route: about.route.clone(),
            principal: about.principal.as_deref(),
            claims: about.claims.as_deref(),
        };
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = record::denied(basis, denial, known, Measured { status, bytes: 0, micros, call: None });
        self.front
            .journal
            .refused(&record)
            .map_err(|error| {
                tracing::error!(error = %Chain(&error), "the journal refused a record");
            })
            .is_ok()
    }

    /// `OPTIONS *`: what the server as a whole can do.
    pub(super) async fn options(&self, session: &mut Session) -> Result<Entered> {
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, HeaderValue::from_static(hygiene::POSSIBLE_METHODS));
        self.bare(session, headers).await
    }

    /// A browser asks whether a page may call: no credential is needed to be told.
    pub(super) async fn preflight(&self, session: &mut Session, origin: Option<&HeaderValue>) -> Result<Entered> {
        let mut headers = HeaderMap::new();
        match origin {
            Some(origin) => {
                respond::cors(&mut headers, origin);
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(hygiene::POSSIBLE_METHODS));
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, cors_headers(session));
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            }
            None => drop(headers.insert(VARY, HeaderValue::from_static("Origin"))),
        }
        headers.append(VARY, HeaderValue::from(ACCESS_CONTROL_REQUEST_HEADERS));
        self.bare(session, headers).await
    }

    async fn bare(&self, session: &mut Session, mut headers: HeaderMap) -> Result<Entered> {
        if let Ok(id) = HeaderValue::from_str(self.seen.request.as_str()) {
            headers.insert(respond::REQUEST_ID, id);
        }
        write(session, Answer { status: StatusCode::NO_CONTENT, headers, body: Bytes::new(), close: false }).await?;
        Ok(Entered::Answered)
    }

    /// Pages and the authorization server; `body` where it was read already, and a place that is to be given back.
    pub(super) async fn local(&self, session: &mut Session, body: Option<Bytes>, place: Option<Room>) -> Result<Entered> {
        let mut extensions = Extensions::new();
        extensions.insert(self.peer());
        let memory = self.memory(None);
        let max_body = self.prepared.config.listen.limits.max_local_body;
        let handover = Handover { extensions, body, max_body, memory, list: None, place };
        let serve = bridge::serve(session, &self.front.local, handover, &self.seen.request);
        let served = Snapshot::hold(Arc::clone(&self.prepared.config), serve).await?;
        if served == Served::Panicked {
            self.count_panic();
            self.note_panic().await;
        }
        Ok(Entered::Answered)
    }

    fn count_panic(&self) {
        self.front.metrics.panics.inc();
        tracing::error!(request = %self.seen.request, "a local endpoint panicked; the process goes on");
    }

    async fn note_panic(&self) {
        let cause = self.peer().cause(&self.front.node, Actor::default());
        let event = ControlEvent::refused(Operation::RequestPanic, "panic");
        if let Err(error) = self.front.node.store.note(None, event, &cause).await {
            tracing::error!(error = %Chain(&error), "a panic could not be put on record");
        }
    }

    /// Our own MCP server or JSON API, with the principal that the gate found, and a place that is to be given back.
    pub(super) async fn own(&self, session: &mut Session, forwarding: &mut Forwarding, place: Option<Room>) -> Result<Served> {
        let mut extensions = Extensions::new();
        extensions.insert(self.peer());
        let list = match (&forwarding.message, &forwarding.permit.api().kind, forwarding.permit.shown()) {
            (Some(m), ApiKind::Mcp(policy), Some(held)) if m.filtered && forwarding.held.is_some() => {
                Some(ListRules { policy: Arc::clone(policy), held, era: m.era })
            }
            _ => None,
        };
        if let Some(principal) = forwarding.permit.principal() {
            extensions.insert(Arc::clone(principal));
        }
        let limits = &self.prepared.config.listen.limits;
        let (router, max_body) = match forwarding.permit.api().target {
            Target::OwnApi => (&self.front.own_api, limits.max_local_body),
            Target::OwnMcp | Target::Upstream(_) => (&self.front.own_mcp, limits.max_mcp_body),
        };
        let memory = Arc::clone(&forwarding.memory);
        let handover = Handover { extensions, body: forwarding.held.take(), max_body, memory, list, place };
        let cut = exchange::current().map(|exchange| Arc::clone(&exchange.cut)).unwrap_or_default();
        let serve = bridge::serve(session, router, handover, &self.seen.request);
        let served = tokio::select! {
            biased;
            served = Snapshot::hold(Arc::clone(&self.prepared.config), serve) => served?,
            () = cut.refused() => Served::Ended,
        };
        if served == Served::Panicked {
            self.count_panic();
        }
        if served == Served::Ended
            && let Some(denial) = cut.take_refusal()
        {
            self.end(session, forwarding, &denial).await?;
        }
        Ok(served)
    }

    /// Tells whoever waits for an answer of ours that what allowed the request has ended.
    async fn end(&self, session: &mut Session, forwarding: &mut Forwarding, denial: &Denial) -> Result<()> {
        let answer = parting::answer(session, self.prepared, forwarding, denial);
        forwarding.status = answer.status.as_u16();
        forwarding.end(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX), Some(BrokenBy::Revocation));
        session.set_keepalive(None);
        write(session, answer).await
    }
}

/// What a page may send: whatever it asks for. The operator trusts its origin, and what a header means here is hygiene's matter.
fn cors_headers(session: &Session) -> HeaderValue {
    let asked = session.req_header().headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
    let names = |v: &&HeaderValue| {
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"-_, ".contains(b);
        !v.is_empty() && v.len() <= MAX_CORS_HEADERS && v.as_bytes().iter().all(token)
    };
    asked.filter(names).cloned().unwrap_or(HeaderValue::from_static(CORS_HEADERS))
}

/// What the sender of a request can read.
fn form(session: &Session, about: &About) -> Form {
    let head = session.req_header();
    let reached = about.api.as_deref().zip(about.path.as_deref());
    let route = reached.and_then(|(api, path)| api.route_of(api.below(path), &head.method));
    Form::of(head.version, &head.headers, route)
}

/// Reads and drops a small body that nobody wants, so that the connection lives on and the answer is not reset away.
async fn drain(session: &mut Session) {
    let declared = session.req_header().headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|n| n > 0 && n <= DRAIN) {
        let _ = tokio::time::timeout(Duration::from_secs(1), session.drain_request_body()).await;
    }
}

/// Writes a whole answer.
pub(super) async fn write(session: &mut Session, answer: Answer) -> Result<()> {
    let mut response = http::Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    let (method, version) = (session.req_header().method.clone(), session.req_header().version);
    bridge::write(session, &method, version, response).await
}
