//! What a route needs: all of some scopes, and one of some others.

use std::fmt;

use crate::types::{ScopeBits, ScopeSet, ScopeToken};

/// What a token needs for a route, by name: all of `scopes`, and one of `scopes_any` where there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteScopes {
    all: ScopeSet,
    /// As written.
    any: Vec<ScopeToken>,
}

impl RouteScopes {
    /// All of some scopes, and one of some others; without others, the first alone.
    #[must_use]
    pub const fn new(all: ScopeSet, any: Vec<ScopeToken>) -> Self {
        Self { all, any }
    }

    /// What is needed whichever of the others is held.
    #[must_use]
    pub const fn all(&self) -> &ScopeSet {
        &self.all
    }

    /// Of which one is needed, as written; without any, nothing more is.
    #[must_use]
    pub fn any(&self) -> &[ScopeToken] {
        &self.any
    }

    /// Whether any token will do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.any.is_empty()
    }

    /// Whether one of several scopes is enough for a part of it.
    #[must_use]
    pub fn has_choice(&self) -> bool {
        !self.any.is_empty()
    }

    /// Every scope that it names.
    #[must_use]
    pub fn every(&self) -> ScopeSet {
        self.all.iter().chain(&self.any).cloned().collect()
    }

    /// The sets of scopes that each suffice, in the order in which they are written. There is one at least.
    pub fn ways(&self) -> impl Iterator<Item = ScopeSet> {
        let alone = self.any.is_empty().then(|| self.all.clone());
        let chosen = self.any.iter().map(|one| self.all.iter().chain([one]).cloned().collect());
        alone.into_iter().chain(chosen)
    }

    /// Whether it is enough for everybody for whom `other` is enough.
    #[must_use]
    pub fn admits(&self, other: &Self) -> bool {
        other.ways().all(|theirs| self.ways().any(|ours| ours.is_subset(&theirs)))
    }
}

impl From<ScopeSet> for RouteScopes {
    fn from(all: ScopeSet) -> Self {
        Self::new(all, Vec::new())
    }
}

/// `logs:read`, `one of logs:read, metrics:read`, `rules:read and one of logs:read, metrics:read`.
impl fmt::Display for RouteScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        for (i, one) in self.any.iter().enumerate() {
            f.write_str(match (i, self.all.is_empty()) {
                (0, true) => "one of ",
                (0, false) => " and one of ",
                _ => ", ",
            })?;
            f.write_str(one.as_str())?;
        }
        Ok(())
    }
}

/// The same over the catalogue: what the request path compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeRule {
    all: ScopeBits,
    /// One scope each, as written.
    any: Vec<ScopeBits>,
}

impl ScopeRule {
    /// All of some scopes, and one of some others; without others, the first alone.
    #[must_use]
    pub const fn new(all: ScopeBits, any: Vec<ScopeBits>) -> Self {
        Self { all, any }
    }

    /// What is needed whichever of the others is held.
    #[must_use]
    pub const fn all(&self) -> &ScopeBits {
        &self.all
    }

    /// Whether one of several scopes is enough for a part of it.
    #[must_use]
    pub fn has_choice(&self) -> bool {
        !self.any.is_empty()
    }

    /// Every scope that it names.
    #[must_use]
    pub fn every(&self) -> ScopeBits {
        self.any.iter().fold(self.all, |every, one| every | *one)
    }

    /// The sets of scopes that each suffice, in the order in which they are written. There is one at least.
    pub fn ways(&self) -> impl Iterator<Item = ScopeBits> {
        let alone = self.any.is_empty().then_some(self.all);
        alone.into_iter().chain(self.any.iter().map(|one| self.all | *one))
    }

    /// The way that is written first.
    #[must_use]
    pub fn first(&self) -> ScopeBits {
        self.any.first().map_or(self.all, |one| self.all | *one)
    }

    /// Whether `held` is enough.
    #[must_use]
    pub fn admits(&self, held: &ScopeBits) -> bool {
        self.ways().any(|way| held.covers(&way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(all: &str, any: &str) -> RouteScopes {
        let any = any.split_whitespace().map(|s| ScopeToken::parse(s).expect("a scope")).collect();
        RouteScopes::new(ScopeSet::parse(all).expect("scopes"), any)
    }

    #[test]
    fn it_reads_as_written() {
        let texts = [("b a", "", "a b"), ("", "z y", "one of z, y"), ("c", "z y", "c and one of z, y"), ("", "", "")];
        for (all, any, text) in texts {
            assert_eq!(needs(all, any).to_string(), text);
        }
        assert_eq!(needs("c", "z y").ways().map(|way| way.to_string()).collect::<Vec<_>>(), ["c z", "c y"]);
        assert_eq!(needs("c", "").ways().map(|way| way.to_string()).collect::<Vec<_>>(), ["c"]);
        assert!(needs("", "").is_empty() && !needs("", "a").is_empty() && !needs("a", "").is_empty());
    }

    /// Held against every set of three scopes.
    #[test]
    fn who_is_let_in_by_one_is_let_in_by_the_other() {
        let all: Vec<_> = ["", "a", "b", "a b"]
            .into_iter()
            .flat_map(|all| ["", "c", "c d", "d"].map(|any| needs(all, any)))
            .chain([needs("", "a b"), needs("", "a b c")])
            .collect();
        let sets: Vec<ScopeSet> = (0..16_u32)
            .map(|n| "abcd".char_indices().filter(|(i, _)| n & (1 << i) != 0).map(|(_, c)| c.to_string()).collect::<Vec<_>>())
            .map(|names| ScopeSet::parse(&names.join(" ")).expect("scopes"))
            .collect();
        let opens = |rule: &RouteScopes, held: &ScopeSet| rule.ways().any(|way| way.is_subset(held));
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            let always = sets.iter().filter(|held| opens(other, held)).all(|held| opens(one, held));
            assert_eq!(one.admits(other), always, "{one} against {other}");
        }
    }

    #[test]
    fn bits_agree_with_names() {
        let bit = |n: usize| {
            let mut bits = ScopeBits::NONE;
            bits.set(n);
            bits
        };
        let rule = ScopeRule::new(bit(1), vec![bit(2), bit(3)]);
        let cases = [(bit(1), false), (bit(2) | bit(3), false), (bit(1) | bit(3), true), (bit(1) | bit(2) | bit(3), true)];
        for (held, opens) in cases {
            assert_eq!(rule.admits(&held), opens, "{held:?}");
        }
        assert_eq!(rule.every(), bit(1) | bit(2) | bit(3));
        assert!(ScopeRule::new(bit(1), Vec::new()).admits(&bit(1)) && !ScopeRule::new(bit(1), Vec::new()).admits(&bit(2)));
        assert!(ScopeRule::new(ScopeBits::NONE, Vec::new()).admits(&ScopeBits::NONE));
    }
}
