//! What one request carries from hook to hook.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;

use super::connection::Busy;
use super::exchange;
use crate::audit::OpenCall;
use crate::gateway::authorize::Permit;
use crate::gateway::denial::{Denial, UpstreamFault};
use crate::gateway::hygiene::CleanRequest;
use crate::gateway::identity::Identity;
use crate::gateway::index;
use crate::gateway::message::Inspected;
use crate::gateway::narrow::Narrowed;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Running;
use crate::gateway::seen::Seen;
use crate::gateway::streams::{CutSwitch, Registered};
use crate::gateway::upstream::{Attempt, Place, Tried, Watch};
use crate::indices::Check;
use crate::mcp::ListFilter;
use crate::record::{BrokenBy, Measured, Outcome};
use crate::telemetry::RouteMetrics;

/// One request.
pub struct Ctx {
    pub(super) prepared: Arc<Prepared>,
    pub(super) started: Instant,
    pub(super) cut: Option<Arc<CutSwitch>>,
    pub(super) stage: Stage,
    /// The request's place among those under way.
    pub(super) place: Option<Place>,
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
        Self { prepared, started: Instant::now(), cut, stage: Stage::Received, place: None, _busy: busy }
    }

    pub(super) const fn forwarding(&mut self) -> Option<&mut Forwarding> {
        match &mut self.stage {
            Stage::Forward(forwarding) => Some(forwarding),
            Stage::Received | Stage::Answered => None,
        }
    }

    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
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
    /// The endpoint that it is at.
    pub(super) attempt: Option<Attempt>,
    /// Endpoints that it was at.
    pub(super) tried: Tried,
    /// Ends it when it takes too long.
    pub(super) watch: Option<Watch>,
    pub(super) filter: Option<ListFilter>,
    pub(super) metrics: Arc<RouteMetrics>,
    pub(super) decided: Duration,
    pub(super) first_byte: Option<Duration>,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) fault: Option<UpstreamFault>,
    pub(super) tries: u8,
    pub(super) open: Option<OpenCall>,
    /// Bytes of the body so far.
    pub(super) received: u64,
    /// Bytes of it that went on, which are others where it was compressed.
    pub(super) inflated: u64,
    /// Looks for indices of others in the body.
    pub(super) indices: Option<Check>,
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
        let measured = Measured { status: self.status, bytes: self.bytes, micros };
        self.log(micros, broken);
        open.close(match broken {
            None => Outcome::Completed(measured),
            Some(by) => Outcome::Broken { by, measured },
        });
        self.metrics.ended(self.status, self.decided, self.first_byte.map(|f| f.saturating_sub(self.decided)));
    }
}

impl Forwarding {
    /// Looks at a piece of the body before it goes on.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn inspect(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<(), Denial> {
        self.received += length(body.as_ref());
        self.bounded()?;
        if let Some(check) = &mut self.indices {
            *body = check.pass(body.take(), end).map_err(|why| index::refused(why, check.prefix()))?;
            self.inflated += length(body.as_ref());
        }
        self.bounded()
    }

    fn bounded(&self) -> Result<(), Denial> {
        let max = self.permit.rule().max_body.filter(|_| self.permit.is_enforced());
        let too_long = max.is_some_and(|max| self.received.max(self.inflated) > max);
        if too_long { Err(Denial::BodyTooLarge) } else { Ok(()) }
    }

    /// Whether the body that the upstream receives is not compressed, other than the one that comes.
    pub(super) fn inflates(&self) -> bool {
        self.indices.as_ref().is_some_and(Check::inflates)
    }

    /// The body is sent from its start: to the first endpoint, or to another one.
    pub(super) fn restart(&mut self) {
        self.received = 0;
        self.inflated = 0;
        if let Some(check) = &mut self.indices {
            check.restart();
        }
    }

    fn log(&self, micros: u64, broken: Option<BrokenBy>) {
        let (request, api, route) = (&self.seen.request, &self.permit.api().name, self.permit.route());
        let status = self.status;
        if let Some(by @ (BrokenBy::Upstream | BrokenBy::Fault)) = broken {
            let trace = self.seen.trace.trace_id();
            tracing::warn!(%request, trace, %api, %route, status, micros, ?by, "a forwarded request broke");
        } else {
            tracing::debug!(%request, trace = %self.seen.trace.traceparent(), %api, %route, status, micros, ?broken, "forwarded");
        }
    }
}

fn length(piece: Option<&Bytes>) -> u64 {
    piece.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Requests whose task ends without pingora's `logging`: cut by a revocation or a shutdown, or by a panic.
impl Drop for Ctx {
    fn drop(&mut self) {
        let micros = self.micros();
        let cut = self.cut.as_ref().is_some_and(|c| c.is_cut());
        let over = self.cut.as_ref().is_some_and(|c| c.is_over());
        if let Some(forwarding) = self.forwarding() {
            let by = match () {
                () if std::thread::panicking() => Some(BrokenBy::Fault),
                () if forwarding.watch.as_ref().is_some_and(Watch::has_fired) => Some(BrokenBy::Upstream),
                () if over => None,
                () if cut => Some(BrokenBy::Revocation),
                () => Some(BrokenBy::Shutdown),
            };
            forwarding.end(micros, by);
        }
    }
}
