//! `user sessions`.

use clap::Subcommand;

use super::failure::CliError;
use super::output::{or_dash, print, show, table};
use super::pages::{self, Paged};
use crate::admin::{Administration, EndedSessions, SessionView};

#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    /// The browsers in which a user is signed in, newest first
    List {
        /// Id or e-mail address
        user: String,
        #[command(flatten)]
        page: Paged,
    },
    /// Sign a user out of one browser, or of all
    End {
        /// Id or e-mail address
        user: String,
        /// Its id
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        session: Option<String>,
        /// All of them; applications keep what was authorized
        #[arg(long)]
        all: bool,
    },
}

pub(super) async fn run(admin: &dyn Administration, action: Sessions, json: bool) -> Result<(), CliError> {
    match action {
        Sessions::List { user, page } => pages::list(json, page, async |page| admin.sessions(&user, page).await, list).await,
        Sessions::End { user, session: Some(session), .. } => {
            admin.end_session(&user, &session).await?;
            print(if json { "{}\n" } else { "ended\n" })
        }
        Sessions::End { user, session: None, .. } => {
            show(json, &admin.end_sessions(&user).await?, |EndedSessions { ended }| format!("ended {ended} sessions\n"))
        }
    }
}

pub(super) fn list(live: &[SessionView]) -> String {
    let row = |s: &SessionView| {
        let (address, browser) = (or_dash(s.address.as_ref()), or_dash(s.user_agent.as_ref()));
        [s.id.clone(), s.started_at.to_string(), s.seen_at.to_string(), address, browser]
    };
    table(["ID", "STARTED", "LAST SEEN", "ADDRESS", "BROWSER"], live.iter().map(row))
}
