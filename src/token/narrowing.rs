//! What the permissions of a principal are narrowed to.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::store::GrantFacts;
use crate::types::{ScopeBits, Selector};

/// What some scopes of a principal are narrowed to, by their positions. Most principals have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing(BTreeMap<usize, Bounds>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bounds {
    To(Selector),
    /// Nothing, or more than one selector can say.
    Unsayable,
}

/// Scopes whose selectors can't be said in one, or leave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the selectors of a permission select nothing together, or can't be joined")]
pub struct Unsayable;

impl Narrowing {
    /// The scopes that are narrowed.
    #[must_use]
    pub fn scopes(&self) -> ScopeBits {
        let mut scopes = ScopeBits::NONE;
        self.0.keys().for_each(|position| scopes.set(*position));
        scopes
    }

    /// What a request that needs these scopes is narrowed to: every one of their selectors at once.
    ///
    /// # Errors
    /// When that can't be said.
    pub fn of(&self, needed: &ScopeBits) -> Result<Option<Selector>, Unsayable> {
        let mut all: Option<Selector> = None;
        for bounds in needed.positions().filter_map(|position| self.0.get(&position)) {
            let Bounds::To(selector) = bounds else { return Err(Unsayable) };
            all = Some(match all {
                None => selector.clone(),
                Some(before) => before.both(selector).ok_or(Unsayable)?,
            });
        }
        Ok(all)
    }
}

/// What roles and grant narrow together. Of roles the widest counts: one that narrows nothing lifts what the others say.
#[must_use]
pub fn narrowing(config: &Config, facts: &GrantFacts) -> Narrowing {
    let mut narrowing = Narrowing::default();
    if config.role_selectors.0.is_empty() && facts.grant.selectors.0.is_empty() {
        return narrowing;
    }
    for position in config.catalogue.bits(&facts.grant.scopes).positions() {
        let by_roles = by_roles(config, facts, position);
        let name = config.catalogue.entries().get(position).map(|entry| &entry.name);
        let by_grant = name.and_then(|name| facts.grant.selectors.0.get(name));
        let bounds = match (by_roles, by_grant) {
            (None, None) => continue,
            (Some(bounds), None) => bounds,
            (None, Some(selector)) => Bounds::To(selector.clone()),
            (Some(Bounds::Unsayable), Some(_)) => Bounds::Unsayable,
            (Some(Bounds::To(one)), Some(other)) => one.both(other).map_or(Bounds::Unsayable, Bounds::To),
        };
        narrowing.0.insert(position, bounds);
    }
    narrowing
}

/// What the user's roles narrow a scope to; `None` when one of them does not.
fn by_roles(config: &Config, facts: &GrantFacts, position: usize) -> Option<Bounds> {
    let mut scope = ScopeBits::NONE;
    scope.set(position);
    let name = &config.catalogue.entries().get(position)?.name;
    let mut all: Option<Bounds> = None;
    for role in facts.roles.iter().flatten().filter(|r| config.roles.0.get(*r).is_some_and(|held| held.covers(&scope))) {
        let selector = config.role_selectors.0.get(role).and_then(|selectors| selectors.0.get(name))?;
        all = Some(match all {
            None => Bounds::To(selector.clone()),
            Some(Bounds::To(before)) => before.either(selector).map_or(Bounds::Unsayable, Bounds::To),
            Some(Bounds::Unsayable) => Bounds::Unsayable,
        });
    }
    all
}
