//! Why the gate decides as it does.

use http::{HeaderValue, Method};

use super::Local;
use super::audit::{Names, Told};
use crate::admin::error::AdminError;
use crate::admin::model::{ExplainQuery, ExplanationView, LackView, RecordedView, StepView};
use crate::gateway::explain::{self, Caller, Explained, Spoken, Supposed};
use crate::record::{AuditRecord, Event, summary};
use crate::store::{ApiKeyFacts, AuditFilter, GrantFacts, GrantSearch};
use crate::token::standing;
use crate::types::{ApiKeyId, ClientId, HashedToken, RequestId, ScopeSet};

/// Records of one request that are looked at.
const MOST: u32 = 20;

pub(super) async fn explain(local: &Local, query: ExplainQuery) -> Result<ExplanationView, AdminError> {
    match &query {
        ExplainQuery { request: Some(request), method: None, path: None, .. } => recorded(local, request).await,
        ExplainQuery { request: None, method: Some(method), path: Some(path), .. } => supposed(local, method, path, &query).await,
        _ => Err(AdminError::invalid("name a request, or the method and path of one that nobody made")),
    }
}

async fn recorded(local: &Local, request: &str) -> Result<ExplanationView, AdminError> {
    let id = RequestId::parse(request).map_err(|_| AdminError::not_found("request", request))?;
    let filter = AuditFilter { request: Some(id), ..AuditFilter::default() };
    let page = local.node.store.search_audit(&filter, None, MOST).await?;
    let calls = page.rows.into_iter().map(|row| row.record).find(|record| matches!(record.event, Event::Call(_)));
    let record = calls.ok_or_else(|| AdminError::not_found("call to an API with the request", request))?;
    Told::reads(local, record.org.as_ref()).await?;
    let now = explain::again(&local.node, &local.node.config.load_full(), &record).await?;
    let now = now.ok_or_else(|| AdminError::not_found("call to an API with the request", request))?;
    let names = Names::of(local, &[&record]).await?;
    Ok(ExplanationView { recorded: then(&record, &names), ..view(now) })
}

fn then(record: &AuditRecord, names: &Names) -> Option<RecordedView> {
    let Event::Call(call) = &record.event else { return None };
    let row = summary(record);
    let (needed, held) = (call.scopes_needed.clone(), call.scopes_held.clone());
    let who = names.who(row.who, record);
    Some(RecordedView { time: record.time, who, what: row.what, decision: row.decision, needed, held })
}

async fn supposed(local: &Local, method: &str, path: &str, query: &ExplainQuery) -> Result<ExplanationView, AdminError> {
    let wrong = |what: &str| AdminError::invalid(what.to_owned());
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| wrong("that is no method"))?;
    let config = local.node.config.load_full();
    let spoken = match (&query.tool, &query.prompt, &query.resource) {
        (None, None, None) => None,
        (Some(tool), None, None) => Some(Spoken::tool(tool)),
        (None, Some(prompt), None) => Some(Spoken::prompt(prompt)),
        (None, None, Some(uri)) => Some(Spoken::resource(uri)),
        _ => return Err(wrong("name a tool, a prompt or a resource, not several")),
    };
    let facts = match (&query.org, &query.user, &query.client) {
        (None, None, None) => None,
        (Some(org), Some(user), Some(client)) => Some(grant(local, org, user, client).await?),
        _ => return Err(wrong("name org, user and client, or none of them for a request without a token")),
    };
    let scopes = query.scopes.as_deref().map(ScopeSet::asked).transpose().map_err(|_| wrong("that is no list of scopes"))?;
    let key = match &query.key {
        Some(key) => Some(key_of(local, key).await?),
        None => None,
    };
    let caller = match (&facts, &key) {
        (None, None) => Caller::Nobody,
        (Some(facts), None) => Caller::Grant(facts, scopes.as_ref().unwrap_or(&facts.grant.scopes)),
        (None, Some((facts, hash))) => Caller::Key(facts, hash),
        (Some(_), Some(_)) => return Err(wrong("name a key, or org, user and client, not both")),
    };
    let origin = query.origin.as_deref().map(HeaderValue::from_str).transpose().map_err(|_| wrong("that is no origin"))?;
    let supposed = Supposed {
        method: &method,
        target: path,
        caller,
        query_known: true,
        spoken,
        certificate: false,
        handshake: false,
        origin: origin.as_ref(),
        length: query.length,
    };
    Ok(view(explain::explain(&local.node, &config, &supposed).await))
}

/// The API key with this id, whether it works or not.
async fn key_of(local: &Local, id: &str) -> Result<(ApiKeyFacts, HashedToken), AdminError> {
    let id = ApiKeyId::parse(id).map_err(|_| AdminError::not_found("API key", id))?;
    explain::key(&local.node, &id).await?.ok_or_else(|| AdminError::not_found("API key", id.as_str()))
}

/// What the user gave to the client in the organization: what is live before what has ended.
async fn grant(local: &Local, org: &str, user: &str, client: &str) -> Result<GrantFacts, AdminError> {
    let (org, user) = (local.find_org(org).await?, local.find_user(user).await?);
    let id = ClientId::parse(client).map_err(|_| AdminError::not_found("client", client))?;
    let search = GrantSearch { user: Some(user.id.clone()), client: Some(id), ..GrantSearch::default() };
    let mut found = local.node.store.find_grants(&org.id, &search, None, u32::MAX).await?;
    let now = local.node.now();
    let config = local.node.config.load_full();
    let at = found.iter().position(|f| standing(&config, f, now).is_ok()).unwrap_or(0);
    if at < found.len() {
        return Ok(found.swap_remove(at));
    }
    let what = format!("{} has not authorized {client} in {}: there is no token to suppose", user.email, org.slug);
    Err(AdminError::invalid(what))
}

fn view(explained: Explained) -> ExplanationView {
    let Explained { steps, reason, lacks } = explained;
    let step = |s: explain::Step| StepView { stage: s.stage.name().to_owned(), passed: s.passed, says: s.says };
    let lack = |l: explain::Lack| LackView { scope: l.scope, factor: l.factor.name().to_owned(), mend: l.mend };
    ExplanationView {
        recorded: None,
        allowed: reason.is_none(),
        reason: reason.map(ToOwned::to_owned),
        steps: steps.into_iter().map(step).collect(),
        lacks: lacks.into_iter().map(lack).collect(),
    }
}
