//! Who a token speaks for, computed once and valid until anything behind it changes.

use std::sync::Arc;

use aws_lc_rs::digest;

use super::{Claims, Effective, Narrowing, Watch};
use crate::config::{Config, ScopeRule};
use crate::record::{ActorRef, CallerRef};
use crate::store::{Client, Org, User};
use crate::types::{HashedToken, ResourceId, ScopeBits, ScopeSet, Timestamp};

/// What was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// An access token.
    AccessToken,
    /// The API key with this hash. Its claims are made up from what the store knows of it.
    ApiKey(HashedToken),
}

/// Who a token speaks for.
#[derive(Debug)]
pub struct Principal {
    /// What the token says.
    pub claims: Claims,
    /// The user on whose behalf.
    pub user: Arc<User>,
    /// The organization it is bound to.
    pub org: Arc<Org>,
    /// The client that acts.
    pub client: Arc<Client>,
    /// What may be done.
    pub effective: Arc<Effective>,
    /// The scopes that can be used now, by name.
    pub held: ScopeSet,
    /// What some of it is narrowed to.
    pub narrowing: Narrowing,
    /// What was presented.
    pub presented: Presented,
    /// When something that this was computed from ends by itself.
    pub(super) holds_until: Option<Timestamp>,
    pub(super) watch: Watch<5>,
    pub(super) generation: u64,
    /// The key set that its token was verified under.
    pub(super) keys: u64,
    /// The header segment of its token, which names the key that signed it; `None` where nobody has signed anything.
    pub(super) signed: Option<Arc<str>>,
    pub(super) fingerprint: Fingerprint,
    /// Bytes that keeping it takes, roughly.
    pub(super) weight: u32,
}

/// SHA-256 of everything that a principal is: the same for two that were computed from the same facts, of one caller only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// # Panics
    /// Never: each part is made of texts, numbers and maps with texts as keys.
    pub(super) fn of(claims: &Claims, (user, org, client): (&User, &Org, &Client), held: &ScopeSet) -> Self {
        // By their names: another configuration may have them in other places, and one that changes nothing of them nothing here.
        let all = (claims, user, org, &client.id, &client.name, held.to_string());
        let text = serde_json::to_vec(&all).expect("texts, numbers and maps of texts are JSON");
        let mut out = [0_u8; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
        Self(out)
    }
}

impl Principal {
    /// Whether everything that this was computed from is still as it was.
    #[must_use]
    pub fn is_current(&self, config: &Config, now: Timestamp) -> bool {
        self.generation == config.generation && self.holds_until.is_none_or(|end| now < end) && self.watch.is_current()
    }

    /// The same but for the configuration: whether all that the store said is still as it was.
    #[must_use]
    pub fn is_unchanged(&self, now: Timestamp) -> bool {
        self.holds_until.is_none_or(|end| now < end) && self.watch.is_current()
    }

    /// What it is, in short: another one as soon as anything about the caller has changed.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Who its records say calls.
    #[must_use]
    pub fn caller(&self) -> CallerRef<'_> {
        let claims = &self.claims;
        CallerRef {
            org: Some(&claims.org),
            actor: ActorRef {
                user: Some(&claims.sub),
                client: Some(&claims.client_id),
                client_name: Some(&self.client.name),
                grant: Some(&claims.grant),
                token: Some(&claims.jti),
            },
            scopes_held: &self.held,
            resource: claims.aud.first(),
        }
    }

    /// The scopes that a route needs of it. Where one of several is enough that is one it holds, and rather one that narrows nothing;
    /// where it holds none, rather one that it could be given. Of those that are alike, the one that is written first.
    #[must_use]
    pub fn way(&self, rule: &ScopeRule) -> ScopeBits {
        if !rule.has_choice() {
            return *rule.all();
        }
        let narrowed = self.narrowing.of(rule.all());
        let rank = |way: &ScopeBits| match self.narrowing.of(way) {
            _ if !self.effective.now.covers(way) => {
                3 + u8::from(!self.effective.could_be_granted(&way.without(&self.effective.now)))
            }
            own if own == narrowed => 0,
            Ok(_) => 1,
            Err(_) => 2,
        };
        rule.ways().min_by_key(rank).unwrap_or_else(|| rule.first())
    }

    /// Whether the token has ended. No leeway: clients time their refresh by what we told them.
    #[must_use]
    pub const fn is_expired(&self, now: Timestamp) -> bool {
        self.claims.exp <= now.seconds()
    }

    /// Whether the token is for this resource: it names it, one of its aliases, or the whole gateway.
    #[must_use]
    pub fn is_for(&self, resource: &ResourceId, aliases: &[ResourceId], everywhere: &str) -> bool {
        self.claims.aud.iter().any(|a| a == resource || a.as_str() == everywhere || aliases.contains(a))
    }
}
