//! How long each page takes to render in an organization with many grants, members, clients and audit records.
//!
//! `cargo bench --bench pages [-- --rounds N]`. The store is SQLite in a temporary directory. Each page is asked of its router in this
//! process, without a socket: session, permissions, queries and HTML, nothing else. Printed are the median and the 99th percentile.

#[expect(dead_code, reason = "other benches make tokens with it")]
#[path = "../support/node.rs"]
mod support;
mod world;

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tollgate::types::{RequestId, SystemEntropy};
use tollgate::web::Peer;
use tower::ServiceExt as _;

use self::world::World;

/// The production allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Renderings of each page before any is measured.
const WARM_UP: usize = 10;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments.iter().position(|a| a == "--rounds").and_then(|i| arguments.get(i + 1)?.parse().ok()).unwrap_or(300);
    let begun = Instant::now();
    let world = World::fill().await;
    println!("{} in {:.0} s", world::SIZE, begun.elapsed().as_secs_f64());
    println!("{:<44} {:>9} {:>9} {:>9}", "page", "bytes", "p50 ms", "p99 ms");
    for (name, path) in world.paths() {
        let mut times = Vec::with_capacity(rounds);
        let mut bytes = 0;
        for round in 0..WARM_UP + rounds {
            let begun = Instant::now();
            bytes = render(&world, world.router(), &path).await;
            if round >= WARM_UP {
                times.push(begun.elapsed());
            }
        }
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
        println!("{name:<44} {bytes:>9} {:>9.2} {:>9.2}", at(50), at(99));
    }
    world.end().await;
}

/// Renders a page whole; its size.
async fn render(world: &World, router: Router, path: &str) -> usize {
    let mut request = Request::get(path).header("cookie", &world.cookie).body(Body::empty()).expect("a request");
    request.extensions_mut().insert(Peer {
        addr: "192.0.2.7:4711".parse().ok(),
        request: RequestId::generate(world.node.now(), &SystemEntropy),
        trace: None,
        user_agent: Some("bench/1".into()),
    });
    let response = router.oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.into_body().collect().await.expect("a whole page").to_bytes().len()
}
