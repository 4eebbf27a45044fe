//! Installing apps ahead of the first consent, and uninstalling them.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{Here, api_keys, application, asked};
use crate::account::client::shown;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::apps::{on_offer, seen_from};
use crate::config::{Config, Risk};
use crate::pages::texts::{name, org as texts};
use crate::pages::views::ScopeLabel;
use crate::pages::views::{
    AppHere, Found, Installed, OfferedApp, OfferedScope, OrgInstallPage, OrgTab, OrgUninstallPage, UninstallStep, UsedHere, Way,
};
use crate::pages::{DisplayName, When};
use crate::record::Cause;
use crate::store::{self, AppState, Client, ClientUse, Footing, Stance, StoreError};
use crate::types::{AppId, ClientId, OwnScope, ScopeSet, Timestamp};
use crate::web::{Trouble, page, see_other};

/// What an app has in the organization, if the client is an app's.
pub(super) async fn app_here(app: &App, here: &Here, client: &Client, now: Timestamp) -> Result<Option<AppHere>, StoreError> {
    let Some(of) = &client.app else { return Ok(None) };
    let (store, org) = (&app.node.store, &here.org.id);
    let Some(known) = store.app(&of.app).await? else { return Ok(None) };
    let installed = match store.installs(org).await?.into_iter().find(|i| i.app == known.id) {
        Some(install) => {
            let by = match &install.by {
                Some(user) => store.user(user).await?.map(|u| u.email),
                None => None,
            };
            Some(Installed { since: When::new(install.at, now), by })
        }
        None => None,
    };
    let footing = store.footing(org, &known.id, now).await?;
    let keys = store.api_keys_of_app(org, &known.id).await?;
    Ok(Some(AppHere {
        installed,
        on_offer: on_offer(&known, org),
        grants: footing.grants,
        users: footing.users,
        live_keys: footing.keys,
        keys: api_keys::rows(app, here, &keys, now).await?,
    }))
}

/// An app that the organization may have, by its id or that of one of its clients.
async fn offered(app: &App, here: &Here, name: &str) -> Result<Option<store::App>, StoreError> {
    let store = &app.node.store;
    let of_client = match ClientId::parse(name) {
        Ok(client) => store.client(&client).await?.and_then(|c| c.app).map(|of| of.app),
        Err(_) => None,
    };
    let Some(id) = of_client.or_else(|| AppId::parse(name).ok()) else { return Ok(None) };
    Ok(store.app(&id).await?.filter(|found| on_offer(found, &here.org.id)))
}

/// The client of an app that stands for it in the organization: the published one, or the draft's at home.
fn face(found: &store::App) -> &ClientId {
    found.published_client.as_ref().unwrap_or(&found.draft_client)
}

/// Where the page of an app is: that of its client, once the organization has anything to do with it.
pub(super) async fn page_of(app: &App, here: &Here, id: &str) -> Result<Response, Trouble> {
    let id = AppId::parse(id).map_err(|_| not_found())?;
    let found = app.node.store.app(&id).await?.filter(|found| on_offer(found, &here.org.id)).ok_or_else(not_found)?;
    let face = face(&found);
    let known = app.node.store.client_of_org(&here.org.id, face, app.node.now()).await?.is_some();
    let to = if known { format!("applications/{face}") } else { format!("install?app={id}") };
    Ok(see_other(&here.path(&to)))
}

/// `GET /orgs/{org}/install`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(entrance(&app, &visitor, &slug, query.as_deref()).await)
}

async fn entrance(app: &App, visitor: &Visitor, slug: &str, query: Option<&str>) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsWrite)?;
    let wanted = asked::<String>(query, "app").unwrap_or_default();
    let found = match wanted.trim() {
        "" => Found::NotAsked,
        name => match offered(app, &here, name).await? {
            Some(found) => Found::App(Box::new(offer(app, &visitor.config, &here, &found).await?)),
            None => Found::Nothing,
        },
    };
    let view = OrgInstallPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(&visitor.config, OrgTab::Applications),
        organization: DisplayName::new(&here.org.name),
        path: here.path("install"),
        back: here.path("applications"),
        csrf: visitor.csrf(),
        asked: wanted,
        found,
    };
    Ok(page(StatusCode::OK, &view))
}

async fn offer(app: &App, config: &Config, here: &Here, found: &store::App) -> Result<OfferedApp, Trouble> {
    let (store, org) = (&app.node.store, &here.org.id);
    let client = store.client(face(found)).await?.ok_or_else(not_found)?;
    let seen = seen_from(store, org, found).await?;
    let installed = store.installs(org).await?.iter().any(|i| i.app == found.id);
    let stance = store.client_policy(org, &client.id).await?.stance;
    // Its button approves what was installed before and waits.
    let waits = installed && stance == Stance::Pending;
    Ok(OfferedApp {
        id: found.id.to_string(),
        client: shown(app, &client, UsedHere::Nobody).await?,
        description: seen.description,
        documentation: seen.documentation_url,
        scopes: offered_scopes(config, &seen.scopes),
        obstacle: match (installed, found.state) {
            (true, _) if waits => None,
            (true, _) => Some(texts::installed()),
            (false, AppState::Disabled) => Some(texts::app_switched_off()),
            (false, AppState::Active) => None,
        },
        blocked: stance == Stance::Blocked,
        waits,
    })
}

fn offered_scopes(config: &Config, scopes: &ScopeSet) -> Vec<OfferedScope> {
    let mut all: Vec<_> = scopes
        .iter()
        .map(|scope| {
            let entry = config.catalogue.entry(scope);
            OfferedScope {
                scope: scope.to_string(),
                label: ScopeLabel::of(entry),
                text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
                risk: entry.map_or(Risk::High, |e| e.risk),
            }
        })
        .collect();
    all.sort_by_key(|s| std::cmp::Reverse(s.risk));
    all
}

/// `POST /orgs/{org}/install`.
pub async fn act(State(app): State<App>, Path(slug): Path<String>, visitor: Visitor, body: Body) -> Response {
    let done = async {
        let form = visitor.form(body).await?;
        let here = Here::find(&visitor, &slug, OwnScope::GrantsWrite)?;
        let name = form.one("app").filter(|_| form.has("install")).ok_or_else(not_found)?;
        let found = offered(&app, &here, name).await?.ok_or_else(not_found)?;
        install(&app, &here, &found.id, &visitor.cause(&app)).await?;
        Ok(see_other(&format!("{}?done=installed", here.path(&format!("applications/{}", face(&found))))))
    };
    visitor.answer(done.await)
}

async fn install(app: &App, here: &Here, id: &AppId, cause: &Cause) -> Result<(), StoreError> {
    app.node.store.install_app(&here.org.id, id, cause).await?;
    app.node.settle().await
}

/// Installs the app of a client from its page.
pub(super) async fn install_again(app: &App, here: &Here, known: &ClientUse, cause: &Cause) -> Result<String, Trouble> {
    let found = offered(app, here, known.client.id.as_str()).await?.ok_or_else(not_found)?;
    install(app, here, &found.id, cause).await?;
    Ok("installed".to_owned())
}

/// Who uninstalls what.
struct Leaving {
    here: Here,
    known: ClientUse,
    app: store::App,
}

impl Leaving {
    async fn find(app: &App, visitor: &Visitor, (slug, client): (&str, &str)) -> Result<Self, Trouble> {
        let here = Here::find(visitor, slug, OwnScope::GrantsWrite)?;
        let known = application::find(app, &here, client).await?;
        let of = known.client.app.as_ref().ok_or_else(not_found)?;
        let found = app.node.store.app(&of.app).await?.ok_or_else(not_found)?;
        Ok(Self { here, known, app: found })
    }

    async fn page(&self, app: &App, visitor: &Visitor, (step, ends): (UninstallStep, Footing)) -> Result<Response, Trouble> {
        let back = self.here.path(&format!("applications/{}", self.known.client.id));
        let view = OrgUninstallPage {
            frame: visitor.frame(self.here.section()),
            organization: DisplayName::new(&self.here.org.name),
            action: format!("{back}/uninstall"),
            back: Way { href: back, text: name(&DisplayName::new(&self.known.client.name)) },
            csrf: visitor.csrf(),
            name: DisplayName::new(&self.known.client.name),
            step,
            grants: ends.grants,
            users: ends.users,
            keys: ends.keys,
            instructions: seen_from(&app.node.store, &self.here.org.id, &self.app).await?.uninstall_instructions,
        };
        Ok(page(StatusCode::OK, &view))
    }

    /// Whether there is anything to uninstall.
    async fn stands(&self, app: &App, footing: Footing) -> Result<bool, StoreError> {
        let installed = app.node.store.installs(&self.here.org.id).await?.iter().any(|i| i.app == self.app.id);
        Ok(installed || footing != Footing::default())
    }
}

/// `GET /orgs/{org}/applications/{client}/uninstall`: what would break, and for whom.
pub async fn leave_page(State(app): State<App>, Path((slug, client)): Path<(String, String)>, visitor: Visitor) -> Response {
    let shown = async {
        let leaving = Leaving::find(&app, &visitor, (&slug, &client)).await?;
        let ends = app.node.store.footing(&leaving.here.org.id, &leaving.app.id, app.node.now()).await?;
        let step = if leaving.stands(&app, ends).await? { UninstallStep::Asked } else { UninstallStep::Nothing };
        leaving.page(&app, &visitor, (step, ends)).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/applications/{client}/uninstall`. The answer says what it did.
pub async fn leave(
    State(app): State<App>,
    Path((slug, client)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let form = visitor.form(body).await?;
        let leaving = Leaving::find(&app, &visitor, (&slug, &client)).await?;
        if !form.has("uninstall") {
            return Err(not_found());
        }
        let ended = app.node.store.uninstall_app(&leaving.here.org.id, &leaving.app.id, &visitor.cause(&app)).await?;
        app.node.settle().await?;
        let outcome = match ended {
            Some(ended) => {
                app.node.metrics.grants_revoked.inc_by(ended.grants);
                (UninstallStep::Done, ended)
            }
            None => (UninstallStep::Nothing, Footing::default()),
        };
        leaving.page(&app, &visitor, outcome).await
    };
    visitor.answer(done.await)
}
