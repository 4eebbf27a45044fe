//! From a request head to a decision: hygiene, then a local endpoint or the gate, then an answer or a forwarding.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    CONTENT_LENGTH, EXPECT, ORIGIN, TRANSFER_ENCODING, USER_AGENT,
};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};
use pingora::Result;
use pingora::proxy::Session;

use super::bridge::{self, Handover, ListRules, Served};
use super::ctx::{Ctx, Forwarding, Seen};
use super::front::Front;
use crate::config::{Api, ApiKind, Config, Target};
use crate::gateway::authorize::{self, Asked, Permit, Refused};
use crate::gateway::denial::Denial;
use crate::gateway::hygiene::{self, CleanRequest, Head, Inspected, Peer, Protocol};
use crate::gateway::message::{self, Inspected as Message};
use crate::gateway::prepared::Prepared;
use crate::gateway::record::{self, Basis, Known};
use crate::gateway::respond::{self, Answer, Scene};
use crate::gateway::streams::OpenStream;
use crate::mcp;
use crate::node::Node;
use crate::record::{Actor, BrokenBy, ControlEvent, McpCall, Measured, Operation};
use crate::telemetry::TraceContext;
use crate::token::{Claims, Principal};
use crate::types::{RequestId, RouteId};
use crate::web;

/// Longest `User-Agent` that is kept, bytes.
const MAX_USER_AGENT: usize = 256;
/// A declared body up to this size is read and dropped before a refusal, so that the connection lives on and the answer is not
/// reset away.
const DRAIN: u64 = 64 * 1024;
/// Longest message whose length need not be declared, bytes: what pingora replays of a body that was read to decide.
const REPLAYED: usize = 64 * 1024;
/// What a page may send (MCP clients in browsers).
const CORS_HEADERS: &str =
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";
/// How long a message may take to arrive.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// What became of a request.
pub(super) enum Entered {
    /// It was answered.
    Answered,
    /// It goes to an upstream.
    Forward(Box<Forwarding>),
}

/// Names a request and says who sent it.
pub(super) fn see(node: &Node, session: &Session, prepared: &Prepared) -> Seen {
    let head = session.req_header();
    let at = node.now();
    let uuid = node.ids.next(at);
    let text = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    let connected = session.client_addr().and_then(|a| a.as_inet()).copied();
    Seen {
        uuid,
        request: RequestId::of(uuid),
        at,
        client: connected.map(|c| client(c, &head.headers, &prepared.config)),
        trace: TraceContext::of(text("traceparent"), uuid),
        user_agent: head.headers.get(USER_AGENT).map(|v| clipped(&String::from_utf8_lossy(v.as_bytes()))),
    }
}

fn clipped(text: &str) -> String {
    let end = text.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| *end <= MAX_USER_AGENT).last();
    text[..end.unwrap_or(0)].to_owned()
}

fn is_trusted(config: &Config, address: IpAddr) -> bool {
    config.listen.trusted_proxies.iter().any(|net| net.contains(&address))
}

/// The caller's address: the peer's, or what a trusted proxy says, read from the right until an address that is not a proxy's.
fn client(peer: SocketAddr, headers: &HeaderMap, config: &Config) -> SocketAddr {
    if !is_trusted(config, peer.ip()) {
        return peer;
    }
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
    let hops: Vec<IpAddr> = said.flat_map(|v| v.split(',')).map_while(|a| a.trim().parse().ok()).collect();
    let ip = hops.iter().rev().find(|a| !is_trusted(config, **a)).or(hops.first()).copied();
    SocketAddr::new(ip.unwrap_or(peer.ip()), 0)
}

/// Decides about a request and answers it unless it is to be forwarded.
pub(super) async fn enter(front: &Front, session: &mut Session, ctx: &mut Ctx, seen: &Seen) -> Result<Entered> {
    let prepared = Arc::clone(&ctx.prepared);
    let desk = Desk { front, prepared: &prepared, seen, started: ctx.started };
    let head = session.req_header().clone();
    let raw =
        session.as_downstream().as_http1().map(pingora_core::protocols::http::v1::server::HttpSession::get_headers_raw_bytes);
    let inspected = match inspect(session, &head, raw.as_deref(), &prepared) {
        Ok(inspected) => inspected,
        Err(unclean) => return desk.refuse(session, Denial::Unclean(unclean), About::default()).await,
    };
    let (request, credential) = match inspected {
        Inspected::Request { request, credential } => (request, credential),
        Inspected::OptionsAsterisk => return desk.options(session).await,
    };
    if request.close() {
        session.set_keepalive(None);
    }
    match prepared.config.mounts.lookup(request.path()) {
        None => desk.local(session).await,
        Some((api, below)) => {
            let asked = Asked {
                config: &prepared.config,
                api,
                path: below,
                request: &request,
                credential,
                headers: &head.headers,
                now: seen.at,
            };
            gate(&desk, session, ctx, &asked).await
        }
    }
}

fn inspect<'h>(
    session: &Session,
    head: &'h pingora::http::RequestHeader,
    raw: Option<&'h [u8]>,
    prepared: &Prepared,
) -> std::result::Result<Inspected<'h>, hygiene::Unclean> {
    let protocol = match head.version {
        Version::HTTP_2 => Protocol::Http2,
        Version::HTTP_10 => Protocol::Http10,
        _ => Protocol::Http11,
    };
    let peer = session.client_addr().and_then(|a| a.as_inet()).map(SocketAddr::ip);
    let trusted = peer.is_some_and(|ip| is_trusted(&prepared.config, ip));
    let target = std::str::from_utf8(head.raw_path()).unwrap_or("\u{0}");
    hygiene::inspect(
        &Head {
            protocol,
            peer: if trusted { Peer::Trusted } else { Peer::Direct },
            raw,
            method: &head.method,
            target,
            scheme: head.uri.scheme_str(),
            authority: head.uri.authority().map(http::uri::Authority::as_str),
            headers: &head.headers,
            tls: session.digest().is_some_and(|d| d.ssl_digest.is_some()),
            has_body: head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING),
        },
        &prepared.hygiene,
    )
}

/// A request to an API: decides, and then answers, serves or forwards.
async fn gate(desk: &Desk<'_>, session: &mut Session, ctx: &mut Ctx, asked: &Asked<'_>) -> Result<Entered> {
    let api = asked.api;
    let origin = match origin(asked) {
        Ok(origin) => origin,
        Err(denial) => return desk.refuse(session, denial, About::api(asked, None)).await,
    };
    if *asked.request.method() == Method::OPTIONS && asked.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return desk.preflight(session, origin.as_ref()).await;
    }
    let about = About::api(asked, origin.clone());
    let mut permit = match authorize::authorize(&desk.front.node, asked).await {
        Ok(permit) => permit,
        Err(Refused { denial, route, principal, claims }) => {
            return desk.refuse(session, denial, About { route, principal, claims, ..about }).await;
        }
    };
    let (held, inspected) = match read_message(session, &desk.prepared.config, asked, &mut permit).await {
        Ok(read) => read,
        Err(message::Refused { denial, id, call, target }) => {
            return desk.refuse(session, denial, About { rpc: id, call, target, ..about.permitted(&permit) }).await;
        }
    };
    let mcp = inspected.as_ref().and_then(|m| m.call.clone());
    let record = record::allowed(desk.basis(asked.request.method().as_str(), asked.request.path(), mcp), &permit);
    let open = match desk.front.journal.open_call(&record).await {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the journal refused a record");
            return desk.refuse(session, Denial::Journal, about.permitted(&permit)).await;
        }
    };
    let permit = Arc::new(permit);
    let cut = ctx.cut.clone().unwrap_or_default();
    let registered = desk.front.streams.register(OpenStream { permit: Arc::clone(&permit), cut: Arc::clone(&cut) });
    // A change between the decision and the registration was told to nobody: decide again.
    if permit.principal().is_some_and(|p| !p.is_current(asked.config)) {
        cut.cut();
    }
    let mut forwarding = Box::new(Forwarding {
        seen: desk.seen.clone(),
        metrics: desk.front.metrics.route(&api.name, permit.route()),
        permit,
        request: asked.request.clone(),
        message: inspected,
        held,
        origin,
        endpoint: None,
        filter: None,
        decided: ctx.started.elapsed(),
        first_byte: None,
        status: 0,
        bytes: 0,
        fault: None,
        tries: 0,
        open: Some(open),
        _registered: registered,
    });
    match api.target {
        Target::Upstream(_) => Ok(Entered::Forward(forwarding)),
        Target::OwnMcp => {
            let served = desk.own_mcp(session, &mut forwarding).await;
            forwarding.status = session.response_written().map_or(0, |r| r.status.as_u16());
            forwarding.bytes = u64::try_from(session.body_bytes_sent()).unwrap_or(0);
            let broken = match &served {
                Ok(Served::Answered) => None,
                Ok(Served::Panicked) => Some(BrokenBy::Fault),
                Err(_) => Some(BrokenBy::Client),
            };
            forwarding.end(ctx.micros(), broken);
            served.map(|_| Entered::Answered)
        }
    }
}

/// Reads the message of an MCP request and widens the permit by what it needs.
async fn read_message(
    session: &mut Session,
    config: &Config,
    asked: &Asked<'_>,
    permit: &mut Permit,
) -> std::result::Result<(Option<Bytes>, Option<Message>), message::Refused> {
    let ApiKind::Mcp(policy) = &asked.api.kind else { return Ok((None, None)) };
    let limits = mcp::Limits { bytes: config.listen.limits.max_mcp_body, ..mcp::Limits::default() };
    let reads = *asked.request.method() == Method::POST;
    let body = if reads { read_body(session, asked.headers, limits.bytes).await? } else { Bytes::new() };
    let inspected = message::inspect(policy, asked.headers, asked.request.method(), &body, &limits, permit)?;
    Ok((reads.then_some(body), Some(inspected)))
}

/// Reads a whole body in a way that lets pingora replay its end: only what is left once at most [`REPLAYED`] bytes are missing is
/// kept by pingora, and [`super::front`] puts the whole in its place.
async fn read_body(session: &mut Session, headers: &HeaderMap, max: usize) -> std::result::Result<Bytes, Denial> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|n| n > max) {
        return Err(Denial::BodyTooLarge);
    }
    if headers.contains_key(EXPECT) && session.req_header().version == Version::HTTP_11 {
        let keepalive = session.get_keepalive();
        session.write_continue_response().await.map_err(|_| Denial::BodyBroken)?;
        session.set_keepalive(keepalive);
    }
    let mut body = BytesMut::with_capacity(declared.unwrap_or(0).min(max));
    let read = async {
        loop {
            if declared.is_none_or(|n| n.saturating_sub(body.len()) <= REPLAYED) {
                session.as_mut().enable_retry_buffering();
            }
            match session.read_request_body().await {
                Ok(None) => return Ok(()),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(_) => return Err(Denial::BodyBroken),
            }
            match declared {
                None if body.len() > REPLAYED => return Err(Denial::LengthRequired),
                _ if body.len() > max => return Err(Denial::BodyTooLarge),
                _ => {}
            }
        }
    };
    tokio::time::timeout(MESSAGE_TIMEOUT, read).await.unwrap_or(Err(Denial::BodyBroken))?;
    Ok(body.freeze())
}

/// The origin of a browser's page, when it may read our answers. MCP servers must refuse pages of other origins.
fn origin(asked: &Asked<'_>) -> std::result::Result<Option<HeaderValue>, Denial> {
    let Some(origin) = asked.headers.get(ORIGIN) else { return Ok(None) };
    let allowed = |o: &str| o == asked.config.issuer.as_str() || asked.api.allowed_origins.iter().any(|a| a == o);
    match origin.to_str() {
        Ok(text) if allowed(text) => Ok(Some(origin.clone())),
        _ if matches!(asked.api.kind, ApiKind::Mcp(_)) => Err(Denial::Origin),
        _ => Ok(None),
    }
}

/// A handler or stage panicked: says so to the client and on record.
pub(super) async fn panicked(front: &Front, session: &mut Session, ctx: &Ctx, seen: &Seen) -> Result<()> {
    front.metrics.panics.inc();
    tracing::error!(request = %seen.request, "a request ended in a panic; the process goes on");
    let desk = Desk { front, prepared: &ctx.prepared, seen, started: ctx.started };
    session.set_keepalive(None);
    desk.refuse(session, Denial::Panic, About::default()).await.map(drop)
}

/// What is known about a refused request.
#[derive(Default)]
struct About<'a> {
    request: Option<&'a CleanRequest>,
    api: Option<&'a Arc<Api>>,
    origin: Option<HeaderValue>,
    route: Option<RouteId>,
    principal: Option<Arc<Principal>>,
    claims: Option<Box<Claims>>,
    rpc: Option<mcp::RequestId>,
    call: Option<McpCall>,
    target: Option<mcp::Target>,
}

impl<'a> About<'a> {
    fn api(asked: &Asked<'a>, origin: Option<HeaderValue>) -> Self {
        Self { request: Some(asked.request), api: Some(asked.api), origin, ..Self::default() }
    }

    fn permitted(self, permit: &Permit) -> Self {
        Self { route: Some(permit.route().clone()), principal: permit.principal().cloned(), ..self }
    }
}

/// Where requests are answered: the request's facts and everything that an answer needs.
struct Desk<'a> {
    front: &'a Front,
    prepared: &'a Prepared,
    seen: &'a Seen,
    started: Instant,
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

    fn basis<'b>(&'b self, method: &'b str, path: &'b str, mcp: Option<McpCall>) -> Basis<'b> {
        Basis {
            config: &self.prepared.config,
            id: self.seen.record_id(),
            time: self.seen.at,
            origin: self.seen.origin(&self.front.node.id),
            method,
            path,
            mcp,
        }
    }

    /// Refuses: on record first, then on the wire.
    async fn refuse(&self, session: &mut Session, denial: Denial, about: About<'_>) -> Result<Entered> {
        let status = denial.status().as_u16();
        let api = about.api.map_or("gateway", |a| a.name.as_str());
        let route = about.route.as_ref().map_or("none", |r| r.as_str());
        self.front.metrics.refused(api, route, denial.code(), status);
        tracing::debug!(request = %self.seen.request, api, route, reason = denial.code(), status, "refused");
        let belongs = about.principal.is_some() || about.claims.is_some();
        // Refusals that no organization is known for are the operator's, and anybody can cause them: a bounded number is kept.
        let kept = belongs || self.front.strangers.admit(self.seen.at);
        let recorded = !kept || self.record(session, &denial, &about, status);
        let denial = if recorded { denial } else { Denial::Journal };
        let scene = Scene {
            config: &self.prepared.config,
            api: about.api.map(|a| &**a),
            request: &self.seen.request,
            principal: about.principal.as_deref(),
            rpc: about.rpc.as_ref(),
            target: about.target.as_ref(),
            origin: about.origin.as_ref(),
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

    fn record(&self, session: &Session, denial: &Denial, about: &About<'_>, status: u16) -> bool {
        let head = session.req_header();
        let path = about.request.map_or_else(|| head.uri.path(), |r| r.path());
        let basis = self.basis(head.method.as_str(), path, about.call.clone());
        let known = Known {
            api: about.api.map(|a| &**a),
            route: about.route.clone(),
            principal: about.principal.as_deref(),
            claims: about.claims.as_deref(),
        };
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = record::denied(basis, denial, known, Measured { status, bytes: 0, micros });
        self.front
            .journal
            .refused(&record)
            .map_err(|error| {
                tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the journal refused a record");
            })
            .is_ok()
    }

    /// `OPTIONS *`: what the server as a whole can do.
    async fn options(&self, session: &mut Session) -> Result<Entered> {
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, HeaderValue::from_static(hygiene::POSSIBLE_METHODS));
        self.bare(session, headers).await
    }

    /// A browser asks whether a page may call: no credential is needed to be told.
    async fn preflight(&self, session: &mut Session, origin: Option<&HeaderValue>) -> Result<Entered> {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            respond::cors(&mut headers, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(hygiene::POSSIBLE_METHODS));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(CORS_HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        self.bare(session, headers).await
    }

    async fn bare(&self, session: &mut Session, mut headers: HeaderMap) -> Result<Entered> {
        if let Ok(id) = HeaderValue::from_str(self.seen.request.as_str()) {
            headers.insert(respond::REQUEST_ID, id);
        }
        write(session, Answer { status: StatusCode::NO_CONTENT, headers, body: Bytes::new(), close: false }).await?;
        Ok(Entered::Answered)
    }

    /// Pages and the authorization server.
    async fn local(&self, session: &mut Session) -> Result<Entered> {
        let mut extensions = Extensions::new();
        extensions.insert(self.peer());
        let handover =
            Handover { extensions, body: None, max_body: self.prepared.config.listen.limits.max_local_body, list: None };
        let served = bridge::serve(session, &self.front.local, handover, &self.seen.request).await?;
        if served == Served::Panicked {
            self.front.metrics.panics.inc();
            tracing::error!(request = %self.seen.request, "a local endpoint panicked; the process goes on");
            self.note_panic().await;
        }
        Ok(Entered::Answered)
    }

    async fn note_panic(&self) {
        let cause = self.peer().cause(&self.front.node, Actor::default());
        let event = ControlEvent::refused(Operation::RequestPanic, "panic");
        if let Err(error) = self.front.node.store.note(None, event, &cause).await {
            tracing::error!(error = &error as &(dyn std::error::Error + 'static), "a panic could not be put on record");
        }
    }

    /// Our own MCP server, with the principal that the gate found.
    async fn own_mcp(&self, session: &mut Session, forwarding: &mut Forwarding) -> Result<Served> {
        let mut extensions = Extensions::new();
        extensions.insert(self.peer());
        let list = match (&forwarding.message, &forwarding.permit.api().kind, forwarding.permit.principal()) {
            (Some(m), ApiKind::Mcp(policy), Some(p)) if m.filtered && forwarding.held.is_some() => {
                Some(ListRules { policy: Arc::clone(policy), held: p.effective.now, era: m.era })
            }
            _ => None,
        };
        if let Some(principal) = forwarding.permit.principal() {
            extensions.insert(Arc::clone(principal));
        }
        let max_body = self.prepared.config.listen.limits.max_mcp_body;
        let handover = Handover { extensions, body: forwarding.held.take(), max_body, list };
        bridge::serve(session, &self.front.own_mcp, handover, &self.seen.request).await
    }
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
