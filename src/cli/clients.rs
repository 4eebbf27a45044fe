//! `client`.

use std::collections::HashMap;

use clap::{Args, Subcommand, ValueEnum};

use super::apps::{ScopesAction, Terms, private_scopes};
use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, or_dash, print, show, table};
use super::pages::{self, Paged};
use crate::admin::{
    Administration, ClientScopes, ClientSwitch, ClientTerms, ClientView, CreatedClient, CreatedSecret, NewClient, NewClientKind,
    NewSecret, OrgView, SecretView, Within,
};
use crate::store::ClientAuth;

#[derive(Debug, Args)]
pub(super) struct Clients {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Clients, newest first
    List {
        /// Of an organization: id or slug
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        page: Paged,
    },
    /// One client
    Show {
        /// Its `client_id`
        client: String,
    },
    /// Make a client; its secret is shown this once
    Create(Create),
    /// Let a client be used again, a machine whose authorization was revoked too; a frozen one is what its owner made of it
    #[command(visible_alias = "thaw")]
    Enable {
        /// Its `client_id`
        client: String,
    },
    /// Stop a client: no token of it works until it is enabled, by its organization too
    Disable {
        /// Its `client_id`
        client: String,
    },
    /// Stop a client for now: as disabled, and its organization can't enable it
    Freeze {
        /// Its `client_id`
        client: String,
    },
    /// Remove a client and revoke its grants
    Delete {
        /// Its `client_id`
        client: String,
    },
    /// Set what a client may ask for; live grants narrow at once
    Scopes {
        /// Its `client_id`
        client: String,
        /// Scopes separated by spaces; without any every public scope
        scopes: Option<String>,
    },
    /// Set how long a client's access tokens live, and whether its requests must carry state; tokens that are out stay as they are
    Change {
        /// Its `client_id`
        client: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Private scopes of a client: asked for, given, taken back
    #[command(subcommand)]
    Private(ScopesAction),
    /// Secrets of a client
    #[command(subcommand)]
    Secret(SecretAction),
}

#[derive(Debug, Subcommand)]
enum SecretAction {
    /// Add a secret, shown this once; the others stay
    Add {
        /// Its `client_id`
        client: String,
        /// How long it lives [default: for ever]
        #[arg(long, value_name = "SECONDS")]
        lives: Option<u64>,
    },
    /// Add a secret, shown this once, and let the others end
    Rotate {
        /// Its `client_id`
        client: String,
        /// How long the others live on
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u64,
        /// How long the new one lives [default: for ever]
        #[arg(long, value_name = "SECONDS")]
        lives: Option<u64>,
    },
    /// Remove a secret; never the only one that lives on
    Remove {
        /// Its `client_id`
        client: String,
        /// The secret's id or last four characters
        #[arg(allow_hyphen_values = true)]
        secret: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    Basic,
    Post,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Confidential,
    Public,
    Machine,
}

#[derive(Debug, Args)]
struct Create {
    /// Its name for people
    name: String,
    /// confidential and public clients act for users who consent, a machine acts as one user
    #[arg(long, value_enum)]
    kind: Kind,
    /// The organization that owns it: id or slug
    #[arg(long)]
    org: Option<String>,
    /// Where answers may go; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// What it may ask for, separated by spaces [default: every public scope]
    #[arg(long)]
    scopes: Option<String>,
    /// The user that a machine acts as: id or e-mail address
    #[arg(long, value_name = "USER")]
    subject: Option<String>,
    /// A resource that a machine may name; may be repeated [default: every API]
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// How it sends its secret [default: basic]
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// It may also use the device authorization grant, and then needs no redirect URI
    #[arg(long)]
    device: bool,
    /// Refuse authorization requests without `state`
    #[arg(long)]
    require_state: bool,
    /// Lifetime of its access tokens
    #[arg(long, value_name = "SECONDS")]
    access_token_ttl: Option<u64>,
    /// How long its first secret lives [default: for ever]
    #[arg(long, value_name = "SECONDS")]
    secret_lives: Option<u64>,
}

impl From<Create> for NewClient {
    fn from(args: Create) -> Self {
        Self {
            kind: match args.kind {
                Kind::Confidential => NewClientKind::Confidential,
                Kind::Public => NewClientKind::Public,
                Kind::Machine => NewClientKind::Machine,
            },
            name: args.name,
            org: args.org,
            redirect_uris: args.redirect_uris,
            scopes: args.scopes,
            subject: args.subject,
            resources: args.resources,
            auth: args.auth.map(|a| match a {
                Auth::Basic => ClientAuth::SecretBasic,
                Auth::Post => ClientAuth::SecretPost,
            }),
            device_grant: args.device,
            require_state: args.require_state,
            access_token_ttl_seconds: args.access_token_ttl,
            secret_lives_seconds: args.secret_lives,
        }
    }
}

pub(super) async fn run(args: Clients) -> Result<(), CliError> {
    let Clients { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move { act(&*admin, action, json).await }).await
}

async fn act(admin: &dyn Administration, action: Action, json: bool) -> Result<(), CliError> {
    let one = match action {
        Action::List { org, page } => {
            // People read slugs.
            let orgs = if json { Vec::new() } else { pages::every(async |page| admin.orgs(page).await).await? };
            let ask = async |page| admin.clients(Within::of(org.clone(), None, page)).await;
            return pages::list(json, page, ask, |clients| list(clients, &orgs)).await;
        }
        Action::Create(args) => return show(json, &admin.create_client(args.into()).await?, made),
        Action::Delete { client } => {
            admin.delete_client(&client).await?;
            return if json { print("{}\n") } else { print("deleted; its grants are revoked\n") };
        }
        Action::Private(action) => return private_scopes(admin, action, json).await,
        Action::Secret(action) => return secret(admin, action, json).await,
        Action::Show { client } => admin.client(&client).await?,
        Action::Enable { client } => admin.switch_client(&client, ClientSwitch::Active).await?,
        Action::Disable { client } => admin.switch_client(&client, ClientSwitch::Disabled).await?,
        Action::Freeze { client } => admin.switch_client(&client, ClientSwitch::Frozen).await?,
        Action::Change { client, terms } => {
            let terms = ClientTerms { access_token_ttl_seconds: terms.ttl(), require_state: terms.require_state };
            admin.set_client_terms(&client, terms).await?
        }
        Action::Scopes { client, scopes } => admin.set_client_scopes(&client, ClientScopes { scopes }).await?,
    };
    show(json, &one, details)
}

async fn secret(admin: &dyn Administration, action: SecretAction, json: bool) -> Result<(), CliError> {
    let (client, others_live_seconds, lives_seconds) = match action {
        SecretAction::Add { client, lives } => (client, None, lives),
        SecretAction::Rotate { client, overlap, lives } => (client, Some(overlap), lives),
        SecretAction::Remove { client, secret } => {
            admin.remove_secret(&client, &secret).await?;
            return print(if json { "{}\n" } else { "removed\n" });
        }
    };
    let new = NewSecret { others_live_seconds, lives_seconds };
    show(json, &admin.add_secret(&client, new).await?, made_secret)
}

fn list(clients: &[ClientView], orgs: &[OrgView]) -> String {
    let slugs: HashMap<_, _> = orgs.iter().map(|org| (&org.id, org.slug.as_str())).collect();
    let row = |c: &ClientView| {
        let org = or_dash(c.org.as_ref().map(|id| slugs.get(id).copied().unwrap_or(id.as_str())));
        [c.id.to_string(), c.name.clone(), kind(c), name_of(&c.origin), name_of(&c.state), org]
    };
    table(["CLIENT ID", "NAME", "KIND", "ORIGIN", "STATE", "ORG"], clients.iter().map(row))
}

/// As `client create --kind` calls it.
fn kind(client: &ClientView) -> String {
    if client.subject.is_some() { "machine".to_owned() } else { name_of(&client.kind) }
}

fn details(client: &ClientView) -> String {
    let secret = |s: &SecretView| match s.expires_at {
        Some(end) => format!("…{} until {end}", s.last4),
        None => format!("…{}", s.last4),
    };
    card([
        ("client_id", client.id.to_string()),
        ("name", client.name.clone()),
        ("kind", kind(client)),
        ("origin", name_of(&client.origin)),
        ("auth", name_of(&client.auth)),
        ("state", name_of(&client.state)),
        ("org", or_dash(client.org.as_ref())),
        ("subject", or_dash(client.subject.as_ref())),
        ("redirect URIs", client.redirect_uris.join(" ")),
        ("grant types", client.grant_types.iter().map(name_of).collect::<Vec<_>>().join(" ")),
        ("scopes", client.scopes.as_ref().map_or_else(|| "every public scope".to_owned(), ToString::to_string)),
        ("secrets", client.secrets.iter().map(secret).collect::<Vec<_>>().join(", ")),
        ("created", client.created_at.to_string()),
    ])
}

fn made(created: &CreatedClient) -> String {
    let secret = created.client_secret.as_ref();
    details(&created.client) + &secret.map_or_else(String::new, |s| format!("\nSecret, shown this once:\n{s}\n"))
}

fn made_secret(created: &CreatedSecret) -> String {
    format!("Secret, shown this once:\n{}\n", created.client_secret)
}
