//! When an authorization server that does not answer is left alone.

use std::time::Duration;

use crate::types::Timestamp;

/// Faults in a row after which it is left alone.
const FAULTS: u32 = 5;
/// For how long, the first time.
const FIRST: Duration = Duration::from_secs(1);
/// For how long at most; each further time doubles it.
const LONGEST: Duration = Duration::from_secs(30);

/// What is known of an authorization server.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    faults: u32,
    open_until: Option<Timestamp>,
    pause: Duration,
}

impl Circuit {
    /// Whether it is asked now. Once a pause is over, one request finds out.
    pub(super) fn admits(&mut self, now: Timestamp) -> bool {
        match self.open_until {
            None => true,
            // A clock that went back makes no pause longer.
            Some(until) if now < until && until.since(now) <= self.pause => false,
            Some(_) => {
                // Whoever comes before that request is answered finds the pause renewed.
                self.open_until = Some(now.plus(self.pause));
                true
            }
        }
    }

    /// It answered, or did not.
    pub(super) fn heard(&mut self, answered: bool, now: Timestamp) {
        if answered {
            *self = Self::default();
            return;
        }
        self.faults = self.faults.saturating_add(1);
        if self.faults >= FAULTS {
            self.pause = if self.pause.is_zero() { FIRST } else { (self.pause * 2).min(LONGEST) };
            self.open_until = Some(now.plus(self.pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_makes_no_pause_longer() {
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        let mut circuit = Circuit::default();
        (0..FAULTS).for_each(|_| circuit.heard(false, at(7200)));
        assert!(!circuit.admits(at(7200)));
        assert!(circuit.admits(at(3600)));
        assert!(!circuit.admits(at(3600)), "one request finds out");
    }

    #[test]
    fn it_opens_after_faults_in_a_row_and_closes_with_an_answer() {
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        let mut circuit = Circuit::default();
        for n in 0..4 {
            assert!(circuit.admits(at(n)));
            circuit.heard(false, at(n));
        }
        circuit.heard(true, at(4));
        for n in 5..10 {
            assert!(circuit.admits(at(n)), "an answer began the count anew");
            circuit.heard(false, at(n));
        }
        assert!(!circuit.admits(at(9)));
        assert!(circuit.admits(at(10)), "one finds out");
        assert!(!circuit.admits(at(10)), "and the others wait for it");
        circuit.heard(false, at(10));
        assert!(!circuit.admits(at(11)), "twice as long");
        assert!(circuit.admits(at(12)));
        circuit.heard(true, at(12));
        assert!(circuit.admits(at(12)) && circuit.admits(at(12)));
        for _ in 0..40 {
            circuit.heard(false, at(20));
        }
        assert!(!circuit.admits(at(49)) && circuit.admits(at(50)), "never longer than the longest pause");
    }
}
