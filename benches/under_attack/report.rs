//! The table: latencies beside each attack, and without it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attacks::Attack;
use super::healthy::Heard;

/// One round of one attack.
pub(crate) struct Measured {
    pub(crate) heard: Heard,
    /// CPU that the gate used, in cores.
    pub(crate) busy: f64,
    /// Resident memory of the gate before, at its highest, and after, KiB.
    pub(crate) memory: [u64; 3],
    /// What the attacker says that it did.
    pub(crate) tally: String,
}

/// How busy an overload keeps the gate at the least, in cores.
const OVERLOADED: f64 = 0.8;

/// All rounds, each with the quiet time before it.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<Attack, Vec<(Measured, Heard)>>);

impl Table {
    pub(crate) fn add(&mut self, attack: Attack, measured: Measured, quiet: Heard) {
        self.0.entry(attack).or_default().push((measured, quiet));
    }

    /// Whether every answer was right and every attack took place.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.iter().all(|(attack, rounds)| {
            rounds.iter().all(|(m, quiet)| {
                let happened = !attack.touches_the_gate() || !m.tally.starts_with("0 connections");
                let happened = happened && !(*attack == Attack::Overload && m.busy < OVERLOADED);
                happened && m.heard.wrong + quiet.wrong == 0 && !m.heard.latencies.is_empty()
            })
        })
    }

    /// Whether no attack makes the p99 more than so many times the quiet one.
    pub(crate) fn is_within(&self, times: f64) -> bool {
        self.0.iter().filter(|(attack, _)| attack.touches_the_gate()).all(|(_, rounds)| over_quiet(rounds, 990) <= times)
    }

    pub(crate) fn print(&self) {
        println!(
            "| beside | p50 ms | p99 ms | p99.9 ms | p50 over quiet | p99 over quiet | gate's cores | MiB before, most, after | wrong |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        let quiet = self.0.values().flatten().map(|(_, quiet)| quiet);
        let all = pooled(quiet.clone());
        let wrong: u64 = quiet.map(|q| q.wrong).sum();
        println!("| nothing | {} | 1.0 | 1.0 | | | {wrong} |", times(&all));
        for (attack, rounds) in &self.0 {
            let latencies = pooled(rounds.iter().map(|(m, _)| &m.heard));
            let busy = median(rounds.iter().map(|(m, _)| m.busy).collect());
            let memory = |i: usize, pick: fn(u64, u64) -> u64| {
                rounds.iter().map(|(m, _)| m.memory[i]).reduce(pick).unwrap_or_default() / 1024
            };
            let (before, most, after) = (memory(0, u64::min), memory(1, u64::max), memory(2, u64::max));
            let wrong: u64 = rounds.iter().map(|(m, _)| m.heard.wrong).sum();
            println!(
                "| {} | {} | {:.1} | {:.1} | {busy:.2} | {before}, {most}, {after} | {wrong} |",
                attack.title(),
                times(&latencies),
                over_quiet(rounds, 500),
                over_quiet(rounds, 990),
            );
        }
        for (attack, rounds) in &self.0 {
            println!("{}: {}", attack.name(), rounds.last().map(|(m, _)| m.tally.as_str()).unwrap_or_default());
        }
    }
}

/// How many times the quiet latency that so many of a thousand stayed within is the one beside the attack: the median of the rounds.
fn over_quiet(rounds: &[(Measured, Heard)], share: usize) -> f64 {
    median(rounds.iter().map(|(m, quiet)| at(&sorted(&m.heard), share) / at(&sorted(quiet), share)).collect())
}

fn pooled<'h>(all: impl Iterator<Item = &'h Heard>) -> Vec<Duration> {
    let mut latencies: Vec<_> = all.flat_map(|h| h.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    latencies
}

fn sorted(heard: &Heard) -> Vec<Duration> {
    pooled(std::iter::once(heard))
}

fn times(sorted: &[Duration]) -> String {
    format!("{:.2} | {:.2} | {:.2}", at(sorted, 500), at(sorted, 990), at(sorted, 999))
}

/// Milliseconds that so many of a thousand stayed within.
fn at(sorted: &[Duration], share: usize) -> f64 {
    sorted.get(sorted.len().saturating_sub(1) * share / 1000).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
