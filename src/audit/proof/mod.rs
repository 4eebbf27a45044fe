//! Proves the log: every chain, every batch of it, every record.

mod fault;
mod links;
mod verify;

pub use fault::{Fault, FaultKind};
pub use verify::{Asked, Report, Step, verify};
