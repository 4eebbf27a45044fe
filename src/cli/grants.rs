//! `grant` and `key`.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, or_dash, show, table};
use crate::admin::{GrantChange, GrantView, KeyView, Rotation, Within};
use crate::types::{ScopeToken, Selector, SelectorError, Selectors};

#[derive(Debug, Args)]
pub(super) struct Grants {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Grants, newest first
    List {
        /// Of an organization: id or slug
        #[arg(long)]
        org: Option<String>,
        /// Of a user: id or e-mail address
        #[arg(long)]
        user: Option<String>,
    },
    /// One grant
    Show {
        /// Its id
        grant: String,
    },
    /// Take scopes from a grant, or narrow them to labels; its tokens narrow before this returns
    Narrow {
        /// Its id
        grant: String,
        /// The scopes that it keeps, separated by spaces
        #[arg(long, required_unless_present = "selectors")]
        scopes: Option<String>,
        /// A scope and a label that it is narrowed to, with the label's values: metrics:read/team=a,b
        #[arg(long = "selector", value_name = "SCOPE/LABEL=VALUES", value_parser = selector)]
        selectors: Vec<Narrowed>,
    },
    /// Let a grant end at a time, earlier than it would anyway
    End {
        /// Its id
        grant: String,
        /// When: RFC 3339, for example 2026-12-31T00:00:00Z
        #[arg(long)]
        at: String,
    },
    /// End a grant: its tokens stop working before this returns
    Revoke {
        /// Its id
        grant: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Debug, Subcommand)]
enum KeyAction {
    /// The signing keys
    List,
    /// Make a key that signs from now on; the one before stays published for a while
    Rotate {
        /// How long it stays published [default: until its last access token has ended]. 0 ends every access token at once
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
}

pub(super) async fn run(args: Grants) -> Result<(), CliError> {
    let Grants { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            Action::List { org, user } => show(json, &admin.grants(Within { org, user }).await?, |grants| list(grants)),
            Action::Show { grant } => show(json, &admin.grant(&grant).await?, details),
            Action::Narrow { grant, scopes, selectors } => {
                let change = GrantChange { scopes, selectors: Some(together(selectors)?), expires_at: None };
                show(json, &admin.change_grant(&grant, change).await?, details)
            }
            Action::End { grant, at } => {
                let change = GrantChange { expires_at: Some(at), ..GrantChange::default() };
                show(json, &admin.change_grant(&grant, change).await?, details)
            }
            Action::Revoke { grant } => show(json, &admin.revoke_grant(&grant).await?, details),
        }
    })
    .await
}

pub(super) async fn keys(args: Keys) -> Result<(), CliError> {
    let Keys { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            KeyAction::List => show(json, &admin.keys().await?, |keys| list_keys(keys)),
            KeyAction::Rotate { overlap } => {
                let key = admin.rotate_key(Rotation { overlap_seconds: overlap }).await?;
                show(json, &key, |key| list_keys(std::slice::from_ref(key)))
            }
        }
    })
    .await
}

fn list(grants: &[GrantView]) -> String {
    let row = |g: &GrantView| {
        [
            g.id.to_string(),
            g.client_name.clone(),
            g.user_email.clone(),
            g.org_slug.to_string(),
            name_of(&g.state),
            or_dash(g.last_used_at),
            g.effective_scopes.to_string(),
        ]
    };
    table(["ID", "CLIENT", "USER", "ORG", "STATE", "LAST USED", "CAN DO NOW"], grants.iter().map(row))
}

fn narrowed(grant: &GrantView) -> String {
    let lines: Vec<_> = grant.selectors.0.iter().map(|(scope, selector)| format!("{scope} where {selector}")).collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join("; ") }
}

/// A scope, a label and its values.
pub(super) type Narrowed = (ScopeToken, String, BTreeSet<String>);

pub(super) fn selector(text: &str) -> Result<Narrowed, String> {
    let parts = text.split_once('=').and_then(|(left, values)| Some((left.rsplit_once('/')?, values)));
    let ((scope, label), values) = parts.ok_or("write SCOPE/LABEL=VALUE, for example metrics:read/team=a")?;
    let scope = ScopeToken::parse(scope).map_err(|e| e.to_string())?;
    Ok((scope, label.to_owned(), values.split(',').map(ToOwned::to_owned).collect()))
}

pub(super) fn together(all: Vec<Narrowed>) -> Result<Selectors, CliError> {
    let mut labels: BTreeMap<ScopeToken, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (scope, label, values) in all {
        labels.entry(scope).or_default().entry(label).or_default().extend(values);
    }
    let selectors = labels.into_iter().map(|(scope, labels)| Ok((scope, Selector::new(labels)?)));
    let selectors: Result<_, SelectorError> = selectors.collect();
    selectors.map(Selectors).map_err(|e| CliError::usage(format!("--selector: {e}")))
}

pub(super) fn details(grant: &GrantView) -> String {
    let resources: Vec<&str> = grant.resources.iter().map(crate::types::ResourceId::as_str).collect();
    card([
        ("id", grant.id.to_string()),
        ("client", format!("{} ({})", grant.client_name, grant.client)),
        ("user", format!("{} ({})", grant.user_email, grant.user)),
        ("org", format!("{} ({})", grant.org_slug, grant.org)),
        ("state", name_of(&grant.state)),
        ("because", or_dash(grant.revoked_because.as_ref().map(name_of))),
        ("scopes", grant.scopes.to_string()),
        ("narrowed to", narrowed(grant)),
        ("can do now", grant.effective_scopes.to_string()),
        ("resources", if resources.is_empty() { "every API".to_owned() } else { resources.join(" ") }),
        ("created", grant.created_at.to_string()),
        ("expires", or_dash(grant.expires_at)),
        ("last used", or_dash(grant.last_used_at)),
    ])
}

fn list_keys(keys: &[KeyView]) -> String {
    let row = |k: &KeyView| [k.id.to_string(), name_of(&k.state), k.created_at.to_string(), or_dash(k.forget_at)];
    table(["ID", "STATE", "CREATED", "PUBLISHED UNTIL"], keys.iter().map(row))
}
