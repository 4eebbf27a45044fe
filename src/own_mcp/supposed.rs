//! The decision about a request that nobody made, for whoever asks: by the grant that they call with, and by nobody else's.

use http::{HeaderValue, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::Fault;
use super::server::Asking;
use crate::gateway::explain::{self, Caller, Explained, Spoken, Supposed};
use crate::store::GrantFacts;
use crate::types::ScopeSet;

/// A request that nobody made. It has no place for anybody's name: who asks is who would have made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// Its method.
    method: String,
    /// Its path below the gateway's public URL, with a query if there is one.
    path: String,
    /// What the token names, scopes with spaces between them; everything that the application was given when left out.
    scopes: Option<String>,
    /// The tool that it calls, at an MCP server.
    tool: Option<String>,
    /// The prompt that it asks for, at an MCP server.
    prompt: Option<String>,
    /// The URI of the resource that it reads, at an MCP server.
    resource: Option<String>,
    /// The origin of the page that sends it.
    origin: Option<String>,
    /// How long its body is, bytes.
    length: Option<u64>,
}

/// What is decided about it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Decided {
    /// Whether the gate would let it through as things are now. What only the request itself shows (rates that are used up, arguments
    /// of a tool, what is in a body) is not known here.
    allowed: bool,
    /// Stable reason code, when it would be refused.
    reason: Option<&'static str>,
    /// Part by part; it ends with the part that refuses.
    steps: Vec<Step>,
    /// Scopes that are missing, who takes each of them away, and how to mend it.
    missing: Vec<Lack>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Step {
    /// `hygiene`, `mount`, `origin`, `authenticate`, `audience`, `route`, `bind`, `authorize`, `connection`, `body`, `message`, `rates`
    /// or `narrow`.
    stage: &'static str,
    passed: bool,
    says: String,
}

impl From<explain::Step> for Step {
    fn from(step: explain::Step) -> Self {
        Self { stage: step.stage.name(), passed: step.passed, says: step.says }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Lack {
    scope: String,
    /// `token`, `grant`, `client`, `policy` or `user`.
    factor: &'static str,
    mend: String,
}

impl From<explain::Lack> for Lack {
    fn from(lack: explain::Lack) -> Self {
        Self { scope: lack.scope.to_string(), factor: lack.factor.name(), mend: lack.mend }
    }
}

/// Steps and missing scopes in words.
pub(super) fn in_words<'a>(steps: &'a [Step], lacks: &'a [Lack]) -> impl Iterator<Item = String> + 'a {
    let mark = |passed: bool| if passed { "passes" } else { "refuses" };
    let steps = steps.iter().map(move |s| format!("- {} {}: {}", s.stage, mark(s.passed), s.says));
    steps.chain(lacks.iter().map(|l| format!("- {} ({}): {}", l.scope, l.factor, l.mend)))
}

impl Decided {
    pub(super) fn as_words(&self) -> String {
        let headline = match self.reason {
            None => "The gate would let this request through.".to_owned(),
            Some(reason) => format!("The gate would refuse this request: {reason}."),
        };
        std::iter::once(headline).chain(in_words(&self.steps, &self.missing)).collect::<Vec<_>>().join("\n")
    }
}

/// Decides about it, as things are now.
pub(super) async fn decided(asking: &Asking<'_>, given: &Given) -> Result<Decided, Fault> {
    let wrong = |what: &str| Fault::Refused(format!("{what} See the tool's input schema."));
    let method = given.method.trim().to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("That is no method."))?;
    let spoken = match (&given.tool, &given.prompt, &given.resource) {
        (None, None, None) => None,
        (Some(tool), None, None) => Some(Spoken::tool(tool)),
        (None, Some(prompt), None) => Some(Spoken::prompt(prompt)),
        (None, None, Some(uri)) => Some(Spoken::resource(uri)),
        _ => return Err(wrong("Name a tool, a prompt or a resource, not several.")),
    };
    let scopes = given.scopes.as_deref().map(ScopeSet::asked).transpose().map_err(|_| wrong("That is no list of scopes."))?;
    let origin = given.origin.as_deref().map(HeaderValue::from_str).transpose().map_err(|_| wrong("That is no origin."))?;
    let facts = own(asking).await?;
    let supposed = Supposed {
        method: &method,
        target: given.path.trim(),
        caller: Caller::Grant(&facts, scopes.as_ref().unwrap_or(&facts.grant.scopes)),
        query_known: true,
        spoken,
        certificate: false,
        handshake: false,
        origin: origin.as_ref(),
        length: given.length,
    };
    let Explained { steps, reason, lacks } = explain::explain(asking.node, asking.config, &supposed).await;
    let (steps, missing) = (steps.into_iter().map(Into::into).collect(), lacks.into_iter().map(Into::into).collect());
    Ok(Decided { allowed: reason.is_none(), reason, steps, missing })
}

/// What the caller was given: the grant of the token that this very call came with.
async fn own(asking: &Asking<'_>) -> Result<GrantFacts, Fault> {
    let (p, facts) = (asking.principal, asking.node.store.grant_facts(&asking.principal.claims.grant).await?);
    let own = facts.filter(|f| f.grant.org == p.org.id && f.grant.user == p.user.id && f.grant.client == p.client.id);
    own.ok_or_else(|| Fault::Refused("Your authorization of this application has ended. Authorize it again.".to_owned()))
}
