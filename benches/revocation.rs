//! How long it takes to be told that a token is revoked, with one node and with several on one store.
//!
//! `cargo bench --bench revocation [-- --count N --store URL --within MILLISECONDS]`. The nodes are gateways in this process; the client
//! asks the first of them over one connection, `POST /oauth2/revoke` one after the other, and the answer comes when no node serves the
//! token any more. Beside it the floor: the same question for a token that is nobody's, which changes nothing.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tollgate::boot::{self, Options, Running};
use tollgate::config::{Config, Environment, ProcessEnvironment};
use tollgate::store::Grant;

#[path = "request_path/load.rs"]
#[expect(dead_code, reason = "one connection asks, at no pace")]
mod load;
#[path = "support/node.rs"]
#[expect(dead_code, reason = "one grant is enough")]
mod support;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nodes on one store.
const NODES: [usize; 3] = [1, 2, 3];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    let count = value("--count").map_or(500, |n| n.parse().expect("--count takes a number"));
    let within = value("--within").map_or(f64::INFINITY, |n| n.parse().expect("--within takes milliseconds"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("| nodes | what | p50 ms | p99 ms | most ms |");
    println!("|---|---|---|---|---|");
    let kept = NODES.map(|nodes| runtime.block_on(measure(nodes, count, value("--store").map(String::as_str))) <= within);
    if kept.iter().all(|kept| *kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures so many nodes; the p99 of a revocation, milliseconds.
async fn measure(nodes: usize, count: usize, store: Option<&str>) -> f64 {
    let (address, running) = start(nodes, store).await;
    let node = &running[0].0.node;
    let grant = support::grant_of(node, &format!("nodes-{nodes}-{}", std::process::id())).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut ask = async |what: &str, grant: &Grant, known: bool| {
        let mut took = Vec::with_capacity(count);
        for number in 0..count {
            let token = support::token(node, grant, &format!("{what}-{nodes}-{number}"));
            if known {
                let config = node.config.load_full();
                node.verifier.principal(token.expose_secret(), &config, node.now()).await.expect("a good token");
            }
            let presented = if known { token.expose_secret() } else { "nobody's" };
            let begun = Instant::now();
            assert_eq!(revoke(&mut stream, address, grant, presented).await, Some(200), "a revocation");
            took.push(begun.elapsed());
        }
        print(nodes, what, took)
    };
    ask("nobody's token", &grant, false).await;
    let p99 = ask("revoked token", &grant, true).await;
    for (node, _) in running {
        node.stop().await;
    }
    p99
}

async fn start(nodes: usize, store: Option<&str>) -> (SocketAddr, Vec<(Running, TempDir)>) {
    let sockets: Vec<_> = (0..nodes).map(|_| (bound(), bound())).collect();
    let address = sockets[0].0.local_addr().expect("an address");
    let mut running: Vec<(Running, TempDir)> = Vec::with_capacity(nodes);
    for sockets in sockets {
        let data = tempfile::tempdir().expect("a folder");
        let first = running.first().map_or(data.path(), |(_, first)| first.path());
        let shared = store.map_or_else(|| format!("sqlite:{}/tollgate.db", first.display()), ToOwned::to_owned);
        let own = format!("sqlite:{}/tollgate.db", data.path().display());
        let text = support::configuration(data.path(), &address.to_string(), "").replace(&own, &shared);
        let environment: Arc<dyn Environment + Send + Sync> = Arc::new(ProcessEnvironment);
        let (config, _) = Config::parse(&text, &*environment, 1).unwrap_or_else(|e| panic!("{e}"));
        let options = Options { sockets: Some(sockets), ..Options::new(config, None, environment) };
        running.push((boot::start(options).await.unwrap_or_else(|e| panic!("{e}")), data));
    }
    (address, running)
}

fn bound() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

async fn revoke(stream: &mut TcpStream, address: SocketAddr, grant: &Grant, token: &str) -> Option<u16> {
    let body = format!("client_id={}&token={token}", grant.client);
    let head = format!(
        "POST /oauth2/revoke HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    load::exchange(stream, (head + &body).as_bytes(), &mut Vec::new()).await
}

/// Prints a row; gives its p99.
fn print(nodes: usize, what: &str, mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
    println!("| {nodes} | {what} | {:.2} | {:.2} | {:.2} |", at(50), at(99), at(100));
    at(99)
}
