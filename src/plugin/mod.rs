//! The gate without its listener, for an application that forwards by itself.
//!
//! A pingora application starts the gateway beside its own proxy ([`crate::boot::start`] gives [`crate::boot::Running::gate`]) and
//! asks it in its hooks:
//!
//! - `request_filter`: [`Gate::enter`] decides. It answers a refused request itself and gives a [`Pass`] for an allowed one, which
//!   is on record by then.
//! - `upstream_request_filter`: [`Pass::prepare`] makes the head that the upstream may see: no credential of the client's, one tenant.
//! - `response_filter`: [`Pass::answer`] makes the head that the client may see: no cookie of the upstream's, an MCP session that only
//!   its caller can use.
//! - `logging`: [`Pass::end`] closes the record with what became of the request. A pass that is dropped closes it as broken.
//!
//! `response_body_filter` may ask [`Pass::check`], so that a long answer ends when what allowed it is revoked. `examples/plugin/app.rs`
//! is a whole application.
//!
//! What needs the gateway's own listener is refused here, never let through: APIs whose upstream tells organizations apart by a label,
//! MCP messages of more than 64 KiB, the gateway's own endpoints. Lists that an MCP server answers with are not filtered.

mod gate;
mod pass;
mod session;

pub use gate::{Able, Body, Gate, Question, Refused};
pub use pass::{Pass, Told};
