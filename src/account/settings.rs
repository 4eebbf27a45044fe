//! `/settings/applications`: what works for the person who is signed in, and the button that ends it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::activity::activity;
use super::applications::{Application, ScopeWords, applications, keys_of};
use super::client::Owners;
use super::form::Form;
use super::{App, not_found, standing};
use crate::config::Config;
use crate::pages::texts::{Text, account as texts};
use crate::pages::views::{ApplicationsNotice, ApplicationsPage, GrantRow, GrantedScope, LastUse, Section, UsedHere};
use crate::pages::{DisplayName, Sparkline, When};
use crate::record::Actor;
use crate::store::{AuditFilter, DecisionFilter, GrantFacts, GrantState, RevokeReason, StoreError};
use crate::types::{Chain, GrantId, Timestamp};
use crate::web::{Params, Peer, SignedIn, Trouble, page, see_other};

pub(super) const PATH: &str = "/settings/applications";
/// What the name of a revoke button starts with; the grant's id follows.
pub(super) const BUTTON: &str = "revoke-";
/// What the address says after a revocation: which grant was ended, or had ended before.
const REVOKED: &str = "revoked";
const ENDED: &str = "ended";

/// `GET /settings/applications`.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let shown = list(&app, &config, query.as_deref().unwrap_or_default(), &who).await;
    shown.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn list(app: &App, config: &Config, query: &str, who: &SignedIn) -> Result<Response, Trouble> {
    app.flush.flush().await;
    let notice = notice(app, query, who).await?;
    let own = applications(&app.node, config, &who.user.id).await?;
    let owners = Owners::of(app, own.iter().map(|one| &one.facts.client)).await?;
    let grants = own.iter().map(|one| row(config, one, &owners, app.node.now())).collect();
    let view = ApplicationsPage {
        frame: who.frame(config, Section::Applications),
        action: PATH.to_owned(),
        csrf: who.csrf.as_str().to_owned(),
        notice,
        grants,
    };
    Ok(page(StatusCode::OK, &view))
}

/// What the last act did, as far as it is true: a made-up address tells nothing that did not happen.
async fn notice(app: &App, query: &str, who: &SignedIn) -> Result<Option<ApplicationsNotice>, Trouble> {
    let params = Params::parse(query.as_bytes())?;
    let (now, before) = (params.one(REVOKED)?, params.one(ENDED)?);
    let Some(id) = now.or(before).and_then(|id| GrantId::parse(id).ok()) else { return Ok(None) };
    let facts = app.node.store.grant_facts(&id).await?.filter(|f| f.grant.user == who.user.id);
    let Some(ended) = facts.filter(|f| f.grant.state != GrantState::Live) else { return Ok(None) };
    if now.is_none() {
        return Ok(Some(ApplicationsNotice::AlreadyGone));
    }
    let (application, organization) = (DisplayName::new(&ended.client.name), DisplayName::new(&ended.org.name));
    let refused = last_refusal(app, &ended).await?.map_or(Text::NONE, texts::refused_later);
    let keys = keys_of(&app.node, &ended).await?.first().map_or(Text::NONE, |key| texts::key_goes_on(&key.last4));
    Ok(Some(ApplicationsNotice::Revoked { application, organization, refused, keys }))
}

/// How long after its end a grant was last tried, when that is on record.
async fn last_refusal(app: &App, ended: &GrantFacts) -> Result<Option<Duration>, StoreError> {
    let GrantState::Revoked { at, .. } = ended.grant.state else { return Ok(None) };
    let since = AuditFilter { from: Some(at), decision: Some(DecisionFilter::Denied), ..AuditFilter::default() };
    let found = activity(&app.node, ended, since, (None, 1)).await?;
    Ok(found.rows.first().map(|row| row.record.time.since(at)))
}

fn row(config: &Config, application: &Application, owners: &Owners, now: Timestamp) -> GrantRow {
    let facts = &application.facts;
    let shown = |at: Timestamp| When::new(at, now);
    GrantRow {
        grant_id: facts.grant.id.to_string(),
        // The person who looks is one who uses it.
        client: owners.shown(&facts.client, UsedHere::Somebody, now),
        organization: DisplayName::new(&facts.org.name),
        scopes: scopes(config, application, now),
        granted: shown(facts.grant.created_at),
        last_used: application.usage.last_used_at.map(shown),
        ends: facts.grant.expires_at.map(shown),
        calls: calls(application),
        details: format!("{PATH}/{}", facts.grant.id),
    }
}

/// What an application may do, with the last use of each scope.
pub(super) fn scopes(config: &Config, application: &Application, now: Timestamp) -> Vec<GrantedScope> {
    let last = &application.usage.scopes_last_used;
    let granted = |words: ScopeWords| GrantedScope {
        last_use: last.get(&words.scope).map_or(LastUse::Never, |day| LastUse::At(When::of_day(*day, now))),
        scope: words.scope.to_string(),
        label: words.label,
        text: words.text,
        not_now: words.not_now.map(standing::not_now),
        risk: words.risk,
    };
    application.scopes(config).into_iter().map(granted).collect()
}

/// Its calls per day.
pub(super) fn calls(application: &Application) -> Sparkline {
    Sparkline { days: application.usage.calls_per_day.iter().map(|n| u32::try_from(*n).unwrap_or(u32::MAX)).collect() }
}

/// `POST /settings/applications`: ends the grant whose button was pressed.
pub async fn revoke(State(app): State<App>, peer: Peer, headers: HeaderMap, who: SignedIn, body: Body) -> Response {
    let config = app.node.config.load_full();
    let done = end(&app, &config, &peer, (&headers, body), &who).await;
    done.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn end(
    app: &App,
    config: &Config,
    peer: &Peer,
    (headers, body): (&HeaderMap, Body),
    who: &SignedIn,
) -> Result<Response, Trouble> {
    let form = Form::read(config, headers, body, who).await?;
    let id = form.one("grant_id").or(form.pressed(BUTTON)).and_then(|id| GrantId::parse(id).ok()).ok_or_else(not_found)?;
    let facts = app.node.store.grant_facts(&id).await?;
    if facts.is_none_or(|f| f.grant.user != who.user.id) {
        return Err(not_found());
    }
    revoke_own(app, peer, &id, who).await
}

/// Ends a grant of the person who asks, and sends them to the list that says so.
pub(super) async fn revoke_own(app: &App, peer: &Peer, id: &GrantId, who: &SignedIn) -> Result<Response, Trouble> {
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    let ended = app.node.store.revoke_grant(id, Some(&who.user.id), RevokeReason::User, &cause).await?;
    if ended {
        app.node.metrics.grants_revoked.inc();
    }
    // Also when it had ended before: another request may just be revoking it.
    app.node.settle().await.map_err(|error| unsettled(&error))?;
    Ok(see_other(&format!("{PATH}?{}={id}", if ended { REVOKED } else { ENDED })))
}

/// The grant has ended in the store, but this node could not see that it has learned of it.
fn unsettled(error: &StoreError) -> Trouble {
    tracing::error!(error = %Chain(error), "a revocation is stored but was not confirmed");
    Trouble::at(StatusCode::SERVICE_UNAVAILABLE, texts::unsettled())
}
