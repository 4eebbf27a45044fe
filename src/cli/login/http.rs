//! Requests to an authorization server, and what it refused.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::failure::CliError;
use crate::cli::output::plain;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 1 << 20;

/// An HTTP client that follows no redirects: what it sends is for the server that was named.
#[derive(Debug)]
pub(in crate::cli) struct Http(reqwest::Client);

/// An OAuth error (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `error`.
    pub(super) error: String,
    /// Everything that there is to say, fit for a terminal.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    error_description: Option<String>,
}

impl Http {
    pub(in crate::cli) fn new() -> Result<Self, CliError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|e| CliError::chain(&e))
    }

    /// A published document; `None` when there is none at this address.
    pub(super) async fn document<T: DeserializeOwned>(&self, url: &Url) -> Result<Option<T>, CliError> {
        let (status, body) = send(url, self.0.get(url.clone()).header(header::ACCEPT, "application/json")).await?;
        match status {
            StatusCode::OK => read(url, &body).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(CliError::failed(format!("{url} answered {other}"))),
        }
    }

    /// Sends a form.
    pub(super) async fn form<T: DeserializeOwned>(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Result<T, Refusal>, CliError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.0.post(url.clone()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        answer(url, request).await
    }

    /// Asks an API, with a token, and gives the status with the answer.
    pub(in crate::cli) async fn ask(
        &self,
        (method, url): (Method, &Url),
        token: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<(StatusCode, Vec<u8>), CliError> {
        let request = self.0.request(method, url.clone()).bearer_auth(token).header(header::ACCEPT, "application/json");
        send(url, if let Some(body) = body { request.json(body) } else { request }).await
    }

    /// Sends a JSON object.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        body: &serde_json::Value,
    ) -> Result<Result<T, Refusal>, CliError> {
        answer(url, self.0.post(url.clone()).json(body)).await
    }
}

async fn answer<T: DeserializeOwned>(url: &Url, request: RequestBuilder) -> Result<Result<T, Refusal>, CliError> {
    let (status, body) = send(url, request.header(header::ACCEPT, "application/json")).await?;
    if status.is_success() {
        // Revocation answers with nothing (RFC 7009 §2.2).
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        return read(url, body).map(Ok);
    }
    match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(ErrorBody { error, error_description }) => {
            let text = error_description.map_or_else(|| error.clone(), |d| format!("{d} ({error})"));
            Ok(Err(Refusal { text: plain(&text), error }))
        }
        Err(_) => Err(CliError::failed(format!("{url} answered {status}"))),
    }
}

async fn send(url: &Url, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), CliError> {
    let unreachable = |e: reqwest::Error| CliError::unanswered(&e);
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(CliError::failed(format!("{url} answers with more than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}

fn read<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, CliError> {
    serde_json::from_slice(body).map_err(|e| CliError::failed(format!("{url} does not answer as OAuth has it: {e}")))
}
