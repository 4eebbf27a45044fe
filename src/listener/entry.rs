//! From a request head to a decision: hygiene, then a local endpoint or the gate, then an answer or a forwarding.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, ORIGIN, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Version};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora_core::protocols::http::v1::server::HttpSession;

use super::body;
use super::bridge::Served;
use super::ctx::{Ctx, Forwarding, Seen};
use super::desk::{About, Desk, Refusal};
use super::front::Front;
use crate::config::{Api, ApiKind, Config, Target};
use crate::gateway::authorize::{self, Asked, Permit, Refused};
use crate::gateway::denial::{Denial, UpstreamFault};
use crate::gateway::handshake;
use crate::gateway::hygiene::{self, CleanRequest, Head, Inspected, Peer, Protocol, Unclean, Upgrade};
use crate::gateway::identity::Identity;
use crate::gateway::message;
use crate::gateway::narrow::Narrowed;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::{Asking, Running};
use crate::gateway::record;
use crate::gateway::shadow;
use crate::gateway::status;
use crate::gateway::streams::OpenStream;
use crate::gateway::upstream::{Place, Tried};
use crate::node::Node;
use crate::record::BrokenBy;
use crate::telemetry::{RouteMetrics, TraceContext};
use crate::token::Rejected;
use crate::types::RequestId;

/// Longest `User-Agent` that is kept, bytes.
const MAX_USER_AGENT: usize = 256;

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
        user_agent: head.headers.get(USER_AGENT).map(|v| clipped(v.as_bytes())),
        certificate: certificate(session),
    }
}

/// The certificate that the client showed in the handshake, which proved it.
fn certificate(session: &Session) -> Option<String> {
    let digest = &session.digest()?.ssl_digest.as_ref()?.cert_digest;
    (!digest.is_empty()).then(|| {
        digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    })
}

fn clipped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    if text.len() <= MAX_USER_AGENT {
        return text.into_owned();
    }
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
    let said: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).collect();
    // Only what proxies of ours wrote is true: an entry that is no address was written by somebody else, and so is all before it.
    let hops = said.iter().rev().map_while(|a| a.trim().parse::<IpAddr>().ok());
    let mut ip = None;
    for hop in hops {
        ip = Some(hop);
        if !is_trusted(config, hop) {
            break;
        }
    }
    SocketAddr::new(ip.unwrap_or(peer.ip()), 0)
}

/// Decides about a request and answers it unless it is to be forwarded.
pub(super) async fn enter(front: &Front, session: &mut Session, ctx: &mut Ctx, seen: &Seen) -> Result<Entered> {
    let prepared = Arc::clone(&ctx.prepared);
    let desk = Desk { front, prepared: &prepared, seen, started: ctx.started };
    match front.overload.enter().await {
        Ok(place) => ctx.place = Some(place),
        Err(denial) => return desk.refuse(session, Refusal { denial, about: About::default() }).await,
    }
    let raw = session.as_downstream().as_http1().map(HttpSession::get_headers_raw_bytes);
    let wire = Wire {
        raw: raw.as_deref(),
        tls: session.digest().is_some_and(|d| d.ssl_digest.is_some()),
        trusted: session.client_addr().and_then(|a| a.as_inet()).is_some_and(|a| is_trusted(&prepared.config, a.ip())),
    };
    match decide(&desk, session.req_header(), &wire).await {
        Decided::Refused(refusal) => desk.refuse(session, *refusal).await,
        Decided::Options => desk.options(session).await,
        Decided::Preflight(origin) => desk.preflight(session, origin.as_ref()).await,
        Decided::Local(request) => {
            if request.close() {
                session.set_keepalive(None);
            }
            desk.local(session).await
        }
        Decided::Admitted(admitted) => {
            if admitted.request.close() {
                session.set_keepalive(None);
            }
            go(&desk, session, ctx, *admitted).await
        }
    }
}

/// What the connection tells about a request.
struct Wire<'a> {
    raw: Option<&'a [u8]>,
    tls: bool,
    trusted: bool,
}

/// What a request head comes to.
enum Decided {
    Refused(Box<Refusal>),
    Options,
    Preflight(Option<HeaderValue>),
    Local(CleanRequest),
    Admitted(Box<Admitted>),
}

/// A request that its head allows.
struct Admitted {
    api: Arc<Api>,
    request: CleanRequest,
    permit: Permit,
    origin: Option<HeaderValue>,
}

fn about(api: &Arc<Api>, request: &CleanRequest, permit: &Permit, origin: Option<HeaderValue>) -> About {
    About {
        path: Some(request.path().to_owned()),
        api: Some(Arc::clone(api)),
        origin,
        route: Some(permit.route().clone()),
        principal: permit.principal().cloned(),
        ..About::default()
    }
}

/// Everything that a request head decides.
async fn decide(desk: &Desk<'_>, head: &RequestHeader, wire: &Wire<'_>) -> Decided {
    let config = &*desk.prepared.config;
    let (request, credential) = match inspect(head, wire, desk.prepared) {
        Ok(Inspected::Request { request, credential }) => (request, credential),
        Ok(Inspected::OptionsAsterisk) => return Decided::Options,
        Err(unclean) => return refused(Denial::Unclean(unclean), About::default()),
    };
    for signal in request.signals().codes() {
        desk.front.metrics.signals.with_label_values(&[signal]).inc();
    }
    let grpc = status::is_grpc(&head.headers);
    let Some((api, path)) = config.api_at(request.path()) else {
        if let Err(denial) = desk.front.overload.admit(None) {
            return refused(denial, About { path: Some(request.path().to_owned()), ..About::default() });
        }
        return match request.admit_encoded_slash(false) {
            // A call can't read the page of a local endpoint.
            Ok(()) if grpc && head.version == Version::HTTP_2 => refused(Denial::NoRoute, About::default()),
            Ok(()) => Decided::Local(request),
            Err(unclean) => refused(Denial::Unclean(unclean), About::default()),
        };
    };
    let asked = Asked { config, api, path, request: &request, credential, headers: &head.headers, now: desk.seen.at };
    let about = |origin| About { path: Some(request.path().to_owned()), api: Some(Arc::clone(api)), origin, ..About::default() };
    if grpc && head.version != Version::HTTP_2 {
        return refused(Denial::Http2Required, about(None));
    }
    let origin = match origin(&asked) {
        Ok(origin) => origin,
        Err(denial) => match shadow::waive(&asked, shadow::bare(denial)) {
            Ok(permit) => return admitted(api, permit, None, request),
            Err(kept) => return refused(kept.denial, about(None)),
        },
    };
    if *request.method() == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        // Without a gate the upstream answers pages of origins that we know nothing of.
        let theirs = origin.is_none().then(|| shadow::waive(&asked, shadow::bare(Denial::Origin)).ok()).flatten();
        return theirs.map_or(Decided::Preflight(origin), |permit| admitted(api, permit, None, request));
    }
    if let Err(denial) = desk.front.overload.admit(Some(api)) {
        return refused(denial, about(origin));
    }
    let decided = authorize::authorize(&desk.front.node, &asked).await;
    match decided.or_else(|refused| shadow::waive(&asked, refused)) {
        Ok(permit) if permit.rule().client_certificate && desk.seen.certificate.is_none() => {
            refused(Denial::Certificate, self::about(api, &request, &permit, origin))
        }
        Ok(permit) => match handshake::check(&permit, &request, &head.headers) {
            Ok(()) => admitted(api, permit, origin, request),
            Err(denial) => refused(denial, self::about(api, &request, &permit, origin)),
        },
        Err(kept) => {
            let Refused { denial, route, principal, claims } = *kept;
            refused(denial, About { route, principal, claims, ..about(origin) })
        }
    }
}

fn admitted(api: &Arc<Api>, permit: Permit, origin: Option<HeaderValue>, request: CleanRequest) -> Decided {
    Decided::Admitted(Box::new(Admitted { api: Arc::clone(api), permit, origin, request }))
}

fn refused(denial: Denial, about: About) -> Decided {
    Decided::Refused(Box::new(Refusal { denial, about }))
}

fn inspect<'h>(head: &'h RequestHeader, wire: &Wire<'h>, prepared: &Prepared) -> std::result::Result<Inspected<'h>, Unclean> {
    let protocol = match head.version {
        Version::HTTP_2 => Protocol::Http2,
        Version::HTTP_10 => Protocol::Http10,
        _ => Protocol::Http11,
    };
    let head = Head {
        protocol,
        peer: if wire.trusted { Peer::Trusted } else { Peer::Direct },
        raw: wire.raw,
        method: &head.method,
        target: std::str::from_utf8(head.raw_path()).unwrap_or("\u{0}"),
        scheme: head.uri.scheme_str(),
        authority: head.uri.authority().map(http::uri::Authority::as_str),
        headers: &head.headers,
        tls: wire.tls,
        has_body: head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING),
    };
    hygiene::inspect(&head, &prepared.hygiene)
}

/// Reads the message where there is one, puts the call on record, and serves or forwards it.
async fn go(desk: &Desk<'_>, session: &mut Session, ctx: &mut Ctx, mut admitted: Admitted) -> Result<Entered> {
    let (held, inspected) =
        match body::message(session, (&desk.prepared.config, &desk.front.node.keys), &admitted.request, &mut admitted.permit)
            .await
        {
            Ok(read) => read,
            Err(message::Refused { denial, id, call, target }) => {
                let Admitted { api, request, permit, origin } = admitted;
                let about = About { rpc: id, call, target, ..about(&api, &request, &permit, origin) };
                return desk.refuse(session, Refusal { denial, about }).await;
            }
        };
    let Bounded { running, place, form, narrowed, identity } = match bound(desk, session, &mut admitted, inspected.as_ref()).await
    {
        Ok(bounded) => bounded,
        Err(denial) => {
            let (rpc, call) = inspected.map_or((None, None), |m| (m.id, m.call));
            let Admitted { api, request, permit, origin } = admitted;
            let about = About { rpc, call, ..about(&api, &request, &permit, origin) };
            return desk.refuse(session, Refusal { denial, about }).await;
        }
    };
    let Admitted { api, request, permit, origin } = admitted;
    let permit = Arc::new(permit);
    let cut = ctx.cut.clone().unwrap_or_default();
    let config = Arc::clone(&desk.prepared.config);
    let registered = desk.front.streams.register(OpenStream { permit: Arc::clone(&permit), config, cut });
    // A change between the decision and the registration was told to nobody.
    if let Err(denial) = still_allowed(desk, &permit).await {
        let about = about(&api, &request, &permit, origin);
        return desk.refuse(session, Refusal { denial, about }).await;
    }
    let mcp = inspected.as_ref().and_then(|m| m.call.clone());
    let needed = desk.prepared.config.catalogue.scopes(permit.needed());
    let basis = desk.basis(request.method().as_str(), request.path(), mcp);
    let would_deny = permit.would_deny().map(|w| w.recorded(&desk.prepared.config));
    let open = match desk.front.journal.open_call(&record::opening(&basis, &permit, &needed, would_deny.as_ref())).await {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the journal refused a record");
            let about = about(&api, &request, &permit, origin);
            return desk.refuse(session, Refusal { denial: Denial::Journal, about }).await;
        }
    };
    let mut forwarding = Box::new(Forwarding {
        seen: desk.seen.clone(),
        metrics: counted(desk, &permit),
        permit,
        request,
        message: inspected,
        narrowed,
        identity,
        held: held.or(form),
        origin,
        attempt: None,
        tried: Tried::default(),
        watch: None,
        filter: None,
        decided: ctx.started.elapsed(),
        first_byte: None,
        status: 0,
        bytes: 0,
        fault: None,
        tries: 0,
        open: Some(open),
        too_large: false,
        received: 0,
        _running: running,
        _place: place,
        _registered: registered,
    });
    if matches!(api.target, Target::Upstream(_)) {
        return Ok(Entered::Forward(forwarding));
    }
    let served = desk.own(session, &mut forwarding).await;
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

/// What limits and label tenancy made of a request.
struct Bounded {
    running: Option<Running>,
    place: Option<Place>,
    form: Option<Bytes>,
    narrowed: Option<Narrowed>,
    identity: Identity,
}

/// Counts a request under its limits and narrows it to its organization.
async fn bound(
    desk: &Desk<'_>,
    session: &mut Session,
    admitted: &mut Admitted,
    inspected: Option<&message::Inspected>,
) -> std::result::Result<Bounded, Denial> {
    let asking = Asking {
        address: desk.seen.client.map(|c| c.ip()),
        target: inspected.and_then(|m| m.target.as_ref()),
        now: desk.seen.at,
    };
    let Admitted { request, permit, .. } = admitted;
    let in_time = desk.front.rates.admit(permit, &asking);
    shadow::tolerate(permit, in_time)?;
    let running = desk.front.rates.enter(permit);
    let running = shadow::tolerate(permit, running)?.flatten();
    let (form, narrowed) = body::selectors(session, &desk.prepared.config, request, permit).await?;
    let (node, prepared) = (&desk.front.node, desk.prepared);
    let told = prepared.identities.tell(node, &prepared.config, permit, &desk.seen.request).await;
    let identity = shadow::tolerate(permit, told)?.unwrap_or_default();
    let place = place(desk, permit).await?;
    Ok(Bounded { running, place, form, narrowed, identity })
}

/// A place at the permit's upstream.
async fn place(desk: &Desk<'_>, permit: &Permit) -> std::result::Result<Option<Place>, Denial> {
    match desk.prepared.fleet.pool(permit) {
        Ok(pool) => pool.places().enter().await.map(Some).map_err(|_| Denial::Upstream(UpstreamFault::Overloaded)),
        Err(_) => Ok(None),
    }
}

/// The counters of a request that is forwarded.
fn counted(desk: &Desk<'_>, permit: &Permit) -> Arc<RouteMetrics> {
    let (metrics, api) = (&desk.front.metrics, &permit.api().name);
    match permit.would_deny() {
        None => metrics.route(api, permit.route()),
        Some(waived) => metrics.waived(api.as_str(), permit.matched().map_or("none", |r| r.as_str()), waived.reason),
    }
}

/// Asks again when something behind the permit has changed since it was given.
async fn still_allowed(desk: &Desk<'_>, permit: &Permit) -> std::result::Result<(), Denial> {
    let (node, config) = (&desk.front.node, &desk.prepared.config);
    match permit.principal() {
        Some(principal) if permit.is_enforced() && !principal.is_current(config, node.now()) => {
            match node.verifier.again(principal, config, node.now()).await {
                Ok(now) if permit.holds_for(&now) => Ok(()),
                Ok(now) => Err(Denial::lacking(&now, permit.needed())),
                Err(Rejected::Refused { refusal, .. }) => Err(Denial::Token(refusal)),
                Err(Rejected::Fault(error)) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a token can't be resolved");
                    Err(Denial::Store)
                }
            }
        }
        _ => Ok(()),
    }
}

/// The origin of a browser's page, when it may read our answers. MCP servers must refuse pages of other origins.
fn origin(asked: &Asked<'_>) -> std::result::Result<Option<HeaderValue>, Denial> {
    let Some(origin) = asked.headers.get(ORIGIN) else { return Ok(None) };
    let allowed = |o: &str| o == asked.config.issuer.as_str() || asked.api.allowed_origins.iter().any(|a| a == o);
    match origin.to_str() {
        Ok(text) if allowed(text) => Ok(Some(origin.clone())),
        // Nothing asks a page's server before a WebSocket is opened: it is refused here or never.
        _ if matches!(asked.api.kind, ApiKind::Mcp(_)) || asked.request.upgrade() == Upgrade::WebSocket => Err(Denial::Origin),
        _ => Ok(None),
    }
}

/// A handler or stage panicked: says so to the client and on record.
pub(super) async fn panicked(front: &Front, session: &mut Session, ctx: &Ctx, seen: &Seen) -> Result<()> {
    front.metrics.panics.inc();
    tracing::error!(request = %seen.request, "a request ended in a panic; the process goes on");
    let desk = Desk { front, prepared: &ctx.prepared, seen, started: ctx.started };
    session.set_keepalive(None);
    desk.refuse(session, Refusal { denial: Denial::Panic, about: About::default() }).await.map(drop)
}
