//! Signing in with the browser of this machine: authorization code with PKCE, answered at a loopback address (RFC 8252 §7.3).

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::Asking;
use super::grant::Tokens;
use super::http::Http;
use super::server::Place;
use crate::cli::failure::CliError;
use crate::cli::output::plain;
use crate::types::{Entropy, HashedToken};
use crate::web::Params;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long the browser may take to read the answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the browser brought back: a code, or why there is none.
type Brought = Result<String, String>;

/// What the callback must carry.
struct Expected {
    state: String,
    issuer: Option<String>,
    issuer_required: bool,
    brought: mpsc::Sender<Brought>,
}

fn random(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens the browser, waits for it to come back, and gets the tokens.
pub(super) async fn sign_in(http: &Http, place: &Place, asking: &Asking<'_>, entropy: &dyn Entropy) -> Result<Tokens, CliError> {
    let missing = || CliError::failed("the server has no authorization endpoint; try --device");
    let endpoint = place.metadata.authorization_endpoint.as_ref().ok_or_else(missing)?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| CliError::chain(&e))?;
    let port = listener.local_addr().map_err(|e| CliError::chain(&e))?.port();
    let redirect = format!("http://127.0.0.1:{port}/callback");
    let (verifier, state) = (random(entropy), random(entropy));
    let url = authorize_url(endpoint, place, asking, (&redirect, &state, &verifier));

    let (brought, mut waiting) = mpsc::channel(1);
    let expected = Expected {
        state,
        issuer: Some(place.metadata.issuer.clone()),
        issuer_required: place.metadata.authorization_response_iss_parameter_supported,
        brought,
    };
    let router = Router::new().route("/callback", get(callback)).with_state(Arc::new(expected));
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async { drop(stopped.await) };
    let serving = tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(until).await });
    eprintln!("Sign in and decide in your browser. If it does not open, open this address:\n\n  {url}\n");
    if let Some(command) = &asking.browser {
        open(command, &url);
    }
    let outcome = tokio::time::timeout(PATIENCE, waiting.recv()).await;
    drop(stop);
    // The browser gets its answer first.
    let _ = tokio::time::timeout(FAREWELL, serving).await;
    let code = match outcome {
        Ok(Some(Ok(code))) => code,
        Ok(Some(Err(refusal))) => return Err(CliError::failed(refusal)),
        Ok(None) => return Err(CliError::failed("the callback ended")),
        Err(_) => return Err(CliError::failed("nobody decided within ten minutes; log in again")),
    };
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect.as_str()),
        ("client_id", asking.client_id),
        ("code_verifier", verifier.as_str()),
    ];
    fields.extend(place.resource.as_deref().map(|r| ("resource", r)));
    let answer = http.form::<Tokens>(&place.metadata.token_endpoint, &fields).await?;
    answer.map_err(|e| CliError::failed(e.text))
}

fn authorize_url(endpoint: &Url, place: &Place, asking: &Asking<'_>, (redirect, state, verifier): (&str, &str, &str)) -> Url {
    let challenge = URL_SAFE_NO_PAD.encode(HashedToken::of(verifier).bytes());
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", asking.client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(asking.scope.map(|s| ("scope", s)))
        .extend_pairs(place.resource.as_deref().map(|r| ("resource", r)));
    url
}

/// `GET /callback`. What doesn't fit ends nothing: it was not our browser.
async fn callback(State(expected): State<Arc<Expected>>, RawQuery(query): RawQuery) -> Response {
    let Some(brought) = expected.read(query.as_deref().unwrap_or_default()) else {
        return answer(StatusCode::BAD_REQUEST, "This is not the answer that the command line waits for.");
    };
    let text = match &brought {
        Ok(_) => "Signed in. You can close this page and return to the command line.",
        Err(_) => "Not signed in. The command line says why; you can close this page.",
    };
    // A second answer has nobody who waits for it.
    let _ = expected.brought.try_send(brought);
    answer(StatusCode::OK, text)
}

impl Expected {
    /// `None` when somebody else made this request (RFC 6749 §10.12, RFC 9207 §2.4).
    fn read(&self, query: &str) -> Option<Brought> {
        let params = Params::parse(query.as_bytes()).ok()?;
        let one = |name| params.one(name).ok().flatten();
        let issuer = one("iss");
        let right_issuer = if issuer.is_none() { !self.issuer_required } else { issuer == self.issuer.as_deref() };
        if one("state") != Some(&self.state) || !right_issuer {
            return None;
        }
        match (one("code"), one("error")) {
            (Some(code), None) => Some(Ok(code.to_owned())),
            (None, Some(error)) => {
                let text = one("error_description").map_or_else(|| error.to_owned(), |d| format!("{d} ({error})"));
                Some(Err(plain(&text)))
            }
            _ => None,
        }
    }
}

fn answer(status: StatusCode, text: &str) -> Response {
    let page = format!("<!doctype html><html lang=\"en\"><title>Tollgate</title><p>{text}</p></html>");
    let headers = [(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"), (CACHE_CONTROL, "no-store")];
    (status, headers, Html(page)).into_response()
}

/// Starts the browser and lets it be. The address was printed, so one that can't be started is no failure.
fn open(command: &str, url: &Url) {
    let mut words = command.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    if words.is_empty() {
        return;
    }
    match words.iter_mut().find(|w| w.contains("%s")) {
        Some(word) => *word = word.replace("%s", url.as_str()),
        None => words.push(url.to_string()),
    }
    let mut child = tokio::process::Command::new(&words[0]);
    let child = child.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = child.spawn() {
        eprintln!("{} could not be started: {error}", words[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(issuer_required: bool) -> Expected {
        let issuer = Some("https://gw.test".to_owned());
        Expected { state: "s".into(), issuer, issuer_required, brought: mpsc::channel(1).0 }
    }

    #[test]
    fn rfc9207_s2_4_only_the_answer_of_the_right_server_to_this_request_counts() {
        let required = expected(true);
        assert_eq!(required.read("code=c&state=s&iss=https%3A%2F%2Fgw.test"), Some(Ok("c".into())));
        let denied = required.read("error=access_denied&error_description=No%1B%5B2J&state=s&iss=https%3A%2F%2Fgw.test");
        assert_eq!(denied, Some(Err("No\u{fffd}[2J (access_denied)".into())));
        for wrong in [
            "",
            "code=c&state=s",
            "code=c&state=t&iss=https%3A%2F%2Fgw.test",
            "code=c&iss=https%3A%2F%2Fgw.test",
            "code=c&state=s&iss=https%3A%2F%2Fevil.test",
            "code=c&code=d&state=s&iss=https%3A%2F%2Fgw.test",
            "code=c&state=s&state=s&iss=https%3A%2F%2Fgw.test",
            "code=c&error=e&state=s&iss=https%3A%2F%2Fgw.test",
        ] {
            assert_eq!(required.read(wrong), None, "{wrong}");
        }
        assert_eq!(expected(false).read("code=c&state=s"), Some(Ok("c".into())));
        assert_eq!(expected(false).read("code=c&state=s&iss=https%3A%2F%2Fevil.test"), None, "who names itself is compared");
    }
}
