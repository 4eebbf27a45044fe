//! What one request carries from hook to hook.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use uuid::Uuid;

use super::connection::Busy;
use super::exchange;
use crate::audit::OpenCall;
use crate::gateway::authorize::Permit;
use crate::gateway::denial::UpstreamFault;
use crate::gateway::hygiene::CleanRequest;
use crate::gateway::identity::Identity;
use crate::gateway::message::Inspected;
use crate::gateway::narrow::Narrowed;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Running;
use crate::gateway::streams::{CutSwitch, Registered};
use crate::gateway::upstream::{Attempt, Place, Tried, Watch};
use crate::mcp::ListFilter;
use crate::record::{BrokenBy, Measured, Origin, Outcome};
use crate::telemetry::{RouteMetrics, TraceContext};
use crate::types::{NodeId, RecordId, RequestId, Timestamp};

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

/// Who sent a request, and what it is called.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) uuid: Uuid,
    pub(super) request: RequestId,
    pub(super) at: Timestamp,
    pub(super) client: Option<SocketAddr>,
    pub(super) trace: TraceContext,
    pub(super) user_agent: Option<String>,
    /// SHA-256 of the certificate that the caller showed, in hexadecimal.
    pub(super) certificate: Option<String>,
}

impl Seen {
    pub(super) fn record_id(&self) -> RecordId {
        RecordId::of(self.uuid)
    }

    pub(super) fn origin(&self, node: &NodeId) -> Origin {
        Origin {
            request: self.request.clone(),
            node: node.clone(),
            peer: self.client,
            user_agent: self.user_agent.clone(),
            trace: Some(self.trace.trace_id()),
            certificate: self.certificate.clone(),
        }
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
    /// Bytes of the body so far, where its route has a cap.
    pub(super) received: u64,
    /// Whether the body went over the cap.
    pub(super) too_large: bool,
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

/// Requests whose task ends without pingora's `logging`: cut by a revocation or a shutdown, or by a panic.
impl Drop for Ctx {
    fn drop(&mut self) {
        let micros = self.micros();
        let cut = self.cut.as_ref().is_some_and(|c| c.is_cut());
        if let Some(forwarding) = self.forwarding() {
            let by = match () {
                () if std::thread::panicking() => BrokenBy::Fault,
                () if forwarding.watch.as_ref().is_some_and(Watch::has_fired) => BrokenBy::Upstream,
                () if cut => BrokenBy::Revocation,
                () => BrokenBy::Shutdown,
            };
            forwarding.end(micros, Some(by));
        }
    }
}
