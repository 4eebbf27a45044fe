//! Load that is shed before the store or the memory suffers: a bounded number of requests under way, a short queue before it, fewer
//! while the node itself is late, and signals that something behind the gate does not keep up. The admin listener has no part in this.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Method;

use super::admission::Admission;
use super::denial::Denial;
use super::shares::{Share, Shares};
use super::upstream::places::{Place, Places};
use crate::config::{Api, Limits, Target, UpstreamLimits, own_api};

/// Requests under way on the public listener, and what strains the node.
#[derive(Debug)]
pub struct Overload {
    places: Places,
    shares: Arc<Shares>,
    /// Places that only urgent requests take.
    kept: (Places, Arc<Shares>),
    /// Urgent requests whose bodies are waited for before they take one of those.
    coming: Arc<Shares>,
    /// What is begun while the node is late.
    pub admission: Admission,
    shed: [AtomicU64; Shed::ALL.len()],
    late: AtomicBool,
    backlog: AtomicBool,
    store: AtomicBool,
    /// Whether the store failed when it was last asked.
    gone: AtomicBool,
    memory: AtomicBool,
}

/// What a request takes of the node until it has ended.
#[derive(Debug)]
pub struct Room {
    _place: Place,
    _share: Option<Share>,
    kept: bool,
}

impl Room {
    /// Whether it is one of those that are kept for what is urgent. Whoever has one gives it back as soon as it is decided what the
    /// answer is: who reads that slowly keeps no place from anybody.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.kept
    }
}

/// Places for what ends trouble, and how many of them one address may have; of as many of its bodies it may keep others waiting.
const KEPT: u32 = 64;
const KEPT_PER_ADDRESS: u32 = 16;

/// Whether a request can wait for better times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It can.
    Usual,
    /// It takes something away from somebody, or is what an administrator does: there are places that nobody else takes.
    Urgent,
}

impl Urgency {
    /// Of a request: what takes something away, and the pages where organizations, operators and users take back what they gave.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        let urgent = takes_away(method, path) || ["/settings", "/orgs", "/operator"].into_iter().any(|page| is_below(path, page));
        if urgent { Self::Urgent } else { Self::Usual }
    }
}

/// Whether a request does nothing but take something away: a revocation, or a deletion by our own API.
fn takes_away(method: &Method, path: &str) -> bool {
    path == "/oauth2/revoke" || (*method == Method::DELETE && is_below(path, own_api::MOUNT))
}

fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a request was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// As many are under way and waiting as may be.
    All,
    /// Its address has as many as it may have.
    Address,
    /// It would have added to a strain.
    Strain(Strain),
}

impl Shed {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::Address,
        Self::Strain(Strain::AuditBacklog),
        Self::Strain(Strain::StoreLatency),
        Self::Strain(Strain::Memory),
        Self::Strain(Strain::Late),
    ];

    /// What metrics call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Address => "address",
            Self::Strain(strain) => strain.name(),
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::All => 0,
            Self::Address => 1,
            Self::Strain(Strain::AuditBacklog) => 2,
            Self::Strain(Strain::StoreLatency) => 3,
            Self::Strain(Strain::Memory) => 4,
            Self::Strain(Strain::Late) => 5,
        }
    }
}

/// Something that does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strain {
    /// More audit records wait for the store than may.
    AuditBacklog,
    /// The store answers slowly.
    StoreLatency,
    /// Most of the memory for bodies is in use.
    Memory,
    /// What is ready to run waits for its turn.
    Late,
}

impl Strain {
    /// Every signal.
    pub const ALL: [Self; 4] = [Self::AuditBacklog, Self::StoreLatency, Self::Memory, Self::Late];

    /// The signal's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditBacklog => "audit_backlog",
            Self::StoreLatency => "store_latency",
            Self::Memory => "memory",
            Self::Late => "late",
        }
    }
}

impl Overload {
    /// No load yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let places = UpstreamLimits {
            in_flight: limits.max_in_flight,
            pending: limits.max_pending,
            queue: limits.queue,
            connections: limits.max_in_flight,
            idle: limits.max_in_flight,
        };
        let none = UpstreamLimits { pending: 0, queue: Duration::ZERO, ..places };
        let kept = (Places::new(UpstreamLimits { in_flight: KEPT, ..none }), Shares::new(KEPT_PER_ADDRESS));
        let coming = Shares::new(KEPT_PER_ADDRESS);
        let (places, shares) = (Places::new(places), Shares::new(limits.max_in_flight_per_address));
        // As many as the runtime has.
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (admission, shed) = (Admission::on(threads), Shed::ALL.map(|_| AtomicU64::new(0)));
        let [backlog, store, gone, memory, late] = [false; 5].map(AtomicBool::new);
        Self { places, shares, kept, coming, admission, shed, late, backlog, store, gone, memory }
    }

    /// Takes a place for a request of `from`, or waits for one for a short while. Nothing is known of who asks yet, so nobody may
    /// take more than a share. What is urgent and would be shed or wait takes one that is kept for it, if there is one; while the node
    /// is late, a few of each address do.
    ///
    /// # Errors
    /// When there is none, or `from` has its share.
    pub async fn enter(&self, from: Option<IpAddr>, urgency: Urgency) -> Result<Room, Shed> {
        let urgent = urgency == Urgency::Urgent;
        if self.admission.begin(from).is_err() {
            let room = urgent.then(|| self.kept(from)).flatten();
            return room.filter(|_| self.admission.press(from)).ok_or_else(|| self.count(Shed::Strain(Strain::Late)));
        }
        if urgent && let Some(room) = at_once(&self.places, &self.shares, from).or_else(|| self.kept(from)) {
            return Ok(room);
        }
        self.wait(from).await.map_err(|shed| self.count(shed))
    }

    /// The same for an urgent request whose body has yet to come. It takes a kept place only once it has what `body` gives: whoever
    /// sends slowly keeps no place from anybody. Only so many of an address are waited for.
    ///
    /// # Errors
    /// As [`Overload::enter`], and when there is no body.
    pub async fn enter_with<B>(
        &self,
        from: Option<IpAddr>,
        body: impl Future<Output = Option<B>>,
    ) -> Result<(Room, Option<B>), Shed> {
        let usual = match self.admission.begin(from) {
            Ok(()) => self.wait(from).await,
            Err(_) => Err(Shed::Strain(Strain::Late)),
        };
        let shed = match usual {
            Ok(room) => return Ok((room, None)),
            Err(shed) => shed,
        };
        let Ok(_share) = self.coming.take(from) else { return Err(self.count(shed)) };
        let Some(body) = body.await else { return Err(self.count(shed)) };
        let begun = self.kept(from).filter(|_| shed != Shed::Strain(Strain::Late) || self.admission.press(from));
        begun.map(|room| (room, Some(body))).ok_or_else(|| self.count(shed))
    }

    /// A place that is kept for what is urgent.
    fn kept(&self, from: Option<IpAddr>) -> Option<Room> {
        let (places, shares) = &self.kept;
        at_once(places, shares, from).map(|room| Room { kept: true, ..room })
    }

    /// A place that nobody keeps, or none.
    async fn wait(&self, from: Option<IpAddr>) -> Result<Room, Shed> {
        let share = self.shares.take(from).map_err(|_| Shed::Address)?;
        let place = self.places.enter().await.map_err(|_| Shed::All)?;
        Ok(Room { _place: place, _share: share, kept: false })
    }

    fn count(&self, shed: Shed) -> Shed {
        self.shed[shed.index()].fetch_add(1, Ordering::Relaxed);
        shed
    }

    /// How many requests were shed for a reason.
    #[must_use]
    pub fn shed(&self, shed: Shed) -> u64 {
        self.shed[shed.index()].load(Ordering::Relaxed)
    }

    /// Refuses what would add to a strain: every call of an API adds to the backlog of the audit log; what is answered here asks
    /// the store; some APIs have bodies read as a whole. `api` is `None` for pages and OAuth endpoints. What only takes something away
    /// is not refused.
    ///
    /// # Errors
    /// When it would.
    pub fn admit(&self, api: Option<&Api>, method: &Method, path: &str) -> Result<(), Denial> {
        if takes_away(method, path) {
            return Ok(());
        }
        let is_local = api.is_none_or(|api| !matches!(api.target, Target::Upstream(_)));
        let adds = [
            (Strain::AuditBacklog, api.is_some()),
            (Strain::StoreLatency, is_local),
            (Strain::Memory, api.is_some_and(Api::holds_bodies)),
        ];
        match adds.into_iter().find(|(strain, adds)| *adds && self.is(*strain)) {
            None => Ok(()),
            Some((strain, _)) => {
                let shed = self.count(Shed::Strain(strain));
                // Nobody has too much to do when the store is gone.
                let gone = strain == Strain::StoreLatency && self.gone.load(Ordering::Acquire);
                Err(if gone { Denial::Store } else { shed.into() })
            }
        }
    }

    /// Notes whether the store fails, as opposed to being slow; says whether that is news.
    pub fn store_fails(&self, fails: bool) -> bool {
        self.gone.swap(fails, Ordering::AcqRel) != fails
    }

    /// Whether a signal is up.
    #[must_use]
    pub fn is(&self, strain: Strain) -> bool {
        self.signal(strain).load(Ordering::Acquire)
    }

    /// Raises or lowers a signal; says whether that changed it.
    pub fn set(&self, strain: Strain, up: bool) -> bool {
        self.signal(strain).swap(up, Ordering::AcqRel) != up
    }

    const fn signal(&self, strain: Strain) -> &AtomicBool {
        match strain {
            Strain::AuditBacklog => &self.backlog,
            Strain::StoreLatency => &self.store,
            Strain::Memory => &self.memory,
            Strain::Late => &self.late,
        }
    }

    /// Networks of which something is known, for what they have under way.
    #[must_use]
    pub fn networks(&self) -> usize {
        [&self.shares, &self.kept.1, &self.coming].map(|shares| shares.networks()).into_iter().sum()
    }

    /// Requests under way, and requests that wait.
    #[must_use]
    pub fn load(&self) -> (u32, u32) {
        (self.places.taken() + self.kept.0.taken(), self.places.waiting())
    }
}

/// A place that is free, within the share of `from`.
fn at_once(places: &Places, shares: &Arc<Shares>, from: Option<IpAddr>) -> Option<Room> {
    let share = shares.take(from).ok()?;
    let place = places.at_once()?;
    Some(Room { _place: place, _share: share, kept: false })
}

impl From<Shed> for Denial {
    fn from(_: Shed) -> Self {
        Self::Overloaded
    }
}

/// Whether the backlog of the audit log is a strain: above the limit, and once it was, until half of that is left, so that the
/// answer does not change with every record.
#[must_use]
pub const fn is_backlogged(depth: u64, limit: u64, before: bool) -> bool {
    if before { depth > limit / 2 } else { depth > limit }
}

/// Whether the memory for bodies is a strain: when more than three quarters are in use, and once it was, until half of it is left.
#[must_use]
pub const fn is_filled(held: usize, limit: usize, before: bool) -> bool {
    if before { held > limit / 2 } else { held > limit / 4 * 3 }
}

/// Whether the store is slow: it took longer than the limit.
#[must_use]
pub fn is_slow(took: Duration, limit: Duration) -> bool {
    took > limit
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::gateway::admission::Waited;

    #[test]
    fn what_takes_something_away_is_urgent() {
        for urgent in ["/oauth2/revoke", "/settings/applications", "/orgs/acme/members", "/operator"] {
            assert_eq!(Urgency::of(&Method::GET, urgent), Urgency::Urgent, "{urgent}");
        }
        for gone in ["/api/v1/grants/g", "/api/v1/api_keys/k", "/api/v1/me/sessions", "/api/v1/policy/clients/c/grants"] {
            assert_eq!(Urgency::of(&Method::DELETE, gone), Urgency::Urgent, "{gone}");
            assert_eq!(Urgency::of(&Method::GET, gone), Urgency::Usual, "{gone}");
        }
        for usual in ["/", "/oauth2/revoke/x", "/oauth2/token", "/login", "/settingsx", "/orgsx/y", "/prometheus/orgs"] {
            assert_eq!(Urgency::of(&Method::GET, usual), Urgency::Usual, "{usual}");
        }
        for theirs in ["/prometheus/api/v1/x", "/api/v1x", "/x"] {
            assert_eq!(Urgency::of(&Method::DELETE, theirs), Urgency::Usual, "{theirs}");
        }
    }

    /// Two requests may be under way, one of an address.
    fn small() -> Overload {
        let (second, bytes) = (Duration::from_secs(1), 1 << 20);
        Overload::new(&Limits {
            max_connections: 10,
            max_connections_per_address: 10,
            max_handshakes_per_address: 10,
            flood_penalty: Duration::ZERO,
            header_timeout: second,
            idle_timeout: second,
            body_timeout: second,
            write_timeout: second,
            drain_timeout: second,
            max_local_body: bytes,
            max_mcp_body: bytes,
            max_in_flight: 2,
            max_in_flight_per_address: 1,
            max_pending: 0,
            queue: Duration::ZERO,
            max_delay: second,
            max_audit_backlog: 10,
            max_token_cache: bytes,
            buffer_memory: bytes,
            buffer_memory_share: bytes,
            max_store_latency: second,
        })
    }

    #[tokio::test]
    async fn what_is_urgent_takes_a_kept_place_only_for_want_of_another() {
        let overload = small();
        let [here, there, elsewhere] = [1_u8, 2, 3].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        let first = overload.enter(here, Urgency::Urgent).await.expect("a place");
        assert_eq!((overload.places.taken(), overload.kept.0.taken()), (1, 0), "the usual way first");
        let second = overload.enter(here, Urgency::Urgent).await.expect("a kept one, its share is used up");
        assert!(second.is_kept() && !first.is_kept());
        assert_eq!(overload.enter(here, Urgency::Usual).await.err(), Some(Shed::Address));
        let _third = overload.enter(there, Urgency::Usual).await.expect("a place");
        let _fourth = overload.enter(elsewhere, Urgency::Urgent).await.expect("a kept one, all are taken");
        assert_eq!((overload.places.taken(), overload.kept.0.taken()), (2, 2));
        assert_eq!((overload.shed(Shed::Address), overload.shed(Shed::All)), (1, 0));
    }

    #[tokio::test]
    async fn who_sends_slowly_holds_no_kept_place() {
        let overload = small();
        let [here, there, elsewhere] = [1_u8, 2, 3].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        let _first = overload.enter(here, Urgency::Usual).await.expect("a place");
        let _second = overload.enter(there, Urgency::Usual).await.expect("a place");
        let never = std::future::pending::<Option<()>>;
        let slow = |n: u8| Box::pin(overload.enter_with(Some(IpAddr::from([198, 51, 100, n])), never()));
        let mut waiting: Vec<_> = (0..100).map(slow).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none(), "its body is waited for");
        }
        assert_eq!(overload.kept.0.taken(), 0);
        let (_room, body) = overload.enter_with(elsewhere, std::future::ready(Some(7))).await.expect("a kept place");
        assert_eq!((body, overload.kept.0.taken()), (Some(7), 1));
        let broken = overload.enter_with(elsewhere, std::future::ready(None::<()>)).await;
        assert_eq!(broken.err(), Some(Shed::All));
        // Nor does one address keep others busy with waiting.
        let mut many: Vec<_> = (0..=KEPT_PER_ADDRESS).map(|_| slow(200)).collect();
        let refused = many.iter_mut().filter_map(|one| one.as_mut().now_or_never()).count();
        assert_eq!((refused, overload.shed(Shed::All)), (1, 2));
    }

    #[tokio::test]
    async fn a_late_node_begins_a_few_urgent_ones_of_an_address() {
        let overload = small();
        let late = Waited::For(Duration::from_secs(2));
        let from = Some(IpAddr::from([192, 0, 2, 1]));
        let many = || (0..10_000).all(|_| overload.admission.begin(from).is_ok());
        while many() && !overload.admission.tick(late, Duration::from_secs(1)) {}
        // Down to the least that is begun.
        (0..200).for_each(|_| assert!(overload.admission.tick(late, Duration::from_secs(1))));
        while overload.admission.begin(from).is_ok() {}
        let mut begun = 0;
        for _ in 0..100 {
            assert_eq!(overload.enter(from, Urgency::Usual).await.err(), Some(Shed::Strain(Strain::Late)));
            begun += usize::from(overload.enter(from, Urgency::Urgent).await.is_ok());
        }
        assert_eq!((begun, overload.kept.0.taken()), (4, 0));
    }

    #[test]
    fn every_reason_has_a_count_of_its_own() {
        let places: Vec<_> = Shed::ALL.into_iter().map(Shed::index).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_backlog_has_to_halve_before_it_is_over() {
        let seen = [(100, false), (101, true), (60, true), (51, true), (50, false), (99, false)];
        let mut before = false;
        for (depth, expected) in seen {
            before = is_backlogged(depth, 100, before);
            assert_eq!(before, expected, "{depth}");
        }
    }

    #[test]
    fn memory_has_to_be_half_free_before_it_is_over() {
        let seen = [(750, false), (751, true), (600, true), (500, false), (700, false)];
        let mut before = false;
        for (held, expected) in seen {
            before = is_filled(held, 1_000, before);
            assert_eq!(before, expected, "{held}");
        }
    }

    #[test]
    fn a_store_that_takes_longer_is_slow() {
        let limit = Duration::from_secs(1);
        assert!(is_slow(Duration::from_secs(2), limit));
        assert!(!is_slow(limit, limit));
    }
}
