//! Making a machine client, and changing what one may do, with the catalogue of scopes beside it.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::show::{Said, one};
use super::told::{Wrong, refused};
use super::{Here, asked, clients, find, members};
use crate::account::App;
use crate::account::apps::choices;
use crate::account::form::Form;
use crate::account::visitor::Visitor;
use crate::clients::{Kind, MAX_TTL, New};
use crate::config::{Api, Config, GrantFlow};
use crate::pages::DisplayName;
use crate::pages::texts::{frame, machines as texts, name};
use crate::pages::views::{MachineApi, MachineDraft, MachineFormPage, SubjectChoice, Way};
use crate::store::{Machine, StoreError, User, UserKind};
use crate::types::{OwnScope, ScopeSet};
use crate::web::{Trouble, page, see_other};

/// What a form holds.
#[derive(Default)]
struct Entered {
    name: String,
    subject: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    lifetime: String,
    /// Seconds that its first secret lives.
    lives: String,
    find: String,
    /// Whether the catalogue is to be searched, and nothing to be saved.
    searching: bool,
}

fn entered(form: &Form) -> Entered {
    let text = |field| form.one(field).unwrap_or_default().trim().to_owned();
    let all = |field| form.all(field).map(ToOwned::to_owned).collect();
    Entered {
        name: text("name"),
        subject: text("subject"),
        scopes: all("scopes"),
        resources: all("resources"),
        lifetime: text("lifetime"),
        lives: text("lives"),
        find: text("find"),
        searching: form.has("search"),
    }
}

impl Entered {
    /// A search in the address works without a form.
    fn found_by(query: Option<&str>) -> Self {
        Self { find: asked(query, "find").unwrap_or_default(), ..Self::default() }
    }

    fn written(&self) -> New {
        New {
            kind: Kind::Machine,
            name: self.name.clone(),
            redirect_uris: Vec::new(),
            scopes: Some(self.scopes.join(" ")),
            subject: (!self.subject.is_empty()).then(|| self.subject.clone()),
            resources: self.resources.clone(),
            auth: None,
            require_state: false,
            // What is no number is out of bounds, and refused like one that is.
            access_token_ttl: (!self.lifetime.is_empty()).then(|| self.lifetime.parse().unwrap_or(u64::MAX)),
            device_grant: false,
            secret_lives: (!self.lives.is_empty()).then(|| self.lives.parse().unwrap_or(u64::MAX)),
        }
    }
}

/// The part of the form that a client is made with.
async fn draft(app: &App, visitor: &Visitor, here: &Here, entered: &Entered) -> Result<MachineDraft, StoreError> {
    let config = &visitor.config;
    let subject = |user: User| SubjectChoice {
        chosen: user.id.as_str() == entered.subject,
        id: user.id.to_string(),
        email: user.email,
        service: user.kind == UserKind::Service,
    };
    let mut subjects: Vec<_> = clients(app, visitor, here).subjects(&here.org).await?.into_iter().map(subject).collect();
    subjects.sort_by_key(|one| !one.service);
    Ok(MachineDraft {
        name: entered.name.clone(),
        subjects,
        members: members(here, config),
        apis: config.apis.iter().map(|api| choice(api, &entered.resources)).collect(),
        lifetime: entered.lifetime.clone(),
        lives: entered.lives.clone(),
        lifetime_hint: texts::lifetime_hint(config.oauth.machine_token_ttl.as_secs(), MAX_TTL),
    })
}

fn choice(api: &Api, chosen: &[String]) -> MachineApi {
    let resources: Vec<_> = std::iter::once(&api.resource).chain(&api.aliases).map(ToString::to_string).collect();
    MachineApi { name: api.name.to_string(), chosen: chosen.iter().any(|one| resources.contains(one)), resources }
}

/// The form as it stands: for a new client, or for the permissions of one that there is.
async fn answer(
    app: &App,
    visitor: &Visitor,
    (here, of): (&Here, Option<&Machine>),
    entered: Entered,
    wrong: Wrong,
) -> Result<Response, Trouble> {
    let config: &Config = &visitor.config;
    let held = match of {
        Some(machine) => clients(app, visitor, here).held(&machine.client).await?,
        None => ScopeSet::default(),
    };
    let (scopes, hidden) = choices((&config.catalogue, GrantFlow::ClientCredentials), &entered.scopes, &held, &entered.find);
    let list = here.path("machines");
    let (title, lead, back, action) = match of {
        Some(machine) => {
            let (client, path) = (DisplayName::new(&machine.client.name), format!("{list}/{}", machine.client.id));
            let action = format!("{path}/scopes");
            (texts::permissions_of(&client), texts::scopes_lead(), Way { href: path, text: name(&client) }, action)
        }
        None => {
            let action = format!("{list}/new");
            (texts::create(), texts::create_lead(), Way { href: list, text: frame::machine_clients() }, action)
        }
    };
    let view = MachineFormPage {
        frame: visitor.frame(here.section()),
        title,
        lead,
        back,
        action,
        csrf: visitor.csrf(),
        make: if of.is_none() { Some(draft(app, visitor, here, &entered).await?) } else { None },
        find: entered.find,
        scopes,
        hidden,
        flaws: wrong.flaws,
        problem: wrong.problem,
    };
    Ok(page(wrong.status, &view))
}

/// `GET /orgs/{org}/machines/new`.
pub async fn new_page(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    let shown = async {
        let here = Here::find(&visitor, &slug, OwnScope::ClientsWrite)?;
        answer(&app, &visitor, (&here, None), Entered::found_by(query.as_deref()), Wrong::default()).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/machines/new`. The answer is the client's page with its secret, this once.
pub async fn create(State(app): State<App>, Path(slug): Path<String>, visitor: Visitor, body: Body) -> Response {
    let done = async {
        let entered = entered(&visitor.form(body).await?);
        let here = Here::find(&visitor, &slug, OwnScope::ClientsWrite)?;
        if entered.searching {
            return answer(&app, &visitor, (&here, None), entered, Wrong::default()).await;
        }
        match clients(&app, &visitor, &here).create(Some(&here.org), &entered.written()).await {
            Ok(made) => {
                let machine = find(&app, &here, made.client.id.as_str()).await?;
                let said = Said::made(texts::made(), &machine, made.secret.map(|(plain, _)| plain));
                one(&app, &visitor, &here, &machine, said).await
            }
            Err(error) => answer(&app, &visitor, (&here, None), entered, refused(error)?).await,
        }
    };
    visitor.answer(done.await)
}

/// `GET /orgs/{org}/machines/{client}/scopes`.
pub async fn scopes_page(
    State(app): State<App>,
    Path((slug, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let here = Here::find(&visitor, &slug, OwnScope::ClientsWrite)?;
        let machine = find(&app, &here, &id).await?;
        let scopes = machine.client.scopes.iter().flat_map(ScopeSet::iter).map(ToString::to_string).collect();
        let entered = Entered { scopes, ..Entered::found_by(query.as_deref()) };
        answer(&app, &visitor, (&here, Some(&machine)), entered, Wrong::default()).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/machines/{client}/scopes`.
pub async fn set_scopes(
    State(app): State<App>,
    Path((slug, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let entered = entered(&visitor.form(body).await?);
        let here = Here::find(&visitor, &slug, OwnScope::ClientsWrite)?;
        let machine = find(&app, &here, &id).await?;
        if entered.searching {
            return answer(&app, &visitor, (&here, Some(&machine)), entered, Wrong::default()).await;
        }
        let clients = clients(&app, &visitor, &here);
        let set = async {
            let client = clients.find_to_change(machine.client.id.as_str()).await?;
            clients.set_scopes(&client, Some(&entered.scopes.join(" "))).await
        };
        match set.await {
            Ok(()) => Ok(see_other(&format!("{}/{}?done=changed", here.path("machines"), machine.client.id))),
            Err(error) => answer(&app, &visitor, (&here, Some(&machine)), entered, refused(error)?).await,
        }
    };
    visitor.answer(done.await)
}
