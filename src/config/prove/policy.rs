//! Which scopes the tools, prompts and resources of an MCP server need.

use std::collections::BTreeMap;

use super::Findings;
use super::scopes::{AUDIT_READ, known};
use crate::config::Catalogue;
use crate::config::error::KeyPath;
use crate::config::raw::{RawApi, RawNeed};
use crate::mcp::{NamePolicy, Need, ServerPolicy};
use crate::types::{ScopeBits, ScopeSet, ScopeToken};

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

/// The policy of an MCP server whose scope to reach it is `invoke`; `packed` is what a pack says of its tools.
pub(super) fn policy(
    raw: &RawApi,
    packed: BTreeMap<String, RawNeed>,
    (invoke, at): (ScopeBits, &KeyPath),
    catalogue: &Catalogue,
    found: &mut Findings<'_>,
) -> ProvedPolicy {
    let open = Need::Scopes(ScopeBits::NONE);
    let mut all = packed;
    all.extend(raw.tools.iter().map(|(name, need)| (name.clone(), need.clone())));
    let tools = names(&all, Need::Denied, &at.key("tools"), catalogue, found);
    let prompts = names(&raw.prompts, open, &at.key("prompts"), catalogue, found);
    let resources = names(&raw.resources, open, &at.key("resources"), catalogue, found);
    if all.is_empty() {
        found.warn(at.key("tools"), "is empty, so every tool is denied; tools = { default = [] } allows all of them");
    }
    let used = invoke | tools.used | prompts.used | resources.used;
    let policy = ServerPolicy { invoke, tools: tools.policy, prompts: prompts.policy, resources: resources.policy };
    ProvedPolicy { policy, by_default: tools.default, used }
}

fn names(
    raw: &BTreeMap<String, RawNeed>,
    otherwise: Need,
    at: &KeyPath,
    catalogue: &Catalogue,
    found: &mut Findings<'_>,
) -> Names {
    let mut patterns = Vec::new();
    let (mut default, mut default_scopes, mut used) = (otherwise, ScopeSet::default(), ScopeBits::NONE);
    for (pattern, need) in raw {
        let (need, scopes) = match need {
            RawNeed::Word(_) => (Need::Denied, ScopeSet::default()),
            RawNeed::Scopes(list) => {
                let scopes = known(list, &at.key(pattern), catalogue, found);
                (Need::Scopes(catalogue.bits(&scopes)), scopes)
            }
        };
        used = used | catalogue.bits(&scopes);
        if pattern == DEFAULT {
            (default, default_scopes) = (need, scopes);
        } else {
            patterns.push((pattern.as_str(), need));
        }
    }
    let policy = NamePolicy::new(patterns, default).unwrap_or_else(|error| {
        found.error(at, error, "write names, with * for any run of characters");
        NamePolicy::uniform(Need::Denied)
    });
    Names { policy, default: default_scopes, used }
}

/// The policy of our own MCP server: what is not named here does not exist.
pub(super) fn own(invoke: ScopeBits, catalogue: &Catalogue) -> ProvedPolicy {
    let audit: ScopeSet = ScopeToken::parse(AUDIT_READ).into_iter().collect();
    let audit = catalogue.bits(&audit);
    let open = Need::Scopes(ScopeBits::NONE);
    let tools = [("whoami", open), ("list_applications", open), ("explain_denial", open), ("search_audit", Need::Scopes(audit))];
    let tools = NamePolicy::new(tools, Need::Denied).unwrap_or_else(|_| NamePolicy::uniform(Need::Denied));
    ProvedPolicy { policy: ServerPolicy::for_tools(invoke, tools), by_default: ScopeSet::default(), used: invoke | audit }
}
