//! `check`.

mod impact;
mod rules;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use secrecy::ExposeSecret as _;

use super::failure::CliError;
use super::output::{print, show, table};
use crate::boot::in_force;
use crate::config::{Config, Matrix, ProcessEnvironment, Warning};
use crate::store::{SharedStore, StoreError, sql};
use crate::types::{Clock as _, NodeId, SystemClock, SystemEntropy};
use impact::{Impact, Stored, impacts};

/// Most grants that are looked at.
const MOST: u32 = 1_000_000;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    config: PathBuf,
    /// List what the file would widen, narrow, change or break: grants, API keys, clients, members, roles, routes, APIs, tools, prompts,
    /// resources
    #[arg(long)]
    against_store: bool,
    /// What is in force now [default: what the gateway of this data directory read last]
    #[arg(long, value_name = "FILE", requires = "against_store")]
    in_force: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, requires = "against_store")]
    json: bool,
}

/// Everything that is wrong with a file; or its route × scope matrix, or what it would change.
pub(super) async fn run(args: Check) -> Result<(), CliError> {
    let (after, warnings) = Config::load(&args.config, &ProcessEnvironment, 1)?;
    if !args.against_store {
        return print(&Matrix::new(&after, &warnings).to_string());
    }
    let file = args.in_force.unwrap_or_else(|| in_force(&after.data_dir));
    if !file.exists() {
        let way_out = "name the one that is in force with --in-force FILE";
        return Err(CliError::failed(format!("no gateway has run with {}; {way_out}", after.data_dir.display())));
    }
    let (before, _) = Config::load(&file, &ProcessEnvironment, 0)?;
    let found = compare(&before, &after).await?;
    if args.json {
        // Whoever reads the list reads a list: what is odd about the file stands beside it.
        let mut stderr = std::io::stderr().lock();
        for warning in &warnings {
            let _ = writeln!(stderr, "warning: {warning}");
        }
    }
    show(args.json, &found, |found| told(found, &warnings))
}

async fn compare(before: &Config, after: &Config) -> Result<Vec<Impact>, CliError> {
    let (clock, entropy) = (SystemClock, Arc::new(SystemEntropy));
    let node = NodeId::generate(clock.now(), &*entropy);
    let opened = sql::open(before.store_url.expose_secret(), &node, entropy).await;
    let store = opened.map_err(|e| CliError::chain(&e))?;
    let stored = stored(&store).await;
    store.close().await;
    Ok(impacts(before, after, &stored.map_err(|e| CliError::chain(&e))?, clock.now()))
}

async fn stored(store: &SharedStore) -> Result<Stored, StoreError> {
    let mut members = Vec::new();
    for org in store.orgs().await? {
        let of_org = store.members(&org.id).await?;
        members.extend(of_org.into_iter().map(|m| (org.slug.to_string(), m)));
    }
    let (grants, clients, keys) = (store.grants(MOST).await?, store.clients(None).await?, store.api_keys(None).await?);
    Ok(Stored { grants, clients, keys, members })
}

fn told(found: &[Impact], warnings: &[Warning]) -> String {
    let mut text = listed(found);
    for warning in warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    if !warnings.is_empty() {
        text.push('\n');
    }
    text
}

fn listed(found: &[Impact]) -> String {
    if found.is_empty() {
        return "Nothing is widened, narrowed, changed or broken.\n".to_owned();
    }
    let rows = found.iter().map(|i| {
        let effect = match i.effect {
            impact::Effect::Breaks => "breaks",
            impact::Effect::Narrows => "narrows",
            impact::Effect::Changes => "changes",
            impact::Effect::Widens => "widens",
        };
        [effect.to_owned(), i.kind.to_owned(), i.what.clone(), i.gains.to_string(), i.loses.to_string()]
    });
    table(["EFFECT", "ON", "WHAT", "GAINS", "LOSES"], rows)
}
