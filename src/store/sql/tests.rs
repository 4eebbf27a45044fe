//! Opening: what an address may be, and what is found behind it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::fault::Doing as _;
use super::open;
use crate::record::{Actor, Cause, Origin};
use crate::store::{Created, NewUser, SharedStore, StoreError, User, UserKind, UserState};
use crate::types::{Chain, NodeId, RequestId, SystemEntropy, Timestamp, UserId};

const AT: Timestamp = Timestamp::from_millis(1_795_219_200_000);

async fn opened(url: &str) -> Result<SharedStore, StoreError> {
    open(url, &NodeId::parse("node_1").expect("a valid id"), Arc::new(SystemEntropy)).await
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("the file is a database")
}

async fn add_user(store: &SharedStore) -> User {
    let user = ada();
    assert_eq!(create_user(store, &user).await.expect("a user"), Created::Done);
    user
}

fn ada() -> User {
    User {
        id: UserId::generate(AT, &SystemEntropy),
        email: "ada@example.com".into(),
        name: "Ada".into(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: AT,
    }
}

async fn create_user(store: &SharedStore, user: &User) -> Result<Created, StoreError> {
    let origin = Origin {
        request: RequestId::generate(AT, &SystemEntropy),
        node: NodeId::parse("node_1").expect("a valid id"),
        peer: None,
        user_agent: None,
        trace: None,
        certificate: None,
    };
    let new = NewUser { user: user.clone(), password: None };
    let cause = Cause { actor: Actor::default(), origin, at: AT };
    store.create_user(&new, &cause).await
}

#[tokio::test]
async fn useless_addresses_say_what_to_write() {
    for url in ["", "data/tollgate.db", "mysql://u:secret@host/db", "sqlite:", "sqlite::memory:", "postgres://u:secret@:x"] {
        match opened(url).await.map(|_| ()) {
            Err(StoreError::Unusable(why)) => {
                assert!(why.contains("sqlite:PATH") || why.contains("postgres://"), "{url}: {why}");
                assert!(!why.contains("secret"), "{why}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_unusable() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "this file is not a database, and long enough to be told from one by its first bytes").expect("a file");
    for path in [path.as_path(), folder.path()] {
        let outcome = opened(&format!("sqlite:{}", path.display())).await.map(|_| ());
        assert!(matches!(outcome, Err(StoreError::Unusable(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_fault() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a port that nobody serves");
    let outcome = opened(&format!("postgres://nobody@{free}/none")).await.map(|_| ());
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    let told = outcome.err().map(|error| Chain(&error).to_string()).unwrap_or_default();
    assert!(told.contains(&free.to_string()), "{told}");
}

#[tokio::test]
async fn only_its_owner_reads_a_new_file_and_it_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made/on/demand/store.db");
    let url = format!("sqlite:{}", path.display());
    let store = opened(&url).await.expect("the store opens");
    let user = add_user(&store).await;
    for file in ["store.db", "store.db-wal"] {
        let mode = std::fs::metadata(path.with_file_name(file)).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    store.close().await;
    let store = opened(&url).await.expect("the store opens again");
    assert_eq!(store.user(&user.id).await.expect("an answer"), Some(user));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let opening: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { opened(&url).await }
            })
        })
        .collect();
    for task in opening {
        task.await.expect("no panic").expect("the store opens").close().await;
    }
}

#[tokio::test]
async fn a_schema_of_the_next_version_is_tolerated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let url = format!("sqlite:{}", path.display());
    opened(&url).await.expect("the store opens").close().await;
    let mut newer = raw(&path).await;
    for statement in [
        "ALTER TABLE users ADD COLUMN locale TEXT",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'locale', TRUE, x'00', 1)",
    ] {
        sqlx::query(statement).execute(&mut newer).await.expect("the newer program migrates");
    }
    newer.close().await.expect("closed");
    let store = opened(&url).await.expect("the older program still opens it");
    add_user(&store).await;
    store.close().await;
}

#[tokio::test]
async fn an_impossible_row_is_a_named_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let store = opened(&format!("sqlite:{}", path.display())).await.expect("the store opens");
    let user = add_user(&store).await;
    let mut vandal = raw(&path).await;
    for (statement, possible) in [
        ("UPDATE users SET kind = 'robot'", false),
        ("UPDATE feed_head SET one = 2", false),
        ("UPDATE users SET id = 'no id', email = 'x'", true),
    ] {
        let done = sqlx::query(statement).execute(&mut vandal).await;
        assert_eq!(done.is_ok(), possible, "{statement}");
    }
    match store.user_by_email("x").await {
        Err(StoreError::Inconsistent { table: "users", column: "u_id", row }) => assert_eq!(row, "no id"),
        other => panic!("{other:?}, not a fault of {}", user.id),
    }
    store.close().await;
}

#[tokio::test]
async fn a_record_that_cant_be_read_keeps_no_other_from_hooks() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let store = opened(&format!("sqlite:{}", path.display())).await.expect("the store opens");
    add_user(&store).await;
    let mut vandal = raw(&path).await;
    for statement in [
        "DELETE FROM hook_events",
        "INSERT INTO hook_events (record_id, at) SELECT id, time FROM audit_records",
        "INSERT INTO audit_records (id, time, request_id, operation, denied, search, record) \
         VALUES ('rec_broken', 0, 'q', 'password.change', 0, '', '{}')",
        "INSERT INTO hook_events (record_id, at) VALUES ('rec_broken', 0)",
    ] {
        sqlx::query(statement).execute(&mut vandal).await.expect(statement);
    }
    let waiting = store.hook_events(None, 9).await.expect("what waits");
    let readable: Vec<_> = waiting.iter().map(|one| one.record.is_ok()).collect();
    assert_eq!(readable, [false, true]);
    assert_eq!(waiting[0].id.as_str(), "rec_broken");
    vandal.close().await.expect("closed");
    store.close().await;
}

/// SQLite undoes a transaction by itself when the disk is full. So does a trigger that raises ROLLBACK: what comes after is the same.
#[tokio::test]
async fn a_full_disk_ends_with_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let store = opened(&format!("sqlite:{}", path.display())).await.expect("the store opens");
    store.ping().await.expect("a store that works");
    let mut disk = raw(&path).await;
    for statement in [
        "CREATE TRIGGER full_log BEFORE INSERT ON audit_records BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
        "CREATE TRIGGER full_beat BEFORE UPDATE ON heartbeat BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
    ] {
        sqlx::query(statement).execute(&mut disk).await.expect(statement);
    }
    for _ in 0..3 {
        let outcome = create_user(&store, &ada()).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
        assert!(store.ping().await.is_err(), "readiness must see it");
    }
    for statement in ["DROP TRIGGER full_log", "DROP TRIGGER full_beat"] {
        sqlx::query(statement).execute(&mut disk).await.expect(statement);
    }
    disk.close().await.expect("closed");
    store.ping().await.expect("the store can be written again");
    add_user(&store).await;
    store.close().await;
}

/// What stands beside the file of a store.
fn beside(path: &Path) -> Vec<&'static str> {
    let there = |end: &&'static str| path.with_file_name(format!("store.db{end}")).exists();
    ["-wal", "-shm", "-journal"].into_iter().filter(there).collect()
}

#[tokio::test]
async fn a_stopped_store_is_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let store = opened(&format!("sqlite:{}", path.display())).await.expect("the store opens");
    let user = add_user(&store).await;
    assert_eq!(store.user(&user.id).await.expect("an answer").as_ref(), Some(&user), "somebody has read");
    assert!(beside(&path).contains(&"-wal"), "a store that runs has a log");
    store.close().await;
    assert!(beside(&path).is_empty(), "{:?}", beside(&path));
}

/// The block of shell that follows a heading of the runbook and holds `word`.
fn command(heading: &str, word: &str) -> &'static str {
    let (_, section) = include_str!("../../manual/runbook.md").split_once(heading).expect("the section");
    let mut blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains(word)).expect("the command")
}

fn shell(folder: &Path, script: &str) {
    let done = std::process::Command::new("sh").args(["-ec", script]).current_dir(folder).output().expect("a shell");
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// By the commands of the runbook. A store that was killed left its log: that must not get into the file that is put there.
#[tokio::test]
async fn a_backup_is_restored_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data/tollgate.db");
    let url = format!("sqlite:{}", path.display());
    let store = opened(&url).await.expect("the store opens");
    let backed_up = add_user(&store).await;
    shell(folder.path(), command("## Back up and restore", ".backup"));
    let mode = std::fs::metadata(folder.path().join("backup.db")).expect("a backup").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others must not read it");
    let later = User { email: "grace@example.com".into(), ..ada() };
    create_user(&store, &later).await.expect("a user");
    let log = std::fs::read(path.with_file_name("tollgate.db-wal")).expect("the log of a store that runs");
    store.close().await;
    // As after a kill.
    std::fs::write(path.with_file_name("tollgate.db-wal"), log).expect("a log that was left");
    shell(folder.path(), command("## Back up and restore", "rm -f"));
    let store = opened(&url).await.expect("the restored store opens");
    assert_eq!(store.user(&backed_up.id).await.expect("an answer"), Some(backed_up), "what was backed up");
    assert_eq!(store.user(&later.id).await.expect("an answer"), None, "what came after");
    assert_eq!(store.user_by_email("grace@example.com").await.expect("an answer"), None);
    let mut file = raw(&path).await;
    let sound: String = sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut file).await.expect("an answer");
    assert_eq!(sound, "ok");
    file.close().await.expect("closed");
    store.close().await;
}

#[tokio::test]
async fn a_store_that_others_keep_busy_is_late_and_not_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    opened(&format!("sqlite:{}", path.display())).await.expect("the store opens").close().await;
    let (mut first, mut second) = (raw(&path).await, raw(&path).await);
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut second).await.expect("no patience");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut first).await.expect("the lock");
    let busy = sqlx::query("BEGIN IMMEDIATE").execute(&mut second).await.doing("begin").expect_err("somebody else has the lock");
    assert!(busy.is_late(), "{busy:?}");
    let broken = sqlx::query("SELECT nothing").execute(&mut second).await.doing("ask").expect_err("no such column");
    assert!(!broken.is_late(), "{broken:?}");
    let timed_out = Err::<(), _>(sqlx::Error::PoolTimedOut).doing("take a connection").expect_err("a fault");
    assert!(!timed_out.is_late(), "a server that is gone shows so");
}
