//! `quickstart`: from nothing to a gateway, an organization and somebody who may sign in.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::args;
use super::failure::{CliError, absolute};
use super::gateway::start_logging;
use super::output::print;
use crate::admin::{AdminError, Administration, Local, MemberRoles, NewOrg, NewUserRequest, RefusalCode};
use crate::boot;
use crate::config::{self, Config, ProcessEnvironment, Target, ToolRule, Whereabouts};
use crate::node::Node;
use crate::store::UserKind;
use crate::types::{Slug, SystemEntropy};

/// The organization, its administrator and that one's role.
const ORG: &str = "default";
const EMAIL: &str = "admin@localhost";
const ROLE: &str = "admin";

/// What was set up on the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The organization's short name.
    pub org: Slug,
    /// Whom to sign in as.
    pub email: String,
    /// What to sign in with, once; `None` when the user was there before.
    pub password: Option<String>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("org", &self.org).field("email", &self.email).finish_non_exhaustive()
    }
}

/// Makes the organization and its administrator unless they are there.
///
/// # Errors
/// When the store fails.
pub async fn prepare(node: &Arc<Node>) -> Result<Prepared, AdminError> {
    let admin = Local::new(Arc::clone(node));
    let org = match missing(admin.org(ORG).await)? {
        Some(org) => org,
        None => admin.create_org(NewOrg { slug: ORG.to_owned(), name: Some("Default".to_owned()), ..NewOrg::default() }).await?,
    };
    let known = missing(admin.user(EMAIL).await)?;
    let (user, password) = match known {
        Some(user) => (user, None),
        None => {
            let name = Some("Administrator".to_owned());
            let new = NewUserRequest { email: EMAIL.to_owned(), name, kind: UserKind::Person, password: None };
            let made = admin.create_user(new).await?;
            (made.user, made.one_time_password)
        }
    };
    // A first start that was cut short may have left the user without its place; what an operator changed later stays.
    if node.store.membership(&org.id, &user.id).await?.is_none() {
        admin.set_member(ORG, EMAIL, MemberRoles { roles: vec![ROLE.to_owned()] }).await?;
    }
    Ok(Prepared { org: org.slug, email: user.email, password })
}

fn missing<T>(found: Result<T, AdminError>) -> Result<Option<T>, AdminError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(AdminError::Refused(refusal)) if refusal.code == RefusalCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answers of the last quick start, so that administration finds the same gateway again.
#[derive(Debug, Serialize, Deserialize)]
struct Answers {
    listen: SocketAddr,
    admin: SocketAddr,
    gates: Vec<String>,
    tools: Vec<String>,
    access_token_ttl: Option<u64>,
}

impl Answers {
    fn path(data: &Path) -> PathBuf {
        data.join("quickstart.json")
    }

    fn start(&self, data: &Path) -> Result<config::Quickstart, CliError> {
        let gate = |text: &String| match text.split_once('=') {
            Some((name, url)) => Ok((name.to_owned(), url.to_owned())),
            None => {
                Err(CliError::usage(format!("--gate {text}: expected NAME=URL, for example prometheus=http://127.0.0.1:9090")))
            }
        };
        let tool = |text: &String| text.parse::<ToolRule>().map_err(|e| CliError::usage(format!("--tool {text}: {e}")));
        if self.listen.port() == 0 {
            return Err(CliError::usage("--listen: the port becomes part of every URL; choose one that is not 0"));
        }
        Ok(config::Quickstart {
            public: self.listen,
            admin: self.admin,
            data_dir: data.to_owned(),
            gates: self.gates.iter().map(gate).collect::<Result<_, _>>()?,
            tools: self.tools.iter().map(tool).collect::<Result<_, _>>()?,
            access_token_ttl: self.access_token_ttl.map(Duration::from_secs),
        })
    }

    fn write(&self, data: &Path) -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(Self::path(data))?;
        writeln!(file, "{}", serde_json::to_string_pretty(self)?)
    }
}

/// The configuration of the quick start in this data directory.
pub(super) fn stored(data: &Path) -> Result<Config, CliError> {
    Ok(answers(data)?.start(data)?.config(&ProcessEnvironment, &SystemEntropy, 1)?.0)
}

/// Where the gateway of the quick start in this data directory is found.
pub(super) fn whereabouts(data: &Path) -> Result<Whereabouts, CliError> {
    Ok(Whereabouts { admin: answers(data)?.admin, data_dir: data.to_owned() })
}

fn answers(data: &Path) -> Result<Answers, CliError> {
    let path = Answers::path(data);
    let text = fs::read_to_string(&path).map_err(|e| {
        let way_out = "name the configuration with --config, or the data directory of a quick start with --data";
        CliError::failed(format!("{} can't be read: {e} ({way_out})", absolute(&path).display()))
    })?;
    serde_json::from_str(&text).map_err(|e| CliError::failed(format!("{}: {e}", absolute(&path).display())))
}

/// Starts, sets up what is missing, says how to go on, and runs until told to stop.
pub(super) async fn run(args: args::Quickstart) -> Result<(), CliError> {
    start_logging(true);
    let args::Quickstart { gates, data, listen, admin, access_token_ttl, tools, json } = args;
    let answers = Answers { listen, admin, gates, tools, access_token_ttl };
    let (config, _) = answers.start(&data)?.config(&ProcessEnvironment, &SystemEntropy, 1)?;
    let (failed, failure) = tokio::sync::oneshot::channel();
    let options = boot::Options::new(config, None, Arc::new(ProcessEnvironment));
    let ready: boot::WhenReady = Box::new(move |running| {
        let (node, admin) = (Arc::clone(&running.node), running.admin);
        Box::pin(async move {
            // Not before: a second start in the folder of a gateway that runs must leave what says where that one is.
            let done = match answers.write(&data) {
                Ok(()) => announce(&node, admin, json, &data).await,
                Err(e) => Err(CliError::failed(format!("{} can't be written: {e}", Answers::path(&data).display()))),
            };
            if let Err(error) = done {
                let _ = failed.send(error);
            }
        })
    });
    tokio::select! {
        done = boot::run(options, ready) => Ok(done?),
        Ok(error) = failure => Err(error),
    }
}

async fn announce(node: &Arc<Node>, admin: SocketAddr, json: bool, data: &Path) -> Result<(), CliError> {
    let prepared = prepare(node).await?;
    let ready = Ready::of(node, admin, prepared);
    if json {
        return print(&(serde_json::to_string(&ready).map_err(|e| CliError::chain(&e))? + "\n"));
    }
    print(&ready.text(data))
}

/// What a script learns from `--json`.
#[derive(Serialize)]
struct Ready {
    public_url: String,
    mcp_url: String,
    sign_in_url: String,
    admin_url: String,
    email: String,
    password: Option<String>,
    organization: String,
    apis: Vec<ReadyApi>,
}

#[derive(Serialize)]
struct ReadyApi {
    name: String,
    url: String,
}

impl Ready {
    fn of(node: &Node, admin: SocketAddr, prepared: Prepared) -> Self {
        let config = node.config.load();
        let own = config.apis.iter().find(|a| matches!(a.target, Target::OwnMcp));
        let gated = config.apis.iter().filter(|a| matches!(a.target, Target::Upstream(_)));
        Self {
            public_url: config.issuer.to_string(),
            mcp_url: own.map_or_else(|| config.issuer.at("/mcp"), |a| a.resource.as_str().to_owned()),
            sign_in_url: config.issuer.at("/login"),
            admin_url: format!("http://{admin}"),
            email: prepared.email,
            password: prepared.password,
            organization: prepared.org.to_string(),
            apis: gated.map(|a| ReadyApi { name: a.name.to_string(), url: a.resource.as_str().to_owned() }).collect(),
        }
    }

    fn text(&self, data: &Path) -> String {
        let mut text = format!("Tollgate is up at {}\n\n", self.public_url);
        let width = self.apis.iter().map(|a| a.name.len() + 4).max().unwrap_or(0).max(10);
        let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:width$}  {value}\n"));
        line("Sign in", &self.sign_in_url);
        line("  as", &self.email);
        match &self.password {
            Some(password) => line("  with", &format!("{password}  (once; you choose another one then)")),
            None => line(
                "  with",
                &format!("your password  (forgotten: tollgate user password {} --data {})", self.email, data.display()),
            ),
        }
        line("MCP server", &self.mcp_url);
        for api in &self.apis {
            line(&format!("API {}", api.name), &api.url);
        }
        line("Metrics", &format!("{}/metrics", self.admin_url));
        text.push_str(&format!("\nTry it:\n  claude mcp add --transport http tollgate {}\n", self.mcp_url));
        let probe = self.apis.first().map_or(&self.mcp_url, |a| &a.url);
        text.push_str(&format!("  curl -i {probe}   # 401, and where to get a token\n"));
        text.push_str(&format!("  curl {}/.well-known/oauth-authorization-server\n\n", self.public_url.trim_end_matches('/')));
        text.push_str(&format!("Everything is kept in {}; the same command resumes it. Ctrl-C stops.\n", data.display()));
        text
    }
}
