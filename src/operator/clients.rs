//! `/operator/clients`.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, FIRST, Operating, at_stake, named_org, nothing, org_field, search, told};
use crate::admin::{Administration as _, ClientSwitch};
use crate::pages::texts::{Text, labels, operator as texts, org};
use crate::pages::views::{
    Client as ClientView, ClientHolder, ClientOwner, ClientSwitched, ListChoice, ListSearch, OperatorClientPage,
    OperatorClientRow, OperatorClientsPage, Trust, UsedHere,
};
use crate::pages::{DisplayName, When};
use crate::store::{Client, ClientOrigin, ClientSearch, ClientState, Counted, Holding, Stage, StoreError};
use crate::types::{ClientId, OrgId, Timestamp};
use crate::web::{Form, Trouble, page, registration, see_other};

const PATH: &str = "/operator/clients";
/// Organizations that are listed with a client.
const HOLDERS: u32 = 50;

/// How clients stand: as an address names it, as the store does, as people do.
const STATES: [(&str, ClientState, Text); 3] = [
    ("active", ClientState::Active, texts::active()),
    ("disabled", ClientState::Disabled, org::switched_off()),
    ("frozen", ClientState::Frozen, texts::frozen()),
];

/// `GET /operator/clients`.
pub async fn list(State(app): State<App>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = listed(&app, &who, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn listed(app: &App, who: &Operating, asked: &Asked) -> Result<Response, Trouble> {
    let (text, slug, now) = (asked.text("text"), asked.text("org"), app.node.now());
    let owner = named_org(app, &slug).await?;
    let no_such_org = !slug.is_empty() && owner.is_none();
    let state = STATES.into_iter().find(|(word, ..)| asked.is("state", word));
    let word = state.as_ref().map_or("", |(word, ..)| word);
    let wanted = ClientSearch { text: text.clone(), org: owner.map(|o| o.id), state: state.as_ref().map(|(_, state, _)| *state) };
    let mut found = if no_such_org { Vec::new() } else { app.node.store.find_clients(&wanted, asked.lines()).await? };
    let steps = asked.steps(&mut found, PATH, &[("text", &text), ("org", &slug), ("state", word)]);
    let owners = owners(app, &found).await?;
    let rows = found.iter().map(|client| row(client, owner_of(&owners, client), now)).collect();
    let search = ListSearch {
        beside: Some(org_field(labels::of_organization(), &slug)),
        choice: Some(states(word)),
        ..search(PATH, labels::find_a_client(), &text, found.len(), &steps)
    };
    Ok(page(StatusCode::OK, &OperatorClientsPage { frame: who.frame(), search, no_such_org, rows, steps }))
}

fn states(chosen: &str) -> ListChoice {
    let any = (String::new(), labels::any_state());
    let options = std::iter::once(any).chain(STATES.map(|(word, _, name)| (word.to_owned(), name))).collect();
    ListChoice { name: "state".to_owned(), label: labels::state(), options, chosen: chosen.to_owned() }
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
    let holders = app.node.store.holders(&id, now, HOLDERS).await?;
    let view = OperatorClientPage {
        frame: who.frame(),
        csrf: who.csrf(),
        path: format!("{PATH}/{id}"),
        client: view_of(&client, owner.as_ref(), now),
        owner,
        switched: switched(client.state),
        registration: registration(&client, now),
        holders: holders.iter().map(holder).collect(),
        scopes: client.scopes.as_ref().map(|s| s.iter().map(ToString::to_string).collect()),
        stake: at_stake(app, Counted::Client(&id)).await?,
        asked: !frozen && asked.is("confirm", "freeze"),
        notice: asked.switched(frozen),
        id: id.to_string(),
    };
    Ok(page(StatusCode::OK, &view))
}

fn holder(one: &Holding) -> ClientHolder {
    let Holding { org, grants, users, keys } = one;
    ClientHolder {
        href: format!("{FIRST}/{}", org.slug),
        name: DisplayName::new(&org.name),
        grants: *grants,
        users: *users,
        keys: *keys,
    }
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
