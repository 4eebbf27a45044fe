//! Which scopes the tools, prompts and resources of an MCP server need.

use std::collections::BTreeMap;

use super::Findings;
use super::scopes::known;
use super::templates::template;
use crate::config::Catalogue;
use crate::config::error::KeyPath;
use crate::config::pack::PackedNeeds;
use crate::config::raw::{RawAllowed, RawApi, RawNeed, RawRule, RawValue};
use crate::mcp::{Allowed, Condition, NamePolicy, Need, PolicyError, Rule, ServerPolicy};
use crate::types::{OwnScope, Placeholder, ScopeBits, ScopeSet};

/// The key that stands for every other name.
const DEFAULT: &str = "default";

/// A policy, and what consent and the matrix need to know about it.
pub(super) struct ProvedPolicy {
    pub(super) policy: ServerPolicy,
    /// What a tool needs that no pattern names; nothing when it is denied.
    pub(super) by_default: ScopeSet,
    /// Every scope that occurs.
    pub(super) used: ScopeBits,
}

struct Names {
    policy: NamePolicy,
    default: ScopeSet,
    used: ScopeBits,
}

/// The policy of an MCP server whose scope to reach it is `invoke`; `packed` is what a pack says.
pub(super) fn policy(
    raw: &RawApi,
    packed: PackedNeeds,
    (invoke, at): (ScopeBits, &KeyPath),
    catalogue: &Catalogue,
    found: &mut Findings<'_>,
) -> ProvedPolicy {
    let over = |mut packed: BTreeMap<String, RawNeed>, own: &BTreeMap<String, RawNeed>| {
        packed.extend(own.iter().map(|(name, need)| (name.clone(), need.clone())));
        packed
    };
    let all = over(packed.tools, &raw.tools);
    let tools = names(&all, Takes::Arguments, &at.key("tools"), catalogue, found);
    let prompts = over(packed.prompts, &raw.prompts);
    let prompts = names(&prompts, Takes::Arguments, &at.key("prompts"), catalogue, found);
    let resources = over(packed.resources, &raw.resources);
    let resources = names(&resources, Takes::Nothing, &at.key("resources"), catalogue, found);
    if all.is_empty() {
        found.warn(at.key("tools"), "is empty, so every tool is denied; tools = { default = [] } allows all of them");
    }
    let used = invoke | tools.used | prompts.used | resources.used;
    let policy =
        ServerPolicy { invoke, tools: tools.policy, prompts: prompts.policy, resources: resources.policy, tasks: raw.tasks };
    ProvedPolicy { policy, by_default: tools.default, used }
}

/// Whether calls have arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Arguments,
    Nothing,
}

fn names(raw: &BTreeMap<String, RawNeed>, takes: Takes, at: &KeyPath, catalogue: &Catalogue, found: &mut Findings<'_>) -> Names {
    let mut patterns = Vec::new();
    let (mut default, mut default_scopes, mut used) = (Rule::from(Need::Denied), ScopeSet::default(), ScopeBits::NONE);
    for (pattern, need) in raw {
        let at = at.key(pattern);
        let (need, scopes, when) = match need {
            RawNeed::Word(_) => (Need::Denied, ScopeSet::default(), Vec::new()),
            RawNeed::Scopes(list) => {
                let scopes = known(list, &at, catalogue, found);
                (Need::Scopes(catalogue.bits(&scopes)), scopes, Vec::new())
            }
            RawNeed::Rule(rule) => {
                let scopes = known(&rule.scopes, &at.key("scopes"), catalogue, found);
                (Need::Scopes(catalogue.bits(&scopes)), scopes, conditions(rule, takes, &at.key("when"), found))
            }
        };
        used = used | catalogue.bits(&scopes);
        let rule = Rule { need, when };
        if pattern == DEFAULT {
            (default, default_scopes) = (rule, scopes);
        } else {
            patterns.push((pattern.as_str(), rule));
        }
    }
    let built = match takes {
        Takes::Arguments => NamePolicy::new(patterns, default),
        Takes::Nothing => NamePolicy::for_uris(patterns, default),
    };
    let policy = built.unwrap_or_else(|error| {
        let way_out = match &error {
            PolicyError::Spelling(_) => "write it without dot or empty segments, fragments and needless escapes",
            _ => "write names, with * for any run of characters",
        };
        found.error(at, error, way_out);
        NamePolicy::uniform(Need::Denied)
    });
    Names { policy, default: default_scopes, used }
}

fn conditions(rule: &RawRule, takes: Takes, at: &KeyPath, found: &mut Findings<'_>) -> Vec<Condition> {
    if takes == Takes::Nothing && !rule.when.is_empty() {
        found.error(at, "is for tools and prompts: reading a resource has no arguments", "write a pattern over its URI");
        return Vec::new();
    }
    let mut conditions = Vec::new();
    for (path, allowed) in &rule.when {
        let at = at.key(path);
        let values: Vec<&RawValue> = match allowed {
            RawAllowed::One(one) => vec![one],
            RawAllowed::Any(list) => list.iter().collect(),
        };
        let allowed = values.into_iter().map(|value| match value {
            RawValue::Text(text) => template(text, Placeholder::OF_CALLER, &at, found).map(Allowed::Text),
            RawValue::Number(number) => Some(Allowed::Number(*number)),
            RawValue::Truth(truth) => Some(Allowed::Truth(*truth)),
        });
        // Each is looked at, so that each mistake is reported.
        let allowed: Vec<_> = allowed.collect();
        let Some(allowed) = allowed.into_iter().collect() else { continue };
        let way_out = "write when = { \"arguments.NAME\" = [\"…\"] }";
        match Condition::new(path, allowed) {
            Ok(condition) => conditions.push(condition),
            Err(error) => found.error(&at, error, way_out),
        }
    }
    conditions
}

/// The policy of our own MCP server: what is not named here does not exist.
pub(super) fn own(invoke: ScopeBits, catalogue: &Catalogue) -> ProvedPolicy {
    let audit = catalogue.own(OwnScope::AuditRead).unwrap_or_default();
    let open = Need::Scopes(ScopeBits::NONE);
    let tools = [("whoami", open), ("list_applications", open), ("explain_denial", open), ("search_audit", Need::Scopes(audit))];
    let tools = NamePolicy::new(tools, Need::Denied).unwrap_or_else(|_| NamePolicy::uniform(Need::Denied));
    ProvedPolicy { policy: ServerPolicy::for_tools(invoke, tools), by_default: ScopeSet::default(), used: invoke | audit }
}
