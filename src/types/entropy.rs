//! Randomness as a parameter.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{digest, rand};

/// Where random bytes come from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `out` with bytes that nobody can guess.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the operating system has no randomness to give: going on would issue guessable secrets.
    fn fill(&self, out: &mut [u8]) {
        rand::fill(out).expect("the operating system's random generator answers");
    }
}

/// A repeatable stream for tests: SHA-256 over a seed and a counter. Guessable on purpose.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.drawn.fetch_add(1, Ordering::Relaxed);
            let mut block = [0_u8; 16];
            block[..8].copy_from_slice(&self.seed.to_be_bytes());
            block[8..].copy_from_slice(&n.to_be_bytes());
            let bytes = digest::digest(&digest::SHA256, &block);
            chunk.copy_from_slice(&bytes.as_ref()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_streams_repeat_and_differ() {
        let draw = |seed| {
            let e = SeededEntropy::new(seed);
            let mut out = [0_u8; 40];
            e.fill(&mut out);
            out
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_system_does_not_repeat() {
        let (mut a, mut b) = ([0_u8; 16], [0_u8; 16]);
        SystemEntropy.fill(&mut a);
        SystemEntropy.fill(&mut b);
        assert_ne!(a, b);
    }
}
