//! Who holds how many of the places of an upstream, so that nobody alone keeps everybody else out.

use std::hash::{BuildHasher as _, Hash, Hasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::types::network;

/// From how many places on they are shared: an eighth of fewer is next to nothing.
const SHARED_FROM: u32 = 64;
/// Rows of counters.
const ROWS: usize = 2;
/// Counters of a row.
const WIDTH: usize = 1_024;

/// Who asks for a place.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A user in an organization.
    User {
        /// The organization.
        org: &'a str,
        /// The user.
        user: &'a str,
    },
    /// Somebody unknown, by address where that tells them from others.
    Stranger(Option<IpAddr>),
}

/// Who holds a part of it that others are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("few places are left, and whoever asks holds many")]
pub struct TooMany;

/// Counts what each holds without a lock and without a list: a caller has a counter in each row and holds at most what the least of
/// them says. Where two callers meet depends on a key of this process; in both rows they hardly ever do.
#[derive(Debug)]
pub(super) struct Holders {
    total: u32,
    hasher: RandomState,
    counters: Box<[AtomicU32]>,
}

/// The counters of a caller.
type Spots = [usize; ROWS];

/// What a caller holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    of: Arc<Holders>,
    user: Option<Spots>,
    org: Spots,
}

impl Holders {
    /// Counters for so many places; `None` when they are too few to be shared.
    pub(super) fn of(total: u32) -> Option<Arc<Self>> {
        if total < SHARED_FROM {
            return None;
        }
        let counters = std::iter::repeat_with(AtomicU32::default).take(ROWS * WIDTH).collect();
        Some(Arc::new(Self { total, hasher: RandomState::new(), counters }))
    }

    /// Counts one more for `who`. It counts before there is a place: of many who come at once no more get one than may.
    pub(super) fn hold(self: &Arc<Self>, who: &Who<'_>) -> Held {
        let (user, org) = match *who {
            Who::User { org, user } => {
                // Both begin alike, and are hashed at once as far as they do.
                let mut key = self.hasher.build_hasher();
                ("organization", org).hash(&mut key);
                let org = spots(key.finish());
                user.hash(&mut key);
                (Some(spots(key.finish())), org)
            }
            Who::Stranger(from) => (from.map(|from| self.spots(&("network", network(from)))), self.spots(&"strangers")),
        };
        for at in user.iter().chain([&org]).flatten() {
            self.counters[*at].fetch_add(1, Ordering::Relaxed);
        }
        Held { of: Arc::clone(self), user, org }
    }

    fn spots(&self, key: &impl Hash) -> Spots {
        spots(self.hasher.hash_one(key))
    }

    fn count(&self, spots: &Spots) -> u32 {
        spots.iter().map(|at| self.counters[*at].load(Ordering::Relaxed)).min().unwrap_or(0)
    }
}

fn spots(hash: u64) -> Spots {
    let spot = |part: u64| usize::try_from(part % WIDTH as u64).unwrap_or(0);
    [spot(hash), WIDTH + spot(hash >> 32)]
}

impl Held {
    /// Whether this may be one of the places when so many are free beside it. Of the last quarter nobody gets one who holds an eighth
    /// of all besides, and of the last eighth no organization that does; strangers are one together.
    ///
    /// # Errors
    /// When it may not.
    pub(super) fn check(&self, free: u32) -> Result<(), TooMany> {
        let (quarter, eighth) = (self.of.total / 4, self.of.total / 8);
        if free >= quarter {
            return Ok(());
        }
        // This one is counted.
        let too_many = |spots: &Spots| self.of.count(spots) > eighth;
        if self.user.as_ref().is_some_and(too_many) || (free < eighth && too_many(&self.org)) { Err(TooMany) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for at in self.user.iter().chain([&self.org]).flatten() {
            self.of.counters[*at].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Who<'_> = Who::User { org: "acme", user: "ada" };

    #[test]
    fn few_places_are_not_shared() {
        assert!(Holders::of(63).is_none() && Holders::of(64).is_some());
    }

    #[test]
    fn who_holds_an_eighth_gets_none_of_the_last_quarter() {
        let holders = Holders::of(64).expect("enough places");
        let mut held: Vec<_> = (0..8).map(|_| holders.hold(&ADA)).collect();
        assert_eq!(held.iter().map(|one| one.check(0)).collect::<Vec<_>>(), vec![Ok(()); 8], "an eighth is anybody's");
        held.push(holders.hold(&ADA));
        assert_eq!((held[8].check(16), held[8].check(15)), (Ok(()), Err(TooMany)));
        let other = holders.hold(&Who::User { org: "beta", user: "ada" });
        assert_eq!(other.check(0), Ok(()), "the same user in another organization is another caller");
        held.pop();
        assert_eq!(held[7].check(0), Ok(()), "what is given back counts no more");
    }

    #[test]
    fn an_organization_that_holds_an_eighth_gets_none_of_the_last() {
        let holders = Holders::of(64).expect("enough places");
        let users: Vec<_> = (0..9).map(|n| format!("user-{n}")).collect();
        let held: Vec<_> = users.iter().map(|user| holders.hold(&Who::User { org: "acme", user })).collect();
        assert_eq!((held[8].check(8), held[8].check(7)), (Ok(()), Err(TooMany)), "no user of them holds more than one");
        assert_eq!(holders.hold(&Who::User { org: "beta", user: "bob" }).check(0), Ok(()));
    }

    #[test]
    fn strangers_are_told_apart_by_network_and_are_one_together() {
        let holders = Holders::of(64).expect("enough places");
        let from = |text: &str| Who::Stranger(text.parse().ok());
        let held: Vec<_> = (0..9).map(|n| holders.hold(&from(&format!("2001:db8::{n}")))).collect();
        assert_eq!(held[8].check(15), Err(TooMany), "one /64");
        let other = holders.hold(&from("2001:db8:0:1::1"));
        assert_eq!((other.check(8), other.check(7)), (Ok(()), Err(TooMany)));
        assert_eq!(holders.hold(&Who::Stranger(None)).check(8), Ok(()), "who can't be told from others is no single caller");
        assert_eq!(holders.hold(&ADA).check(0), Ok(()));
    }
}
