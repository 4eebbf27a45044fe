//! `/operator/organizations`.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, FIRST, Operating, PAGE, at_stake, nothing, search, told, why};
use crate::admin::{Administration as _, NewOrg, Switch};
use crate::pages::texts::{Text, labels};
use crate::pages::views::{EnteredOrg, OperatorOrgPage, OperatorOrgRow, OperatorOrgsPage};
use crate::pages::{DisplayName, When};
use crate::store::{Counted, OrgState, OrgSummary};
use crate::types::Timestamp;
use crate::web::{Form, Trouble, page, see_other};

/// `GET /operator/organizations`.
pub async fn list(State(app): State<App>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = listed(&app, &who, &Asked::of(query.as_deref()), None).await;
    who.answer(&app, outcome).await
}

/// An organization that could not be made, and why.
type Refused = (EnteredOrg, StatusCode, Text);

async fn listed(app: &App, who: &Operating, asked: &Asked, refused: Option<Refused>) -> Result<Response, Trouble> {
    let (text, now) = (asked.text("text"), app.node.now());
    let mut found = app.node.store.find_orgs(&text, asked.lines()).await?;
    let steps = asked.steps(&mut found, FIRST, &[("text", &text)]);
    let (entered, status, problem) = match refused {
        Some((entered, status, problem)) => (entered, status, Some(problem)),
        None => (EnteredOrg::default(), StatusCode::OK, None),
    };
    let view = OperatorOrgsPage {
        frame: who.frame(),
        csrf: who.csrf(),
        search: search(FIRST, labels::find_an_organization(), &text, found.len(), &steps),
        problem,
        entered,
        rows: found.iter().map(|one| row(one, now)).collect(),
        steps,
    };
    Ok(page(status, &view))
}

fn row(one: &OrgSummary, now: Timestamp) -> OperatorOrgRow {
    OperatorOrgRow {
        href: format!("{FIRST}/{}", one.org.slug),
        name: DisplayName::new(&one.org.name),
        slug: one.org.slug.to_string(),
        members: one.members,
        clients: one.clients,
        frozen: one.org.state == OrgState::Disabled,
        created: When::new(one.org.created_at, now),
    }
}

/// `POST /operator/organizations`: makes one.
pub async fn create(State(app): State<App>, who: Operating, body: Body) -> Response {
    let outcome = create_org(&app, &who, body).await;
    who.answer(&app, outcome).await
}

async fn create_org(app: &App, who: &Operating, body: Body) -> Result<Response, Trouble> {
    let form = Form::read(&who.config, &who.headers, body, &who.session).await?;
    if !form.has("create") {
        return Err(nothing());
    }
    let entered = |name| form.one(name).unwrap_or_default().trim().to_owned();
    let entered = EnteredOrg { slug: entered("slug"), name: entered("name"), tenant: entered("tenant") };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (slug, name, tenant) = (entered.slug.clone(), given(&entered.name), given(&entered.tenant));
    let new = NewOrg { slug, name, tenant, ..NewOrg::default() };
    match told(who.administration(app).create_org(new).await)? {
        Ok(made) => Ok(see_other(&format!("{FIRST}/{}", made.slug))),
        Err(refusal) => {
            let status = if refusal.code.status() == StatusCode::CONFLICT {
                StatusCode::CONFLICT
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            let problem = why(&refusal);
            listed(app, who, &Asked::of(None), Some((entered, status, problem))).await
        }
    }
}

/// `GET /operator/organizations/{org}`.
pub async fn show(State(app): State<App>, Path(name): Path<String>, RawQuery(query): RawQuery, who: Operating) -> Response {
    let outcome = shown(&app, &who, &name, &Asked::of(query.as_deref())).await;
    who.answer(&app, outcome).await
}

async fn shown(app: &App, who: &Operating, name: &str, asked: &Asked) -> Result<Response, Trouble> {
    let org = told(who.administration(app).org(name).await)?.map_err(|_| nothing())?;
    // Somebody else's name may hold this id.
    let summaries = app.node.store.find_orgs(org.id.as_str(), (0, PAGE)).await?;
    let own = summaries.iter().find(|one| one.org.id == org.id);
    let (members, clients) = own.map_or((0, 0), |one| (one.members, one.clients));
    let frozen = org.state == OrgState::Disabled;
    let asked_to_freeze = !frozen && asked.is("confirm", "freeze");
    let view = OperatorOrgPage {
        frame: who.frame(),
        csrf: who.csrf(),
        path: format!("{FIRST}/{}", org.slug),
        id: org.id.to_string(),
        slug: org.slug.to_string(),
        name: DisplayName::new(&org.name),
        tenant: org.tenant,
        frozen,
        created: When::new(org.created_at, app.node.now()),
        members,
        clients,
        // The grants of a large organization take a while to count.
        asked: if asked_to_freeze { Some(at_stake(app, Counted::Org(&org.id)).await?) } else { None },
        notice: asked.switched(frozen),
    };
    Ok(page(StatusCode::OK, &view))
}

/// `POST /operator/organizations/{org}`: freezes or thaws it.
pub async fn act(State(app): State<App>, Path(name): Path<String>, who: Operating, body: Body) -> Response {
    let outcome = switch(&app, &who, &name, body).await;
    who.answer(&app, outcome).await
}

async fn switch(app: &App, who: &Operating, name: &str, body: Body) -> Result<Response, Trouble> {
    let form = Form::read(&who.config, &who.headers, body, &who.session).await?;
    let (to, done) = match (form.has("freeze"), form.has("thaw")) {
        (true, false) => (Switch::Disabled, "frozen"),
        (false, true) => (Switch::Active, "thawed"),
        _ => return Err(nothing()),
    };
    let org = told(who.administration(app).switch_org(name, to).await)?.map_err(|_| nothing())?;
    Ok(see_other(&format!("{FIRST}/{}?done={done}", org.slug)))
}
