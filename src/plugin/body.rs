//! The body of a request as an application passes it on.

use bytes::Bytes;
use pingora::{Error, ErrorType, Result};

use super::pass::Pass;
use crate::gateway::denial::Denial;
use crate::gateway::index;
use crate::indices::Check;
use crate::types::RouteId;

/// What came of a body.
#[derive(Default)]
pub(super) struct Passing {
    received: u64,
    /// Looks for indices of others.
    indices: Option<Check>,
    /// The reason for which it was refused, or would have been.
    pub(super) found: Option<&'static str>,
}

impl Passing {
    pub(super) fn looking(indices: Option<Check>) -> Self {
        Self { indices, ..Self::default() }
    }

    /// It is sent from its start: for the first time, or again.
    pub(super) fn restart(&mut self) {
        self.received = 0;
        if let Some(check) = &mut self.indices {
            check.restart();
        }
    }

    /// What of a piece may go on.
    fn look(&mut self, piece: Option<Bytes>, end: bool, max: Option<u64>) -> Result<Option<Bytes>, Denial> {
        self.received += piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if max.is_some_and(|max| self.received > max) {
            return Err(Denial::BodyTooLarge);
        }
        let Some(check) = &mut self.indices else { return Ok(piece) };
        check.pass(piece, end).map_err(|why| index::refused(why, check.prefix()))
    }
}

impl Pass {
    /// Looks at a piece of the request's body before it goes on (`request_body_filter`): its length, the indices that it names, and
    /// whether what allowed it still does. An application that calls this for every piece says so by
    /// [`Gate::watching_bodies`](super::Gate::watching_bodies).
    ///
    /// # Errors
    /// When the body may not go on: the exchange must end.
    pub fn body(&mut self, piece: &mut Option<Bytes>, end: bool) -> Result<()> {
        self.check()?;
        let enforced = self.permit.is_enforced();
        if !enforced && (self.passing.found.is_some() || self.permit.would_deny().is_some()) {
            return Ok(());
        }
        match self.passing.look(piece.clone(), end, self.permit.rule().max_body) {
            Ok(goes_on) if enforced => *piece = goes_on,
            Ok(_) => {}
            Err(denial) => {
                self.find(&denial);
                if enforced {
                    let status = ErrorType::HTTPStatus(denial.status().as_u16());
                    // For an error of any other side pingora waits until an HTTP/2 upstream answers to half a body.
                    return Err(Error::explain(status, denial.code()).into_down());
                }
            }
        }
        Ok(())
    }

    /// Something in the body changes what was decided about the head.
    fn find(&mut self, denial: &Denial) {
        let (api, reason) = (self.permit.api().name.as_str(), denial.code());
        let route = self.permit.matched().map_or("none", RouteId::as_str);
        let metrics = &self.node.metrics;
        self.metrics =
            if self.permit.is_enforced() { metrics.stopped(api, route, reason) } else { metrics.waived(api, route, reason) };
        self.passing.found = Some(reason);
    }
}
