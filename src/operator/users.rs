//! `/operator/users`.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, Operating, at_stake, named_org, nothing, org_field, search, told};
use crate::admin::{Administration as _, UserSwitch};
use crate::pages::texts::labels;
use crate::pages::views::{
    AskedOfUser, ListSearch, OperatorMembership, OperatorUserPage, OperatorUserRow, OperatorUsersPage, SessionRow, UserNotice,
    UserStanding,
};
use crate::pages::{DisplayName, When, program};
use crate::store::{Counted, Org, OrgState, StoreError, UserKind, UserSearch, UserState, UserSummary};
use crate::types::{RoleName, Timestamp, UserId};
use crate::web::{Form, Trouble, page, see_other};

const PATH: &str = "/operator/users";

/// `GET /operator/users`.
pub async fn list(State(app): State<App>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = listed(&app, &who, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn listed(app: &App, who: &Operating, asked: &Asked) -> Result<Response, Trouble> {
    let (text, slug, now) = (asked.text("text"), asked.text("org"), app.node.now());
    let org = named_org(app, &slug).await?;
    let no_such_org = !slug.is_empty() && org.is_none();
    let wanted = UserSearch { text: text.clone(), org: org.map(|o| o.id) };
    let mut found = if no_such_org { Vec::new() } else { app.node.store.find_users(&wanted, asked.lines()).await? };
    let steps = asked.steps(&mut found, PATH, &[("text", &text), ("org", &slug)]);
    let view = OperatorUsersPage {
        frame: who.frame(),
        search: ListSearch {
            beside: Some(org_field(labels::in_organization(), &slug)),
            ..search(PATH, labels::find_a_user(), &text, found.len(), &steps)
        },
        no_such_org,
        rows: found.iter().map(|one| row(one, now)).collect(),
        steps,
    };
    Ok(page(StatusCode::OK, &view))
}

fn row(one: &UserSummary, now: Timestamp) -> OperatorUserRow {
    OperatorUserRow {
        href: format!("{PATH}/{}", one.user.id),
        email: one.user.email.clone(),
        name: DisplayName::new(&one.user.name),
        standing: standing(one.user.kind, one.user.state),
        operator: one.operator,
        orgs: one.orgs,
        created: When::new(one.user.created_at, now),
    }
}

const fn standing(kind: UserKind, state: UserState) -> UserStanding {
    match (state, kind) {
        (UserState::Frozen, _) => UserStanding::Frozen,
        (UserState::Disabled, _) => UserStanding::Deactivated,
        (UserState::Active, UserKind::Service) => UserStanding::Service,
        (UserState::Active, UserKind::Person) => UserStanding::Person,
    }
}

/// `GET /operator/users/{user}`.
pub async fn show(State(app): State<App>, Path(id): Path<String>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = shown(&app, &who, &id, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn shown(app: &App, who: &Operating, id: &str, asked: &Asked) -> Result<Response, Trouble> {
    let id = UserId::parse(id).map_err(|_| nothing())?;
    let (store, now) = (&app.node.store, app.node.now());
    let user = store.user(&id).await?.ok_or_else(nothing)?;
    let standing = standing(user.kind, user.state);
    let own = id == who.session.user.id;
    let sessions = sessions(app, who, &id, now).await?;
    let frozen = user.state == UserState::Frozen;
    let view = OperatorUserPage {
        frame: who.frame(),
        csrf: who.csrf(),
        path: format!("{PATH}/{id}"),
        id: id.to_string(),
        email: user.email,
        name: DisplayName::new(&user.name),
        standing,
        operator: store.is_operator(&id).await?,
        own,
        created: When::new(user.created_at, now),
        memberships: store.every_org_of(&id).await?.iter().map(membership).collect(),
        asked: match () {
            () if asked.is("confirm", "freeze") && user.state == UserState::Active && !own => Some(AskedOfUser::Freeze),
            () if asked.is("confirm", "end-sessions") && !sessions.is_empty() => Some(AskedOfUser::EndSessions),
            () => None,
        },
        notice: match asked.switched(frozen) {
            Some(switched) => Some(UserNotice::Switched(switched)),
            None if asked.is("done", "sessions") && sessions.is_empty() => Some(UserNotice::SessionsEnded),
            None => None,
        },
        sessions,
        stake: at_stake(app, Counted::User(&id)).await?,
    };
    Ok(page(StatusCode::OK, &view))
}

fn membership((org, roles): &(Org, Vec<RoleName>)) -> OperatorMembership {
    OperatorMembership {
        href: format!("{}/{}", super::FIRST, org.slug),
        organization: DisplayName::new(&org.name),
        frozen: org.state == OrgState::Disabled,
        roles: roles.iter().map(ToString::to_string).collect(),
    }
}

async fn sessions(app: &App, who: &Operating, id: &UserId, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
    let live = app.node.store.sessions_of(id, now, who.config.oauth.session_idle).await?;
    let row = |one: &crate::store::SessionDetails| SessionRow {
        handle: one.handle(),
        current: one.session.hash == who.session.session.hash,
        address: one.address.clone(),
        browser: one.user_agent.as_deref().map(program),
        started: When::new(one.session.authenticated_at, now),
        seen: When::new(one.session.seen_at, now),
        ends: When::new(one.session.expires_at, now),
    };
    Ok(live.iter().map(row).collect())
}

/// `POST /operator/users/{user}`: freezes or thaws, or signs out everywhere.
pub async fn act(State(app): State<App>, Path(id): Path<String>, who: Operating, body: Body) -> Response {
    let outcome = decide(&app, &who, &id, body).await;
    who.answer(&app, outcome).await
}

async fn decide(app: &App, who: &Operating, id: &str, body: Body) -> Result<Response, Trouble> {
    let form = Form::read(&who.config, &who.headers, body, &who.session).await?;
    let id = UserId::parse(id).map_err(|_| nothing())?;
    let user = app.node.store.user(&id).await?.ok_or_else(nothing)?;
    let administration = who.administration(app);
    let done = match (form.has("freeze"), form.has("thaw"), form.has("end-sessions")) {
        (true, false, false) if id != who.session.user.id => {
            told(administration.switch_user(id.as_str(), UserSwitch::Frozen).await)?.map_err(|_| nothing())?;
            "frozen"
        }
        // Who was deactivated is not thawed: what they had is gone, and to begin anew is another decision.
        (false, true, false) if user.state != UserState::Disabled => {
            told(administration.switch_user(id.as_str(), UserSwitch::Active).await)?.map_err(|_| nothing())?;
            "thawed"
        }
        (false, false, true) => {
            told(administration.end_sessions(id.as_str()).await)?.map_err(|_| nothing())?;
            "sessions"
        }
        _ => return Err(nothing()),
    };
    Ok(see_other(&format!("{PATH}/{id}?done={done}")))
}
