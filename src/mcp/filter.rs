//! Filters the lists in a server's answers, so that a caller sees exactly what it may call.
//!
//! The gate puts a filter on
//! - the answer to a POST whose request was a list method ([`super::ListKind::of_method`]), JSON or SSE, and
//! - every GET stream of the legacy era: a stream resumed with `Last-Event-ID` may replay a list answer.
//!
//! The filter itself does not look at ids: any JSON-RPC response in what it reads whose `result` has `tools`, `prompts`,
//! `resources` or `resourceTemplates` is filtered, everything else passes byte for byte. It fails closed: what can't be read for
//! certain ends the answer with an error.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};

use crate::types::{Buffer, Exhausted, Memory, ScopeBits};

use super::headers::Era;
use super::listening::Listening;
use super::policy::ServerPolicy;
use super::rewrite::{Rules, rewrite};
use super::sse::Events;
use super::tasks::Owned;

/// Longest JSON answer and longest event that are held, in bytes.
const LONGEST: usize = 4 << 20;

/// Why an answer can't be filtered and must not be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The answer, or one event of it, is longer than we hold.
    #[error("the list answer is longer than {0} bytes")]
    TooLong(usize),
    /// As much as the node holds of all bodies together.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// Not JSON that every reader understands alike.
    #[error("the list answer is not a readable JSON-RPC message")]
    Unreadable,
    /// Compressed; the gate asks for no encoding, so the server ignores what it is asked.
    #[error("the list answer has a content encoding")]
    Encoded,
    /// Neither JSON nor an event stream.
    #[error("the list answer is neither JSON nor an event stream")]
    ContentType,
}

/// How messages lie in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The body is one message.
    Json,
    /// Each event is one message.
    Sse,
}

impl Framing {
    /// Reads the framing off the headers of an answer. Meant for successful answers: what a client makes of an error page is no
    /// list.
    ///
    /// # Errors
    /// When the body can't be filtered: encoded, or of another type.
    pub fn of(headers: &HeaderMap) -> Result<Self, FilterError> {
        let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
        if encoded {
            return Err(FilterError::Encoded);
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(Ok(value)), None) = (types.next().map(|v| v.to_str()), types.next()) else {
            return Err(FilterError::ContentType);
        };
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Ok(Self::Sse),
            json if json == "application/json" || json.ends_with("+json") => Ok(Self::Json),
            _ => Err(FilterError::ContentType),
        }
    }
}

/// Filters one answer, chunk by chunk. Holds at most 4 MiB.
#[derive(Debug)]
pub struct ListFilter {
    policy: Arc<ServerPolicy>,
    held: ScopeBits,
    era: Era,
    listening: Option<Listening>,
    tasks: Option<Arc<dyn Owned>>,
    memory: Arc<Memory>,
    state: State,
}

#[derive(Debug)]
enum State {
    Json { body: Buffer, longest: usize },
    Sse(Events),
    Failed(FilterError),
}

impl ListFilter {
    /// A filter for a caller that holds `held`. In the modern era list results without a `cacheScope` get one.
    #[must_use]
    pub fn new(policy: Arc<ServerPolicy>, held: ScopeBits, era: Era, framing: Framing, memory: &Arc<Memory>) -> Self {
        Self::with_limit(policy, held, era, (framing, LONGEST), memory)
    }

    /// The same with another limit than 4 MiB for the JSON body or one event, in bytes.
    #[must_use]
    pub fn with_limit(
        policy: Arc<ServerPolicy>,
        held: ScopeBits,
        era: Era,
        (framing, longest): (Framing, usize),
        memory: &Arc<Memory>,
    ) -> Self {
        let state = match framing {
            Framing::Json => State::Json { body: Buffer::new(memory), longest },
            Framing::Sse => State::Sse(Events::new(longest, memory)),
        };
        Self { policy, held, era, listening: None, tasks: None, memory: Arc::clone(memory), state }
    }

    /// The same for a stream of notifications: what the gate tells is told once the server has accepted it.
    #[must_use]
    pub fn listening(self, listening: Option<Listening>) -> Self {
        Self { listening: listening.filter(|l| l.subscription.is_some()), ..self }
    }

    /// The same where tasks are open: their ids are sealed.
    #[must_use]
    pub fn tasks(self, tasks: Option<Arc<dyn Owned>>) -> Self {
        Self { tasks, ..self }
    }

    /// Takes the memory for an answer of this length, before anything of it was passed on.
    ///
    /// # Errors
    /// When there is none.
    pub fn expect(&mut self, length: usize) -> Result<(), FilterError> {
        match &mut self.state {
            State::Json { body, longest } => Ok(body.reserve(length.min(*longest))?),
            State::Sse(_) | State::Failed(_) => Ok(()),
        }
    }

    /// Goes on with other scopes: on a long stream the caller's may have been narrowed.
    pub fn hold(&mut self, held: ScopeBits) {
        self.held = held;
    }

    /// Takes the next chunk and gives out what is ready, often nothing.
    ///
    /// # Errors
    /// When the answer can't be filtered. The caller ends the stream with an error; every later call says the same.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Bytes, FilterError> {
        self.step(Some(chunk))
    }

    /// Gives out the rest at the end of the body.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish(&mut self) -> Result<Bytes, FilterError> {
        self.step(None)
    }

    /// Takes a piece of an answer, perhaps the last, and leaves in its place what is ready.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn pass(&mut self, piece: &mut Option<Bytes>, end: bool) -> Result<(), FilterError> {
        let first = piece.take().map(|chunk| self.push(&chunk)).transpose()?.unwrap_or_default();
        let last = if end { self.finish()? } else { Bytes::new() };
        let out = self.joined(first, last)?;
        *piece = (end || !out.is_empty()).then_some(out);
        Ok(())
    }

    /// Two parts of an answer as one; mostly one of them is empty.
    fn joined(&self, first: Bytes, last: Bytes) -> Result<Bytes, Exhausted> {
        if first.is_empty() || last.is_empty() {
            return Ok(if first.is_empty() { last } else { first });
        }
        let mut both = Buffer::new(&self.memory);
        both.push(&first)?;
        both.push(&last)?;
        Ok(both.freeze())
    }

    fn step(&mut self, chunk: Option<&[u8]>) -> Result<Bytes, FilterError> {
        let accepted = Cell::new(false);
        let listening = self.listening.as_ref();
        let tasks = self.tasks.as_deref();
        let rules = Rules { policy: &self.policy, held: &self.held, era: self.era, listening, accepted: &accepted, tasks };
        let ready = match &mut self.state {
            State::Json { body, longest } => json((body, *longest), chunk, &rules, &self.memory),
            State::Sse(events) => {
                let mut out = Vec::new();
                let edit = |text: &str| rewrite(text, &rules);
                let done = match chunk {
                    Some(chunk) => events.push(chunk, &mut out, edit),
                    None => events.finish(&mut out, edit),
                };
                if let Some(listening) = listening.filter(|_| accepted.get()) {
                    out.extend_from_slice(listening.events().as_bytes());
                }
                done.and_then(|()| Ok(self.memory.keep(out)?))
            }
            State::Failed(e) => Err(*e),
        };
        if let Err(e) = &ready {
            self.state = State::Failed(*e);
        }
        ready
    }
}

fn json(
    (body, longest): (&mut Buffer, usize),
    chunk: Option<&[u8]>,
    rules: &Rules<'_>,
    memory: &Arc<Memory>,
) -> Result<Bytes, FilterError> {
    let Some(chunk) = chunk else {
        let body = body.take();
        if body.is_empty() {
            return Ok(Bytes::new());
        }
        let text = std::str::from_utf8(&body).map_err(|_| FilterError::Unreadable)?;
        return match rewrite(text, rules)? {
            Some(edited) => {
                // What is left is hardly longer than what came, and takes its place.
                drop(body);
                Ok(memory.keep(edited.into_bytes())?)
            }
            None => Ok(body.freeze()),
        };
    };
    if body.len() + chunk.len() > longest {
        return Err(FilterError::TooLong(longest));
    }
    body.push(chunk)?;
    Ok(Bytes::new())
}
