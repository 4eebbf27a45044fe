//! Answers as an application passes them on: those of MCP servers list what their reader may use, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};

use super::pass::Pass;
use crate::config::ApiKind;
use crate::gateway::hygiene::Protocol;
use crate::mcp::{FilterError, Framing, ListFilter, ServerPolicy};
use crate::types::Memory;

/// What an answer is filtered by, and with.
pub(super) struct Lists {
    memory: Arc<Memory>,
    /// What the client speaks.
    protocol: Protocol,
    seen: Seen,
}

/// How far the answer is known.
enum Seen {
    /// It has not begun.
    Nothing,
    /// It has no lists.
    Head,
    /// It may have some.
    Lists(Box<ListFilter>),
}

impl Lists {
    pub(super) const fn of(memory: Arc<Memory>, protocol: Protocol) -> Self {
        Self { memory, protocol, seen: Seen::Nothing }
    }
}

/// The policy of a server as somebody else can keep it who forwards: the ids of tasks can't be sealed there.
pub(super) fn without_tasks(policy: &Arc<ServerPolicy>) -> Arc<ServerPolicy> {
    if policy.tasks { Arc::new(ServerPolicy { tasks: false, ..ServerPolicy::clone(policy) }) } else { Arc::clone(policy) }
}

impl Pass {
    /// Whether it may go on, and what of a piece of its answer may: call it for every piece (`response_body_filter`). Lists of MCP
    /// servers show what their reader may use; what comes is held until that is known, 4 MiB of it at most.
    ///
    /// # Errors
    /// When what allowed the request was revoked, it takes longer than its route allows, or its lists can't be filtered: it must end.
    pub fn piece(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()> {
        self.check()?;
        let has_lists = self.has_lists();
        match &mut self.lists.seen {
            Seen::Lists(filter) => ended(filter.pass(body, end)),
            // Nobody looked whether there are lists in it.
            Seen::Nothing if has_lists => {
                Err(Error::explain(ErrorType::InternalError, "an answer with lists passes without its head: Pass::answer"))
            }
            Seen::Nothing | Seen::Head => Ok(()),
        }
    }

    /// Whether the answer may have lists that show more than may be used.
    fn has_lists(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.filtered) && self.permit.shown().is_some()
    }

    /// Prepares for the lists of an answer with this head.
    pub(super) fn install(&mut self, head: &mut ResponseHeader) -> Result<()> {
        // Of an answer that only announces another nothing is known yet.
        if head.status.is_informational() {
            return Ok(());
        }
        self.lists.seen = Seen::Head;
        let has_lists = self.has_lists() && head.status.is_success() && head.status != StatusCode::ACCEPTED;
        let (Some(message), Some(shown), ApiKind::Mcp(policy)) = (&self.message, self.permit.shown(), &self.permit.api().kind)
        else {
            return Ok(());
        };
        if !has_lists {
            return Ok(());
        }
        let framing = ended(Framing::of(&head.headers))?;
        let mut filter = ListFilter::new(without_tasks(policy), shown, message.era, framing, &self.lists.memory);
        ended(filter.expect(declared(&head.headers)))?;
        self.lists.seen = Seen::Lists(Box::new(filter));
        head.remove_header(&CONTENT_LENGTH);
        match self.lists.protocol {
            Protocol::Http2 => Ok(()),
            Protocol::Http11 | Protocol::Http10 => head.insert_header(TRANSFER_ENCODING, "chunked"),
        }
    }
}

/// Ends an answer whose lists can't be filtered.
fn ended<T>(filtered: std::result::Result<T, FilterError>) -> Result<T> {
    filtered.map_err(|error| Error::because(ErrorType::InternalError, "a list can't be filtered", error).into_up())
}

/// How long the answer says that it is.
fn declared(headers: &HeaderMap) -> usize {
    headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0)
}
