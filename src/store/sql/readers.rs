//! The connections of a SQLite file that only read.
//!
//! The pool of sqlx asks a connection for a sign of life before each statement and after it. For SQLite each of them wakes the
//! thread of the connection and waits for it, and that costs more than most statements do. A file does not go away as a server
//! does: only a connection that rested is asked here.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, Pool, QueueMode, RecycleResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::fault::Doing;
use crate::store::StoreError;

/// How many statements read at the same time, besides those that read the feed.
const CONNECTIONS: usize = 4;
/// How long a connection may rest before it is asked whether it still works.
const RESTED: Duration = Duration::from_secs(1);
/// A connection that never rests is asked once in so many statements.
const ASKED_EVERY: usize = 100;

/// Connections to read with, and one that only the feed and what nodes say of themselves are read with: searches may take as long
/// as they take, and a node that reads no feed serves nobody.
pub(super) struct Readers {
    shared: Pool<Opener>,
    urgent: Pool<Opener>,
}

/// One of them, until it is dropped.
pub(super) type Reader = Object<Opener>;

/// Opens connections, and tells whether they still work.
#[derive(Debug)]
pub(super) struct Opener(SqliteConnectOptions);

impl managed::Manager for Opener {
    type Type = SqliteConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<SqliteConnection, sqlx::Error> {
        self.0.connect().await
    }

    async fn recycle(&self, connection: &mut SqliteConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.last_used() < RESTED && !metrics.recycle_count.is_multiple_of(ASKED_EVERY) {
            return Ok(());
        }
        Ok(connection.ping().await?)
    }
}

impl Readers {
    /// Connections as `options` say, none of which takes longer than `wait`. The first of each kind is opened now.
    pub(super) async fn open(options: SqliteConnectOptions, wait: Duration) -> Result<Self, StoreError> {
        let (shared, urgent) = (pool(options.clone(), CONNECTIONS, wait)?, pool(options, 1, wait)?);
        let readers = Self { shared, urgent };
        drop((readers.get().await?, readers.urgent().await?));
        Ok(readers)
    }

    /// A connection that nobody else uses.
    pub(super) async fn get(&self) -> Result<Reader, StoreError> {
        self.shared.get().await.doing("take a connection to read")
    }

    /// The same for what is read all the time, and must not wait behind a search.
    pub(super) async fn urgent(&self) -> Result<Reader, StoreError> {
        self.urgent.get().await.doing("take the connection for the feed")
    }

    /// Closes those that are not in use; the others end when they are done.
    pub(super) async fn close(&self) {
        for pool in [&self.shared, &self.urgent] {
            for connection in pool.retain(|_, _| false).removed {
                // The last of a file's connections tidies up beside it, and what can't be done now is done at the next start.
                drop(connection.close().await);
            }
            pool.close();
        }
    }
}

fn pool(options: SqliteConnectOptions, connections: usize, wait: Duration) -> Result<Pool<Opener>, StoreError> {
    Pool::builder(Opener(options))
        .max_size(connections)
        // The one that read last has the most of what is asked next at hand.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(wait))
        .create_timeout(Some(wait))
        .recycle_timeout(Some(wait))
        .build()
        .doing("prepare connections to read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn searches_take_no_connection_from_the_feed() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new().filename(folder.path().join("store.db")).create_if_missing(true);
        let readers = Readers::open(options, Duration::from_secs(5)).await.expect("connections");
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(readers.get().await.expect("a connection for a search"));
        }
        assert_eq!(readers.shared.status().available, 0);
        let mut feed = readers.urgent().await.expect("the feed's own");
        feed.ping().await.expect("it reads");
        drop((feed, held));
        readers.close().await;
    }
}
