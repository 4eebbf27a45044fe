//! `api-key`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, or_dash, show, table};
use super::pages::{self, Paged};
use crate::admin::{ApiKeyQuery, ApiKeyStateView, ApiKeyView, PageQuery};

#[derive(Debug, Args)]
pub(super) struct ApiKeys {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// API keys, newest first, with those that were disabled
    List {
        /// Of an organization: id or slug
        #[arg(long)]
        org: Option<String>,
        /// Of an app: its id
        #[arg(long)]
        app: Option<String>,
        /// What has become of them
        #[arg(long, value_enum)]
        state: Option<ApiKeyStateView>,
        #[command(flatten)]
        page: Paged,
    },
    /// One API key
    Show {
        /// Its id
        key: String,
    },
    /// Disable an API key for good: it stops working before this returns
    Disable {
        /// Its id
        key: String,
    },
}

pub(super) async fn run(args: ApiKeys) -> Result<(), CliError> {
    let ApiKeys { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            Action::List { org, app, state, page } => {
                let ask = async |PageQuery { limit, cursor }| {
                    admin.api_keys(ApiKeyQuery { org: org.clone(), app: app.clone(), state, limit, cursor }).await
                };
                pages::list(json, page, ask, list).await
            }
            Action::Show { key } => show(json, &admin.api_key(&key).await?, details),
            Action::Disable { key } => show(json, &admin.disable_api_key(&key).await?, details),
        }
    })
    .await
}

fn list(keys: &[ApiKeyView]) -> String {
    let row = |k: &ApiKeyView| {
        [k.id.to_string(), k.name.clone(), k.last4.clone(), name_of(&k.state), k.scopes.to_string(), or_dash(k.last_used_at)]
    };
    table(["ID", "NAME", "ENDS IN", "STATE", "SCOPES", "LAST USED"], keys.iter().map(row))
}

fn details(key: &ApiKeyView) -> String {
    card([
        ("id", key.id.to_string()),
        ("name", key.name.clone()),
        ("ends in", key.last4.clone()),
        ("state", name_of(&key.state)),
        ("scopes", key.scopes.to_string()),
        ("organization", key.org.to_string()),
        ("app", key.app.to_string()),
        ("client", key.client.to_string()),
        ("grant", key.grant.to_string()),
        ("user", key.user.to_string()),
        ("made", key.created_at.to_string()),
        ("last used", or_dash(key.last_used_at)),
        ("disabled", or_dash(key.disabled_at)),
        ("because", key.disabled_because.map_or_else(|| "-".to_owned(), |r| name_of(&r))),
    ])
}
