//! From a request head to a decision: hygiene, then a local endpoint or the gate, then an answer or a forwarding.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Version};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use pingora_core::protocols::http::v1::server::HttpSession;

use super::body;
use super::bridge::Served;
use super::ctx::{Ctx, Forwarding, Replayed};
use super::desk::Desk;
use super::exchange;
use super::front::Front;
use super::length::Length;
use super::tls::{self, Worth};
use super::waiting::is_http2;
use crate::config::{Config, Target};
use crate::gateway::authorize::Permit;
use crate::gateway::deadline;
use crate::gateway::decide::{self, About, Admitted, Decided, Refusal};
use crate::gateway::denial::{Denial, UpstreamFault};
use crate::gateway::holds;
use crate::gateway::hygiene::{Head, Peer, Protocol};
use crate::gateway::identity::Identity;
use crate::gateway::index;
use crate::gateway::message;
use crate::gateway::narrow::Narrowed;
use crate::gateway::overload::{Room, Shed, Strain, Urgency};
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::{Asking, Running};
use crate::gateway::record;
use crate::gateway::seen::{self, Seen};
use crate::gateway::shadow;
use crate::gateway::silence::Inquiry;
use crate::gateway::streams::OpenStream;
use crate::gateway::terms::Came;
use crate::gateway::upstream::breaker::Refused;
use crate::gateway::upstream::{Place, Tried};
use crate::indices::Check;
use crate::node::Node;
use crate::record::BrokenBy;
use crate::types::{Chain, Memory};

/// What those are told that are shed, in `Retry-After`.
const RETRY: Duration = Duration::from_secs(1);

/// What became of a request.
pub(super) enum Entered {
    /// It was answered.
    Answered,
    /// It goes to an upstream.
    Forward(Box<Forwarding>),
}

/// Names a request and says who sent it.
pub(super) fn see(node: &Node, session: &Session, prepared: &Prepared) -> Seen {
    let headers = &session.req_header().headers;
    let connected = session.client_addr().and_then(|a| a.as_inet()).copied();
    let client = connected.map(|c| seen::client(c, headers, |ip| prepared.config.listen.is_trusted(ip)));
    Seen::of(node, headers, client).showing(tls::worth(session).digest())
}

/// Decides about a request and answers it unless it is to be forwarded.
pub(super) async fn enter(front: &Front, session: &mut Session, ctx: &mut Ctx, seen: &Seen) -> Result<Entered> {
    let prepared = Arc::clone(&ctx.prepared);
    let desk = Desk { front, prepared: &prepared, seen, started: ctx.started };
    let apart = prepared.config.listen.apart(seen.client);
    let head = session.req_header();
    let (urgency, deletes) = (Urgency::of(&head.method, head.uri.path()), head.method == Method::DELETE);
    let comes = urgency == Urgency::Urgent && !session.as_mut().is_body_empty();
    // What deletes needs no body: one that has some is as any other.
    let urgency = if comes && deletes { Urgency::Usual } else { urgency };
    let entered = if comes && !deletes {
        Box::pin(enter_with_body(&desk, session, apart)).await
    } else {
        front.overload.enter(apart, urgency).await.map(|room| (room, None))
    };
    let read = match entered {
        Ok((room, read)) => {
            ctx.place = Some(room);
            read
        }
        Err(shed) => return Box::pin(turn_away(&desk, session, shed)).await,
    };
    if matches!(tls::worth(session), Worth::Outdated { required: true }) {
        session.set_keepalive(None);
        return refuse(&desk, session, ctx, Refusal { denial: Denial::Certificate, about: About::default() }).await;
    }
    let raw = session.as_downstream().as_http1().map(HttpSession::get_headers_raw_bytes);
    let wire = Wire {
        raw: raw.as_deref(),
        tls: session.digest().is_some_and(|d| d.ssl_digest.is_some()),
        trusted: session.client_addr().and_then(|a| a.as_inet()).is_some_and(|a| prepared.config.listen.is_trusted(a.ip())),
    };
    match decide::decide(&front.node, &front.overload, &prepared, &wire.head(session.req_header()), seen).await {
        Decided::Refused(refusal) => refuse(&desk, session, ctx, *refusal).await,
        Decided::Options => {
            drop(ctx.kept_place());
            Box::pin(desk.options(session)).await
        }
        Decided::Preflight(origin) => {
            drop(ctx.kept_place());
            Box::pin(desk.preflight(session, origin.as_ref())).await
        }
        Decided::Local(request) => {
            if request.close() {
                session.set_keepalive(None);
            }
            Box::pin(desk.local(session, read, ctx.kept_place())).await
        }
        Decided::Admitted(_) if read.is_some() => {
            drop(ctx.kept_place());
            Box::pin(turn_away(&desk, session, Shed::All)).await
        }
        Decided::Admitted(admitted) => {
            if is_theirs(ctx, &admitted) {
                // Its path only looks like one of ours: it waits as any other.
                drop(ctx.kept_place());
                match Box::pin(front.overload.enter(apart, Urgency::Usual)).await {
                    Ok(room) => ctx.place = Some(room),
                    Err(shed) => return Box::pin(turn_away(&desk, session, shed)).await,
                }
            }
            if admitted.request.close() {
                session.set_keepalive(None);
            }
            go(&desk, session, ctx, *admitted).await
        }
    }
}

/// Whether a request that has a place which is kept for our pages and our API is for an upstream, on a host of its own. One whose
/// body was read can't be: a body must be read once.
fn is_theirs(ctx: &Ctx, admitted: &Admitted) -> bool {
    ctx.place.as_ref().is_some_and(Room::is_kept) && matches!(admitted.api.target, Target::Upstream(_))
}

/// Takes a place for an urgent request with a body, which was read where it is a place that is kept.
async fn enter_with_body(
    desk: &Desk<'_>,
    session: &mut Session,
    apart: Option<IpAddr>,
) -> std::result::Result<(Room, Option<Bytes>), Shed> {
    let (memory, max) = (desk.memory(None), desk.prepared.config.listen.limits.max_local_body);
    desk.front.overload.enter_with(apart, body::soon(session, max, &memory)).await
}

/// Refuses a request, which keeps no place from others any longer. Answering here is large, and what is forwarded would carry it: every
/// request's future is made whole and copied.
async fn refuse(desk: &Desk<'_>, session: &mut Session, ctx: &mut Ctx, refusal: Refusal) -> Result<Entered> {
    drop(ctx.kept_place());
    Box::pin(desk.refuse(session, refusal)).await
}

/// Refuses what is too much. Where the node itself is late, the connection is read again when its client may come back.
async fn turn_away(desk: &Desk<'_>, session: &mut Session, shed: Shed) -> Result<Entered> {
    let about = reached(&desk.prepared.config, session.req_header().uri.path());
    let entered = desk.refuse(session, Refusal { denial: shed.into(), about }).await?;
    let peer = session.client_addr().and_then(|a| a.as_inet()).copied();
    let apart = desk.prepared.config.listen.apart(peer).is_some();
    if rests(shed, apart, is_http2(session))
        && let Some(connection) = exchange::current().and_then(|e| e.connection.clone())
    {
        // Not all of them at the same moment.
        let spread = Duration::from_millis(desk.front.overload.shed(shed).wrapping_mul(619) % 1_000);
        connection.rest.take(RETRY / 2 + spread);
    }
    Ok(entered)
}

/// Whether a connection is not read for a moment. Behind a proxy there may be others on it, and over HTTP/2 other requests, whose
/// bodies and cancellations are read from it.
fn rests(shed: Shed, apart: bool, http2: bool) -> bool {
    shed == Shed::Strain(Strain::Late) && apart && !http2
}

/// The API that a request is for, when that can be told without looking at more than a plain path: its protocol says what a refusal
/// looks like.
fn reached(config: &Config, path: &str) -> About {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b));
    let plain = plain && path.starts_with('/') && !path.contains("//") && !path.contains("/.");
    let api = plain.then(|| config.api_at(path)).flatten().map(|(api, _)| Arc::clone(api));
    About { path: api.is_some().then(|| path.to_owned()), api, ..About::default() }
}

/// What the connection tells about a request.
struct Wire<'a> {
    raw: Option<&'a [u8]>,
    tls: bool,
    trusted: bool,
}

impl<'h> Wire<'h> {
    /// The head of a request, as hygiene reads it.
    fn head(&self, head: &'h RequestHeader) -> Head<'h> {
        let protocol = match head.version {
            Version::HTTP_2 => Protocol::Http2,
            Version::HTTP_10 => Protocol::Http10,
            _ => Protocol::Http11,
        };
        Head {
            protocol,
            peer: if self.trusted { Peer::Trusted } else { Peer::Direct },
            raw: self.raw,
            method: &head.method,
            target: std::str::from_utf8(head.raw_path()).unwrap_or("\u{0}"),
            scheme: head.uri.scheme_str(),
            authority: head.uri.authority().map(http::uri::Authority::as_str),
            headers: &head.headers,
            tls: self.tls,
            has_body: head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING),
        }
    }
}

/// Reads the message where there is one, puts the call on record, and serves or forwards it.
async fn go(desk: &Desk<'_>, session: &mut Session, ctx: &mut Ctx, mut admitted: Admitted) -> Result<Entered> {
    let memory = desk.memory(Some(&admitted.permit));
    let with = (&*desk.prepared.config, &*desk.front.node, &memory);
    let (held, inspected) = match body::message(session, with, &admitted.request, &mut admitted.permit).await {
        Ok(read) => read,
        Err(message::Refused { denial, id, call, target }) => {
            let Admitted { api, request, permit, origin } = admitted;
            let about = About { rpc: id, call, target, ..About::permitted(&api, &request, &permit, origin) };
            return refuse(desk, session, ctx, Refusal { denial, about }).await;
        }
    };
    let Bounded { running, place, form, narrowed, indices, identity } =
        match bound(desk, session, (&mut admitted, &memory), inspected.as_ref()).await {
            Ok(bounded) => bounded,
            Err(denial) => {
                let (rpc, call) = inspected.map_or((None, None), |m| (m.id, m.call));
                let Admitted { api, request, permit, origin } = admitted;
                let about = About { rpc, call, ..About::permitted(&api, &request, &permit, origin) };
                return refuse(desk, session, ctx, Refusal { denial, about }).await;
            }
        };
    let Admitted { api, request, permit, origin } = admitted;
    let permit = Arc::new(permit);
    let cut = ctx.cut.clone().unwrap_or_default();
    let config = Arc::clone(&desk.prepared.config);
    let listens = inspected.as_ref().is_some_and(|m| m.listening.is_some());
    let target = inspected.as_ref().and_then(|m| m.target.clone());
    let came = Came::of(&request, origin.clone(), tls::certificate(session), target);
    let registered = desk.front.streams.register(OpenStream::new(Arc::clone(&permit), config, listens, cut, came));
    // A change between the decision and the registration was told to nobody.
    if let Err(denial) = decide::still_allowed(&desk.front.node, &desk.prepared.config, &permit).await {
        let about = About::permitted(&api, &request, &permit, origin);
        return refuse(desk, session, ctx, Refusal { denial, about }).await;
    }
    let mcp = inspected.as_ref().and_then(|m| m.call.as_ref());
    let needed = desk.prepared.scopes(permit.needed());
    let basis = desk.basis(request.method().as_str(), request.path(), mcp);
    let would_deny = permit.would_deny().map(|w| w.recorded(&desk.prepared.config));
    let open = match desk.front.journal.open_call(&record::opening(&basis, &permit, &needed, would_deny.as_ref())).await {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the journal refused a record");
            let about = About::permitted(&api, &request, &permit, origin);
            return refuse(desk, session, ctx, Refusal { denial: Denial::Journal, about }).await;
        }
    };
    let mut forwarding = Box::new(Forwarding {
        seen: desk.seen.clone(),
        metrics: decide::counted(&desk.front.metrics, &permit),
        permit,
        request,
        message: inspected,
        narrowed,
        identity,
        held: held.or(form),
        origin,
        clock: Arc::clone(&desk.front.node.clock),
        attempt: None,
        tried: Tried::default(),
        reached: None,
        watch: None,
        filter: None,
        decided: ctx.started.elapsed(),
        deadline: deadline::of(&session.req_header().headers),
        first_byte: None,
        status: 0,
        called: None,
        bytes: 0,
        fault: None,
        tries: 0,
        open: Some(open),
        indices,
        found: None,
        stopped: None,
        sent: Arc::default(),
        length: Length::of(session),
        received: 0,
        inflated: 0,
        replayed: Replayed::new(memory.nothing()),
        memory,
        _running: running,
        _place: place,
        _registered: registered,
    });
    if matches!(api.target, Target::Upstream(_)) {
        unspell(session.req_header_mut());
        return Ok(Entered::Forward(forwarding));
    }
    let served = Box::pin(desk.own(session, &mut forwarding, ctx.kept_place())).await;
    forwarding.status = session.response_written().map_or(0, |r| r.status.as_u16());
    forwarding.bytes = u64::try_from(session.body_bytes_sent()).unwrap_or(0);
    let broken = match &served {
        // What was ended is on record as such already.
        Ok(Served::Answered | Served::Ended) => None,
        Ok(Served::Panicked) => Some(BrokenBy::Fault),
        Err(_) => Some(BrokenBy::Client),
    };
    forwarding.end(ctx.micros(), broken);
    served.map(|_| Entered::Answered)
}

/// Lets go of how the client spells the names of headers, which the upstream is not told and pingora would copy for it.
fn unspell(head: &mut RequestHeader) {
    if head.has_case() {
        let came = std::mem::replace(head, RequestHeader::from(http::Request::new(()).into_parts().0));
        *head = RequestHeader::from(http::request::Parts::from(came));
    }
}

/// What limits and label tenancy made of a request.
struct Bounded {
    running: Option<Running>,
    place: Option<Place>,
    form: Option<Bytes>,
    narrowed: Option<Narrowed>,
    indices: Option<Check>,
    identity: Identity,
}

/// Counts a request under its limits and narrows it to its organization.
async fn bound(
    desk: &Desk<'_>,
    session: &mut Session,
    (admitted, memory): (&mut Admitted, &Arc<Memory>),
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
    let (form, narrowed) = body::selectors(session, (&desk.prepared.config, memory), request, permit).await?;
    let has_body = !session.as_mut().is_body_empty();
    let indices = index::check(permit, &session.req_header().headers, has_body, memory);
    let indices = shadow::tolerate(permit, indices)?.flatten();
    let (node, prepared) = (&desk.front.node, desk.prepared);
    let told = prepared.identities.tell(node, &prepared.config, permit, &desk.seen.request).await;
    let identity = shadow::tolerate(permit, told)?.unwrap_or_default();
    let place = place(desk, permit).await?;
    let (form, narrowed) = silences(desk, (admitted, memory), &identity, (form, narrowed)).await?;
    Ok(Bounded { running, place, form, narrowed, indices, identity })
}

/// Finds out whose silence a narrowed request names. In shadow mode one that names somebody else's goes on as it came.
async fn silences(
    desk: &Desk<'_>,
    (admitted, memory): (&mut Admitted, &Arc<Memory>),
    identity: &Identity,
    (form, mut narrowed): (Option<Bytes>, Option<Narrowed>),
) -> std::result::Result<(Option<Bytes>, Option<Narrowed>), Denial> {
    let Some(naming) = narrowed.as_mut().and_then(|n| n.silence.take()) else { return Ok((form, narrowed)) };
    let Admitted { request, permit, .. } = admitted;
    let (prepared, seen, now) = (desk.prepared, desk.seen, desk.front.node.now());
    // Rare, and large: every other request would carry it.
    let judged = Box::pin(Inquiry { prepared, permit, request, seen, identity, memory, now }.judge(&naming)).await;
    if shadow::tolerate(permit, judged)?.is_some() {
        return Ok((form, narrowed));
    }
    request.replace_query(naming.query.as_deref());
    Ok((naming.body, None))
}

/// A place at the permit's upstream.
async fn place(desk: &Desk<'_>, permit: &Permit) -> std::result::Result<Option<Place>, Denial> {
    match desk.prepared.fleet.pool(permit) {
        Ok(pool) => {
            let circuit = |refused: Refused| Denial::Upstream(UpstreamFault::Circuit { wait: refused.wait });
            pool.look(|| desk.front.node.now()).map_err(circuit)?;
            let who = holds::holder(permit, &desk.prepared.config, desk.seen.client);
            pool.places().enter_as(&who).await.map(Some).map_err(|why| Denial::Upstream(why.into()))
        }
        Err(_) => Ok(None),
    }
}

/// A handler or stage panicked: says so to the client and on record.
pub(super) async fn panicked(front: &Front, session: &mut Session, ctx: &mut Ctx, seen: &Seen) -> Result<()> {
    front.metrics.panics.inc();
    tracing::error!(request = %seen.request, "a request ended in a panic; the process goes on");
    let prepared = Arc::clone(&ctx.prepared);
    let desk = Desk { front, prepared: &prepared, seen, started: ctx.started };
    session.set_keepalive(None);
    refuse(&desk, session, ctx, Refusal { denial: Denial::Panic, about: About::default() }).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_of_one_client_and_one_request_rest() {
        let late = Shed::Strain(Strain::Late);
        assert!(rests(late, true, false));
        assert!(!rests(late, false, false), "behind a proxy are others");
        assert!(!rests(late, true, true), "other streams go on");
        assert!(!rests(Shed::All, true, false) && !rests(Shed::Address, true, false));
    }
}
