//! What one request carries from hook to hook.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;

use super::connection::Busy;
use super::exchange;
use super::hints::Hints;
use super::length::Length;
use crate::audit::OpenCall;
use crate::gateway::authorize::Permit;
use crate::gateway::denial::{Denial, UpstreamFault};
use crate::gateway::hygiene::CleanRequest;
use crate::gateway::identity::Identity;
use crate::gateway::index;
use crate::gateway::message::Inspected;
use crate::gateway::narrow::Narrowed;
use crate::gateway::overload::Room;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Running;
use crate::gateway::seen::Seen;
use crate::gateway::streams::{CutSwitch, Registered};
use crate::gateway::upstream::{Attempt, Pieces, Place, Slow, Tried, Watch};
use crate::indices::Check;
use crate::mcp::ListFilter;
use crate::record::{BrokenBy, Decision, Measured, Outcome, WouldDeny};
use crate::telemetry::{Metrics, RouteMetrics};
use crate::types::{Clock, Exhausted, Held, Memory, RouteId, ScopeSet};

/// How much of a body pingora keeps to send it again, bytes.
const REPLAYED: usize = 64 * 1024;

/// What pingora keeps of a body to send it again: all of it, and once it is longer than [`REPLAYED`] nothing.
pub(super) struct Replayed {
    held: Held,
    came: usize,
}

impl Replayed {
    pub(super) const fn new(nothing: Held) -> Self {
        Self { held: nothing, came: 0 }
    }

    fn piece(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.came = self.came.saturating_add(bytes);
        if self.came > REPLAYED {
            self.held.shrink(0);
            return Ok(());
        }
        self.held.grow(bytes)
    }

    fn restart(&mut self) {
        self.held.shrink(0);
        self.came = 0;
    }
}

/// One request.
pub struct Ctx {
    pub(super) prepared: Arc<Prepared>,
    pub(super) started: Instant,
    pub(super) cut: Option<Arc<CutSwitch>>,
    pub(super) stage: Stage,
    /// What came before the answer of the endpoint that it is at.
    pub(super) hints: Hints,
    /// The request's place among those under way.
    pub(super) place: Option<Room>,
    /// Taken with the head; counts the request as under way.
    _busy: Option<Busy>,
}

/// How far it has come.
pub(super) enum Stage {
    /// Nothing was decided.
    Received,
    /// A local endpoint answered, or a refusal was written. Nothing is left to record.
    Answered,
    /// It was authorized and goes to an upstream.
    Forward(Box<Forwarding>),
}

impl Ctx {
    pub(super) fn new(prepared: Arc<Prepared>) -> Self {
        let exchange = exchange::current();
        let busy = exchange.as_ref().and_then(|e| e.connection.clone()).map(super::connection::Connection::begin);
        let cut = exchange.map(|e| Arc::clone(&e.cut));
        Self { prepared, started: Instant::now(), cut, stage: Stage::Received, hints: Hints::default(), place: None, _busy: busy }
    }

    /// Takes the request's place where it is one of those that are kept for what is urgent, to be given back once it is decided.
    pub(super) fn kept_place(&mut self) -> Option<Room> {
        self.place.take_if(|room| room.is_kept())
    }

    pub(super) const fn forwarding(&mut self) -> Option<&mut Forwarding> {
        match &mut self.stage {
            Stage::Forward(forwarding) => Some(forwarding),
            Stage::Received | Stage::Answered => None,
        }
    }

    pub(super) fn micros(&self) -> u64 {
        micros(self.started)
    }
}

/// A request on its way to an upstream and back.
pub(super) struct Forwarding {
    pub(super) seen: Seen,
    pub(super) permit: Arc<Permit>,
    pub(super) request: CleanRequest,
    pub(super) message: Option<Inspected>,
    /// What became of it where the upstream tells organizations apart by a label.
    pub(super) narrowed: Option<Narrowed>,
    /// Who calls, as the upstream is told.
    pub(super) identity: Identity,
    /// The body, when it was read to decide.
    pub(super) held: Option<Bytes>,
    pub(super) origin: Option<HeaderValue>,
    /// The time, for what is learnt about an endpoint after pingora's hooks.
    pub(super) clock: Arc<dyn Clock>,
    /// The endpoint that it is at.
    pub(super) attempt: Option<Attempt>,
    /// Endpoints that it was at.
    pub(super) tried: Tried,
    /// The address that it was sent to last.
    pub(super) reached: Option<SocketAddr>,
    /// Ends it when it takes too long.
    pub(super) watch: Option<Watch>,
    pub(super) filter: Option<ListFilter>,
    pub(super) metrics: Arc<RouteMetrics>,
    pub(super) decided: Duration,
    /// How long its caller waits, where it is a call and says so.
    pub(super) deadline: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
    pub(super) status: u16,
    /// How it ended, where it is a gRPC call.
    pub(super) called: Option<u16>,
    pub(super) bytes: u64,
    pub(super) fault: Option<UpstreamFault>,
    pub(super) tries: u8,
    pub(super) open: Option<OpenCall>,
    /// How much of the body came.
    pub(super) sent: Arc<Pieces>,
    /// How much of it was promised.
    pub(super) length: Length,
    /// Bytes of the body so far.
    pub(super) received: u64,
    /// Bytes of it that went on, which are others where it was compressed.
    pub(super) inflated: u64,
    /// What of the body pingora keeps, to send it again.
    pub(super) replayed: Replayed,
    /// Out of which its bodies are held.
    pub(super) memory: Arc<Memory>,
    /// Looks for indices of others in the body.
    pub(super) indices: Option<Check>,
    /// The reason that was found in the body: for which it was refused, or would have been.
    pub(super) found: Option<&'static str>,
    /// Why the body may not go on.
    pub(super) stopped: Option<Denial>,
    pub(super) _running: Option<Running>,
    pub(super) _place: Option<Place>,
    pub(super) _registered: Registered,
}

impl Forwarding {
    /// Closes the journal's record and counts the request. Only the first call does anything.
    pub(super) fn end(&mut self, micros: u64, broken: Option<BrokenBy>) {
        let Some(open) = self.open.take() else { return };
        let measured = Measured { status: self.status, bytes: self.bytes, micros, call: self.called };
        self.log(micros, broken);
        let outcome = match broken {
            None => Outcome::Completed(measured),
            Some(by) => Outcome::Broken { by, measured },
        };
        let (enforced, missing) = (self.permit.is_enforced(), ScopeSet::default());
        match self.found.map(str::to_owned) {
            None => open.close(outcome),
            // The refusal was the answer, and it was written whole.
            Some(reason) if enforced => open.close_as(Decision::Denied { reason, missing }, Outcome::Completed(measured)),
            Some(reason) => open.close_noting(WouldDeny { reason, missing }, outcome),
        }
        self.metrics.ended(self.status, self.decided, self.first_byte.map(|f| f.saturating_sub(self.decided)));
    }
}

impl Forwarding {
    /// Takes memory for what pingora keeps of a piece of the body. What was read to decide has its own.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn keep(&mut self, metrics: &Metrics, piece: Option<&Bytes>) -> Result<(), Denial> {
        let came = piece.filter(|_| self.held.is_none()).map_or(0, Bytes::len);
        self.replayed.piece(came).map_err(|exhausted| {
            let denial = exhausted.into();
            self.find(metrics, &denial);
            denial
        })
    }

    /// The answer has begun: nothing is sent again, and a body that went on whole is not held any longer.
    pub(super) fn let_go(&mut self) {
        if self.sent.is_whole() {
            self.held = None;
            self.replayed.restart();
        }
    }

    /// Looks at a piece of the body before it goes on. In shadow mode it goes on as it came, and the first thing for which
    /// enforcement would refuse it is noted.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn inspect(&mut self, metrics: &Metrics, body: &mut Option<Bytes>, end: bool) -> Result<(), Denial> {
        let enforced = self.permit.is_enforced();
        if !enforced && (self.found.is_some() || self.permit.would_deny().is_some()) {
            return Ok(());
        }
        let looked = self.look(body.clone(), end);
        if let Err(denial) = &looked {
            self.find(metrics, denial);
        }
        match looked {
            Ok(goes_on) if enforced => *body = goes_on,
            Err(denial) if enforced => return Err(denial),
            Ok(_) => {}
            // Nothing more is looked at, nor held for it.
            Err(_) => self.indices = None,
        }
        Ok(())
    }

    /// What of a piece may go on.
    fn look(&mut self, piece: Option<Bytes>, end: bool) -> Result<Option<Bytes>, Denial> {
        self.received += length(piece.as_ref());
        self.bounded()?;
        let Some(check) = &mut self.indices else { return Ok(piece) };
        let goes_on = check.pass(piece, end).map_err(|why| index::refused(why, check.prefix()))?;
        self.inflated += length(goes_on.as_ref());
        self.bounded().map(|()| goes_on)
    }

    /// Something in the body changes what was decided about the head.
    fn find(&mut self, metrics: &Metrics, denial: &Denial) {
        let (api, reason) = (self.permit.api().name.as_str(), denial.code());
        let route = self.permit.matched().map_or("none", RouteId::as_str);
        let enforced = self.permit.is_enforced();
        self.metrics = if enforced { metrics.stopped(api, route, reason) } else { metrics.waived(api, route, reason) };
        self.found = Some(reason);
    }

    fn bounded(&self) -> Result<(), Denial> {
        let too_long = self.permit.rule().max_body.is_some_and(|max| self.received.max(self.inflated) > max);
        if too_long { Err(Denial::BodyTooLarge) } else { Ok(()) }
    }

    /// Whether the body that the upstream receives is not compressed, other than the one that comes.
    pub(super) fn inflates(&self) -> bool {
        self.permit.is_enforced() && self.indices.as_ref().is_some_and(Check::inflates)
    }

    /// The body is sent from its start again, to another endpoint.
    pub(super) fn restart(&mut self) {
        // What was wrong with the endpoint before says nothing of this one.
        self.fault = None;
        self.received = 0;
        self.inflated = 0;
        self.length.restart();
        self.replayed.restart();
        self.sent.restart();
        if let Some(check) = &mut self.indices {
            check.restart();
        }
    }

    /// The endpoint was given up before it answered; not where it may have waited for the rest of the body.
    fn unanswered(&mut self) {
        if let Some(attempt) = self.attempt.as_mut().filter(|_| self.first_byte.is_none() && self.sent.is_whole()) {
            attempt.failed(self.clock.now());
        }
    }

    fn log(&self, micros: u64, broken: Option<BrokenBy>) {
        let (request, api, route) = (&self.seen.request, &self.permit.api().name, self.permit.route());
        let (status, call) = (self.status, self.called);
        if let Some(by @ (BrokenBy::Upstream | BrokenBy::Fault)) = broken {
            let trace = self.seen.trace.trace_id();
            tracing::warn!(%request, trace, %api, %route, status, call, micros, ?by, "a forwarded request broke");
        } else {
            tracing::debug!(%request, trace = %self.seen.trace.traceparent(), %api, %route, status, call, micros, ?broken, "forwarded");
        }
    }
}

fn length(piece: Option<&Bytes>) -> u64 {
    piece.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Requests whose task ends without pingora's `logging`: cut by a revocation or a shutdown, or by a panic.
impl Drop for Ctx {
    fn drop(&mut self) {
        let cut = self.cut.as_ref().is_some_and(|c| c.is_cut());
        let over = self.cut.as_ref().is_some_and(|c| c.is_over());
        let started = self.started;
        let Some(forwarding) = self.forwarding() else { return };
        let slow = forwarding.watch.as_ref().and_then(Watch::fired);
        if slow == Some(Slow::Upstream) {
            forwarding.unanswered();
        }
        // Nearly every request has ended: no clock is read for those.
        if forwarding.open.is_none() {
            return;
        }
        let by = match () {
            () if std::thread::panicking() => Some(BrokenBy::Fault),
            () if slow == Some(Slow::Client) => Some(BrokenBy::Client),
            () if slow == Some(Slow::Upstream) => Some(BrokenBy::Upstream),
            () if over => None,
            () if cut => Some(BrokenBy::Revocation),
            () => Some(BrokenBy::Shutdown),
        };
        forwarding.end(micros(started), by);
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
