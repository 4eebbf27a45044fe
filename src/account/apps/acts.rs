//! The buttons of an app's page, deletion, and manifests in and out.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::form::said_once;
use super::show::{Said, one};
use super::{Visit, refused, told};
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::apps::{AppError, Import, Imported, Manifest, NewSecret};
use crate::pages::DisplayName;
use crate::pages::texts::{Text, apps as texts, name};
use crate::pages::views::{AppDeletePage, AppImportPage, Section, ShownSecret, Way};
use crate::store::{self, AppState, Counted, Maturity, Stage};
use crate::types::ScopeSet;
use crate::web::{Params, Trouble, page, see_other};

/// `POST /orgs/{org}/apps/{app}`: the act whose button was pressed.
pub(in crate::account) async fn act(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let form = visit.form(body).await?;
        let found = visit.find(&id).await?;
        let said = match pressed(&visit, &found, &form).await? {
            Ok(said) => said,
            Err(error) => {
                let entered = |name| form.one(name).map(|v| v.unwrap_or_default().to_owned());
                let asking = (entered("private_scope")?, entered("private_reason")?);
                Said { problem: Some(told::refusal(&refused(error)?)), asking, ..Said::default() }
            }
        };
        one(&visit, &visit.find(&id).await?, said).await
    };
    visitor.answer(done.await)
}

/// Does what the form asks for; inside is what the workshop made of it.
async fn pressed(visit: &Visit<'_>, found: &store::App, form: &Params) -> Result<Result<Said, AppError>, Trouble> {
    let bench = visit.workshop();
    let is = |name| form.one(name).map(|v| v.is_some());
    for (stage, add, remove) in [
        (Stage::Draft, "add-secret-draft", "remove-secret-draft"),
        (Stage::Published, "add-secret-published", "remove-secret-published"),
    ] {
        if is(add)? {
            let (others, new) = (form.one("overlap")?.unwrap_or_default(), form.one("lives")?.unwrap_or_default());
            let added = bench.add_secret(found, stage, NewSecret::of_form(others, new)).await;
            return Ok(added.map(|(plain, _)| shown(found, stage, plain.expose())));
        }
        if let Some(secret) = form.one(remove)? {
            let removed = bench.remove_secret(found, stage, secret).await;
            return Ok(removed.map(|()| Said::done(texts::secret_removed())));
        }
    }
    if is("request-scope")? {
        let (scope, why) = (form.one("private_scope")?.unwrap_or_default(), form.one("private_reason")?.unwrap_or_default());
        let asked = bench.request_scope(found, scope, why).await;
        return Ok(asked.map(|r| Said::done(texts::scope_asked(r.scope.as_str()))));
    }
    if let Some(scope) = form.one("cancel-scope")? {
        let taken = bench.cancel_scope_request(found, scope).await;
        return Ok(taken.map(|r| Said::done(texts::scope_cancelled(r.scope.as_str()))));
    }
    Ok(if is("mark-stable")? {
        bench.mark(found, Maturity::Stable).await.map(|_| Said::done(texts::marked_stable()))
    } else if is("unmark-stable")? {
        bench.mark(found, Maturity::InWork).await.map(|_| Said::done(texts::unmarked()))
    } else if is("disable")? {
        bench.switch(found, AppState::Disabled).await.map(|_| Said::done(texts::disabled()))
    } else if is("enable")? {
        bench.switch(found, AppState::Active).await.map(|_| Said::done(texts::enabled()))
    } else {
        return Err(not_found());
    })
}

fn shown(found: &store::App, stage: Stage, value: &str) -> Said {
    let (title, client) = match stage {
        Stage::Draft => (texts::draft_secret(), Some(&found.draft_client)),
        Stage::Published => (texts::published_secret(), found.published_client.as_ref()),
    };
    let client_id = client.map(ToString::to_string).unwrap_or_default();
    Said { secret: Some(ShownSecret { title, client_id, value: value.to_owned() }), ..Said::done(texts::secret_added()) }
}

/// `GET /orgs/{org}/apps/{app}/delete`.
pub(in crate::account) async fn delete_page(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let found = visit.find(&id).await?;
        let path = visit.path(&found);
        let resting = app.node.store.resting(Counted::App(&found.id), app.node.now()).await?;
        let view = AppDeletePage {
            frame: visitor.frame(Section::Apps { slug: org.clone() }),
            action: format!("{path}/delete"),
            back: Way { href: path, text: name(&DisplayName::new(&found.draft.name)) },
            csrf: visitor.csrf(),
            name: DisplayName::new(&found.draft.name),
            ends: texts::delete((resting.grants, resting.users), resting.keys, resting.orgs),
            published: found.published_client.is_some(),
        };
        Ok(page(StatusCode::OK, &view))
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/apps/{app}/delete`.
pub(in crate::account) async fn delete(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        visit.form(body).await?;
        let found = visit.find(&id).await?;
        match visit.workshop().delete(&found).await {
            Ok(()) => Ok(see_other(&format!("{}?deleted=1", visit.list()))),
            Err(error) => Err(refused(error).map_or_else(|trouble| trouble, |_| not_found())),
        }
    };
    visitor.answer(done.await)
}

/// `GET /orgs/{org}/apps/{app}/manifest.json[?version=N]`: the manifest as a file. The export is on record.
pub(in crate::account) async fn manifest(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let done = async {
        let visit = Visit::begin(&app, &visitor, &org)?;
        let found = visit.find(&id).await?;
        let params = Params::parse(query.unwrap_or_default().as_bytes())?;
        let version = params.one("version")?.map(str::parse).transpose().map_err(|_| not_found())?;
        match visit.workshop().export(&found, version).await {
            Ok(manifest) => Ok(file(&manifest)),
            Err(error) => Err(refused(error).map_or_else(|trouble| trouble, |_| not_found())),
        }
    };
    visitor.answer(done.await)
}

fn file(manifest: &Manifest) -> Response {
    let mut response = manifest.to_text().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}.json\"", manifest.app_uuid)) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

fn import_form(visit: &Visit<'_>, manifest: String, problem: Option<Text>) -> Response {
    let list = visit.list();
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = AppImportPage {
        frame: visit.visitor.frame(Section::Apps { slug: visit.org.slug.to_string() }),
        action: format!("{list}/import"),
        back: Way { href: list, text: texts::apps() },
        csrf: visit.visitor.csrf(),
        manifest,
        problem,
    };
    page(status, &view)
}

/// `GET /orgs/{org}/apps/import`.
pub(in crate::account) async fn import_page(State(app): State<App>, Path(org): Path<String>, visitor: Visitor) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        Ok(import_form(&visit, String::new(), None))
    };
    visitor.answer(shown.await)
}

/// What the person still has to do after an import.
fn asked_for(left_out: &ScopeSet) -> Option<Text> {
    let names = || left_out.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!left_out.is_empty()).then(|| texts::left_out(&names()))
}

/// `POST /orgs/{org}/apps/import`.
pub(in crate::account) async fn import(
    State(app): State<App>,
    Path(org): Path<String>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let form = visit.form(body).await?;
        let text = form.one("manifest")?.unwrap_or_default();
        let imported = match Manifest::read(text) {
            Ok(manifest) => visit.workshop().import(&visit.org, &manifest).await,
            Err(refusal) => Err(refusal.into()),
        };
        match imported {
            Ok(Import { did: Imported::Made(made), left_out }) => {
                one(&visit, &made.app, Said { problem: asked_for(&left_out), ..said_once(&made) }).await
            }
            Ok(Import { did: Imported::Changed(app), left_out }) => {
                let done = Said::done(texts::imported());
                one(&visit, &app, Said { problem: asked_for(&left_out), ..done }).await
            }
            Err(error) => Ok(import_form(&visit, text.to_owned(), Some(told::refusal(&refused(error)?)))),
        }
    };
    visitor.answer(done.await)
}
