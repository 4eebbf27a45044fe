//! What handlers take out of a request; whatever can't be read is refused as a problem document.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::AdminError;
use super::{AdminState, Local};

/// Longest `User-Agent` that a record keeps, bytes.
const MAX_AGENT: usize = 256;

/// Administration by whoever sent the request. The guard has let it pass.
pub(super) struct Operator(pub(super) Local);

impl FromRequestParts<AdminState> for Operator {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, AdminError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
        let agent = agent.map(|a| a.chars().take(MAX_AGENT).collect());
        Ok(Self(Local::called_from(Arc::clone(&state.node), peer, agent)))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AdminState> for Body<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, AdminError> {
        let read = Json::from_request(request, state).await;
        read.map(|Json(body)| Self(body)).map_err(|e| AdminError::invalid(e.body_text()))
    }
}

/// Query parameters.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AdminState> for Params<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, AdminError> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(params)| Self(params)).map_err(|e| AdminError::invalid(e.body_text()))
    }
}

/// Captured path segments, decoded.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<AdminState> for Named<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, AdminError> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(names)| Self(names)).map_err(|e| AdminError::invalid(e.body_text()))
    }
}
