//! What can be typed behind `app`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::Place;
use crate::cli::pages::Paged;
use crate::types::Setting;

#[derive(Debug, Args)]
pub(in crate::cli) struct Apps {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Apps, newest first
    List {
        /// Of an organization: id or slug
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        page: Paged,
    },
    /// One app, with its clients, versions, and what it takes to publish it
    Show {
        /// Its id or `app_uuid`
        app: String,
    },
    /// Make an app with its draft client, whose secret is shown this once
    Create(Create),
    /// Change the draft of an app; what is not named stays, and the stable mark goes
    Edit(Edit),
    /// Mark the draft of an app stable: it may be published as it is
    Stable {
        /// Its id or `app_uuid`
        app: String,
        /// Take the mark away
        #[arg(long)]
        undo: bool,
    },
    /// What publishing the draft would change
    Diff {
        /// Its id or `app_uuid`
        app: String,
    },
    /// Publish the draft as a new version; the first one makes the published client, whose secret is shown this once. What was
    /// never tried in a test authorization is named before, and published
    Publish {
        /// Its id or `app_uuid`
        app: String,
        /// The `app_uuid` of the integration's manifest, which must be the app's
        #[arg(long, value_name = "UUID")]
        app_uuid: Option<String>,
    },
    /// Let the clients of an app be used again
    Enable {
        /// Its id or `app_uuid`
        app: String,
    },
    /// Stop an app: no token of its clients works any more
    Disable {
        /// Its id or `app_uuid`
        app: String,
    },
    /// Remove an app with its clients and revoke their grants
    Delete {
        /// Its id or `app_uuid`
        app: String,
    },
    /// Secrets of an app's clients
    #[command(subcommand)]
    Secret(SecretAction),
    /// Private scopes of an app: asked for, given, taken back
    #[command(subcommand)]
    Scopes(ScopesAction),
    /// The apps that an organization has, the newest apps first
    Installed {
        /// The organization: id or slug
        #[arg(long)]
        org: String,
        #[command(flatten)]
        page: Paged,
    },
    /// Install an app in an organization before anybody consents, and let it through the organization's approval
    Install {
        /// Its id or `app_uuid`
        app: String,
        /// The organization: id or slug
        #[arg(long)]
        org: String,
    },
    /// End everything that an app has in an organization: its grants and its API keys
    Uninstall {
        /// Its id or `app_uuid`
        app: String,
        /// The organization: id or slug
        #[arg(long)]
        org: String,
    },
    /// Print the manifest of an app, for another site
    Export {
        /// Its id or `app_uuid`
        app: String,
        /// Of a version [default: the draft]
        #[arg(long)]
        version: Option<u32>,
    },
    /// Make the app of a manifest in an organization, or change the draft of the one that is there
    Import {
        /// The organization: id or slug
        #[arg(long)]
        org: String,
        /// The manifest; - reads standard input
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ScopesAction {
    /// What was asked for or given, what waits first
    List {
        /// By an organization: id or slug
        #[arg(long)]
        org: Option<String>,
        #[command(flatten)]
        page: Paged,
    },
    /// Ask for a private scope
    Request {
        /// Id or `app_uuid` of an app, or a `client_id`
        #[arg(value_name = "APP|CLIENT")]
        app: String,
        /// The scope
        scope: String,
        /// Why it is wanted
        #[arg(long)]
        reason: String,
    },
    /// Take a request back that waits; what was given before goes on
    Cancel {
        /// Id or `app_uuid` of an app, or a `client_id`
        #[arg(value_name = "APP|CLIENT")]
        app: String,
        /// The scope
        scope: String,
    },
    /// Give a private scope, asked for or not
    Approve {
        #[command(flatten)]
        which: Private,
        /// How long it counts [default: a year]
        #[arg(long, value_name = "SECONDS")]
        lives: Option<u64>,
    },
    /// Refuse what waits; what was given before ends
    Deny(Private),
    /// Take back what was given: grants that hold it and API keys end
    Withdraw(Private),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Private {
    /// Id or `app_uuid` of an app, or a `client_id`
    #[arg(value_name = "APP|CLIENT")]
    pub(super) app: String,
    /// The scope
    pub(super) scope: String,
    /// What to tell whoever asked
    #[arg(long, value_name = "TEXT")]
    pub(super) comment: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretAction {
    /// Add a secret, shown this once
    Add {
        /// Its id or `app_uuid`
        app: String,
        /// Which client
        #[arg(long, value_enum)]
        of: StageName,
        /// How long the others live on [default: as long as they would]
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
        /// How long the new one lives [default: for ever]
        #[arg(long, value_name = "SECONDS")]
        lives: Option<u64>,
    },
    /// Remove a secret; never the only one that lives on
    Remove {
        /// Its id or `app_uuid`
        app: String,
        /// The secret's id or last four characters
        #[arg(allow_hyphen_values = true)]
        secret: String,
        /// Which client
        #[arg(long, value_enum)]
        of: StageName,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum StageName {
    Draft,
    Published,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name for people
    pub(super) name: String,
    /// The organization that owns it: id or slug
    #[arg(long)]
    pub(super) org: String,
    /// Its clients keep no secrets
    #[arg(long)]
    pub(super) public: bool,
    #[command(flatten)]
    pub(super) definition: Definition,
}

#[derive(Debug, Args)]
pub(super) struct Edit {
    /// Its id or `app_uuid`
    pub(super) app: String,
    /// Its name for people
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Only if the draft still is at this revision
    #[arg(long)]
    pub(super) revision: Option<u64>,
    #[command(flatten)]
    pub(super) definition: Definition,
}

#[derive(Debug, Args)]
pub(super) struct Definition {
    /// What it is for
    #[arg(long)]
    pub(super) description: Option<String>,
    /// Where its documentation is
    #[arg(long, value_name = "URL")]
    pub(super) documentation: Option<String>,
    /// What to do when it is no longer wanted
    #[arg(long, value_name = "TEXT")]
    pub(super) uninstall: Option<String>,
    /// Where an authorization starts
    #[arg(long, value_name = "URL")]
    pub(super) onboarding: Option<String>,
    /// Where answers may go; may be repeated, and replaces those before
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(super) redirect_uris: Vec<String>,
    /// What it asks for, separated by spaces
    #[arg(long)]
    pub(super) scopes: Option<String>,
    #[command(flatten)]
    pub(super) terms: Terms,
}

/// How long access tokens live, and what requests must carry.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct Terms {
    /// Lifetime of access tokens
    #[arg(long, value_name = "SECONDS", conflicts_with = "default_token_ttl")]
    access_token_ttl: Option<u64>,
    /// Access tokens live as the configuration says
    #[arg(long)]
    default_token_ttl: bool,
    /// Whether authorization requests must carry state
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(in crate::cli) require_state: Option<bool>,
}

impl Terms {
    pub(in crate::cli) fn ttl(self) -> Setting<u64> {
        match (self.access_token_ttl, self.default_token_ttl) {
            (Some(seconds), _) => Setting::To(seconds),
            (None, true) => Setting::Default,
            (None, false) => Setting::Stays,
        }
    }
}
