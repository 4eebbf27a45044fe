//! Towards an upstream: which endpoint, how long it may take, and whether a request is sent once more.

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::upstreams::peer::{HttpPeer, Peer as _};
use pingora::{Error, ErrorSource, ErrorType, Result};
use pingora_core::RetryType;

use super::ctx::{Ctx, Forwarding};
use super::exchange;
use super::front::Front;
use super::hints::Hints;
use super::protocol;
use super::waiting::{is_http2, wait};
use crate::config::Upstream;
use crate::gateway::authorize::Permit;
use crate::gateway::denial::UpstreamFault;
use crate::gateway::holds;
use crate::gateway::seen::Seen;
use crate::gateway::status;
use crate::gateway::streams::HangUp;
use crate::gateway::upstream::{Awaited, Caller, Circuit, NoPeer, OtherProtocol, Pool, Slow, Spans, Stream, Watch, Watched};
use crate::telemetry::Metrics;
use crate::types::Timestamp;

/// The least that is waited for an answer, where hardly any of the whole time is left.
const LEAST: Duration = Duration::from_millis(1);

/// A client that has sent nothing for so long, with its body not ended, is what an upstream gave up on.
const PAUSE: Duration = Duration::from_secs(3);

/// The endpoint whose turn it is. pingora asks again for each retry.
pub(super) async fn peer(front: &Front, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
    let (prepared, now, elapsed) = (Arc::clone(&ctx.prepared), front.node.now(), ctx.started.elapsed());
    let cut = ctx.cut.clone();
    ctx.hints = Hints::default();
    let Some(forwarding) = ctx.forwarding() else { return Err(Error::new(ErrorType::InternalError)) };
    // The endpoint before is let go first: its place may be the one that is free.
    forwarding.attempt = None;
    let mut attempt = match prepared.fleet.choose(&forwarding.permit, now, forwarding.tried) {
        Ok(attempt) => attempt,
        Err(error) => {
            forwarding.fault = match &error {
                NoPeer::Full { .. } => Some(UpstreamFault::Overloaded),
                NoPeer::Circuit { refused, .. } => Some(UpstreamFault::Circuit { wait: refused.wait }),
                NoPeer::Local | NoPeer::Name { .. } => forwarding.fault,
            };
            return Err(Error::because(ErrorType::ConnectNoRoute, "no peer", error));
        }
    };
    if forwarding.tries == 0 {
        attempt.pool().earn();
    } else {
        forwarding.restart();
    }
    forwarding.tries += 1;
    let spans = spans(session, forwarding, attempt.pool().upstream());
    let left = |total: Option<Duration>| total.map(|total| total.saturating_sub(elapsed).max(LEAST));
    // What pingora sees is the longest that any answer may take.
    let (longest, stream) = (left(spans.stream.map_or(spans.total, |stream| stream.total)), spans.stream.is_some());
    let body = sending(session, forwarding, &spans, prepared.config.listen.limits.body_timeout);
    let watches = spans.total.is_some() || spans.idle.is_some() || body.is_some();
    // The first byte is waited for at each endpoint anew.
    if watches && (stream || forwarding.watch.is_none()) {
        let first = spans.first.map(|first| spans.connect + first);
        let hang_up = hang_up(session, stream);
        let stream = spans.stream.map(|stream| Stream { total: longest, ..stream });
        let until = Watched { first, total: left(spans.total), idle: spans.idle, stream, body };
        forwarding.watch = cut.map(|cut| Watch::start(cut, hang_up, until));
    }
    match attempt.peer(forwarding.reached, &spans, now).await {
        Ok(mut peer) => {
            forwarding.reached = attempt.address();
            peer.options.read_timeout = Some(longest.map_or(spans.read, |left| left.min(spans.read)));
            protocol::fit(&mut peer, forwarding, session.req_header());
            forwarding.attempt = Some(attempt);
            Ok(peer)
        }
        Err(error) => {
            attempt.unconnected(now);
            forwarding.tried = forwarding.tried.and(attempt.index());
            let mut error = Error::because(ErrorType::ConnectNoRoute, "no peer", error);
            error.set_retry(may_reconnect(attempt.pool(), forwarding.tries, now));
            Err(error)
        }
    }
}

/// What ends the reading of a client, where a limit can pass that pingora does not watch. Over HTTP/2 others are read from the same
/// connection, so that it ends that of one request.
fn hang_up(session: &mut Session, stream_may_come: bool) -> Option<Arc<HangUp>> {
    let exchange = exchange::current()?;
    if !is_http2(session) {
        return exchange.connection.as_ref().map(|connection| Arc::clone(&connection.hang_up));
    }
    stream_may_come.then(|| {
        wait(session, &exchange.hang_up);
        Arc::clone(&exchange.hang_up)
    })
}

/// The body that a client sends over HTTP/2, and how long it may pause: pingora has a deadline over HTTP/1 only. While the upstream
/// takes nothing, nothing is read, and that has a deadline of its own.
fn sending(session: &mut Session, forwarding: &Forwarding, spans: &Spans, longest: Duration) -> Option<Awaited> {
    let comes = is_http2(session) && forwarding.held.is_none() && !session.as_mut().is_body_empty();
    let pauses = protocol::is_call(forwarding, session.req_header());
    comes.then(|| Awaited { pieces: Arc::clone(&forwarding.sent), longest: longest.max(spans.write), pauses })
}

fn spans(session: &Session, forwarding: &Forwarding, upstream: &Upstream) -> Spans {
    let coming = protocol::coming(forwarding, session.req_header());
    Spans::of(&upstream.timeouts, &forwarding.permit.rule().timeouts, coming).within(forwarding.deadline)
}

/// The head of an answer came.
pub(super) fn answered(front: &Front, forwarding: &mut Forwarding, head: &ResponseHeader) {
    if let Some(watch) = &forwarding.watch {
        if protocol::has_pauses(head) {
            watch.streams();
        }
        watch.touch();
    }
    let is_call = head.status == StatusCode::OK && status::is_grpc(&head.headers);
    // How a call ends is known at its end, which may be its head.
    if let Some(code) = status::of_call(&head.headers).filter(|_| is_call) {
        called(front, forwarding, code);
    } else if let Some(attempt) = forwarding.attempt.as_mut().filter(|_| !is_call) {
        attempt.answered(head.status.as_u16(), || failed_for(front, &forwarding.permit, &forwarding.seen));
    }
}

/// A call has ended, by its trailers or by a head without a body.
pub(super) fn called(front: &Front, forwarding: &mut Forwarding, code: u16) {
    forwarding.called = Some(code);
    if let Some(attempt) = &mut forwarding.attempt {
        attempt.called(code, || failed_for(front, &forwarding.permit, &forwarding.seen));
        let upstream = attempt.pool().upstream().name.as_str();
        front.metrics.upstream_calls.with_label_values(&[upstream, status::code_name(code)]).inc();
    }
}

/// For whom an endpoint says that it fails, and when.
fn failed_for(front: &Front, permit: &Permit, seen: &Seen) -> (Caller, Timestamp) {
    (holds::holder(permit, &front.node.config.load(), seen.client).into(), front.node.now())
}

/// No connection could be had. Nothing was sent, so every method may be tried again.
pub(super) fn unreachable(front: &Front, peer: &HttpPeer, ctx: &mut Ctx, error: &mut Error) {
    let now = front.node.now();
    let Some(forwarding) = ctx.forwarding() else { return };
    tracing::warn!(request = %forwarding.seen.request, %peer, %error, "an upstream can't be reached");
    let Some(attempt) = &mut forwarding.attempt else { return };
    attempt.unconnected(now);
    if let Some(address) = peer.address().as_inet() {
        attempt.member().addresses().leave_out(*address, now);
    }
    forwarding.tried = forwarding.tried.and(attempt.index());
    let pool = attempt.pool();
    front.metrics.upstream_up.with_label_values(&[&pool.upstream().name]).set(0);
    error.set_retry(may_reconnect(pool, forwarding.tries, now));
}

/// Whether the endpoint that was reached speaks what its upstream is configured for. Nothing was sent to it yet.
pub(super) fn spoken(metrics: &Metrics, forwarding: &Forwarding, version: Version) -> std::result::Result<(), OtherProtocol> {
    let Some(attempt) = &forwarding.attempt else { return Ok(()) };
    let upstream = attempt.pool().upstream();
    let spoken = OtherProtocol::refuse(upstream.protocol, version);
    if let Err(other) = spoken {
        let (host, port) = (&attempt.endpoint().host, attempt.endpoint().port);
        tracing::error!(request = %forwarding.seen.request, upstream = %upstream.name, host, port, error = %other, "an endpoint is not asked");
        metrics.upstream_up.with_label_values(&[&upstream.name]).set(0);
    }
    spoken
}

/// Whether a request that found no connection is tried again: what it would be told then is less than what it knows.
fn may_reconnect(pool: &Pool, tries: u8, now: Timestamp) -> bool {
    pool.circuit(now) == Circuit::Closed && pool.may_retry(tries)
}

/// Whose fault it is that an exchange broke before anything was answered and before the body of the request had ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stalled {
    /// The client stopped sending: what the upstream waited for never came.
    Late,
    /// The upstream gave up on a client that has sent nothing for a while.
    Left,
}

impl Stalled {
    /// How a request stalled. An upstream that takes no more of a body shows as a write that times out, and that is its own fault.
    fn of(session: &mut Session, forwarding: &Forwarding, error: &Error) -> Option<Self> {
        let untouched = forwarding.first_byte.is_none() && session.response_written().is_none();
        let pause = forwarding.sent.pause().filter(|_| untouched && !session.as_mut().is_body_empty())?;
        match (error.esource(), error.etype()) {
            (ErrorSource::Upstream, ErrorType::ReadTimedout) => Some(Self::Late),
            (ErrorSource::Upstream, ErrorType::WriteTimedout) => None,
            (ErrorSource::Upstream, _) => (pause >= PAUSE).then_some(Self::Left),
            _ => None,
        }
    }
}

/// Whether the watch ended an exchange of which nothing was answered: what broke it is that its client was read no more.
fn is_late(session: &Session, ctx: &mut Ctx) -> bool {
    let Some(forwarding) = ctx.forwarding() else { return false };
    let fired = forwarding.watch.as_ref().and_then(Watch::fired);
    fired == Some(Slow::Upstream) && forwarding.first_byte.is_none() && session.response_written().is_none()
}

/// An exchange broke. It is tried again only when that can't do anything twice: the method is idempotent, there is no body, and no
/// byte was answered. An upstream that is slow is not asked twice.
pub(super) fn broke(front: &Front, session: &mut Session, ctx: &mut Ctx, error: &mut Error, reused: bool) {
    let (now, elapsed) = (front.node.now(), ctx.started.elapsed());
    if is_late(session, ctx) {
        error.as_up();
        error.etype = ErrorType::ReadTimedout;
    }
    let stalled = ctx.forwarding().and_then(|forwarding| Stalled::of(session, forwarding, error));
    // Clients of calls may leave their half open: who is late is the upstream, though it may have waited for more.
    let may_pause = ctx.forwarding().is_some_and(|forwarding| protocol::is_call(forwarding, session.req_header()));
    if stalled == Some(Stalled::Late) && !may_pause {
        error.as_down();
    }
    let stale = reused && matches!(error.retry, RetryType::ReusedOnly);
    let of_upstream = *error.esource() == ErrorSource::Upstream;
    let late = matches!(error.etype(), ErrorType::ReadTimedout | ErrorType::WriteTimedout);
    error.set_retry(false);
    let Some(forwarding) = ctx.forwarding() else { return };
    let untouched = forwarding.first_byte.is_none() && session.response_written().is_none();
    // A caller who waits for next to nothing finds every endpoint late.
    let gave_up = late && forwarding.deadline.is_some_and(|deadline| elapsed >= deadline);
    let Some(attempt) = &mut forwarding.attempt else { return };
    // Whoever began to answer a call was reached; what breaks then says no more about the endpoint than it does of other answers.
    if forwarding.first_byte.is_some() {
        attempt.settle();
    }
    match (of_upstream, stale, stalled) {
        (true, false, None) if !gave_up => {
            attempt.failed(now);
            forwarding.tried = forwarding.tried.and(attempt.index());
        }
        // A connection that the upstream closed while nobody used it says nothing about the endpoint, nor does a client that
        // stops sending: whoever could blame it on the endpoint could have it ejected.
        _ => attempt.forget(),
    }
    let repeatable = session.req_header().method.is_idempotent() && session.as_mut().is_body_empty();
    if of_upstream && !late && untouched && repeatable {
        error.set_retry(attempt.pool().may_retry(forwarding.tries));
    }
}
