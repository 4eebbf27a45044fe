//! Signing out.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::super::App;
use super::after::After;
use super::home::SIGNED_OUT;
use super::{own_form, with_cookie};
use crate::config::Config;
use crate::record::Actor;
use crate::web::{Params, Peer, Trouble, ended_session_cookie, see_other, signed_in};

/// `POST /logout`. In the middle of a decision the person goes on to sign in as somebody else for it ("Not you?").
pub async fn submit(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Response {
    let config = app.node.config.load_full();
    let after = After::read(&Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default());
    let outcome = sign_out(&app, &config, &peer, &after, (&headers, body)).await;
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn sign_out(
    app: &App,
    config: &Config,
    peer: &Peer,
    after: &After,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, Trouble> {
    if let Some(session) = signed_in(&app.node, config, headers).await? {
        let (_, genuine) = own_form(config, headers, body, &session.csrf).await?;
        if !genuine {
            return Err(Trouble::forged());
        }
        let actor = Actor { user: Some(session.user.id.clone()), ..Actor::default() };
        app.node.store.end_session(&session.session.hash, &peer.cause(&app.node, actor)).await?;
    }
    let to = if after.decides() { after.through("/login") } else { format!("/?{SIGNED_OUT}") };
    Ok(with_cookie(see_other(&to), ended_session_cookie(config)))
}
