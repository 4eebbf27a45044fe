//! The authorization endpoint (RFC 6749 §4.1.1): named checks in one order. Until the redirect target is proved a failure is a
//! page, from then on it goes back to the client.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::super::client_auth::records;
use super::super::throttle::Attempt;
use super::super::{App, Code, OAuthError, ask, pkce, trial};
use crate::config::{Config, GrantFlow};
use crate::node::Node;
use crate::pages::texts::{sign_in as texts, troubles};
use crate::record::{Actor, ControlEvent, Operation};
use crate::store::{AuthRequest, Client, ClientState, GrantType};
use crate::types::{AuthRequestId, ClientId, Issuer, RedirectUri, ScopeSet};
use crate::web::{MAX_FORM, Params, Peer, Trouble, body_within, see_other, signed_in};

/// Requests of one network that are kept, in a quarter of an hour: a large office, and no flood of rows.
const REQUESTS: u32 = 1000;

/// The way back to a client whose redirect target was proved: the only way to send anything there.
#[derive(Clone, Debug)]
pub struct WayBack {
    redirect: RedirectUri,
    state: Option<String>,
    issuer: Issuer,
    site: String,
}

impl WayBack {
    /// The way back of a request that was frozen after its target was proved.
    #[must_use]
    pub fn of(request: &AuthRequest, config: &Config) -> Self {
        Self::to(request.redirect_uri.clone(), request.state.clone(), config)
    }

    fn to(redirect: RedirectUri, state: Option<String>, config: &Config) -> Self {
        Self { redirect, state, issuer: config.issuer.clone(), site: config.site().to_owned() }
    }

    /// Sends a code back (RFC 6749 §4.1.2, RFC 9207 §2).
    #[must_use]
    pub fn code(&self, code: &str) -> Response {
        self.with(&[("code", code)])
    }

    /// Sends an error back (RFC 6749 §4.1.2.1).
    #[must_use]
    pub fn error(&self, error: &OAuthError) -> Response {
        self.with(&[("error", error.code().wire().0), ("error_description", error.description())])
    }

    fn with(&self, answer: &[(&str, &str)]) -> Response {
        let state = self.state.as_deref().map(|s| ("state", s));
        // `site` says where an app that is at several sites was authorized; what it may believe is `iss`.
        let whence = [("iss", self.issuer.as_str()), ("site", self.site.as_str())];
        see_other(&self.redirect.with_query(answer.iter().copied().chain(state).chain(whence)))
    }
}

/// `GET /oauth2/authorize`.
pub async fn by_get(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let config = app.node.config.load_full();
    let params = Params::parse(query.unwrap_or_default().as_bytes()).map_err(Trouble::from);
    let outcome = match params {
        Ok(params) => authorize(&app, &config, &peer, &params, (&Method::GET, &headers)).await,
        Err(trouble) => Err(trouble),
    };
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// `POST /oauth2/authorize` (RFC 6749 §3.1): the same parameters as a form.
pub async fn by_post(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Response {
    let config = app.node.config.load_full();
    let params = match body_within(body, MAX_FORM).await {
        // A parameter in the query and another in the form would be two answers to one question.
        Some(body) if query.is_none_or(|q| q.is_empty()) => Params::parse(&body).map_err(Trouble::from),
        _ => Err(Trouble::refused(troubles::unusual_request())),
    };
    let outcome = match params {
        Ok(params) => authorize(&app, &config, &peer, &params, (&Method::POST, &headers)).await,
        Err(trouble) => Err(trouble),
    };
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn authorize(
    app: &App,
    config: &Arc<Config>,
    peer: &Peer,
    params: &Params,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, Trouble> {
    let client = known_client(&app.node, params).await?;
    let redirect = match trial::redirect(app, config, &client, params, headers).await? {
        Some(ours) => ours,
        None => proved_redirect(&client, params)?,
    };
    // A repeated state can't be returned byte for byte, so none is.
    let state = params.one("state").ok().flatten().map(ToOwned::to_owned);
    let back = WayBack::to(redirect.clone(), state.clone(), config);
    let actor = Actor { client: Some(client.id.clone()), client_name: Some(client.name.clone()), ..Actor::default() };
    let cause = peer.cause(&app.node, actor);
    let approved = ask::approved_scopes(&app.node, config, &client).await?;
    let request = match check(app, config, (&client, &approved), params) {
        Ok(checked) => AuthRequest { redirect_uri: redirect, state, ..checked },
        Err(error) => return refuse(app, &client, &back, &error, &cause).await,
    };
    let prompts: Vec<&str> = params.one("prompt").ok().flatten().unwrap_or_default().split(' ').collect();
    let signed_in = signed_in(&app.node, config, headers).await?.is_some();
    if prompts.contains(&"none") {
        // Consent is asked for every time, so a request that forbids to ask can't be served.
        let code = if signed_in { Code::ConsentRequired } else { Code::LoginRequired };
        let error = OAuthError::new(code, "The user has to be asked; send the request without prompt=none");
        return refuse(app, &client, &back, &error, &cause).await;
    }
    if app.authorizations.attempt(&peer.network(), REQUESTS, app.node.now()) != Attempt::Allowed {
        return Err(Trouble::at(StatusCode::TOO_MANY_REQUESTS, troubles::too_many_requests()));
    }
    app.node.store.freeze_request(&request, &cause).await?;
    // A form from elsewhere arrives without our cookie; the GET that follows brings it.
    let may_be_signed_in = signed_in || *method == Method::POST;
    let page = if may_be_signed_in && !prompts.contains(&"login") { "/consent" } else { "/login" };
    Ok(see_other(&format!("{page}?request={}", request.id)))
}

async fn refuse(
    app: &App,
    client: &Client,
    back: &WayBack,
    error: &OAuthError,
    cause: &crate::record::Cause,
) -> Result<Response, Trouble> {
    if records(app, client) {
        let event = ControlEvent::refused(Operation::AuthorizeError, error.code().wire().0).on("client", client.id.as_str());
        app.node.store.note(client.private_to(), event, cause).await?;
    }
    Ok(back.error(error))
}

async fn known_client(node: &Node, params: &Params) -> Result<Client, Trouble> {
    let unknown = || Trouble::refused(texts::unknown_application());
    let id = params.one("client_id")?.ok_or_else(unknown)?;
    let id = ClientId::parse(id).map_err(|_| unknown())?;
    let client = node.store.client(&id).await?.ok_or_else(unknown)?;
    if client.state == ClientState::Active {
        return Ok(client);
    }
    Err(Trouble::refused(texts::disabled_application()))
}

/// RFC 6749 §3.1.2.3: exact, but for the port of a loopback address (RFC 8252 §7.3). It may be left out when only one is registered.
fn proved_redirect(client: &Client, params: &Params) -> Result<RedirectUri, Trouble> {
    let Some(presented) = params.one("redirect_uri")? else {
        return match client.redirect_uris.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(Trouble::refused(texts::no_address())),
        };
    };
    let presented = RedirectUri::parse(presented).ok();
    let admitted = presented.filter(|p| client.redirect_uris.iter().any(|r| r.admits(p)));
    admitted.ok_or_else(|| Trouble::refused(texts::unregistered_address()))
}

/// Everything that is decided once errors can go back to the client.
fn check(
    app: &App,
    config: &Config,
    (client, approved): (&Client, &ScopeSet),
    params: &Params,
) -> Result<AuthRequest, OAuthError> {
    let invalid = |text: &'static str| OAuthError::new(Code::InvalidRequest, text);
    if params.any_repeated(&["resource"]) {
        return Err(invalid("A parameter is given more than once (RFC 6749 section 3.1)"));
    }
    if params.one("request")?.is_some() {
        return Err(OAuthError::new(Code::RequestNotSupported, "Send the parameters themselves, not a request object"));
    }
    if params.one("request_uri")?.is_some() {
        return Err(OAuthError::new(Code::RequestUriNotSupported, "Send the parameters themselves, not a request_uri"));
    }
    match params.one("response_type")? {
        Some("code") => {}
        Some(_) => return Err(OAuthError::new(Code::UnsupportedResponseType, "Only response_type=code is served")),
        None => return Err(invalid("response_type is missing; send response_type=code")),
    }
    if params.one("response_mode")?.is_some_and(|m| m != "query") {
        return Err(invalid("Only response_mode=query is served"));
    }
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(OAuthError::new(Code::UnauthorizedClient, "This client is not set up for authorization_code"));
    }
    if client.require_state && params.one("state")?.is_none() {
        return Err(invalid("This client must send state"));
    }
    let challenge = challenge(params)?;
    let (resources, org) = ask::targets(config, params.all("resource"))?.anywhere();
    let asking = ask::Asking { client, approved, flow: GrantFlow::AuthorizationCode };
    let scopes = ask::authorize_scopes(config, asking, ask::scope_param(params.one("scope")?)?, &resources)?;
    let now = app.node.now();
    Ok(AuthRequest {
        id: AuthRequestId::generate(now, &*app.node.entropy),
        client: client.id.clone(),
        redirect_uri: client.redirect_uris.first().cloned().ok_or_else(|| invalid("This client has no redirect URI"))?,
        scopes,
        resources,
        org,
        state: None,
        challenge,
        created_at: now,
        expires_at: now.plus(config.oauth.request_ttl),
    })
}

/// RFC 7636 §4.3, S256 alone: plain would let whoever reads the request redeem the code.
fn challenge(params: &Params) -> Result<String, OAuthError> {
    let invalid = |text: &'static str| OAuthError::new(Code::InvalidRequest, text);
    let challenge = params.one("code_challenge")?;
    let challenge = challenge.ok_or_else(|| invalid("PKCE is required: send code_challenge and code_challenge_method=S256"))?;
    match params.one("code_challenge_method")? {
        Some("S256") => {}
        Some(_) => return Err(invalid("Only code_challenge_method=S256 is served")),
        None => return Err(invalid("code_challenge_method is missing and would mean plain; send S256")),
    }
    if !pkce::is_challenge(challenge) {
        return Err(invalid("code_challenge must be the base64url form, without padding, of a SHA-256"));
    }
    Ok(challenge.to_owned())
}
