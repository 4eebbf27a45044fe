//! The applications of a user, and what each may do at this moment.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::{Config, Risk};
use crate::node::Node;
use crate::pages::views::ScopeLabel;
use crate::store::{ApiKey, ApiKeyState, GrantFacts, GrantState, GrantUse, StoreError};
use crate::token::{Refusal, effective, standing};
use crate::types::{GrantId, ScopeBits, ScopeToken, Timestamp, UserId};

/// Days of calls that are shown.
pub const DAYS: u32 = 30;
const DAY: Duration = Duration::from_hours(24);
/// Most days that are looked back for the use of a scope.
const MAX_DAYS: u32 = 3650;

/// One live grant of a user.
#[derive(Debug)]
pub struct Application {
    /// The grant, its client and its organization.
    pub facts: GrantFacts,
    /// Why it can do nothing at the moment, although it was not revoked.
    pub idle: Option<Refusal>,
    /// What it may do now, by the function that the gate asks.
    pub now: ScopeBits,
    /// What its user holds now.
    user: ScopeBits,
    /// Calls on each of the last [`DAYS`] days, oldest first, and every scope that was ever used.
    pub usage: GrantUse,
}

/// The API keys that work which an application made on behalf of whoever authorized it. They are the organization's: they go on when the
/// grant ends.
///
/// # Errors
/// When the store fails.
pub async fn keys_of(node: &Node, facts: &GrantFacts) -> Result<Vec<ApiKey>, StoreError> {
    let Some(of) = &facts.client.app else { return Ok(Vec::new()) };
    let keys = node.store.api_keys_of_app(&facts.org.id, &of.app).await?;
    Ok(keys.into_iter().filter(|key| key.state == ApiKeyState::Live && key.user == facts.user.id).collect())
}

/// Why an application can't use a scope now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// It can do nothing at all.
    #[error("{0}")]
    Idle(Refusal),
    /// The configuration no longer has the scope.
    #[error("this gateway no longer has it")]
    Gone,
    /// The client or the organization no longer lets it.
    #[error("the application is no longer allowed it")]
    NotAllowed,
    /// The user does not hold it.
    #[error("you don't hold this permission")]
    NotHeld,
}

impl NotNow {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Idle(refusal) => refusal.code(),
            Self::Gone => "scope_gone",
            Self::NotAllowed => "client_not_allowed",
            Self::NotHeld => "permission_not_held",
        }
    }
}

/// One scope of a grant in words.
#[derive(Debug)]
pub struct ScopeWords {
    /// The scope.
    pub scope: ScopeToken,
    /// What else is said of it.
    pub label: ScopeLabel,
    /// What it lets the application do.
    pub text: String,
    /// How dangerous that is.
    pub risk: Risk,
    /// Why the application can't use it now.
    pub not_now: Option<NotNow>,
    /// Whether a call ever needed it.
    pub used: bool,
}

/// The live grants of `user`, newest first.
///
/// # Errors
/// When the store fails.
pub async fn applications(node: &Node, config: &Config, user: &UserId) -> Result<Vec<Application>, StoreError> {
    let now = node.now();
    let mut live = node.store.grants_of_user(user, now).await?;
    live.retain(|f| f.grant.state == GrantState::Live && f.grant.expires_at.is_none_or(|end| now < end));
    with_use(node, config, live).await
}

/// These grants with how they were used, in the same order.
///
/// # Errors
/// When the store fails.
pub async fn with_use(node: &Node, config: &Config, grants: Vec<GrantFacts>) -> Result<Vec<Application>, StoreError> {
    let now = node.now();
    let mut usage = usage(node, &grants, now).await?;
    let with_use = |facts: GrantFacts| {
        let usage = usage.remove(&facts.grant.id).unwrap_or_default();
        Application::new(config, facts, usage, now)
    };
    Ok(grants.into_iter().map(with_use).collect())
}

/// One live grant of `user`; `None` when there is no such grant, it has ended, or it is another's.
///
/// # Errors
/// When the store fails.
pub async fn application(
    node: &Node,
    config: &Config,
    user: &UserId,
    grant: &GrantId,
) -> Result<Option<Application>, StoreError> {
    let now = node.now();
    let facts = node.store.grant_facts(grant).await?;
    let live = |f: &GrantFacts| f.grant.state == GrantState::Live && f.grant.expires_at.is_none_or(|end| now < end);
    let Some(facts) = facts.filter(|f| f.grant.user == *user && live(f)) else { return Ok(None) };
    Ok(with_use(node, config, vec![facts]).await?.pop())
}

async fn usage(node: &Node, live: &[GrantFacts], now: Timestamp) -> Result<HashMap<GrantId, GrantUse>, StoreError> {
    let oldest = live.iter().map(|f| f.grant.created_at).min().unwrap_or(now);
    let age = u32::try_from(now.since(oldest).as_secs() / DAY.as_secs()).unwrap_or(MAX_DAYS);
    let days = (age + 2).clamp(DAYS, MAX_DAYS);
    let ids: Vec<_> = live.iter().map(|f| f.grant.id.clone()).collect();
    let mut found: HashMap<_, _> = node.store.grant_use(&ids, now, days).await?.into_iter().collect();
    for usage in found.values_mut() {
        let surplus = usage.calls_per_day.len().saturating_sub(DAYS as usize);
        usage.calls_per_day.drain(..surplus);
    }
    Ok(found)
}

impl Application {
    fn new(config: &Config, facts: GrantFacts, usage: GrantUse, at: Timestamp) -> Self {
        let idle = standing(config, &facts, at).err();
        let held = effective(config, &facts, &facts.grant.scopes, at);
        let now = match idle {
            None => held.now,
            Some(_) => ScopeBits::NONE,
        };
        Self { facts, idle, now, user: held.user, usage }
    }

    /// Every scope of the grant: first what it may do now, and of that the most dangerous first.
    #[must_use]
    pub fn scopes(&self, config: &Config) -> Vec<ScopeWords> {
        let mut all: Vec<_> = self.facts.grant.scopes.iter().map(|scope| self.words(config, scope)).collect();
        all.sort_by_key(|w| (w.not_now.is_some(), std::cmp::Reverse(w.risk)));
        all
    }

    fn words(&self, config: &Config, scope: &ScopeToken) -> ScopeWords {
        let entry = config.catalogue.entry(scope);
        ScopeWords {
            scope: scope.clone(),
            label: ScopeLabel::of(entry),
            text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
            risk: entry.map_or(Risk::Low, |e| e.risk),
            not_now: self.not_now(config, scope),
            used: self.usage.scopes_used.contains(scope),
        }
    }

    fn not_now(&self, config: &Config, scope: &ScopeToken) -> Option<NotNow> {
        if let Some(reason) = self.idle {
            return Some(NotNow::Idle(reason));
        }
        let bit = config.catalogue.bits(&std::iter::once(scope.clone()).collect());
        if bit.is_empty() {
            return Some(NotNow::Gone);
        }
        if self.now.covers(&bit) {
            return None;
        }
        Some(if self.user.covers(&bit) { NotNow::NotAllowed } else { NotNow::NotHeld })
    }
}
