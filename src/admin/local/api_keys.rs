//! API keys, private scopes and installations.

use std::time::Duration;

use super::{Local, apps, clients, still_there};
use crate::admin::error::{AdminError, Rule};
use crate::admin::model::{
    ApiKeyQuery, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict, UninstalledApp,
    Within, api_key_view, scope_request_view,
};
use crate::apps::{AppError, on_offer, private_scope, reason, seen_from};
use crate::store::{ApiKey, ApiKeySearch, App, ClientOrigin, Holder, Install, Refused, ScopeRefusal, ScopeRequests};
use crate::types::{ApiKeyId, AppId, ClientId, OrgId, ScopeToken};

/// How long a private scope counts when the operator does not say, and at most.
const USUAL: u64 = 365 * 24 * 60 * 60;
const LONGEST: u64 = 5 * USUAL;
/// Keys that are read in one go.
const AT_ONCE: u32 = 1_000;

pub(super) async fn keys(local: &Local, query: ApiKeyQuery) -> Result<Vec<ApiKeyView>, AdminError> {
    let org = org_of(local, Within { org: query.org, user: None }).await?;
    let named = |id: &str| AppId::parse(id).map_err(|_| AdminError::not_found("app", id));
    let app = query.app.as_deref().map(named).transpose()?;
    let search = ApiKeySearch { org, app, standing: query.state.map(Into::into), text: String::new() };
    let mut keys: Vec<ApiKey> = Vec::new();
    loop {
        let last = keys.last().map(|key| (key.created_at, key.id.clone()));
        let more = local.node.store.find_api_keys(&search, last.as_ref(), AT_ONCE).await?;
        let whole = more.len() < AT_ONCE as usize;
        keys.extend(more);
        if whole {
            return Ok(keys.iter().map(api_key_view).collect());
        }
    }
}

pub(super) async fn key(local: &Local, id: &str) -> Result<ApiKeyView, AdminError> {
    let missing = || AdminError::not_found("API key", id);
    let parsed = ApiKeyId::parse(id).map_err(|_| missing())?;
    Ok(api_key_view(&local.node.store.api_key(&parsed).await?.ok_or_else(missing)?))
}

pub(super) async fn disable(local: &Local, id: &str) -> Result<ApiKeyView, AdminError> {
    let before = key(local, id).await?;
    local.node.store.disable_api_key(&before.id, None, &local.cause()).await?;
    let now = key(local, id).await?;
    local.settled(now).await
}

pub(super) async fn requests(local: &Local, within: Within) -> Result<Vec<ScopeRequestView>, AdminError> {
    let org = org_of(local, within).await?;
    let which = org.as_ref().map_or(ScopeRequests::All, ScopeRequests::Of);
    Ok(local.node.store.scope_requests(which).await?.into_iter().map(scope_request_view).collect())
}

pub(super) async fn request(local: &Local, holder: &str, ask: ScopeAsk) -> Result<ScopeRequestView, AdminError> {
    let (scope, holder) = (scope_named(local, &ask.scope)?, find_holder(local, holder).await?);
    match &holder {
        Holder::App(id) => {
            let app = apps::find(local, id.as_str()).await?;
            apps::workshop(local).request_scope(&app, &ask.scope, &ask.reason).await?;
        }
        Holder::Client(id) => {
            let client = still_there(local.node.store.client(id).await, "client", id.as_str())?;
            clients::clients(local).request_scope(&client, &ask.scope, &ask.reason).await?;
        }
    }
    shown(local, &holder, &scope).await
}

pub(super) async fn cancel(local: &Local, holder: &str, scope: &str) -> Result<ScopeRequestView, AdminError> {
    let (scope, holder) = (scope_named(local, scope)?, find_holder(local, holder).await?);
    if !local.node.store.cancel_scope_request(&holder, &scope, &local.cause()).await? {
        return Err(AdminError::conflict(format!("no request for {scope} waits")));
    }
    let request = shown(local, &holder, &scope).await?;
    local.settled(request).await
}

pub(super) async fn decide(local: &Local, holder: &str, decision: ScopeDecision) -> Result<DecidedScope, AdminError> {
    let (scope, holder) = (scope_named(local, &decision.scope)?, find_holder(local, holder).await?);
    let comment = decision.comment.as_deref().map(text).transpose()?.filter(|c| !c.is_empty());
    let (store, cause) = (&local.node.store, local.cause());
    let how = match decision.verdict {
        ScopeVerdict::Approve => {
            let lives = decision.lives.unwrap_or(USUAL);
            if !(1..=LONGEST).contains(&lives) {
                let detail = format!("a private scope counts for 1 to {LONGEST} seconds");
                return Err(AdminError::invalid(detail).of(Rule::Term(LONGEST)));
            }
            let until = cause.at.plus(Duration::from_secs(lives));
            if !store.approve_scope(&holder, &scope, until, comment, &cause).await? {
                return Err(AdminError::invalid("clients that registered themselves have no private scopes"));
            }
            return decided(local, &holder, &scope, Refused::default()).await;
        }
        ScopeVerdict::Deny => ScopeRefusal::Deny,
        ScopeVerdict::Withdraw => ScopeRefusal::Withdraw,
    };
    if decision.lives.is_some() {
        return Err(AdminError::invalid("lives belongs to approve"));
    }
    let refused = store.refuse_scope(&holder, &scope, how, comment, &cause).await?;
    let (nothing, rule) = match how {
        ScopeRefusal::Deny => ("no request for it waits", Rule::NotWaiting),
        ScopeRefusal::Withdraw => ("it was not given, or was taken back", Rule::NotGiven),
    };
    let refused = local.settled(refused).await?;
    let refused = refused.ok_or_else(|| AdminError::conflict(format!("{scope}: {nothing}")).of(rule))?;
    local.node.metrics.grants_revoked.inc_by(refused.grants);
    decided(local, &holder, &scope, refused).await
}

async fn decided(local: &Local, holder: &Holder, scope: &ScopeToken, ended: Refused) -> Result<DecidedScope, AdminError> {
    let request = shown(local, holder, scope).await?;
    local.settled(DecidedScope { request, revoked_grants: ended.grants, disabled_keys: ended.keys }).await
}

pub(super) async fn installs(local: &Local, org: &str) -> Result<Vec<InstallView>, AdminError> {
    let org = local.find_org(org).await?;
    let mut views = Vec::new();
    for install in local.node.store.installs(&org.id).await? {
        if let Some(app) = local.node.store.app(&install.app).await? {
            views.push(install_view(local, install, &app).await?);
        }
    }
    Ok(views)
}

pub(super) async fn install(local: &Local, org: &str, app: &str) -> Result<InstallView, AdminError> {
    let (org, app) = (local.find_org(org).await?, apps::find(local, app).await?);
    if !on_offer(&app, &org.id) {
        return Err(AdminError::conflict("the app is a draft of another organization; it has to be published first"));
    }
    local.node.store.install_app(&org.id, &app.id, &local.cause()).await?;
    let found = local.node.store.installs(&org.id).await?.into_iter().find(|i| i.app == app.id);
    let view = install_view(local, found.ok_or_else(|| AdminError::not_found("app", app.id.as_str()))?, &app).await?;
    local.settled(view).await
}

pub(super) async fn uninstall(local: &Local, org: &str, app: &str) -> Result<UninstalledApp, AdminError> {
    let (org, app) = (local.find_org(org).await?, apps::find(local, app).await?);
    let ended = local.node.store.uninstall_app(&org.id, &app.id, &local.cause()).await?;
    // Also when it had gone before: another request may just be uninstalling it.
    let ended = local.settled(ended).await?.ok_or_else(|| AdminError::conflict("the organization does not have this app"))?;
    local.node.metrics.grants_revoked.inc_by(ended.grants);
    let instructions = seen_from(&local.node.store, &org.id, &app).await?.uninstall_instructions;
    let done = UninstalledApp { app: app.id, grants: ended.grants, users: ended.users, keys: ended.keys, instructions };
    Ok(done)
}

async fn install_view(local: &Local, install: Install, app: &App) -> Result<InstallView, AdminError> {
    let (footing, org) = (local.node.store.footing(&install.org, &install.app, local.node.now()).await?, install.org);
    Ok(InstallView {
        app: install.app,
        name: seen_from(&local.node.store, &org, app).await?.name,
        installed_at: install.at,
        installed_by: install.by,
        grants: footing.grants,
        users: footing.users,
        keys: footing.keys,
    })
}

async fn org_of(local: &Local, within: Within) -> Result<Option<OrgId>, AdminError> {
    match within.org {
        Some(name) => Ok(Some(local.find_org(&name).await?.id)),
        None => Ok(None),
    }
}

/// An app by id or `app_uuid`, or a client that belongs to none.
async fn find_holder(local: &Local, name: &str) -> Result<Holder, AdminError> {
    if let Ok(id) = ClientId::parse(name)
        && let Some(client) = local.node.store.client(&id).await?
    {
        if client.origin == ClientOrigin::Dynamic {
            return Err(AdminError::invalid("clients that registered themselves have no private scopes"));
        }
        return Ok(client.app.map_or(Holder::Client(id), |app| Holder::App(app.app)));
    }
    Ok(Holder::App(apps::find(local, name).await?.id))
}

fn scope_named(local: &Local, text: &str) -> Result<ScopeToken, AdminError> {
    private_scope(&local.node.config.load().catalogue, text).map_err(|refusal| AppError::from(refusal).into())
}

fn text(written: &str) -> Result<&str, AdminError> {
    reason(written).map_err(|refusal| AppError::from(refusal).into())
}

async fn shown(local: &Local, holder: &Holder, scope: &ScopeToken) -> Result<ScopeRequestView, AdminError> {
    let found = local.node.store.scope_requests(ScopeRequests::For(holder)).await;
    still_there(found.map(|all| all.into_iter().find(|r| r.scope == *scope)), "request", scope.as_str()).map(scope_request_view)
}
