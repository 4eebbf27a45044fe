//! `/orgs/{org}/applications`: the applications that members authorized, and those that wait for an administrator.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{GRANTS_READ, GRANTS_WRITE, Here, asked};
use crate::account::client::{InUse, shown};
use crate::account::form::Form;
use crate::account::log::Names;
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::views::{ClientStanding, NewClientsChoice, OrgClientRow, OrgClientsPage, OrgTab, Section, WaitingClient};
use crate::pages::{DisplayName, When};
use crate::record::Actor;
use crate::store::{ClientState, ClientUse, Listed, NewClients, Stance, StoreError, Verdict};
use crate::types::{ClientId, Timestamp};
use crate::web::{Peer, SignedIn, Trouble, page, see_other};

/// Clients on one page.
const PAGE: u32 = 50;
/// Clients that wait and are shown; the others follow when these were decided.
const WAITING: u32 = 50;

/// `GET /orgs/{org}/applications`.
pub async fn show(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    who: SignedIn,
) -> Response {
    let config = app.node.config.load_full();
    list(&app, &config, &slug, query.as_deref(), &who).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn list(app: &App, config: &Config, slug: &str, query: Option<&str>, who: &SignedIn) -> Result<Response, Trouble> {
    let here = Here::find(app, config, &who.user.id, slug, GRANTS_READ).await?;
    let (store, now) = (&app.node.store, app.node.now());
    let start: u32 = asked(query, "from").unwrap_or(0);
    let mut known = store.clients_of_org(&here.org.id, Listed::Known, now, (start, PAGE + 1)).await?;
    let more = known.len() > PAGE as usize;
    known.truncate(PAGE as usize);
    let path = here.path("applications");
    let older = more.then(|| format!("{path}?from={}", start.saturating_add(PAGE)));
    let newer = (start > 0).then(|| format!("{path}?from={}", start.saturating_sub(PAGE)));
    let mut clients = Vec::with_capacity(known.len());
    for one in &known {
        clients.push(row(app, one, &here).await?);
    }
    let view = OrgClientsPage {
        frame: who.frame(&app.node, config, Section::Audit { slug: here.org.slug.to_string() }).await?,
        tabs: here.tabs(config, OrgTab::Applications),
        organization: DisplayName::new(&here.org.name),
        csrf: who.csrf.as_str().to_owned(),
        may_change: here.may(config, GRANTS_WRITE),
        new_clients: match store.new_clients(&here.org.id).await? {
            NewClients::Open => NewClientsChoice::Open,
            NewClients::Approval => NewClientsChoice::Approval,
        },
        saved: asked::<String>(query, "done").is_some_and(|done| done == "saved"),
        waiting: waiting(app, &here, now).await?,
        clients,
        path,
        newer,
        older,
    };
    Ok(page(StatusCode::OK, &view))
}

async fn waiting(app: &App, here: &Here, now: Timestamp) -> Result<Vec<WaitingClient>, Trouble> {
    let waiting = app.node.store.clients_of_org(&here.org.id, Listed::Waiting, now, (0, WAITING)).await?;
    let mut names = Names::default();
    let asking = waiting.iter().filter_map(|w| w.asked.as_ref().and_then(|(user, _)| user.as_ref()));
    names.learn(&app.node, asking).await?;
    let mut shown_here = Vec::with_capacity(waiting.len());
    for one in &waiting {
        let (user, at) = one.asked.clone().unwrap_or((None, now));
        shown_here.push(WaitingClient {
            id: one.client.id.to_string(),
            client: shown(app, &one.client, &here.org, InUse::No).await?,
            asked_by: user.map_or_else(|| "somebody who left".to_owned(), |user| names.of(&user).to_owned()),
            asked: When::new(at, now),
        });
    }
    Ok(shown_here)
}

async fn row(app: &App, one: &ClientUse, here: &Here) -> Result<OrgClientRow, StoreError> {
    let now = app.node.now();
    Ok(OrgClientRow {
        id: one.client.id.to_string(),
        client: shown(app, &one.client, &here.org, InUse::Yes).await?,
        standing: standing(one),
        users: one.users,
        scopes: one.scopes.iter().map(ToString::to_string).collect(),
        first_granted: one.first_granted_at.map(|at| When::new(at, now)),
        last_used: one.last_used_at.map(|at| When::new(at, now)),
    })
}

/// Whether it may be used, and if so within which bounds.
pub(super) fn standing(one: &ClientUse) -> ClientStanding {
    match (one.policy.stance, one.client.state, &one.policy.scopes) {
        (Stance::Blocked, _, _) => ClientStanding::Blocked,
        (Stance::Pending, _, _) => ClientStanding::Waiting,
        (Stance::Allowed, ClientState::Disabled, _) => ClientStanding::Disabled,
        (Stance::Allowed, ClientState::Active, Some(_)) => ClientStanding::Restricted,
        (Stance::Allowed, ClientState::Active, None) => ClientStanding::Allowed,
    }
}

/// `POST /orgs/{org}/applications`: what happens with new applications, and the queue.
pub async fn act(
    State(app): State<App>,
    peer: Peer,
    Path(slug): Path<String>,
    headers: HeaderMap,
    who: SignedIn,
    body: Body,
) -> Response {
    let config = app.node.config.load_full();
    let done = decide(&app, &config, &peer, &slug, (&headers, body), &who).await;
    done.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn decide(
    app: &App,
    config: &Config,
    peer: &Peer,
    slug: &str,
    (headers, body): (&HeaderMap, Body),
    who: &SignedIn,
) -> Result<Response, Trouble> {
    let form = Form::read(config, headers, body, who).await?;
    let here = Here::find(app, config, &who.user.id, slug, GRANTS_WRITE).await?;
    let (store, path) = (&app.node.store, here.path("applications"));
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    if form.has("save-new-clients") {
        let to = match form.one("new-clients") {
            Some("open") => NewClients::Open,
            Some("approval") => NewClients::Approval,
            _ => return Err(not_found()),
        };
        store.set_new_clients(&here.org.id, to, &cause).await?;
        app.node.settle().await?;
        return Ok(see_other(&format!("{path}?done=saved")));
    }
    let (id, verdict) = match (form.pressed("approve-"), form.pressed("block-")) {
        (Some(id), None) => (id, Verdict::Allow),
        (None, Some(id)) => (id, Verdict::Block),
        _ => return Err(not_found()),
    };
    let id = ClientId::parse(id).map_err(|_| not_found())?;
    let known = store.client_of_org(&here.org.id, &id, app.node.now()).await?.ok_or_else(not_found)?;
    store.decide_client(&here.org.id, &known.client.id, verdict, &cause).await?;
    app.node.settle().await?;
    Ok(see_other(&format!("{path}/{id}")))
}
