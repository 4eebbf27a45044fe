//! G4 when the process is killed: every answer that a client received whole is on record afterwards.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tollgate::record::Event;
use tollgate::store::{AuditFilter, SharedStore, sql};
use tollgate::types::{Clock as _, GrantId, NodeId, SystemClock, SystemEntropy};

use crate::harness::gateway::{config_text, free_port, secret};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Gateway, Setup, Upstream, within};

const ROUNDS: usize = 20;
const CLIENTS: usize = 6;

async fn spawn(config: &Path, store: &str, public: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["serve", "--config"]).arg(config).env("SECRET", secret()).env("STORE", store).env("TOLLGATE_LOG", "error");
    let mut child = command.kill_on_drop(true).spawn().expect("the program starts");
    within("a listening gateway", async {
        while tokio::net::TcpStream::connect(public).await.is_err() {
            assert!(child.try_wait().expect("a status").is_none(), "the gateway ended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    child
}

/// Asks until the gateway is gone; gives the ids of the answers that came whole.
async fn load(public: SocketAddr, token: String, answered: Arc<AtomicUsize>, more: Arc<Notify>) -> Vec<String> {
    let mut ids = Vec::new();
    let query = Request::get("/prometheus/api/v1/query?query=up").bearer(&token).bytes();
    let mut conn = Conn::open(public).await;
    loop {
        conn.send(&query).await;
        let Some(response) = within("an answer or the end", conn.try_response()).await else { return ids };
        assert_eq!(response.status, 200, "{response:?}");
        ids.push(response.request_id().to_owned());
        answered.fetch_add(1, Ordering::SeqCst);
        more.notify_one();
    }
}

async fn one_round(round: usize, public: SocketAddr, token: &str, child: &mut Child) -> Vec<String> {
    let (answered, more) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let start = |_| tokio::spawn(load(public, token.to_owned(), Arc::clone(&answered), Arc::clone(&more)));
    let clients: Vec<_> = (0..CLIENTS).map(start).collect();
    within("load", async {
        while answered.load(Ordering::SeqCst) < 30 + 11 * round {
            more.notified().await;
        }
    })
    .await;
    child.kill().await.expect("SIGKILL");
    let mut ids = Vec::new();
    for client in clients {
        ids.extend(client.await.expect("a client's ids"));
    }
    ids
}

async fn recorded(store: &SharedStore) -> HashSet<String> {
    let (mut found, mut after) = (HashSet::new(), None);
    loop {
        let page = store.search_audit(&AuditFilter::default(), after.as_ref(), 1000).await.expect("a page");
        let calls = page.rows.iter().filter(|r| matches!(r.record.event, Event::Call(_)));
        for row in calls {
            assert!(found.insert(row.record.origin.request.to_string()), "{:?} twice", row.record.origin.request);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// A world in a directory, and everything that it takes to run the program on it.
pub struct Ground {
    pub upstream: Upstream,
    pub store_url: String,
    pub token: String,
    /// What the token belongs to.
    pub grant: GrantId,
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub config: PathBuf,
    pub dir: TempDir,
}

impl Ground {
    /// The first gateway makes the world; the others share its store, its journal and its keys.
    pub async fn new() -> Self {
        let gw = Gateway::start_with(Setup { at: Some(SystemClock.now()), ..Setup::default() }).await;
        let caller = gw.caller("acme", &["reader"], "metrics:read").await;
        let (token, grant) = (caller.token, caller.grant.id);
        let Gateway { running, upstream, dir, store_url, .. } = gw;
        running.stop().await;
        let [public, admin] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let listen = format!("public = \"{public}\"\nadmin = \"{admin}\"");
        let config = dir.path().join("gateway.toml");
        std::fs::write(&config, config_text(dir.path(), upstream.address, &Setup::default(), &listen)).expect("a file");
        Self { upstream, store_url, token, grant, public, admin, config, dir }
    }

    pub async fn spawn(&self) -> Child {
        spawn(&self.config, &self.store_url, self.public).await
    }

    /// The store, as another process.
    async fn store(&self) -> SharedStore {
        let reader = NodeId::parse("node_reader").expect("an id");
        sql::open(&self.store_url, &reader, Arc::new(SystemEntropy)).await.expect("a store")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_load_lose_no_record() {
    let ground = Ground::new().await;
    let mut ids = Vec::new();
    let mut child = ground.spawn().await;
    for round in 0..ROUNDS {
        ids.extend(one_round(round, ground.public, &ground.token, &mut child).await);
        child = ground.spawn().await;
    }
    let store = ground.store().await;
    within("every record in the store", async {
        loop {
            let found = recorded(&store).await;
            if ids.iter().all(|id| found.contains(id)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(ids.len() > ROUNDS * 30, "{} answers are no load", ids.len());
    assert!(ground.upstream.count() >= ids.len());
    store.close().await;
    // Every process sealed what it stored, and what was stored again was sealed once.
    let proved = crate::proof::run(&ground.config, &ground.store_url, &["audit", "verify"]).await;
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stdout));
    child.kill().await.expect("the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_lets_requests_end() {
    let ground = Ground::new().await;
    let mut child = ground.spawn().await;
    let mut conn = Conn::open(ground.public).await;
    conn.send(&Request::get("/prometheus/api/v1/query").bearer(&ground.token).header("X-Behave", "hold").bytes()).await;
    ground.upstream.asked(1).await;
    let id = child.id().expect("a running process").to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
    assert!(sent.success());
    within("the closed socket", async {
        while tokio::net::TcpStream::connect(ground.public).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    ground.upstream.emit("");
    let response = conn.response().await;
    assert_eq!(response.status, 200);
    let status = within("the end of the process", child.wait()).await.expect("a status");
    assert!(status.success(), "{status}");
    let store = ground.store().await;
    assert!(recorded(&store).await.contains(response.request_id()), "shipped before the end");
    store.close().await;
}
