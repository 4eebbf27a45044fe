//! One file per endpoint, and the routes.

mod authorize;
mod device;
mod discovery;
mod introspect;
mod register;
mod revoke;
mod token;

pub use authorize::WayBack;
pub(super) use device::unbound;
#[cfg(any(test, fuzzing))]
pub(super) use register::understood;
pub(super) use token::redeem;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{any, get, post};

use super::{App, Code, OAuthError, cors};
use crate::web::MAX_FORM;

/// Routes that any origin may call, those that none may, and a refusal for whatever else looks like ours: nothing below
/// `/oauth2/` or `/.well-known/` is ever somebody else's.
pub(super) fn routes() -> Router<App> {
    let open = Router::new()
        .route("/.well-known/oauth-authorization-server", get(discovery::authorization_server))
        .route("/.well-known/openid-configuration", get(discovery::authorization_server))
        .route("/.well-known/oauth-protected-resource", get(discovery::whole_gateway))
        .route("/.well-known/oauth-protected-resource/", get(discovery::whole_gateway))
        .route("/.well-known/oauth-protected-resource/{*path}", get(discovery::protected_resource))
        .route("/.well-known/tollgate-sites", get(discovery::sites))
        .route("/oauth2/jwks", get(discovery::jwks))
        .route("/.well-known/tollgate-assertion-jwks", get(discovery::assertion_jwks))
        .route("/oauth2/token", post(token::exchange))
        .route("/oauth2/device_authorization", post(device::begin))
        .route("/oauth2/register", post(register::register))
        .route("/oauth2/revoke", post(revoke::revoke))
        .method_not_allowed_fallback(async || not_allowed())
        .layer(from_fn(cors::open));
    let closed = Router::new()
        .route("/oauth2/authorize", get(authorize::by_get).post(authorize::by_post))
        .route("/oauth2/introspect", post(introspect::introspect))
        .route("/oauth2/{*rest}", any(async || not_found()))
        .route("/.well-known/{*rest}", any(async || not_found()))
        .method_not_allowed_fallback(async || not_allowed());
    open.merge(closed).layer(DefaultBodyLimit::max(MAX_FORM))
}

fn not_found() -> OAuthError {
    OAuthError::new(Code::NotFound, "Nothing is here; /.well-known/oauth-authorization-server lists what is")
}

fn not_allowed() -> OAuthError {
    OAuthError::new(Code::MethodNotAllowed, "This endpoint takes another method")
}
