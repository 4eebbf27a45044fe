//! One attempt: a signed POST after Standard Webhooks 1.0, or a run of a program.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use url::Url;

use crate::config::HookTarget;
use crate::egress;
use crate::store::NewDelivery;
use crate::types::Timestamp;

/// How long a receiver may take to answer, and a program to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where programs that a hook's program starts are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why an attempt failed. The URL is not repeated: it may hold a token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The receiver did not say that it took it.
    #[error("it answered {0}")]
    Answer(StatusCode),
    /// There was no answer.
    #[error("no answer: {0}")]
    Transport(reqwest::Error),
    /// The program could not be run.
    #[error("it can't be run: {0}")]
    Run(io::Error),
    /// The program did not say that it took it.
    #[error("it ended with {0}")]
    Exit(ExitStatus),
    /// The program did not end.
    #[error("it did not end within {} s", PATIENCE.as_secs())]
    Slow,
}

/// The client that all webhooks are posted with.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    egress::client(PATIENCE)
}

/// Sends `what`, at `at`.
pub(super) async fn send(
    client: &reqwest::Client,
    target: &HookTarget,
    what: &NewDelivery,
    at: Timestamp,
) -> Result<(), Failure> {
    match target {
        HookTarget::Webhook { url, secret } => post(client, url, secret, what, at).await,
        HookTarget::Command { program, arguments } => {
            let run = run(program, arguments, &what.body);
            tokio::time::timeout(PATIENCE, run).await.map_err(|_| Failure::Slow)?
        }
    }
}

async fn post(
    client: &reqwest::Client,
    url: &Url,
    secret: &SecretSlice<u8>,
    what: &NewDelivery,
    at: Timestamp,
) -> Result<(), Failure> {
    let (id, timestamp) = (what.record.as_str(), at.seconds());
    let request = client
        .post(url.clone())
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature(secret, id, timestamp, &what.body))
        .body(what.body.clone());
    // Nobody reads the answer's body: it is dropped with the connection.
    let answer = request.send().await.map_err(|error| Failure::Transport(error.without_url()))?;
    if answer.status().is_success() { Ok(()) } else { Err(Failure::Answer(answer.status())) }
}

/// `v1,` and HMAC-SHA256 over id, time and body.
pub(super) fn signature(secret: &SecretSlice<u8>, id: &str, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// The program sees nothing of our environment: secrets are in it.
async fn run(program: &Path, arguments: &[String], body: &str) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(Failure::Run)?;
    let input = child.stdin.take();
    let feed = async {
        if let Some(mut input) = input {
            // A program that does not read to the end may still take it: its exit code says so.
            let _ = input.write_all(body.as_bytes()).await;
            let _ = input.write_all(b"\n").await;
        }
    };
    let (status, ()) = tokio::join!(child.wait(), feed);
    let status = status.map_err(Failure::Run)?;
    if status.success() { Ok(()) } else { Err(Failure::Exit(status)) }
}
