//! Who takes a scope away, and who can give it.

use crate::config::Config;
use crate::store::{ApiKeyFacts, GrantFacts};
use crate::token::Factors;
use crate::types::{RoleName, ScopeBits, ScopeSet, ScopeToken, Timestamp};

/// One of those who must all allow a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// The token names it.
    Token,
    /// The user agreed to it.
    Grant,
    /// The client may ask for it.
    Client,
    /// The organization lets the client hold it.
    Policy,
    /// The user holds it in the organization.
    User,
}

impl Factor {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Client => "client",
            Self::Policy => "policy",
            Self::User => "user",
        }
    }
}

/// A scope that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The scope.
    pub scope: ScopeToken,
    /// Who takes it away.
    pub factor: Factor,
    /// How to mend it.
    pub mend: String,
}

/// Everything that keeps `needed` from being held, by the intersection that decides.
pub(super) fn lacks(config: &Config, facts: &GrantFacts, token: &ScopeSet, needed: &ScopeBits, at: Timestamp) -> Vec<Lack> {
    let held = Factors::of(config, facts, token, at);
    let everything = *needed;
    let parts = [
        (Factor::User, held.user),
        (Factor::Client, held.client),
        (Factor::Policy, held.policy.unwrap_or(everything)),
        (Factor::Grant, held.grant),
        (Factor::Token, held.token),
    ];
    let lacking = parts.into_iter().flat_map(|(factor, bits)| {
        let missing = config.catalogue.scopes(&needed.without(&bits));
        missing.iter().map(|scope| (scope.clone(), factor)).collect::<Vec<_>>()
    });
    lacking.map(|(scope, factor)| Lack { mend: mend(config, facts, &scope, factor), scope, factor }).collect()
}

/// What an API key lacks of `needed` by itself: it has what it was made with.
pub(super) fn lacks_of_key(config: &Config, facts: &ApiKeyFacts, needed: &ScopeBits) -> Vec<Lack> {
    let missing = config.catalogue.scopes(&needed.without(&config.catalogue.bits(&facts.key.scopes)));
    let mend = |scope: &ScopeToken| format!("The key was made without {scope}: make another one that has it.");
    missing.iter().map(|scope| Lack { scope: scope.clone(), factor: Factor::Token, mend: mend(scope) }).collect()
}

fn mend(config: &Config, facts: &GrantFacts, scope: &ScopeToken, factor: Factor) -> String {
    let (user, client, org) = (&facts.user.email, &facts.client, &facts.org.slug);
    match factor {
        Factor::User => {
            let bits = config.catalogue.bits(&std::iter::once(scope.clone()).collect());
            let names: Vec<_> = config
                .roles
                .0
                .iter()
                .filter(|(_, has)| has.covers(&bits))
                .map(|(name, _): (&RoleName, _)| name.as_str())
                .collect();
            match names.as_slice() {
                [] => format!("No role has {scope}: add it to one in the configuration, and give {user} that role in {org}."),
                roles => format!("{user} has no role with {scope} in {org}; these have it: {}.", roles.join(", ")),
            }
        }
        Factor::Client => format!(
            "{} ({}) may not ask for {scope}: add it to the client's scopes, or approve it when it is private.",
            client.name, client.id
        ),
        Factor::Policy => format!(
            "{org} does not let {} hold {scope}: its administrators change that at /orgs/{org}/applications.",
            client.name
        ),
        Factor::Grant => format!("{user} did not agree to {scope}: authorize {} again and ask for it.", client.name),
        Factor::Token => format!("The token does not name {scope}: ask for it at the next authorization or refresh."),
    }
}
