//! `/orgs/{org}/machines`: the machine clients of an organization. What can be done with one is decided in [`crate::clients`].

mod form;
mod show;
mod told;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

pub use form::{create, new_page, scopes_page, set_scopes};
pub use show::{act, show};

use super::place::Place;
use super::{Here, asked};
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::clients::{By, Clients};
use crate::config::Config;
use crate::pages::texts::machines as texts;
use crate::pages::views::{ListSearch, MachineRow, MachineStanding, MachinesPage, OrgTab};
use crate::pages::{DisplayName, When};
use crate::store::{ClientState, Machine, Stance, UserState};
use crate::token::{Unfit, fit_to_act};
use crate::types::{ClientId, OwnScope, Timestamp};
use crate::web::{Trouble, page};

/// Machine clients on one page.
const PAGE: u32 = 50;

/// The clients of the organization, changed as this visitor may.
fn clients<'a>(app: &'a App, visitor: &Visitor, here: &'a Here) -> Clients<'a> {
    let by = By::Member { user: visitor.who.user.id.clone(), org: &here.org };
    Clients::new(&app.node, by, visitor.cause(app))
}

/// A machine client of this organization.
async fn find(app: &App, here: &Here, id: &str) -> Result<Machine, Trouble> {
    let id = ClientId::parse(id).map_err(|_| not_found())?;
    app.node.store.machine(&here.org.id, &id).await?.ok_or_else(not_found)
}

/// Where service users are made, for those who may.
fn members(here: &Here, config: &Config) -> Option<String> {
    here.may(config, OwnScope::MembersWrite).then(|| here.path("members"))
}

/// By the function that the token endpoint asks.
fn standing(config: &Config, machine: &Machine) -> MachineStanding {
    let stopped = |why| MachineStanding::Stopped { why };
    match machine.client.state {
        ClientState::Disabled => return MachineStanding::Off,
        ClientState::Frozen => return stopped(texts::why_frozen()),
        ClientState::Active => {}
    }
    if machine.policy.stance != Stance::Allowed {
        return stopped(texts::why_blocked());
    }
    match fit_to_act(config, &machine.client, Some(&machine.subject), machine.roles.as_deref()) {
        Ok(()) if machine.barred => stopped(texts::why_revoked()),
        Ok(()) => MachineStanding::Works,
        Err(Unfit::Inactive) if machine.subject.state == UserState::Frozen => stopped(texts::why_subject_frozen()),
        Err(Unfit::Inactive) => stopped(texts::why_subject_off()),
        Err(Unfit::Elsewhere) => stopped(texts::why_subject_elsewhere()),
        Err(Unfit::Person) => stopped(texts::why_subject_person()),
        Err(Unfit::Unnamed) => stopped(texts::why_unnamed()),
    }
}

/// `GET /orgs/{org}/machines`.
pub async fn list(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(listed(&app, &visitor, &slug, query.as_deref()).await)
}

async fn listed(app: &App, visitor: &Visitor, slug: &str, query: Option<&str>) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::ClientsRead)?;
    let (config, now) = (&visitor.config, app.node.now());
    let place = Place::read(here.path("machines"), query, &["text"], PAGE);
    let text = place.value("text");
    let mut machines = app.node.store.machines(&here.org.id, text, place.range()).await?;
    let more = place.cut(&mut machines);
    let view = MachinesPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Machines),
        organization: DisplayName::new(&here.org.name),
        members: members(&here, config),
        may_change: here.may(config, OwnScope::ClientsWrite),
        notice: asked::<String>(query, "deleted").map(|_| texts::deleted()),
        nothing_yet: machines.is_empty() && text.is_empty() && place.before().is_none(),
        search: ListSearch {
            path: place.path().to_owned(),
            label: texts::find(),
            text: text.to_owned(),
            beside: None,
            choice: None,
            found: machines.len(),
            more,
        },
        rows: machines.iter().map(|machine| row(config, place.path(), machine, now)).collect(),
        newer: place.before(),
        older: place.after(more),
        path: place.path().to_owned(),
    };
    Ok(page(StatusCode::OK, &view))
}

fn row(config: &Config, path: &str, machine: &Machine, now: Timestamp) -> MachineRow {
    MachineRow {
        href: format!("{path}/{}", machine.client.id),
        name: DisplayName::new(&machine.client.name),
        subject: machine.subject.email.clone(),
        scopes: machine.client.scopes.as_ref().map_or(0, crate::types::ScopeSet::len),
        standing: standing(config, machine),
        last_used: machine.last_used_at.map(|at| When::new(at, now)),
    }
}
