//! Published documents: RFC 8414, its OpenID Connect alias, RFC 9728, and the key set. Everything is built from `public_url`,
//! never from what the request says.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use super::super::{App, OAuthError};
use super::not_found;
use crate::config::Config;
use crate::store::GrantType;
use crate::types::ScopeSet;

/// How long a document may be kept: clients look again soon after a change.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`.
pub async fn authorization_server(State(app): State<App>) -> Response {
    document(&metadata(&app.node.config.load()))
}

fn metadata(config: &Config) -> Value {
    let at = |path: &str| config.issuer.at(path);
    let mut scopes: Vec<String> = config.advertised().iter().map(ToString::to_string).collect();
    scopes.push("offline_access".to_owned());
    let methods = ["none", "client_secret_basic", "client_secret_post"];
    let mut document = json!({
        "issuer": config.issuer.as_str(),
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "jwks_uri": at("/oauth2/jwks"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "device_authorization_endpoint": at("/oauth2/device_authorization"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": true,
        "sites_uri": at("/.well-known/tollgate-sites"),
        "scopes_supported": scopes,
        "protected_resources": config.apis.iter().map(|a| a.resource.as_str()).collect::<Vec<_>>(),
        // Required by readers of the OpenID Connect alias; no ID token is issued.
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    if config.oauth.dynamic_registration {
        document["registration_endpoint"] = at("/oauth2/register").into();
    }
    document
}

/// `/.well-known/oauth-protected-resource`: this gateway as one resource.
pub async fn whole_gateway(State(app): State<App>) -> Response {
    let config = app.node.config.load();
    let scopes = config.apis.iter().fold(ScopeSet::default(), |all, api| all.union(&api.advertised));
    document(&resource(&config, config.issuer.as_str(), &config.oauth.operator_name, &scopes))
}

/// `/.well-known/oauth-protected-resource/{api path}` (RFC 9728 §3.1). Asked with a trailing slash it answers with one: clients
/// compare the resource with the URL that their user typed.
pub async fn protected_resource(State(app): State<App>, Path(path): Path<String>) -> Result<Response, OAuthError> {
    let config = app.node.config.load();
    let (mount, slash) = path.strip_suffix('/').map_or((path.as_str(), ""), |bare| (bare, "/"));
    let api = config.apis.iter().find(|a| a.mount.strip_prefix('/') == Some(mount)).ok_or_else(not_found)?;
    let identifier = format!("{}{slash}", api.resource);
    Ok(document(&resource(&config, &identifier, api.name.as_str(), &api.advertised)))
}

fn resource(config: &Config, identifier: &str, name: &str, scopes: &ScopeSet) -> Value {
    let mut document = json!({
        "resource": identifier,
        "authorization_servers": [config.issuer.as_str()],
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    });
    if !scopes.is_empty() {
        document["scopes_supported"] = json!(scopes);
    }
    document
}

/// `/.well-known/tollgate-sites`: where else an app can be, by the name that callbacks carry as `site`, and the only issuers that
/// an app should believe to be of this service.
pub async fn sites(State(app): State<App>) -> Response {
    let config = app.node.config.load();
    let site = |name: &str, issuer: &str| json!({ "site": name, "issuer": issuer });
    let mut all: Vec<Value> = config.sites.iter().map(|s| site(&s.name, s.issuer.as_str())).collect();
    if all.is_empty() {
        all.push(site(config.site(), config.issuer.as_str()));
    }
    document(&json!({ "site": config.site(), "sites": all }))
}

/// `/oauth2/jwks` (RFC 7517 §5).
pub async fn jwks(State(app): State<App>) -> Response {
    as_json(app.node.keys.jwks().to_string())
}

/// `/.well-known/tollgate-assertion-jwks` (RFC 7517 §5): what upstreams verify our assertions with, and nothing else.
pub async fn assertion_jwks(State(app): State<App>) -> Response {
    as_json(app.node.keys.assertion_jwks())
}

fn document(document: &Value) -> Response {
    as_json(document.to_string())
}

fn as_json(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, KEPT);
    response
}
