//! `/orgs/{org}/applications/{client}`: one application, who authorized it, and what an administrator may do about it.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::applications::standing;
use super::leaf::Leaf;
use super::{Here, asked, install};
use crate::account::client::shown;
use crate::account::form::Form;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::config::{Config, Risk};
use crate::pages::views::{
    AppHere, AskedToConfirm, ClientNotice, OrgClientPage, OrgGrantRow, OrgTab, RestrictedScope, ScopeLabel, UsedHere,
};
use crate::pages::{DisplayName, When};
use crate::record::Cause;
use crate::store::{
    Client, ClientUse, GrantFacts, GrantSearch, GrantStanding, GrantState, RevokeReason, Stance, StoreError, Verdict,
};
use crate::types::{ApiKeyId, ClientId, GrantId, OwnScope, ScopeSet, ScopeToken, Timestamp};
use crate::web::{Trouble, page, registration, see_other};

/// Grants on one page.
const PAGE: u32 = 50;

/// `GET /orgs/{org}/applications/{client}`.
pub async fn show(
    State(app): State<App>,
    Path((slug, client)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    visitor.answer(one(&app, &visitor, (&slug, &client), query.as_deref(), None).await)
}

/// The client of this id, if the organization has anything to do with it or owns it.
pub(super) async fn find(app: &App, here: &Here, id: &str) -> Result<ClientUse, Trouble> {
    lookup(app, here, id).await?.ok_or_else(not_found)
}

async fn lookup(app: &App, here: &Here, id: &str) -> Result<Option<ClientUse>, StoreError> {
    let Ok(id) = ClientId::parse(id) else { return Ok(None) };
    match app.node.store.client_of_org(&here.org.id, &id, app.node.now()).await? {
        Some(known) => Ok(Some(known)),
        None => unused(app, here, &id).await,
    }
}

/// A client of the organization's own that nobody authorized yet. Apps and machines have pages of their own.
async fn unused(app: &App, here: &Here, id: &ClientId) -> Result<Option<ClientUse>, StoreError> {
    let Some(client) = own(app, here, id).await?.filter(|client| elsewhere(here, client).is_none()) else { return Ok(None) };
    let policy = app.node.store.client_policy(&here.org.id, id).await?;
    let scopes = ScopeSet::default();
    let (first_granted_at, first_used_at, last_used_at) = (None, None, None);
    Ok(Some(ClientUse {
        client,
        policy,
        users: 0,
        grants: 0,
        keys: Vec::new(),
        installed_at: None,
        scopes,
        first_granted_at,
        first_used_at,
        last_used_at,
        asked: None,
    }))
}

/// The client of this id, if the organization owns it.
async fn own(app: &App, here: &Here, id: &ClientId) -> Result<Option<Client>, StoreError> {
    Ok(app.node.store.client(id).await?.filter(|client| client.org.as_ref() == Some(&here.org.id)))
}

/// Where the page of an app or of a machine is.
fn elsewhere(here: &Here, client: &Client) -> Option<String> {
    let machine = || client.subject.is_some().then(|| here.path(&format!("machines/{}", client.id)));
    client.app.as_ref().map(|of| here.path(&format!("apps/{}", of.app))).or_else(machine)
}

/// Where somebody is led who asks for what has no page here: to that of the organization's app or machine, or of an app that it
/// may have.
async fn led_on(app: &App, here: &Here, id: &str) -> Result<Response, Trouble> {
    let own = match ClientId::parse(id) {
        Ok(id) => own(app, here, &id).await?,
        Err(_) => None,
    };
    match own.and_then(|client| elsewhere(here, &client)) {
        Some(page) => Ok(see_other(&page)),
        None => install::page_of(app, here, id).await,
    }
}

async fn one(
    app: &App,
    visitor: &Visitor,
    (slug, id): (&str, &str),
    query: Option<&str>,
    question: Option<AskedToConfirm>,
) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsRead)?;
    let config = &visitor.config;
    let Some(known) = lookup(app, &here, id).await? else { return led_on(app, &here, id).await };
    let now = app.node.now();
    let path = here.path(&format!("applications/{}", known.client.id));
    let leaf = Leaf::read(query, GrantId::parse);
    let live = GrantSearch {
        client: Some(known.client.id.clone()),
        standing: Some((GrantStanding::Live, now)),
        ..GrantSearch::default()
    };
    let mut grants = app.node.store.find_grants(&here.org.id, &live, leaf.last(), PAGE + 1).await?;
    let older = leaf.cut(&path, &mut grants, PAGE as usize, |last| (last.grant.created_at, last.grant.id.clone()));
    let may_change = here.may(config, OwnScope::GrantsWrite);
    let confirm = asked::<String>(query, "confirm").filter(|_| may_change);
    let of_app = install::app_here(app, &here, &known.client, now).await?;
    let used = if known.grants > 0 { UsedHere::Somebody } else { UsedHere::Nobody };
    let view = OrgClientPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Applications),
        organization: DisplayName::new(&here.org.name),
        back: here.path("applications"),
        csrf: visitor.csrf(),
        may_change,
        notice: match asked::<String>(query, "done") {
            Some(done) => notice(app, &here, &done, (&known, of_app.as_ref())).await?,
            None => None,
        },
        confirm: match (question, confirm) {
            (Some(question), _) => Some(question),
            (None, Some(what)) => confirmation(app, &here, &what, (&known, of_app.as_ref())).await?,
            (None, None) => None,
        },
        id: known.client.id.to_string(),
        client: shown(app, &known.client, used).await?,
        standing: standing(&known),
        registration: registration(&known.client, now),
        users: known.users,
        grants_total: known.grants,
        first_granted: known.first_granted_at.map(|at| When::new(at, now)),
        first_used: known.first_used_at.map(|day| When::of_day(day, now)),
        last_used: known.last_used_at.map(|at| When::new(at, now)),
        restricted: known.policy.scopes.is_some(),
        scopes: scopes(config, &known),
        grants: grants.iter().map(|facts| row(facts, now)).collect(),
        newer: leaf.newer(&path),
        older,
        here: leaf.here(&path),
        path,
        activity: here.path(&format!("audit?client={}", known.client.id)),
        app: of_app,
    };
    Ok(page(StatusCode::OK, &view))
}

/// What the address says was done, as far as it is true.
async fn notice(
    app: &App,
    here: &Here,
    done: &str,
    (known, of_app): (&ClientUse, Option<&AppHere>),
) -> Result<Option<ClientNotice>, StoreError> {
    if let Some(id) = done.strip_prefix("disabled-") {
        let mut keys = of_app.iter().flat_map(|a| &a.keys);
        return Ok(keys.any(|key| key.id == id && !key.can_be_disabled()).then_some(ClientNotice::KeyDisabled));
    }
    if let Some(id) = done.strip_prefix("revoked-").and_then(|id| GrantId::parse(id).ok()) {
        let facts = app.node.store.grant_facts(&id).await?;
        let ended = facts.filter(|f| f.grant.org == here.org.id && f.grant.state != GrantState::Live);
        return Ok(ended.map(|_| ClientNotice::Revoked));
    }
    Ok(match done {
        "blocked" if known.policy.stance == Stance::Blocked => Some(ClientNotice::Blocked),
        "allowed" if known.policy.stance == Stance::Allowed => Some(ClientNotice::Allowed),
        "restricted" if known.policy.scopes.is_some() => Some(ClientNotice::Restricted),
        "unrestricted" if known.policy.scopes.is_none() => Some(ClientNotice::Unrestricted),
        "installed" if of_app.is_some_and(|a| a.installed.is_some()) => Some(ClientNotice::Installed),
        "all-revoked" if known.grants == 0 => Some(ClientNotice::RevokedAll),
        _ => None,
    })
}

async fn confirmation(
    app: &App,
    here: &Here,
    what: &str,
    (known, of_app): (&ClientUse, Option<&AppHere>),
) -> Result<Option<AskedToConfirm>, StoreError> {
    if let Some(id) = what.strip_prefix("disable-") {
        let mut keys = of_app.iter().flat_map(|a| &a.keys);
        let key = keys.find(|key| key.id == id && key.can_be_disabled());
        return Ok(key.map(|key| AskedToConfirm::DisableKey { key: key.id.clone(), last4: key.last4.clone() }));
    }
    let keys = known.keys.len() as u64;
    Ok(match what {
        "block" if known.policy.stance != Stance::Blocked => Some(AskedToConfirm::Block { users: known.users, keys }),
        "revoke-all" if known.grants > 0 => Some(AskedToConfirm::RevokeAll { users: known.users, keys }),
        _ => {
            let Some(id) = what.strip_prefix("revoke-").and_then(|id| GrantId::parse(id).ok()) else { return Ok(None) };
            let now = app.node.now();
            let lives = |f: &GrantFacts| f.grant.state == GrantState::Live && f.grant.expires_at.is_none_or(|end| end > now);
            let facts = grant_here(app, here, known, &id).await?.filter(lives);
            facts.map(|facts| {
                let keys = known.keys.iter().filter(|key| key.user == facts.user.id).count() as u64;
                AskedToConfirm::Revoke { grant: id.to_string(), user: facts.user.email, keys }
            })
        }
    })
}

/// The question before a restriction that takes something away: from live authorizations, or from keys.
fn narrowing(known: &ClientUse, most: &ScopeSet) -> Option<AskedToConfirm> {
    let held = match &known.policy.scopes {
        Some(before) => known.scopes.intersection(before),
        None => known.scopes.clone(),
    };
    let loses = held.difference(most);
    let named = |scopes: &ScopeSet| scopes.iter().map(ToString::to_string).collect::<Vec<_>>();
    (!loses.is_empty()).then(|| AskedToConfirm::Restrict {
        users: known.users,
        keys: known.keys.len() as u64,
        scopes: named(most),
        all: loses == held,
        loses: named(&loses),
    })
}

/// A grant of this application in this organization, whichever page it stands on.
async fn grant_here(app: &App, here: &Here, known: &ClientUse, id: &GrantId) -> Result<Option<GrantFacts>, StoreError> {
    let facts = app.node.store.grant_facts(id).await?;
    Ok(facts.filter(|f| f.grant.org == here.org.id && f.grant.client == known.client.id))
}

/// What it holds in somebody's name, and what it was allowed to hold.
fn scopes(config: &Config, known: &ClientUse) -> Vec<RestrictedScope> {
    let most = known.policy.scopes.as_ref();
    let all = known.scopes.union(most.unwrap_or(&ScopeSet::default()));
    let all =
        if known.client.org.is_some() { all.union(known.client.scopes.as_ref().unwrap_or(&ScopeSet::default())) } else { all };
    let view = |scope: &ScopeToken| {
        let entry = config.catalogue.entry(scope);
        RestrictedScope {
            scope: scope.to_string(),
            label: ScopeLabel::of(entry),
            text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
            risk: entry.map_or(Risk::High, |e| e.risk),
            held: known.scopes.contains(scope),
            allowed: most.is_none_or(|most| most.contains(scope)),
        }
    };
    let mut all: Vec<_> = all.iter().map(view).collect();
    all.sort_by_key(|s| std::cmp::Reverse(s.risk));
    all
}

fn row(facts: &GrantFacts, now: Timestamp) -> OrgGrantRow {
    OrgGrantRow {
        id: facts.grant.id.to_string(),
        user: facts.user.email.clone(),
        scopes: facts.grant.scopes.iter().map(ToString::to_string).collect(),
        granted: When::new(facts.grant.created_at, now),
        last_used: facts.grant.last_used_at.map(|at| When::new(at, now)),
        ends: facts.grant.expires_at.map(|at| When::new(at, now)),
    }
}

/// `POST /orgs/{org}/applications/{client}`: what an administrator decided.
pub async fn act(
    State(app): State<App>,
    Path((slug, client)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    body: Body,
) -> Response {
    let outcome = async {
        let form = visitor.form(body).await?;
        let here = Here::find(&visitor, &slug, OwnScope::GrantsWrite)?;
        let known = find(&app, &here, &client).await?;
        if form.has("restrict")
            && let Some(question) = narrowing(&known, &ticked(&form)?)
        {
            return one(&app, &visitor, (&slug, &client), query.as_deref(), Some(question)).await;
        }
        let done = decide(&app, &here, &known, &form, &visitor.cause(&app)).await?;
        app.node.settle().await?;
        let path = here.path(&format!("applications/{}", known.client.id));
        Ok(see_other(&Leaf::read(query.as_deref(), GrantId::parse).with(&path, "done", &done)))
    };
    visitor.answer(outcome.await)
}

/// The scopes whose boxes are ticked.
fn ticked(form: &Form) -> Result<ScopeSet, Trouble> {
    form.all("scope").map(ScopeToken::parse).collect::<Result<ScopeSet, _>>().map_err(|_| not_found())
}

/// Does what the pressed button says; the name of what was done.
async fn decide(app: &App, here: &Here, known: &ClientUse, form: &Form, cause: &Cause) -> Result<String, Trouble> {
    let (store, org, client) = (&app.node.store, &here.org.id, &known.client.id);
    if form.has("block") {
        store.decide_client(org, client, Verdict::Block, cause).await?;
        return Ok("blocked".to_owned());
    }
    if form.has("allow") {
        store.decide_client(org, client, Verdict::Allow, cause).await?;
        return Ok("allowed".to_owned());
    }
    if form.has("restrict") || form.has("restrict-surely") {
        store.restrict_client(org, client, Some(&ticked(form)?), cause).await?;
        return Ok("restricted".to_owned());
    }
    if form.has("unrestrict") {
        store.restrict_client(org, client, None, cause).await?;
        return Ok("unrestricted".to_owned());
    }
    if form.has("revoke-all") {
        let ended = store.revoke_client(org, client, cause).await?;
        app.node.metrics.grants_revoked.inc_by(ended);
        return Ok("all-revoked".to_owned());
    }
    if form.has("install") {
        return install::install_again(app, here, known, cause).await;
    }
    if let Some(id) = form.pressed("disable-") {
        return disable(app, here, known, id, cause).await;
    }
    let id = form.pressed("revoke-").and_then(|id| GrantId::parse(id).ok()).ok_or_else(not_found)?;
    let facts = grant_here(app, here, known, &id).await?.ok_or_else(not_found)?;
    if facts.grant.state == GrantState::Live && store.revoke_grant(&id, None, RevokeReason::Admin, cause).await? {
        app.node.metrics.grants_revoked.inc();
    }
    Ok(format!("revoked-{id}"))
}

/// Disables an API key of the application for good.
async fn disable(app: &App, here: &Here, known: &ClientUse, id: &str, cause: &Cause) -> Result<String, Trouble> {
    let id = ApiKeyId::parse(id).map_err(|_| not_found())?;
    let of = known.client.app.as_ref().ok_or_else(not_found)?;
    let found = app.node.store.api_key(&id).await?.filter(|key| key.org == here.org.id && key.app == of.app);
    let key = found.ok_or_else(not_found)?;
    app.node.store.disable_api_key(&key.id, Some(&here.org.id), cause).await?;
    Ok(format!("disabled-{id}"))
}
