//! The gate without its listener, for an application that forwards by itself.
//!
//! A pingora application starts the gateway beside its own proxy ([`start`](crate::start) gives [`Running::gate`](crate::Running::gate))
//! and asks it in its hooks:
//!
//! - `request_filter`: [`Gate::enter`] decides. It answers a refused request itself and gives a [`Pass`] for an allowed one, which
//!   is on record by then.
//! - `upstream_peer`: [`Pass::limit`] puts the timeouts of upstream and route onto the peer.
//! - `upstream_request_filter`: [`Pass::prepare`] makes the head that the upstream may see: no credential of the client's, one tenant.
//! - `response_filter`: [`Pass::answer`] makes the head that the client may see: no cookie of the upstream's, an MCP session that only
//!   its caller can use.
//! - `response_body_filter`: [`Pass::piece`] takes out of the lists of an MCP server what their reader may not use, and ends an answer
//!   when what allowed it is revoked, or when it takes longer than its route allows.
//! - `request_body_filter`: [`Pass::body`] counts what passes and looks for indices of others. An application that has this hook says so by
//!   [`Gate::watching_bodies`]; without it, bodies that need looking at are refused.
//! - `logging`: [`Pass::end`] closes the record with what became of the request. A pass that is dropped closes it as broken.
//!
//! `examples/plugin/app.rs` is a whole application.
//!
//! What needs the gateway's own listener is refused here, never let through: APIs whose upstream tells organizations apart by a label,
//! MCP messages of more than 64 KiB, compressed bodies that may name indices, the gateway's own endpoints.
//!
//! What stays with the application, because no hook of pingora's runs while nothing comes:
//!
//! - A stream on which neither end says anything outlives a revocation, until its next byte or the read timeout that [`Pass::limit`]
//!   set: `stream_idle` of the upstream or `idle` of the route, whichever applies. So does `total`.
//! - pingora has one read timeout for the wait before an answer and for pauses in it: where `idle` is shorter than `first_byte`, pauses
//!   may last as long as the first byte.
//! - The upstreams are the application's: endpoints, retries, health, breakers and `max_concurrent` of an upstream are not the gate's.

mod body;
mod gate;
mod lists;
mod pass;
mod session;

pub use gate::Gate;
pub use pass::Pass;

// Questions that are no sessions are the authorizer's to ask.
#[doc(hidden)]
pub use gate::{Able, Bodies, Body, Question, Refused};
#[doc(hidden)]
pub use pass::Told;
