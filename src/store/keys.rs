//! Signing keys, sealed.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::record::Cause;
use crate::types::{KeyId, Timestamp};

/// A signing key. The private half is sealed with the deployment's secret: a copy of the database signs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// `kid`.
    pub id: KeyId,
    /// The sealed PKCS#8 document.
    pub sealed: Vec<u8>,
    /// What it is used for now.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it leaves the published set, once it is retired.
    pub forget_at: Option<Timestamp>,
}

/// What a signing key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, not signing yet: verifiers learn it before they need it.
    Next,
    /// Signing.
    Active,
    /// Published, not signing any more.
    Retired,
}

/// Verbs on signing keys. Each change tells the feed [`super::Subject::Keys`].
#[async_trait]
pub trait KeyStore {
    /// Every key that has not been forgotten at `at`.
    async fn signing_keys(&self, at: Timestamp) -> Result<Vec<SealedKey>, StoreError>;
    /// Adds the first key; `false` when there already is an active one (another node was first).
    async fn add_first_key(&self, key: &SealedKey, cause: &Cause) -> Result<bool, StoreError>;
    /// Adds a key that will sign later.
    async fn add_next_key(&self, key: &SealedKey, cause: &Cause) -> Result<(), StoreError>;
    /// Makes `next` the active key; the one before it is retired, and forgotten at `forget_at` with those retired earlier that would
    /// live on longer. When `next` signs already, because another caller was first, those before it are forgotten at the earlier of
    /// the two times. `false` when `next` is not a next key, nor the active one.
    async fn activate_key(&self, next: &KeyId, forget_at: Timestamp, cause: &Cause) -> Result<bool, StoreError>;
}
