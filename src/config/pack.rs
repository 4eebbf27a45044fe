//! Route packs: ready-made routes and scopes of known upstreams. A new one is a file in `config/packs` and a line in [`PACKS`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ConfigError;
use super::list::List;
use super::raw::{RawRoute, RawScope};
use super::read::{Reading, read, schema_of};
use super::written::Written;

/// Every pack that comes with the gateway, by name.
pub const PACKS: &[(&str, &str)] = &[("prometheus", include_str!("../../config/packs/prometheus.toml"))];

/// A route pack as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPack {
    /// What it is for.
    pub description: String,
    /// Its scopes by name.
    pub scopes: BTreeMap<String, RawScope>,
    /// Query parameters that name a tenant to the upstream.
    #[serde(default)]
    pub forbidden_query: Vec<String>,
    /// Headers that identify callers to the upstream.
    #[serde(default)]
    pub identity_headers: List<Written<HeaderName>>,
    /// Its rules. What none of them names is refused.
    pub routes: List<RawRoute>,
}

static PACK_SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<RawPack>);

/// Whether there is a pack of this name.
#[must_use]
pub fn exists(name: &str) -> bool {
    PACKS.iter().any(|(n, _)| *n == name)
}

/// The names of all packs.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PACKS.iter().map(|(n, _)| *n).collect()
}

/// Reads the pack of this name; `None` when there is none.
pub(super) fn load(name: &str) -> Option<Result<RawPack, Vec<ConfigError>>> {
    let (_, text) = PACKS.iter().find(|(n, _)| *n == name)?;
    Some(parse(text))
}

pub(super) fn parse(text: &str) -> Result<RawPack, Vec<ConfigError>> {
    let Reading { document, errors, .. } = read::<RawPack>(text, &PACK_SCHEMA, &[]);
    match document {
        Some(pack) if errors.is_empty() => Ok(pack),
        _ => Err(errors),
    }
}
