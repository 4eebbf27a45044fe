//! Requests that are shed because the node itself is late: more come than its cores get done, so that whatever is ready to run waits.
//!
//! Counts of requests under way do not see this: each may be short. What is measured is how long a task that is ready waits for its
//! turn. When it is longer than `limits.max_delay` for most of a while (as in `CoDel`: not once), only so many requests are begun
//! in each [`TICK`] as leave hardly any wait, spread over it, and fewer or more of them from tick to tick. That helps only where requests
//! make each other wait: a machine that is slow, or has others to serve, is late with one request after the other, and nothing is shed
//! before at least [`QUEUE`] of them for each thread are begun while something waits for its turn. Who asks for little is served
//! before who asks for much: each caller has an equal part of them, and what others leave of theirs. Networks are cheap to have, so that
//! those of which nobody knows more have no more than half of it together while anybody else asks.
//!
//! A caller is an address (IPv6: a /64) of which nobody knows more, or the organization that was last known behind it: nothing is
//! looked up to find out.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::types::{OrgId, network};

/// How often requests are allotted, and the wait is measured.
pub const TICK: Duration = Duration::from_millis(10);
/// The ticks that are looked back on: a fifth of a second.
const TICKS: u32 = (1 << 20) - 1;
/// In how many of them it must have been late before anything is shed; not in all, since of those who wait some are let in before the
/// others.
const LATE: u32 = 15;
/// How often that must have been measured to its end, of the last [`u16::BITS`] times: one long computation is no load.
const SEEN: u32 = 3;
/// Requests for each thread that have to be begun while one measurement waits for its turn, or they are not what it waits behind. What
/// is under way says nothing of that: streams are, and whatever waits for its upstream; and who waits for the socket is not.
const QUEUE: u32 = 8;
/// By which part of them it is over again, so that it does not begin and end with every few.
const FEW: f64 = 0.25;
/// What one tick adds to what is asked for lately, of the whole: a fifth of a second is looked back on.
const LATELY: f64 = 0.05;
/// How many ticks without a request that is shed end it: longer than who was shed may be made to wait.
const OVER: u32 = 300;
/// The wait that is left to those who are served, while others are shed.
const GOAL: Duration = Duration::from_millis(1);
/// Requests that are begun in a tick at the least.
const LEAST: f64 = 2.0;
/// What becomes of their number with each tick that is late, and with each that is not.
const LESS: f64 = 0.95;
const MORE: f64 = 1.01;
/// Callers of one kind that are told apart. Two that fall together share a part.
const CALLERS: usize = 1024;
/// Addresses that are known, and the bits of what is known of one that name its caller; the others are of the address itself, so that
/// hardly anybody else is taken for it.
const KNOWN: usize = 1 << 14;
const NAME: u32 = 11;
/// What a caller has of its part at the beginning of a tick: who asks for little may ask for it at once.
const AT_ONCE: u32 = 4;
/// Urgent requests that an address has begun in a tick besides its part.
const URGENT: u32 = 4;
/// As many are begun as come.
const ALL: u32 = u32::MAX;

/// Who is begun while the node is late.
#[derive(Debug)]
pub struct Admission {
    /// Requests that are begun in a tick, or [`ALL`].
    quota: AtomicU32,
    /// When this tick began, in microseconds after `born`.
    tick: AtomicU64,
    born: Instant,
    /// Those of this tick: begun, begun for strangers, begun because they are urgent, and shed.
    begun: AtomicU32,
    strange: AtomicU32,
    pressed: AtomicU32,
    shed: AtomicU32,
    /// Organizations, and networks of which nobody knows more.
    known: Callers,
    strangers: Callers,
    /// Networks, whoever is behind them, that have urgent requests shed.
    pressing: Callers,
    /// The caller that is behind an address, plus one, and bits of the address; 0 for nobody.
    behind: Box<[AtomicU32]>,
    hasher: RandomState,
    pace: Mutex<Pace>,
}

/// Callers of one kind.
#[derive(Debug)]
struct Callers {
    /// What each asked for in this tick.
    asked: Box<[AtomicU32; CALLERS]>,
    /// How many of them asked in the tick before.
    before: AtomicU32,
}

/// The node is late, and the caller has had its part.
#[derive(Debug, thiserror::Error)]
#[error("the node is late")]
pub struct Late;

/// How long tasks waited for their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// One had its turn after this.
    For(Duration),
    /// One that waits since then has not had it yet.
    Still(Duration),
}

impl Admission {
    /// One that begins whatever comes, on so many threads.
    #[must_use]
    pub fn on(threads: NonZeroUsize) -> Self {
        let [begun, strange, pressed, shed] = [0; 4].map(AtomicU32::new);
        let [known, strangers, pressing] = [(); 3].map(|()| Callers::default());
        let behind = (0..KNOWN).map(|_| AtomicU32::new(0)).collect();
        let threads = u32::try_from(threads.get()).unwrap_or(u32::MAX);
        let pace = Mutex::new(Pace::of(QUEUE.saturating_mul(threads)));
        let (quota, hasher) = (AtomicU32::new(ALL), RandomState::new());
        let (tick, born) = (AtomicU64::new(0), Instant::now());
        Self { quota, tick, born, begun, strange, pressed, shed, known, strangers, pressing, behind, hasher, pace }
    }
}

impl Default for Callers {
    fn default() -> Self {
        Self { asked: Box::new([const { AtomicU32::new(0) }; CALLERS]), before: AtomicU32::new(0) }
    }
}

impl Callers {
    /// One more that a caller asks for; says how many were before it in this tick.
    fn ask(&self, caller: usize) -> u32 {
        self.asked[caller].fetch_add(1, Ordering::Relaxed)
    }

    fn before(&self) -> u32 {
        self.before.load(Ordering::Relaxed)
    }

    fn tick(&self) {
        let callers = self.asked.iter().map(|asked| u32::from(asked.swap(0, Ordering::Relaxed) > 0)).sum();
        self.before.store(callers, Ordering::Relaxed);
    }
}

impl Admission {
    /// Whether a request of `from` is begun. Those who can't be told from each other are one caller.
    ///
    /// # Errors
    /// When it is shed.
    pub fn begin(&self, from: Option<IpAddr>) -> Result<(), Late> {
        if self.quota.load(Ordering::Relaxed) == ALL {
            // No clock is read for that.
            return self.begin_after(from, TICK);
        }
        let began = self.tick.load(Ordering::Relaxed);
        self.begin_after(from, Duration::from_micros(self.micros().saturating_sub(began)))
    }

    /// The same, so long after the tick began.
    fn begin_after(&self, from: Option<IpAddr>, passed: Duration) -> Result<(), Late> {
        let quota = self.quota.load(Ordering::Relaxed);
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if quota == ALL {
            return Ok(());
        }
        let quota = Quota::at(quota, passed);
        let fits = match self.org_behind(from) {
            Some(org) => self.fits_known(org, quota, begun),
            None => self.fits_stranger(self.slot(&from.map(network)), quota, begun),
        };
        if fits {
            return Ok(());
        }
        less(&self.begun);
        self.shed.fetch_add(1, Ordering::Relaxed);
        Err(Late)
    }

    /// Whether an urgent request of `from` that was shed is begun all the same: a few of each address are in a tick.
    pub fn press(&self, from: Option<IpAddr>) -> bool {
        let few = self.pressing.ask(self.slot(&from.map(network))) < URGENT;
        if few {
            self.pressed.fetch_add(1, Ordering::Relaxed);
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        few
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn fits_known(&self, org: usize, quota: Quota, begun: u32) -> bool {
        let asked = self.known.ask(org);
        let (known, strangers) = (self.known.before(), self.strangers.before());
        begun < quota.due || (asked < quota.part(known + strangers.min(known)) && self.leaves_parts(quota.whole, begun))
    }

    fn fits_stranger(&self, network: usize, quota: Quota, begun: u32) -> bool {
        let asked = self.strangers.ask(network);
        let (known, strangers) = (self.known.before(), self.strangers.before());
        if known == 0 {
            return begun < quota.due || (asked < quota.part(strangers) && self.leaves_parts(quota.whole, begun));
        }
        // A quarter for whoever comes first, and a quarter in equal parts.
        let (half, part) = ((quota.whole / 2).max(1), quota.part(strangers + known.max(strangers * 3)));
        let strange = self.strange.fetch_add(1, Ordering::Relaxed);
        let first = strange < half.div_ceil(2) && begun < quota.due;
        let fits = strange < half && (first || (asked < part && self.leaves_parts(quota.whole, begun)));
        if !fits {
            less(&self.strange);
        }
        fits
    }

    /// What every caller has a part of can be more than the quota while who asks for much uses up the rest; never twice as much. What
    /// is urgent takes nobody's part.
    fn leaves_parts(&self, quota: u32, begun: u32) -> bool {
        begun.saturating_sub(self.pressed.load(Ordering::Relaxed)) / 2 < quota
    }

    /// Remembers that the organization is behind an address.
    pub fn know(&self, from: Option<IpAddr>, org: &OrgId) {
        let (place, bits) = self.place(from);
        let caller = u32::try_from(self.slot(org)).map_or(0, |slot| bits | (slot + 1));
        // Mostly it is known: cores do not take the line from each other for that.
        if place.load(Ordering::Relaxed) != caller {
            place.store(caller, Ordering::Relaxed);
        }
    }

    /// Begins the next tick; says whether requests are shed from now on.
    pub fn tick(&self, waited: Waited, most: Duration) -> bool {
        let begun = self.begun.swap(0, Ordering::Relaxed);
        self.strange.store(0, Ordering::Relaxed);
        self.pressed.store(0, Ordering::Relaxed);
        let shed = self.shed.swap(0, Ordering::Relaxed);
        let quota = self.pace.lock().tick(waited, most, (begun, shed));
        if quota.is_some() {
            self.known.tick();
            self.strangers.tick();
            self.pressing.tick();
        }
        self.tick.store(self.micros(), Ordering::Relaxed);
        self.quota.store(quota.unwrap_or(ALL), Ordering::Relaxed);
        quota.is_some()
    }

    /// Sheds nothing any more: nobody measures.
    pub fn end(&self) {
        let mut pace = self.pace.lock();
        *pace = Pace::of(pace.queue);
        drop(pace);
        self.quota.store(ALL, Ordering::Relaxed);
    }

    fn org_behind(&self, from: Option<IpAddr>) -> Option<usize> {
        let (place, bits) = self.place(from);
        let known = place.load(Ordering::Relaxed);
        let caller = known.checked_sub(bits).filter(|caller| caller >> NAME == 0)?;
        usize::try_from(caller).ok()?.checked_sub(1)
    }

    /// Where it is known who is behind an address, and the address's bits there.
    fn place(&self, from: Option<IpAddr>) -> (&AtomicU32, u32) {
        let hash = self.hasher.hash_one(from.map(network));
        let place = usize::try_from(hash % KNOWN as u64).unwrap_or(0);
        let bits = u32::try_from(hash >> (32 + NAME)).unwrap_or(0) << NAME;
        (&self.behind[place], bits)
    }

    fn slot(&self, of: &impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(of) % CALLERS as u64).unwrap_or(0)
    }
}

/// How many requests are begun in a tick, and how many of them may have been by now: all at once would make each other wait.
#[derive(Clone, Copy, Debug)]
struct Quota {
    whole: u32,
    due: u32,
}

impl Quota {
    /// So long after the tick began.
    fn at(whole: u32, passed: Duration) -> Self {
        let (passed, tick) = (passed.min(TICK).as_micros(), TICK.as_micros());
        let due = u32::try_from(u128::from(whole) * passed / tick).unwrap_or(whole);
        Self { whole, due: due.max(1) }
    }

    /// What each of so many callers may have had of its part by now.
    fn part(self, callers: u32) -> u32 {
        let part = |of: u32| (of / callers.max(1)).max(1);
        part(self.due).max(part(self.whole).min(AT_ONCE))
    }
}

/// Takes one away, unless a tick that began meanwhile took them all.
fn less(count: &AtomicU32) {
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
}

/// How many requests are begun in a tick.
#[derive(Debug)]
struct Pace {
    /// Requests that have to be begun while one measurement waits, for it to wait behind them.
    queue: u32,
    /// Those that were since it was measured last, while none is shed.
    begun: u32,
    /// Asked for in a tick lately.
    asked: f64,
    /// While requests are shed: how many are begun, and for how many ticks none was shed that had to be.
    shedding: Option<(f64, u32)>,
    /// Begun in a tick lately, while none is shed.
    usual: f64,
    /// In which of the last ticks it was late, of [`TICKS`], and which of the last measurements said so; a bit each.
    late: u32,
    seen: u16,
}

impl Pace {
    /// Nothing was measured yet.
    const fn of(queue: u32) -> Self {
        Self { queue, begun: 0, asked: 0.0, shedding: None, usual: 0.0, late: 0, seen: 0 }
    }

    fn tick(&mut self, waited: Waited, most: Duration, (begun, shed): (u32, u32)) -> Option<u32> {
        self.asked = self.asked.mul_add(1.0 - LATELY, f64::from(begun.saturating_add(shed)) * LATELY);
        self.shedding = match self.shedding {
            None => self.begins(waited, most, begun).then_some((self.usual, 0)),
            Some((_, quiet)) if quiet >= OVER => None,
            Some((quota, quiet)) => {
                let (Waited::For(wait) | Waited::Still(wait)) = waited;
                let quota = if wait > GOAL { quota * LESS } else { quota * MORE };
                // What nobody asks for is not saved up.
                let quota = quota.clamp(LEAST, f64::from(begun.max(shed)).mul_add(4.0, LEAST * 32.0));
                Some((quota, if shed > 0 && !self.are_few(most) { 0 } else { quiet + 1 }))
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let whole = |(quota, _): (f64, u32)| quota as u32;
        self.shedding.map(whole)
    }

    /// Whether so little is asked for lately that nobody would wait behind it, were nothing shed: as many as wait at one time are as
    /// many as come in the time for which each waits.
    fn are_few(&self, most: Duration) -> bool {
        self.asked * most.div_duration_f64(TICK) < f64::from(self.queue) * FEW
    }

    fn begins(&mut self, waited: Waited, most: Duration, begun: u32) -> bool {
        self.usual = self.usual.mul_add(0.9, f64::from(begun) * 0.1).max(LEAST);
        self.begun = self.begun.saturating_add(begun);
        let (late, measured) = match waited {
            Waited::For(wait) => (wait > most, true),
            Waited::Still(wait) => (wait > most, false),
        };
        // Who has not waited long yet may be late all the same: such a tick says nothing.
        if late || measured {
            self.late = ((self.late << 1) | u32::from(late)) & TICKS;
        }
        if measured {
            let behind_them = std::mem::take(&mut self.begun) >= self.queue;
            self.seen = (self.seen << 1) | u16::from(late && behind_them);
        }
        let begins = self.late.count_ones() >= LATE && self.seen.count_ones() >= SEEN;
        if begins {
            (self.late, self.seen) = (0, 0);
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{SeededEntropy, Timestamp};

    const MOST: Duration = Duration::from_millis(20);
    const LONG: Waited = Waited::For(Duration::from_millis(21));
    const SHORT: Waited = Waited::For(Duration::from_micros(100));

    /// On one thread.
    fn admission() -> Admission {
        Admission::on(NonZeroUsize::MIN)
    }

    /// A tick in which as many are begun as others wait behind.
    fn busy(admission: &Admission, waited: Waited) -> bool {
        asks(admission, at("192.0.2.1"), QUEUE);
        admission.tick(waited, MOST)
    }

    fn at(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    /// How many are begun at the end of a tick.
    fn asks(admission: &Admission, from: Option<IpAddr>, times: u32) -> usize {
        asks_after(TICK, admission, from, times)
    }

    fn asks_after(passed: Duration, admission: &Admission, from: Option<IpAddr>, times: u32) -> usize {
        (0..times).filter(|_| admission.begin_after(from, passed).is_ok()).count()
    }

    /// Another address, which no other of these is taken for.
    fn other(admission: &Admission, than: &[usize]) -> Option<IpAddr> {
        let mut addresses = (0..).map(|n| at(&format!("203.0.113.{n}")));
        addresses.find(|from| !than.contains(&admission.slot(&from.map(network)))).flatten()
    }

    /// One of which so many are begun in each tick, and that is late.
    fn late(each: u32) -> Admission {
        let admission = admission();
        for _ in 0..200 {
            asks(&admission, at("192.0.2.1"), each);
            admission.tick(SHORT, MOST);
        }
        for tick in 1..=LATE {
            asks(&admission, at("192.0.2.1"), each);
            assert_eq!(admission.tick(LONG, MOST), tick == LATE, "{tick}");
        }
        admission
    }

    #[test]
    fn nothing_is_shed_before_it_was_late_for_a_while() {
        let admission = admission();
        for _ in 0..20 {
            for wait in [LONG; 14].into_iter().chain([SHORT; 6]) {
                assert!(!admission.tick(wait, MOST));
                assert_eq!(asks(&admission, at("192.0.2.1"), 10_000), 10_000);
            }
        }
    }

    #[test]
    fn who_is_let_in_before_others_does_not_hide_them() {
        let admission = admission();
        let unlucky = (1..15).map(|n| Waited::Still(TICK * n)).chain([Waited::For(TICK * 15)]);
        let waits = unlucky.chain([SHORT; 3]).cycle().take(80);
        assert!(waits.into_iter().any(|waited| busy(&admission, waited)));
    }

    #[test]
    fn the_longer_they_wait_the_surer_it_is() {
        for ticks in [3, 10, 30, 100] {
            let admission = admission();
            let waits = (1..ticks).map(|n| Waited::Still(TICK * n)).chain([Waited::For(TICK * ticks)]);
            let begins = waits.cycle().take(1000).position(|waited| busy(&admission, waited));
            let most = usize::try_from(ticks * 4).unwrap_or(0).max(50);
            assert!(begins.is_some_and(|tick| tick < most), "{begins:?} with {ticks} ticks of waiting");
        }
    }

    #[test]
    fn one_long_computation_is_no_load() {
        let admission = admission();
        for wait in 1..100 {
            assert!(!busy(&admission, Waited::Still(TICK * wait)));
        }
        assert!(!busy(&admission, LONG) && !busy(&admission, LONG));
        assert!(busy(&admission, LONG), "three in a row are load");
    }

    #[test]
    fn who_has_not_waited_long_yet_does_not_say_that_it_is_not_late() {
        let admission = admission();
        let waits = [Waited::Still(TICK), Waited::Still(TICK * 2), Waited::For(TICK * 3)];
        assert!(waits.into_iter().cycle().take(60).any(|waited| busy(&admission, waited)));
        let on_time = [Waited::Still(TICK), Waited::For(MOST)];
        let admission = Admission::on(NonZeroUsize::MIN);
        assert!(!on_time.into_iter().cycle().take(1000).any(|waited| busy(&admission, waited)));
    }

    #[test]
    fn what_a_tick_took_is_not_taken_again() {
        let count = AtomicU32::new(1);
        for _ in 0..2 {
            less(&count);
            assert_eq!(count.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn who_asks_for_little_is_served_before_who_asks_for_much() {
        let admission = late(100);
        let greedy = at("192.0.2.1");
        let modest = other(&admission, &[admission.slot(&greedy.map(network))]);
        for _ in 0..20 {
            assert!(asks(&admission, greedy, 1_000) <= 150);
            assert_eq!(asks(&admission, modest, 5), 5, "its part is left, whoever came first");
            assert!(admission.tick(SHORT, MOST));
        }
    }

    #[test]
    fn what_is_begun_is_spread_over_the_tick() {
        let admission = late(100);
        let greedy = at("192.0.2.1");
        let modest = other(&admission, &[admission.slot(&greedy.map(network))]);
        let [mut begun, mut little] = [0, 0];
        for tenth in 0..=10_usize {
            begun += asks_after(TICK / 10 * u32::try_from(tenth).unwrap_or(0), &admission, greedy, 1_000);
            assert!((tenth * 9..=tenth * 10 + 4).contains(&begun), "{begun} in {tenth} tenths");
        }
        admission.tick(SHORT, MOST);
        asks_after(Duration::ZERO, &admission, greedy, 1_000);
        little += asks_after(Duration::ZERO, &admission, modest, 4);
        assert_eq!(little, 4, "who asks for little is served at once");
        assert!(admission.begin_after(greedy, Duration::ZERO).is_err(), "the tick has only begun");
    }

    #[test]
    fn addresses_of_an_organization_have_one_part() {
        let admission = late(100);
        let org = OrgId::generate(Timestamp::from_millis(0), &SeededEntropy::new(7));
        let mut theirs: Vec<_> = (1..=50).map(|n| at(&format!("198.51.100.{n}"))).collect();
        for from in &theirs {
            admission.know(*from, &org);
        }
        // Two on one entry are strangers in turn.
        theirs.retain(|from| {
            let (place, bits) = admission.place(*from);
            place.load(Ordering::Relaxed) >> NAME == bits >> NAME
        });
        assert!(theirs.len() > 40, "{}", theirs.len());
        let modest = other(&admission, &[admission.slot(&org)]);
        for _ in 0..3 {
            let served: usize = theirs.iter().map(|from| asks(&admission, *from, 100)).sum();
            assert!(served <= 110, "{served}");
            assert_eq!(asks(&admission, modest, 5), 5);
            admission.tick(SHORT, MOST);
        }
        assert_eq!((admission.known.before(), admission.strangers.before()), (1, 1));
    }

    #[test]
    fn strangers_of_many_networks_leave_half_to_who_is_known() {
        let admission = late(100);
        let org = OrgId::generate(Timestamp::from_millis(0), &SeededEntropy::new(7));
        let home = at("198.51.100.1");
        admission.know(home, &org);
        asks(&admission, home, 100);
        admission.tick(SHORT, MOST);
        for _ in 0..5 {
            let strangers = (0..5_000).map(|n| at(&format!("2001:db8:0:{n:x}::1")));
            let served: usize = strangers.map(|from| asks(&admission, from, 1)).sum();
            assert!((20..=60).contains(&served), "{served}");
            assert_eq!(asks(&admission, home, 40), 40, "whoever came first");
            admission.tick(SHORT, MOST);
        }
    }

    #[test]
    fn a_modest_stranger_has_a_part_of_what_strangers_have() {
        let admission = late(100);
        let org = OrgId::generate(Timestamp::from_millis(0), &SeededEntropy::new(7));
        let (home, greedy) = (at("198.51.100.1"), at("192.0.2.1"));
        admission.know(home, &org);
        let modest = other(&admission, &[admission.slot(&greedy.map(network))]);
        for round in 0..5 {
            let served = asks(&admission, greedy, 1_000) + asks(&admission, home, 1_000);
            assert!(served <= 210, "{served}");
            let part = asks(&admission, modest, 5);
            assert!(part == 5 || round == 0, "{part} in tick {round}");
            admission.tick(SHORT, MOST);
        }
    }

    #[test]
    fn a_few_urgent_ones_are_begun_for_each_address_and_counted() {
        let admission = late(100);
        let greedy = at("192.0.2.1");
        let modest = other(&admission, &[admission.slot(&greedy.map(network))]);
        for _ in 0..3 {
            asks(&admission, greedy, 1_000);
            let begun = admission.begun.load(Ordering::Relaxed);
            assert_eq!((0..1_000).filter(|_| admission.press(greedy)).count(), 4);
            assert_eq!(admission.begun.load(Ordering::Relaxed), begun + 4);
            assert!(admission.press(modest), "another has its own");
            assert_eq!(asks(&admission, modest, 5), 5, "and its part");
            admission.tick(SHORT, MOST);
        }
    }

    #[test]
    fn nobody_is_taken_for_another_whose_place_it_has() {
        let admission = admission();
        let org = OrgId::generate(Timestamp::from_millis(0), &SeededEntropy::new(7));
        let home = at("198.51.100.1");
        assert_eq!(admission.org_behind(home), None);
        admission.know(home, &org);
        assert_eq!(admission.org_behind(home), Some(admission.slot(&org)));
        let mut addresses = (0..).map(|n| Some(IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000_u32 + n))));
        let there = addresses.find(|from| std::ptr::eq(admission.place(*from).0, admission.place(home).0)).flatten();
        assert!(there.is_some() && admission.org_behind(there).is_none());
    }

    #[test]
    fn fewer_are_begun_while_it_is_late_and_never_none() {
        let admission = late(100);
        let mut served = usize::MAX;
        for _ in 0..200 {
            let now = asks(&admission, at("192.0.2.1"), 1_000);
            assert!(now <= served && now >= 2, "{now} after {served}");
            served = now;
            admission.tick(LONG, MOST);
        }
        assert_eq!(served, 2);
        for _ in 0..500 {
            asks(&admission, at("192.0.2.1"), 1_000);
            admission.tick(SHORT, MOST);
        }
        assert!(asks(&admission, at("192.0.2.1"), 1_000) > 50, "it recovers");
    }

    #[test]
    fn nothing_is_shed_when_nobody_measures() {
        let admission = late(100);
        assert!(asks(&admission, at("192.0.2.1"), 10_000) < 10_000);
        admission.end();
        assert_eq!(asks(&admission, at("192.0.2.1"), 10_000), 10_000);
        assert!(!admission.tick(LONG, MOST), "it begins anew");
    }

    #[test]
    fn many_callers_get_no_more_than_twice_the_quota() {
        let admission = late(100);
        for _ in 0..3 {
            let callers = (0..5_000_u32).map(|n| Some(std::net::Ipv4Addr::from(n).into()));
            let served: usize = callers.map(|from| asks(&admission, from, 1)).sum();
            assert!(served <= 210, "{served}");
            admission.tick(SHORT, MOST);
        }
    }

    #[test]
    fn it_ends_when_nothing_was_shed_for_a_while() {
        let admission = late(100);
        for _ in 0..OVER {
            assert!(admission.tick(SHORT, MOST));
            asks(&admission, at("192.0.2.1"), 2);
        }
        assert!(!admission.tick(SHORT, MOST));
        assert_eq!(asks(&admission, at("192.0.2.1"), 10_000), 10_000);
    }

    /// Every third tick a measurement ends that waited for three of them, and so many were begun meanwhile.
    fn slow_machine(threads: usize, begun: u32) -> bool {
        let admission = Admission::on(NonZeroUsize::new(threads).expect("threads"));
        (0..2_000_u32).any(|tick| {
            if tick % 3 < 2 {
                return admission.tick(Waited::Still(TICK * (tick % 3 + 1)), MOST);
            }
            asks(&admission, at("192.0.2.1"), begun);
            admission.tick(Waited::For(TICK * 3), MOST)
        })
    }

    #[test]
    fn nothing_is_shed_on_a_slow_machine_that_has_little_to_do() {
        assert!(!slow_machine(1, 1), "one request after the other");
        assert!(!slow_machine(1, QUEUE - 1) && !slow_machine(4, QUEUE * 4 - 1));
        assert!(slow_machine(1, QUEUE) && slow_machine(4, QUEUE * 4), "they wait behind each other");
    }

    #[test]
    fn what_is_begun_in_the_whole_wait_counts() {
        let admission = admission();
        let waits = [Waited::Still(TICK * 2), Waited::Still(TICK * 3), Waited::Still(TICK * 4), Waited::For(TICK * 4)];
        let begins = waits.into_iter().cycle().take(100).any(|waited| {
            asks(&admission, at("192.0.2.1"), QUEUE / 4);
            admission.tick(waited, MOST)
        });
        assert!(begins);
    }

    #[test]
    fn a_few_measurements_with_nothing_to_do_hide_no_load() {
        let admission = admission();
        let begins = (0..100_u32).any(|tick| if tick % 3 == 0 { busy(&admission, LONG) } else { admission.tick(LONG, MOST) });
        assert!(begins);
    }

    /// One that sheds, and for how many of so many ticks it goes on when so many are begun and shed in every other one.
    fn sheds_for(begun: u32, shed: u32) -> usize {
        let mut pace = Pace::of(QUEUE);
        while pace.tick(LONG, MOST, (100, 0)).is_none() {}
        let mut ticks = (0..10_000_u32).map(|tick| if tick % 2 == 0 { (begun, shed) } else { (0, 0) });
        ticks.by_ref().take_while(|asked| pace.tick(LONG, MOST, *asked).is_some()).count()
    }

    #[test]
    fn it_ends_when_hardly_anything_is_asked_for_though_some_of_it_is_shed() {
        let least = usize::try_from(OVER).expect("ticks");
        let few = sheds_for(1, 0);
        assert!((least..least + 5).contains(&few), "{few}: nothing is shed");
        let many = sheds_for(2, 2);
        assert_eq!(many, 10_000, "as many as wait behind each other");
        let few = sheds_for(0, 1);
        assert!((least..least + 200).contains(&few), "{few}: one after the other");
        assert_eq!(sheds_for(50, 50), 10_000);
    }
}
