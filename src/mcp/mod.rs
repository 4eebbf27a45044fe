//! MCP messages as the gate reads them: what a caller asks for, whether headers and body agree, who may call which tool, and
//! which entries of a list the caller gets to see. No I/O, no configuration, no proxy types.
//!
//! Both eras of the protocol are spoken on one URL: legacy (up to 2025-11-25, sessions) and modern (2026-07-28, stateless). The
//! headers of the modern era are never trusted: the body is parsed, and a header that says something else is refused.
//!
//! One decision, [`ServerPolicy::allows`], answers both "may this be called" and "is this listed", so that what is listed is
//! exactly what can be called.

mod answer;
mod arguments;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod headers;
mod listening;
mod policy;
mod request;
mod rewrite;
mod scan;
mod sse;
mod tasks;
mod uri;

pub use answer::{Answer, UpstreamFault};
pub use arguments::{Allowed, Condition, ConditionError, arguments};
pub use filter::{FilterError, Framing, ListFilter};
pub use headers::{Era, Headers, Mismatch, NAME, ProtocolVersion, agree};
pub use listening::{Listening, Lists};
pub use policy::{NamePolicy, Need, PolicyError, Rule, ServerPolicy, Verdict};
pub use request::{BadMessage, BadReason, Call, Limits, Message, RequestId, Target, parse};
pub use rewrite::ListKind;
pub use tasks::{Bared, NoTask, Owned, bare as bare_tasks, is_open as is_open_task_method};

#[cfg(test)]
mod tests;
