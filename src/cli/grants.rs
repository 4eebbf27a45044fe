//! `grant` and `key`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::narrowing::{End, Narrow, OneGrant};
use super::output::{card, name_of, or_dash, show, table};
use super::pages::{self, Paged};
use crate::admin::{GrantView, KeyView, Rotation, Within};

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
        #[command(flatten)]
        page: Paged,
    },
    /// One grant
    Show(OneGrant),
    /// Take scopes from a grant, or narrow them to labels; its tokens narrow before this returns
    Narrow(Narrow),
    /// Let a grant end at a time, earlier than it would anyway
    End(End),
    /// End a grant: its tokens stop working before this returns
    Revoke(OneGrant),
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
        /// How long it stays published [default: a day and a minute, longer than any access token lives]. 0 ends every access token at once
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
}

pub(super) async fn run(args: Grants) -> Result<(), CliError> {
    let Grants { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            Action::List { org, user, page } => {
                let ask = async |page| admin.grants(Within::of(org.clone(), user.clone(), page)).await;
                pages::list(json, page, ask, list).await
            }
            Action::Show(OneGrant { grant }) => show(json, &admin.grant(&grant).await?, details),
            Action::Narrow(narrow) => {
                let grant = narrow.of.grant.clone();
                show(json, &admin.change_grant(&grant, narrow.change()?).await?, details)
            }
            Action::End(end) => {
                let grant = end.of.grant.clone();
                show(json, &admin.change_grant(&grant, end.change()).await?, details)
            }
            Action::Revoke(OneGrant { grant }) => show(json, &admin.revoke_grant(&grant).await?, details),
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
