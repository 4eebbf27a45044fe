//! `health`: for container health checks.

use std::time::Duration;

use super::args::Health;
use super::failure::CliError;

const ANSWER: Duration = Duration::from_secs(3);

/// Asks once; anything but a success is a failure.
pub(super) async fn run(args: &Health) -> Result<(), CliError> {
    let url = reqwest::Url::parse(&args.url).map_err(|e| CliError::usage(format!("{}: {e}", args.url)))?;
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).build().map_err(|e| CliError::chain(&e))?;
    let response = client.get(url).send().await.map_err(|e| CliError::unanswered(&e))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.text().await.unwrap_or_default();
    Err(CliError::failed(format!("{} answered {status}: {}", args.url, super::output::plain(body.trim()))))
}
