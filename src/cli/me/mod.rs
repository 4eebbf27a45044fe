//! `me`: what a user sees and ends of their own, through `/api/v1/me`.

mod session;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::CliError;
use super::grants::details;
use super::login::Common;
use super::narrowing::{End, Narrow, OneGrant};
use super::output::{or_dash, print, show, table};
use super::sessions::list as list_sessions;
use crate::admin::{EndedSessions, SessionView};
use crate::api::{OwnApplication, OwnRecord, Whence};
use session::{Session, segment};

/// Items that are asked for at once where all are wanted.
const AT_ONCE: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct Me {
    /// The gateway [default: the only one that was logged in to]
    #[arg(long, value_name = "URL", global = true)]
    gateway: Option<String>,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// For whom the login speaks, in which organization, and what it may do
    Show,
    /// The applications that you authorized, with their last use and what they never used
    Apps,
    /// One of them: when each scope was last needed, calls per day, from where it last called
    App(OneGrant),
    /// What an application did, record by record, newest first
    Activity(Activity),
    /// Take scopes from an application, or narrow them to labels; its tokens follow before this returns
    Narrow(Narrow),
    /// Let an application's access end at a time, earlier than it would anyway
    End(End),
    /// End an application's access: its tokens stop working before this returns
    Revoke(OneGrant),
    /// The browsers in which you are signed in
    Sessions,
    /// Sign out of one browser, or of all; applications keep what you authorized
    SignOut {
        /// Id of a session
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        session: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
    /// What happened to your account: sign-ins, consents, what was ended and by whom
    Events(Paged),
}

/// Which page.
#[derive(Debug, Args)]
struct Paged {
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct Activity {
    #[command(flatten)]
    of: OneGrant,
    /// Not before: RFC 3339
    #[arg(long)]
    from: Option<String>,
    /// Before: RFC 3339
    #[arg(long)]
    to: Option<String>,
    /// At which API
    #[arg(long)]
    api: Option<String>,
    /// With which MCP tool, prompt or resource
    #[arg(long)]
    tool: Option<String>,
    /// Route id or event name; a trailing * matches any rest
    #[arg(long)]
    operation: Option<String>,
    /// HTTP status such as 404, or a class such as 4xx
    #[arg(long)]
    status: Option<String>,
    /// allowed, denied, unknown or `would_deny`
    #[arg(long)]
    decision: Option<String>,
    /// Text in operation, path, tool or reason
    #[arg(long)]
    text: Option<String>,
    /// In which request (X-Request-Id)
    #[arg(long)]
    request: Option<String>,
    #[command(flatten)]
    page: Paged,
}

/// One page of a list.
#[derive(Debug, Serialize, Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl Paged {
    fn query(&self) -> Vec<(&'static str, String)> {
        let cursor = self.cursor.clone().map(|cursor| ("cursor", cursor));
        std::iter::once(("limit", self.limit.to_string())).chain(cursor).collect()
    }
}

impl Activity {
    fn query(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("from", &self.from),
            ("to", &self.to),
            ("api", &self.api),
            ("tool", &self.tool),
            ("operation", &self.operation),
            ("status", &self.status),
            ("decision", &self.decision),
            ("text", &self.text),
            ("request", &self.request),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        given.chain(self.page.query()).collect()
    }
}

pub(super) async fn run(args: Me) -> Result<(), CliError> {
    let Me { gateway, common, action } = args;
    let (session, json) = (Session::open(&common, gateway.as_deref()).await?, common.json);
    match action {
        Action::Show => show(json, &session.get::<Value>("/me", &[]).await?, who),
        Action::Apps => show(json, &all::<OwnApplication>(&session, "/me/applications").await?, |own| list(own)),
        Action::App(OneGrant { grant }) => show(json, &session.get(&application(&grant), &[]).await?, one),
        Action::Activity(asked) => {
            let path = format!("{}/activity", application(&asked.of.grant));
            show(json, &session.get(&path, &asked.query()).await?, records)
        }
        Action::Narrow(narrow) => {
            let path = application(&narrow.of.grant);
            show(json, &session.patch(&path, &narrow.change()?).await?, one)
        }
        Action::End(end) => {
            let path = application(&end.of.grant);
            show(json, &session.patch(&path, &end.change()).await?, one)
        }
        Action::Revoke(OneGrant { grant }) => {
            session.delete::<()>(&application(&grant)).await?;
            print(if json { "{}\n" } else { "revoked\n" })
        }
        Action::Sessions => show(json, &all::<SessionView>(&session, "/me/sessions").await?, |live| list_sessions(live)),
        Action::SignOut { session: Some(one), .. } => {
            session.delete::<()>(&format!("/me/sessions/{}", segment(&one))).await?;
            print(if json { "{}\n" } else { "ended\n" })
        }
        Action::SignOut { session: None, .. } => {
            let ended: EndedSessions = session.delete("/me/sessions").await?;
            show(json, &ended, |EndedSessions { ended }| format!("ended {ended} sessions\n"))
        }
        Action::Events(page) => show(json, &session.get("/me/events", &page.query()).await?, records),
    }
}

fn application(grant: &str) -> String {
    format!("/me/applications/{}", segment(grant))
}

/// Every page of a list that is short for one person.
async fn all<T: serde::de::DeserializeOwned>(session: &Session, path: &str) -> Result<Vec<T>, CliError> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", AT_ONCE.to_string())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page: Page<T> = session.get(path, &query).await?;
        found.extend(page.data);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}

fn who(me: &Value) -> String {
    let text = |pointer: &str| me.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let scopes = me["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    super::output::card([
        ("user", format!("{} ({})", text("/user/email"), text("/user/id"))),
        ("org", format!("{} ({})", text("/organization/slug"), text("/organization/id"))),
        ("client", text("/client")),
        ("grant", text("/grant")),
        ("can do now", scopes),
    ])
}

fn list(own: &[OwnApplication]) -> String {
    let row = |one: &OwnApplication| {
        let unused: Vec<_> = one.permissions.iter().filter(|p| !p.used).map(|p| p.scope.as_str()).collect();
        [
            one.grant.id.to_string(),
            one.grant.client_name.clone(),
            or_dash(one.grant.last_used_at),
            one.calls_per_day.iter().sum::<u64>().to_string(),
            one.idle.clone().unwrap_or_else(|| one.grant.effective_scopes.to_string()),
            or_dash(Some(unused.join(" ")).filter(|text| !text.is_empty())),
        ]
    };
    table(["ID", "CLIENT", "LAST USED", "CALLS IN 30 DAYS", "CAN DO NOW", "NEVER USED"], own.iter().map(row))
}

fn one(own: &OwnApplication) -> String {
    let row = |p: &crate::api::OwnPermission| {
        let last = if p.used {
            or_dash(p.last_used_on.map(|day| day.to_string().chars().take(10).collect::<String>()))
        } else {
            "never".to_owned()
        };
        [p.scope.clone(), last, or_dash(p.not_now.as_ref()), p.description.clone()]
    };
    let days: Vec<_> = own.calls_per_day.iter().map(u64::to_string).collect();
    let mut text = details(&own.grant);
    text.push_str(&super::output::card([
        ("idle", or_dash(own.idle.as_ref())),
        ("last from", or_dash(own.last_called_from.as_ref().map(whence))),
        ("calls a day", days.join(" ")),
    ]));
    text.push('\n');
    text.push_str(&table(["SCOPE", "LAST USED", "NOT NOW", "LETS IT"], own.permissions.iter().map(row)));
    text
}

fn whence(from: &Whence) -> String {
    match &from.user_agent {
        Some(agent) => format!("{} ({agent})", from.address),
        None => from.address.clone(),
    }
}

fn records(page: &Page<OwnRecord>) -> String {
    let row = |r: &OwnRecord| {
        [
            r.time.to_string(),
            r.what.clone(),
            r.decision.clone(),
            or_dash(r.status),
            or_dash(r.millis),
            or_dash(r.client_name.as_ref().or(r.user.as_ref())),
            or_dash(r.from.as_ref().map(|from| from.address.clone())),
        ]
    };
    let mut text = table(["TIME", "WHAT", "DECISION", "STATUS", "MS", "THROUGH", "FROM"], page.data.iter().map(row));
    if let Some(next) = &page.next {
        text.push_str(&format!("\nolder: --cursor {next}\n"));
    }
    text
}
