//! The verbs on PostgreSQL.

#![expect(clippy::duplicate_mod, reason = "the verbs are written once and compiled for each driver")]

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

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, QueryBuilder};

use super::bounded::{Bounded, Health, STATEMENT, Taken, Transaction, URGENT};
use super::fault::Doing;
use super::unusable;
use crate::store::{SharedStore, StoreError};
use crate::types::{Chain, Entropy, NodeId};

type Db = sqlx::Postgres;
type Connection = Bounded;
type Row = sqlx::postgres::PgRow;
type Reader = Taken;
type Writer = Taken;

const BEGIN: &str = "BEGIN";

/// Ends a SELECT whose rows nobody else may change until the transaction has ended. Rows are locked in the order that it reads
/// them in: who sorts them by their key never waits for somebody who waits for them.
const HOLD: &str = " FOR NO KEY UPDATE";

/// Ends a SELECT of rows that are to be changed, but for those that somebody else changes.
const PASS: &str = " FOR NO KEY UPDATE SKIP LOCKED";

/// Ends a SELECT of rows that are to be deleted: those that somebody else holds are left to them.
const TAKE: &str = " FOR UPDATE SKIP LOCKED";

/// How long a verb waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long an urgent connection may take to be made, before another is tried.
const ACQUIRE_URGENT: Duration = Duration::from_secs(2);

/// Connections for all verbs, and those beside them that the feed is read with and confirmed: however busy the others are. One
/// reads, one confirms, and one is for whoever waits for a revocation to be known.
const CONNECTIONS: u32 = 8;
const URGENT_CONNECTIONS: u32 = 3;

/// Bounds what one verb can hold up when the server or a peer hangs.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

/// What the connection that migrates has in their place, whatever the server's defaults are.
const UNHURRIED: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

/// The advisory lock of the node that migrates: the first letters of this program's name.
const MIGRATING: i64 = 0x746f_6c6c;

/// How often a migration is tried that others are in the way of, and how long others are left alone in between.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// The indexes that migrations make without stopping who writes. One whose making was interrupted stays, and is of no use.
const CONCURRENT: [&str; 5] =
    ["grants_by_org_user", "audit_records_about", "grant_use_by_day", "audit_records_unsealed", "audit_records_proofs"];

/// Connects and brings the schema up to date.
pub(super) async fn open(url: &str, node: &NodeId, entropy: Arc<dyn Entropy>) -> Result<SharedStore, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|e| {
            unusable(format!(
                "store.url is not an address of PostgreSQL ({e}); write postgres://user:password@host:port/database"
            ))
        })?
        .application_name(&format!("tollgate {node}"));
    migrate(&options).await?;
    let (health, options) = (Health::sound(), options.options(LIMITS));
    let pool = bounded(&health, URGENT_CONNECTIONS, ACQUIRE_URGENT).connect_lazy_with(options.clone());
    let urgent = Urgent { pool, health: Arc::clone(&health) };
    let at = place(&options);
    let made = bounded(&health, CONNECTIONS, ACQUIRE).connect_with(options).await;
    let pool = made.map_err(|source| Unreached { at, source }).doing("connect to PostgreSQL")?;
    let read = Readers { pool: pool.clone(), urgent: urgent.clone(), health: Arc::clone(&health) };
    let write = Writers { pool, urgent, health };
    let (forgot, listed) = (AtomicI64::new(i64::MIN), AtomicI64::new(0));
    Ok(Arc::new(engine::Engine { write, read, entropy, forgot, listed }))
}

/// A server that was not reached, and where it was looked for: a pool that waited in vain doesn't say.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {at}")]
struct Unreached {
    at: String,
    source: sqlx::Error,
}

/// Where a server is looked for.
fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// A pool that lends nothing that is thought to be lost.
fn bounded(health: &Arc<Health>, connections: u32, wait: Duration) -> PgPoolOptions {
    let health = Arc::clone(health);
    PgPoolOptions::new().max_connections(connections).acquire_timeout(wait).test_before_acquire(false).before_acquire(
        move |connection, about| {
            let health = Arc::clone(&health);
            Box::pin(async move { health.admits(connection, about).await })
        },
    )
}

/// Connections for what must not wait behind anything.
#[derive(Clone)]
struct Urgent {
    pool: PgPool,
    health: Arc<Health>,
}

impl Urgent {
    /// One of them, suspect when it says nothing for as long as `alarm`. One that is being made is made to its end: whoever comes next
    /// has it. It is bounded from the start, so that nobody waits for it where its caller has gone.
    async fn take(&self, alarm: Duration) -> Result<Taken, StoreError> {
        let (acquired, health) = (self.pool.acquire(), Arc::clone(&self.health));
        let made = tokio::spawn(async move { Ok::<_, sqlx::Error>(Taken(Bounded::new(acquired.await?, alarm, &health).await)) });
        made.await.doing("take an urgent connection")?.doing("take an urgent connection")
    }
}

/// Connections to write with.
struct Writers {
    pool: PgPool,
    urgent: Urgent,
    health: Arc<Health>,
}

impl Writers {
    async fn acquire(&self) -> Result<Writer, sqlx::Error> {
        Ok(Taken(Bounded::new(self.pool.acquire().await?, STATEMENT, &self.health).await))
    }

    async fn begin_with(&self, statement: &'static str) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(self.acquire().await?.0, statement).await
    }

    async fn close(&self) {
        self.urgent.pool.close().await;
        self.pool.close().await;
    }
}

/// A connection to write what a lease or a revocation waits for. Writing may have to wait for a disk: silence means less there than
/// where the feed is read.
async fn urgent_writer(writers: &Writers) -> Result<Writer, StoreError> {
    writers.urgent.take(STATEMENT).await
}

/// Connections to read with: the same that write.
struct Readers {
    pool: PgPool,
    urgent: Urgent,
    health: Arc<Health>,
}

impl Readers {
    async fn get(&self) -> Result<Reader, StoreError> {
        let connection = self.pool.acquire().await.doing("take a connection")?;
        Ok(Taken(Bounded::new(connection, STATEMENT, &self.health).await))
    }

    /// For what is read all the time.
    async fn urgent(&self) -> Result<Reader, StoreError> {
        self.urgent.take(URGENT).await
    }

    async fn close(&self) {
        self.urgent.pool.close().await;
        self.pool.close().await;
    }
}

/// Nothing is left to do before the last connection closes: the server keeps its own files.
fn settle(_writers: &Writers) -> std::future::Ready<()> {
    std::future::ready(())
}

/// Brings the schema up to date on a connection of its own, which nothing hurries: other nodes serve meanwhile, and a step may take
/// longer than any verb. Whatever needs a table for itself waits for it briefly, and is tried again.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        // Its lock is the connection's: there must be no other one.
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE)
        .connect_with(options.clone().options(UNHURRIED))
        .await
        .map_err(|source| Unreached { at: place(options), source })
        .doing("connect to PostgreSQL within 5 s (does it run, and is store.url right?)")?;
    let migrated = migrate_alone(&pool).await;
    pool.close().await;
    migrated
}

/// Migrates while no other node does.
async fn migrate_alone(pool: &PgPool) -> Result<(), StoreError> {
    // A statement that waits for a lock is one that whatever is built CONCURRENTLY waits for: two nodes would wait for each other.
    // So whoever comes second asks now and then, and the lock that sqlx would wait for is not used.
    while !sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)")
        .bind(MIGRATING)
        .fetch_one(pool)
        .await
        .doing("ask whether another node migrates")?
    {
        tokio::time::sleep(PAUSE).await;
    }
    let mut migrations = sqlx::migrate!("src/store/sql/migrations/postgres");
    migrations.set_locking(false);
    // A node of the next version may have added to the schema: what it added is not in this one's way.
    migrations.set_ignore_missing(true);
    let mut tries = 1;
    loop {
        drop_broken(pool).await?;
        match migrations.run(pool).await {
            Err(error) if tries < TRIES && is_contended(&error) => {
                tracing::info!(
                    error = %Chain(&error),
                    tries,
                    "a change of the schema waited too long; it is tried again"
                );
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done.map_err(|e| unusable(format!("the schema can't be brought up to date: {e}"))),
        }
    }
}

/// Removes what is left of an index whose making was interrupted: its migration makes it again.
async fn drop_broken(pool: &PgPool) -> Result<(), StoreError> {
    let mut broken = QueryBuilder::<Db>::new(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname::text IN ",
    );
    among::among(&mut broken, CONCURRENT.into_iter());
    let names: Vec<String> = broken.build_query_scalar().fetch_all(pool).await.doing("look for broken indexes")?;
    for name in CONCURRENT.into_iter().filter(|name| names.iter().any(|n| n == name)) {
        let statement = sqlx::AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        sqlx::raw_sql(statement).execute(pool).await.doing("drop a broken index")?;
    }
    Ok(())
}

/// Whether a migration only found others in its way: `lock_not_available`, `deadlock_detected`.
fn is_contended(error: &MigrateError) -> bool {
    let MigrateError::ExecuteMigration(error, _) = error else { return false };
    let Some(fault) = error.as_database_error() else { return false };
    fault.code().is_some_and(|code| ["55P03", "40P01"].contains(&&*code))
}
