//! `explain_denial`.

use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Fault, arguments};
use super::search::{Item, item, line};
use super::server::Asking;
use crate::account::log::{Names, audit_read, denial, explain};
use crate::gateway::explain as decision;
use crate::record::AuditRecord;
use crate::store::AuditFilter;
use crate::types::RequestId;

pub(super) const NAME: &str = "explain_denial";

/// Records of one request that are looked at.
const MOST: u32 = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct In {
    /// The request's id, as the answer carried it in `X-Request-Id`.
    request_id: String,
}

#[derive(Serialize, JsonSchema)]
struct Out {
    /// Every refusal of this request; nearly always one.
    denials: Vec<Denial>,
}

#[derive(Serialize, JsonSchema)]
struct Denial {
    record: Item,
    /// Stable reason code.
    reason: String,
    /// Why it was refused.
    why: String,
    /// Scopes that were missing.
    missing_scopes: Vec<String>,
    /// What would let the next one through, as things are now.
    what_to_do: String,
    /// The same request decided now, part by part, by a token of everything that its grant has; it ends with the part that refuses.
    decided_now: Vec<Step>,
    /// Scopes that are missing now, who takes each of them away, and how to mend it.
    missing_now: Vec<Lack>,
}

impl Denial {
    fn as_things_are(&self) -> String {
        let mark = |passed: bool| if passed { "passes" } else { "refuses" };
        let steps = self.decided_now.iter().map(|s| format!("- {} {}: {}", s.stage, mark(s.passed), s.says));
        let lacks = self.missing_now.iter().map(|l| format!("- {} ({}): {}", l.scope, l.factor, l.mend));
        let lines: Vec<_> = std::iter::once("\nAs things are now:".to_owned()).chain(steps).chain(lacks).collect();
        lines.join("\n")
    }
}

#[derive(Serialize, JsonSchema)]
struct Step {
    /// `hygiene`, `mount`, `authenticate`, `audience`, `route`, `bind`, `authorize`, `connection`, `message` or `narrow`.
    stage: &'static str,
    passed: bool,
    says: String,
}

#[derive(Serialize, JsonSchema)]
struct Lack {
    scope: String,
    /// `token`, `grant`, `client`, `policy` or `user`.
    factor: &'static str,
    mend: String,
}

pub(super) fn tool() -> Tool {
    let description = "Why was a request refused? Give the X-Request-Id of the answer; tells the reason, which scope or permission \
                       was missing, and what would let the next request through. Your own requests; with the scope audit:read \
                       those of the whole organization.";
    super::answer::tool::<In, Out>(NAME, "Explain a refusal", description)
}

pub(super) async fn answer(asking: &Asking<'_>, given: Option<JsonObject>) -> Result<Answer, Fault> {
    let given: In = arguments(given)?;
    let Ok(request) = RequestId::parse(given.request_id.trim()) else { return Err(unknown()) };
    let (p, config, node) = (asking.principal, asking.config, asking.node);
    asking.flush.flush().await;
    let whole_log = audit_read(config).is_some_and(|needed| p.effective.now.covers(&needed));
    let filter = AuditFilter {
        org: Some(p.org.id.clone()),
        user: (!whole_log).then(|| p.user.id.clone()),
        request: Some(request),
        ..AuditFilter::default()
    };
    let found = node.store.search_audit(&filter, None, MOST).await?;
    if found.rows.is_empty() {
        return Err(unknown());
    }
    let mut names = Names::default();
    names.learn(node, found.rows.iter().filter_map(|r| r.record.actor.user.as_ref())).await?;
    let mut denials = Vec::new();
    for row in &found.rows {
        denials.extend(one(asking, &row.record, &names).await?);
    }
    let out = Out { denials };
    let told = out.denials.iter().map(|d| {
        let missing =
            if d.missing_scopes.is_empty() { String::new() } else { format!("\nMissing: {}", d.missing_scopes.join(", ")) };
        format!("{}\n{}{missing}\nWhat to do: {}{}", line(&d.record), d.why, d.what_to_do, d.as_things_are())
    });
    let text = told.collect::<Vec<_>>().join("\n\n");
    let text = if text.is_empty() { "That request was not refused: the gate let it through.".to_owned() } else { text };
    Ok(Answer::new(text, &out))
}

async fn one(asking: &Asking<'_>, record: &AuditRecord, names: &Names) -> Result<Option<Denial>, Fault> {
    let Some((reason, missing)) = denial(record) else { return Ok(None) };
    let facts = match &record.actor.grant {
        Some(grant) => asking.node.store.grant_facts(grant).await?.filter(|f| f.grant.org == asking.principal.org.id),
        None => None,
    };
    let explained = explain(asking.config, record, facts.as_ref(), asking.node.now());
    let now = decision::again(asking.node, asking.config, record).await?.unwrap_or_default();
    let step = |s: decision::Step| Step { stage: s.stage.name(), passed: s.passed, says: s.says };
    let lack = |l: decision::Lack| Lack { scope: l.scope.to_string(), factor: l.factor.name(), mend: l.mend };
    Ok(explained.map(|explained| Denial {
        record: item(record, names),
        reason: reason.to_owned(),
        why: explained.why.to_string(),
        missing_scopes: missing.iter().map(ToString::to_string).collect(),
        what_to_do: explained.advice.to_string(),
        decided_now: now.steps.into_iter().map(step).collect(),
        missing_now: now.lacks.into_iter().map(lack).collect(),
    }))
}

/// The same words for a request that never was and for one of somebody else.
fn unknown() -> Fault {
    Fault::Refused(
        "No request with this id is on record where you may look: your own requests in this organization, or all of them with the \
         scope audit:read. A request without a valid token belongs to no organization and is in the operator's log."
            .to_owned(),
    )
}
