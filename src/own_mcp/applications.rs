//! `list_applications`.

use std::fmt::Write as _;

use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Fault, arguments, instant};
use super::server::Asking;
use crate::account::applications::{Application, applications};
use crate::config::Config;
use crate::pages::display_name;
use crate::store::ClientOrigin;

pub(super) const NAME: &str = "list_applications";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct In {}

#[derive(Serialize, JsonSchema)]
struct Out {
    /// Newest consent first.
    applications: Vec<Item>,
    /// Where the user revokes access: a page, no tool does.
    manage_at: String,
}

#[derive(Serialize, JsonSchema)]
struct Item {
    grant_id: String,
    client_id: String,
    /// What the application calls itself.
    name: String,
    /// Whether it registered itself; then its name is its own claim.
    registered_itself: bool,
    /// Whether this is the application that asks.
    is_this_application: bool,
    /// When the user agreed, RFC 3339.
    granted_at: String,
    /// When the consent ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it last called.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    calls_in_30_days: u64,
    scopes: Vec<Scope>,
}

#[derive(Serialize, JsonSchema)]
struct Scope {
    name: String,
    /// What it lets the application do.
    description: String,
    /// Whether a call of the application ever needed it.
    ever_used: bool,
    /// Why the application can't use it at this moment, although the user agreed to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_now: Option<String>,
}

pub(super) fn tool() -> Tool {
    let description = "The applications that the user authorized in this organization, what each may do right now, when it was \
                       last used and how often, and which scopes it never used.";
    super::answer::tool::<In, Out>(NAME, "List my applications", description)
}

pub(super) async fn answer(asking: &Asking<'_>, given: Option<JsonObject>) -> Result<Answer, Fault> {
    let In {} = arguments(given)?;
    let (p, config) = (asking.principal, asking.config);
    asking.flush.flush().await;
    let mut found = applications(asking.node, config, &p.user.id).await?;
    // The token is bound to one organization; what its user does in others is none of its business.
    found.retain(|a| a.facts.org.id == p.org.id);
    let items: Vec<_> = found.iter().map(|a| item(config, a, a.facts.grant.id == p.claims.grant)).collect();
    let out = Out { applications: items, manage_at: format!("{}/settings/applications", config.issuer.as_str()) };
    Ok(Answer::new(words(&out), &out))
}

fn item(config: &Config, application: &Application, is_this_application: bool) -> Item {
    let (facts, usage) = (&application.facts, &application.usage);
    let scope = |words: crate::account::applications::ScopeWords| Scope {
        name: words.scope.to_string(),
        description: words.text,
        ever_used: words.used,
        not_now: words.not_now.map(|why| why.to_string()),
    };
    Item {
        grant_id: facts.grant.id.to_string(),
        client_id: facts.client.id.to_string(),
        name: display_name(&facts.client.name),
        registered_itself: facts.client.origin == ClientOrigin::Dynamic,
        is_this_application,
        granted_at: instant(facts.grant.created_at),
        expires_at: facts.grant.expires_at.map(instant),
        last_used_at: usage.last_used_at.map(instant),
        calls_in_30_days: usage.calls_per_day.iter().sum(),
        scopes: application.scopes(config).into_iter().map(scope).collect(),
    }
}

fn words(out: &Out) -> String {
    let mut text = String::new();
    for item in &out.applications {
        let usable: Vec<_> = item.scopes.iter().filter(|s| s.not_now.is_none()).map(|s| s.name.as_str()).collect();
        let usable = if usable.is_empty() { "nothing now".to_owned() } else { usable.join(", ") };
        let used = item.last_used_at.as_ref().map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        let this = if item.is_this_application { " (this application)" } else { "" };
        let _ = writeln!(
            text,
            "- {}{this}: {usable}; {used}, {} calls in 30 days; grant {}",
            item.name, item.calls_in_30_days, item.grant_id
        );
    }
    if text.is_empty() {
        text.push_str("No applications.\n");
    }
    let _ = write!(text, "Access is revoked at {}", out.manage_at);
    text
}
