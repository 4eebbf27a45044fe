//! Who came to a page, and how they are answered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

use super::App;
use super::form::Form;
use crate::config::Config;
use crate::pages::views::{Frame, Section};
use crate::record::{Actor, Cause};
use crate::web::{Peer, SignedIn, Trouble};

/// Somebody who is signed in, with what answering their request takes. As an extractor it does what [`SignedIn`] does.
pub(super) struct Visitor {
    pub(super) config: Arc<Config>,
    pub(super) peer: Peer,
    pub(super) who: SignedIn,
    pub(super) headers: HeaderMap,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let config = app.node.config.load_full();
        let peer = Peer::from_request_parts(parts, app).await.map_err(axum::response::IntoResponse::into_response)?;
        let who = SignedIn::from_request_parts(parts, app).await?;
        Ok(Self { config, peer, who, headers: parts.headers.clone() })
    }
}

impl Visitor {
    /// The frame of a page in `section`.
    pub(super) fn frame(&self, section: Section) -> Frame {
        self.who.frame(&self.config, section)
    }

    /// What the page's forms carry.
    pub(super) fn csrf(&self) -> String {
        self.who.csrf.as_str().to_owned()
    }

    /// The form that one of our own pages sent with this request.
    pub(super) async fn form(&self, body: Body) -> Result<Form, Trouble> {
        Form::read(&self.config, &self.headers, body, &self.who).await
    }

    /// This request, on behalf of who came.
    pub(super) fn cause(&self, app: &App) -> Cause {
        self.peer.cause(&app.node, Actor { user: Some(self.who.user.id.clone()), ..Actor::default() })
    }

    /// The page, or what is said in its place.
    pub(super) fn answer(&self, outcome: Result<Response, Trouble>) -> Response {
        outcome.unwrap_or_else(|trouble| trouble.page(&self.config, &self.peer))
    }
}
