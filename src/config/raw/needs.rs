//! What tools, prompts and resources of an MCP server need.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::list::List;
use crate::config::written::Written;
use crate::types::ScopeToken;

/// What a tool, prompt or resource needs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawNeed {
    /// All of these scopes; none of them needs the empty list.
    Scopes(List<Written<ScopeToken>>),
    /// Nobody may.
    Word(RawDeny),
    /// Scopes, and what arguments have to be.
    Rule(RawRule),
}

/// What a tool or prompt needs, and what it may be called with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// All of these scopes; none of them needs the empty list.
    pub scopes: List<Written<ScopeToken>>,
    /// Arguments that have to be there, with what is allowed: one value or a list of them, texts, whole numbers or `true` and `false`.
    /// Keys are paths such as `arguments.query.org`. In texts `{org.slug}`, `{org.id}`, `{org.tenant}`, `{user.id}`, `{user.email}` and
    /// `{client.id}` are replaced. Of a list of arguments each has to be allowed.
    #[serde(default)]
    pub when: BTreeMap<String, RawAllowed>,
}

/// What an argument may be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawAllowed {
    /// One of these.
    Any(List<RawValue>),
    /// This.
    One(RawValue),
}

/// The value of an argument.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Truth(bool),
}

/// Nobody may.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDeny {
    /// Nobody may.
    Deny,
}
