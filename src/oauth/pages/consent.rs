//! The decision on an authorization request: in which organization, and yes or no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::super::endpoints::WayBack;
use super::super::{App, Code, OAuthError, ask, trial};
use super::after::{After, chosen};
use super::before::Before;
use super::offer::{Offer, lifetime, takes_sign_in};
use super::own_form;
use crate::config::{Config, GrantFlow};
use crate::pages::texts::sign_in as texts;
use crate::pages::views::{ConsentPage, ConsentProblem, Destination, Lifetime, Section};
use crate::record::{Actor, Cause};
use crate::store::{
    Approvals, Approve, ApprovedRequest, AuthRequest, Client, ClientKind, ClientOrigin, ClientState, Grant, GrantState, Org,
    StillAsks, StoreError, Trial,
};
use crate::types::{
    AuthRequestId, ClientId, GrantId, OrgId, PlainToken, RedirectUri, ResourceId, ScopeSet, Selectors, TokenKind,
};
use crate::web::{Params, Peer, SignedIn, Trouble, page_leading_to, see_other};

/// A request that waits for this person, and where they may say yes to it.
struct Pending {
    request: AuthRequest,
    offer: Offer,
    /// The trial that made it: then a page of ours stands in for the client.
    trial: Option<Trial>,
    /// The organization that the person chose before they had to sign in once more.
    chosen: Option<OrgId>,
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
    let config = app.node.config.load_full();
    let trial = trial::behind(app, &config, &who.session.hash, (&client, &request)).await?;
    let approved = ask::approved_scopes(&app.node, &config, &client).await?;
    if !still_asks(&config, (&client, &approved), &request, trial.as_ref()) {
        return Err(gone());
    }
    let offer = Offer::to(app, client, who).await?;
    let offer = match &request.org {
        Some(named) => offer.only(named)?,
        None => offer,
    };
    Ok(Pending { request, offer, trial, chosen: chosen(&params) })
}

/// Whether the client may still ask for this and be answered there: a new version of an app may have changed both meanwhile.
fn still_asks(config: &Config, (client, approved): (&Client, &ScopeSet), request: &AuthRequest, trial: Option<&Trial>) -> bool {
    let answered = trial.is_some() || client.redirect_uris.iter().any(|r| r.admits(&request.redirect_uri));
    let asking = ask::Asking { client, approved, flow: GrantFlow::AuthorizationCode };
    answered && ask::still_allowed(config, asking, &request.scopes)
}

fn gone() -> Trouble {
    Trouble::refused(texts::request_gone())
}

async fn consent_page(
    app: &App,
    config: &Config,
    pending: &Pending,
    who: &SignedIn,
    problem: Option<ConsentProblem>,
) -> Result<Response, Trouble> {
    let Pending { request, offer, trial, chosen } = pending;
    // What is allowed for a trial ends with it, and is nothing that the person gave before.
    let before = if trial.is_some() { Before::default() } else { offer.before(app, who).await? };
    let until = trial.as_ref().map(|t| t.expires_at.since(app.node.now()));
    let view = ConsentPage {
        frame: who.frame(config, Section::Elsewhere),
        action: format!("/consent?request={}", request.id),
        csrf: who.csrf.as_str().to_owned(),
        user: who.user.email.clone(),
        switch_user: format!("/logout?request={}", request.id),
        client: offer.shown(app).await?,
        resembles: offer.resembles(app).await?,
        organizations: offer.choices(chosen.as_ref()),
        scopes: offer.scope_groups(config, &request.scopes, &before),
        earlier: offer.earlier(config, &before, &request.scopes, app.node.now()),
        destination: if trial.is_some() { Destination::Trial } else { destination(&request.redirect_uri) },
        lifetime: until.map_or_else(|| lifetime(config), |most| Lifetime { idle: None, absolute: Some(most) }),
        device: None,
        problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page_leading_to(status, Url::parse(request.redirect_uri.as_str()).ok().as_ref(), &view))
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
    let client = &pending.offer.client;
    let actor = Actor {
        user: Some(who.user.id.clone()),
        client: Some(client.id.clone()),
        client_name: Some(client.name.clone()),
        ..Actor::default()
    };
    let cause = peer.cause(&app.node, actor);
    let back = WayBack::of(&pending.request, config);
    match (form.one("approve")?, form.one("deny")?) {
        (None, Some(_)) => match app.node.store.deny_request(&pending.request.id, &cause).await? {
            Approve::Done => Ok(back.error(&OAuthError::new(Code::AccessDenied, "The user did not allow it"))),
            Approve::Gone => Err(gone()),
        },
        (Some(_), None) => match pending.offer.place(form.one("org")?) {
            None => consent_page(app, config, &pending, who, Some(ConsentProblem::NoOrganization)).await,
            Some(place) if place.needs_approval() => Err(pending.offer.wait_for_approval(app, who, &place.org, &cause).await?),
            Some(place) if takes_sign_in(config, &pending.request.scopes, who, cause.at) => {
                Ok(see_other(&once_more(config, &pending, &place.org)))
            }
            Some(place) => approve(app, config, &pending, who, (&place.org, cause)).await.map(|code| back.code(code.expose())),
        },
        _ => consent_page(app, config, &pending, who, Some(ConsentProblem::Expired)).await,
    }
}

/// The way to sign in once more and back to the decision. A trial belongs to the session that ends with it, so it begins anew.
fn once_more(config: &Config, pending: &Pending, org: &Org) -> String {
    let request = || After::Request(pending.request.id.clone(), Some(org.id.clone()));
    let page = pending.trial.as_ref().and_then(|of| trial::page(config, of));
    page.map_or_else(request, After::Page).once_more()
}

async fn approve(
    app: &App,
    config: &Config,
    pending: &Pending,
    who: &SignedIn,
    (org, mut cause): (&Org, Cause),
) -> Result<PlainToken, Trouble> {
    let (now, request) = (cause.at, &pending.request);
    let mut grant = new_grant(app, config, who, org, (&request.client, &request.scopes, &request.resources));
    if let Some(trial) = &pending.trial {
        grant.expires_at = Some(grant.expires_at.map_or(trial.expires_at, |end| end.min(trial.expires_at)));
    }
    cause.actor.grant = Some(grant.id.clone());
    let code = PlainToken::generate(TokenKind::AuthorizationCode, &*app.node.entropy);
    let code_expires_at = now.plus(config.oauth.code_ttl);
    let approved = ApprovedRequest { grant: grant.clone(), trial: pending.trial.is_some(), code: code.hashed(), code_expires_at };
    let still = |client: &Client, approvals: &Approvals| {
        still_asks(config, (client, &approvals.live(now)), request, pending.trial.as_ref())
    };
    let agreed = Agreed::to(config, &pending.offer.client, &grant, still);
    let agreed = if pending.trial.is_some() { agreed.beside() } else { agreed };
    match app.node.store.approve_request(&request.id, &approved, &agreed, &cause).await? {
        Approve::Gone => return Err(gone()),
        Approve::Done => app.node.metrics.grants_issued.inc(),
    }
    agreed.settle(app).await?;
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
        selectors: Selectors::default(),
        resources: resources.to_vec(),
        state: GrantState::Live,
        created_at: now,
        expires_at: Some(now.plus(config.oauth.grant_ttl)),
        last_used_at: None,
    }
}

/// What is asked while a consent is written: whether the client still asks for it, and which grants it replaces.
pub(super) struct Agreed<'a, F> {
    config: &'a Config,
    new: &'a Grant,
    still: F,
    /// Whether it replaces any.
    may_replace: bool,
    /// Whether it did.
    replaced: AtomicBool,
}

impl<'a, F> Agreed<'a, F> {
    /// A consent to `client`. It replaces the grants of the same user, organization and client that it covers whole.
    ///
    /// A public client that an administrator made has one `client_id` on many machines, and signing in on one must not sign out the
    /// others; clients that register themselves do so once per installation, and confidential ones are one installation.
    pub(super) fn to(config: &'a Config, client: &Client, new: &'a Grant, still: F) -> Self {
        let shared = client.origin == ClientOrigin::Administrator && client.kind == ClientKind::Public;
        Self { config, new, still, may_replace: !shared, replaced: AtomicBool::new(false) }
    }

    /// The same for a trial: what the person gave the app itself goes on beside it.
    fn beside(self) -> Self {
        Self { may_replace: false, ..self }
    }

    /// Waits until what was replaced works nowhere.
    pub(super) async fn settle(&self, app: &App) -> Result<(), StoreError> {
        if self.replaced.load(Ordering::Relaxed) { app.node.settle().await } else { Ok(()) }
    }
}

impl<F: Fn(&Client, &Approvals) -> bool + Send + Sync> StillAsks for Agreed<'_, F> {
    fn still_asks(&self, client: &Client, approvals: &Approvals) -> bool {
        (self.still)(client, approvals)
    }

    fn replaces(&self, old: &Grant) -> bool {
        let replaced = self.may_replace && covers(self.config, self.new, old);
        self.replaced.fetch_or(replaced, Ordering::Relaxed);
        replaced
    }
}

fn covers(config: &Config, new: &Grant, old: &Grant) -> bool {
    let everywhere = |r: &[ResourceId]| ask::is_everywhere(config, r);
    let resources =
        everywhere(&new.resources) || (!everywhere(&old.resources) && old.resources.iter().all(|r| new.resources.contains(r)));
    resources && old.scopes.is_subset(&new.scopes)
}
