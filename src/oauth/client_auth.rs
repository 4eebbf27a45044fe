//! Client authentication at the endpoints that clients call: one form, at most one way to prove who they are (RFC 6749 §2.3).

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::throttle::Attempt;
use super::{App, Code, OAuthError};
use crate::record::{Actor, ControlEvent, Operation};
use crate::store::{Client, ClientKind, ClientState};
use crate::types::{ClientId, HashedToken, Timestamp};
use crate::web::{MAX_FORM, Params, Peer, body_within, decode_component};

/// Longest client secret that is compared, bytes.
const MAX_SECRET: usize = 512;
/// Records of one client that could not prove who it is, in a quarter of an hour.
const RECORDS: u32 = 100;

/// A client that proved who it is, or a public one that said so, and what it sent.
#[derive(Debug)]
pub struct AuthenticatedClient {
    /// The client.
    pub client: Client,
    /// Its parameters.
    pub params: Params,
    /// The request.
    pub peer: Peer,
}

impl AuthenticatedClient {
    /// The client as the actor of what follows.
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.client)
    }
}

fn actor(client: &Client) -> Actor {
    Actor { client: Some(client.id.clone()), client_name: Some(client.name.clone()), ..Actor::default() }
}

/// How a client presented itself. No `Debug`: it holds a secret.
pub(super) enum Presented {
    /// By name alone.
    Name(ClientId),
    /// With a secret.
    Secret { id: ClientId, secret: String, basic: bool },
}

impl FromRequest<App> for AuthenticatedClient {
    type Rejection = OAuthError;

    async fn from_request(request: Request, app: &App) -> Result<Self, OAuthError> {
        let (mut parts, body) = request.into_parts();
        let peer = Peer::from_request_parts(&mut parts, app).await;
        let peer = peer.map_err(|_| OAuthError::new(Code::TemporarilyUnavailable, "The connection can't be told"))?;
        if parts.uri.query().is_some_and(|q| !q.is_empty()) {
            let text = "Parameters belong in the body; URLs are logged and must not carry secrets";
            return Err(OAuthError::new(Code::InvalidRequest, text));
        }
        let params = form(&parts.headers, body).await?;
        let presented = presented(&parts.headers, &params)?;
        let client = prove(app, &peer, presented).await?;
        Ok(Self { client, params, peer })
    }
}

/// Reads a form body.
///
/// # Errors
/// `invalid_request` when it is no form, too large, or repeats a parameter.
async fn form(headers: &HeaderMap, body: Body) -> Result<Params, OAuthError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let text = "Send the parameters as application/x-www-form-urlencoded";
        return Err(OAuthError::new(Code::InvalidRequest, text));
    }
    let too_large = || OAuthError::new(Code::TooLarge, "The body is larger than 64 KiB or broke off");
    let body = body_within(body, MAX_FORM).await.ok_or_else(too_large)?;
    let params = Params::parse(&body)?;
    if params.any_repeated(&["resource"]) {
        return Err(OAuthError::new(Code::InvalidRequest, "A parameter is given more than once (RFC 6749 section 3.2)"));
    }
    Ok(params)
}

pub(super) fn presented(headers: &HeaderMap, params: &Params) -> Result<Presented, OAuthError> {
    let (id, secret) = (params.one("client_id")?, params.one("client_secret")?);
    if params.one("client_assertion")?.is_some() || params.one("client_assertion_type")?.is_some() {
        let text = "Client assertions are not supported; use client_secret_basic, client_secret_post or none";
        return Err(OAuthError::new(Code::InvalidClient, text));
    }
    let mut authorization = headers.get_all(AUTHORIZATION).iter();
    let basic = match (authorization.next(), authorization.next()) {
        (None, _) => None,
        (Some(one), None) => Some(basic(one)?),
        (Some(_), Some(_)) => return Err(two_ways()),
    };
    match (basic, id, secret) {
        (Some(_), _, Some(_)) => Err(two_ways()),
        (Some((named, _)), Some(id), None) if named.as_str() != id => {
            Err(OAuthError::new(Code::InvalidRequest, "client_id differs from the one in the Authorization header"))
        }
        // A public client that some libraries send as Basic with nothing behind the colon.
        (Some((id, secret)), _, None) if secret.is_empty() => Ok(Presented::Name(id)),
        (Some((id, secret)), _, None) => Ok(Presented::Secret { id, secret, basic: true }),
        (None, Some(id), Some(secret)) => Ok(Presented::Secret { id: known_form(id)?, secret: secret.to_owned(), basic: false }),
        (None, Some(id), None) => Ok(Presented::Name(known_form(id)?)),
        (None, None, _) => Err(OAuthError::new(Code::InvalidClient, "Say who you are: send client_id, or HTTP Basic")),
    }
}

fn two_ways() -> OAuthError {
    OAuthError::new(Code::InvalidRequest, "Authenticate in one way only: HTTP Basic or client_secret, not both")
}

fn known_form(id: &str) -> Result<ClientId, OAuthError> {
    ClientId::parse(id).map_err(|_| unknown())
}

fn unknown() -> OAuthError {
    OAuthError::new(Code::InvalidClient, "This client is not known here; register it again")
}

/// Reads HTTP Basic. Identifiers and secrets of ours need no escaping, so clients that form-encode the two parts (RFC 6749
/// §2.3.1) and clients that don't say the same.
fn basic(header: &HeaderValue) -> Result<(ClientId, String), OAuthError> {
    let wrong = || {
        OAuthError::new(Code::InvalidClient, "The Authorization header is not HTTP Basic of client_id and client_secret")
            .challenging_basic()
    };
    let text = header.to_str().map_err(|_| wrong())?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = STANDARD.decode(credentials.trim()).map_err(|_| wrong())?;
    let at = decoded.iter().position(|b| *b == b':').ok_or_else(wrong)?;
    let id = decode_component(&decoded[..at]).ok_or_else(wrong)?;
    let secret = decode_component(&decoded[at + 1..]).ok_or_else(wrong)?;
    Ok((ClientId::parse(&id).map_err(|_| unknown().challenging_basic())?, secret))
}

/// Wrong secrets of one client from one network. Counted when they turned out to be wrong, never before: a client that has the right one
/// may ask for as many tokens at the same time as it likes, and nobody who guesses keeps it from any. A right secret is 256 random bits,
/// so there is nothing to hide from whoever tries many; they are told to wait, and leave no more records.
struct Guesses<'a> {
    app: &'a App,
    key: String,
    limit: u32,
    now: Timestamp,
}

impl<'a> Guesses<'a> {
    fn of(app: &'a App, id: &ClientId, peer: &Peer) -> Self {
        let limit = app.node.config.load().oauth.login_attempts.max(1);
        Self { app, key: format!("{id} from {}", peer.network()), limit, now: app.node.now() }
    }

    /// Counts one that was wrong; refuses it when there were too many before it.
    fn count(&self) -> Result<(), OAuthError> {
        let Attempt::Wait(left) = self.app.secrets.attempt(&self.key, self.limit, self.now) else { return Ok(()) };
        let text = "Too many wrong secrets of this client came from this address; wait before trying again";
        Err(OAuthError::new(Code::TooManyRequests, text).retry_after(left.as_secs().max(1)))
    }
}

/// Whether one more refusal of a client goes into the log: whoever knows its name can be refused in it.
pub(super) fn records(app: &App, client: &Client) -> bool {
    app.secrets.attempt(&format!("records of {}", client.id), RECORDS, app.node.now()) == Attempt::Allowed
}

/// Puts a refusal into the log, if there are not many already.
async fn note(app: &App, peer: &Peer, client: &Client, refusal: &OAuthError) -> Result<(), OAuthError> {
    if !records(app, client) {
        return Ok(());
    }
    let event = ControlEvent::refused(Operation::TokenRefuse, refusal.code().wire().0).on("client", client.id.as_str());
    Ok(app.node.store.note(client.private_to(), event, &peer.cause(&app.node, actor(client))).await?)
}

async fn prove(app: &App, peer: &Peer, presented: Presented) -> Result<Client, OAuthError> {
    let (id, used_basic) = match &presented {
        Presented::Name(id) => (id, false),
        Presented::Secret { id, basic, .. } => (id, *basic),
    };
    let challenge = |e: OAuthError| if used_basic { e.challenging_basic() } else { e };
    let client = app.node.store.client(id).await?.ok_or_else(|| challenge(unknown()))?;
    let refusal = match (client.kind, &presented) {
        _ if client.state != ClientState::Active => {
            // Not invalid_client: a client that sees that registers itself anew and is back.
            Some(OAuthError::new(Code::UnauthorizedClient, "An administrator switched this client off"))
        }
        (ClientKind::Public, Presented::Name(_)) => None,
        (ClientKind::Public, Presented::Secret { .. }) => {
            Some(OAuthError::new(Code::InvalidClient, "This client is public and has no secret; send client_id alone"))
        }
        (ClientKind::Confidential, Presented::Name(_)) => {
            Some(OAuthError::new(Code::InvalidClient, "This client must authenticate with its secret"))
        }
        (ClientKind::Confidential, Presented::Secret { secret, .. }) => {
            let hash = HashedToken::of(secret);
            let live = app.node.store.live_secrets(&client.id, app.node.now()).await?;
            let right = secret.len() <= MAX_SECRET && live.iter().any(|s| s.hash == hash);
            if !right {
                Guesses::of(app, id, peer).count()?;
            }
            (!right).then(|| OAuthError::new(Code::InvalidClient, "The client secret is wrong or has ended"))
        }
    };
    let Some(refusal) = refusal else { return Ok(client) };
    note(app, peer, &client, &refusal).await?;
    Err(challenge(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(authorization: &[&str], body: &str) -> Result<(String, Option<String>, bool), Code> {
        let headers = authorization
            .iter()
            .map(|v| (AUTHORIZATION, HeaderValue::from_str(v).expect("a header value")))
            .collect::<HeaderMap>();
        let params = Params::parse(body.as_bytes()).expect("a form");
        match presented(&headers, &params) {
            Ok(Presented::Name(id)) => Ok((id.to_string(), None, false)),
            Ok(Presented::Secret { id, secret, basic }) => Ok((id.to_string(), Some(secret), basic)),
            Err(error) => Err(error.code()),
        }
    }

    fn encoded(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn rfc6749_s2_3_1_basic_raw_and_form_encoded_say_the_same() {
        let wanted = Ok(("cl_1".to_owned(), Some("a~b.c-d_e".to_owned()), true));
        assert_eq!(case(&[&encoded("cl_1:a~b.c-d_e")], ""), wanted);
        assert_eq!(case(&[&encoded("cl%5F1:a%7Eb%2Ec%2Dd%5Fe")], ""), wanted);
        assert_eq!(case(&[&encoded("cl_1:a~b.c-d_e").replace("Basic", "bAsIc")], "client_id=cl_1"), wanted);
    }

    #[test]
    fn rfc6749_s2_3_one_way_only() {
        assert_eq!(case(&[&encoded("cl_1:s")], "client_id=cl_1&client_secret=s"), Err(Code::InvalidRequest));
        assert_eq!(case(&[&encoded("cl_1:s"), &encoded("cl_1:s")], ""), Err(Code::InvalidRequest));
        assert_eq!(case(&[&encoded("cl_1:s")], "client_id=cl_2"), Err(Code::InvalidRequest));
        assert_eq!(case(&[], "client_id=cl_1&client_secret=s"), Ok(("cl_1".to_owned(), Some("s".to_owned()), false)));
        assert_eq!(case(&[], "client_id=cl_1"), Ok(("cl_1".to_owned(), None, false)));
        assert_eq!(case(&[&encoded("cl_1:")], ""), Ok(("cl_1".to_owned(), None, false)));
    }

    #[test]
    fn malformed_credentials_are_refused_not_fatal() {
        for bad in ["Basic", "Basic ", "Basic !!!", "Bearer x", "Basic  ", "Basic Zm9v", &encoded("%zz:s"), &encoded("a b:s")] {
            assert_eq!(case(&[bad], ""), Err(Code::InvalidClient), "{bad}");
        }
        assert_eq!(case(&[], ""), Err(Code::InvalidClient));
        assert_eq!(case(&[], "client_id=a%20b"), Err(Code::InvalidClient));
        assert_eq!(case(&[], "client_id=cl_1&client_assertion=x"), Err(Code::InvalidClient));
    }
}
