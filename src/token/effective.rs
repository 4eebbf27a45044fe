//! What a grant allows at this moment: the one function that consent, pages and gate ask.

use crate::config::{Config, GrantFlow};
use crate::store::{
    ApiKeyFacts, ApiKeyState, Approvals, Client, ClientOrigin, ClientPolicy, ClientState, GrantFacts, GrantState, GrantType,
    OrgState, Stance, UserState,
};
use crate::types::{API_KEYS_WRITE, ScopeBits, ScopeSet, Timestamp};

use super::refusal::Refusal;
use super::subject::may_be_subject;

/// The parts of the intersection that decides (G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effective {
    /// What may be done now: token ∩ grant ∩ client ∩ organization policy ∩ user.
    pub now: ScopeBits,
    /// What the user holds now in the organization.
    pub user: ScopeBits,
    /// What the client may ask for, and the organization lets it hold.
    pub client: ScopeBits,
}

impl Effective {
    /// Whether asking the user again could help with `missing`: the client may ask for it and the user holds it.
    #[must_use]
    pub fn could_be_granted(&self, missing: &ScopeBits) -> bool {
        (self.user & self.client).covers(missing)
    }
}

/// What everybody behind a token allows, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// What the token names.
    pub token: ScopeBits,
    /// What the user agreed to.
    pub grant: ScopeBits,
    /// What the client may ask for.
    pub client: ScopeBits,
    /// The most that the organization lets it hold; `None` where it says nothing.
    pub policy: Option<ScopeBits>,
    /// What the user holds in the organization.
    pub user: ScopeBits,
}

impl Factors {
    /// What everybody behind a token allows at `at`.
    #[must_use]
    pub fn of(config: &Config, facts: &GrantFacts, token: &ScopeSet, at: Timestamp) -> Self {
        let catalogue = &config.catalogue;
        Self {
            token: catalogue.bits(token),
            grant: catalogue.bits(&facts.grant.scopes),
            client: may_ask(config, &facts.client, &facts.approvals, at),
            policy: facts.policy.scopes.as_ref().map(|most| catalogue.bits(most)),
            user: facts.roles.as_deref().map_or(ScopeBits::NONE, |roles| config.roles.permissions(roles)),
        }
    }

    /// What all of them allow.
    #[must_use]
    pub fn effective(&self) -> Effective {
        let client = self.policy.map_or(self.client, |most| self.client & most);
        Effective { now: self.token & self.grant & client & self.user, user: self.user, client }
    }
}

/// Intersects what a token names with what everybody behind it may do at `at`.
#[must_use]
pub fn effective(config: &Config, facts: &GrantFacts, token: &ScopeSet, at: Timestamp) -> Effective {
    Factors::of(config, facts, token, at).effective()
}

/// The same for an API key. Asking anybody again gives it nothing more: what it may do was fixed when it was made.
#[must_use]
pub fn effective_of_key(config: &Config, facts: &ApiKeyFacts, at: Timestamp) -> Effective {
    let client = allowed(config, &facts.client, &facts.approvals, &facts.policy, at);
    Effective { now: config.catalogue.bits(&facts.key.scopes) & client, user: ScopeBits::NONE, client }
}

/// What a client may do in an organization at `at`.
fn allowed(config: &Config, client: &Client, approvals: &Approvals, policy: &ClientPolicy, at: Timestamp) -> ScopeBits {
    let bits = may_ask(config, client, approvals, at);
    policy.scopes.as_ref().map_or(bits, |most| bits & config.catalogue.bits(most))
}

/// What a client may ask for at `at`. A private scope counts while the operator's approval does.
fn may_ask(config: &Config, client: &Client, approvals: &Approvals, at: Timestamp) -> ScopeBits {
    let catalogue = &config.catalogue;
    let given = catalogue.given_by(&flows(client));
    // An approval from when it was private doesn't count either.
    let own = if client.is_operators() { catalogue.bits(&catalogue.internal()) } else { ScopeBits::NONE };
    let approved = || catalogue.bits(&approvals.live(at).difference(&catalogue.internal()));
    let asked = match (client.origin, &client.scopes) {
        (ClientOrigin::Administrator, Some(asked)) => {
            catalogue.bits(asked) & (catalogue.bits(&catalogue.open()) | own | approved())
        }
        (ClientOrigin::Administrator, None) => catalogue.bits(&catalogue.open()) | own,
        // What a client said of itself when it registered narrows nothing.
        (ClientOrigin::Dynamic, _) => catalogue.bits(&catalogue.public()),
    };
    given & asked
}

/// How a client may come to tokens. A grant does not remember by which of them it came about.
#[must_use]
pub fn flows(client: &Client) -> Vec<GrantFlow> {
    let flow = |kind: &GrantType| match kind {
        GrantType::AuthorizationCode => Some(GrantFlow::AuthorizationCode),
        GrantType::ClientCredentials => Some(GrantFlow::ClientCredentials),
        GrantType::DeviceCode => Some(GrantFlow::DeviceCode),
        GrantType::RefreshToken => None,
    };
    client.grant_types.iter().filter_map(flow).collect()
}

/// Whether anything behind a grant has ended, in the order in which a person would ask.
///
/// # Errors
/// What has ended.
pub fn standing(config: &Config, facts: &GrantFacts, at: Timestamp) -> Result<(), Refusal> {
    let ended = facts.grant.expires_at.is_some_and(|end| end <= at);
    match facts {
        f if !matches!(f.grant.state, GrantState::Live) => Err(Refusal::GrantRevoked),
        _ if ended => Err(Refusal::GrantExpired),
        f if f.client.state != ClientState::Active => Err(Refusal::ClientDisabled),
        f if f.policy.stance == Stance::Blocked => Err(Refusal::ClientBlocked),
        f if f.policy.stance == Stance::Pending => Err(Refusal::ClientNotApproved),
        f if f.user.state != UserState::Active => Err(Refusal::UserDisabled),
        f if f.org.state != OrgState::Active => Err(Refusal::OrgDisabled),
        GrantFacts { roles: None, .. } => Err(Refusal::NotAMember),
        // A machine acts as its subject while it may, and not as long as its token lives.
        GrantFacts { roles: Some(roles), user, client, .. }
            if client.subject.is_some() && !may_be_subject(config, user, roles) =>
        {
            Err(Refusal::SubjectUnfit)
        }
        _ => Ok(()),
    }
}

/// Whether anything behind an API key has ended. The user on whose behalf it was made is not asked: a key is the organization's.
///
/// # Errors
/// What has ended.
pub fn standing_of_key(facts: &ApiKeyFacts, at: Timestamp) -> Result<(), Refusal> {
    match facts {
        f if f.key.state != ApiKeyState::Live || !f.installed => Err(Refusal::KeyDisabled),
        f if f.client.state != ClientState::Active => Err(Refusal::ClientDisabled),
        f if f.policy.stance == Stance::Blocked => Err(Refusal::ClientBlocked),
        f if f.policy.stance == Stance::Pending => Err(Refusal::ClientNotApproved),
        f if f.org.state != OrgState::Active => Err(Refusal::OrgDisabled),
        f if !f.approvals.admits(API_KEYS_WRITE, at) => Err(Refusal::KeyNotApproved),
        _ => Ok(()),
    }
}
