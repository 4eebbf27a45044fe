//! What is still said to the client of a request that goes no further: why it failed, or why it was ended under way.

use http::{HeaderMap, Version};
use pingora::proxy::{FailToProxy, Session};
use pingora::{Error, ErrorType, Result};
use pingora_core::protocols::http::HttpTask;

use super::ctx::{Ctx, Forwarding};
use super::desk;
use crate::gateway::denial::Denial;
use crate::gateway::prepared::Prepared;
use crate::gateway::respond::{self, Answer, Scene};
use crate::gateway::status::{self, Form};

/// A request was refused while it was under way.
const REFUSED: &str = "Refused";

/// Whether an answer has begun. Hints that go before one are none (RFC 9110 §15.2).
pub(super) fn has_begun(session: &Session) -> bool {
    session.response_written().is_some_and(|head| !head.status.is_informational() || head.status == 101)
}

/// Lets nothing of a request go on that was refused while it was under way.
///
/// # Errors
/// When it was. pingora then asks what its client is to be told.
pub(super) fn goes_on(ctx: &Ctx) -> Result<()> {
    match ctx.cut.as_ref().map(|cut| cut.check()) {
        Some(Err(ended)) => Err(of(ended)),
        Some(Ok(())) | None => Ok(()),
    }
}

/// The same as an error of the client's side: for one of any other pingora waits until an HTTP/2 upstream answers to half a body.
pub(super) fn of(ended: crate::gateway::streams::Ended) -> Box<Error> {
    Error::because(ErrorType::Custom(REFUSED), "ended under way", ended).into_down()
}

/// Says why a forwarded request failed, where that can still be said.
pub(super) async fn tell(session: &mut Session, ctx: &mut Ctx, fault: Option<Denial>) -> FailToProxy {
    let nothing = FailToProxy { error_code: 0, can_reuse_downstream: false };
    let refusal = ctx.cut.as_ref().and_then(|cut| cut.take_refusal());
    let (begun, prepared) = (has_begun(session), std::sync::Arc::clone(&ctx.prepared));
    let Some(forwarding) = ctx.forwarding() else { return nothing };
    let is_refused = refusal.is_some();
    let Some(denial) = refusal.or(fault) else { return nothing };
    if !begun {
        let answer = answer(session, &prepared, forwarding, &denial);
        forwarding.status = answer.status.as_u16();
        forwarding.called = status::of_call(&answer.headers).filter(|_| is_refused).or(forwarding.called);
        if let Err(error) = desk::write(session, answer).await {
            tracing::debug!(%error, "the client left before its answer");
        }
        return FailToProxy { error_code: forwarding.status, ..nothing };
    }
    if is_refused && is_call(session, forwarding) {
        let trailers = trailers(answer(session, &prepared, forwarding, &denial));
        forwarding.called = status::of_call(&trailers);
        if let Err(error) = session.write_response_tasks(vec![HttpTask::Trailer(Some(Box::new(trailers)))]).await {
            tracing::debug!(%error, "the client left before its call ended");
        }
    }
    nothing
}

/// What the client is told.
pub(super) fn answer(session: &Session, prepared: &Prepared, forwarding: &Forwarding, denial: &Denial) -> Answer {
    let (head, permit) = (session.req_header(), &forwarding.permit);
    let message = forwarding.message.as_ref();
    let scene = Scene {
        config: &prepared.config,
        api: Some(permit.api()),
        request: &forwarding.seen.request,
        principal: permit.principal().map(AsRef::as_ref),
        rpc: message.and_then(|m| m.id.as_ref()),
        target: message.and_then(|m| m.target.as_ref()),
        origin: forwarding.origin.as_ref(),
        form: Form::of(head.version, &head.headers, Some(permit.rule())),
    };
    respond::answer(denial, &scene)
}

/// Whether the answer is one to a call, at whose end stands how it ended.
fn is_call(session: &Session, forwarding: &Forwarding) -> bool {
    let head = session.req_header();
    let form = Form::of(head.version, &head.headers, Some(forwarding.permit.rule()));
    head.version == Version::HTTP_2
        && form == Form::Grpc
        && session.response_written().is_some_and(|answer| status::is_grpc(&answer.headers))
}

/// What stands at the end of a call whose answer has begun.
fn trailers(answer: Answer) -> HeaderMap {
    let ends = [status::GRPC_STATUS, status::GRPC_MESSAGE, status::GRPC_DETAILS];
    answer.headers.into_iter().filter_map(|(name, value)| name.map(|name| (name, value))).filter(|(name, _)| ends.contains(name)).collect()
}
