//! `user`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, print, show, table};
use super::pages::{self, Paged};
use super::password::PasswordSource;
use crate::admin::{Administration, CreatedUser, NewPassword, NewUserRequest, UserSwitch, UserView};
use crate::store::UserKind;

#[derive(Debug, Args)]
pub(super) struct Users {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Users, by e-mail address
    List(Paged),
    /// One user
    Show {
        /// Id or e-mail address
        user: String,
    },
    /// Make a user; without a password one is made that works once
    Create {
        /// E-mail address, or the name of a service user
        email: String,
        /// Its name for people
        #[arg(long)]
        name: Option<String>,
        /// A subject for machine clients, who never signs in
        #[arg(long)]
        service: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Set a password and end every session; without one a password is made that works once
    Password {
        /// Id or e-mail address
        user: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Browsers in which a user is signed in
    #[command(subcommand)]
    Sessions(super::sessions::Sessions),
    /// People who may open the operator's pages, /operator
    #[command(subcommand)]
    Operator(Operators),
    /// Let a user act again; a frozen one goes on with what it had
    #[command(visible_alias = "thaw")]
    Enable {
        /// Id or e-mail address
        user: String,
    },
    /// Stop a user for now: nothing of it works, and nothing is revoked
    Freeze {
        /// Id or e-mail address
        user: String,
    },
    /// Stop a user: sessions end and grants are revoked
    Disable {
        /// Id or e-mail address
        user: String,
    },
}

#[derive(Debug, Subcommand)]
enum Operators {
    /// Everybody who may
    List(Paged),
    /// Let an active person open them
    Add {
        /// Id or e-mail address
        user: String,
    },
    /// Take that away, at their next request
    Remove {
        /// Id or e-mail address
        user: String,
    },
}

async fn operators(admin: &dyn Administration, action: Operators, json: bool) -> Result<(), CliError> {
    match action {
        Operators::List(paged) => pages::list(json, paged, async |page| admin.operators(page).await, list).await,
        Operators::Add { user } => show(json, &admin.add_operator(&user).await?, details),
        Operators::Remove { user } => {
            admin.remove_operator(&user).await?;
            print(if json { "{}\n" } else { "removed\n" })
        }
    }
}

pub(super) async fn run(args: Users) -> Result<(), CliError> {
    let Users { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        let one = match action {
            Action::List(paged) => return pages::list(json, paged, async |page| admin.users(page).await, list).await,
            Action::Create { email, name, service, password } => {
                let kind = if service { UserKind::Service } else { UserKind::Person };
                let new = NewUserRequest { email, name, kind, password: password.read()? };
                return show(json, &admin.create_user(new).await?, made);
            }
            Action::Password { user, password } => {
                let new = NewPassword { password: password.read()? };
                return show(json, &admin.set_password(&user, new).await?, made);
            }
            Action::Sessions(action) => return super::sessions::run(&*admin, action, json).await,
            Action::Operator(action) => return operators(&*admin, action, json).await,
            Action::Show { user } => admin.user(&user).await?,
            Action::Enable { user } => admin.switch_user(&user, UserSwitch::Active).await?,
            Action::Freeze { user } => admin.switch_user(&user, UserSwitch::Frozen).await?,
            Action::Disable { user } => admin.switch_user(&user, UserSwitch::Disabled).await?,
        };
        show(json, &one, details)
    })
    .await
}

fn list(users: &[UserView]) -> String {
    let row = |u: &UserView| [u.email.clone(), u.name.clone(), name_of(&u.kind), name_of(&u.state), u.id.to_string()];
    table(["EMAIL", "NAME", "KIND", "STATE", "ID"], users.iter().map(row))
}

fn details(user: &UserView) -> String {
    card([
        ("id", user.id.to_string()),
        ("email", user.email.clone()),
        ("name", user.name.clone()),
        ("kind", name_of(&user.kind)),
        ("state", name_of(&user.state)),
        ("created", user.created_at.to_string()),
    ])
}

fn made(created: &CreatedUser) -> String {
    let mut text = details(&created.user);
    if let Some(password) = &created.one_time_password {
        text.push_str("\nOne-time password, shown this once; it must be changed at the first sign-in:\n");
        text.push_str(password);
        text.push('\n');
    }
    text
}
