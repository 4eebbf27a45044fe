//! `login`, `token`, `logout`: a user's own access, for scripts and command lines.

mod browser;
mod device;
mod grant;
pub(super) mod http;
pub(super) mod kept;
mod server;
#[cfg(test)]
mod tests;
pub(super) mod token;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::failure::CliError;
use super::output::{card, print, show, table};
use crate::config::{Environment as _, ProcessEnvironment};
use crate::types::{SystemClock, SystemEntropy};
use grant::Tokens;
use http::Http;
use kept::{Access, Folder, Locked, Login as KeptLogin, Server};
use server::Place;
use token::Wanted;

/// Where logins are kept, and how to answer.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// Where logins are kept [default: tollgate/logins in the user's folder of configurations]
    #[arg(long, value_name = "DIR", env = "TOLLGATE_LOGINS", global = true)]
    logins: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Login {
    /// A gateway, or one of its APIs or MCP servers
    url: String,
    /// The resource that tokens are for (RFC 8707) [default: the API of the URL, or every API of the gateway]
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// What to ask for, separated by spaces [default: what the resource advertises]
    #[arg(long)]
    scope: Option<String>,
    /// Show a code to be typed on another device (RFC 8628) [default: when this machine has no display]
    #[arg(long, conflicts_with = "browser")]
    device: bool,
    /// Use the browser of this machine
    #[arg(long)]
    browser: bool,
    /// A public client that an administrator made [default: one that registers itself]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The API that the token is for: it, or the whole gateway, was logged in to [default: the only login]
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// Fewer scopes than the login has, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// How long the token must still work
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    valid_for: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Logout {
    /// What was logged in to [default: the only login]
    url: Option<String>,
    /// End every login
    #[arg(long, conflicts_with = "url")]
    all: bool,
    /// Forget a login that can't be revoked, because its server is gone
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

/// What a way of signing in needs to know.
struct Asking<'a> {
    client_id: &'a str,
    scope: Option<&'a str>,
    /// What opens an address.
    browser: Option<String>,
}

/// How a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// With the browser of this machine, which this command opens.
    Browser(Option<String>),
    /// On another device.
    Device,
}

/// What came of a login.
#[derive(Debug, Serialize)]
struct LoggedIn {
    issuer: String,
    client_id: String,
    resource: Option<String>,
    scope: String,
    refreshes: bool,
}

impl Common {
    pub(super) fn folder(&self) -> Result<Folder, CliError> {
        Folder::find(self.logins.as_deref(), |name| ProcessEnvironment.variable(name))
    }
}

pub(super) async fn login(args: Login) -> Result<(), CliError> {
    let (http, folder) = (Http::new()?, args.common.folder()?);
    let at = server::address(&args.url)?;
    let place = server::discover(&http, &at, args.resource.as_deref()).await?;
    let file = folder.lock(&place.metadata.issuer)?;
    let server = grant::client(&http, &place.metadata, &file, args.client_id.as_deref()).await?;
    let client_id = server.client_id.clone();
    let way = way(&args, place.metadata.device_authorization_endpoint.is_some(), |name| ProcessEnvironment.variable(name));
    // A person may take minutes: other commands go on meanwhile.
    drop(file);
    let browser = if let Way::Browser(command) = &way { command.clone() } else { None };
    let asking = Asking { client_id: &client_id, scope: args.scope.as_deref(), browser };
    let tokens = match way {
        Way::Browser(_) => browser::sign_in(&http, &place, &asking, &SystemEntropy).await?,
        Way::Device => device::sign_in(&http, &place, &asking).await?,
    };
    let file = folder.lock(&place.metadata.issuer)?;
    let done = keep(&http, &file, server, &place, (&tokens, args.scope.as_deref())).await?;
    show(args.common.json, &done, |done| {
        card([
            ("signed in", done.issuer.clone()),
            ("client", done.client_id.clone()),
            ("resource", done.resource.clone().unwrap_or_else(|| "every API".to_owned())),
            ("scopes", done.scope.clone()),
            ("refreshes", if done.refreshes { "yes" } else { "no: log in again when the token ends" }.to_owned()),
        ])
    })
}

/// Which way suits this machine, unless its user said so.
fn way(args: &Login, devices: bool, variable: impl Fn(&str) -> Option<String>) -> Way {
    let set = |name: &str| variable(name).filter(|v| !v.is_empty());
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let browser = || Way::Browser(Some(set("BROWSER").unwrap_or_else(|| opener.to_owned())));
    if args.browser || args.device {
        return if args.device { Way::Device } else { browser() };
    }
    let display = cfg!(target_os = "macos") || set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some();
    let remote = set("SSH_CONNECTION").is_some();
    match (set("BROWSER").is_some() || display && !remote, devices) {
        (true, _) => browser(),
        (false, true) => Way::Device,
        (false, false) => Way::Browser(None),
    }
}

/// Remembers a login in the place of the one before, whose tokens end.
async fn keep(
    http: &Http,
    file: &Locked,
    known: Server,
    place: &Place,
    (tokens, asked): (&Tokens, Option<&str>),
) -> Result<LoggedIn, CliError> {
    let usable = tokens.usable(asked.unwrap_or_default(), &SystemClock)?;
    let mut server = match file.read()? {
        // Another command may have got another client meanwhile.
        Some(server) => server.with_client(known.client_id, known.grant_types),
        None => known,
    };
    let before = server.login(place.resource.as_deref()).and_then(|l| {
        let token = l.refresh_token.clone()?;
        Some((server.client_of(l).to_owned(), token))
    });
    server.logins.retain(|l| l.resource != place.resource);
    let access = Access {
        resource: None,
        asked: None,
        scope: usable.scope.clone(),
        token: usable.token,
        expires_at: usable.expires_at.seconds(),
    };
    server.logins.push(KeptLogin {
        resource: place.resource.clone(),
        scope: usable.scope.clone(),
        refresh_token: tokens.refresh_token.clone(),
        client_id: None,
        access: vec![access],
    });
    file.write(&server)?;
    if let Some((client_id, before)) = before {
        // The server may have ended it already, or not answer: the new login stands either way.
        let _ = grant::revoke(http, &place.metadata, &client_id, &before).await;
    }
    Ok(LoggedIn {
        issuer: server.issuer,
        client_id: server.client_id,
        resource: place.resource.clone(),
        scope: usable.scope,
        refreshes: tokens.refresh_token.is_some(),
    })
}

pub(super) async fn token(args: Token) -> Result<(), CliError> {
    let (http, folder) = (Http::new()?, args.common.folder()?);
    let chosen = token::choose(&folder.servers()?, args.resource.as_deref())?;
    let valid_for = Duration::from_secs(args.valid_for);
    let wanted = Wanted { resource: args.resource.as_deref(), scope: args.scope.as_deref(), valid_for };
    let token = token::fresh(&http, &folder, &SystemClock, &chosen, wanted).await?;
    if args.common.json {
        return show(true, &token, |_| String::new());
    }
    print(&format!("{}\n", token.access_token))
}

pub(super) async fn logout(args: Logout) -> Result<(), CliError> {
    let (http, folder) = (Http::new()?, args.common.folder()?);
    let servers = folder.servers()?;
    let ending: Vec<_> = if args.all {
        let one = |s: &Server, l: &KeptLogin| token::Chosen { issuer: s.issuer.clone(), resource: l.resource.clone() };
        servers.iter().flat_map(|s| s.logins.iter().map(move |l| one(s, l))).collect()
    } else {
        vec![token::choose(&servers, args.url.as_deref())?]
    };
    for login in &ending {
        end(&http, &folder, login, args.force).await?;
    }
    let ended: Vec<_> = ending.iter().map(|l| l.resource.as_deref().unwrap_or(&l.issuer)).collect();
    show(args.common.json, &ended, |ended| table(["SIGNED OUT OF"], ended.iter().map(|name| [(*name).to_owned()])))
}

async fn end(http: &Http, folder: &Folder, login: &token::Chosen, force: bool) -> Result<(), CliError> {
    let file = folder.lock(&login.issuer)?;
    let Some(mut server) = file.read()? else { return Ok(()) };
    let ended = server.login(login.resource.as_deref());
    let refresh = ended.and_then(|l| Some((server.client_of(l), l.refresh_token.clone()?)));
    if let Some((client_id, refresh)) = refresh {
        let revoked = async {
            let metadata = server::metadata(http, &server::address(&server.issuer)?).await?;
            grant::revoke(http, &metadata, client_id, &refresh).await
        };
        match revoked.await {
            Err(error) if !force => return Err(error),
            _ => {}
        }
    }
    server.logins.retain(|l| l.resource != login.resource);
    // The registration stays: the next login is the same application to its user.
    file.write(&server)
}
