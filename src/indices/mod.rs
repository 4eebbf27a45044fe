//! The index rule: an OpenSearch or Elasticsearch that holds everybody's indices tells organizations apart by what the names of
//! their indices start with. Names stand in the path and in bodies; whatever can't be read for certain is refused.

mod body;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gzip;
mod names;

#[cfg(test)]
mod tests;

pub use body::{Check, Coding};
pub use names::Prefix;

use crate::types::Exhausted;

/// Why a request can't be bound to the organization's indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names an index of somebody else.
    #[error("the request names an index of another organization")]
    Foreign,
    /// A body that is not the JSON that its route takes, or that readers could take for something else.
    #[error("the body can't be read")]
    Unreadable,
    /// A query, or a line of many, that is longer than we hold.
    #[error("the query is too long")]
    TooLong,
    /// The node holds as much of all bodies together as it may.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// A compressed body that is not one member of gzip, whole and alone.
    #[error("the body is not compressed as it says")]
    Coding,
    /// A compressed body that becomes much longer than bodies do.
    #[error("the body grows too much when it is inflated")]
    Grows,
}
