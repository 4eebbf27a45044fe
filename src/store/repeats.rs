//! Requests that their callers may repeat, remembered by what they answered.

use async_trait::async_trait;

use super::StoreError;
use crate::types::{HashedToken, Timestamp};

/// Whose work a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// This caller's: nobody came with this key before.
    Mine,
    /// It was done, with this answer.
    Done(Vec<u8>),
    /// The key stands for another request.
    Differs,
    /// Somebody does it now, or broke off.
    Busy,
}

/// Verbs on repeated requests. They leave no record of their own: what the request does, leaves its own.
#[async_trait]
pub trait RepeatStore {
    /// Claims a key for a request. Of all that come with it exactly one gets [`Once::Mine`], until `until` has passed.
    async fn begin_once(
        &self,
        key: &HashedToken,
        request: &HashedToken,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<Once, StoreError>;
    /// Remembers what the request answered.
    async fn finish_once(&self, key: &HashedToken, answer: &[u8]) -> Result<(), StoreError>;
    /// Gives the key back: the request was refused and changed nothing.
    async fn abandon_once(&self, key: &HashedToken) -> Result<(), StoreError>;
}
