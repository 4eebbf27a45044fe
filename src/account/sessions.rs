//! `/settings/sessions`: the browsers in which the person who looks is signed in.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::form::Form;
use super::{App, not_found};
use crate::config::Config;
use crate::pages::views::{Section, SessionRow, SessionsPage};
use crate::pages::{When, program};
use crate::record::Actor;
use crate::web::{Peer, SignedIn, Trouble, page, see_other};

const PATH: &str = "/settings/sessions";

/// `GET /settings/sessions`.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let saved = query.as_deref() == Some("done");
    list(&app, &config, saved, &who).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn list(app: &App, config: &Config, saved: bool, who: &SignedIn) -> Result<Response, Trouble> {
    let now = app.node.now();
    let live = app.node.store.sessions_of(&who.user.id, now, config.oauth.session_idle).await?;
    let row = |one: &crate::store::SessionDetails| SessionRow {
        handle: one.handle(),
        current: one.session.hash == who.session.hash,
        address: one.address.clone(),
        browser: one.user_agent.as_deref().map(program),
        started: When::new(one.session.authenticated_at, now),
        seen: When::new(one.session.seen_at, now),
        ends: When::new(one.session.expires_at, now),
    };
    let view = SessionsPage {
        frame: who.frame(config, Section::Elsewhere),
        csrf: who.csrf.as_str().to_owned(),
        saved,
        sessions: live.iter().map(row).collect(),
    };
    Ok(page(StatusCode::OK, &view))
}

/// `POST /settings/sessions`: ends one, or all but this one.
pub async fn act(State(app): State<App>, peer: Peer, headers: HeaderMap, who: SignedIn, body: Body) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let form = Form::read(&config, &headers, body, &who).await?;
        let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
        if form.has("end-others") {
            app.node.store.end_other_sessions(&who.user.id, Some(&who.session.hash), &cause).await?;
            return Ok(see_other(&format!("{PATH}?done")));
        }
        let named = form.pressed("end-").ok_or_else(not_found)?;
        let live = app.node.store.sessions_of(&who.user.id, app.node.now(), config.oauth.session_idle).await?;
        let one = live.iter().find(|one| one.handle() == named).ok_or_else(not_found)?;
        app.node.store.end_session(&one.session.hash, &cause).await?;
        Ok(see_other(&format!("{PATH}?done")))
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}
