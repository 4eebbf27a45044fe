//! Who asks, and what of the request handlers take.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Api;
use super::error::ApiError;
use crate::account::AuditFlush;
use crate::admin::Local;
use crate::clients::{self, Clients};
use crate::config::Config;
use crate::node::Node;
use crate::record::{Actor, Cause};
use crate::roster::{By, Roster};
use crate::store::Org;
use crate::token::Principal;
use crate::web::Peer;

/// Who asks, as the gate found.
pub(super) struct Caller {
    pub(super) node: Arc<Node>,
    pub(super) flush: Arc<dyn AuditFlush>,
    pub(super) config: Arc<Config>,
    pub(super) principal: Arc<Principal>,
    peer: Peer,
}

impl Caller {
    /// The organization that everything is about.
    pub(super) fn org(&self) -> &Org {
        &self.principal.org
    }

    /// The user, through the application, as the actor of a change.
    pub(super) fn cause(&self) -> Cause {
        let p = &self.principal;
        let actor = Actor {
            user: Some(p.user.id.clone()),
            client: Some(p.client.id.clone()),
            client_name: Some(p.client.name.clone()),
            grant: Some(p.claims.grant.clone()),
            token: Some(p.claims.jti.clone()),
        };
        self.peer.cause(&self.node, actor)
    }

    /// Administration that is on record as this caller's.
    pub(super) fn administration(&self) -> Local {
        Local::on_behalf_of(Arc::clone(&self.node), self.cause())
    }

    /// The members of the organization, changed as this caller may.
    pub(super) fn roster(&self) -> Roster<'_> {
        Roster::new(&self.node, self.org(), By::Member(self.principal.user.id.clone()), self.cause())
    }

    /// The clients of the organization, changed as this caller may.
    pub(super) fn clients(&self) -> Clients<'_> {
        let by = clients::By::Member { user: self.principal.user.id.clone(), org: self.org() };
        Clients::new(&self.node, by, self.cause())
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let (Some(principal), Some(peer)) = (parts.extensions.get::<Arc<Principal>>(), parts.extensions.get::<Peer>()) else {
            // It can't happen while this router is only reached through the gate.
            tracing::error!("a request reached the API without a principal");
            return Err(ApiError::unavailable());
        };
        Ok(Self {
            node: Arc::clone(&api.node),
            flush: Arc::clone(&api.flush),
            config: api.node.config.load_full(),
            principal: Arc::clone(principal),
            peer: peer.clone(),
        })
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let read = Json::from_request(request, api).await;
        read.map(|Json(body)| Self(body)).map_err(|e| ApiError::invalid(e.body_text()))
    }
}

/// Query parameters.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let read = Query::from_request_parts(parts, api).await;
        read.map(|Query(params)| Self(params)).map_err(|e| ApiError::invalid(e.body_text()))
    }
}

/// Captured path segments, decoded.
pub(super) struct Named<T = String>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let read = Path::from_request_parts(parts, api).await;
        read.map(|Path(names)| Self(names)).map_err(|e| ApiError::invalid(e.body_text()))
    }
}
