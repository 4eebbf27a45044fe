//! What `grant` and `me` both take: a grant, and what is taken from it.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::failure::CliError;
use crate::admin::GrantChange;
use crate::types::{ScopeToken, Selector, SelectorError, Selectors};

/// Which grant.
#[derive(Debug, Args)]
pub(super) struct OneGrant {
    /// Id of the grant
    pub(super) grant: String,
}

/// What a grant keeps.
#[derive(Debug, Args)]
pub(super) struct Narrow {
    #[command(flatten)]
    pub(super) of: OneGrant,
    /// The scopes that it keeps, separated by spaces
    #[arg(long, required_unless_present = "selectors")]
    scopes: Option<String>,
    /// A scope and a label that it is narrowed to, with the label's values: metrics:read/team=a,b
    #[arg(long = "selector", value_name = "SCOPE/LABEL=VALUES", value_parser = selector)]
    selectors: Vec<Narrowed>,
}

/// When a grant ends.
#[derive(Debug, Args)]
pub(super) struct End {
    #[command(flatten)]
    pub(super) of: OneGrant,
    /// When: RFC 3339, for example 2026-12-31T00:00:00Z
    #[arg(long)]
    at: String,
}

impl Narrow {
    pub(super) fn change(self) -> Result<GrantChange, CliError> {
        Ok(GrantChange { scopes: self.scopes, selectors: Some(together(self.selectors)?), expires_at: None })
    }
}

impl End {
    pub(super) fn change(self) -> GrantChange {
        GrantChange { expires_at: Some(self.at), ..GrantChange::default() }
    }
}

/// A scope, a label and its values.
type Narrowed = (ScopeToken, String, BTreeSet<String>);

fn selector(text: &str) -> Result<Narrowed, String> {
    let parts = text.split_once('=').and_then(|(left, values)| Some((left.rsplit_once('/')?, values)));
    let ((scope, label), values) = parts.ok_or("write SCOPE/LABEL=VALUE, for example metrics:read/team=a")?;
    let scope = ScopeToken::parse(scope).map_err(|e| e.to_string())?;
    Ok((scope, label.to_owned(), values.split(',').map(ToOwned::to_owned).collect()))
}

fn together(all: Vec<Narrowed>) -> Result<Selectors, CliError> {
    let mut labels: BTreeMap<ScopeToken, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (scope, label, values) in all {
        labels.entry(scope).or_default().entry(label).or_default().extend(values);
    }
    let selectors = labels.into_iter().map(|(scope, labels)| Ok((scope, Selector::new(labels)?)));
    let selectors: Result<_, SelectorError> = selectors.collect();
    selectors.map(Selectors).map_err(|e| CliError::usage(format!("--selector: {e}")))
}
