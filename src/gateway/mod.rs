//! The gate: what happens to a request between the listener and the upstream.
pub mod hygiene;
pub mod path;
