//! Searches that a person saves for themselves.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;

use super::{org, path, unreadable};
use crate::account::form::Form;
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::texts::audit as texts;
use crate::record::Actor;
use crate::store::{MAX_SEARCHES, SavedSearch, Unsaveable};
use crate::web::{Peer, SignedIn, Trouble, see_other};

/// `POST /orgs/{org}/audit/searches`.
pub async fn act(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    headers: HeaderMap,
    who: SignedIn,
    body: Body,
) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let form = Form::read(&config, &headers, body, &who).await?;
        change(&app, &config, &peer, (&slug, &form), &who).await
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}

async fn change(
    app: &App,
    config: &Config,
    peer: &Peer,
    (slug, form): (&str, &Form),
    who: &SignedIn,
) -> Result<Response, Trouble> {
    let (org, _) = org(config, who, slug)?;
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    if let Some(name) = form.one("forget-search") {
        app.node.store.forget_search(&who.user.id, &org.id, name, &cause).await?;
        return Ok(see_other(&path(org)));
    }
    let name = form.one("name").filter(|_| form.has("save-search")).ok_or_else(not_found)?;
    let search = SavedSearch::new(who.user.id.clone(), org.id.clone(), name, form.one("query").unwrap_or_default());
    let search = search.map_err(|why| match why {
        Unsaveable::Name => not_found(),
        Unsaveable::Query => unreadable(),
    })?;
    if !app.node.store.save_search(&search, &cause).await? {
        return Err(Trouble::refused(texts::too_many_searches(MAX_SEARCHES)));
    }
    Ok(see_other(&format!("{}?{}", path(org), search.query)))
}
