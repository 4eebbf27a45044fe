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

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

use super::fault::Doing;
use super::unusable;
use crate::store::{SharedStore, StoreError};
use crate::types::{Entropy, NodeId};

type Db = sqlx::Postgres;
type Connection = sqlx::PgConnection;
type Row = sqlx::postgres::PgRow;
type Reader = PoolConnection<Db>;

const BEGIN: &str = "BEGIN";

/// Ends a SELECT whose rows nobody else may change until the transaction has ended. Rows are locked in the order that it reads
/// them in: who sorts them by their key never waits for somebody who waits for them.
const HOLD: &str = " FOR NO KEY UPDATE";

/// How long a verb waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long a connection may rest before it is asked whether it still works.
const RESTED: Duration = Duration::from_secs(1);

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
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| Box::pin(is_alive(connection, metadata)))
        .connect_with(options.options(LIMITS))
        .await
        .doing("connect to PostgreSQL")?;
    Ok(Arc::new(engine::Engine { write: pool.clone(), read: Readers(pool), entropy }))
}

/// Whether a connection still works. One that did a moment ago is not asked: that is a round trip before each statement, and
/// there is one after each already.
async fn is_alive(connection: &mut PgConnection, metadata: PoolConnectionMetadata) -> Result<bool, sqlx::Error> {
    if metadata.idle_for >= RESTED {
        connection.ping().await?;
    }
    Ok(true)
}

/// Connections to read with: the same that write.
struct Readers(PgPool);

impl Readers {
    async fn get(&self) -> Result<Reader, StoreError> {
        self.0.acquire().await.doing("take a connection")
    }

    async fn close(&self) {
        self.0.close().await;
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
