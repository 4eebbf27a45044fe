//! What the gate computes once from each configuration.

use std::sync::Arc;

use super::hygiene::{AcceptedHosts, HygienePolicy, IdentityHeaders, Limits, SlashPolicy};
use super::identity::Identities;
use super::upstream::{Fleet, Resolver, SystemResolver};
use crate::config::{Config, Tell};

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

    /// Prepares the configuration that takes the place of `before`: what was learnt about upstreams stays known.
    #[must_use]
    pub fn following(config: Arc<Config>, before: &Self) -> Self {
        let (fleet, identities) = (Fleet::following(&config, &before.fleet), Identities::of(&config, Some(&before.identities)));
        Self::with(config, fleet, identities)
    }

    fn with(config: Arc<Config>, fleet: Fleet, identities: Identities) -> Self {
        Self { hygiene: HygienePolicy::of(&config), config, fleet, identities }
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
