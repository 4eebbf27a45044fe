//! Signing in on another device (RFC 8628).

use std::time::Duration;

use serde::Deserialize;

use super::Asking;
use super::grant::Tokens;
use super::http::Http;
use super::kept::Secret;
use super::server::{DEVICE_GRANT, Place};
use crate::cli::failure::CliError;
use crate::cli::output::plain;

/// RFC 8628 §3.2, §3.5.
const INTERVAL: u64 = 5;
const SLOWER: u64 = 5;
/// Failures of the network in a row that are waited out.
const MAX_FAILURES: u32 = 5;

/// RFC 8628 §3.2.
#[derive(Deserialize)]
struct Begun {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// Shows the code, waits for the decision, and gets the tokens.
pub(super) async fn sign_in(http: &Http, place: &Place, asking: &Asking<'_>) -> Result<Tokens, CliError> {
    let missing = || CliError::failed("the server knows no devices; log in on a machine with a browser");
    let endpoint = place.metadata.device_authorization_endpoint.as_ref().ok_or_else(missing)?;
    let mut fields = vec![("client_id", asking.client_id)];
    fields.extend(asking.scope.map(|s| ("scope", s)));
    fields.extend(place.resource.as_deref().map(|r| ("resource", r)));
    let begun: Begun = http.form(endpoint, &fields).await?.map_err(|e| CliError::failed(e.text))?;
    eprintln!("{}", instructions(&begun));
    let patience = Duration::from_secs(begun.expires_in);
    let late = || CliError::failed("nobody decided in time; log in again");
    tokio::time::timeout(patience, ask(http, place, asking.client_id, &begun)).await.map_err(|_| late())?
}

fn instructions(begun: &Begun) -> String {
    let (page, code) = (plain(&begun.verification_uri), plain(&begun.user_code));
    let link = begun.verification_uri_complete.as_deref().map(plain).filter(|l| *l != page);
    let link = link.map_or_else(String::new, |l| format!(" (or open {l} and compare the code)"));
    format!("On any device with a browser, open\n\n  {page}\n\nand type this code{link}:\n\n  {code}\n")
}

async fn ask(http: &Http, place: &Place, client_id: &str, begun: &Begun) -> Result<Tokens, CliError> {
    let fields = [("grant_type", DEVICE_GRANT), ("client_id", client_id), ("device_code", begun.device_code.0.as_str())];
    let (mut interval, mut failures) = (begun.interval.unwrap_or(INTERVAL), 0);
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        match http.form::<Tokens>(&place.metadata.token_endpoint, &fields).await {
            Ok(Ok(tokens)) => return Ok(tokens),
            Ok(Err(refusal)) => {
                failures = 0;
                match refusal.error.as_str() {
                    "authorization_pending" | "temporarily_unavailable" => {}
                    "slow_down" => interval += SLOWER,
                    _ => return Err(CliError::failed(refusal.text)),
                }
            }
            // RFC 8628 §3.5: wait longer when the network fails.
            Err(_) if failures < MAX_FAILURES => {
                failures += 1;
                interval += SLOWER;
            }
            Err(error) => return Err(error),
        }
    }
}
