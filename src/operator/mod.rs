//! The operator's pages, at `/operator/…`: organizations, users, clients and private scopes of everybody who is here.
//!
//! They open for active people whom `tollgate user operator add` named, within a quarter of an hour of signing in. For everybody
//! else there is nothing, byte for byte. What is done here is done by the operations of [`crate::admin`], on record as the
//! person's who did it, in the log of each organization that it concerns.

mod clients;
mod organizations;
mod scopes;
mod shadow;
#[cfg(test)]
mod tests;
mod users;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use http::request::Parts;
use http::{HeaderMap, Method};
use url::form_urlencoded::Serializer;

use crate::admin::{AdminError, Local, Refusal, RefusalCode, Rule};
use crate::config::Config;
use crate::node::Node;
use crate::pages::duration_words;
use crate::pages::texts::{Text, operator as texts, troubles};
use crate::pages::views::{AtStake, Frame, ListField, ListSearch, Section, Steps, Switched};
use crate::record::Actor;
use crate::store::{Counted, Org, StoreError};
use crate::types::Slug;
use crate::web::{AnySession, Params, Peer, Trouble, missing, see_other, signed_in};

/// Where the first of the pages is.
const FIRST: &str = "/operator/organizations";
/// Lines on one page.
const PAGE: u32 = 50;
/// Longest text that is searched for, characters.
const MAX_TEXT: usize = 200;

/// What the pages share.
#[derive(Clone)]
struct App {
    node: Arc<Node>,
}

impl FromRef<App> for Arc<Node> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.node)
    }
}

/// Where a page is, and what answers there.
type Route = (&'static str, fn() -> MethodRouter<App>);

/// Every page. The tests try each of them as everybody who could. A method that a page doesn't take must not tell that there is a
/// page: `any` answers without `Allow`.
const ROUTES: [Route; 10] = [
    ("/operator", || any(missing).get(first)),
    ("/operator/organizations", || any(missing).get(organizations::list).post(organizations::create)),
    ("/operator/organizations/{org}", || any(missing).get(organizations::show).post(organizations::act)),
    ("/operator/users", || any(missing).get(users::list)),
    ("/operator/users/{user}", || any(missing).get(users::show).post(users::act)),
    ("/operator/clients", || any(missing).get(clients::list)),
    ("/operator/clients/{client}", || any(missing).get(clients::show).post(clients::act)),
    ("/operator/scopes", || any(missing).get(scopes::list)),
    ("/operator/scopes/{holder}/{scope}", || any(missing).get(scopes::show).post(scopes::act)),
    ("/operator/shadow", || any(missing).get(shadow::list)),
];

/// The pages' router. Requests must carry a [`Peer`] extension.
pub fn router(node: Arc<Node>) -> Router {
    let app = App { node: Arc::clone(&node) };
    let pages = ROUTES.iter().fold(Router::new(), |pages, (path, methods)| pages.route(path, methods()));
    pages.with_state(app).layer(from_fn(crate::web::whole_form)).layer(from_fn_with_state(node, crate::web::harden))
}

async fn first(_: Operating) -> Response {
    see_other(FIRST)
}

/// An operator who signed in a moment ago. As an extractor it sends an operator who did so earlier to sign in again, and tells
/// everybody else that there is nothing.
struct Operating {
    session: AnySession,
    peer: Peer,
    config: Arc<Config>,
    headers: HeaderMap,
    /// Whether it asks for a change.
    changes: bool,
}

impl FromRequestParts<App> for Operating {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let node = &app.node;
        let config = node.config.load_full();
        let peer = Peer::from_request_parts(parts, app).await.map_err(axum::response::IntoResponse::into_response)?;
        let found = signed_in(node, &config, &parts.headers).await;
        let found = found.map_err(|fault: StoreError| Trouble::from(fault).page(&config, &peer))?;
        match found.filter(|session| session.operator && !session.must_change_password) {
            None => Err(missing(axum::extract::State(Arc::clone(node)), peer, parts.headers.clone()).await),
            Some(session) if !session.is_fresh(node.now()) => Err(see_other(&sign_in_again(parts))),
            Some(session) => Ok(Self { session, peer, config, headers: parts.headers.clone(), changes: !parts.method.is_safe() }),
        }
    }
}

/// The way to sign in and back; behind a form, to the page that it stood on.
fn sign_in_again(parts: &Parts) -> String {
    let next = match parts.method {
        Method::GET => parts.uri.path_and_query().map_or(FIRST, |p| p.as_str()),
        _ => parts.uri.path(),
    };
    let next = if next == "/operator" { FIRST } else { next };
    Serializer::for_suffix("/login?".to_owned(), 7).append_pair("next", next).finish()
}

impl Operating {
    fn frame(&self) -> Frame {
        self.session.frame(&self.config, Section::Operator)
    }

    fn csrf(&self) -> String {
        self.session.csrf.as_str().to_owned()
    }

    /// The operations of administration, on record as this person's.
    fn administration(&self, app: &App) -> Local {
        let actor = Actor { user: Some(self.session.user.id.clone()), ..Actor::default() };
        Local::on_behalf_of(Arc::clone(&app.node), self.peer.cause(&app.node, actor))
    }

    /// The page, or what is said in its place. What a change is refused for holds everywhere by then. No layer does that here: to
    /// whoever is no operator every form is missing, and they could have all nodes asked without end.
    async fn answer(self, app: &App, outcome: Result<Response, Trouble>) -> Response {
        let (node, config, peer, changes) = (&app.node, Arc::clone(&self.config), self.peer.clone(), self.changes);
        let response = match outcome {
            Ok(response) => response,
            Err(trouble) if trouble.status == http::StatusCode::NOT_FOUND => {
                missing(axum::extract::State(Arc::clone(node)), self.peer, self.headers).await
            }
            Err(trouble) => trouble.page(&self.config, &self.peer),
        };
        if !changes {
            return response;
        }
        let settled = crate::web::refused_change(node, response).await;
        settled.unwrap_or_else(|fault| Trouble::from(fault).page(&config, &peer))
    }
}

/// There is no such thing, or no such page.
fn nothing() -> Trouble {
    Trouble::at(http::StatusCode::NOT_FOUND, troubles::missing())
}

/// What became of an operation: its answer, or a refusal that the page can tell.
fn told<T>(outcome: Result<T, AdminError>) -> Result<Result<T, Refusal>, Trouble> {
    match outcome {
        Ok(done) => Ok(Ok(done)),
        Err(AdminError::Refused(refusal)) if refusal.code == RefusalCode::NotFound => Err(nothing()),
        Err(AdminError::Refused(refusal)) => Ok(Err(refusal)),
        Err(AdminError::Store(fault)) => Err(fault.into()),
        Err(AdminError::Keys(fault)) => Err(fault.into()),
        Err(fault @ (AdminError::Password(_) | AdminError::Gateway { .. })) => {
            Err(StoreError::Unavailable { what: "administering", source: Box::new(fault) }.into())
        }
    }
}

/// A refusal in the words of the pages.
fn why(refusal: &Refusal) -> Text {
    match &refusal.rule {
        Some(Rule::Slug) => texts::unfit_slug(),
        Some(Rule::SlugTaken(slug)) => texts::slug_taken(slug.as_str()),
        Some(Rule::Name(most)) => texts::unfit_name(*most),
        Some(Rule::Tenant(most)) => texts::unfit_tenant(*most),
        Some(Rule::Term(seconds)) => texts::unfit_term(&duration_words(Duration::from_secs(*seconds))),
        Some(Rule::NotWaiting) => texts::not_waiting(),
        Some(Rule::NotGiven) => texts::not_given(),
        None => texts::not_done(),
    }
}

/// What an address says after `?`; a damaged one says nothing.
struct Asked(Params);

impl Asked {
    fn of(query: Option<&str>) -> Self {
        Self(Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default())
    }

    /// A text, bounded, without white space around it; empty when there is none.
    fn text(&self, name: &'static str) -> String {
        let text = self.0.one(name).ok().flatten().unwrap_or_default();
        text.trim().chars().take(MAX_TEXT).collect()
    }

    fn value<T: FromStr>(&self, name: &'static str) -> Option<T> {
        self.0.one(name).ok().flatten()?.parse().ok()
    }

    fn is(&self, name: &'static str, value: &str) -> bool {
        self.0.one(name).ok().flatten() == Some(value)
    }

    /// What was done, as far as `frozen` bears it out.
    fn switched(&self, frozen: bool) -> Option<Switched> {
        let (word, switched) = if frozen { ("frozen", Switched::Frozen) } else { ("thawed", Switched::Thawed) };
        self.is("done", word).then_some(switched)
    }

    /// The lines to read: one more than a page has, to know whether there are more.
    fn lines(&self) -> (u32, u32) {
        (self.value("from").unwrap_or(0), PAGE + 1)
    }

    /// Cuts what was read to a page, and says where the pages beside it are.
    fn steps<T>(&self, rows: &mut Vec<T>, path: &str, filter: &[(&str, &str)]) -> Steps {
        let (start, more) = (self.lines().0, rows.len() > PAGE as usize);
        rows.truncate(PAGE as usize);
        let at = |from: u32| {
            let mut query = Serializer::new(String::new());
            query.extend_pairs(filter.iter().filter(|(_, value)| !value.is_empty()));
            format!("{path}?{}", query.append_pair("from", &from.to_string()).finish())
        };
        Steps { back: (start > 0).then(|| at(start.saturating_sub(PAGE))), on: more.then(|| at(start.saturating_add(PAGE))) }
    }
}

/// The search of a list of which so many are on this page.
fn search(path: &str, label: Text, text: &str, found: usize, steps: &Steps) -> ListSearch {
    let (path, text) = (path.to_owned(), text.to_owned());
    ListSearch { path, label, text, beside: None, choice: None, found, more: steps.back.is_some() || steps.on.is_some() }
}

/// The field for the short name of an organization.
fn org_field(label: Text, slug: &str) -> ListField {
    ListField { name: "org".to_owned(), label, value: slug.to_owned() }
}

/// The organization of a short name that was searched for: `None` when there is none of it.
async fn named_org(app: &App, slug: &str) -> Result<Option<Org>, StoreError> {
    match Slug::parse(slug) {
        Ok(slug) => app.node.store.org_by_slug(&slug).await,
        Err(_) => Ok(None),
    }
}

async fn at_stake(app: &App, on: Counted<'_>) -> Result<AtStake, StoreError> {
    let resting = app.node.store.resting(on, app.node.now()).await?;
    Ok(AtStake { grants: resting.grants, users: resting.users, orgs: resting.orgs, keys: resting.keys })
}
