//! The store on SQLite and on PostgreSQL: the only SQL in the crate.
//!
//! Each file under `verbs/` is written once and compiled twice, inside [`sqlite`] and inside [`postgres`], which name the
//! driver's types for it: native queries on both, with the same text. Only the schema in `migrations/` differs.

#[macro_use]
mod columns;

mod audit_row;
mod bounded;
mod fault;
mod postgres;
mod readers;
mod sqlite;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use super::{SharedStore, StoreError};
use crate::types::{Entropy, NodeId};

fn unusable(what: String) -> StoreError {
    StoreError::Unusable(what)
}

/// Opens the store at `url` and brings its schema up to date: `sqlite:PATH` makes the file and its folder when they are
/// missing, `postgres://…` needs an existing database. `node` is the name that PostgreSQL shows for the connections, `entropy`
/// makes the ids of audit records.
///
/// # Errors
/// [`StoreError::Unusable`] when the address or the schema is none that this program can use, with what to do about it;
/// [`StoreError::Unavailable`] when the database can't be reached now.
pub async fn open(url: &str, node: &NodeId, entropy: Arc<dyn Entropy>) -> Result<SharedStore, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
            "" => Err(unusable("store.url names no file; write sqlite:PATH".into())),
            ":memory:" => Err(unusable("a store in memory would forget every grant; write sqlite:PATH".into())),
            path => sqlite::open(path, entropy).await,
        },
        Some(("postgres" | "postgresql", _)) => postgres::open(url, node, entropy).await,
        // The address may hold a password: it is not repeated here.
        _ => Err(unusable("store.url must be sqlite:PATH or postgres://user:password@host:port/database".into())),
    }
}
