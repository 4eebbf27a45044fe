//! pingora's hooks, each calling one stage.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::ctx::{Ctx, Stage};
use super::desk;
use super::entry::{self, Entered};
use super::onward;
use super::parting;
use super::protocol;
use super::waiting;
use crate::audit::Journal;
use crate::config::ApiKind;
use crate::gateway::deadline;
use crate::gateway::denial::{Denial, UpstreamFault};
use crate::gateway::index;
use crate::gateway::location::{self, Way};
use crate::gateway::mcp_session;
use crate::gateway::mcp_task::Made;
use crate::gateway::narrow;
use crate::gateway::outbound::{self, Facts};
use crate::gateway::overload::Overload;
use crate::gateway::pages;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Rates;
use crate::gateway::respond;
use crate::gateway::shadow;
use crate::gateway::status;
use crate::gateway::strangers::Strangers;
use crate::gateway::streams::{Beginning, OpenStreams};
use crate::gateway::upstream::Attempt;
use crate::labels::Unfiltered;
use crate::mcp::{FilterError, Framing, ListFilter};
use crate::node::Node;
use crate::record::BrokenBy;
use crate::telemetry::Metrics;
use crate::token::KeyRing;

/// The body of a request that is forwarded already has what it may not have.
const BODY_REFUSED: &str = "BodyRefused";

/// Memory that is taken for an answer that does not say how long it is, bytes.
const UNDECLARED: usize = 16 * 1024;

/// Everything that the hooks need.
pub struct Front {
    /// The process.
    pub node: Arc<Node>,
    /// The journal.
    pub journal: Journal,
    /// Requests under way.
    pub streams: Arc<OpenStreams>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Pages and the authorization server.
    pub local: Router,
    /// Our own MCP server.
    pub own_mcp: Router,
    /// Our own JSON API.
    pub own_api: Router,
    /// How often callers may call.
    pub rates: Arc<Rates>,
    /// How much there is to do.
    pub overload: Arc<Overload>,
    /// MCP tasks that were made here.
    pub made: Arc<Made>,
    /// How many refusals of strangers are put on record.
    pub strangers: Arc<Strangers>,
    /// The configuration of the moment, prepared.
    pub prepared: Arc<arc_swap::ArcSwap<Prepared>>,
}

#[async_trait]
impl ProxyHttp for Front {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.prepared.load_full())
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
        let limits = &ctx.prepared.config.listen.limits;
        // The guard ends idle connections: a timer of pingora's beside its own would be set with every request. Its own may be late by
        // the wait for a head.
        if limits.idle_timeout < limits.header_timeout && session.get_keepalive().is_some() {
            session.set_keepalive(Some(limits.idle_timeout.as_secs().max(1)));
        }
        session.set_read_timeout(Some(limits.body_timeout));
        session.set_write_timeout(Some(limits.write_timeout));
        // To whom what comes before an answer means nothing (RFC 9110 §15.2).
        let is_old = session.req_header().version == http::Version::HTTP_10;
        session.as_downstream_mut().set_ignore_info_resp(is_old);
        session.set_total_drain_timeout(Some(Duration::from_secs(5)));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        let seen = entry::see(&self.node, session, &ctx.prepared);
        let entered = AssertUnwindSafe(entry::enter(self, session, ctx, &seen)).catch_unwind().await;
        match entered {
            Ok(Ok(Entered::Forward(forwarding))) => {
                ctx.stage = Stage::Forward(forwarding);
                Ok(false)
            }
            Ok(Ok(Entered::Answered)) => {
                ctx.stage = Stage::Answered;
                Ok(true)
            }
            Ok(Err(error)) => Err(error),
            Err(_panic) => {
                entry::panicked(self, session, ctx, &seen).await?;
                ctx.stage = Stage::Answered;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        onward::peer(self, session, ctx).await
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: std::os::unix::io::RawFd,
        _: Option<&Digest>,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if let Some(attempt) = ctx.forwarding().and_then(|f| f.attempt.as_ref()) {
            attempt.connected();
        }
        Ok(())
    }

    async fn upstream_request_filter(&self, session: &mut Session, head: &mut RequestHeader, ctx: &mut Ctx) -> Result<()> {
        parting::goes_on(ctx)?;
        let prepared = Arc::clone(&ctx.prepared);
        let issuer = &prepared.config.issuer;
        let elapsed = ctx.started.elapsed();
        let Some(forwarding) = ctx.forwarding() else { return Err(Error::new(ErrorType::InternalError)) };
        let Some(endpoint) = forwarding.attempt.as_ref().map(Attempt::endpoint) else {
            return Err(Error::new(ErrorType::InternalError));
        };
        if let Err(other) = onward::spoken(&self.metrics, forwarding, head.version) {
            forwarding.fault = Some(UpstreamFault::Protocol);
            return Err(Error::because(ErrorType::ConnectError, "not asked", other).into_up());
        }
        let facts = Facts {
            endpoint,
            request_id: forwarding.seen.request.as_str(),
            trace: &forwarding.seen.trace,
            session: forwarding.message.as_ref().map(|m| &m.session),
            name: forwarding.message.as_ref().and_then(|m| m.tasks.as_ref()?.name.as_ref()),
            identity: &forwarding.identity,
            client: forwarding.seen.client.map(|c| c.ip()),
            scheme: if issuer.is_https() { "https" } else { "http" },
            issuer,
        };
        outbound::prepare(head, &forwarding.permit, &forwarding.request, &facts)?;
        waiting::keep_te(session, head)?;
        if let Some(deadline) = forwarding.deadline {
            head.insert_header(deadline::TIMEOUT, deadline::written(deadline.saturating_sub(elapsed)))?;
        }
        protocol::go_ahead(session, head, forwarding).await?;
        if forwarding.inflates() {
            index::fit(head);
        }
        let rewritten = forwarding.message.as_ref().is_some_and(|m| m.rewritten);
        match &forwarding.narrowed {
            _ if rewritten => narrow::fit(head, forwarding.held.as_ref().map(Bytes::len)),
            Some(_) => narrow::fit(head, forwarding.held.as_ref().map(Bytes::len)),
            None => Ok(()),
        }
    }

    async fn request_body_filter(&self, _: &mut Session, body: &mut Option<Bytes>, end: bool, ctx: &mut Ctx) -> Result<()> {
        parting::goes_on(ctx)?;
        let Some(forwarding) = ctx.forwarding() else { return Ok(()) };
        forwarding.sent.piece(end);
        let kept = forwarding.keep(&self.metrics, body.as_ref());
        forwarding.length.pass(body, end);
        if let Err(denial) = kept.and_then(|()| forwarding.inspect(&self.metrics, body, end)) {
            forwarding.stopped = Some(denial);
            // For an error of any other side pingora waits until an HTTP/2 upstream answers to half a body.
            return Err(Error::explain(ErrorType::Custom(BODY_REFUSED), "the body may not go on").into_down());
        }
        if let Some(held) = forwarding.held.clone() {
            // The body was read to decide: what was parsed is what is sent, whole, when pingora replays its last part.
            *body = Some(if end { held } else { Bytes::new() });
        }
        Ok(())
    }

    async fn response_filter(&self, session: &mut Session, head: &mut ResponseHeader, ctx: &mut Ctx) -> Result<()> {
        if head.status.is_informational() && head.status != 101 {
            parting::goes_on(ctx)?;
            return protocol::hint(head, ctx);
        }
        // pingora takes it for a hint, and what follows for an answer.
        if head.status == 101 && !session.is_upgrade_req() {
            return Err(
                Error::explain(ErrorType::InvalidHTTPHeader, "protocols were switched that nobody asked to switch").into_up()
            );
        }
        begin(session, head, ctx)?;
        let (elapsed, http2, prepared) = (ctx.started.elapsed(), waiting::is_http2(session), Arc::clone(&ctx.prepared));
        let Some(forwarding) = ctx.forwarding() else { return Ok(()) };
        forwarding.first_byte.get_or_insert(elapsed);
        respond::unspelled(head)?;
        onward::answered(self, forwarding, head);
        let as_it_came = forwarding.permit.is_as_it_came();
        if protocol::refuses_us(head) && !as_it_came {
            forwarding.fault = Some(UpstreamFault::Credentials);
            prepared.identities.refused(&forwarding.permit, self.node.now());
            tracing::error!(request = %forwarding.seen.request, api = %forwarding.permit.api().name, "an upstream refuses our credentials");
            return Err(Error::explain(ErrorType::InternalError, "the upstream refuses our credentials").into_up());
        }
        forwarding.status = head.status.as_u16();
        forwarding.let_go();
        // Cookies of an upstream would be set for our own origin.
        let cookies = if as_it_came { shadow::admitted_cookies(&head.headers) } else { Vec::new() };
        respond::disclose(head, &forwarding.permit, forwarding.origin.as_ref())?;
        if let Some(attempt) = &forwarding.attempt {
            let (permit, request, endpoint) = (&*forwarding.permit, &forwarding.request, attempt.endpoint());
            let identity = &forwarding.identity;
            location::lead_back(head, &Way { config: &prepared.config, permit, request, endpoint, identity })?;
        }
        let apart = pages::is_apart(forwarding.permit.api(), forwarding.request.host(), &prepared.config);
        pages::fence(head, apart)?;
        protocol::upgraded(session, head);
        for cookie in cookies {
            head.append_header(http::header::SET_COOKIE, cookie)?;
        }
        head.insert_header(respond::REQUEST_ID, forwarding.seen.request.as_str())?;
        let is_events = protocol::is_events(head);
        if is_events {
            head.insert_header("x-accel-buffering", "no")?;
        }
        bind_session(&self.node.keys, forwarding, head)?;
        let fitted = narrow_answer(forwarding, head, http2).and_then(|()| install_filter(self, forwarding, head, http2));
        fitted.inspect_err(|error| forwarding.stopped = forwarding.stopped.take().or_else(|| exhausted(error)))?;
        match listened(forwarding, head).filter(|_| is_events) {
            Some(events) => announce(session, head, events).await,
            None => Ok(()),
        }
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        parting::goes_on(ctx)?;
        let Some(forwarding) = ctx.forwarding() else { return Ok(None) };
        if let Some(watch) = &forwarding.watch {
            watch.touch();
        }
        // Over HTTP/2 it would go on, though there can be none (RFC 9110 sections 15.3.5 and 15.4.5).
        if matches!(forwarding.status, 204 | 304) {
            *body = None;
        }
        if let Some(filter) = forwarding.narrowed.as_mut().and_then(|n| n.answer.as_mut()) {
            let unreadable = |e| Error::because(ErrorType::InternalError, "an answer can't be narrowed", e);
            if let Some(chunk) = body.take() {
                filter.push(&chunk).map_err(unreadable)?;
            }
            if end {
                *body = Some(filter.finish().map_err(unreadable)?);
            }
        }
        if let Some(filter) = &mut forwarding.filter {
            let unreadable = |e| Error::because(ErrorType::InternalError, "a list can't be filtered", e);
            filter.pass(body, end).map_err(unreadable)?;
        }
        forwarding.bytes += body.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(0));
        Ok(None)
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Session,
        trailers: &mut http::HeaderMap,
        ctx: &mut Ctx,
    ) -> Result<Option<Bytes>> {
        parting::goes_on(ctx)?;
        let prepared = Arc::clone(&ctx.prepared);
        if let Some(forwarding) = ctx.forwarding() {
            if let Some(code) = status::of_call(trailers) {
                onward::called(self, forwarding, code);
            }
            protocol::trailers(trailers, forwarding);
            if forwarding.fault == Some(UpstreamFault::Credentials) {
                prepared.identities.refused(&forwarding.permit, self.node.now());
            }
        }
        Ok(None)
    }

    fn fail_to_connect(&self, _: &mut Session, peer: &HttpPeer, ctx: &mut Ctx, mut error: Box<Error>) -> Box<Error> {
        onward::unreachable(self, peer, ctx, &mut error);
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Ctx,
        reused: bool,
    ) -> Box<Error> {
        let mut error = error.more_context(format!("Peer: {peer}"));
        onward::broke(self, session, ctx, &mut error, reused);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
        let stopped = ctx.forwarding().and_then(|f| f.stopped.take());
        let known = stopped.or_else(|| ctx.forwarding().and_then(|f| f.fault).map(Denial::Upstream));
        parting::tell(session, ctx, known.or_else(|| fault_of(error))).await
    }

    async fn logging(&self, _session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        let micros = ctx.micros();
        let refused = ctx.cut.as_ref().is_some_and(|cut| cut.is_refused());
        let Some(forwarding) = ctx.forwarding() else { return };
        if error.is_none()
            && let Some(attempt) = &mut forwarding.attempt
        {
            // A call whose end nobody told.
            attempt.settle();
            self.metrics.upstream_up.with_label_values(&[&attempt.pool().upstream().name]).set(1);
        }
        forwarding.end(micros, error.map(|error| if refused { BrokenBy::Revocation } else { broken_by(error) }));
    }

    fn suppress_error_log(&self, _: &Session, _: &Ctx, _: &Error) -> bool {
        true
    }
}

/// The answer begins, unless the request was refused meanwhile.
fn begin(session: &Session, head: &ResponseHeader, ctx: &Ctx) -> Result<()> {
    let is_call = waiting::is_http2(session) && status::is_grpc(&session.req_header().headers) && status::is_grpc(&head.headers);
    let beginning = if is_call { Beginning::Call } else { Beginning::Plain };
    ctx.cut.as_ref().map_or(Ok(()), |cut| cut.begin(beginning)).map_err(parting::of)
}

/// A session that an MCP server opens is its caller's.
fn bind_session(keys: &KeyRing, forwarding: &super::ctx::Forwarding, head: &mut ResponseHeader) -> Result<()> {
    // A session of somebody unknown, whom shadow mode lets pass, stays as its server made it.
    let Some(message) = forwarding.message.as_ref().filter(|_| !forwarding.permit.is_as_it_came()) else { return Ok(()) };
    let bound = mcp_session::bind(&head.headers, message.era, keys, &forwarding.permit);
    head.remove_header(&mcp_session::SESSION_ID);
    match bound {
        Some(id) => head.insert_header(mcp_session::SESSION_ID, id),
        None => Ok(()),
    }
}

/// Answers that list everybody's things lose what is not the organization's; errors have nothing to lose.
fn narrow_answer(forwarding: &mut super::ctx::Forwarding, head: &mut ResponseHeader, http2: bool) -> Result<()> {
    let Some(narrowed) = forwarding.narrowed.as_mut().filter(|n| n.answer.is_some()) else { return Ok(()) };
    if !head.status.is_success() {
        narrowed.answer = None;
        return Ok(());
    }
    if narrow::is_encoded(&head.headers) {
        return Error::e_explain(ErrorType::InternalError, "an answer that must be narrowed is compressed");
    }
    if let Some(answer) = &mut narrowed.answer {
        let unfit = |e| Error::because(ErrorType::InternalError, "an answer can't be narrowed", e);
        answer.expect(length(head)).map_err(unfit)?;
    }
    head.remove_header(&CONTENT_LENGTH);
    if !http2 {
        head.insert_header(TRANSFER_ENCODING, "chunked")?;
    }
    Ok(())
}

/// The length that an answer has, or the least that it is good to have room for: once its head is sent, there is no other answer.
fn length(head: &ResponseHeader) -> usize {
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    declared.unwrap_or(UNDECLARED)
}

/// The refusal of an answer for which there is no memory.
fn exhausted(error: &Error) -> Option<Denial> {
    let cause = error.cause.as_deref()?;
    let of_list = matches!(cause.downcast_ref::<FilterError>(), Some(FilterError::Exhausted(_)));
    let of_labels = matches!(cause.downcast_ref::<Unfiltered>(), Some(Unfiltered::Exhausted(_)));
    (of_list || of_labels).then_some(Denial::Overloaded)
}

/// Answers to list requests lose what their reader may not use.
fn install_filter(front: &Front, forwarding: &mut super::ctx::Forwarding, head: &mut ResponseHeader, http2: bool) -> Result<()> {
    let (Some(message), ApiKind::Mcp(policy)) = (&forwarding.message, &forwarding.permit.api().kind) else { return Ok(()) };
    let Some(shown) = forwarding.permit.shown() else { return Ok(()) };
    if !message.filtered || !head.status.is_success() || head.status == http::StatusCode::ACCEPTED {
        return Ok(());
    }
    let unreadable = |e| Error::because(ErrorType::InternalError, "a list can't be filtered", e);
    let framing = Framing::of(&head.headers).map_err(unreadable)?;
    let mut filter = ListFilter::new(Arc::clone(policy), shown, message.era, framing, &forwarding.memory);
    filter.expect(length(head)).map_err(unreadable)?;
    let tasks = message.tasks.as_ref().map(|tasks| tasks.owned(&front.made, &front.node.keys, &forwarding.permit));
    forwarding.filter = Some(filter.listening(message.listening.clone()).tasks(tasks));
    head.remove_header(&CONTENT_LENGTH);
    if !http2 {
        head.insert_header(TRANSFER_ENCODING, "chunked")?;
    }
    Ok(())
}

/// What a client is told that opens a stream which nothing has to come first on.
fn listened(forwarding: &super::ctx::Forwarding, head: &ResponseHeader) -> Option<String> {
    let listening = forwarding.message.as_ref()?.listening.as_ref()?;
    (head.status == http::StatusCode::OK && listening.subscription.is_none()).then(|| listening.events())
}

/// Begins an answer before its server has said anything: until it does, which may be never, pingora would send the head alone. It
/// does not send a head twice.
async fn announce(session: &mut Session, head: &ResponseHeader, events: String) -> Result<()> {
    session.write_response_header(Box::new(head.clone()), false).await.map_err(Error::into_down)?;
    session.write_response_body(Some(events.into()), false).await.map_err(Error::into_down)
}

/// What a failed exchange is to the client; `None` when the client itself is gone.
fn fault_of(error: &Error) -> Option<Denial> {
    let timeout = matches!(
        error.etype(),
        ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout | ErrorType::TLSHandshakeTimedout
    );
    let connect = matches!(
        error.etype(),
        ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::SocketError
            | ErrorType::BindError
            | ErrorType::TLSHandshakeFailure
            | ErrorType::InvalidCert
            | ErrorType::TLSWantX509Lookup
    );
    match error.esource() {
        _ if connect => Some(Denial::Upstream(UpstreamFault::Connect)),
        ErrorSource::Downstream if timeout => Some(Denial::BodyBroken),
        ErrorSource::Downstream => None,
        _ if timeout => Some(Denial::Upstream(UpstreamFault::Timeout)),
        ErrorSource::Upstream | ErrorSource::Internal | ErrorSource::Unset => Some(Denial::Upstream(UpstreamFault::Broken)),
    }
}

fn broken_by(error: &Error) -> BrokenBy {
    match error.esource() {
        ErrorSource::Downstream => BrokenBy::Client,
        ErrorSource::Upstream => BrokenBy::Upstream,
        ErrorSource::Internal | ErrorSource::Unset => match error.etype() {
            ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError | ErrorType::ConnectTimedout => {
                BrokenBy::Upstream
            }
            _ => BrokenBy::Fault,
        },
    }
}
