//! Publishing: what must be so, what changes, and the button.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::show::{Said, one};
use super::{Visit, held, refused, told, words};
use crate::account::App;
use crate::account::visitor::Visitor;
use crate::apps::{Field, Refusal};
use crate::pages::DisplayName;
use crate::pages::texts::{Text, apps as texts, name};
use crate::pages::views::{AppPublishPage, Section, ShownSecret, Way};
use crate::store;
use crate::web::{Trouble, page};

async fn answer(visit: &Visit<'_>, found: &store::App, problem: Option<Text>) -> Result<Response, Trouble> {
    let bench = visit.workshop();
    let fault = |e| refused(e).map_or_else(|trouble| trouble, |_| super::not_found());
    let changes = bench.pending(found).await.map_err(fault)?;
    let narrows = found.version > 0 && changes.iter().any(|c| c.field == Field::Scopes && !c.removed.is_empty());
    let path = visit.path(found);
    let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let view = AppPublishPage {
        frame: visit.visitor.frame(Section::Apps { slug: visit.org.slug.to_string() }),
        action: format!("{path}/publish"),
        test: format!("{path}/test"),
        back: Way { href: path, text: name(&DisplayName::new(&found.draft.name)) },
        csrf: visit.visitor.csrf(),
        name: DisplayName::new(&found.draft.name),
        holds: held::holds(visit, found).await?,
        revision: found.revision,
        number: found.version + 1,
        conditions: bench.conditions(found).await.map_err(fault)?.iter().map(words::condition).collect(),
        changes: changes.into_iter().map(words::change).collect(),
        narrows,
        untried: bench.untried(found).await.map_err(fault)?.iter().map(ToString::to_string).collect(),
        problem,
    };
    Ok(page(status, &view))
}

/// `GET /orgs/{org}/apps/{app}/publish`.
pub(in crate::account) async fn publish_page(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let found = visit.find(&id).await?;
        answer(&visit, &found, None).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/apps/{app}/publish`. The answer is the app's page, with the first version's secret, this once.
pub(in crate::account) async fn publish(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let form = visit.form(body).await?;
        let found = visit.find(&id).await?;
        // What was looked at is what gets published.
        if form.one("revision")?.and_then(|r| r.parse::<u64>().ok()) != Some(found.revision) {
            return answer(&visit, &found, Some(told::refusal(&Refusal::Stale))).await;
        }
        match visit.workshop().publish(&found, form.one("app_uuid")?.map(str::trim)).await {
            Err(error) => answer(&visit, &found, Some(told::refusal(&refused(error)?))).await,
            Ok(release) => {
                let secret = release.secret.as_ref().map(|s| ShownSecret {
                    title: texts::published_secret(),
                    client_id: release.client.to_string(),
                    value: s.expose().to_owned(),
                });
                let done = match (release.version.number, release.narrowed + release.ended) {
                    (number, 0) => texts::version_published(number),
                    (number, lost) => texts::version_narrowed(number, lost),
                };
                let said = Said { secret, ..Said::done(done) };
                one(&visit, &visit.find(&id).await?, said).await
            }
        }
    };
    visitor.answer(done.await)
}
