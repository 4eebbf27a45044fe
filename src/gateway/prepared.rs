//! What the gate computes once from each configuration.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::hygiene::{AcceptedHosts, HygienePolicy, IdentityHeaders, Limits, SlashPolicy};
use super::identity::Identities;
use super::upstream::{Fleet, Resolver, SystemResolver};
use crate::config::{Config, Tell};
use crate::types::{ScopeBits, ScopeSet, Timestamp};

/// Most sets of scopes whose names are kept.
const MAX_NAMED: usize = 1024;

/// A configuration with what follows from it.
#[derive(Debug)]
pub struct Prepared {
    /// The configuration.
    pub config: Arc<Config>,
    /// What hygiene asks of every request.
    pub hygiene: HygienePolicy,
    /// Its upstreams.
    pub fleet: Fleet,
    /// What their upstreams are told about callers.
    pub identities: Identities,
    /// Names of the scopes that requests needed so far: mostly a route needs the same ones every time.
    named: Named,
}

impl Prepared {
    /// Prepares a configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self::resolving(config, Arc::new(SystemResolver))
    }

    /// Prepares a configuration whose upstreams' names this resolver knows.
    #[must_use]
    pub fn resolving(config: Arc<Config>, resolver: Arc<dyn Resolver>) -> Self {
        let (fleet, identities) = (Fleet::of(&config, resolver), Identities::of(&config, None));
        Self::with(config, fleet, identities)
    }

    /// Prepares the configuration that takes the place of `before` at `now`: what was learnt about upstreams stays known.
    #[must_use]
    pub fn following(config: Arc<Config>, before: &Self, now: Timestamp) -> Self {
        let fleet = Fleet::following(&config, &before.fleet, now);
        let identities = Identities::of(&config, Some(&before.identities));
        Self::with(config, fleet, identities)
    }

    fn with(config: Arc<Config>, fleet: Fleet, identities: Identities) -> Self {
        Self { hygiene: HygienePolicy::of(&config), config, fleet, identities, named: Named::default() }
    }

    /// The scopes of these bits, by name.
    #[must_use]
    pub fn scopes(&self, bits: &ScopeBits) -> ScopeSet {
        self.named.of(bits, || self.config.catalogue.scopes(bits))
    }
}

/// Sets of scopes that have been named.
#[derive(Debug, Default)]
struct Named(ArcSwap<HashMap<ScopeBits, ScopeSet>>);

impl Named {
    fn of(&self, bits: &ScopeBits, name: impl FnOnce() -> ScopeSet) -> ScopeSet {
        let known = self.0.load();
        if let Some(scopes) = known.get(bits) {
            return scopes.clone();
        }
        let scopes = name();
        if known.len() < MAX_NAMED {
            self.0.rcu(|known| {
                let mut known = HashMap::clone(known);
                known.insert(*bits, scopes.clone());
                known
            });
        }
        scopes
    }
}

impl HygienePolicy {
    /// What a configuration asks of every request.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let authorities = std::iter::once(config.issuer.authority()).chain(config.listen.extra_hosts.iter().map(String::as_str));
        let suffixes = config.apis.iter().filter_map(|a| a.tenancy.host_suffix.as_deref());
        let told = |api: &crate::config::Api| match &api.tenancy.tell {
            Some(Tell::Header { name, .. }) => Some(name.as_str().to_owned()),
            _ => None,
        };
        let identity: Vec<String> = config
            .apis
            .iter()
            .flat_map(|api| api.identity_headers.iter().map(|h| h.as_str().to_owned()).chain(told(api)))
            .collect();
        let slashes = config.apis.iter().any(|a| a.routes.iter().any(|(_, _, route)| route.encoded_slash));
        Self {
            hosts: AcceptedHosts::new(authorities, config.issuer.is_https()).with_suffixes(suffixes),
            limits: Limits::default(),
            identity_headers: IdentityHeaders::new(identity.iter().map(String::as_str)),
            encoded_slash: if slashes { SlashPolicy::PerRoute } else { SlashPolicy::Refuse },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ScopeToken;

    #[test]
    fn names_are_made_once_and_not_kept_without_end() {
        let named = Named::default();
        let bits = |n: usize| {
            let mut bits = ScopeBits::NONE;
            bits.set(n % 512);
            bits.set(n / 512);
            bits
        };
        let scopes = |n: usize| ScopeToken::parse(&format!("s{n}")).into_iter().collect::<ScopeSet>();
        for n in 0..=MAX_NAMED + 600 {
            assert_eq!(named.of(&bits(n), || scopes(n)), named.of(&bits(n), || scopes(n)));
        }
        assert_eq!(named.0.load().len(), MAX_NAMED);
        assert_eq!(named.of(&bits(700), || panic!("it is known")), scopes(700));
    }
}
