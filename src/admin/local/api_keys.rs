//! API keys, private scopes and installations.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use super::pages::{Wanted, made, place};
use super::{Local, apps, clients, still_there};
use crate::admin::error::{AdminError, Rule};
use crate::admin::model::{
    ApiKeyQuery, ApiKeyView, DecidedScope, InstallView, Page, PageQuery, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict,
    UninstalledApp, Within, api_key_view, scope_request_view,
};
use crate::apps::{AppError, on_offer, private_scope, reason, seen_from};
use crate::store::{
    ApiKeySearch, ClientOrigin, Holder, Installed, Refused, ScopeRefusal, ScopeRequest, ScopeRequestState, ScopeRequests,
};
use crate::types::{ApiKeyId, AppId, ClientId, OrgId, ScopeToken, Timestamp};

/// How long a private scope counts when the operator does not say, and at most.
const USUAL: u64 = 365 * 24 * 60 * 60;
const LONGEST: u64 = 5 * USUAL;

pub(super) async fn keys(local: &Local, query: ApiKeyQuery) -> Result<Page<ApiKeyView>, AdminError> {
    let wanted = Wanted::new(query.limit, query.cursor.as_deref(), place(ApiKeyId::parse))?;
    let org = org_of(local, query.org).await?;
    let named = |id: &str| AppId::parse(id).map_err(|_| AdminError::not_found("app", id));
    let app = query.app.as_deref().map(named).transpose()?;
    let search = ApiKeySearch { org, app, standing: query.state.map(Into::into), text: String::new() };
    let keys = local.node.store.find_api_keys(&search, wanted.after.as_ref(), wanted.one_more()).await?;
    Ok(wanted.page(keys, |last| made(last.created_at, &last.id), |key| api_key_view(&key)))
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

/// A page is cut from all of them, in the order in which the store has them.
pub(super) async fn requests(local: &Local, within: Within) -> Result<Page<ScopeRequestView>, AdminError> {
    let wanted = Wanted::new(within.limit, within.cursor.as_deref(), Turn::read)?;
    let org = org_of(local, within.org).await?;
    let which = org.as_ref().map_or(ScopeRequests::All, ScopeRequests::Of);
    let mut all = local.node.store.scope_requests(which).await?;
    all.retain(|one| wanted.after.as_ref().is_none_or(|after| Turn::of(one) > *after));
    Ok(wanted.page(all, |last| Turn::of(last).to_string(), scope_request_view))
}

/// Where a request is in the list: those that wait come first, and of each kind what happened last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    decided: bool,
    at: Reverse<i64>,
    holder: String,
    scope: String,
}

impl Turn {
    fn of(one: &ScopeRequest) -> Self {
        let at = one.decided_at.or_else(|| one.asked.as_ref().map(|(_, at)| *at));
        Self {
            decided: one.state != ScopeRequestState::Pending,
            at: Reverse(at.map_or(0, Timestamp::millis)),
            holder: one.holder.as_str().to_owned(),
            scope: one.scope.to_string(),
        }
    }

    fn read(cursor: &str) -> Option<Self> {
        // Neither ids nor scopes have a comma before the scope begins.
        let mut parts = cursor.splitn(4, ',');
        Some(Self {
            decided: match parts.next()? {
                "decided" => true,
                "waits" => false,
                _ => return None,
            },
            at: Reverse(parts.next()?.parse().ok()?),
            holder: parts.next()?.to_owned(),
            scope: parts.next()?.to_owned(),
        })
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { decided, at: Reverse(at), holder, scope } = self;
        write!(f, "{},{at},{holder},{scope}", if *decided { "decided" } else { "waits" })
    }
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
    let refused = refused.ok_or_else(|| AdminError::conflict(format!("{scope}: {nothing}")).of(rule))?;
    local.node.metrics.grants_revoked.inc_by(refused.grants);
    decided(local, &holder, &scope, refused).await
}

async fn decided(local: &Local, holder: &Holder, scope: &ScopeToken, ended: Refused) -> Result<DecidedScope, AdminError> {
    let request = shown(local, holder, scope).await?;
    local.settled(DecidedScope { request, revoked_grants: ended.grants, disabled_keys: ended.keys }).await
}

pub(super) async fn installs(local: &Local, org: &str, page: &PageQuery) -> Result<Page<InstallView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| AppId::parse(cursor).ok())?;
    let (store, org) = (&local.node.store, local.find_org(org).await?.id);
    let found = store.installs_behind(&org, local.node.now(), wanted.after.as_ref(), wanted.one_more()).await?;
    Ok(wanted.page(found, |last| last.install.app.to_string(), install_view))
}

pub(super) async fn install(local: &Local, org: &str, app: &str) -> Result<InstallView, AdminError> {
    let (org, app) = (local.find_org(org).await?, apps::find(local, app).await?);
    if !on_offer(&app, &org.id) {
        return Err(AdminError::conflict("the app is a draft of another organization; it has to be published first"));
    }
    local.node.store.install_app(&org.id, &app.id, &local.cause()).await?;
    let found = local.node.store.installs(&org.id).await?.into_iter().find(|i| i.app == app.id);
    let found = found.ok_or_else(|| AdminError::not_found("app", app.id.as_str()))?;
    let footing = local.node.store.footing(&org.id, &app.id, local.node.now()).await?;
    let name = seen_from(&local.node.store, &org.id, &app).await?.name;
    local.settled(install_view(Installed { install: found, name, footing })).await
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

/// An installation as it is shown.
#[must_use]
pub fn install_view(Installed { install, name, footing }: Installed) -> InstallView {
    InstallView {
        app: install.app,
        name,
        installed_at: install.at,
        installed_by: install.by,
        grants: footing.grants,
        users: footing.users,
        keys: footing.keys,
    }
}

async fn org_of(local: &Local, named: Option<String>) -> Result<Option<OrgId>, AdminError> {
    match named {
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
