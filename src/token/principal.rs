//! Who a token speaks for, computed once and valid until anything behind it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Claims, Effective, Narrowing, Watch};
use crate::config::Config;
use crate::record::CallerText;
use crate::store::{Client, Org, User};
use crate::types::{HashedToken, ResourceId, Timestamp};

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
    pub user: User,
    /// The organization it is bound to.
    pub org: Org,
    /// The client that acts.
    pub client: Client,
    /// What may be done.
    pub effective: Effective,
    /// What some of it is narrowed to.
    pub narrowing: Narrowing,
    /// What the journal writes about who calls.
    pub caller: CallerText,
    /// What was presented.
    pub presented: Presented,
    /// When something that this was computed from ends by itself.
    pub(super) holds_until: Option<Timestamp>,
    pub(super) watch: Watch<5>,
    pub(super) generation: u64,
    /// The key set that its token was verified under.
    pub(super) keys: u64,
    pub(super) serial: u64,
}

/// Principals of this process so far.
static SERIALS: AtomicU64 = AtomicU64::new(0);

/// A number that no other principal of this process has.
pub(super) fn next_serial() -> u64 {
    SERIALS.fetch_add(1, Ordering::Relaxed)
}

impl Principal {
    /// Whether everything that this was computed from is still as it was.
    #[must_use]
    pub fn is_current(&self, config: &Config, now: Timestamp) -> bool {
        self.generation == config.generation && self.holds_until.is_none_or(|end| now < end) && self.watch.is_current()
    }

    /// A number of its own: the same caller is another principal as soon as anything behind it has changed.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
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

    /// Memory that keeping this costs, roughly, in bytes.
    pub(super) fn weight(self: &Arc<Self>) -> u32 {
        let text = self.claims.scope.len() * 32 + self.user.email.len() + self.client.name.len() + self.org.name.len();
        let uris: usize = self.client.redirect_uris.iter().map(|u| u.as_str().len()).sum();
        u32::try_from(size_of::<Self>() + 1000 + text + uris).unwrap_or(u32::MAX)
    }
}
