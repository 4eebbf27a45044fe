//! From a permit to a connection: which endpoint, at which address, with which limits.
//!
//! A [`Fleet`] holds a [`Pool`] for each upstream of a configuration. What was learnt about an endpoint outlives the configuration:
//! the next fleet takes it over. [`pool`] chooses, [`member`] remembers how an endpoint does, [`places`], [`budget`] and [`breaker`]
//! bound what an upstream can cost, [`holders`] what one caller may hold of it, [`names`] resolves in the background, [`check`] asks
//! endpoints how they are, and `ask` what only they know.

mod ask;
pub mod breaker;
pub mod budget;
pub mod check;
mod grpc_health;
pub mod holders;
pub mod member;
pub mod names;
mod peer;
pub mod places;
pub mod pool;
mod standing;
mod streak;
pub mod upgrade;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use ask::{Answer, Unanswered};
pub use breaker::Circuit;
pub use member::{Condition, Member, Tally};
pub use names::{Addresses, Resolver, SystemResolver};
pub use peer::{Coming, OtherProtocol, Spans, Stream};
pub use places::Place;
pub use pool::{Attempt, Pool, Tried};
pub use streak::{Caller, Failure};
pub use watch::{Awaited, Pieces, Slow, Watch, Watched};

use pingora::http::RequestHeader;

use super::authorize::Permit;
use crate::config::{Config, Target, Upstream};
use crate::types::{Memory, Timestamp};

/// As many connections as there can be to all of these.
#[must_use]
pub fn most_connections(upstreams: &[Arc<Upstream>]) -> usize {
    let most = |upstream: &Arc<Upstream>| {
        upstream.endpoints.len().saturating_mul(usize::try_from(upstream.limits.connections).unwrap_or(usize::MAX))
    };
    upstreams.iter().map(most).fold(0, usize::saturating_add)
}

/// Every upstream of one configuration.
#[derive(Debug)]
pub struct Fleet {
    pools: HashMap<String, Arc<Pool>>,
    resolver: Arc<dyn Resolver>,
    asking: ask::Asking,
}

/// Why there is no peer.
#[derive(Debug, thiserror::Error)]
pub enum NoPeer {
    /// The permit is for a local target.
    #[error("this API is answered here and has no upstream")]
    Local,
    /// Every endpoint has as many requests as it may have.
    #[error("the upstream {upstream} has as many requests under way as it may have")]
    Full {
        /// Its name.
        upstream: String,
    },
    /// No connection to it could be had for a while.
    #[error("the upstream {upstream} can't be reached and is not asked")]
    Circuit {
        /// Its name.
        upstream: String,
        /// When it is tried again.
        #[source]
        refused: breaker::Refused,
    },
    /// The name does not resolve.
    #[error("the upstream's name {host} can't be resolved")]
    Name {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: Option<std::io::Error>,
    },
}

impl Fleet {
    /// The upstreams of `config`, whose names this resolver knows.
    #[must_use]
    pub fn of(config: &Config, resolver: Arc<dyn Resolver>) -> Self {
        Self::after(config, resolver, None)
    }

    /// The upstreams of `config`, with what `before` knows of those that it has too. Endpoints that they did not have come at `now`.
    #[must_use]
    pub fn following(config: &Config, before: &Self, now: Timestamp) -> Self {
        Self::after(config, Arc::clone(&before.resolver), Some((before, now)))
    }

    fn after(config: &Config, resolver: Arc<dyn Resolver>, before: Option<(&Self, Timestamp)>) -> Self {
        let pool = |upstream: &Arc<Upstream>| {
            let known = before.and_then(|(before, now)| Some((&**before.pools.get(&upstream.name)?, now)));
            (upstream.name.clone(), Arc::new(Pool::new(Arc::clone(upstream), &resolver, known)))
        };
        let asking = before.map(|(before, _)| before.asking.clone()).unwrap_or_default();
        Self { pools: config.upstreams.iter().map(pool).collect(), resolver, asking }
    }

    /// The pool that a permit opens. Only a permit names an upstream: who skips authorization has nowhere to go.
    ///
    /// # Errors
    /// When the permit is for a local target.
    pub fn pool(&self, permit: &Permit) -> Result<&Arc<Pool>, NoPeer> {
        let Target::Upstream(upstream) = &permit.api().target else { return Err(NoPeer::Local) };
        self.pools.get(&upstream.name).ok_or(NoPeer::Local)
    }

    /// An endpoint for a permit that was not tried before, if there is one.
    ///
    /// # Errors
    /// When the permit is for a local target, no connection could be had for a while, or every endpoint has as many requests as it
    /// may have.
    pub fn choose(&self, permit: &Permit, now: Timestamp, tried: Tried) -> Result<Attempt, NoPeer> {
        self.pool(permit)?.choose(now, tried)
    }

    /// Asks the endpoint of an attempt something of our own.
    ///
    /// # Errors
    /// When it does not answer, or with more than such an answer has.
    pub async fn ask(
        &self,
        attempt: &mut Attempt,
        head: RequestHeader,
        spans: &Spans,
        (memory, now): (&Arc<Memory>, Timestamp),
    ) -> Result<Answer, Unanswered> {
        self.asking.ask(attempt, head, spans, (memory, now)).await
    }

    /// Every pool.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.values()
    }
}
