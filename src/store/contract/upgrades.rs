//! How a schema from before follows on PostgreSQL, where nodes of the version before go on meanwhile.

use futures::future::join_all;
use sqlx::{PgPool, Row as _};

use super::{cluster, open};

/// A database as the last version left it, with a grant and what was done to an account.
async fn from_before() -> (String, PgPool) {
    let url = cluster::fresh_database().await;
    let pool = PgPool::connect(&url).await.expect("a connection");
    sqlx::migrate!("src/store/sql/migrations/postgres").run_to(24, &pool).await.expect("the schema of before");
    for statement in [
        "INSERT INTO orgs (id, slug, name, tenant, tenants, state, created_at) VALUES ('o', 'acme', '', 'acme', '{}', 'active', 0)",
        "INSERT INTO users (id, email, name, kind, state, created_at) VALUES ('u', 'ada@example.com', '', 'person', 'active', 0)",
        "INSERT INTO clients (id, name, kind, origin, auth, redirect_uris, grant_types, resources, require_state, state, \
         created_at) VALUES ('c', '', 'public', 'dynamic', 'none', '[]', '[]', '[]', TRUE, 'active', 0)",
        "INSERT INTO grants (id, org_id, user_id, client_id, scopes, resources, machine, created_at, idle_since) \
         SELECT 'g' || n, 'o', 'u', 'c', '[\"logs:read\",\"logs:write\"]', '[]', FALSE, 0, 0 FROM generate_series(1, 2500) n",
        "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record) \
         VALUES ('r1', 0, 'q', 'logout', FALSE, '', '{\"event\":{\"target\":[\"user\",\"u\"]}}'), \
         ('r2', 0, 'q', 'token.issue', FALSE, '', '{\"event\":{\"target\":[\"grant\",\"g1\"]}}')",
    ] {
        sqlx::query(statement).execute(&pool).await.expect(statement);
    }
    (url, pool)
}

async fn count(pool: &PgPool, statement: &'static str) -> i64 {
    sqlx::query(statement).fetch_one(pool).await.expect(statement).get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_before_is_found_after_an_upgrade() {
    let (url, pool) = from_before().await;
    // What an interrupted upgrade leaves: an index that is in the way of its own making.
    let broken = "CREATE UNIQUE INDEX CONCURRENTLY grants_by_org_user ON grants (org_id)";
    sqlx::raw_sql(broken).execute(&pool).await.expect_err("not unique");
    // Nodes that start together wait for each other, and not for ever.
    for store in join_all((0..3).map(|_| open(&url))).await {
        store.close().await;
    }
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM granted_scopes").await, 5000);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM audit_records WHERE about = 'u' AND id = 'r1'").await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM audit_records WHERE about IS NOT NULL").await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    // What was there is from before the log was sealed; what a node of the version before writes waits to be.
    let old = "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record) \
               VALUES ('r3', 0, 'q', 'token.issue', FALSE, '', '{}')";
    sqlx::query(old).execute(&pool).await.expect("a record");
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM audit_records WHERE sealed = 0").await, 2);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM audit_records WHERE sealed IS NULL AND id = 'r3'").await, 1);
    let whole =
        "SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'grants_by_org_user' AND indexdef LIKE '%(org_id, user_id, id)'";
    assert_eq!(count(&pool, whole).await, 1);
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_lets_others_pass_while_it_waits() {
    let (url, pool) = from_before().await;
    // Somebody's long transaction: a change of the table waits for it.
    let mut long = pool.begin().await.expect("a transaction");
    sqlx::query("UPDATE grants SET idle_since = 1 WHERE id = 'g1'").execute(&mut *long).await.expect("a change");
    let upgrade = tokio::spawn(async move { open(&url).await });
    // It waits for the table, gives up, and waits again; whoever writes comes in between.
    let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'grants'::regclass";
    while count(&pool, waits).await == 0 {
        tokio::task::yield_now().await;
    }
    sqlx::query("UPDATE grants SET idle_since = 1 WHERE id = 'g2'").execute(&pool).await.expect("another's change");
    assert!(!upgrade.is_finished());
    long.commit().await.expect("the end of it");
    upgrade.await.expect("no panic").close().await;
    pool.close().await;
}

#[tokio::test]
async fn what_a_file_had_before_is_told_from_what_waits_to_be_sealed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.expect("a connection");
    sqlx::migrate!("src/store/sql/migrations/sqlite").run_to(35, &pool).await.expect("the schema of before");
    let old = |id: &str| {
        sqlx::AssertSqlSafe(format!(
            "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record) \
             VALUES ('{id}', 0, 'q', 'token.issue', FALSE, '', '{{}}')"
        ))
    };
    sqlx::query(old("r1")).execute(&pool).await.expect("a record");
    open(&url).await.close().await;
    sqlx::query(old("r2")).execute(&pool).await.expect("a record of the program before");
    let marks = "SELECT id, sealed FROM audit_records ORDER BY id";
    let marks: Vec<(String, Option<i64>)> = sqlx::query_as(marks).fetch_all(&pool).await.expect("marks");
    assert_eq!(marks, [("r1".to_owned(), Some(0)), ("r2".to_owned(), None)]);
    pool.close().await;
}
