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
#[path = "verbs/clients.rs"]
mod clients;
#[path = "verbs/devices.rs"]
mod devices;
#[path = "verbs/engine.rs"]
mod engine;
#[path = "verbs/feed.rs"]
mod feed;
#[path = "verbs/grants.rs"]
mod grants;
#[path = "verbs/hooks.rs"]
mod hooks;
#[path = "verbs/installs.rs"]
mod installs;
#[path = "verbs/keys.rs"]
mod keys;
#[path = "verbs/operators.rs"]
mod operators;
#[path = "verbs/people.rs"]
mod people;
#[path = "verbs/policy.rs"]
mod policy;
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
#[path = "verbs/tokens.rs"]
mod tokens;
#[path = "verbs/trials.rs"]
mod trials;
#[path = "verbs/usage.rs"]
mod usage;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bounded::{Bounded, Health, STATEMENT, Taken, Transaction, URGENT};
use super::fault::Doing;
use super::unusable;
use crate::store::{SharedStore, StoreError};
use crate::types::{Entropy, NodeId};

type Db = sqlx::Postgres;
type Connection = Bounded;
type Row = sqlx::postgres::PgRow;
type Reader = Taken;
type Writer = Taken;

const BEGIN: &str = "BEGIN";

/// How long a verb waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long a connection for the feed may take to be made, before another is tried.
const ACQUIRE_URGENT: Duration = Duration::from_secs(2);

/// Connections for all verbs, and those beside them that the feed is read with: it is read however busy the others are.
const CONNECTIONS: u32 = 8;
const URGENT_CONNECTIONS: u32 = 2;

/// Bounds what one verb can hold up when the server or a peer hangs.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

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
    let urgent = bounded(&health, URGENT_CONNECTIONS, ACQUIRE_URGENT).connect_lazy_with(options.clone());
    let pool = bounded(&health, CONNECTIONS, ACQUIRE).connect_with(options).await.doing("connect to PostgreSQL")?;
    let read = Readers { pool: pool.clone(), urgent, health: Arc::clone(&health) };
    Ok(Arc::new(engine::Engine { write: Writers { pool, health }, read, entropy }))
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

/// Connections to write with.
struct Writers {
    pool: PgPool,
    health: Arc<Health>,
}

impl Writers {
    async fn acquire(&self) -> Result<Writer, sqlx::Error> {
        Ok(Taken(Bounded::new(self.pool.acquire().await?, STATEMENT, &self.health)))
    }

    async fn begin_with(&self, statement: &'static str) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(self.acquire().await?.0, statement).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Connections to read with: the same that write, and those for what must not wait behind anything.
struct Readers {
    pool: PgPool,
    urgent: PgPool,
    health: Arc<Health>,
}

impl Readers {
    async fn get(&self) -> Result<Reader, StoreError> {
        let connection = self.pool.acquire().await.doing("take a connection")?;
        Ok(Taken(Bounded::new(connection, STATEMENT, &self.health)))
    }

    /// For what is read all the time. A connection that is being made is made to its end: whoever comes next has it.
    async fn urgent(&self) -> Result<Reader, StoreError> {
        let made = tokio::spawn(self.urgent.acquire()).await.doing("take a connection for the feed")?;
        Ok(Taken(Bounded::new(made.doing("take a connection for the feed")?, URGENT, &self.health)))
    }

    async fn close(&self) {
        self.urgent.close().await;
        self.pool.close().await;
    }
}

/// Runs on a connection of its own: a change of the schema may take longer than any verb.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE)
        .connect_with(options.clone())
        .await
        .doing("connect to PostgreSQL within 5 s (does it run, and is store.url right?)")?;
    let mut migrations = sqlx::migrate!("src/store/sql/migrations/postgres");
    // A node of the next version may have added to the schema: what it added is not in this one's way.
    migrations.set_ignore_missing(true);
    migrations.run(&pool).await.map_err(|e| unusable(format!("the schema can't be brought up to date: {e}")))?;
    pool.close().await;
    Ok(())
}
