//! The gate: what happens to a request between the listener and the upstream.
//!
//! `hygiene → route → authenticate → bind organization → authorize → (message, narrow, identity) → forward`, each stage a file; a refusal at any
//! of them is a [`denial::Denial`], and [`respond`] is the one place that turns those into answers.

pub mod admission;
pub mod authorize;
pub mod deadline;
pub mod decide;
pub mod denial;
pub mod explain;
pub mod forms;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod handshake;
pub mod holds;
pub mod hygiene;
pub mod identity;
pub mod index;
pub mod location;
pub mod mcp_session;
pub mod mcp_task;
pub mod message;
pub mod narrow;
pub mod outbound;
pub mod overload;
pub mod pages;
pub mod path;
pub mod prepared;
pub mod queue;
pub mod rates;
pub mod record;
pub mod respond;
pub mod seen;
pub mod shadow;
pub mod shares;
pub mod silence;
pub mod sizes;
pub mod spelt;
pub mod status;
pub mod strangers;
pub mod streams;
pub mod terms;
pub mod unfit;
pub mod upstream;
