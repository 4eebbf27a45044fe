//! The command line: what an operator types, and what it says back.
//!
//! Commands that start a gateway go to `boot`. Commands that administer one ask its admin API, or work on the store when none
//! runs; [`crate::admin::Administration`] is the same either way.

mod api_keys;
mod apps;
mod args;
mod audit;
mod check;
mod clients;
mod connect;
mod explain;
mod failure;
mod gateway;
mod grants;
mod health;
mod invitations;
mod login;
mod manual;
mod me;
mod members;
mod narrowing;
mod orgs;
mod output;
mod pages;
mod password;
mod policy;
mod proof;
pub mod quickstart;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::CliError;

/// Runs the command of this process's arguments. Exit codes: 0 done, 1 failed, 2 usage.
#[must_use]
pub fn main() -> ExitCode {
    // Prints help and usage errors itself; usage errors exit with 2.
    let cli = Cli::parse();
    let runtime = match crate::boot::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return CliError::failed(format!("the runtime can't be started: {error}")).report(),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Quickstart(args) => quickstart::run(args).await,
        Command::Serve(args) => gateway::serve(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Org(args) => orgs::run(args).await,
        Command::User(args) => users::run(args).await,
        Command::Member(args) => members::run(args).await,
        Command::Role(args) => members::roles(args).await,
        Command::Invitation(args) => invitations::run(args).await,
        Command::Scope(args) => invitations::scopes(args).await,
        Command::App(args) => apps::run(args).await,
        Command::Client(args) => clients::run(args).await,
        Command::ApiKey(args) => api_keys::run(args).await,
        Command::Grant(args) => grants::run(args).await,
        Command::Key(args) => grants::keys(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Login(args) => login::login(args).await,
        Command::Token(args) => login::token(args).await,
        Command::Me(args) => me::run(args).await,
        Command::Logout(args) => login::logout(args).await,
        Command::Manual(args) => manual::run(&args),
        Command::Health(args) => health::run(&args).await,
    }
}
