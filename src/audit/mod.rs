//! No call without a record.
//!
//! The gate writes a line to the [`Journal`] before it forwards a request and another one when the request has ended; the
//! [`Shipper`] carries finished records to the store. The journal is what survives `kill -9`: at the next start the shipper
//! reads what earlier runs left behind, and a call that was opened and never closed becomes a record whose outcome is unknown.
//!
//! `Journal::open_call → (the request) → OpenCall::close → Shipper → Notary → SealStore::append_sealed`
//!
//! The [`Notary`] seals what goes into the log, so that [`verify`] finds what was done to it since.

mod journal;
mod metrics;
mod notary;
mod pairing;
mod proof;
mod recover;
mod ship;
mod tail;
#[cfg(test)]
mod tests;

pub use journal::{Backlog, Disk, Durability, Files, Hold, Journal, JournalError, JournalOptions, OpenCall, Sink};
pub use metrics::{JournalMetrics, NoMetrics};
pub use notary::Notary;
pub use proof::{Asked, Fault, FaultKind, Report, Step, verify};
pub use recover::{Recovered, recover};
pub use ship::Shipper;
pub use tail::Damage;
