//! Route packs: ready-made routes and scopes of known upstreams. A new one is a file in `config/packs` and a line in [`PACKS`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ConfigError;
use super::list::List;
use super::raw::{RawKind, RawNeed, RawRoute, RawRule, RawScope, RawTenant};
use super::read::{Reading, read, schema_of};
use super::written::Written;
use crate::types::ScopeToken;

/// Every pack that comes with the gateway, by name.
pub const PACKS: &[(&str, &str)] = &[
    ("account-api", include_str!("../../config/packs/account-api.toml")),
    ("alertmanager", include_str!("../../config/packs/alertmanager.toml")),
    ("grafana", include_str!("../../config/packs/grafana.toml")),
    ("jaeger", include_str!("../../config/packs/jaeger.toml")),
    ("loki", include_str!("../../config/packs/loki.toml")),
    ("mcp", include_str!("../../config/packs/mcp.toml")),
    ("mimir", include_str!("../../config/packs/mimir.toml")),
    ("opensearch", include_str!("../../config/packs/opensearch.toml")),
    ("otlp-grpc", include_str!("../../config/packs/otlp-grpc.toml")),
    ("otlp-http", include_str!("../../config/packs/otlp-http.toml")),
    ("prometheus", include_str!("../../config/packs/prometheus.toml")),
    ("tempo", include_str!("../../config/packs/tempo.toml")),
    ("thanos", include_str!("../../config/packs/thanos.toml")),
    ("victorialogs", include_str!("../../config/packs/victorialogs.toml")),
    ("victoriametrics", include_str!("../../config/packs/victoriametrics.toml")),
    ("victoriatraces", include_str!("../../config/packs/victoriatraces.toml")),
];

/// A route pack as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPack {
    /// What it is for.
    pub description: String,
    /// What APIs it is for.
    #[serde(default)]
    pub kind: RawKind,
    /// Its scopes by name. `{api}` stands for the name of an API of MCP servers, in names and descriptions.
    pub scopes: BTreeMap<String, RawScope>,
    /// How its upstream is told the organization, unless the API says otherwise.
    pub tenant: Option<RawTenant>,
    /// What its upstream has to be started with to look at the tenant: without it, it answers with everybody's. A warning says so
    /// until the API has a `tenant` of its own.
    pub tenant_wants: Option<String>,
    /// Query parameters that name a tenant to the upstream.
    #[serde(default)]
    pub forbidden_query: Vec<String>,
    /// Headers that identify callers to the upstream.
    #[serde(default)]
    pub identity_headers: List<Written<HeaderName>>,
    /// Names of gRPC services that are reached at the root too.
    #[serde(default)]
    pub services: Vec<String>,
    /// Its rules. What none of them names is refused.
    #[serde(default)]
    pub routes: List<RawRoute>,
    /// Of MCP servers: what tools need, as `tools` of an API.
    #[serde(default)]
    pub tools: BTreeMap<String, RawNeed>,
    /// Of MCP servers: the same for prompts.
    #[serde(default)]
    pub prompts: BTreeMap<String, RawNeed>,
    /// Of MCP servers: the same for resources.
    #[serde(default)]
    pub resources: BTreeMap<String, RawNeed>,
}

/// What a pack says of tools, prompts and resources of one API.
#[derive(Debug, Default)]
pub(super) struct PackedNeeds {
    pub(super) tools: BTreeMap<String, RawNeed>,
    pub(super) prompts: BTreeMap<String, RawNeed>,
    pub(super) resources: BTreeMap<String, RawNeed>,
}

impl RawPack {
    /// Its scopes as they are in the API `name`.
    pub(super) fn scopes_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (String, RawScope)> + 'a {
        self.scopes.iter().map(|(scope, raw)| {
            let description = raw.description.as_ref().map(|d| d.replace(API, name));
            let title = raw.title.as_ref().map(|t| t.replace(API, name));
            let implies = raw.implies.as_ref().map(|list| list.iter().filter_map(|scope| named(scope, name)).collect());
            let requires_permission = raw.requires_permission.as_ref().and_then(|scope| named(scope, name));
            let replaced_by = raw.replaced_by.as_ref().and_then(|scope| named(scope, name));
            (scope.replace(API, name), RawScope { title, description, implies, requires_permission, replaced_by, ..raw.clone() })
        })
    }

    /// What its tools, prompts and resources need in the API `name`.
    pub(super) fn needs_of(&self, name: &str) -> PackedNeeds {
        let named = |scope: &Written<ScopeToken>| named(scope, name);
        let need = |need: &RawNeed| match need {
            RawNeed::Scopes(scopes) => RawNeed::Scopes(scopes.iter().filter_map(named).collect()),
            RawNeed::Word(word) => RawNeed::Word(*word),
            RawNeed::Rule(rule) => {
                RawNeed::Rule(RawRule { scopes: rule.scopes.iter().filter_map(named).collect(), when: rule.when.clone() })
            }
        };
        let all = |names: &BTreeMap<String, RawNeed>| names.iter().map(|(pattern, n)| (pattern.clone(), need(n))).collect();
        PackedNeeds { tools: all(&self.tools), prompts: all(&self.prompts), resources: all(&self.resources) }
    }
}

/// A scope of a pack, of the API `name`.
fn named(scope: &Written<ScopeToken>, name: &str) -> Option<Written<ScopeToken>> {
    ScopeToken::parse(&scope.0.as_str().replace(API, name)).ok().map(Written)
}

/// Stands for the name of the API in scopes of packs for MCP servers.
const API: &str = "{api}";

static PACK_SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<RawPack>);

/// Whether there is a pack of this name for HTTP APIs.
#[must_use]
pub fn is_for_http(name: &str) -> bool {
    load(name).is_some_and(|pack| pack.is_ok_and(|p| p.kind == RawKind::Http))
}

/// Whether the pack of this name says how its upstream is told the organization.
#[must_use]
pub fn tells_tenant(name: &str) -> bool {
    load(name).is_some_and(|pack| pack.is_ok_and(|p| p.tenant.is_some()))
}

/// Whether the upstream of the pack of this name serves gRPC at the root.
#[must_use]
pub fn serves_grpc(name: &str) -> bool {
    load(name).is_some_and(|pack| pack.is_ok_and(|p| !p.services.is_empty()))
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
