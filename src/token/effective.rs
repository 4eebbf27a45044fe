//! What a grant allows at this moment: the one function that consent, pages and gate ask.

use crate::config::{Config, Visibility};
use crate::store::{ClientOrigin, ClientState, GrantFacts, GrantState, OrgState, UserState};
use crate::types::{ScopeBits, ScopeSet, Timestamp};

use super::verify::Refusal;

/// The parts of the intersection that decides (G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What may be done now: token ∩ grant ∩ client ∩ user.
    pub now: ScopeBits,
    /// What the user holds now in the organization.
    pub user: ScopeBits,
    /// What the client may ask for.
    pub client: ScopeBits,
}

impl Effective {
    /// Whether asking the user again could help with `missing`: the client may ask for it and the user holds it.
    #[must_use]
    pub fn could_be_granted(&self, missing: &ScopeBits) -> bool {
        (self.user & self.client).covers(missing)
    }
}

/// Intersects what a token names with what everybody behind it may do now.
#[must_use]
pub fn effective(config: &Config, facts: &GrantFacts, token: &ScopeSet) -> Effective {
    let catalogue = &config.catalogue;
    let user = facts.roles.as_deref().map_or(ScopeBits::NONE, |roles| config.roles.permissions(roles));
    let client = match &facts.client.scopes {
        Some(allowed) => catalogue.bits(allowed),
        None => catalogue.bits(&catalogue.public()),
    };
    let client = if facts.client.origin == ClientOrigin::Dynamic { client & public_bits(config) } else { client };
    let now = catalogue.bits(token) & catalogue.bits(&facts.grant.scopes) & client & user;
    Effective { now, user, client }
}

fn public_bits(config: &Config) -> ScopeBits {
    let public = |s: &&crate::config::ScopeEntry| s.visibility == Visibility::Public;
    config.catalogue.bits(&config.catalogue.entries().iter().filter(public).map(|e| e.name.clone()).collect())
}

/// Whether anything behind a grant has ended, in the order in which a person would ask.
///
/// # Errors
/// What has ended.
pub fn standing(facts: &GrantFacts, at: Timestamp) -> Result<(), Refusal> {
    let ended = facts.grant.expires_at.is_some_and(|end| end <= at);
    match facts {
        f if !matches!(f.grant.state, GrantState::Live) => Err(Refusal::GrantRevoked),
        _ if ended => Err(Refusal::GrantExpired),
        f if f.client.state != ClientState::Active => Err(Refusal::ClientDisabled),
        f if f.user.state != UserState::Active => Err(Refusal::UserDisabled),
        f if f.org.state != OrgState::Active => Err(Refusal::OrgDisabled),
        f if f.roles.is_none() => Err(Refusal::NotAMember),
        _ => Ok(()),
    }
}
