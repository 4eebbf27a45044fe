//! Which mount and which route a canonical path belongs to. Pure: paths come in one form, see `gateway::path`.
//!
//! The most specific pattern wins: literal before alternatives before capture before rest, compared segment by segment. Patterns
//! of equal specificity that overlap are refused when the table is built.

mod hash;
mod methods;
mod mount;
mod pattern;
mod table;

#[cfg(test)]
mod tests;

pub use methods::{MethodError, MethodSet};
pub use mount::{MountError, MountTable};
pub use pattern::{Pattern, PatternError, Rank, Segment, Specificity, conflicts};
pub use table::{Captures, Conflict, Lookup, RouteTable};
