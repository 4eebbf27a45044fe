//! The list of apps, and the page of one.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{Visit, held, trial, words};
use crate::account::App;
use crate::account::visitor::Visitor;
use crate::pages::DisplayName;
use crate::pages::When;
use crate::pages::texts::{Text, apps as texts};
use crate::pages::views::{AppClientCard, AppPage, AppRow, AppsPage, AskedOfApp, Section, ShownSecret, Standing};
use crate::store::{self, Counted, Maturity, Resting, Stage};
use crate::web::{Params, Trouble, page};

/// `GET /orgs/{org}/apps`.
pub(in crate::account) async fn list(
    State(app): State<App>,
    Path(org): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::begin(&app, &visitor, &org)?;
        let params = Params::parse(query.unwrap_or_default().as_bytes())?;
        let now = app.node.now();
        let clients = app.node.store.clients(Some(&visit.org.id)).await?;
        let row = |a: &store::App| AppRow {
            href: visit.path(a),
            name: DisplayName::new(&a.draft.name),
            standing: words::standing(a, held::is_frozen(a, &clients)),
            scopes: a.draft.scopes.len(),
            changed: When::new(a.changed_at, now),
        };
        let view = AppsPage {
            frame: visitor.frame(Section::Apps { slug: org.clone() }),
            organization: DisplayName::new(&visit.org.name),
            path: visit.list(),
            may_write: visit.may_write,
            notice: params.one("deleted")?.map(|_| texts::deleted()),
            rows: app.node.store.apps(Some(&visit.org.id)).await?.iter().map(row).collect(),
        };
        Ok(page(StatusCode::OK, &view))
    };
    visitor.answer(shown.await)
}

/// `GET /orgs/{org}/apps/{app}`.
pub(in crate::account) async fn show(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::begin(&app, &visitor, &org)?;
        let found = visit.find(&id).await?;
        let params = Params::parse(query.unwrap_or_default().as_bytes())?;
        let confirm = params.one("confirm")?.filter(|_| visit.may_write).map(ToOwned::to_owned);
        one(&visit, &found, Said { confirm, ..Said::default() }).await
    };
    visitor.answer(shown.await)
}

/// What the page says about the act that led to it.
#[derive(Default)]
pub(super) struct Said {
    pub(super) notice: Option<Text>,
    pub(super) problem: Option<Text>,
    pub(super) secret: Option<ShownSecret>,
    /// `confirm` of the address: what is asked about before it is done.
    pub(super) confirm: Option<String>,
    /// A request for a private scope that was refused: the scope and the reason as they were entered.
    pub(super) asking: (String, String),
}

impl Said {
    pub(super) fn done(notice: Text) -> Self {
        Self { notice: Some(notice), ..Self::default() }
    }
}

/// What an address asks to be confirmed, if there is such a thing to do.
fn asked(confirm: &str, standing: Standing, clients: &[AppClientCard], resting: &Resting) -> Option<AskedOfApp> {
    if confirm == "disable" {
        let stops = texts::switch_off((resting.grants, resting.users), resting.keys, resting.orgs);
        return (standing != Standing::Disabled).then_some(AskedOfApp::SwitchOff { stops });
    }
    let (stage, id) = confirm.strip_prefix("remove-")?.split_once('-')?;
    let client = clients.iter().find(|c| c.stage == stage && c.secrets.len() > 1)?;
    let row = client.secrets.iter().find(|row| row.id == id)?;
    Some(AskedOfApp::RemoveSecret { stage: client.stage, id: row.id.clone(), last4: row.last4.clone() })
}

/// The page of an app.
pub(super) async fn one(visit: &Visit<'_>, found: &store::App, said: Said) -> Result<Response, Trouble> {
    let (node, bench) = (&visit.app.node, visit.workshop());
    let fault = |e| super::refused(e).map_or_else(|trouble| trouble, |_| super::not_found());
    let kind = bench.kind(found).await.map_err(fault)?;
    let mut clients = Vec::new();
    for (stage, id) in [(Stage::Draft, Some(&found.draft_client)), (Stage::Published, found.published_client.as_ref())] {
        let Some(id) = id else { continue };
        let secrets = bench.secrets(found, stage).await.map_err(fault)?;
        clients.push(words::client(stage, id.to_string(), kind, &secrets, node.now()));
    }
    let standing = words::standing(found, held::is_frozen(found, &node.store.clients(Some(&found.org)).await?));
    let versions = node.store.app_versions(&found.id).await?;
    let status = if said.problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let view = AppPage {
        frame: visit.visitor.frame(Section::Apps { slug: visit.org.slug.to_string() }),
        apps: visit.list(),
        path: visit.path(found),
        csrf: visit.visitor.csrf(),
        name: DisplayName::new(&found.draft.name),
        standing,
        may_write: visit.may_write,
        notice: said.notice,
        problem: said.problem,
        confirm: match said.confirm {
            Some(what) => {
                let resting = node.store.resting(Counted::App(&found.id), node.now()).await?;
                asked(&what, standing, &clients, &resting)
            }
            None => None,
        },
        secret: said.secret,
        holds: held::holds(visit, found).await?,
        clients,
        draft: words::fields(&found.draft),
        changes: bench.pending(found).await.map_err(fault)?.into_iter().map(words::change).collect(),
        conditions: bench.conditions(found).await.map_err(fault)?.iter().map(words::condition).collect(),
        stable: found.maturity == Maturity::Stable,
        versions: words::versions(visit, found, &versions).await?,
        uuid: found.uuid.to_string(),
        private: words::private(&visit.app.node, &visit.visitor.config, bench.scope_requests(found).await.map_err(fault)?)
            .await?,
        asking: said.asking,
        test: trial::onboarding(&visit.visitor.config, found.draft.onboarding_url.as_deref()),
    };
    Ok(page(status, &view))
}
