//! The verbs on SQLite: one writing connection, four that read, and one that reads the feed.

#[path = "verbs/accounts.rs"]
mod accounts;
#[path = "verbs/among.rs"]
mod among;
#[path = "verbs/api_keys.rs"]
mod api_keys;
#[path = "verbs/apps.rs"]
mod apps;
#[path = "verbs/audit_log.rs"]
mod audit_log;
#[path = "verbs/client_changes.rs"]
mod client_changes;
#[path = "verbs/client_purge.rs"]
mod client_purge;
#[path = "verbs/client_secrets.rs"]
mod client_secrets;
#[path = "verbs/clients.rs"]
mod clients;
#[path = "verbs/devices.rs"]
mod devices;
#[path = "verbs/engine.rs"]
mod engine;
#[path = "verbs/feed.rs"]
mod feed;
#[path = "verbs/forgetting.rs"]
mod forgetting;
#[path = "verbs/grants.rs"]
mod grants;
#[path = "verbs/hooks.rs"]
mod hooks;
#[path = "verbs/installs.rs"]
mod installs;
#[path = "verbs/invited.rs"]
mod invited;
#[path = "verbs/keys.rs"]
mod keys;
#[path = "verbs/lists.rs"]
mod lists;
#[path = "verbs/nodes.rs"]
mod nodes;
#[path = "verbs/operators.rs"]
mod operators;
#[path = "verbs/people.rs"]
mod people;
#[cfg(test)]
#[path = "plans.rs"]
mod plans;
#[path = "verbs/policy.rs"]
mod policy;
#[path = "verbs/proof.rs"]
mod proof;
#[path = "verbs/repeats.rs"]
mod repeats;
#[path = "verbs/review.rs"]
mod review;
#[path = "verbs/revocation.rs"]
mod revocation;
#[path = "verbs/rows.rs"]
mod rows;
#[path = "verbs/scope_requests.rs"]
mod scope_requests;
#[path = "verbs/searches.rs"]
mod searches;
#[path = "verbs/sessions.rs"]
mod sessions;
#[path = "verbs/shadow.rs"]
mod shadow;
#[path = "verbs/sought.rs"]
mod sought;
#[path = "verbs/strangers.rs"]
mod strangers;
#[path = "verbs/tokens.rs"]
mod tokens;
#[path = "verbs/trials.rs"]
mod trials;
#[path = "verbs/usage.rs"]
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};

use super::fault::Doing;
use super::readers::{Reader, Readers};
use super::unusable;
use crate::store::{SharedStore, StoreError};
use crate::types::{Chain, Entropy};

type Db = sqlx::Sqlite;
type Connection = sqlx::SqliteConnection;
type Row = sqlx::sqlite::SqliteRow;
type Transaction = sqlx::Transaction<'static, Db>;
type Writer = sqlx::pool::PoolConnection<Db>;
type Writers = SqlitePool;

/// A transaction that starts to read can't become one that writes while another writes: take the lock first.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Ends a SELECT whose rows nobody else may change until the transaction has ended: nobody else writes meanwhile.
const HOLD: &str = "";

/// Ends a SELECT of rows that are to be changed.
const PASS: &str = "";

/// Ends a SELECT of rows that are to be deleted.
const TAKE: &str = "";

/// How long a statement waits for another process, such as the command line's, to finish writing.
const BUSY: Duration = Duration::from_secs(5);

/// Bytes of the file that reading connections see in place of copying them page by page: a commit makes them forget their copies,
/// and there is one with every batch of records.
const MAPPED: &str = "268435456";

/// Writes the log into the file and empties it. It holds up who writes while it waits for who reads: not for long.
const SETTLE: [&str; 2] = ["PRAGMA busy_timeout = 200", "PRAGMA wal_checkpoint(TRUNCATE)"];

/// How often somebody who starts beside others tries again: more often than there are steps at which to lose.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Opens the database file, makes it when there is none, and brings its schema up to date.
pub(super) async fn open(path: &str, entropy: Arc<dyn Entropy>) -> Result<SharedStore, StoreError> {
    let path = Path::new(path);
    create(path).await.map_err(|e| {
        let what = format!(
            "the store's file {} can't be opened ({e}); give this user write access to it or change store.url",
            path.display()
        );
        unusable(what)
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY)
        // What a statement may have to undo needs no file.
        .pragma("temp_store", "MEMORY")
        // A checkpoint writes each page once, however often the log has it: the tips of the indexes change with every record.
        .pragma("wal_autocheckpoint", "4000")
        .foreign_keys(true);
    let file = path.display();
    let write =
        connect(&options).await.map_err(|e| unusable(format!("{file} is not a SQLite database that can be used: {e}")))?;
    migrate(&write).await.map_err(|e| unusable(format!("the schema of {file} can't be brought up to date: {e}")))?;
    let read = Readers::open(options.read_only(true).pragma("mmap_size", MAPPED), BUSY).await?;
    let (forgot, listed) = (AtomicI64::new(i64::MIN), AtomicI64::new(0));
    Ok(Arc::new(engine::Engine { write, read, entropy, forgot, listed }))
}

/// The connection that writes. One whose transaction could not be ended is closed and replaced: SQLite undoes a transaction by itself
/// when the disk is full, then there is nothing for ROLLBACK to undo, and the driver counts the transaction as open for ever.
/// That it is asked here covers every begin and every statement alone. Turning a new file to WAL fails at once, whatever the busy timeout, while another store does the
/// same: whoever loses tries again.
async fn connect(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(BUSY)
        .test_before_acquire(false)
        // What a dropped transaction left to undo was undone, or not, when its connection came back.
        .before_acquire(|connection, _| {
            let ended = !connection.is_in_transaction();
            Box::pin(async move { Ok(ended) })
        });
    for _ in 1..TRIES {
        match pool.clone().connect_with(options.clone()).await {
            Err(e) if is_busy(&e) => tokio::time::sleep(PAUSE).await,
            result => return result,
        }
    }
    pool.connect_with(options.clone()).await
}

/// A connection to write what a lease or a revocation waits for: one writes to a file at a time, whoever it is.
async fn urgent_writer(writers: &Writers) -> Result<Writer, StoreError> {
    writers.acquire().await.doing("take a connection")
}

/// Puts what the log beside the file holds into the file, so that a stopped store is one file: a log that stays would be read into
/// whatever file is put in this one's place. Who reads in another process may be in the way, and is not kept waiting; then the log is
/// theirs to tidy up.
async fn settle(writers: &Writers) {
    let Ok(mut connection) = writers.acquire().await else { return };
    for statement in SETTLE {
        if let Err(error) = sqlx::query(statement).execute(&mut *connection).await {
            tracing::warn!(
                error = %Chain(&error),
                "the store's file could not be completed: what is in the -wal beside it belongs to it"
            );
        }
    }
}

/// `SQLITE_BUSY`, whose extended codes have it in their low byte.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xFF == 5)
}

/// Makes the file before SQLite does: only its owner may read it, and the files beside it take its mode. A file that is there
/// is not touched: closing it would drop the locks that SQLite holds on it for other stores of this process.
async fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
    }
    match tokio::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).await {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Nothing keeps two processes from starting on a new file at once; whoever loses at one step tries again, and finds it done.
async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut migrations = sqlx::migrate!("src/store/sql/migrations/sqlite");
    // A node of the next version may have added to the schema: what it added is not in this one's way.
    migrations.set_ignore_missing(true);
    for _ in 1..TRIES {
        if migrations.run(pool).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    migrations.run(pool).await
}
