//! `invitation` and `scope`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{name_of, or_dash, print, show, table};
use super::pages::{self, Paged};
use crate::admin::{CreatedInvitation, InvitationView, NewInvitation, ScopeQuery, ScopeView};
use crate::types::RoleName;

#[derive(Debug, Args)]
pub(super) struct Invitations {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The open invitations into an organization
    List {
        /// Id or slug
        org: String,
        #[command(flatten)]
        page: Paged,
    },
    /// Invite an address; the link is shown this once, works once and within seven days
    Create {
        /// Id or slug of the organization
        org: String,
        /// The e-mail address; its owner signs in with an account or makes one
        email: String,
        /// A role that it gives; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Withdraw an open invitation: its link is worth nothing
    Withdraw {
        /// Id or slug of the organization
        org: String,
        /// Its id
        invitation: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Scopes {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: ScopeAction,
}

#[derive(Debug, Subcommand)]
enum ScopeAction {
    /// Every scope, what it permits and who may ask for it
    List {
        /// Text in name, title, description or group
        text: Option<String>,
    },
}

pub(super) async fn run(args: Invitations) -> Result<(), CliError> {
    let Invitations { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            Action::List { org, page } => pages::list(json, page, async |page| admin.invitations(&org, page).await, list).await,
            Action::Create { org, email, roles } => show(json, &admin.invite(&org, NewInvitation { email, roles }).await?, made),
            Action::Withdraw { org, invitation } => {
                admin.withdraw_invitation(&org, &invitation).await?;
                if json { print("{}\n") } else { print("withdrawn; its link is worth nothing\n") }
            }
        }
    })
    .await
}

pub(super) async fn scopes(args: Scopes) -> Result<(), CliError> {
    let Scopes { place, action: ScopeAction::List { text } } = args;
    let json = place.json;
    administer(&place, |admin| async move { show(json, &admin.scopes(ScopeQuery { text }).await?, |all| list_scopes(all)) }).await
}

fn list(open: &[InvitationView]) -> String {
    let roles = |i: &InvitationView| i.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(",");
    let row = |i: &InvitationView| {
        [i.email.clone(), roles(i), i.expires_at.to_string(), or_dash(i.invited_by.as_ref()), i.id.to_string()]
    };
    table(["EMAIL", "ROLES", "ENDS", "INVITED BY", "ID"], open.iter().map(row))
}

fn made(created: &CreatedInvitation) -> String {
    let one = list(std::slice::from_ref(&created.invitation));
    format!("{one}\nLink, shown this once; send it to that address:\n{}\n", created.url)
}

fn list_scopes(scopes: &[ScopeView]) -> String {
    let visibility = |s: &ScopeView| {
        let deprecated = if s.deprecated { ", deprecated" } else { "" };
        format!("{}{deprecated}", name_of(&s.visibility))
    };
    let row = |s: &ScopeView| {
        let title = or_dash(s.title.as_ref());
        [s.name.to_string(), title, visibility(s), name_of(&s.risk), s.group.clone(), s.description.clone()]
    };
    table(["SCOPE", "TITLE", "VISIBILITY", "RISK", "GROUP", "DESCRIPTION"], scopes.iter().map(row))
}
