//! The scope catalogue: every scope that exists, and its position in [`ScopeBits`].

use std::collections::HashMap;
use std::time::Duration;

use super::{RouteScopes, ScopeRule};
use crate::types::{MAX_SCOPES, OwnScope, ScopeBits, ScopeSet, ScopeToken};

/// What a scope could do if it fell into the wrong hands: decides how loudly consent speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Reads what the organization shares anyway.
    Low,
    /// Reads what may be personal, or writes what can be undone.
    Medium,
    /// Destroys, administers, or opens doors.
    High,
}

/// Who may ask for a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Any client; advertised.
    Public,
    /// Clients that an organization or the operator made; not advertised, never for clients that registered themselves.
    Managed,
    /// Clients that were given it by name; never advertised, never for clients that registered themselves.
    Private,
    /// The operator's own clients: those that the operator made for no organization. Never advertised, and nobody can be given it.
    Internal,
}

/// How a client comes to a token: `grant_type` values that begin something. What `refresh_token` gives was begun by one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantFlow {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628 §3.4.
    DeviceCode,
}

impl GrantFlow {
    /// Every flow there is.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::ClientCredentials, Self::DeviceCode];

    /// Its `grant_type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }
}

/// That a scope is going away: what was given goes on, and nobody new takes it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deprecation {
    /// What to ask for instead.
    pub replaced_by: Option<ScopeToken>,
}

impl Deprecation {
    /// What to do instead, to follow on what is wrong: "; ask for logs:query instead".
    #[must_use]
    pub fn way_out(&self) -> String {
        self.replaced_by.as_ref().map(|other| format!("; ask for {other} instead")).unwrap_or_default()
    }
}

/// One scope of the catalogue. A user holds it when one of their roles names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeEntry {
    /// The scope.
    pub name: ScopeToken,
    /// Its short name for people, when it has one.
    pub title: Option<String>,
    /// One sentence for the consent page.
    pub description: String,
    /// Under which heading it is shown.
    pub group: String,
    /// How loudly.
    pub risk: Risk,
    /// Who may ask.
    pub visibility: Visibility,
    /// What whoever is given it is given too, as far as they could have asked for it. It is all there is: what these imply stands
    /// here as well.
    pub implies: ScopeSet,
    /// The longest that an access token with it lives.
    pub max_token_ttl: Option<Duration>,
    /// By which flows it is given; at least one.
    pub given_by: Vec<GrantFlow>,
    /// Whether it is going away.
    pub deprecated: Option<Deprecation>,
    /// What a user has to hold besides it, for it to count.
    pub requires: Option<ScopeToken>,
}

impl ScopeEntry {
    /// An entry that says nothing of other scopes.
    #[must_use]
    pub fn new(name: ScopeToken, (description, group): (String, String), risk: Risk, visibility: Visibility) -> Self {
        let given_by = GrantFlow::ALL.to_vec();
        let implies = ScopeSet::default();
        Self {
            name,
            title: None,
            description,
            group,
            risk,
            visibility,
            implies,
            max_token_ttl: None,
            given_by,
            deprecated: None,
            requires: None,
        }
    }

    /// Whether `text`, in lower case, occurs in what people read of it.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        let said = [self.name.as_str(), &self.description, &self.group].into_iter().chain(self.title.as_deref());
        said.map(str::to_lowercase).any(|part| part.contains(text))
    }

    /// Whether a client that somebody made may have it without an approval of the operator.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.visibility, Visibility::Public | Visibility::Managed)
    }

    /// Whether metadata names it: clients ask for everything that is named there, most of them by an authorization code.
    #[must_use]
    pub fn is_advertised(&self) -> bool {
        let by_code = self.given_by.contains(&GrantFlow::AuthorizationCode);
        self.visibility == Visibility::Public && by_code && self.deprecated.is_none()
    }
}

/// Every scope that exists. Positions are in the order of names and hold within one configuration only.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: Vec<ScopeEntry>,
    positions: HashMap<ScopeToken, usize>,
    /// What each of [`GrantFlow::ALL`] gives.
    given: [ScopeBits; GrantFlow::ALL.len()],
}

impl Catalogue {
    /// A catalogue of these scopes, or `None` when there are more than [`MAX_SCOPES`]. Of two entries with one name the first
    /// counts.
    #[must_use]
    pub fn new(mut entries: Vec<ScopeEntry>) -> Option<Self> {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|b, a| a.name == b.name);
        if entries.len() > MAX_SCOPES {
            return None;
        }
        let positions = entries.iter().enumerate().map(|(i, e)| (e.name.clone(), i)).collect();
        let given = GrantFlow::ALL.map(|flow| where_so(&entries, |entry| entry.given_by.contains(&flow)));
        Some(Self { entries, positions, given })
    }

    /// The entry of a scope.
    #[must_use]
    pub fn entry(&self, scope: &ScopeToken) -> Option<&ScopeEntry> {
        self.positions.get(scope).map(|p| &self.entries[*p])
    }

    /// Every entry, by name.
    #[must_use]
    pub fn entries(&self) -> &[ScopeEntry] {
        &self.entries
    }

    /// The bits of the scopes that exist; others have none.
    #[must_use]
    pub fn bits(&self, scopes: &ScopeSet) -> ScopeBits {
        let mut bits = ScopeBits::NONE;
        for position in scopes.iter().filter_map(|s| self.positions.get(s)) {
            bits.set(*position);
        }
        bits
    }

    /// What a route needs, over this catalogue. Names that are not here are left out.
    #[must_use]
    pub fn rule(&self, needs: &RouteScopes) -> ScopeRule {
        let bit = |position: &usize| {
            let mut bits = ScopeBits::NONE;
            bits.set(*position);
            bits
        };
        ScopeRule::new(self.bits(needs.all()), needs.any().iter().filter_map(|one| self.positions.get(one)).map(bit).collect())
    }

    /// The position of a scope of our own; none when it is not here, and then nobody holds it.
    #[must_use]
    pub fn own(&self, scope: OwnScope) -> Option<ScopeBits> {
        let bits = self.bits(&std::iter::once(ScopeToken::from(scope)).collect());
        (!bits.is_empty()).then_some(bits)
    }

    /// The scopes of these bits.
    #[must_use]
    pub fn scopes(&self, bits: &ScopeBits) -> ScopeSet {
        bits.positions().filter_map(|p| self.entries.get(p)).map(|e| e.name.clone()).collect()
    }

    /// What one of these flows gives.
    #[must_use]
    pub fn given_by(&self, flows: &[GrantFlow]) -> ScopeBits {
        let given = GrantFlow::ALL.iter().zip(&self.given).filter(|(flow, _)| flows.contains(flow));
        given.fold(ScopeBits::NONE, |all, (_, bits)| all | *bits)
    }

    /// What metadata names.
    #[must_use]
    pub fn advertised(&self) -> ScopeSet {
        self.entries.iter().filter(|e| e.is_advertised()).map(|e| e.name.clone()).collect()
    }

    /// Everything that a user has to hold besides a scope: what it requires, what that requires in turn.
    #[must_use]
    pub fn required(&self, entry: &ScopeEntry) -> ScopeBits {
        let mut bits = ScopeBits::NONE;
        let next = |entry: &&ScopeEntry| self.entry(entry.requires.as_ref()?);
        // A circle is an error of the file; it must not hang whoever looks before that is said.
        let chain = std::iter::successors(Some(entry), next).skip(1).take(self.entries.len());
        chain.filter_map(|entry| self.positions.get(&entry.name)).for_each(|position| bits.set(*position));
        bits
    }

    /// What comes with these scopes, by their own entries.
    #[must_use]
    pub fn implied(&self, scopes: &ScopeSet) -> ScopeSet {
        let entries = scopes.iter().filter_map(|scope| self.entry(scope));
        entries.flat_map(|entry| entry.implies.iter().cloned()).collect()
    }

    /// Which of `scopes` bring this one with them.
    #[must_use]
    pub fn bringers(&self, scope: &ScopeToken, scopes: &ScopeSet) -> ScopeSet {
        let brings = |other: &&ScopeToken| self.entry(other).is_some_and(|entry| entry.implies.contains(scope));
        scopes.iter().filter(brings).cloned().collect()
    }

    /// The longest that an access token with these scopes lives, when one of them says so.
    #[must_use]
    pub fn token_ttl(&self, scopes: &ScopeSet) -> Option<Duration> {
        scopes.iter().filter_map(|scope| self.entry(scope)?.max_token_ttl).min()
    }

    /// What any client may ask for.
    #[must_use]
    pub fn public(&self) -> ScopeSet {
        self.entries.iter().filter(|e| e.visibility == Visibility::Public).map(|e| e.name.clone()).collect()
    }

    /// What a client that somebody made may have without an approval of the operator.
    #[must_use]
    pub fn open(&self) -> ScopeSet {
        self.entries.iter().filter(|e| e.is_open()).map(|e| e.name.clone()).collect()
    }

    /// What is for the operator's own clients alone.
    #[must_use]
    pub fn internal(&self) -> ScopeSet {
        self.entries.iter().filter(|e| e.visibility == Visibility::Internal).map(|e| e.name.clone()).collect()
    }
}

/// The positions of the entries of which something is so.
fn where_so(entries: &[ScopeEntry], so: impl Fn(&ScopeEntry) -> bool) -> ScopeBits {
    let mut bits = ScopeBits::NONE;
    entries.iter().enumerate().filter(|(_, entry)| so(entry)).for_each(|(position, _)| bits.set(position));
    bits
}
