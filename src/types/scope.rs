//! Scopes as text, as sets, and as bits over the catalogue.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{BitAnd, BitOr};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::OwnScope;

/// How many scopes a catalogue may hold: the width of [`ScopeBits`].
pub const MAX_SCOPES: usize = 512;

/// The private scope that makes API keys.
pub const API_KEYS_WRITE: &str = OwnScope::ApiKeysWrite.as_str();
/// The name that [`API_KEYS_WRITE`] has elsewhere: taken wherever somebody asks for it, and known by its own name from there on.
const API_KEYS_WRITE_ALIAS: &str = "api_keys_write";

/// Longest scope and longest set that anybody may send, in bytes and in scopes. A long scope must not cost us anything.
const MAX_TOKEN_BYTES: usize = 100;
const MAX_SET_BYTES: usize = 4096;
const MAX_SET_TOKENS: usize = 64;

/// Why a text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside RFC 6749 appendix A.4, or nothing at all.
    #[error("a scope has characters that RFC 6749 appendix A.4 does not allow, or is empty")]
    Grammar,
    /// More than we read.
    #[error("scopes are limited to {MAX_TOKEN_BYTES} characters each, {MAX_SET_TOKENS} in one request")]
    TooLong,
}

/// One scope: `scope-token` of RFC 6749 appendix A.4.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(Arc<str>);

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`
const fn nqchar(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

impl ScopeToken {
    /// Reads one scope.
    ///
    /// # Errors
    /// When the grammar or the length limit is broken.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(ScopeError::TooLong);
        }
        if text.is_empty() || !text.bytes().all(nqchar) {
            return Err(ScopeError::Grammar);
        }
        Ok(Self(text.into()))
    }

    /// Reads one scope that somebody asks for, by any of its names.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn asked(text: &str) -> Result<Self, ScopeError> {
        Self::parse(if text == API_KEYS_WRITE_ALIAS { API_KEYS_WRITE } else { text })
    }

    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<OwnScope> for ScopeToken {
    fn from(own: OwnScope) -> Self {
        Self(own.as_str().into())
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ScopeToken {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ScopeToken {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}

/// A set of scopes; prints as the space-delimited list of RFC 6749 §3.3, in a stable order. Copies share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Arc<BTreeSet<ScopeToken>>);

impl ScopeSet {
    /// Reads a space-delimited list. Nothing, or only spaces, is the empty set; what that means is the caller's to say.
    ///
    /// # Errors
    /// When one of the scopes breaks the grammar or the list is too long.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_SET_BYTES {
            return Err(ScopeError::TooLong);
        }
        let set = text.split(' ').filter(|t| !t.is_empty()).map(ScopeToken::parse).collect::<Result<BTreeSet<_>, _>>()?;
        if set.len() > MAX_SET_TOKENS { Err(ScopeError::TooLong) } else { Ok(Self(Arc::new(set))) }
    }

    /// Reads a list of what somebody asks for, each by any of its names.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn asked(text: &str) -> Result<Self, ScopeError> {
        let mut set = Self::parse(text)?;
        if set.remove(API_KEYS_WRITE_ALIAS) {
            set.insert(ScopeToken::asked(API_KEYS_WRITE_ALIAS)?);
        }
        Ok(set)
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether what it prints can be read again: a token holds no more.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.len() <= MAX_SET_TOKENS && self.to_string().len() <= MAX_SET_BYTES
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn contains(&self, scope: &ScopeToken) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope here is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.0.intersection(&other.0).cloned().collect()
    }

    /// What either set holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.union(&other.0).cloned().collect()
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.0.difference(&other.0).cloned().collect()
    }

    /// Adds a scope; says whether it was new.
    pub fn insert(&mut self, scope: ScopeToken) -> bool {
        Arc::make_mut(&mut self.0).insert(scope)
    }

    /// Takes a scope out; says whether it was there.
    pub fn remove(&mut self, scope: &str) -> bool {
        let found = self.0.iter().find(|s| s.as_str() == scope).cloned();
        found.is_some_and(|s| Arc::make_mut(&mut self.0).remove(&s))
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }
}

impl FromIterator<ScopeToken> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(iter: I) -> Self {
        Self(Arc::new(iter.into_iter().collect()))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

/// A list in JSON and TOML.
impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(&*self.0)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        BTreeSet::deserialize(d).map(|set| Self(Arc::new(set)))
    }
}

/// Scopes as positions in one catalogue: what the request path intersects and compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScopeBits([u64; MAX_SCOPES / 64]);

impl ScopeBits {
    /// No scope.
    pub const NONE: Self = Self([0; MAX_SCOPES / 64]);

    /// Adds the scope at `position`.
    ///
    /// # Panics
    /// When `position` is not below [`MAX_SCOPES`]; a catalogue never gives out such a position.
    pub fn set(&mut self, position: usize) {
        assert!(position < MAX_SCOPES, "the catalogue keeps positions below {MAX_SCOPES}");
        self.0[position / 64] |= 1 << (position % 64);
    }

    /// Whether every scope of `needed` is here.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        self.0.iter().zip(&needed.0).all(|(have, need)| have & need == *need)
    }

    /// Whether no scope is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }

    /// What is here and not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// The positions that are set, ascending.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(i, word)| {
            let rest = move |w: &u64| Some(w & (w - 1)).filter(|w| *w != 0);
            let first = (*word != 0).then_some(*word);
            std::iter::successors(first, rest).map(move |w| i * 64 + w.trailing_zeros() as usize)
        })
    }
}

impl BitAnd for ScopeBits {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }
}

impl BitOr for ScopeBits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }
}

impl fmt::Debug for ScopeBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.positions()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_is_exact() {
        for b in 0..=0x7F_u8 {
            let text = char::from(b).to_string();
            assert_eq!(ScopeToken::parse(&text).is_ok(), nqchar(b), "{b:#04x}");
        }
        assert!(ScopeToken::parse("").is_err() && ScopeToken::parse("é").is_err());
    }

    /// Records of calls are written by that: see `record::text`.
    #[test]
    fn no_scope_needs_escaping_in_json() {
        let all: String = (0..=0x7F_u8).map(char::from).filter(|c| ScopeToken::parse(&c.to_string()).is_ok()).collect();
        assert_eq!(serde_json::to_string(&all).expect("JSON"), format!("\"{all}\""));
    }

    #[test]
    fn lists_are_bounded() {
        let many: Vec<String> = (0..65).map(|i| format!("s{i}")).collect();
        assert_eq!(ScopeSet::parse(&many.join(" ")), Err(ScopeError::TooLong));
        assert_eq!(ScopeSet::parse(&"a".repeat(5000)), Err(ScopeError::TooLong));
        assert_eq!(ScopeSet::parse("b  a b").map(|s| s.to_string()), Ok("a b".to_owned()));
        let asked = |text: &str| ScopeSet::asked(text).map(|s| s.to_string());
        assert_eq!(asked("z api_keys_write api_keys:write"), Ok("api_keys:write z".to_owned()), "one scope, by its own name");
        assert_eq!(asked(&many.join(" ")), Err(ScopeError::TooLong));
        assert_eq!(ScopeToken::asked("api_keys_write").as_ref().map(ScopeToken::as_str), Ok(API_KEYS_WRITE));
        assert_eq!(
            ScopeSet::parse("api_keys_write").map(|s| s.to_string()),
            Ok("api_keys_write".to_owned()),
            "nothing else is read so"
        );
    }

    #[test]
    fn bits_agree_with_sets() {
        let mut have = ScopeBits::NONE;
        let mut need = ScopeBits::NONE;
        for p in [0, 63, 64, 511] {
            have.set(p);
        }
        need.set(64);
        assert!(have.covers(&need) && !need.covers(&have) && need.covers(&ScopeBits::NONE));
        assert_eq!(have.positions().collect::<Vec<_>>(), [0, 63, 64, 511]);
        assert_eq!(have.without(&need).positions().collect::<Vec<_>>(), [0, 63, 511]);
        assert_eq!((have & need) | need, need);
    }
}
