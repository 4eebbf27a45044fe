//! The organization's own apps: drafts, versions, secrets, manifests. What can be done with them is decided in [`crate::apps`].

mod manifests;
mod private;
mod secrets;
mod versions;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) use manifests::*;
pub(super) use private::*;
pub(super) use secrets::*;
pub(super) use versions::*;

use super::answer::{Answer, Nothing, Page, limit, made, one_more, place};
use super::caller::{Body, Caller, Named, Params};
use super::error::ApiError;
use super::once::{Repeatable, once};
use super::openapi::{Refusals, Stale};
use crate::admin::{
    AppChange, AppDetails, AppView, CreatedApp, NewAppKind, StableMark, Switch, SwitchTo, app_view, change_view, client_view,
    condition_view, version_view,
};
use crate::apps::{AppError, Author, Made, Refusal, Workshop, Written};
use crate::store::{App, AppState, ClientKind, Stage};
use crate::types::{AppId, AppUuid};

/// Which apps; every field narrows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct AppQuery {
    /// Text that occurs in the name, ignoring case.
    text: Option<String>,
    /// `active` or `disabled`.
    #[param(inline)]
    state: Option<Switch>,
    /// Whether there is a version.
    published: Option<bool>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// An app to be made; it belongs to the token's organization.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct NewOwnApp {
    /// `confidential` (the default) or `public`; never changes.
    kind: NewAppKind,
    /// Its name for people.
    name: String,
    /// What it is for.
    description: String,
    /// Where its documentation is.
    documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    uninstall_instructions: String,
    /// Where an authorization starts.
    onboarding_url: Option<String>,
    /// Where answers may go.
    redirect_uris: Vec<String>,
    /// What it asks for.
    scopes: Vec<String>,
    /// Lifetime of its clients' access tokens in seconds, when they have one of their own.
    #[schema(minimum = 1, maximum = 86_400)]
    access_token_ttl_seconds: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    require_state: bool,
}

/// Apps that are read at once where a filter is looked through.
const AT_ONCE: u32 = 100;

/// An answer about a draft, with its revision as `ETag`.
pub(in crate::api) struct Revised<T>(u64, T);

impl<T: Serialize> IntoResponse for Revised<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

type RevisedAnswer<T> = Result<Revised<T>, ApiError>;

impl Caller {
    fn workshop(&self) -> Workshop<'_> {
        Workshop::new(&self.node, Author::Member, self.cause())
    }

    /// An app of the organization, by id or `app_uuid`.
    async fn app(&self, named: &str) -> Result<App, ApiError> {
        let store = &self.node.store;
        let found = match (AppUuid::parse(&named.to_lowercase()), AppId::parse(named)) {
            (Ok(uuid), _) => store.app_by_uuid(&self.org().id, &uuid).await?,
            (_, Ok(id)) => store.app(&id).await?,
            _ => None,
        };
        let missing = || ApiError::not_found("the organization has no such app");
        found.filter(|app| app.org == self.org().id).ok_or_else(missing)
    }

    /// The same, as it was when its `ETag` was this one.
    async fn app_seen(&self, named: &str, headers: &HeaderMap) -> Result<App, ApiError> {
        let app = self.app(named).await?;
        let Some(wanted) = headers.get(IF_MATCH) else { return Ok(app) };
        if wanted == "*" || wanted.to_str().is_ok_and(|tag| tag.trim() == format!("\"{}\"", app.revision)) {
            return Ok(app);
        }
        Err(ApiError::stale("the draft was changed since; look at it again"))
    }
}

/// Apps of the organization, newest first.
#[utoipa::path(
    get, path = "/api/v1/apps", tag = "apps", security(("token" = ["clients:read"])),
    params(AppQuery),
    responses((status = 200, description = "Done", body = Page<AppView>), Refusals)
)]
pub(in crate::api) async fn list_apps(caller: Caller, Params(query): Params<AppQuery>) -> Answer<Page<AppView>> {
    let text = query.text.map(|t| t.to_lowercase());
    let state = query.state.map(state);
    let wanted = |app: &App| {
        text.as_ref().is_none_or(|t| app.draft.name.to_lowercase().contains(t))
            && state.is_none_or(|s| s == app.state)
            && query.published.is_none_or(|p| p == app.published_client.is_some())
    };
    let limit = limit(query.limit)?;
    let mut after = query.cursor.as_deref().map(|c| place(c, AppId::parse)).transpose()?;
    let (mut found, at_once) = (Vec::new(), one_more(limit).max(AT_ONCE));
    // What the filters leave of a page may be little: read on until there is enough, or no more.
    loop {
        let read = caller.node.store.find_apps(&caller.org().id, after.as_ref(), at_once).await?;
        let all = read.len() < at_once as usize;
        after = read.last().map(|last| (last.created_at, last.id.clone()));
        found.extend(read.into_iter().filter(wanted));
        if all || found.len() > limit {
            break;
        }
    }
    Ok(Json(Page::found(found, limit, |last| made(last.created_at, &last.id), app_view)))
}

/// Makes an app with its draft client. That client's secret is in this answer and nowhere else; repeating the request with the same
/// `Idempotency-Key` within a day gives the same answer again.
#[utoipa::path(
    post, path = "/api/v1/apps", tag = "apps", security(("token" = ["clients:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of your own for this request")),
    request_body = NewOwnApp,
    responses((status = 201, description = "Made", body = CreatedApp), Refusals)
)]
pub(in crate::api) async fn create_app(
    caller: Caller,
    headers: HeaderMap,
    Body(new): Body<NewOwnApp>,
) -> Result<Repeatable, ApiError> {
    let (asked, kind) = (new.clone(), ClientKind::from(new.kind));
    let written = Written {
        name: new.name,
        description: new.description,
        documentation_url: new.documentation_url.unwrap_or_default(),
        uninstall_instructions: new.uninstall_instructions,
        onboarding_url: new.onboarding_url.unwrap_or_default(),
        redirect_uris: new.redirect_uris,
        scopes: new.scopes,
        access_token_ttl: new.access_token_ttl_seconds,
        require_state: new.require_state,
    };
    let made = async {
        let Made { app, secret } = caller.workshop().create(caller.org(), kind, &written).await?;
        Ok(CreatedApp { app: app_view(app), client_secret: secret.map(|s| s.expose().to_owned()) })
    };
    once(&caller, &headers, "apps", &asked, made).await
}

/// One app with its clients, its versions, what publishing would change and what it still needs. The `ETag` is the draft's revision.
#[utoipa::path(
    get, path = "/api/v1/apps/{app}", tag = "apps", security(("token" = ["clients:read"])),
    params(("app" = String, Path, description = "Id or `app_uuid`")),
    responses((status = 200, description = "Done", body = AppDetails, headers(("ETag" = String, description = "The revision"))), Refusals)
)]
pub(in crate::api) async fn show_app(caller: Caller, Named(app): Named, _: Params<Nothing>) -> RevisedAnswer<AppDetails> {
    let (app, bench) = (caller.app(&app).await?, caller.workshop());
    let mut clients = Vec::new();
    for (stage, id) in [(Stage::Draft, Some(&app.draft_client)), (Stage::Published, app.published_client.as_ref())] {
        let Some(id) = id else { continue };
        let client = caller.node.store.client(id).await?.ok_or(AppError::Refused(Refusal::Gone))?;
        clients.push(client_view(client, &bench.secrets(&app, stage).await?));
    }
    let details = AppDetails {
        clients,
        versions: caller.node.store.app_versions(&app.id).await?.into_iter().map(version_view).collect(),
        changes: bench.pending(&app).await?.into_iter().map(change_view).collect(),
        conditions: bench.conditions(&app).await?.into_iter().map(condition_view).collect(),
        untried_scopes: bench.untried(&app).await?,
        app: app_view(app),
    };
    Ok(Revised(details.app.revision, details))
}

/// Changes the draft; what is absent stays, and the stable mark goes. With `If-Match`, or `revision` in the body, only if nobody changed it since.
#[utoipa::path(
    patch, path = "/api/v1/apps/{app}", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what was looked at"),
    ),
    request_body = AppChange,
    responses((status = 200, description = "Done", body = AppView, headers(("ETag" = String, description = "The revision"))), Stale, Refusals)
)]
pub(in crate::api) async fn update_app(
    caller: Caller,
    Named(app): Named,
    headers: HeaderMap,
    Body(change): Body<AppChange>,
) -> RevisedAnswer<AppView> {
    let app = caller.app_seen(&app, &headers).await?;
    let (revision, before) = (change.revision.unwrap_or(app.revision), Written::from(&app.draft));
    let changed = caller.workshop().edit(&app, revision, &change.onto(before)).await;
    revised(changed, &headers)
}

/// Marks the draft stable, or in work again. With `If-Match` only as it was looked at.
#[utoipa::path(
    put, path = "/api/v1/apps/{app}/stable", tag = "apps", security(("token" = ["clients:write"])),
    params(
        ("app" = String, Path, description = "Id or `app_uuid`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what was looked at"),
    ),
    request_body = StableMark,
    responses((status = 200, description = "Done", body = AppView, headers(("ETag" = String, description = "The revision"))), Stale, Refusals)
)]
pub(in crate::api) async fn mark_app(
    caller: Caller,
    Named(app): Named,
    headers: HeaderMap,
    Body(mark): Body<StableMark>,
) -> RevisedAnswer<AppView> {
    let app = caller.app_seen(&app, &headers).await?;
    revised(caller.workshop().mark(&app, mark.maturity).await, &headers)
}

/// Whoever named a revision in `If-Match` and lost a race is told as if they had come later.
fn revised(outcome: Result<App, AppError>, headers: &HeaderMap) -> RevisedAnswer<AppView> {
    match outcome {
        Ok(app) => Ok(Revised(app.revision, app_view(app))),
        Err(AppError::Refused(Refusal::Stale)) if headers.contains_key(IF_MATCH) => {
            Err(ApiError::stale(Refusal::Stale.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Switches an app off or on, with its clients: off, no token of them works when the answer comes.
#[utoipa::path(
    put, path = "/api/v1/apps/{app}/state", tag = "apps", security(("token" = ["clients:write"])),
    params(("app" = String, Path, description = "Id or `app_uuid`")),
    request_body = SwitchTo,
    responses((status = 200, description = "Done", body = AppView), Refusals)
)]
pub(in crate::api) async fn switch_app(caller: Caller, Named(app): Named, Body(to): Body<SwitchTo>) -> Answer<AppView> {
    let app = caller.app(&app).await?;
    Ok(Json(app_view(caller.workshop().switch(&app, state(to.state)).await?)))
}

/// Removes an app with its clients; their grants have ended when the answer comes.
#[utoipa::path(
    delete, path = "/api/v1/apps/{app}", tag = "apps", security(("token" = ["clients:write"])),
    params(("app" = String, Path, description = "Id or `app_uuid`")),
    responses((status = 204, description = "Done"), Refusals)
)]
pub(in crate::api) async fn delete_app(caller: Caller, Named(app): Named) -> Result<StatusCode, ApiError> {
    let app = caller.app(&app).await?;
    caller.workshop().delete(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}

const fn state(to: Switch) -> AppState {
    match to {
        Switch::Active => AppState::Active,
        Switch::Disabled => AppState::Disabled,
    }
}
