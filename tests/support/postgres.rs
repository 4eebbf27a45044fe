//! A throwaway PostgreSQL cluster for this test process, and a fresh database in it for each test.
//!
//! A supervising shell owns the server: it stops the server and removes its folder when its standard input ends, which is
//! when this process ends, however it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection};

/// Where Debian's postgresql-15 keeps its programs.
const BIN: &str = "/usr/lib/postgresql/15/bin";

/// Owns the server; the suites in Python start theirs with it too.
const SUPERVISOR: &str = include_str!("postgres.sh");

/// The running cluster. Its supervisor's standard input stays open as long as this process lives.
struct Cluster {
    port: u16,
    _supervisor: Child,
}

static CLUSTER: LazyLock<Result<Cluster, String>> = LazyLock::new(start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

fn start() -> Result<Cluster, String> {
    if !Path::new(BIN).join("initdb").exists() {
        return Err(format!("{BIN}/initdb is missing: install PostgreSQL with `apt-get install postgresql-15`"));
    }
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    let port = free.map_err(|e| format!("no free port: {e}"))?.port();
    let root = std::fs::metadata("/proc/self").map_err(|e| format!("/proc/self: {e}"))?.uid() == 0;
    // PostgreSQL refuses to run as root.
    let mut command = Command::new(if root { "setpriv" } else { "sh" });
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
    }
    let mut supervisor = command
        .args(["-c", SUPERVISOR, "sh", BIN, &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("the supervisor of PostgreSQL can't be started: {e}"))?;
    let mut line = String::new();
    let heard = supervisor.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    if matches!(heard, Some(Ok(_))) && line == "ready\n" {
        return Ok(Cluster { port, _supervisor: supervisor });
    }
    let mut log = String::new();
    if let Some(err) = supervisor.stderr.as_mut() {
        let _ = err.read_to_string(&mut log);
    }
    Err(format!("PostgreSQL did not start:\n{log}"))
}

/// The address of a database that no other test uses.
///
/// # Panics
/// When PostgreSQL is not installed or does not start: a test that needs it must not pass without it.
pub async fn fresh_database() -> String {
    let port = match &*CLUSTER {
        Ok(cluster) => cluster.port,
        Err(why) => panic!("{why}"),
    };
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let address = |database: &str| format!("postgres://tollgate@127.0.0.1:{port}/{database}?sslmode=disable");
    let mut admin = PgConnection::connect(&address("postgres")).await.expect("the cluster accepts connections");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} STRATEGY wal_log"));
    sqlx::query(create).execute(&mut admin).await.expect("a fresh database can be made");
    admin.close().await.expect("the connection closes");
    address(&name)
}
