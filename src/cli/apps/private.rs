//! `app scopes` and `client private`, `app install`, `app uninstall`.

use super::args::{Private, ScopesAction};
use crate::admin::{
    Administration, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict, UninstalledApp, Within,
};
use crate::cli::failure::CliError;
use crate::cli::output::{name_of, or_dash, plain, show, table};
use crate::cli::pages::{self, Paged};

pub(in crate::cli) async fn scopes(admin: &dyn Administration, action: ScopesAction, json: bool) -> Result<(), CliError> {
    let (which, verdict, lives) = match action {
        ScopesAction::List { org, page } => {
            let ask = async |page| admin.scope_requests(Within::of(org.clone(), None, page)).await;
            return pages::list(json, page, ask, requests).await;
        }
        ScopesAction::Request { app, scope, reason } => {
            let asked = admin.request_scope(&app, ScopeAsk { scope, reason }).await?;
            return show(json, &asked, |one| requests(std::slice::from_ref(one)));
        }
        ScopesAction::Cancel { app, scope } => {
            let taken = admin.cancel_scope_request(&app, &scope).await?;
            return show(json, &taken, |one| requests(std::slice::from_ref(one)));
        }
        ScopesAction::Approve { which, lives } => (which, ScopeVerdict::Approve, lives),
        ScopesAction::Deny(which) => (which, ScopeVerdict::Deny, None),
        ScopesAction::Withdraw(which) => (which, ScopeVerdict::Withdraw, None),
    };
    let Private { app, scope, comment } = which;
    show(json, &admin.decide_scope(&app, ScopeDecision { scope, verdict, lives, comment }).await?, decided)
}

fn decided(done: &DecidedScope) -> String {
    let ended = match (done.revoked_grants, done.disabled_keys) {
        (0, 0) => String::new(),
        (grants, keys) => format!("\nrevoked {grants} grants, disabled {keys} API keys\n"),
    };
    format!("{}{ended}", requests(std::slice::from_ref(&done.request)))
}

fn requests(all: &[ScopeRequestView]) -> String {
    let row = |r: &ScopeRequestView| {
        let until = or_dash(r.approved_until);
        [r.holder.clone(), r.name.clone(), r.scope.to_string(), name_of(&r.state), until, or_dash(r.asked_at), r.reason.clone()]
    };
    table(["APP OR CLIENT", "NAME", "SCOPE", "STATE", "COUNTS UNTIL", "ASKED", "REASON"], all.iter().map(row))
}

pub(super) async fn installed(admin: &dyn Administration, org: &str, paged: Paged, json: bool) -> Result<(), CliError> {
    pages::list(json, paged, async |page| admin.installs(org, page).await, installs).await
}

pub(super) async fn install(admin: &dyn Administration, (app, org): (&str, &str), json: bool) -> Result<(), CliError> {
    show(json, &admin.install_app(org, app).await?, |one| installs(std::slice::from_ref(one)))
}

pub(super) async fn uninstall(admin: &dyn Administration, (app, org): (&str, &str), json: bool) -> Result<(), CliError> {
    show(json, &admin.uninstall_app(org, app).await?, uninstalled)
}

fn installs(all: &[InstallView]) -> String {
    let row = |i: &InstallView| {
        let (users, keys) = (i.users.to_string(), i.keys.to_string());
        [i.app.to_string(), i.name.clone(), i.installed_at.to_string(), users, i.grants.to_string(), keys]
    };
    table(["APP", "NAME", "INSTALLED", "USERS", "GRANTS", "API KEYS"], all.iter().map(row))
}

fn uninstalled(done: &UninstalledApp) -> String {
    let UninstalledApp { grants, users, keys, .. } = done;
    let left = if done.instructions.is_empty() {
        String::new()
    } else {
        let lines: Vec<_> = done.instructions.lines().map(plain).collect();
        format!("\nits maker says what is left to do:\n{}\n", lines.join("\n"))
    };
    format!("uninstalled: revoked {grants} grants of {users} users, disabled {keys} API keys\n{left}")
}
