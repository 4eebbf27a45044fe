//! Tokens for an upstream, asked for at its authorization server in exchange for our assertion (RFC 8693).
//!
//! `kept → under way (one per caller) → circuit → ask → keep`. Whoever has no token is not forwarded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use http::HeaderValue;
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::circuit::Circuit;
use super::grant::{self, Granted};
use super::{Asked, IdentityFault, assertion};
use crate::config::{Api, Config, Exchange};
use crate::egress::Place;
use crate::node::Node;
use crate::token::{Fingerprint, Principal};
use crate::types::{ApiName, Issuer, Timestamp};

/// Bytes that the tokens of one API may take.
const CAPACITY: u64 = 16 << 20;
/// What an entry costs besides its text, bytes.
const ENTRY: usize = 200;
/// Callers for whom a token is asked for at one time, those that wait for their turn included.
const MOST_UNDER_WAY: usize = 1024;
/// Requests that the authorization server gets from one node and API at one time.
const AT_ONCE: usize = 32;
/// How long a refusal is kept: a client that tries again and again is not asked about each time.
const REFUSED: Duration = Duration::from_secs(5);
/// The longest that a token is kept, whatever it says of itself.
const LONGEST: Duration = Duration::from_hours(1);
/// How long the assertion lives that is exchanged.
const SUBJECT: Duration = Duration::from_mins(1);

type Outcome = Result<HeaderValue, IdentityFault>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// The tokens of one API. They outlive a configuration that changes nothing of what they are asked for with.
#[derive(Debug)]
pub(super) struct Exchanger {
    api: ApiName,
    /// Who signs what is exchanged.
    issuer: Issuer,
    terms: Arc<Exchange>,
    place: Place,
    kept: Cache<Fingerprint, Kept>,
    under_way: Mutex<HashMap<Fingerprint, Flight>>,
    places: Semaphore,
    circuit: Mutex<Circuit>,
}

#[derive(Clone, Debug)]
struct Kept {
    outcome: Outcome,
    until: Timestamp,
    /// When the upstream last refused what there was.
    forgotten_at: Option<Timestamp>,
}

impl Exchanger {
    pub(super) fn new(api: &Api, issuer: &Issuer, terms: &Arc<Exchange>, place: Place) -> Self {
        let weigher = |_: &Fingerprint, kept: &Kept| {
            let text = kept.outcome.as_ref().map_or(0, HeaderValue::len);
            u32::try_from(text + ENTRY).unwrap_or(u32::MAX)
        };
        Self {
            api: api.name.clone(),
            issuer: issuer.clone(),
            terms: Arc::clone(terms),
            place,
            kept: Cache::builder().max_capacity(CAPACITY).weigher(weigher).time_to_live(LONGEST).build(),
            under_way: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            circuit: Mutex::default(),
        }
    }

    /// Whether tokens are asked for in this way. What is told of a caller besides is in the fingerprint that they are kept under.
    pub(super) fn is_for(&self, issuer: &Issuer, terms: &Exchange) -> bool {
        self.issuer == *issuer && self.terms.is_same(terms)
    }

    /// The token of a caller. It is asked for once, however many requests wait for it, and whether or not they still do.
    pub(super) async fn header(
        self: &Arc<Self>,
        node: &Arc<Node>,
        config: &Arc<Config>,
        api: &Arc<Api>,
        principal: &Arc<Principal>,
    ) -> Outcome {
        let (caller, now) = (principal.fingerprint(), node.now());
        if let Some(known) = self.known(caller, now) {
            return known;
        }
        let flight = {
            let mut under_way = self.under_way.lock();
            if let Some(flight) = under_way.get(&caller) {
                flight.clone()
            } else if let Some(known) = self.known(caller, now) {
                // It came between the first look and the lock.
                return known;
            } else if under_way.len() >= MOST_UNDER_WAY {
                return Err(IdentityFault::Unavailable);
            } else {
                let landing = Landing { exchanger: Arc::clone(self), caller };
                let (node, config, api) = (Arc::clone(node), Arc::clone(config), Arc::clone(api));
                let task = tokio::spawn(fetch(landing, node, config, api, Arc::clone(principal)));
                let flight = async move { task.await.unwrap_or(Err(IdentityFault::Unavailable)) }.boxed().shared();
                under_way.insert(caller, flight.clone());
                flight
            }
        };
        let patience = 2 * self.terms.timeout;
        tokio::time::timeout(patience, flight).await.unwrap_or(Err(IdentityFault::Unavailable))
    }

    /// Forgets the token of a caller: the upstream did not take it. Not twice in short time: a caller who can make the upstream
    /// refuse them would have a token asked for with each request.
    pub(super) fn forget(&self, principal: &Principal, now: Timestamp) {
        let Some(kept) = self.kept.get(&principal.fingerprint()) else { return };
        if kept.forgotten_at.is_none_or(|before| now < before || now.since(before) >= REFUSED) {
            self.kept.insert(principal.fingerprint(), Kept { until: now, forgotten_at: Some(now), ..kept });
        }
    }

    fn known(&self, caller: Fingerprint, now: Timestamp) -> Option<Outcome> {
        self.kept.get(&caller).filter(|kept| now < kept.until).map(|kept| kept.outcome)
    }

    async fn ask(&self, asked: &Asked<'_>) -> Outcome {
        let Asked { node, principal, .. } = *asked;
        let Ok(_place) = self.places.acquire().await else { return Err(IdentityFault::Unavailable) };
        if !self.circuit.lock().admits(node.now()) {
            self.count(node, "not_asked");
            return Err(IdentityFault::Unavailable);
        }
        let subject = assertion::sign(asked, &self.terms.issuer, SUBJECT)?;
        let answer = grant::ask(&self.place, &self.terms, node, &subject.token).await;
        let now = node.now();
        self.circuit.lock().heard(!matches!(answer, Err(grant::Failure::Fault(_))), now);
        match answer {
            Ok(Granted { token, lives }) => {
                let value = assertion::carried(&self.terms.header, secrecy::ExposeSecret::expose_secret(&token))?;
                self.keep(principal, Ok(value.clone()), now.plus(lives.min(LONGEST)));
                self.count(node, "granted");
                Ok(value)
            }
            Err(failure) => {
                let (outcome, fault) = failure.told();
                tracing::warn!(api = %self.api, %failure, "no token for an upstream");
                self.count(node, outcome);
                if fault != IdentityFault::Unavailable {
                    self.keep(principal, Err(fault), now.plus(REFUSED));
                }
                Err(fault)
            }
        }
    }

    fn keep(&self, principal: &Principal, outcome: Outcome, until: Timestamp) {
        let forgotten_at = self.kept.get(&principal.fingerprint()).and_then(|before| before.forgotten_at);
        self.kept.insert(principal.fingerprint(), Kept { outcome, until, forgotten_at });
    }

    fn count(&self, node: &Node, outcome: &str) {
        node.metrics.exchanges.with_label_values(&[self.api.as_str(), outcome]).inc();
    }
}

/// Runs by itself: what was asked for is kept also when the client that wanted it has left.
async fn fetch(landing: Landing, node: Arc<Node>, config: Arc<Config>, api: Arc<Api>, principal: Arc<Principal>) -> Outcome {
    let asked = Asked { node: &node, config: &config, api: &api, principal: &principal };
    landing.exchanger.ask(&asked).await
}

/// Takes a caller off the list of those under way, however its task ends.
struct Landing {
    exchanger: Arc<Exchanger>,
    caller: Fingerprint,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.exchanger.under_way.lock().remove(&self.caller);
    }
}
