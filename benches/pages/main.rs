//! How long each page takes to render in an organization with many grants, members, clients and audit records.
//!
//! `cargo bench --bench pages [-- --rounds N --only PART --within MS]`, where PART is a part of the names of those to be measured. The
//! store is SQLite in a temporary directory. Each page is asked of its router in this process, without a socket: session, permissions,
//! queries and HTML, nothing else. Printed are the median and the 99th percentile; the run fails when one of the latter is beyond
//! `--within`.
//!
//! A figure in milliseconds says as much about the machine as about the page. So every run measures its own floor first: a fixed piece of
//! work that no change here makes faster (SHA-256 over 1 MiB), and the page that shows nothing of the store, which is the price of a
//! session and a frame alone. Each page is told in multiples of the former as well; those can be compared between machines and days.

mod app;
mod paths;
#[expect(dead_code, reason = "other benches make tokens with it")]
#[path = "../support/node.rs"]
mod support;
mod world;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tollgate::types::{RequestId, SystemEntropy};
use tollgate::web::Peer;
use tower::ServiceExt as _;

use self::paths::{Ask, Page};
use self::world::World;

/// The production allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Size of the block whose hash is the floor.
const FLOOR_BYTES: usize = 1024 * 1024;
/// Renderings of each page before any is measured.
const WARM_UP: usize = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).map(String::as_str);
    let rounds = value("--rounds").and_then(|v| v.parse().ok()).unwrap_or(300);
    let within = value("--within").map_or(f64::INFINITY, |v| v.parse().expect("--within takes a number"));
    let only = value("--only").unwrap_or_default();
    let begun = Instant::now();
    let world = World::fill().await;
    println!("{} in {:.0} s", world::SIZE, begun.elapsed().as_secs_f64());
    println!("{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}", "page", "bytes", "p50 ms", "p99 ms", "p50/floor", "p99/floor");
    let block = vec![0x5a; FLOOR_BYTES];
    let floor = measured(rounds, async || hashed(&block)).await;
    let unit = floor.at(50);
    floor.print("floor: SHA-256 over 1 MiB", unit);
    let (mut kept, mut any) = (true, false);
    for page in world.pages().into_iter().filter(|page| page.name.contains(only)) {
        any = true;
        let times = measured(rounds, async || render(&world, world.router(), &page).await).await;
        times.print(page.name, unit);
        kept &= times.at(99) <= within;
    }
    world.end().await;
    assert!(any, "no page's name has {only:?} in it");
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long one piece of work took, each time.
struct Times {
    sorted: Vec<Duration>,
    bytes: usize,
}

impl Times {
    /// Milliseconds that so many of a hundred stayed within.
    fn at(&self, share: usize) -> f64 {
        self.sorted[(self.sorted.len() - 1) * share / 100].as_secs_f64() * 1e3
    }

    fn print(&self, name: &str, unit: f64) {
        let (median, most) = (self.at(50), self.at(99));
        let Self { bytes, .. } = self;
        println!("{name:<44} {bytes:>9} {median:>9.2} {most:>9.2} {:>9.1} {:>9.1}", median / unit, most / unit);
    }
}

async fn measured(rounds: usize, work: impl AsyncFn() -> usize) -> Times {
    let mut sorted = Vec::with_capacity(rounds);
    let mut bytes = 0;
    for round in 0..WARM_UP + rounds.max(1) {
        let begun = Instant::now();
        bytes = work().await;
        if round >= WARM_UP {
            sorted.push(begun.elapsed());
        }
    }
    sorted.sort();
    Times { sorted, bytes }
}

/// The work that pages are compared with; the size of what it makes.
fn hashed(block: &[u8]) -> usize {
    black_box(digest(&SHA256, black_box(block)).as_ref()).len()
}

/// Renders a page whole; its size.
async fn render(world: &World, router: Router, page: &Page) -> usize {
    let request = Request::builder().uri(&page.path);
    let request = match &page.ask {
        Ask::Stranger => request.body(Body::empty()),
        Ask::SignedIn => request.header("cookie", &world.cookie).body(Body::empty()),
        Ask::Form(fields) => request
            .method(Method::POST)
            .header("cookie", &world.cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(fields.clone())),
    };
    let mut request = request.expect("a request");
    request.extensions_mut().insert(Peer {
        addr: "192.0.2.7:4711".parse().ok(),
        request: RequestId::generate(world.node.now(), &SystemEntropy),
        trace: None,
        user_agent: Some("bench/1".into()),
    });
    let response = router.oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK, "{}", page.name);
    response.into_body().collect().await.expect("a whole page").to_bytes().len()
}
