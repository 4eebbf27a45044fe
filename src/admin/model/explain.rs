//! Why the gate decides as it does.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::types::{ScopeSet, ScopeToken, Timestamp, rfc3339};

/// A request that was made (`request`), or one that nobody made (`method` and `path`, and who would make it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// The id of a request (`X-Request-Id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// A method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A path of the public listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The organization, by id or slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The user, by id or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What the token names, separated by spaces; everything that the grant has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// The API key that is shown in place of a token, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The origin of the page that sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How long its body is, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// The tool that is called, at an MCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The prompt that is asked for, at an MCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The resource that is read, by URI, at an MCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// A decision, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// What was decided then, for a request that was made.
    pub recorded: Option<RecordedView>,
    /// Whether it is allowed as things are now.
    pub allowed: bool,
    /// The stable reason of the refusal.
    pub reason: Option<String>,
    /// Each part of the decision that is reached now.
    pub steps: Vec<StepView>,
    /// Scopes that are missing now, who takes each of them away, and how to mend it.
    pub lacks: Vec<LackView>,
}

/// What was decided about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordedView {
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Who asked.
    pub who: String,
    /// For what.
    pub what: String,
    /// `allowed`, or the stable reason; behind `would_deny:` when it was not enforced.
    pub decision: String,
    /// What was needed.
    #[schema(value_type = Vec<String>)]
    pub needed: ScopeSet,
    /// What the token could do at that moment.
    #[schema(value_type = Vec<String>)]
    pub held: ScopeSet,
}

/// One part of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// `hygiene`, `mount`, `origin`, `authenticate`, `audience`, `route`, `bind`, `authorize`, `connection`, `body`, `message`,
    /// `rates` or `narrow`.
    pub stage: String,
    /// Whether it lets the request on.
    pub passed: bool,
    /// What it finds.
    pub says: String,
}

/// A scope that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LackView {
    /// The scope.
    #[schema(value_type = String)]
    pub scope: ScopeToken,
    /// Who takes it away: `token`, `grant`, `client`, `policy` or `user`.
    pub factor: String,
    /// How to mend it.
    pub mend: String,
}
