//! `/orgs/{org}/members`: who belongs to an organization.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::place::Place;
use super::{Here, asked};
use crate::account::App;
use crate::account::log::Names;
use crate::account::visitor::Visitor;
use crate::config::Config;
use crate::pages::texts::{self as words, Text, labels, org as texts};
use crate::pages::views::{
    AskedOfMember, InvitationLink, InvitationRow, ListChoice, ListSearch, MemberRow, MemberStanding, MembersPage, OpenMember,
    OrgTab, RoleChoice, Steps,
};
use crate::pages::{DisplayName, When};
use crate::roster::{RoleReach, is_own_service};
use crate::store::{Invitation, MemberSearch, Reach as _, StoreError, User, UserKind, UserState};
use crate::types::{OwnScope, RoleName, ScopeBits, Timestamp, UserId};
use crate::web::{Trouble, page, see_other};

/// Members on one page.
const PAGE: u32 = 50;

/// What the answer says besides what is in the store.
#[derive(Default)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) problem: Option<Text>,
    pub(super) invited: Option<InvitationLink>,
}

/// `GET /orgs/{org}/members`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    let outcome = async {
        let here = Here::find(&visitor, &slug, OwnScope::MembersRead)?;
        list(&app, &visitor, &here, query.as_deref(), Said::default()).await
    };
    visitor.answer(outcome.await)
}

async fn list(app: &App, visitor: &Visitor, here: &Here, query: Option<&str>, said: Said) -> Result<Response, Trouble> {
    let (store, now, config) = (&app.node.store, app.node.now(), &visitor.config);
    let place = place(here, query);
    let mut members = store.member_page(&here.org.id, &wanted(&place), place.range()).await?;
    let more = place.cut(&mut members);
    let may_change = here.may(config, OwnScope::MembersWrite);
    let mut rows = Vec::with_capacity(members.len());
    for (user, roles) in &members {
        rows.push(row(app, here, &place, (user, roles)).await?);
    }
    let view = MembersPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Members),
        organization: DisplayName::new(&here.org.name),
        csrf: visitor.csrf(),
        may_change,
        saved: asked::<String>(query, "done").is_some(),
        problem: said.problem,
        invited: said.invited,
        open: if may_change { open(app, config, (here, &place), query).await? } else { None },
        here: place.here(),
        search: search(config, &place, (rows.len(), more)),
        members: rows,
        invitations: invitations(app, here, now).await?,
        roles: choices(config, here, &[]),
        steps: Steps { back: place.before(), on: place.after(more) },
    };
    Ok(page(said.status, &view))
}

/// Where an address leads in the list.
pub(super) fn place(here: &Here, query: Option<&str>) -> Place {
    Place::read(here.path("members"), query, &["text", "role"], PAGE)
}

/// What a place is narrowed to. A role that nobody can have narrows nothing.
fn wanted(place: &Place) -> MemberSearch {
    let role = RoleName::parse(place.value("role")).ok();
    MemberSearch { text: place.value("text").to_owned(), role, ..MemberSearch::default() }
}

fn search(config: &Config, place: &Place, (found, more): (usize, bool)) -> ListSearch {
    let roles = config.roles.0.keys().map(|role| (role.to_string(), words::name(&DisplayName::new(role.as_str()))));
    let options = std::iter::once((String::new(), labels::any_role())).chain(roles).collect();
    let chosen = wanted(place).role.map(|role| role.to_string()).unwrap_or_default();
    ListSearch {
        path: place.path().to_owned(),
        label: labels::find_a_member(),
        text: place.value("text").to_owned(),
        beside: None,
        choice: Some(ListChoice { name: "role".to_owned(), label: labels::role(), options, chosen }),
        found,
        more,
    }
}

async fn row(app: &App, here: &Here, place: &Place, (user, roles): (&User, &[RoleName])) -> Result<MemberRow, StoreError> {
    let id = user.id.as_str();
    Ok(MemberRow {
        href: place.with(&[("member", id)]),
        deactivation: place.with(&[("member", id), ("confirm", "deactivate")]),
        id: user.id.to_string(),
        email: user.email.clone(),
        name: DisplayName::new(&user.name),
        roles: roles.iter().map(ToString::to_string).collect(),
        standing: match (user.state, user.kind) {
            (UserState::Disabled, _) => MemberStanding::Deactivated,
            (UserState::Frozen, _) => MemberStanding::Frozen,
            (UserState::Active, UserKind::Service) => MemberStanding::Service,
            (UserState::Active, UserKind::Person) => MemberStanding::Person,
        },
        switchable: user.state != UserState::Frozen && is_own_service(&app.node, &here.org, user).await?,
    })
}

async fn open(
    app: &App,
    config: &Config,
    (here, place): (&Here, &Place),
    query: Option<&str>,
) -> Result<Option<OpenMember>, StoreError> {
    let Some(id) = asked::<String>(query, "member").and_then(|id| UserId::parse(&id).ok()) else { return Ok(None) };
    let store = &app.node.store;
    let (Some(user), Some(membership)) = (store.user(&id).await?, store.membership(&here.org.id, &id).await?) else {
        return Ok(None);
    };
    let switchable = user.state == UserState::Active && is_own_service(&app.node, &here.org, &user).await?;
    Ok(Some(OpenMember {
        id: user.id.to_string(),
        removal: place.with(&[("member", user.id.as_str()), ("confirm", "remove")]),
        email: user.email,
        roles: choices(config, here, &membership.roles),
        asked: match asked::<String>(query, "confirm").as_deref() {
            Some("remove") => Some(AskedOfMember::Removal),
            Some("deactivate") if switchable => Some(AskedOfMember::Deactivation),
            _ => None,
        },
    }))
}

/// Every role that exists or is held, with what it permits.
fn choices(config: &Config, here: &Here, held: &[RoleName]) -> Vec<RoleChoice> {
    let mut names: Vec<&RoleName> = config.roles.0.keys().chain(held).collect();
    names.sort();
    names.dedup();
    let choice = |name: &RoleName| {
        let bits = config.roles.0.get(name);
        RoleChoice {
            name: name.to_string(),
            permissions: permissions(config, bits),
            held: held.contains(name),
            changeable: changeable(config, here, name),
        }
    };
    names.into_iter().map(choice).collect()
}

/// Whether the person who looks may give and take this role.
fn changeable(config: &Config, here: &Here, role: &RoleName) -> bool {
    RoleReach::new(config).covers(&here.roles, std::slice::from_ref(role))
}

/// What a role permits, in short.
fn permissions(config: &Config, bits: Option<&ScopeBits>) -> Text {
    const SHOWN: usize = 4;
    let Some(bits) = bits else { return texts::role_is_gone() };
    if config.catalogue.entries().len() == bits.positions().count() {
        return texts::role_permits_everything();
    }
    let all: Vec<String> = config.catalogue.scopes(bits).iter().map(ToString::to_string).collect();
    let first = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        return texts::role_permits_nothing();
    }
    texts::role_permits(&first, all.len().saturating_sub(SHOWN) as u64)
}

async fn invitations(app: &App, here: &Here, now: Timestamp) -> Result<Vec<InvitationRow>, StoreError> {
    let open = app.node.store.invitations(&here.org.id, now).await?;
    let mut names = Names::default();
    names.learn(&app.node, open.iter().filter_map(|i| i.invited_by.as_ref())).await?;
    let view = |one: &Invitation| InvitationRow {
        id: one.id.to_string(),
        email: one.email.clone(),
        roles: one.roles.iter().map(ToString::to_string).collect(),
        by: one.invited_by.as_ref().map(|user| names.of(user).to_owned()),
        ends: When::new(one.expires_at, now),
    };
    Ok(open.iter().map(view).collect())
}

/// `POST /orgs/{org}/members`.
pub async fn act(
    State(app): State<App>,
    Path(slug): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    body: Body,
) -> Response {
    let outcome = async {
        let form = visitor.form(body).await?;
        let here = Here::find(&visitor, &slug, OwnScope::MembersWrite)?;
        match super::membership::decide(&app, &visitor, &here, &form).await? {
            super::membership::Done::Changed => Ok(see_other(&place(&here, query.as_deref()).with(&[("done", "1")]))),
            super::membership::Done::Told(said) => list(&app, &visitor, &here, query.as_deref(), said).await,
        }
    };
    visitor.answer(outcome.await)
}
