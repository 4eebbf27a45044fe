//! `serve`.

use std::sync::Arc;

use super::args::ConfigFile;
use super::failure::CliError;
use crate::boot;
use crate::config::{Config, Environment as _, ProcessEnvironment};
use crate::telemetry::{LogFormat, start_logs};

/// Which log lines are written unless `TOLLGATE_LOG` says otherwise.
const LOG_FILTER: &str = "info";

/// Starts logging: text on a terminal, JSON elsewhere.
pub(super) fn start_logging(quiet_by_default: bool) {
    let format = if std::io::IsTerminal::is_terminal(&std::io::stderr()) { LogFormat::Text } else { LogFormat::Json };
    let default = if quiet_by_default { "warn" } else { LOG_FILTER };
    let filter = ProcessEnvironment.variable("TOLLGATE_LOG").unwrap_or_else(|| default.to_owned());
    start_logs(format, &filter);
}

/// Runs the gateway of a configuration file until it is told to stop.
pub(super) async fn serve(args: ConfigFile) -> Result<(), CliError> {
    start_logging(false);
    let (config, warnings) = Config::load(&args.config, &ProcessEnvironment, 1)?;
    for warning in &warnings {
        tracing::warn!(%warning, "the configuration deserves a second look");
    }
    let options = boot::Options::new(config, Some(args.config), Arc::new(ProcessEnvironment));
    Ok(boot::run(options, Box::new(|_| Box::pin(async {}))).await?)
}
