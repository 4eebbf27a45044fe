//! Device authorization (RFC 8628 §3.1): a device without a browser asks, and a person decides on another one.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use super::super::client_auth::AuthenticatedClient;
use super::super::throttle::Attempt;
use super::super::{App, Code, OAuthError, ask};
use crate::config::{Config, GrantFlow};
use crate::record::Cause;
use crate::store::{Created, DeviceRequest, GrantType};
use crate::types::{AuthRequestId, PlainToken, ResourceId, ScopeSet, TokenKind, UserCode};

/// How long a device waits between two questions, unless it is told to wait longer (RFC 8628 §3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Requests of devices per address in a quarter of an hour: each is a row that waits, and a code that could be guessed.
const REQUESTS: u32 = 60;
/// User codes that are tried before giving up: there are 20^8, so the second one is free.
const TRIES: usize = 4;

/// `POST /oauth2/device_authorization`.
pub async fn begin(State(app): State<App>, caller: AuthenticatedClient) -> Result<Response, OAuthError> {
    let config = app.node.config.load_full();
    if !caller.client.grant_types.contains(&GrantType::DeviceCode) {
        let text = "This client is not set up for device authorization; register it with that grant type";
        return Err(OAuthError::new(Code::UnauthorizedClient, text));
    }
    let resources = unbound(ask::targets(&config, caller.params.all("resource"))?)?;
    let asked = ask::scope_param(caller.params.one("scope")?)?;
    let approved = ask::approved_scopes(&app.node, &config, &caller.client).await?;
    let asking = ask::Asking { client: &caller.client, approved: &approved, flow: GrantFlow::DeviceCode };
    let scopes = ask::authorize_scopes(&config, asking, asked, &resources)?;
    let now = app.node.now();
    if let Attempt::Wait(left) = app.devices.attempt(&caller.peer.network(), REQUESTS, now) {
        let text = "Too many devices asked from this address; wait before asking again";
        return Err(OAuthError::new(Code::TooManyRequests, text).retry_after(left.as_secs().max(1)));
    }
    let code = PlainToken::generate(TokenKind::DeviceCode, &*app.node.entropy);
    let cause = caller.peer.cause(&app.node, caller.actor());
    let request = freeze(&app, &config, &caller, (scopes, resources), (&code, &cause)).await?;
    app.node.metrics.devices.with_label_values(&["requested"]).inc();
    Ok(answer(&config, &request, &code))
}

/// A device has nobody before it who could be told that they chose another organization than it asks for.
///
/// # Errors
/// `invalid_target` when an organization is named.
pub fn unbound(targets: ask::Targets) -> Result<Vec<ResourceId>, OAuthError> {
    match targets.anywhere() {
        (resources, None) => Ok(resources),
        (_, Some(_)) => {
            let text = "A device can't ask for an organization; name the resource by the URL that its metadata publishes";
            Err(OAuthError::new(Code::InvalidTarget, text))
        }
    }
}

/// Writes the request down under a user code that no other request has.
async fn freeze(
    app: &App,
    config: &Config,
    caller: &AuthenticatedClient,
    (scopes, resources): (ScopeSet, Vec<ResourceId>),
    (code, cause): (&PlainToken, &Cause),
) -> Result<DeviceRequest, OAuthError> {
    let mut request = DeviceRequest {
        id: AuthRequestId::generate(cause.at, &*app.node.entropy),
        client: caller.client.id.clone(),
        user_code: UserCode::generate(&*app.node.entropy),
        scopes,
        resources,
        from: caller.peer.addr.map(|a| a.ip().to_canonical()),
        user_agent: caller.peer.user_agent.clone(),
        interval: INTERVAL,
        created_at: cause.at,
        expires_at: cause.at.plus(config.oauth.request_ttl),
        grant: None,
    };
    for _ in 0..TRIES {
        if app.node.store.begin_device(&request, &code.hashed(), cause).await? == Created::Done {
            return Ok(request);
        }
        request.user_code = UserCode::generate(&*app.node.entropy);
    }
    Err(OAuthError::new(Code::TemporarilyUnavailable, "No user code is free at the moment; try again").retry_after(1))
}

/// RFC 8628 §3.2.
fn answer(config: &Config, request: &DeviceRequest, code: &PlainToken) -> Response {
    let page = config.issuer.at("/device");
    let body = json!({
        "device_code": code.expose(),
        "user_code": request.user_code.to_string(),
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", request.user_code),
        "expires_in": request.expires_at.since(request.created_at).as_secs(),
        "interval": request.interval.as_secs(),
    });
    let mut response = body.to_string().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
