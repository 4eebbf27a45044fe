//! Signing keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::KeyState;
use crate::types::{KeyId, Timestamp, rfc3339};

/// A signing key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// `kid` (RFC 7517 §4.5).
    #[schema(value_type = String)]
    pub id: KeyId,
    /// `next`, `active` or `retired`.
    #[schema(value_type = String)]
    pub state: KeyState,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it leaves the published set, once it is retired.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub forget_at: Option<Timestamp>,
}

/// How to rotate the signing key.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Seconds that the key before stays published, a year at most; the longest lifetime of an access token when absent. With 0
    /// every access token that it signed ends at once.
    #[serde(default)]
    #[schema(maximum = 31_622_400)]
    pub overlap_seconds: Option<u64>,
}
