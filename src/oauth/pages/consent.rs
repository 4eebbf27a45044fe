//! The decision on an authorization request: in which organization, and yes or no.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::super::endpoints::WayBack;
use super::super::{App, Code, OAuthError, ask};
use super::own_form;
use crate::config::{Config, Risk};
use crate::pages::views::{
    Client as ClientView, ConsentPage, ConsentProblem, Destination, Held, Lifetime, OrganizationChoice, ScopeGroup, ScopeLine,
    Section, Trust,
};
use crate::pages::{DisplayName, When, skeleton};
use crate::record::{Actor, Cause};
use crate::store::{
    Approve, ApprovedRequest, AuthRequest, Client, ClientKind, ClientOrigin, ClientState, Grant, GrantState, Org, RevokeReason,
    Stage, StoreError,
};
use crate::types::{
    AuthRequestId, ClientId, GrantId, PlainToken, RedirectUri, ResourceId, RoleName, ScopeSet, ScopeToken, TokenKind,
};
use crate::web::{Params, Peer, SignedIn, Trouble, page_leading_to};

/// A request that waits for this person, and where they may say yes to it.
struct Pending {
    request: AuthRequest,
    client: Client,
    orgs: Vec<(Org, Vec<RoleName>)>,
}

/// `GET /consent?request=…`.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let pending = pending(&app, query.as_deref(), &who).await?;
        consent_page(&app, &config, &pending, &who, None).await
    };
    outcome.await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// `POST /consent?request=…`.
pub async fn submit(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    who: SignedIn,
    body: Body,
) -> Response {
    let config = app.node.config.load_full();
    let outcome = decide(&app, &config, &peer, query.as_deref(), &who, (&headers, body)).await;
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn pending(app: &App, query: Option<&str>, who: &SignedIn) -> Result<Pending, Trouble> {
    let params = Params::parse(query.unwrap_or_default().as_bytes())?;
    let id = params.one("request")?.and_then(|id| AuthRequestId::parse(id).ok()).ok_or_else(gone)?;
    let request = app.node.store.pending_request(&id, app.node.now()).await?.ok_or_else(gone)?;
    let client = app.node.store.client(&request.client).await?.filter(|c| c.state == ClientState::Active).ok_or_else(gone)?;
    if !still_asks(&app.node.config.load(), &client, &request) {
        return Err(gone());
    }
    let orgs = orgs_for(app, &client, who).await?;
    Ok(Pending { request, client, orgs })
}

/// Where this person may say yes to a client; at least one organization.
pub(super) async fn orgs_for(app: &App, client: &Client, who: &SignedIn) -> Result<Vec<(Org, Vec<RoleName>)>, Trouble> {
    let mut orgs = app.node.store.orgs_of(&who.user.id).await?;
    if orgs.is_empty() {
        let happened = "You aren't a member of any organization here, so there is nothing that the application could work with.";
        let advice = "Ask your administrator to add you to an organization, then start again from the application.";
        return Err(forbidden("You aren't in an organization yet", happened, advice));
    }
    if let Some(owner) = client.private_to() {
        orgs.retain(|(org, _)| org.id == *owner);
    }
    if orgs.is_empty() {
        let happened =
            "This application is private: only members of the organization that owns it may authorize it, and you aren't one.";
        let advice = "Ask the application's maker, or sign in as a member of that organization.";
        return Err(forbidden("This application isn't open to you", happened, advice));
    }
    Ok(orgs)
}

/// Whether the client may still ask for this and be answered there: a new version of an app may have changed both meanwhile.
fn still_asks(config: &Config, client: &Client, request: &AuthRequest) -> bool {
    let answered = client.redirect_uris.iter().any(|r| r.admits(&request.redirect_uri));
    answered && request.scopes.is_subset(&ask::allowed_scopes(config, client))
}

fn forbidden(title: &'static str, happened: &'static str, advice: &'static str) -> Trouble {
    Trouble { status: StatusCode::FORBIDDEN, ..Trouble::refused(title, happened, advice) }
}

fn gone() -> Trouble {
    let happened = "It was decided before, or it waited for too long.";
    let advice = "Start again from the application that sent you here.";
    Trouble::refused("This request is no longer open", happened, advice)
}

async fn consent_page(
    app: &App,
    config: &Config,
    pending: &Pending,
    who: &SignedIn,
    problem: Option<ConsentProblem>,
) -> Result<Response, Trouble> {
    let Pending { request, client, orgs } = pending;
    let only = orgs.len() == 1;
    let view = ConsentPage {
        frame: who.frame(&app.node, config, Section::Elsewhere).await?,
        action: format!("/consent?request={}", request.id),
        csrf: who.csrf.as_str().to_owned(),
        user: who.user.email.clone(),
        switch_user: format!("/logout?request={}", request.id),
        client: ClientView { name: DisplayName::new(&client.name), trust: trust(app, client, orgs).await? },
        resembles: resembles(app, client, orgs).await?,
        organizations: orgs.iter().map(|(org, roles)| choice(org, roles, only)).collect(),
        scopes: scope_groups(config, &request.scopes, orgs),
        destination: destination(&request.redirect_uri),
        lifetime: lifetime(config),
        device: None,
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page_leading_to(status, Url::parse(request.redirect_uri.as_str()).ok().as_ref(), &view))
}

pub(super) fn lifetime(config: &Config) -> Lifetime {
    Lifetime { idle: Some(config.oauth.refresh_idle), absolute: Some(config.oauth.grant_ttl) }
}

pub(super) fn choice(org: &Org, roles: &[RoleName], selected: bool) -> OrganizationChoice {
    let role =
        if roles.is_empty() { "no role".to_owned() } else { roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", ") };
    OrganizationChoice { id: org.id.to_string(), name: DisplayName::new(&org.name), slug: org.slug.to_string(), role, selected }
}

pub(super) async fn trust(app: &App, client: &Client, orgs: &[(Org, Vec<RoleName>)]) -> Result<Trust, StoreError> {
    match (client.origin, &client.org) {
        (ClientOrigin::Administrator, None) => Ok(Trust::Preregistered),
        (ClientOrigin::Administrator, Some(owner)) => {
            let Some(owner) = app.node.store.org(owner).await? else { return Ok(Trust::Preregistered) };
            let by = DisplayName::new(&owner.name);
            let draft = client.app.as_ref().is_some_and(|a| a.stage == Stage::Draft);
            Ok(if draft { Trust::Draft { by } } else { Trust::Published { by } })
        }
        (ClientOrigin::Dynamic, _) => {
            let mut used_in_org = false;
            for (org, _) in orgs {
                used_in_org = used_in_org || app.node.store.client_used_in_org(&client.id, &org.id).await?;
            }
            Ok(Trust::Registered { ago: When::new(client.created_at, app.node.now()).relative, used_in_org })
        }
    }
}

/// A client of one of the person's organizations whose name this stranger's name looks like.
pub(super) async fn resembles(
    app: &App,
    client: &Client,
    orgs: &[(Org, Vec<RoleName>)],
) -> Result<Option<DisplayName>, StoreError> {
    if client.origin != ClientOrigin::Dynamic {
        return Ok(None);
    }
    let looks = skeleton(&client.name);
    for (org, _) in orgs {
        let known = app.node.store.clients(Some(&org.id)).await?;
        if let Some(known) = known.into_iter().find(|c| skeleton(&c.name) == looks) {
            return Ok(Some(DisplayName::new(&known.name)));
        }
    }
    Ok(None)
}

/// Every scope that would be granted, with what the person holds now: the same question that the gate asks at each request.
pub(super) fn scope_groups(config: &Config, scopes: &ScopeSet, orgs: &[(Org, Vec<RoleName>)]) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in scopes.iter() {
        let entry = config.catalogue.entry(scope);
        let api = entry.map_or("Other", |e| e.group.as_str());
        let line = ScopeLine {
            scope: scope.to_string(),
            text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
            risk: entry.map_or(Risk::High, |e| e.risk),
            held: held(config, scope, orgs),
        };
        match groups.iter_mut().find(|g| g.api == api) {
            Some(group) => group.lines.push(line),
            None => groups.push(ScopeGroup { api: api.to_owned(), lines: vec![line] }),
        }
    }
    groups
}

fn held(config: &Config, scope: &ScopeToken, orgs: &[(Org, Vec<RoleName>)]) -> Held {
    let needed = config.catalogue.bits(&[scope.clone()].into_iter().collect());
    let holds = |roles: &[RoleName]| !needed.is_empty() && config.roles.permissions(roles).covers(&needed);
    let holders: Vec<_> = orgs.iter().filter(|(_, r)| holds(r)).map(|(o, _)| DisplayName::new(&o.name)).collect();
    match holders.len() {
        0 => Held::Later,
        n if n == orgs.len() => Held::Now,
        _ => Held::Only(holders),
    }
}

fn destination(redirect: &RedirectUri) -> Destination {
    let url = Url::parse(redirect.as_str()).ok();
    let port = url.as_ref().and_then(Url::port).map(|p| format!(":{p}")).unwrap_or_default();
    let host = format!("{}{port}", redirect.display_host());
    match url.as_ref().map(Url::scheme) {
        _ if redirect.is_loopback() => Destination::ThisComputer(host),
        Some("https" | "http") => Destination::Site(host),
        scheme => Destination::InstalledApplication(scheme.unwrap_or_default().to_owned()),
    }
}

async fn decide(
    app: &App,
    config: &Arc<Config>,
    peer: &Peer,
    query: Option<&str>,
    who: &SignedIn,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, Trouble> {
    let (form, genuine) = own_form(config, headers, body, &who.csrf).await?;
    let pending = pending(app, query, who).await?;
    if !genuine {
        return consent_page(app, config, &pending, who, Some(ConsentProblem::Expired)).await;
    }
    let client = &pending.client;
    let actor = Actor {
        user: Some(who.user.id.clone()),
        client: Some(client.id.clone()),
        client_name: Some(client.name.clone()),
        ..Actor::default()
    };
    let cause = peer.cause(&app.node, actor);
    let back = WayBack::of(&pending.request, &config.issuer);
    match (form.one("approve")?, form.one("deny")?) {
        (None, Some(_)) => match app.node.store.deny_request(&pending.request.id, &cause).await? {
            Approve::Done => Ok(back.error(&OAuthError::new(Code::AccessDenied, "The user did not allow it"))),
            Approve::Gone => Err(gone()),
        },
        (Some(_), None) => {
            let org = form.one("org")?.and_then(|id| pending.orgs.iter().find(|(o, _)| o.id.as_str() == id));
            match org {
                None => consent_page(app, config, &pending, who, Some(ConsentProblem::NoOrganization)).await,
                Some((org, _)) => approve(app, config, &pending, who, (org, cause)).await.map(|code| back.code(code.expose())),
            }
        }
        _ => consent_page(app, config, &pending, who, Some(ConsentProblem::Expired)).await,
    }
}

async fn approve(
    app: &App,
    config: &Config,
    pending: &Pending,
    who: &SignedIn,
    (org, mut cause): (&Org, Cause),
) -> Result<PlainToken, Trouble> {
    let (now, request) = (cause.at, &pending.request);
    let grant = new_grant(app, config, who, org, (&request.client, &request.scopes, &request.resources));
    cause.actor.grant = Some(grant.id.clone());
    let code = PlainToken::generate(TokenKind::AuthorizationCode, &*app.node.entropy);
    let code_expires_at = now.plus(config.oauth.code_ttl);
    let approved = ApprovedRequest { grant: grant.clone(), code: code.hashed(), code_expires_at };
    match app.node.store.approve_request(&request.id, &approved, &cause).await? {
        Approve::Gone => return Err(gone()),
        Approve::Done => app.node.metrics.grants_issued.inc(),
    }
    supersede(app, config, &pending.client, &grant, &cause).await?;
    Ok(code)
}

/// The grant of somebody who agrees now.
pub(super) fn new_grant(
    app: &App,
    config: &Config,
    who: &SignedIn,
    org: &Org,
    (client, scopes, resources): (&ClientId, &ScopeSet, &[ResourceId]),
) -> Grant {
    let now = app.node.now();
    Grant {
        id: GrantId::generate(now, &*app.node.entropy),
        org: org.id.clone(),
        user: who.user.id.clone(),
        client: client.clone(),
        scopes: scopes.clone(),
        resources: resources.to_vec(),
        state: GrantState::Live,
        created_at: now,
        expires_at: Some(now.plus(config.oauth.grant_ttl)),
        last_used_at: None,
    }
}

/// Ends the grants that the new one replaces: those of the same user, organization and client that it covers whole.
///
/// A public client that an administrator made has one `client_id` on many machines, and signing in on one must not sign out the
/// others; clients that register themselves do so once per installation, and confidential ones are one installation.
pub(super) async fn supersede(app: &App, config: &Config, client: &Client, new: &Grant, cause: &Cause) -> Result<(), StoreError> {
    if client.origin == ClientOrigin::Administrator && client.kind == ClientKind::Public {
        return Ok(());
    }
    let mut ended = false;
    for old in app.node.store.grants_of_user(&new.user, cause.at).await? {
        let old = old.grant;
        let same = old.id != new.id && old.org == new.org && old.client == new.client && old.state == GrantState::Live;
        if same && covers(config, new, &old) {
            ended |= app.node.store.revoke_grant(&old.id, Some(&new.user), RevokeReason::Superseded, cause).await?;
        }
    }
    if ended { app.node.settle().await } else { Ok(()) }
}

fn covers(config: &Config, new: &Grant, old: &Grant) -> bool {
    let everywhere = |r: &[ResourceId]| ask::is_everywhere(config, r);
    let resources =
        everywhere(&new.resources) || (!everywhere(&old.resources) && old.resources.iter().all(|r| new.resources.contains(r)));
    resources && old.scopes.is_subset(&new.scopes)
}
