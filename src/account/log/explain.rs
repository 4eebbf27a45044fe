//! Why a request was refused, in words, and what would let the next one through.

use crate::config::Config;
use crate::pages::texts::{Text, denials as texts};
use crate::record::{AuditRecord, Decision, Event};
use crate::store::GrantFacts;
use crate::token::{effective, standing};
use crate::types::{ApiKeyId, RoleName, ScopeBits, ScopeSet, ScopeToken, Timestamp};

pub use crate::pages::views::Explanation;

/// The reason code of a refusal and the scopes that were missing; `None` when the record is no refusal.
#[must_use]
pub fn denial(record: &AuditRecord) -> Option<(&str, ScopeSet)> {
    match &record.event {
        Event::Call(call) => match &call.decision {
            Decision::Denied { reason, missing } => Some((reason, missing.clone())),
            Decision::Allowed => None,
        },
        Event::Control(event) => event.refused.as_deref().map(|reason| (reason, ScopeSet::default())),
    }
}

/// Explains a refusal; `None` when the record is none. `facts` are those of the record's grant as it is now: what would help is
/// a matter of now, not of then.
#[must_use]
pub fn explain(config: &Config, record: &AuditRecord, facts: Option<&GrantFacts>, now: Timestamp) -> Option<Explanation> {
    let (reason, missing) = denial(record)?;
    let explanation = match reason {
        "permission_missing" if record.actor.token.as_deref().is_some_and(ApiKeyId::is_generated) => Explanation {
            why: texts::key(),
            missing: missing.iter().map(ToString::to_string).collect(),
            advice: texts::key_is_fixed(),
        },
        "insufficient_scope" | "permission_missing" => scopes(config, reason, &missing, facts, now),
        _ => {
            let (why, advice) = texts::by_reason(reason, matches!(record.event, Event::Call(_)));
            Explanation { why, missing: Vec::new(), advice }
        }
    };
    Some(explanation)
}

fn scopes(config: &Config, reason: &str, missing: &ScopeSet, facts: Option<&GrantFacts>, now: Timestamp) -> Explanation {
    let why = match reason {
        "insufficient_scope" => texts::not_in_token(),
        _ => texts::not_held(),
    };
    let live = facts.filter(|f| standing(config, f, now).is_ok());
    let advice = match live {
        None => texts::grant_ended(),
        Some(facts) => remedy(config, missing, facts, now),
    };
    Explanation { why, missing: missing.iter().map(ToString::to_string).collect(), advice }
}

/// Who can mend it: the user, an administrator of the organization, or the operator.
fn remedy(config: &Config, missing: &ScopeSet, facts: &GrantFacts, now: Timestamp) -> Text {
    let wanted = config.catalogue.bits(missing);
    if wanted.is_empty() {
        return texts::scopes_gone();
    }
    let held = effective(config, facts, &facts.grant.scopes, now);
    let names = |bits: ScopeBits| listed(config.catalogue.scopes(&bits).iter().map(ScopeToken::as_str));
    let lacking = wanted.without(&held.user);
    if !lacking.is_empty() {
        let roles = listed(
            config.roles.0.iter().filter(|(_, bits)| bits.covers(&lacking)).map(|(name, _): (&RoleName, _)| name.as_str()),
        );
        let lacking = names(lacking);
        return if roles.is_empty() { texts::no_role(&lacking) } else { texts::some_role(&lacking, &roles) };
    }
    let barred = wanted.without(&held.client);
    if !barred.is_empty() {
        return texts::barred(&names(barred));
    }
    if held.now.covers(&wanted) {
        return texts::covered();
    }
    texts::user_holds(&names(wanted))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
