//! Making an app and changing its draft, with the catalogue of scopes beside it.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::show::{Said, one};
use super::{Visit, refused, told, words};
use crate::account::App;
use crate::account::visitor::Visitor;
use crate::apps::{Flaw, MAX_TTL, Made, Refusal, Written};
use crate::config::GrantFlow;
use crate::pages::DisplayName;
use crate::pages::texts::{Text, apps as texts, definition, name};
use crate::pages::views::{AppFormPage, FieldFlaw, Section, ShownSecret, Way};
use crate::store::{self, ClientKind};
use crate::types::ScopeSet;
use crate::web::{Params, Trouble, page};

/// What a form holds.
struct Entered {
    written: Written,
    public: bool,
    revision: Option<u64>,
    /// Seconds that tokens live, as they were entered.
    lifetime: String,
    find: String,
    /// Whether the catalogue is to be searched, and nothing to be saved.
    searching: bool,
}

/// Why nothing was saved.
#[derive(Default)]
struct Wrong {
    flaws: Vec<FieldFlaw>,
    problem: Option<Text>,
}

fn entered(form: &Params) -> Result<Entered, Trouble> {
    let text = |name| form.one(name).map(|v| v.unwrap_or_default().to_owned());
    let lifetime = text("access_token_ttl_seconds")?.trim().to_owned();
    let written = Written {
        name: text("name")?,
        description: text("description")?,
        documentation_url: text("documentation_url")?,
        uninstall_instructions: text("uninstall_instructions")?,
        onboarding_url: text("onboarding_url")?,
        redirect_uris: text("redirect_uris")?.lines().map(ToOwned::to_owned).collect(),
        scopes: form.all("scopes").map(ToOwned::to_owned).collect(),
        // What is no number is out of bounds, and refused like one that is.
        access_token_ttl: (!lifetime.is_empty()).then(|| lifetime.parse().unwrap_or(u64::MAX)),
        require_state: form.one("require_state")?.is_some(),
    };
    Ok(Entered {
        written,
        public: form.one("kind")? == Some("public"),
        revision: form.one("revision")?.and_then(|r| r.parse().ok()),
        lifetime,
        find: text("find")?,
        searching: form.one("search")?.is_some(),
    })
}

/// What a search in the address looks for: `?find=…` works without a form.
fn found_by(query: Option<&str>) -> Result<String, Trouble> {
    let params = Params::parse(query.unwrap_or_default().as_bytes())?;
    Ok(params.one("find")?.unwrap_or_default().to_owned())
}

async fn answer(visit: &Visit<'_>, of: Option<&store::App>, entered: Entered, wrong: Wrong) -> Result<Response, Trouble> {
    let held = match of {
        Some(app) => {
            let approved = visit.app.node.store.approvals(&app.draft_client).await?.live(visit.app.node.now());
            app.draft.scopes.union(&approved)
        }
        None => ScopeSet::default(),
    };
    let (scopes, hidden) = words::choices(
        (&visit.visitor.config.catalogue, GrantFlow::AuthorizationCode),
        &entered.written.scopes,
        &held,
        &entered.find,
    );
    let (title, back, action) = match of {
        Some(app) => {
            let (path, of) = (visit.path(app), DisplayName::new(&app.draft.name));
            (texts::edit_draft(&of), Way { href: path.clone(), text: name(&of) }, format!("{path}/edit"))
        }
        None => {
            let list = visit.list();
            let action = format!("{list}/new");
            (texts::create(), Way { href: list, text: texts::apps() }, action)
        }
    };
    let status = match (&wrong.problem, wrong.flaws.is_empty()) {
        (Some(_), _) => StatusCode::CONFLICT,
        (None, false) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, true) => StatusCode::OK,
    };
    let view = AppFormPage {
        frame: visit.visitor.frame(Section::Apps { slug: visit.org.slug.to_string() }),
        title,
        back,
        action,
        csrf: visit.visitor.csrf(),
        revision: of.map(|app| entered.revision.unwrap_or(app.revision)),
        public: entered.public,
        name: entered.written.name,
        description: entered.written.description,
        documentation_url: entered.written.documentation_url,
        uninstall_instructions: entered.written.uninstall_instructions,
        onboarding_url: entered.written.onboarding_url,
        redirect_uris: entered.written.redirect_uris.join("\n"),
        lifetime: entered.lifetime,
        lifetime_hint: definition::lifetime_hint(visit.visitor.config.oauth.access_token_ttl.as_secs(), MAX_TTL),
        require_state: entered.written.require_state,
        find: entered.find,
        scopes,
        hidden,
        flaws: wrong.flaws,
        problem: wrong.problem,
    };
    Ok(page(status, &view))
}

/// A refusal beside the form.
fn beside(refusal: &Refusal) -> Wrong {
    match refusal {
        Refusal::Flawed(flaws) => {
            let flaw = |f: &Flaw| FieldFlaw { field: f.field.name(), text: told::flaw(f) };
            Wrong { flaws: flaws.iter().map(flaw).collect(), problem: None }
        }
        other => Wrong { problem: Some(told::refusal(other)), ..Wrong::default() },
    }
}

/// `GET /orgs/{org}/apps/new`.
pub(in crate::account) async fn new_page(
    State(app): State<App>,
    Path(org): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let find = found_by(query.as_deref())?;
        let entered = Entered {
            written: Written::default(),
            public: false,
            revision: None,
            lifetime: String::new(),
            find,
            searching: true,
        };
        answer(&visit, None, entered, Wrong::default()).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/apps/new`. The answer is the app's page with the draft client's secret, this once.
pub(in crate::account) async fn create(
    State(app): State<App>,
    Path(org): Path<String>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let entered = entered(&visit.form(body).await?)?;
        if entered.searching {
            return answer(&visit, None, entered, Wrong::default()).await;
        }
        let kind = if entered.public { ClientKind::Public } else { ClientKind::Confidential };
        match visit.workshop().create(&visit.org, kind, &entered.written).await {
            Ok(made) => one(&visit, &made.app, said_once(&made)).await,
            Err(error) => answer(&visit, None, entered, beside(&refused(error)?)).await,
        }
    };
    visitor.answer(done.await)
}

/// What the page of an app that was just made says.
pub(super) fn said_once(made: &Made) -> Said {
    let secret = made.secret.as_ref().map(|s| ShownSecret {
        title: texts::draft_secret(),
        client_id: made.app.draft_client.to_string(),
        value: s.expose().to_owned(),
    });
    Said { secret, ..Said::done(texts::made()) }
}

/// `GET /orgs/{org}/apps/{app}/edit`.
pub(in crate::account) async fn edit_page(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let (found, find) = (visit.find(&id).await?, found_by(query.as_deref())?);
        let written = Written::from(&found.draft);
        let lifetime = written.access_token_ttl.map(|seconds| seconds.to_string()).unwrap_or_default();
        let entered = Entered { written, public: false, revision: None, lifetime, find, searching: true };
        answer(&visit, Some(&found), entered, Wrong::default()).await
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/apps/{app}/edit`.
pub(in crate::account) async fn edit(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let entered = entered(&visit.form(body).await?)?;
        let found = visit.find(&id).await?;
        if entered.searching {
            return answer(&visit, Some(&found), entered, Wrong::default()).await;
        }
        match visit.workshop().edit(&found, entered.revision.unwrap_or(found.revision), &entered.written).await {
            Ok(_) => Ok(crate::web::see_other(&visit.path(&found))),
            Err(error) => answer(&visit, Some(&found), entered, beside(&refused(error)?)).await,
        }
    };
    visitor.answer(done.await)
}
