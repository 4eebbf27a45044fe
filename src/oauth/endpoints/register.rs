//! Dynamic client registration (RFC 7591): open, limited, tolerant where clients in the field need it.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::throttle::Attempt;
use super::super::{App, Code, OAuthError};
use crate::config::Config;
use crate::record::Actor;
use crate::store::{Client, ClientAuth, ClientKind, ClientOrigin, ClientSecret, ClientState, GrantType};
use crate::types::{ClientId, PlainToken, RedirectUri, ScopeToken, TokenKind};
use crate::web::{MAX_FORM, Peer, body_within};

const MAX_NAME: usize = 200;
const MAX_REDIRECTS: usize = 10;

/// The metadata that we use; everything else is ignored (RFC 7591 §2), so nothing that a stranger names is ever fetched.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    scope: Option<String>,
}

/// `POST /oauth2/register`.
pub async fn register(State(app): State<App>, peer: Peer, body: Body) -> Result<Response, OAuthError> {
    let config = app.node.config.load_full();
    if !config.oauth.dynamic_registration {
        let text = "Clients can't register themselves here; ask an administrator for a client_id";
        return Err(OAuthError::new(Code::InvalidRequest, text));
    }
    let now = app.node.now();
    if let Attempt::Wait(left) = app.registrations.attempt(&peer.network(), config.oauth.registrations_per_hour, now) {
        let text = "Too many registrations from this address; keep and reuse the client_id that you got before";
        return Err(OAuthError::new(Code::TooManyRequests, text).retry_after(left.as_secs().max(1)));
    }
    let body =
        body_within(body, MAX_FORM).await.ok_or_else(|| OAuthError::new(Code::TooLarge, "The body is larger than 64 KiB"))?;
    let metadata = read(&body)?;
    still_given(&config, metadata.scope.as_deref().unwrap_or_default())?;
    let id = ClientId::generate(now, &*app.node.entropy);
    let client = client(id, &metadata, now)?;
    let secret =
        (client.kind == ClientKind::Confidential).then(|| PlainToken::generate(TokenKind::ClientSecret, &*app.node.entropy));
    let stored = secret.as_ref().map(|s| ClientSecret {
        hash: s.hashed(),
        last4: s.expose().chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect(),
        created_at: now,
        expires_at: None,
    });
    let actor = Actor { client: Some(client.id.clone()), client_name: Some(client.name.clone()), ..Actor::default() };
    app.node.store.create_client(&client, stored.as_ref(), &peer.cause(&app.node, actor)).await?;
    Ok(answer(&client, secret.as_ref(), metadata.scope.as_deref()))
}

fn read(body: &[u8]) -> Result<Metadata, OAuthError> {
    serde_json::from_slice(body).map_err(|_| wrong("Send one JSON object of client metadata (RFC 7591 section 2)"))
}

/// The client that a body would make.
#[cfg(any(test, fuzzing))]
pub(in crate::oauth) fn understood(body: &[u8], now: crate::types::Timestamp) -> Result<Client, OAuthError> {
    client(ClientId::parse("cl_1").map_err(|_| wrong("an id"))?, &read(body)?, now)
}

fn wrong(text: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(Code::InvalidClientMetadata, text)
}

fn client(id: ClientId, metadata: &Metadata, now: crate::types::Timestamp) -> Result<Client, OAuthError> {
    let grant_types = grant_types(metadata.grant_types.as_deref())?;
    let redirected = grant_types.contains(&GrantType::AuthorizationCode);
    let redirect_uris = redirects(metadata.redirect_uris.as_deref().unwrap_or_default(), redirected)?;
    let auth = auth_method(metadata.token_endpoint_auth_method.as_deref())?;
    if redirected && metadata.response_types.as_ref().is_some_and(|r| !r.is_empty() && !r.iter().any(|t| t == "code")) {
        return Err(wrong("response_types must contain code"));
    }
    let kind = if auth == ClientAuth::None { ClientKind::Public } else { ClientKind::Confidential };
    Ok(Client {
        id,
        org: None,
        name: name(metadata.client_name.as_deref(), &redirect_uris)?,
        kind,
        origin: ClientOrigin::Dynamic,
        auth,
        redirect_uris,
        grant_types,
        scopes: None,
        subject: None,
        resources: Vec::new(),
        require_state: false,
        access_token_ttl: None,
        app: None,
        state: ClientState::Active,
        created_at: now,
    })
}

/// What a client says that it will ask for is nearly all the same to us, but nobody takes up a scope that is going away: who
/// registers can still be told.
fn still_given(config: &Config, scope: &str) -> Result<(), OAuthError> {
    for name in scope.split(' ').filter_map(|name| ScopeToken::asked(name).ok()) {
        if let Some(deprecation) = config.catalogue.entry(&name).and_then(|entry| entry.deprecated.as_ref()) {
            return Err(wrong(format!("{name} is deprecated{}", deprecation.way_out())));
        }
    }
    Ok(())
}

/// Keeps the targets that we can serve: some clients register one for each of their editions at once, and one that we refuse
/// must not cost them the others. A client that is never redirected to needs none.
fn redirects(asked: &[String], redirected: bool) -> Result<Vec<RedirectUri>, OAuthError> {
    let wrong = |text: String| OAuthError::new(Code::InvalidRedirectUri, text);
    if !redirected && asked.is_empty() {
        return Ok(Vec::new());
    }
    if asked.is_empty() || asked.len() > MAX_REDIRECTS {
        return Err(wrong(format!("Register between 1 and {MAX_REDIRECTS} redirect_uris")));
    }
    let mut kept = Vec::new();
    let mut refusal = None;
    for text in asked {
        match RedirectUri::parse(text) {
            Ok(uri) if kept.contains(&uri) => {}
            Ok(uri) => kept.push(uri),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(error) if kept.is_empty() => Err(wrong(format!("No redirect_uri can be used: {error}"))),
        _ => Ok(kept),
    }
}

fn auth_method(asked: Option<&str>) -> Result<ClientAuth, OAuthError> {
    match asked {
        Some("none") => Ok(ClientAuth::None),
        // The default of RFC 7591 §2: libraries that send nothing expect a secret back.
        None | Some("client_secret_basic") => Ok(ClientAuth::SecretBasic),
        Some("client_secret_post") => Ok(ClientAuth::SecretPost),
        Some(_) => Err(wrong("token_endpoint_auth_method must be none, client_secret_basic or client_secret_post")),
    }
}

/// Grant types that we don't serve, or not to strangers, are dropped. A client that names none gets refresh tokens too.
fn grant_types(asked: Option<&[String]>) -> Result<Vec<GrantType>, OAuthError> {
    const OPEN: [GrantType; 3] = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
    let Some(asked) = asked.filter(|a| !a.is_empty()) else {
        return Ok(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
    };
    let named = |kind: &GrantType| json!(kind).as_str().is_some_and(|name| asked.iter().any(|a| a == name));
    let kept: Vec<_> = OPEN.into_iter().filter(named).collect();
    if kept.iter().any(|kind| *kind != GrantType::RefreshToken) {
        return Ok(kept);
    }
    Err(wrong(
        "Name authorization_code or urn:ietf:params:oauth:grant-type:device_code in grant_types: a client that registers itself can use these two",
    ))
}

fn name(asked: Option<&str>, redirects: &[RedirectUri]) -> Result<String, OAuthError> {
    let visible: String = asked.unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    match visible.trim() {
        "" => {
            let first = redirects.first().map(RedirectUri::display_host);
            first.ok_or_else(|| wrong("A client without redirect_uris needs a client_name: people decide by it"))
        }
        name if name.chars().count() > MAX_NAME => Err(wrong(format!("client_name is longer than {MAX_NAME} characters"))),
        name => Ok(name.to_owned()),
    }
}

/// RFC 7591 §3.2.1. What does not apply is left out: clients stumble over null.
fn answer(client: &Client, secret: Option<&PlainToken>, scope: Option<&str>) -> Response {
    let code = client.grant_types.contains(&GrantType::AuthorizationCode);
    let response_types: &[&str] = if code { &["code"] } else { &[] };
    let mut body = json!({
        "client_id": client.id,
        "client_id_issued_at": client.created_at.seconds(),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "response_types": response_types,
        "token_endpoint_auth_method": client.auth,
    });
    if let Some(secret) = secret {
        body["client_secret"] = Value::from(secret.expose());
        body["client_secret_expires_at"] = Value::from(0);
    }
    if let Some(scope) = scope {
        body["scope"] = Value::from(scope);
    }
    let mut response = (StatusCode::CREATED, body.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
