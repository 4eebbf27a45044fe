//! What the gate computes once from each configuration.

use std::sync::Arc;

use super::hygiene::{AcceptedHosts, HygienePolicy, IdentityHeaders, Limits, SlashPolicy};
use super::identity::Identities;
use super::upstream::Fleet;
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
        Self::after(config, None)
    }

    /// Prepares the configuration that takes the place of `before`: what was learnt about upstreams stays known.
    #[must_use]
    pub fn following(config: Arc<Config>, before: &Self) -> Self {
        Self::after(config, Some(before))
    }

    fn after(config: Arc<Config>, before: Option<&Self>) -> Self {
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
        let hygiene = HygienePolicy {
            hosts: AcceptedHosts::new(authorities, config.issuer.is_https()).with_suffixes(suffixes),
            limits: Limits::default(),
            identity_headers: IdentityHeaders::new(identity.iter().map(String::as_str)),
            encoded_slash: if slashes { SlashPolicy::PerRoute } else { SlashPolicy::Refuse },
        };
        let fleet = Fleet::of(&config, before.map(|b| &b.fleet));
        let identities = Identities::of(&config, before.map(|b| &b.identities));
        Self { config, hygiene, fleet, identities }
    }
}
