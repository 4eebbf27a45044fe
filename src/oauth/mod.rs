//! The authorization server: discovery, registration, authorization with its pages, tokens, revocation, introspection.
//!
//! Every endpoint is a list of named checks in one order. Refusals are values of one table ([`OAuthError`]); until the redirect
//! target of an authorization request is proved, failures are pages ([`crate::web::Trouble`]).

mod ask;
mod client_auth;
mod cors;
mod endpoints;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod grants;
mod pages;
pub mod passwords;
mod pkce;
mod throttle;
mod trial;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn, from_fn_with_state};

pub use error::{Code, OAuthError};
pub use trial::Trials;

use crate::node::Node;
use passwords::Passwords;
use throttle::Throttle;

/// Failed sign-ins, and accounts that invitations are answered with, are counted over this span.
const SIGN_IN_WINDOW: Duration = Duration::from_mins(15);
/// Registrations are counted over this span.
const REGISTRATION_WINDOW: Duration = Duration::from_hours(1);
/// Requests of devices, and wrong user codes, are counted over this span.
const DEVICE_WINDOW: Duration = Duration::from_mins(15);
/// Requests for authorization are counted over this span.
const AUTHORIZATION_WINDOW: Duration = Duration::from_mins(15);
/// Wrong client secrets, and the records of refused clients, are counted over this span.
const SECRET_WINDOW: Duration = Duration::from_mins(15);

/// What the endpoints share beyond the node: counters that may be forgotten at a restart.
#[derive(Clone, Debug)]
struct App {
    node: Arc<Node>,
    passwords: Arc<Passwords>,
    sign_ins: Arc<Throttle>,
    registrations: Arc<Throttle>,
    authorizations: Arc<Throttle>,
    devices: Arc<Throttle>,
    user_codes: Arc<Throttle>,
    invitations: Arc<Throttle>,
    secrets: Arc<Throttle>,
}

impl FromRef<App> for Arc<Node> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.node)
    }
}

/// The authorization server of one process.
#[derive(Clone, Debug)]
pub struct Server(App);

impl Server {
    /// Makes it.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Self(App {
            passwords: Arc::new(Passwords::new(&*node.entropy)),
            sign_ins: Arc::new(Throttle::new(SIGN_IN_WINDOW)),
            registrations: Arc::new(Throttle::new(REGISTRATION_WINDOW)),
            authorizations: Arc::new(Throttle::new(AUTHORIZATION_WINDOW)),
            devices: Arc::new(Throttle::new(DEVICE_WINDOW)),
            user_codes: Arc::new(Throttle::new(DEVICE_WINDOW)),
            invitations: Arc::new(Throttle::new(SIGN_IN_WINDOW)),
            secrets: Arc::new(Throttle::new(SECRET_WINDOW)),
            node,
        })
    }

    /// Its endpoints and pages. Requests must carry a [`crate::web::Peer`] extension.
    pub fn router(&self) -> Router {
        let harden = from_fn_with_state(Arc::clone(&self.0.node), crate::web::harden);
        let pages = pages::routes().layer(from_fn(crate::web::whole_form)).layer(from_fn(crate::web::opened));
        endpoints::routes().merge(pages).with_state(self.0.clone()).layer(harden)
    }

    /// Its token endpoint, for trials of apps.
    #[must_use]
    pub fn trials(&self) -> Trials {
        Trials(self.0.clone())
    }
}

/// The authorization server's router. Requests must carry a [`crate::web::Peer`] extension.
pub fn router(node: Arc<Node>) -> Router {
    Server::new(node).router()
}
