//! `/orgs/{org}/applications`: the applications that members authorized, and those that wait for an administrator.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::place::Place;
use super::{Here, asked};
use crate::account::client::Owners;
use crate::account::log::Names;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::pages::texts::{Text, labels, org as texts};
use crate::pages::views::{
    ClientKey, ClientStanding, ListChoice, ListSearch, NewClientsChoice, OrgClientRow, OrgClientsPage, OrgTab, UsedHere,
    WaitingClient,
};
use crate::pages::{DisplayName, When};
use crate::store::{
    ApiKey, ClientState, ClientUse, ClientUseSearch, Listed, NewClients, Stance, StoreError, UseStanding, Verdict,
};
use crate::types::{ClientId, OwnScope, Timestamp};
use crate::web::{Trouble, page, see_other};

/// Clients on one page.
const PAGE: u32 = 25;
/// Clients that wait and are shown; the others follow when these were decided.
const WAITING: u32 = 50;

/// `GET /orgs/{org}/applications`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(list(&app, &visitor, &slug, query.as_deref(), None).await)
}

async fn list(
    app: &App,
    visitor: &Visitor,
    slug: &str,
    query: Option<&str>,
    question: Option<Text>,
) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsRead)?;
    let config = &visitor.config;
    let (store, now) = (&app.node.store, app.node.now());
    let place = place(&here, query);
    let ((clients, more), new_clients, waiting) =
        tokio::try_join!(known(app, &here, &place, now), store.new_clients(&here.org.id), waiting(app, &here, now))?;
    let search = search(&place, (clients.len(), more));
    let view = OrgClientsPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Applications),
        organization: DisplayName::new(&here.org.name),
        csrf: visitor.csrf(),
        may_change: here.may(config, OwnScope::GrantsWrite),
        new_clients: match new_clients {
            NewClients::Open => NewClientsChoice::Open,
            NewClients::Approval => NewClientsChoice::Approval,
        },
        asked: question,
        saved: asked::<String>(query, "done").is_some_and(|done| done == "saved"),
        waiting,
        nothing_yet: clients.is_empty() && place.here() == place.path(),
        here: place.here(),
        search,
        clients,
        newer: place.before(),
        older: place.after(more),
        path: place.path().to_owned(),
    };
    Ok(page(StatusCode::OK, &view))
}

/// Where an address leads in the list.
fn place(here: &Here, query: Option<&str>) -> Place {
    Place::read(here.path("applications"), query, &["text", "state"], PAGE)
}

/// How applications stand, as an address names it.
const STANDINGS: [(&str, UseStanding); 4] = [
    ("allowed", UseStanding::Allowed),
    ("restricted", UseStanding::Restricted),
    ("blocked", UseStanding::Blocked),
    ("off", UseStanding::Off),
];

fn search(place: &Place, (found, more): (usize, bool)) -> ListSearch {
    let standings = STANDINGS.map(|(name, standing)| {
        let word = match standing {
            UseStanding::Allowed => texts::allowed(),
            UseStanding::Restricted => texts::restricted(),
            UseStanding::Blocked => texts::blocked(),
            UseStanding::Off => texts::switched_off(),
        };
        (name.to_owned(), word)
    });
    let options = std::iter::once((String::new(), labels::any_state())).chain(standings).collect();
    let chosen = place.value("state").to_owned();
    ListSearch {
        path: place.path().to_owned(),
        label: labels::find_access(),
        text: place.value("text").to_owned(),
        beside: None,
        choice: Some(ListChoice { name: "state".to_owned(), label: labels::state(), options, chosen }),
        found,
        more,
    }
}

/// The clients of one page, and whether there are more.
async fn known(app: &App, here: &Here, place: &Place, now: Timestamp) -> Result<(Vec<OrgClientRow>, bool), StoreError> {
    let standing = STANDINGS.iter().find(|(name, _)| *name == place.value("state")).map(|(_, standing)| *standing);
    let search = ClientUseSearch { text: place.value("text").to_owned(), standing, stance: None };
    let listed = if search.text.is_empty() && standing.is_none() { Listed::Known } else { Listed::Matching(&search) };
    let mut known = app.node.store.clients_of_org(&here.org.id, listed, now, place.range()).await?;
    let more = place.cut(&mut known);
    let owners = Owners::of(app, known.iter().map(|one| &one.client)).await?;
    let mut names = Names::default();
    names.learn(&app.node, known.iter().flat_map(|one| &one.keys).map(|key| &key.user)).await?;
    Ok((known.iter().map(|one| row(one, (&owners, &names), now)).collect(), more))
}

async fn waiting(app: &App, here: &Here, now: Timestamp) -> Result<Vec<WaitingClient>, StoreError> {
    let waiting = app.node.store.clients_of_org(&here.org.id, Listed::Waiting, now, (0, WAITING)).await?;
    let mut names = Names::default();
    let asking = waiting.iter().filter_map(|w| w.asked.as_ref().and_then(|(user, _)| user.as_ref()));
    names.learn(&app.node, asking).await?;
    let owners = Owners::of(app, waiting.iter().map(|one| &one.client)).await?;
    let view = |one: &ClientUse| {
        let (user, at) = one.asked.clone().unwrap_or((None, now));
        WaitingClient {
            id: one.client.id.to_string(),
            client: owners.shown(&one.client, UsedHere::Nobody, now),
            asked_by: user.map(|user| names.of(&user).to_owned()),
            asked: When::new(at, now),
        }
    };
    Ok(waiting.iter().map(view).collect())
}

fn row(one: &ClientUse, (owners, names): (&Owners, &Names), now: Timestamp) -> OrgClientRow {
    let key = |key: &ApiKey| ClientKey {
        user: names.of(&key.user).to_owned(),
        made: When::new(key.created_at, now),
        last_used: key.last_used_at.map(|at| When::new(at, now)),
    };
    OrgClientRow {
        id: one.client.id.to_string(),
        client: owners.shown(&one.client, UsedHere::Somebody, now),
        standing: standing(one),
        users: one.users,
        keys: one.keys.iter().map(key).collect(),
        installed: one.installed_at.map(|at| When::new(at, now)),
        scopes: one.scopes.iter().map(ToString::to_string).collect(),
        first_granted: one.first_granted_at.map(|at| When::new(at, now)),
        last_used: one.last_used_at.map(|at| When::new(at, now)),
    }
}

/// Whether it may be used, and if so within which bounds.
pub(super) fn standing(one: &ClientUse) -> ClientStanding {
    match (one.policy.stance, one.client.state, &one.policy.scopes) {
        (Stance::Blocked, _, _) => ClientStanding::Blocked,
        (Stance::Pending, _, _) => ClientStanding::Waiting,
        (Stance::Allowed, ClientState::Disabled, _) => ClientStanding::Disabled,
        (Stance::Allowed, ClientState::Frozen, _) => ClientStanding::Frozen,
        (Stance::Allowed, ClientState::Active, Some(_)) => ClientStanding::Restricted,
        (Stance::Allowed, ClientState::Active, None) => ClientStanding::Allowed,
    }
}

/// `POST /orgs/{org}/applications`: what happens with new applications, and the queue.
pub async fn act(
    State(app): State<App>,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    body: Body,
) -> Response {
    visitor.answer(decide(&app, &visitor, (&slug, query.as_deref()), body).await)
}

async fn decide(app: &App, visitor: &Visitor, (slug, query): (&str, Option<&str>), body: Body) -> Result<Response, Trouble> {
    let form = visitor.form(body).await?;
    let here = Here::find(visitor, slug, OwnScope::GrantsWrite)?;
    let (store, path) = (&app.node.store, here.path("applications"));
    let cause = visitor.cause(app);
    if form.has("save-new-clients") || form.has("save-surely") {
        let to = match form.one("new-clients") {
            Some("open") => NewClients::Open,
            Some("approval") => NewClients::Approval,
            _ => return Err(not_found()),
        };
        let begins = to == NewClients::Approval && store.new_clients(&here.org.id).await? == NewClients::Open;
        if begins && !form.has("save-surely") {
            let once = store.would_wait(&here.org.id, app.node.now()).await?;
            return list(app, visitor, slug, query, Some(texts::let_new_wait(once))).await;
        }
        store.set_new_clients(&here.org.id, to, &cause).await?;
        app.node.settle().await?;
        return Ok(see_other(&place(&here, query).with(&[("done", "saved")])));
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
