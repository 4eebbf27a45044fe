//! `/operator/clients`.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, FIRST, Operating, at_stake, named_org, nothing, told};
use crate::admin::{Administration as _, ClientSwitch};
use crate::pages::views::{
    Client as ClientView, ClientOwner, ClientSwitched, OperatorClientPage, OperatorClientRow, OperatorClientsPage, Trust,
    UsedHere,
};
use crate::pages::{DisplayName, When};
use crate::store::{Client, ClientOrigin, ClientSearch, ClientState, Counted, Stage, StoreError};
use crate::types::{ClientId, OrgId, RedirectUri, Timestamp};
use crate::web::{Form, Trouble, page, see_other};

const PATH: &str = "/operator/clients";

/// `GET /operator/clients`.
pub async fn list(State(app): State<App>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = listed(&app, &who, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn listed(app: &App, who: &Operating, asked: &Asked) -> Result<Response, Trouble> {
    let (text, slug, now) = (asked.text("text"), asked.text("org"), app.node.now());
    let org = named_org(app, &slug).await?;
    let no_such_org = !slug.is_empty() && org.is_none();
    let (state, word) = match asked.text("state").as_str() {
        "active" => (Some(ClientState::Active), "active"),
        "disabled" => (Some(ClientState::Disabled), "disabled"),
        "frozen" => (Some(ClientState::Frozen), "frozen"),
        _ => (None, ""),
    };
    let search = ClientSearch { text: text.clone(), org: org.map(|o| o.id), state };
    let mut found = if no_such_org { Vec::new() } else { app.node.store.find_clients(&search, asked.lines()).await? };
    let steps = asked.steps(&mut found, PATH, &[("text", &text), ("org", &slug), ("state", word)]);
    let owners = owners(app, &found).await?;
    let rows = found.iter().map(|client| row(client, owner_of(&owners, client), now)).collect();
    let frame = who.frame();
    let view = OperatorClientsPage { frame, text, org: slug, state: word.to_owned(), no_such_org, rows, steps };
    Ok(page(StatusCode::OK, &view))
}

fn row(client: &Client, owner: Option<ClientOwner>, now: Timestamp) -> OperatorClientRow {
    OperatorClientRow {
        href: format!("{PATH}/{}", client.id),
        client: view_of(client, owner.as_ref(), now),
        owner,
        switched: switched(client.state),
        created: When::new(client.created_at, now),
    }
}

/// The organizations that own these clients, all of them in one question.
async fn owners(app: &App, clients: &[Client]) -> Result<HashMap<OrgId, DisplayName>, StoreError> {
    let ids: BTreeSet<_> = clients.iter().filter_map(|client| client.org.clone()).collect();
    let names = app.node.store.org_names(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(names.into_iter().map(|(id, name)| (id, DisplayName::new(&name))).collect())
}

fn owner_of(owners: &HashMap<OrgId, DisplayName>, client: &Client) -> Option<ClientOwner> {
    let (org, name) = owners.get_key_value(client.org.as_ref()?)?;
    Some(ClientOwner { href: format!("{FIRST}/{org}"), name: name.clone() })
}

/// Its name, and where that comes from.
fn view_of(client: &Client, owner: Option<&ClientOwner>, now: Timestamp) -> ClientView {
    let draft = client.app.as_ref().is_some_and(|a| a.stage == Stage::Draft);
    let trust = match (client.origin, owner) {
        (ClientOrigin::Dynamic, _) => {
            Trust::Registered { ago: When::new(client.created_at, now).relative, used: UsedHere::Unasked }
        }
        (ClientOrigin::Administrator, None) => Trust::Preregistered,
        (ClientOrigin::Administrator, Some(owner)) if draft => Trust::Draft { by: owner.name.clone() },
        (ClientOrigin::Administrator, Some(owner)) => Trust::Published { by: owner.name.clone() },
    };
    ClientView { name: DisplayName::new(&client.name), trust }
}

/// `GET /operator/clients/{client}`.
pub async fn show(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = shown(&app, &who, &id, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn shown(app: &App, who: &Operating, id: &str, asked: &Asked) -> Result<Response, Trouble> {
    let id = ClientId::parse(id).map_err(|_| nothing())?;
    let client = app.node.store.client(&id).await?.ok_or_else(nothing)?;
    let now = app.node.now();
    let owner = owner_of(&owners(app, std::slice::from_ref(&client)).await?, &client);
    let frozen = client.state == ClientState::Frozen;
    let mut redirects: Vec<_> = client.redirect_uris.iter().map(RedirectUri::display_host).collect();
    redirects.sort();
    redirects.dedup();
    let view = OperatorClientPage {
        frame: who.frame(),
        csrf: who.csrf(),
        path: format!("{PATH}/{id}"),
        client: view_of(&client, owner.as_ref(), now),
        owner,
        switched: switched(client.state),
        created: When::new(client.created_at, now),
        redirects,
        scopes: client.scopes.as_ref().map(|s| s.iter().map(ToString::to_string).collect()),
        stake: at_stake(app, Counted::Client(&id)).await?,
        asked: !frozen && asked.is("confirm", "freeze"),
        notice: asked.switched(frozen),
        id: id.to_string(),
    };
    Ok(page(StatusCode::OK, &view))
}

const fn switched(state: ClientState) -> ClientSwitched {
    match state {
        ClientState::Active => ClientSwitched::On,
        ClientState::Disabled => ClientSwitched::Off,
        ClientState::Frozen => ClientSwitched::Frozen,
    }
}

/// `POST /operator/clients/{client}`: freezes or thaws it.
pub async fn act(State(app): State<App>, Path(id): Path<String>, who: Operating, body: Body) -> Response {
    let outcome = switch(&app, &who, &id, body).await;
    who.answer(&app, outcome).await
}

async fn switch(app: &App, who: &Operating, id: &str, body: Body) -> Result<Response, Trouble> {
    let form = Form::read(&who.config, &who.headers, body, &who.session).await?;
    let (to, done) = match (form.has("freeze"), form.has("thaw")) {
        (true, false) => (ClientSwitch::Frozen, "frozen"),
        (false, true) => (ClientSwitch::Active, "thawed"),
        _ => return Err(nothing()),
    };
    let client = told(who.administration(app).switch_client(id, to).await)?.map_err(|_| nothing())?;
    Ok(see_other(&format!("{PATH}/{}?done={done}", client.id)))
}
