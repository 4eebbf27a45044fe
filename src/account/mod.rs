//! What signed-in people see of their own and of their organization: the applications that work for them, the
//! apps that it makes, and the audit log.
//!
//! What these pages put on record themselves: a revocation (`grant.revoke.user`, written by the store beside the change) and a
//! download of the log (`audit.export`, written before its first byte). Looking at a page is not recorded.

pub mod activity;
pub mod applications;
mod apps;
mod audit;
mod client;
mod events;
mod form;
mod grant;
pub mod log;
mod org;
mod sessions;
mod settings;
mod stand_in;
mod standing;
mod visitor;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::StatusCode;

pub use crate::record::AuditFlush;
pub use stand_in::{Called, Refused, Sent, StandIn, Unanswered};

use crate::node::Node;
use crate::pages::texts::troubles;
use crate::web::{Peer, Trouble};

/// What the pages share.
#[derive(Clone)]
struct App {
    node: Arc<Node>,
    flush: Arc<dyn AuditFlush>,
    stand_in: Arc<dyn StandIn>,
}

impl FromRef<App> for Arc<Node> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.node)
    }
}

/// Where a page is, and what answers there.
type Route = (&'static str, fn() -> MethodRouter<App>);

/// Every page. The tests try each of them, by every method that it takes, as everybody who could.
const ROUTES: [Route; 32] = [
    ("/settings/applications", || get(settings::show).post(settings::revoke)),
    ("/settings/applications/{grant}", || get(grant::show).post(grant::act)),
    ("/settings/sessions", || get(sessions::show).post(sessions::act)),
    ("/settings/events", || get(events::show)),
    ("/orgs/{org}/applications", || get(org::applications).post(org::applications_act)),
    ("/orgs/{org}/applications/{client}", || get(org::application).post(org::application_act)),
    ("/orgs/{org}/applications/{client}/uninstall", || get(org::leave_page).post(org::leave)),
    ("/orgs/{org}/install", || get(org::install_page).post(org::install)),
    ("/orgs/{org}/keys", || get(org::api_keys)),
    ("/orgs/{org}/members", || get(org::members).post(org::members_act)),
    ("/orgs/{org}/machines", || get(org::machines)),
    ("/orgs/{org}/machines/new", || get(org::new_machine).post(org::create_machine)),
    ("/orgs/{org}/machines/{client}", || get(org::machine).post(org::machine_act)),
    ("/orgs/{org}/machines/{client}/scopes", || get(org::machine_scopes).post(org::set_machine_scopes)),
    ("/orgs/{org}/review", || get(org::review)),
    ("/orgs/{org}/review.csv", || get(org::review_csv)),
    ("/orgs/{org}/review.json", || get(org::review_json)),
    ("/orgs/{org}/audit", || get(audit::list)),
    ("/orgs/{org}/audit.ndjson", || get(audit::ndjson)),
    ("/orgs/{org}/audit.csv", || get(audit::csv)),
    ("/orgs/{org}/audit/searches", || post(audit::searches)),
    ("/orgs/{org}/audit/{record}", || get(audit::record)),
    ("/orgs/{org}/apps", || get(apps::list)),
    ("/orgs/{org}/apps/new", || get(apps::new_page).post(apps::create)),
    ("/orgs/{org}/apps/import", || get(apps::import_page).post(apps::import)),
    ("/orgs/{org}/apps/{app}", || get(apps::show).post(apps::act)),
    ("/orgs/{org}/apps/{app}/edit", || get(apps::edit_page).post(apps::edit)),
    ("/orgs/{org}/apps/{app}/publish", || get(apps::publish_page).post(apps::publish)),
    ("/orgs/{org}/apps/{app}/delete", || get(apps::delete_page).post(apps::delete)),
    ("/orgs/{org}/apps/{app}/test", || get(apps::trial_page).post(apps::trial_act)),
    ("/orgs/{org}/apps/{app}/test/callback", || get(apps::trial_callback)),
    ("/orgs/{org}/apps/{app}/manifest.json", || get(apps::manifest)),
];

/// The pages' router. Requests must carry a [`crate::web::Peer`] extension.
pub fn router(node: Arc<Node>, flush: Arc<dyn AuditFlush>, stand_in: Arc<dyn StandIn>) -> Router {
    let app = App { node: Arc::clone(&node), flush, stand_in };
    let pages = ROUTES.iter().fold(Router::new(), |pages, (path, methods)| pages.route(path, methods()));
    pages
        .with_state(app)
        .layer(from_fn(crate::web::whole_form))
        .route_layer(from_fn_with_state(Arc::clone(&node), settled))
        .layer(from_fn_with_state(node, crate::web::harden))
}

/// What a form is refused for holds everywhere when it is told.
async fn settled(State(node): State<Arc<Node>>, peer: Peer, request: Request, next: Next) -> Response {
    let answer = crate::web::settled_refusal(&node, request, next).await;
    answer.unwrap_or_else(|error| Trouble::from(error).page(&node.config.load(), &peer))
}

/// The same answer for what is not there and for what somebody may not see.
fn not_found() -> Trouble {
    Trouble::at(StatusCode::NOT_FOUND, troubles::not_yours())
}
