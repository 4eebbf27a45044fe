//! `whoami`.

use rmcp::model::{JsonObject, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Fault, arguments, instant};
use super::server::Asking;
use crate::pages::{display_name, duration_words};
use crate::types::{ScopeToken, Timestamp};

pub(super) const NAME: &str = "whoami";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct In {}

#[derive(Serialize, JsonSchema)]
struct Out {
    /// On whose behalf requests are made.
    user: User,
    /// The organization that the token is bound to.
    organization: Organization,
    /// The application that holds the token.
    application: Application,
    /// The consent that the token comes from.
    grant_id: String,
    /// What may be done at this moment: what was consented to, as far as the user still holds it.
    scopes: Vec<String>,
    /// When the token ends, RFC 3339.
    token_expires_at: String,
}

#[derive(Serialize, JsonSchema)]
struct User {
    id: String,
    email: String,
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Organization {
    id: String,
    slug: String,
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Application {
    client_id: String,
    name: String,
}

pub(super) fn tool() -> Tool {
    let description = "Who this token speaks for: user, organization, application, the scopes that can be used right now, and \
                       when the token expires.";
    super::answer::tool::<In, Out>(NAME, "Who am I?", description)
}

pub(super) fn answer(asking: &Asking<'_>, given: Option<JsonObject>) -> Result<Answer, Fault> {
    let In {} = arguments(given)?;
    let p = asking.principal;
    let ends = Timestamp::from_millis(p.claims.exp.saturating_mul(1000));
    let out = Out {
        user: User { id: p.user.id.to_string(), email: p.user.email.clone(), name: display_name(&p.user.name) },
        organization: Organization { id: p.org.id.to_string(), slug: p.org.slug.to_string(), name: display_name(&p.org.name) },
        application: Application { client_id: p.client.id.to_string(), name: display_name(&p.client.name) },
        grant_id: p.claims.grant.to_string(),
        scopes: p.held.iter().map(ScopeToken::to_string).collect(),
        token_expires_at: instant(ends),
    };
    let text = format!(
        "{} ({}), in the organization {} ({}), through the application {}.\nScopes that can be used now: {}.\nThe token expires in {}.",
        out.user.name,
        out.user.email,
        out.organization.name,
        out.organization.slug,
        out.application.name,
        if out.scopes.is_empty() { "none".to_owned() } else { out.scopes.join(", ") },
        duration_words(ends.since(asking.node.now())),
    );
    Ok(Answer::new(text, &out))
}
