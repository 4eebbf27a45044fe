//! The proof of the log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::Step;
use crate::store::Head;
use crate::types::{KeyId, Timestamp, rfc3339};

/// What a proof of the log is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyAsked {
    /// Where chains ended at an earlier time: `heads` of an earlier report.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub heads: Vec<Head>,
}

/// What a proof tells while it is made: `proved`, how many records were as they were sealed; `fault`, something that is wrong;
/// `done`, the report, which is the last.
pub type VerifyStep = Step;

/// A key that seals the log, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditKeyView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// The public key of Ed25519, in base64.
    pub public: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Whether this deployment made it. What another key signs proves nothing.
    pub ours: bool,
}
