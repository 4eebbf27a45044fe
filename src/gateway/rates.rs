//! How often, how much at once: limits of requests, in memory that no caller can make grow.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash, Hasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;

pub use self::buckets::Buckets;
use super::authorize::Permit;
use super::decide::About;
use super::denial::{Counting, Denial};
use crate::config::{Config, Per, Rate};
use crate::mcp;
use crate::token::Claims;
use crate::types::{ApiName, RouteId, Timestamp, network};

mod buckets;
#[cfg(test)]
mod tests;

/// Sets of the table, each with a lock of its own: 65 536 callers in 1 MiB.
const SETS: usize = 8_192;

/// Refusals of one caller that are answered as what they are: after so many at once, one every tenth of a second. Those beyond are
/// answered 429. A page full of panels that its reader may not see has them all refused at once, and again in a few seconds.
const REFUSALS: Rate = Rate { per: Per::User, interval: 100_000, burst: 300 };
/// 429s of one caller that are put on record: after so many at once, one a second.
const RECORDS: Rate = Rate { per: Per::User, interval: 1_000_000, burst: 60 };

/// Counts requests by rate and caller.
pub struct Rates {
    hasher: RandomState,
    buckets: Buckets,
    /// Requests of each route with a cap.
    of_routes: Places<RouteId>,
    /// Requests of each API with a cap.
    of_apis: Places<ApiName>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { hasher: RandomState::new(), buckets: Buckets::new(SETS), of_routes: Places::default(), of_apis: Places::default() }
    }
}

/// Who asks for what, beyond the permit.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The caller's address.
    pub address: Option<IpAddr>,
    /// The tool, prompt or resource of an MCP message.
    pub target: Option<&'a mcp::Target>,
    /// When.
    pub now: Timestamp,
}

/// A refusal, once it is known how many its caller had before.
#[derive(Debug)]
pub struct Answered {
    /// What the caller is told.
    pub denial: Denial,
    /// Whether it is put on record; `None` where nobody knows who called.
    pub recorded: Option<bool>,
}

/// One of the requests that a route and its API serve at a time; dropping it makes room for another.
#[derive(Debug)]
pub struct Running {
    _of_api: Option<Taken>,
    _of_route: Option<Taken>,
}

/// A place that is taken.
#[derive(Debug)]
struct Taken(Arc<AtomicU32>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many requests of each name run. Only the first of a name changes the map, and only names of the configuration get here, so
/// that it is as bounded as the file.
struct Places<K>(ArcSwap<HashMap<K, Arc<AtomicU32>>>);

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(ArcSwap::default())
    }
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// Takes one of the places that `name` has; `None` when it has no cap.
    fn take(&self, name: &K, most: Option<u32>) -> Result<Option<Taken>, Denial> {
        let Some(most) = most else { return Ok(None) };
        let running = self.running(name);
        let entered = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < most).then_some(n + 1));
        if entered.is_ok() { Ok(Some(Taken(running))) } else { Err(Denial::Concurrency) }
    }

    fn running(&self, name: &K) -> Arc<AtomicU32> {
        if let Some(known) = self.0.load().get(name) {
            return Arc::clone(known);
        }
        let made = Arc::<AtomicU32>::default();
        self.0.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.entry(name.clone()).or_insert_with(|| Arc::clone(&made));
            all
        });
        // Two that came at once agree on the one that was first.
        self.0.load().get(name).map_or(made, Arc::clone)
    }

    /// Forgets the names that have no cap and of which nothing runs.
    fn keep(&self, capped: &HashSet<&K>) {
        self.0.rcu(|all| {
            let kept = all.iter().filter(|(name, n)| capped.contains(name) || n.load(Ordering::Acquire) > 0);
            kept.map(|(name, n)| (name.clone(), Arc::clone(n))).collect::<HashMap<_, _>>()
        });
    }
}

impl Rates {
    /// Counts a permitted request under every rate of its API and route.
    ///
    /// # Errors
    /// When one of them is used up; what the rates before it counted stays counted.
    pub fn admit(&self, permit: &Permit, asking: &Asking<'_>) -> Result<(), Denial> {
        for (place, number, rate) in rates(permit) {
            let mut key = self.hasher.build_hasher();
            (place, number, rate.per).hash(&mut key);
            if !subject(permit, asking, rate.per, &mut key) {
                continue;
            }
            self.count(key.finish(), rate, asking.now).map_err(|wait| Denial::Rate { of: counting(permit, rate.per), wait })?;
        }
        Ok(())
    }

    /// Counts a refusal of a caller who is known: by a token that is good, or was once. Whoever goes on asking for what they may not
    /// have is told to wait, and of what they are told then not everything is kept. What they may have is not counted here. Whose
    /// token has ended is never told to wait, as they would not learn then that they need another; that is only not kept each time.
    #[must_use]
    pub fn refused(&self, denial: Denial, about: &About, now: Timestamp) -> Answered {
        let caller = |claims: &Claims| {
            self.hasher.hash_one(("refused", claims.org.as_str(), claims.client_id.as_str(), claims.sub.as_str()))
        };
        let claims = about.principal.as_deref().map(|p| &p.claims).or(about.claims.as_deref());
        let Some(caller) = claims.map(caller) else { return Answered { denial, recorded: None } };
        if denial.status() == StatusCode::UNAUTHORIZED {
            let recorded = self.count(caller.rotate_left(1), &REFUSALS, now).is_ok();
            return Answered { denial, recorded: Some(recorded) };
        }
        let is_theirs = denial.status().is_client_error() && !denial.is_of_limit();
        let in_time = if is_theirs { self.count(caller, &REFUSALS, now) } else { Ok(()) };
        let denial = in_time.map_or_else(|wait| Denial::Rate { of: Counting::Refusals, wait }, |()| denial);
        let limited = denial.is_of_limit();
        let recorded = !limited || self.count(!caller, &RECORDS, now).is_ok();
        Answered { denial, recorded: Some(recorded) }
    }

    /// GCRA: a request is in time unless it comes so early that the burst is used up.
    fn count(&self, caller: u64, rate: &Rate, now: Timestamp) -> Result<(), Duration> {
        let now = now.millis().saturating_mul(1_000);
        self.buckets.take(caller, (rate.interval, rate.burst), now).map(|_idle_after| ())
    }

    /// Takes one of the places that a route, and its API, have for requests at one time; `None` when neither has a cap.
    ///
    /// # Errors
    /// When all are taken.
    pub fn enter(&self, permit: &Permit) -> Result<Option<Running>, Denial> {
        let api = permit.api();
        let of_api = self.of_apis.take(&api.name, api.max_concurrent)?;
        let of_route = self.of_routes.take(permit.route(), permit.rule().max_concurrent)?;
        let capped = of_api.is_some() || of_route.is_some();
        Ok(capped.then_some(Running { _of_api: of_api, _of_route: of_route }))
    }

    /// Forgets the routes and APIs that a configuration caps no longer, unless requests of them run: should such a cap come back, they
    /// count.
    pub fn keep(&self, config: &Config) {
        let routes = config.apis.iter().flat_map(|api| api.routes.iter());
        let capped: HashSet<&RouteId> = routes.filter(|(_, _, r)| r.max_concurrent.is_some()).map(|(_, _, r)| &r.id).collect();
        self.of_routes.keep(&capped);
        let capped = config.apis.iter().filter(|api| api.max_concurrent.is_some()).map(|api| &api.name).collect();
        self.of_apis.keep(&capped);
    }

    /// How many routes and APIs have requests that are counted.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.of_routes.0.load().len() + self.of_apis.0.load().len()
    }
}

/// Where a rate stands. A route may have the id that is its API's name, and their counts are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place<'p> {
    Api(&'p str),
    Route(&'p str),
}

/// Every rate of a permit's API and route, with where it stands.
fn rates(permit: &Permit) -> impl Iterator<Item = (Place<'_>, usize, &Rate)> {
    let of_api = permit.api().rates.iter().enumerate().map(|(i, rate)| (Place::Api(permit.api().name.as_str()), i, rate));
    let of_route = permit.rule().rates.iter().enumerate().map(|(i, rate)| (Place::Route(permit.route().as_str()), i, rate));
    of_api.chain(of_route)
}

/// What a rate counts this request with. Without a token there is only the address.
const fn counting(permit: &Permit, per: Per) -> Counting {
    match (per, permit.principal()) {
        (Per::Tool, _) => Counting::Tool,
        (Per::Address, _) | (_, None) => Counting::Address,
        (Per::Organization, Some(_)) => Counting::Organization,
        (Per::Client, Some(_)) => Counting::Client,
        (Per::User, Some(_)) => Counting::User,
    }
}

/// The rates that count a request, and whom each of them counts it for.
pub fn applying<'p>(permit: &'p Permit, asking: &Asking<'_>) -> impl Iterator<Item = (&'p Rate, Counted<'p>)> {
    let hasher = RandomState::new();
    rates(permit)
        .filter(move |&(_, _, rate)| subject(permit, asking, rate.per, &mut hasher.build_hasher()))
        .map(move |(_, _, rate)| (rate, Counted::of(permit, rate.per)))
}

/// Whom a rate counts a request for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted<'p> {
    /// The tool, in an organization or for everybody.
    Tool(Option<&'p str>),
    /// The organization.
    Organization(&'p str),
    /// The client in an organization.
    Client(&'p str, &'p str),
    /// The user in an organization.
    User(&'p str, &'p str),
    /// The network of the caller's address.
    Address,
}

impl<'p> Counted<'p> {
    fn of(permit: &'p Permit, per: Per) -> Self {
        match (per, permit.principal()) {
            (Per::Tool, principal) => Self::Tool(principal.map(|p| p.org.slug.as_str())),
            (Per::Organization, Some(p)) => Self::Organization(p.org.slug.as_str()),
            (Per::Client, Some(p)) => Self::Client(&p.client.name, p.org.slug.as_str()),
            (Per::User, Some(p)) => Self::User(&p.user.email, p.org.slug.as_str()),
            (Per::Address, _) | (_, None) => Self::Address,
        }
    }
}

impl std::fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tool(Some(org)) => write!(f, "for each tool in {org}"),
            Self::Tool(None) => f.write_str("for each tool"),
            Self::Organization(org) => write!(f, "for all of {org}"),
            Self::Client(client, org) => write!(f, "for {client} in {org}"),
            Self::User(user, org) => write!(f, "for {user} in {org}"),
            Self::Address => f.write_str("for the network that it comes from"),
        }
    }
}

/// Adds whom a rate counts to `key`; `false` when the request has nothing of the kind. Without a token there is only the address.
fn subject(permit: &Permit, asking: &Asking<'_>, per: Per, key: &mut impl std::hash::Hasher) -> bool {
    let org = permit.principal().map(|p| p.org.id.as_str());
    match (per, permit.principal()) {
        (Per::Tool, _) => match asking.target {
            Some(target) => (org, target.kind(), target.as_str()).hash(key),
            None => return false,
        },
        (Per::Organization, Some(_)) => org.hash(key),
        (Per::Client, Some(principal)) => (org, principal.claims.client_id.as_str()).hash(key),
        (Per::User, Some(principal)) => (org, principal.claims.sub.as_str()).hash(key),
        (Per::Address, _) | (_, None) => asking.address.map(network).hash(key),
    }
    true
}
