//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The OAuth 2.1 gateway for APIs you already run.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, about, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start without a file: data directory, organization, administrator and gates are made for you
    Quickstart(Quickstart),
    /// Run the gateway
    Serve(ConfigFile),
    /// Say everything that is wrong with a configuration, or what it permits
    Check(super::check::Check),
    /// Organizations
    Org(super::orgs::Orgs),
    /// Users
    User(super::users::Users),
    /// Who belongs to which organization, with which roles
    Member(super::members::Members),
    /// Invitations into organizations
    Invitation(super::invitations::Invitations),
    /// Scopes of the configuration
    Scope(super::invitations::Scopes),
    /// Roles of the configuration
    Role(super::members::Roles),
    /// Apps: drafts, versions, manifests
    App(super::apps::Apps),
    /// Clients (applications) and their secrets
    Client(super::clients::Clients),
    /// Grants: what users gave to clients
    Grant(super::grants::Grants),
    /// API keys: what apps push with
    ApiKey(super::api_keys::ApiKeys),
    /// Signing keys
    Key(super::grants::Keys),
    /// The audit log
    Audit(super::audit::Audit),
    /// Why a request was decided as it was, or would be, step by step
    Explain(super::explain::Explain),
    /// Sign in to a gateway, so that `token` has tokens for scripts
    Login(super::login::Login),
    /// Print an access token that works now: curl -H "Authorization: Bearer $(tollgate token)"
    Token(super::login::Token),
    /// Your own, through a login: the applications that you authorized, what they did, where you are signed in
    Me(super::me::Me),
    /// End a login: its tokens stop working
    Logout(super::login::Logout),
    /// The operator's manual
    Manual(Manual),
    /// Ask a gateway whether it is healthy; exits with 0 or 1
    Health(Health),
}

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    pub(super) config: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(super) struct Quickstart {
    /// An API to gate: the name of a route pack, a URL that ends in /mcp, or any other HTTP API
    #[arg(long = "gate", value_name = "NAME=URL")]
    pub(super) gates: Vec<String>,
    /// Where everything that must last is kept
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// Where everybody connects
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Metrics, health, administration
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9901")]
    pub(super) admin: SocketAddr,
    /// Lifetime of access tokens
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) access_token_ttl: Option<u64>,
    /// What tools of a gated MCP server need, for example everything:get-sum=mcp:everything:write
    #[arg(long = "tool", value_name = "API:PATTERN=SCOPES")]
    pub(super) tools: Vec<String>,
    /// Print one line of JSON when the gateway is ready
    #[arg(long)]
    pub(super) json: bool,
}

/// Which gateway to administer, and how to answer.
#[derive(Clone, Debug, Args)]
pub(super) struct Place {
    /// The gateway's configuration file
    #[arg(long, value_name = "FILE", global = true, env = "TOLLGATE_CONFIG", conflicts_with = "data")]
    pub(super) config: Option<PathBuf>,
    /// The data directory of a quick start [default: data]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Manual {
    /// A topic; without one they are listed
    pub(super) topic: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Health {
    /// What to ask
    #[arg(default_value = "http://127.0.0.1:9901/healthz")]
    pub(super) url: String,
}
