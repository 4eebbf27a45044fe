//! Whether a request costs more the more there is.

use std::process::ExitCode;
use std::time::Duration;

use super::contestants::Size;
use super::load::{Plan, Shape};
use super::process::pin;
use super::report::median;
use super::{Contestant, LOAD_CORE, measure, resident, start, upstream};

/// What the others are compared with.
const SMALLEST: Size = Size { routes: 10, tokens: 1, revocations: 1 };
const SIZES: [Size; 6] = [
    SMALLEST,
    Size { routes: 1_000, ..SMALLEST },
    Size { routes: 10_000, ..SMALLEST },
    Size { tokens: 10_000, ..SMALLEST },
    Size { tokens: 100_000, ..SMALLEST },
    Size { revocations: 100_000, ..SMALLEST },
];
/// What takes minutes to make and gigabytes to hold.
const MILLION: Size = Size { tokens: 1_000_000, ..SMALLEST };

/// Measures each size in turns with the first; `million` measures that many tokens alone. Fails when one costs more than `within` times
/// the smallest.
pub(crate) fn drive(span: Duration, rounds: u64, million: bool, within: f64) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    pin(LOAD_CORE);
    let upstream = runtime.block_on(upstream::start());
    let gate = |size: Size| {
        let counts = [("--routes", size.routes), ("--tokens", size.tokens), ("--revocations", size.revocations)];
        let more = counts.map(|(name, count)| [name.to_owned(), count.to_string()]).concat();
        start("gate", "/bench", upstream, &more)
    };
    let small = gate(SMALLEST);
    println!("| routes | live tokens | revoked tokens | CPU \u{b5}s/request | over the smallest | MiB resident |");
    println!("|---|---|---|---|---|---|");
    let mut kept = true;
    for size in if million { vec![MILLION] } else { SIZES.to_vec() } {
        let large = gate(size);
        let ask = |contestant: &Contestant| {
            let plan = Plan {
                address: contestant.address,
                mount: contestant.mount,
                tokens: &contestant.tokens,
                shape: Shape::Query,
                connections: 32,
                span,
                pace: None,
            };
            measure(&runtime, contestant, &plan).path
        };
        ask(&large);
        let pairs: Vec<(f64, f64)> = (0..rounds).map(|_| (ask(&small), ask(&large))).collect();
        let cost = median(&pairs.iter().map(|(_, large)| *large).collect::<Vec<_>>());
        let ratio = median(&pairs.iter().map(|(small, large)| large / small).collect::<Vec<_>>());
        let (Size { routes, tokens, revocations }, resident) = (size, resident(large.process.id()));
        println!("| {routes} | {tokens} | {revocations} | {cost:.1} | {ratio:.2} | {resident} |");
        kept &= ratio <= within;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
