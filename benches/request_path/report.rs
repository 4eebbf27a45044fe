//! Medians of interleaved rounds, and the ratio.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::{Loaded, Shape};

/// One round of one contestant.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    cpu: f64,
    /// CPU of the serving thread, microseconds per request.
    pub(crate) path: f64,
    throughput: f64,
    p50: Duration,
    p99: Duration,
}

impl Measured {
    pub(crate) fn new(loaded: &Loaded, cpu_micros: u64, path_micros: u64) -> Self {
        let requests = loaded.latencies.len().max(1);
        let at = |share: usize| loaded.latencies.get(requests * share / 100).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds are far below 2^52")]
        let (cpu, path, count) = (cpu_micros as f64, path_micros as f64, requests as f64);
        Self { cpu: cpu / count, path: path / count, throughput: count / loaded.elapsed.as_secs_f64(), p50: at(50), p99: at(99) }
    }
}

#[derive(Default)]
pub(crate) struct Table {
    closed: BTreeMap<(Shape, &'static str), Vec<Measured>>,
    paced: BTreeMap<&'static str, Vec<Measured>>,
}

impl Table {
    pub(crate) fn add(&mut self, shape: Shape, name: &'static str, measured: Measured) {
        self.closed.entry((shape, name)).or_default().push(measured);
    }

    pub(crate) fn add_paced(&mut self, name: &'static str, measured: Measured) {
        self.paced.entry(name).or_default().push(measured);
    }

    pub(crate) fn print(&self, resident: &[(&str, u64)]) {
        println!("| requests | contestant | CPU µs/request | on the request path | requests/s | p50 µs | p99 µs |");
        println!("|---|---|---|---|---|---|---|");
        for ((shape, name), rounds) in &self.closed {
            row(&format!("{shape:?}"), name, rounds);
        }
        for (name, rounds) in &self.paced {
            row("Query at 4000/s", name, rounds);
        }
        for shape in [Shape::Query, Shape::ToolCall] {
            let of = |name| self.closed.get(&(shape, name)).map(Vec::as_slice).unwrap_or_default();
            // Each round's pair ran within seconds: the ratio of pairs is steadier than the ratio of medians.
            let ratio = |f: fn(&Measured) -> f64| {
                median(&of("gate").iter().zip(of("pass")).map(|(gate, pass)| f(gate) / f(pass)).collect::<Vec<_>>())
            };
            let (path, whole, pairs) = (ratio(|m| m.path), ratio(|m| m.cpu), of("gate").len());
            println!(
                "{shape:?}: CPU of the gate over the pass-through: {path:.3} on the request path, {whole:.3} with the records carried into the store (medians of {pairs} pairs)"
            );
        }
        for (name, mib) in resident {
            println!("{name}: {mib} MiB resident after the run");
        }
    }
}

fn row(what: &str, name: &str, rounds: &[Measured]) {
    let of = |f: fn(&Measured) -> f64| median(&rounds.iter().map(f).collect::<Vec<_>>());
    println!(
        "| {what} | {name} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} |",
        of(|m| m.cpu),
        of(|m| m.path),
        of(|m| m.throughput),
        of(|m| m.p50.as_secs_f64() * 1e6),
        of(|m| m.p99.as_secs_f64() * 1e6)
    );
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
