//! `member` and `role`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{print, show, table};
use super::pages::{self, Paged};
use crate::admin::{MemberRoles, MemberView, RoleView};
use crate::types::RoleName;

#[derive(Debug, Args)]
pub(super) struct Members {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The members of an organization, the newest users first
    List {
        /// Id or slug
        org: String,
        #[command(flatten)]
        page: Paged,
    },
    /// Put a user into an organization, or replace its roles there
    Set {
        /// Id or slug of the organization
        org: String,
        /// Id or e-mail address of the user
        user: String,
        /// A role; give all of them. Without any the member has no permissions
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Take a user out of an organization and revoke its grants there
    Remove {
        /// Id or slug of the organization
        org: String,
        /// Id or e-mail address of the user
        user: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Roles {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: RoleAction,
}

#[derive(Debug, Subcommand)]
enum RoleAction {
    /// Every role and what it permits
    List,
}

pub(super) async fn run(args: Members) -> Result<(), CliError> {
    let Members { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        match action {
            Action::List { org, page } => pages::list(json, page, async |page| admin.members(&org, page).await, list).await,
            Action::Set { org, user, roles } => {
                let member = admin.set_member(&org, &user, MemberRoles { roles }).await?;
                show(json, &member, |member| list(std::slice::from_ref(member)))
            }
            Action::Remove { org, user } => {
                admin.remove_member(&org, &user).await?;
                if json { print("{}\n") } else { print("removed; its grants there are revoked\n") }
            }
        }
    })
    .await
}

pub(super) async fn roles(args: Roles) -> Result<(), CliError> {
    let Roles { place, action: RoleAction::List } = args;
    let json = place.json;
    administer(&place, |admin| async move { show(json, &admin.roles().await?, |roles| list_roles(roles)) }).await
}

fn list(members: &[MemberView]) -> String {
    let roles = |m: &MemberView| m.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(",");
    let row = |m: &MemberView| [m.user.email.clone(), roles(m), m.user.id.to_string()];
    table(["USER", "ROLES", "ID"], members.iter().map(row))
}

fn list_roles(roles: &[RoleView]) -> String {
    let permissions = |r: &RoleView| r.permissions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    table(["ROLE", "PERMISSIONS"], roles.iter().map(|r| [r.name.to_string(), permissions(r)]))
}
