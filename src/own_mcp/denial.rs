//! `explain_denial`.

use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Fault, arguments};
use super::search::{Item, item, line};
use super::server::Asking;
use super::supposed::{self, Decided, Given, Lack, Step, in_words};
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
    /// The id of a request that was made, as the answer carried it in `X-Request-Id`.
    request_id: Option<String>,
    /// A request that nobody made, in place of an id: as if you had made it now, with this application.
    supposed: Option<Given>,
}

#[derive(Serialize, JsonSchema)]
struct Out {
    /// Every refusal of the request that was made; nearly always one.
    denials: Vec<Denial>,
    /// The decision about the request that nobody made.
    #[serde(skip_serializing_if = "Option::is_none")]
    supposed: Option<Decided>,
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
        let steps = in_words(&self.decided_now, &self.missing_now);
        std::iter::once("\nAs things are now:".to_owned()).chain(steps).collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn tool() -> Tool {
    let description = "Why was a request refused, or would one be? Give the X-Request-Id of the answer; tells the reason, which \
                       scope or permission was missing, and what would let the next request through. Your own requests; with the \
                       scope audit:read those of the whole organization. Or describe a request that nobody made (method and path, \
                       perhaps a tool and the token's scopes): tells step by step what the gate would decide if you made it.";
    super::answer::tool::<In, Out>(NAME, "Explain a refusal", description)
}

pub(super) async fn answer(asking: &Asking<'_>, given: Option<JsonObject>) -> Result<Answer, Fault> {
    match arguments(given)? {
        In { request_id: Some(id), supposed: None } => made(asking, &id).await,
        In { request_id: None, supposed: Some(given) } => {
            let decided = supposed::decided(asking, &given).await?;
            Ok(Answer::new(decided.as_words(), &Out { denials: Vec::new(), supposed: Some(decided) }))
        }
        _ => Err(Fault::Refused(
            "Give either request_id, or supposed with the method and path of a request that nobody made.".into(),
        )),
    }
}

/// Why a request that was made was refused.
async fn made(asking: &Asking<'_>, id: &str) -> Result<Answer, Fault> {
    let Ok(request) = RequestId::parse(id.trim()) else { return Err(unknown()) };
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
    let out = Out { denials, supposed: None };
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
    Ok(explained.map(|explained| Denial {
        record: item(record, names),
        reason: reason.to_owned(),
        why: explained.why.to_string(),
        missing_scopes: missing.iter().map(ToString::to_string).collect(),
        what_to_do: explained.advice.to_string(),
        decided_now: now.steps.into_iter().map(Into::into).collect(),
        missing_now: now.lacks.into_iter().map(Into::into).collect(),
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
