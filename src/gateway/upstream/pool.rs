//! The endpoints of one upstream, and whose turn it is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pingora::upstreams::peer::{HttpPeer, Peer as _};

use super::NoPeer;
use super::breaker::{Breaker, Change, Circuit, Pass, Refused};
use super::budget::Budget;
use super::member::{Condition, Member};
use super::names::Resolver;
use super::peer::Spans;
use super::places::Places;
use super::streak::{Caller, Failure};
use crate::config::{Endpoint, Upstream};
use crate::gateway::status::Code;
use crate::telemetry::IntGauge;
use crate::types::Timestamp;

/// The golden ratio of 2^64: multiples of it spread evenly, however few are taken.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number below `total` for each `turn`, spread evenly over those that follow each other.
pub(super) fn spread(turn: u64, total: u64) -> u64 {
    let point = turn.wrapping_mul(SPREAD);
    u64::try_from((u128::from(point) * u128::from(total)) >> 64).unwrap_or(0)
}

/// The endpoints of one upstream.
#[derive(Debug)]
pub struct Pool {
    upstream: Arc<Upstream>,
    members: Vec<Arc<Member>>,
    shared: Arc<Shared>,
    /// What tells its connections from those of other upstreams.
    group: u64,
    up: OnceLock<IntGauge>,
}

/// What outlives a configuration that does not change it.
#[derive(Debug)]
struct Shared {
    places: Arc<Places>,
    budget: Arc<Budget>,
    breaker: Arc<Breaker>,
    turn: AtomicU64,
    /// Held while it is decided who is ejected, so that never more than half are.
    ejecting: Mutex<()>,
    retried: AtomicU64,
    not_retried: AtomicU64,
}

/// Endpoints that a request was sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried(u64);

impl Tried {
    /// With one more.
    #[must_use]
    pub const fn and(self, index: usize) -> Self {
        Self(self.0 | 1 << (index % 64))
    }

    const fn has(self, index: usize) -> bool {
        self.0 >> (index % 64) & 1 == 1
    }
}

impl Pool {
    /// A pool for `upstream`, with what the one before knows of its endpoints. Those that it does not know come at the time that is
    /// named with it, and start slowly beside the others.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>, resolver: &Arc<dyn Resolver>, before: Option<(&Self, Timestamp)>) -> Self {
        let comes_at = before.map(|(_, now)| now);
        let before = before.map(|(before, _)| before);
        let known = |endpoint: &Endpoint| before?.members.iter().find(|m| m.endpoint.is_same_place(endpoint)).map(Arc::clone);
        let members = upstream.endpoints.iter();
        let members = members.map(|e| known(e).unwrap_or_else(|| Arc::new(Member::new(e.clone(), resolver, comes_at)))).collect();
        let places = before.map(|b| &b.shared.places).filter(|p| p.are_for(&upstream.limits)).map(Arc::clone);
        let budget = before.filter(|b| b.upstream.retries == upstream.retries).map(|b| Arc::clone(&b.shared.budget));
        let breaker = before.filter(|b| b.is_reached_as(&upstream)).map(|b| Arc::clone(&b.shared.breaker));
        let refused = before.map_or(0, |b| b.shared.breaker.refused());
        let shared = Arc::new(Shared {
            places: places.unwrap_or_else(|| Arc::new(Places::new(upstream.limits))),
            budget: budget.unwrap_or_else(|| Arc::new(Budget::new(&upstream.retries))),
            breaker: breaker.unwrap_or_else(|| Arc::new(Breaker::new(upstream.breaker, refused))),
            turn: AtomicU64::new(0),
            ejecting: Mutex::new(()),
            retried: AtomicU64::new(before.map_or(0, |b| b.shared.retried.load(Ordering::Relaxed))),
            not_retried: AtomicU64::new(before.map_or(0, |b| b.shared.not_retried.load(Ordering::Relaxed))),
        });
        let mut group = DefaultHasher::new();
        (&upstream.name, upstream.protocol, upstream.tls.digest).hash(&mut group);
        Self { group: group.finish(), up: OnceLock::new(), upstream, members, shared }
    }

    /// Whether what is known of connections to it holds for `other` too.
    fn is_reached_as(&self, other: &Upstream) -> bool {
        let (of_self, of_other) = (&self.upstream.endpoints, &other.endpoints);
        let same_places = of_self.len() == of_other.len() && of_self.iter().zip(of_other).all(|(a, b)| a.is_same_place(b));
        let same_way = (self.upstream.protocol, self.upstream.tls.digest) == (other.protocol, other.tls.digest);
        same_places && same_way && self.shared.breaker.is_for(&other.breaker)
    }

    /// pingora keeps connections apart by address and name; what else distinguishes two upstreams is in this number.
    pub(super) const fn group(&self) -> u64 {
        self.group
    }

    /// Tells its gauge that an exchange succeeded. Every request does: the gauge is looked up once.
    pub fn tell_up(&self, gauge: impl FnOnce(&str) -> IntGauge) {
        self.up.get_or_init(|| gauge(&self.upstream.name)).set(1);
    }

    /// The upstream.
    #[must_use]
    pub const fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Its endpoints, in the order of the configuration.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The places for requests.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.shared.places
    }

    /// Says whether a request could connect, before anything is spent on it.
    ///
    /// # Errors
    /// When no connection could be had for a while.
    pub fn look(&self, now: impl FnOnce() -> Timestamp) -> Result<(), Refused> {
        let breaker = &self.shared.breaker;
        if breaker.is_troubled() { breaker.look(now()) } else { Ok(()) }
    }

    /// Whether requests may connect.
    #[must_use]
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        self.shared.breaker.circuit(now)
    }

    /// Requests that were refused because no connection could be had for a while.
    #[must_use]
    pub fn short_circuited(&self) -> u64 {
        self.shared.breaker.refused()
    }

    /// The upstream was reached: by a request, or by a check of its health.
    pub fn reached(&self) {
        if self.shared.breaker.reached() == Change::Closed {
            tracing::info!(upstream = %self.upstream.name, "an upstream can be reached again");
        }
    }

    fn unreached(&self, pass: &Pass, now: Timestamp) {
        if let Change::Opened(until) = self.shared.breaker.unreached(pass, now) {
            tracing::warn!(upstream = %self.upstream.name, %until, "no connection to an upstream can be had; its requests are refused for a while");
        }
    }

    /// Retries that were made, and that the budget refused.
    #[must_use]
    pub fn retries(&self) -> (u64, u64) {
        (self.shared.retried.load(Ordering::Relaxed), self.shared.not_retried.load(Ordering::Relaxed))
    }

    /// Counts a request towards the budget of retries.
    pub fn earn(&self) {
        self.shared.budget.earn();
    }

    /// Whether a request that was tried so often may be sent once more; takes that from the budget.
    #[must_use]
    pub fn may_retry(&self, tries: u8) -> bool {
        if tries >= self.upstream.retries.tries {
            return false;
        }
        let may = self.shared.budget.spend();
        let count = if may { &self.shared.retried } else { &self.shared.not_retried };
        count.fetch_add(1, Ordering::Relaxed);
        may
    }

    /// The endpoint whose turn it is: by weight, of those that are up and were not tried. When none is up all are taken for up:
    /// an answer of an endpoint that seems ill is better than none.
    ///
    /// # Errors
    /// When no connection could be had for a while, or every endpoint has as many requests as it may have.
    pub fn choose(self: &Arc<Self>, now: Timestamp, tried: Tried) -> Result<Attempt, NoPeer> {
        let refused = |refused| NoPeer::Circuit { upstream: self.upstream.name.clone(), refused };
        let pass = self.shared.breaker.enter(now).map_err(refused)?;
        let up = |i: usize| self.members[i].condition(now) == Condition::Up;
        let fresh = |i: usize| !tried.has(i);
        let index = self
            .draw(now, |i| up(i) && fresh(i))
            .or_else(|| self.draw(now, up))
            .or_else(|| self.draw(now, fresh))
            .or_else(|| self.draw(now, |_| true));
        match index {
            Some(index) => Ok(Attempt { pool: Arc::clone(self), index, at: None, pass, told: false }),
            None => Err(NoPeer::Full { upstream: self.upstream.name.clone() }),
        }
    }

    /// Draws one of the endpoints that `fits` and has room, and takes that room.
    fn draw(&self, now: Timestamp, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let most = self.upstream.limits.connections;
        let mut full = Tried::default();
        let taken = |index: usize, full: &mut Tried| {
            let taken = self.members[index].take(most);
            *full = full.and(index);
            taken.then_some(index)
        };
        loop {
            let weights = (0..self.members.len()).filter(|i| fits(*i) && !full.has(*i)).map(|i| (i, self.weight(i, now)));
            let total: u64 = weights.clone().map(|(_, weight)| weight).sum();
            let mut left = self.spread(total);
            // The sum of the weights is more than `left`, unless nobody fits.
            let index = weights.into_iter().find_map(|(i, weight)| match left.checked_sub(weight) {
                Some(rest) => {
                    left = rest;
                    None
                }
                None => Some(i),
            })?;
            if let Some(index) = taken(index, &mut full) {
                return Some(index);
            }
        }
    }

    fn weight(&self, index: usize, now: Timestamp) -> u64 {
        // The configuration's weight, not the one that was known before.
        u64::from(self.upstream.endpoints[index].weight) * self.members[index].share(self.upstream.slow_start, now)
    }

    /// The next number below `total`, spread evenly.
    fn spread(&self, total: u64) -> u64 {
        if self.members.len() < 2 {
            return 0;
        }
        spread(self.shared.turn.fetch_add(1, Ordering::Relaxed), total)
    }

    fn failed(&self, index: usize, at: Option<SocketAddr>, failure: Failure, now: Timestamp) {
        let (member, ejection) = (&self.members[index], &self.upstream.ejection);
        if let Some((address, until)) = at.and_then(|at| Some((at, member.failed_at(at, failure, ejection, now)?))) {
            tracing::warn!(upstream = %self.upstream.name, endpoint = %member.endpoint, %address, %until, "an address fails requests and is left to the others of its name for a while");
        }
        if !member.failed(failure, ejection, now) {
            return;
        }
        let _turn = self.shared.ejecting.lock();
        let ejected = self.members.iter().filter(|m| m.is_ejected(now)).count();
        if member.is_ejected(now) || (ejected + 1) * 2 > self.members.len() {
            return;
        }
        let until = member.eject(ejection, now);
        tracing::warn!(upstream = %self.upstream.name, endpoint = %member.endpoint, %until, "an endpoint fails requests and is left out for a while");
    }
}

/// A request at one endpoint.
#[derive(Debug)]
pub struct Attempt {
    pool: Arc<Pool>,
    index: usize,
    /// Where the endpoint is asked, once that is known.
    at: Option<SocketAddr>,
    /// What let it connect.
    pass: Pass,
    /// Whether the endpoint's part in it is known.
    told: bool,
}

impl Attempt {
    /// The pool.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The endpoint's place in the upstream.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What is known about the endpoint.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.pool.members[self.index]
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.pool.upstream.endpoints[self.index]
    }

    /// A peer for the endpoint: see [`Pool::peer`]. What is said of the attempt from now on is said of its address, too.
    ///
    /// # Errors
    /// When the name does not resolve.
    pub async fn peer(&mut self, tried: Option<SocketAddr>, spans: &Spans, now: Timestamp) -> Result<Box<HttpPeer>, NoPeer> {
        let peer = self.pool.peer(self.index, tried, spans, now).await?;
        self.at = peer.address().as_inet().copied();
        Ok(peer)
    }

    /// Where the endpoint is asked, once that is known.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.at
    }

    /// There is a connection to the endpoint. What comes over it is another matter.
    pub fn connected(&self) {
        self.pool.reached();
    }

    /// No connection to the endpoint could be had.
    pub fn unconnected(&mut self, now: Timestamp) {
        self.pool.unreached(&self.pass, now);
        self.failed(now);
    }

    /// The endpoint answered with this status. Only the first word about an attempt counts. Who was answered, and when, is asked for
    /// where it matters.
    pub fn answered(&mut self, status: u16, to: impl FnOnce() -> (Caller, Timestamp)) {
        // 501 and 505 say what it can't do, not how it is.
        if status >= 500 && status != 501 && status != 505 {
            self.told(to());
        } else {
            self.settle();
        }
    }

    /// Nothing bad was said of the endpoint until the end.
    pub fn settle(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.member().succeeded(self.at);
        }
    }

    /// The endpoint ended a gRPC call with this code. Only `UNAVAILABLE` says how it is: whatever else is said of a call, whoever
    /// makes it can bring about, with a deadline that nobody meets or a message that nobody reads, and could have endpoints left
    /// out by it.
    pub fn called(&mut self, code: u16, by: impl FnOnce() -> (Caller, Timestamp)) {
        if code == Code::Unavailable as u16 {
            self.told(by());
        } else {
            self.settle();
        }
    }

    /// The endpoint did not answer.
    pub fn failed(&mut self, now: Timestamp) {
        self.fails(Failure::Seen, now);
    }

    fn told(&mut self, (caller, now): (Caller, Timestamp)) {
        self.fails(Failure::Told(caller), now);
    }

    fn fails(&mut self, failure: Failure, now: Timestamp) {
        if !std::mem::replace(&mut self.told, true) {
            self.pool.failed(self.index, self.at, failure, now);
        }
    }

    /// The endpoint had no part in it.
    pub const fn forget(&mut self) {
        self.told = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.member().leave();
    }
}
