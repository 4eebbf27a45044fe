//! The root page, and the files that pages link to.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::super::App;
use crate::config::{Config, Logo, Target};
use crate::pages::assets;
use crate::pages::views::{HomePage, Presence, Section};
use crate::web::{Peer, Trouble, frame, page, signed_in};

/// What signing out adds to the address.
pub(super) const SIGNED_OUT: &str = "signed-out";

/// `GET /`.
pub async fn home(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let config = app.node.config.load_full();
    let out = query.as_deref() == Some(SIGNED_OUT);
    show(&app, &config, out, &headers).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn show(app: &App, config: &Config, out: bool, headers: &HeaderMap) -> Result<Response, Trouble> {
    let frame = match signed_in(&app.node, config, headers).await? {
        Some(session) => session.frame(config, Section::Elsewhere),
        None => frame(config),
    };
    let presence = if out && frame.viewer.is_none() { Presence::JustSignedOut } else { Presence::Visiting };
    let own = config.apis.iter().find(|a| matches!(a.target, Target::OwnMcp));
    let view = HomePage { frame, presence, mcp_url: own.map(|a| a.resource.to_string()) };
    Ok(page(StatusCode::OK, &view))
}

/// `GET /assets/{file}`: named by content, so kept for ever.
pub async fn asset(State(app): State<App>, uri: Uri) -> Response {
    if let Some(asset) = assets::asset(uri.path()) {
        return kept(asset.body.into_response(), asset.content_type, asset.policy);
    }
    match &app.node.config.load().oauth.operator_logo {
        Some(logo) if logo.path == uri.path() => kept(logo.body.clone().into_response(), logo.content_type, Some(Logo::POLICY)),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn kept(mut response: Response, content_type: &'static str, policy: Option<&'static str>) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL));
    if let Some(policy) = policy {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    response
}
