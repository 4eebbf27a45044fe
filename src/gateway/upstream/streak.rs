//! Failures of an endpoint in a row: which of them count, so that no caller alone has it left out for everybody.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::holders::Who;
use crate::config::Ejection;
use crate::types::{Timestamp, network};

/// Who was answered, as far as one caller is told from another. Two that are taken for one make an ejection later, never earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(u64);

impl From<Who<'_>> for Caller {
    fn from(who: Who<'_>) -> Self {
        let mut hash = DefaultHasher::new();
        match who {
            Who::User { org, user } => ("user", org, user).hash(&mut hash),
            Who::Stranger(from) => ("network", from.map(network)).hash(&mut hash),
        }
        Self(hash.finish())
    }
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// We saw it: there was no connection, no answer in time, or a broken one.
    Seen,
    /// The endpoint said it in its answer to this caller, whose own request may have brought that about.
    Told(Caller),
}

/// Callers that it takes where the endpoint itself says that it fails.
const CALLERS: u32 = 2;

/// The failures of an endpoint since it last answered anybody well.
#[derive(Debug, Default)]
pub(super) struct Streak {
    /// How many, where those that one caller was told one after the other are one.
    counted: u32,
    all: u32,
    /// Who was told of one last.
    told: Option<Caller>,
    began: Option<Timestamp>,
}

impl Streak {
    /// One more; says whether they are enough to leave the endpoint out. A caller alone is enough once nobody was answered well for as
    /// long as an endpoint is left out: then nobody else is kept from it.
    pub(super) fn add(&mut self, failure: Failure, ejection: &Ejection, now: Timestamp) -> bool {
        let began = *self.began.get_or_insert(now);
        let (again, least) = match failure {
            Failure::Seen => (false, 1),
            Failure::Told(caller) => (self.told.replace(caller) == Some(caller), CALLERS),
        };
        self.all = self.all.saturating_add(1);
        self.counted = self.counted.saturating_add(u32::from(!again));
        ejection.failures.is_some_and(|most| {
            let alone = self.all >= most.get() && now.since(began) >= ejection.base;
            self.counted >= most.get().max(least) || alone
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn ejection(failures: u32) -> Ejection {
        let seconds = Duration::from_secs;
        Ejection { failures: NonZeroU32::new(failures), base: seconds(30), longest: seconds(300) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
    }

    fn told(user: &str) -> Failure {
        Failure::Told(Who::User { org: "acme", user }.into())
    }

    /// After how many of these failures at once there are enough.
    fn enough(most: u32, failures: &[Failure]) -> Option<usize> {
        let mut streak = Streak::default();
        failures.iter().position(|failure| streak.add(*failure, &ejection(most), at(0))).map(|at| at + 1)
    }

    #[test]
    fn what_we_saw_counts_each_time() {
        assert_eq!(enough(3, &[Failure::Seen; 5]), Some(3));
        assert_eq!(enough(1, &[Failure::Seen; 5]), Some(1));
        assert_eq!(enough(0, &[Failure::Seen; 5]), None, "it is switched off");
    }

    #[test]
    fn what_one_caller_is_told_counts_once() {
        let (ada, bob) = (told("ada"), told("bob"));
        assert_eq!(enough(3, &[ada; 1_000]), None);
        assert_eq!(enough(1, &[ada; 1_000]), None, "however few it takes");
        assert_eq!(enough(1, &[ada, bob]), Some(2));
        assert_eq!(enough(3, &[ada, ada, ada, bob, bob, bob, ada]), Some(7));
        assert_eq!(enough(3, &[ada, ada, Failure::Seen, ada, ada, ada]), None, "one thing that we saw makes no second caller");
        assert_eq!(enough(3, &[ada, ada, Failure::Seen, ada, bob]), Some(5));
        let stranger = |text: &str| Failure::Told(Who::Stranger(text.parse().ok()).into());
        assert_eq!(enough(2, &[stranger("2001:db8::1"), stranger("2001:db8::2")]), None, "one network");
        assert_eq!(enough(2, &[stranger("192.0.2.1"), stranger("192.0.2.2")]), Some(2));
    }

    #[test]
    fn a_caller_alone_is_enough_once_nobody_was_answered_for_long() {
        let mut streak = Streak::default();
        for second in 0..30 {
            assert!(!streak.add(told("ada"), &ejection(3), at(second)), "{second}");
        }
        assert!(streak.add(told("ada"), &ejection(3), at(30)));
        let mut few = Streak::default();
        assert!(!few.add(told("ada"), &ejection(3), at(0)) && !few.add(told("ada"), &ejection(3), at(60)), "two are not three");
        assert!(few.add(told("ada"), &ejection(3), at(61)));
        let mut back = Streak::default();
        let asked = [100, 50, 0].map(|second| back.add(told("ada"), &ejection(3), at(second)));
        assert_eq!(asked, [false; 3], "a clock that goes back makes it no longer");
    }
}
