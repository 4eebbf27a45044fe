//! Whether a request costs more the more there is.

use std::process::ExitCode;
use std::time::Duration;

use super::load::{Plan, Shape};
use super::process::pin;
use super::report::median;
use super::{Contestant, LOAD_CORE, measure, resident, start, upstream};

/// Routes and live tokens of each gate; the first is what the others are compared with.
const SIZES: [(u32, u32); 5] = [(10, 1), (1_000, 1), (10_000, 1), (10, 10_000), (10, 100_000)];
/// What takes minutes to make and gigabytes to hold.
const MILLION: (u32, u32) = (10, 1_000_000);

/// Measures each size in turns with the first; `million` measures that many tokens alone. Fails when one costs more than `within` times
/// the smallest.
pub(crate) fn drive(span: Duration, rounds: u64, million: bool, within: f64) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    pin(LOAD_CORE);
    let upstream = runtime.block_on(upstream::start());
    let gate = |(routes, tokens): (u32, u32)| {
        let more = ["--routes".to_owned(), routes.to_string(), "--tokens".to_owned(), tokens.to_string()];
        start("gate", "/bench", upstream, &more)
    };
    let small = gate(SIZES[0]);
    println!("| routes | live tokens | CPU \u{b5}s/request | over the smallest | MiB resident |");
    println!("|---|---|---|---|---|");
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
        println!("| {} | {} | {cost:.1} | {ratio:.2} | {} |", size.0, size.1, resident(large.process.id()));
        kept &= ratio <= within;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
