//! Principals by token. Only verified tokens get in; the bound is in bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use moka::Expiry;
use moka::sync::Cache;

use super::Principal;
use crate::types::{HashedToken, Timestamp};

/// Bytes that the cache takes for itself with every principal, roughly: its key, its place in each order, its timer.
pub(super) const KEEPING: usize = 400;

/// How long what never ends by itself is kept without being asked for anew.
const LONGEST: Duration = Duration::from_hours(24);

/// SHA-256 of a whole token: who can't make a collision can't make one token pass for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(token: &str) -> Self {
        let mut out = [0_u8; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self(out)
    }

    /// The digest of an API key, which is what the store knows it by.
    pub(super) const fn of_key(hash: &HashedToken) -> Self {
        Self(*hash.bytes())
    }
}

pub(super) struct PrincipalCache(Cache<Digest, (Arc<Principal>, Duration)>);

struct UntilExpiry;

impl Expiry<Digest, (Arc<Principal>, Duration)> for UntilExpiry {
    fn expire_after_create(&self, _: &Digest, value: &(Arc<Principal>, Duration), _: Instant) -> Option<Duration> {
        Some(value.1)
    }
}

impl PrincipalCache {
    pub(super) fn new(capacity: u64) -> Self {
        let weigher = |_: &Digest, value: &(Arc<Principal>, Duration)| value.0.weight;
        let cache = Cache::builder().max_capacity(capacity).weigher(weigher).expire_after(UntilExpiry);
        Self(cache.build())
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Principal>> {
        self.0.get(digest).map(|(p, _)| p)
    }

    pub(super) fn keep(&self, digest: Digest, principal: Arc<Principal>, now: Timestamp) {
        let left = Timestamp::from_millis(principal.claims.exp.saturating_mul(1000)).since(now).min(LONGEST);
        self.0.insert(digest, (principal, left));
    }

    pub(super) fn forget(&self, digest: &Digest) {
        self.0.invalidate(digest);
    }
}
