//! Whether an upstream is asked at all: once no connection to it could be had for a while, requests are refused without trying.
//!
//! Only connections count. An upstream that is slow, or answers with errors, can be reached, and a client has no part in whether it
//! can: so nobody opens the circuit by what they send.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::Breaker as Terms;
use crate::types::Timestamp;

/// Doublings that are counted.
const MOST_DOUBLINGS: u32 = 16;
/// The least part of a span that is waited, in thousandths: nodes that opened at one moment must not all ask at another.
const LEAST_PART: u64 = 750;

/// The circuit to one upstream.
#[derive(Debug)]
pub struct Breaker {
    terms: Terms,
    /// Whether `state` is anything but closed without a failure. All that a request looks at as long as everything is well.
    troubled: AtomicBool,
    state: Mutex<State>,
    hasher: RandomState,
    refused: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Requests pass.
    Closed { failures: u32 },
    /// None does, until then.
    Open(Span),
    /// One does, which tries whether the upstream can be reached again.
    HalfOpen { last: Span, probe: u64 },
}

/// A time in which nobody is let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    since: Timestamp,
    until: Timestamp,
    doublings: u32,
}

impl Span {
    /// What is left of it. A clock that went back must not make it longer.
    fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = if now < self.since { Duration::ZERO } else { self.until.since(now) };
        (!left.is_zero()).then_some(left)
    }
}

/// The circuit as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Requests pass.
    Closed,
    /// None does before then.
    Open(Timestamp),
    /// The next one tries whether the upstream can be reached again, or one does so at the moment.
    HalfOpen,
}

/// What a verdict changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody has to be told.
    None,
    /// The circuit is open until then.
    Opened(Timestamp),
    /// It is closed again.
    Closed,
}

/// Nobody is let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no connection could be had for a while; the next is tried in {wait:?}")]
pub struct Refused {
    /// When it is tried again.
    pub wait: Duration,
}

/// Leave to connect.
#[derive(Debug)]
pub enum Pass {
    /// As anybody.
    Free,
    /// To find out whether the upstream can be reached again.
    Probe(Probe),
}

/// The one request that finds out. Dropped without a verdict it leaves that to the next one.
#[derive(Debug)]
pub struct Probe {
    breaker: Arc<Breaker>,
    number: u64,
}

impl Drop for Probe {
    fn drop(&mut self) {
        let mut state = self.breaker.state.lock();
        if let State::HalfOpen { last, probe } = *state
            && probe == self.number
        {
            *state = State::Open(last);
        }
    }
}

impl Breaker {
    /// A closed circuit, which goes on counting what was refused before.
    #[must_use]
    pub fn new(terms: Terms, refused: u64) -> Self {
        Self {
            terms,
            troubled: AtomicBool::new(false),
            state: Mutex::new(State::Closed { failures: 0 }),
            hasher: RandomState::new(),
            refused: AtomicU64::new(refused),
        }
    }

    /// Whether it works by these terms.
    #[must_use]
    pub fn is_for(&self, terms: &Terms) -> bool {
        self.terms == *terms
    }

    /// Whether anything has gone wrong lately. Where nothing has, no clock is needed.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// Says whether a request could pass, before anything is spent on it.
    ///
    /// # Errors
    /// When it could not.
    pub fn look(&self, now: Timestamp) -> Result<(), Refused> {
        if !self.is_troubled() {
            return Ok(());
        }
        let wait = match *self.state.lock() {
            State::Closed { .. } => None,
            State::Open(span) => span.left(now),
            State::HalfOpen { .. } => Some(Duration::ZERO),
        };
        wait.map_or(Ok(()), |wait| Err(self.refuse(wait)))
    }

    /// Lets a request pass.
    ///
    /// # Errors
    /// When it must not connect.
    pub fn enter(self: &Arc<Self>, now: Timestamp) -> Result<Pass, Refused> {
        if !self.troubled.load(Ordering::Relaxed) {
            return Ok(Pass::Free);
        }
        let mut state = self.state.lock();
        match *state {
            State::Closed { .. } => Ok(Pass::Free),
            State::Open(last) => match last.left(now) {
                Some(wait) => Err(self.refuse(wait)),
                None => {
                    // As good as any number that no other probe of this circuit has: every opening begins at another time, and a
                    // probe that was dropped has nothing to say any more.
                    let number = self.hasher.hash_one((now.millis(), self.refused.load(Ordering::Relaxed)));
                    *state = State::HalfOpen { last, probe: number };
                    Ok(Pass::Probe(Probe { breaker: Arc::clone(self), number }))
                }
            },
            State::HalfOpen { .. } => Err(self.refuse(Duration::ZERO)),
        }
    }

    fn refuse(&self, wait: Duration) -> Refused {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Refused { wait }
    }

    /// The upstream was reached: by a request, or by a check of its health.
    pub fn reached(&self) -> Change {
        if !self.troubled.load(Ordering::Relaxed) {
            return Change::None;
        }
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut *state, State::Closed { failures: 0 });
        self.troubled.store(false, Ordering::Relaxed);
        match before {
            State::Closed { .. } => Change::None,
            State::Open(_) | State::HalfOpen { .. } => Change::Closed,
        }
    }

    /// No connection could be had. While the circuit is not closed only its probe has a say: others began before it opened.
    pub fn unreached(&self, pass: &Pass, now: Timestamp) -> Change {
        let Some(most) = self.terms.failures else { return Change::None };
        let mut state = self.state.lock();
        let span = match (*state, pass) {
            (State::Closed { failures }, _) if failures + 1 < most.get() => {
                *state = State::Closed { failures: failures + 1 };
                self.troubled.store(true, Ordering::Relaxed);
                return Change::None;
            }
            (State::Closed { .. }, _) => self.span(0, now),
            (State::HalfOpen { last, probe }, Pass::Probe(by)) if by.number == probe => {
                self.span((last.doublings + 1).min(MOST_DOUBLINGS), now)
            }
            (State::Open(_) | State::HalfOpen { .. }, _) => return Change::None,
        };
        *state = State::Open(span);
        self.troubled.store(true, Ordering::Relaxed);
        Change::Opened(span.until)
    }

    fn span(&self, doublings: u32, now: Timestamp) -> Span {
        let whole = self.terms.base.saturating_mul(2_u32.saturating_pow(doublings)).min(self.terms.longest);
        let part = LEAST_PART + self.hasher.hash_one((now.millis(), doublings)) % (1_001 - LEAST_PART);
        let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).saturating_mul(part) / 1_000;
        Span { since: now, until: now.plus(Duration::from_millis(millis.max(1))), doublings }
    }

    /// The circuit at `now`.
    #[must_use]
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        if !self.is_troubled() {
            return Circuit::Closed;
        }
        match *self.state.lock() {
            State::Closed { .. } => Circuit::Closed,
            State::Open(span) if span.left(now).is_some() => Circuit::Open(span.until),
            State::Open(_) | State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    /// Requests that were not let pass.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(5);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn breaker(failures: u32) -> Arc<Breaker> {
        Arc::new(Breaker::new(Terms { failures: NonZeroU32::new(failures), base: BASE, longest: LONGEST }, 0))
    }

    /// Opens it and says until when.
    fn opened(breaker: &Breaker, now: Timestamp) -> Timestamp {
        match breaker.unreached(&Pass::Free, now) {
            Change::Opened(until) => until,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_no_fewer() {
        let breaker = breaker(3);
        for _ in 0..10 {
            assert_eq!(breaker.unreached(&Pass::Free, at(0)), Change::None);
            assert_eq!(breaker.unreached(&Pass::Free, at(0)), Change::None);
            assert_eq!(breaker.reached(), Change::None, "a success in between begins the count again");
        }
        for _ in 0..2 {
            breaker.unreached(&Pass::Free, at(0));
            assert!(matches!(breaker.enter(at(0)), Ok(Pass::Free)));
        }
        let until = opened(&breaker, at(0));
        assert_eq!(breaker.circuit(at(0)), Circuit::Open(until));
        assert_eq!(breaker.enter(at(0)).err(), Some(Refused { wait: until.since(at(0)) }));
        assert_eq!(breaker.look(at(0)), Err(Refused { wait: until.since(at(0)) }));
        assert_eq!(breaker.refused(), 2);
    }

    #[test]
    fn one_request_tries_and_its_success_closes_it() {
        let breaker = breaker(1);
        let until = opened(&breaker, at(0));
        let Ok(Pass::Probe(probe)) = breaker.enter(until) else { panic!("nobody tries") };
        assert_eq!(breaker.circuit(until), Circuit::HalfOpen);
        assert!(breaker.enter(until).is_err() && breaker.look(until).is_err(), "one at a time");
        drop(probe);
        assert!(breaker.look(until).is_ok(), "who leaves without a verdict leaves it to the next");
        let Ok(pass @ Pass::Probe(_)) = breaker.enter(until) else { panic!("nobody tries") };
        assert_eq!(breaker.reached(), Change::Closed);
        drop(pass);
        assert_eq!(breaker.circuit(until), Circuit::Closed);
        assert!(matches!(breaker.enter(until), Ok(Pass::Free)));
    }

    #[test]
    fn it_opens_for_longer_each_time_up_to_the_longest() {
        let breaker = breaker(1);
        let (mut now, mut until) = (at(0), opened(&breaker, at(0)));
        for whole in [1_000, 2_000, 4_000, 5_000, 5_000] {
            let span = i64::try_from(until.since(now).as_millis()).expect("a short time");
            assert!((whole * 3 / 4..=whole).contains(&span), "{span} of {whole}");
            now = until;
            let Ok(pass) = breaker.enter(now) else { panic!("nobody tries") };
            let Change::Opened(next) = breaker.unreached(&pass, now) else { panic!("it stays open") };
            until = next;
        }
        breaker.reached();
        assert!(opened(&breaker, now).since(now) <= BASE, "after a success it begins at the first again");
    }

    #[test]
    fn who_began_before_it_opened_changes_nothing() {
        let breaker = breaker(1);
        let until = opened(&breaker, at(0));
        assert_eq!(breaker.unreached(&Pass::Free, at(1)), Change::None);
        let Ok(probe) = breaker.enter(until) else { panic!("nobody tries") };
        assert_eq!(breaker.unreached(&Pass::Free, until), Change::None, "not its probe");
        assert_eq!(breaker.circuit(until), Circuit::HalfOpen);
        assert!(matches!(breaker.unreached(&probe, until), Change::Opened(_)));
    }

    #[test]
    fn without_a_number_it_never_opens() {
        let breaker = breaker(0);
        for _ in 0..1_000 {
            assert_eq!(breaker.unreached(&Pass::Free, at(0)), Change::None);
        }
        assert!(breaker.look(at(0)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_keeps_nobody_out() {
        let breaker = breaker(1);
        opened(&breaker, at(1_000_000));
        assert!(matches!(breaker.enter(at(0)), Ok(Pass::Probe(_))));
    }

    /// What happens to a circuit.
    #[derive(Clone, Debug)]
    enum Act {
        Pass { later: u16 },
        Reach { which: usize },
        Fail { which: usize },
        Leave { which: usize },
        Check,
    }

    fn act() -> impl Strategy<Value = Act> {
        let which = 0_usize..8;
        prop_oneof![
            (0_u16..3_000).prop_map(|later| Act::Pass { later }),
            which.clone().prop_map(|which| Act::Reach { which }),
            which.clone().prop_map(|which| Act::Fail { which }),
            which.prop_map(|which| Act::Leave { which }),
            Just(Act::Check),
        ]
    }

    proptest! {
        /// Whatever happens: there is never more than one probe, nobody passes while it is open, and once everybody has left, the
        /// next request after the longest time gets through.
        #[test]
        fn it_never_stays_shut(acts in proptest::collection::vec(act(), 0..200)) {
            let breaker = breaker(2);
            let (mut now, mut under_way) = (at(0), Vec::<Pass>::new());
            for act in acts {
                match act {
                    Act::Pass { later } => {
                        now = now.plus(Duration::from_millis(u64::from(later)));
                        let was = breaker.circuit(now);
                        let looked = breaker.look(now).is_ok();
                        let passed = breaker.enter(now);
                        prop_assert_eq!(looked, passed.is_ok());
                        if let Circuit::Open(until) = was {
                            prop_assert!(passed.is_err() && until.since(now) <= LONGEST);
                        }
                        under_way.extend(passed);
                    }
                    Act::Reach { which } if which < under_way.len() => {
                        breaker.reached();
                        drop(under_way.swap_remove(which));
                    }
                    Act::Fail { which } if which < under_way.len() => {
                        let pass = under_way.swap_remove(which);
                        breaker.unreached(&pass, now);
                    }
                    Act::Leave { which } if which < under_way.len() => drop(under_way.swap_remove(which)),
                    Act::Check => { breaker.reached(); }
                    _ => {}
                }
                let probing = under_way.iter().filter(|pass| match pass {
                    Pass::Probe(probe) => matches!(*breaker.state.lock(), State::HalfOpen { probe: by, .. } if by == probe.number),
                    Pass::Free => false,
                }).count();
                prop_assert!(probing <= 1);
            }
            under_way.clear();
            prop_assert!(breaker.enter(now.plus(LONGEST)).is_ok());
        }
    }
}
