//! `app`.

mod args;
mod private;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use args::{Action, Create, Edit, SecretAction, StageName};
pub(super) use args::{Apps, ScopesAction, Terms};
pub(super) use private::scopes as private_scopes;

use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, or_dash, plain, print, show, table};
use super::pages;
use crate::admin::{
    Administration, AppChange, AppDetails, AppSecret, AppView, ChangeView, ClientView, CreatedApp, CreatedSecret, ImportedApp,
    NewApp, NewAppKind, Publish, PublishedApp, SecretView, StableMark, Switch, Within,
};
use crate::apps::Manifest;
use crate::store::{Maturity, Stage};
use crate::types::ScopeSet;

/// Largest manifest that is read, bytes; a larger one is refused anyway.
const MAX_MANIFEST: u64 = 1 << 20;

impl From<StageName> for Stage {
    fn from(stage: StageName) -> Self {
        match stage {
            StageName::Draft => Self::Draft,
            StageName::Published => Self::Published,
        }
    }
}

impl From<Create> for NewApp {
    fn from(args: Create) -> Self {
        let written = args.definition;
        Self {
            org: args.org,
            kind: if args.public { NewAppKind::Public } else { NewAppKind::Confidential },
            name: args.name,
            description: written.description.unwrap_or_default(),
            documentation_url: written.documentation,
            uninstall_instructions: written.uninstall.unwrap_or_default(),
            onboarding_url: written.onboarding,
            redirect_uris: written.redirect_uris,
            scopes: listed(written.scopes.as_deref()).unwrap_or_default(),
            access_token_ttl_seconds: written.terms.ttl().over(None),
            require_state: written.terms.require_state.unwrap_or_default(),
        }
    }
}

impl From<Edit> for AppChange {
    fn from(args: Edit) -> Self {
        let written = args.definition;
        Self {
            revision: args.revision,
            name: args.name,
            description: written.description,
            documentation_url: written.documentation,
            uninstall_instructions: written.uninstall,
            onboarding_url: written.onboarding,
            redirect_uris: Some(written.redirect_uris).filter(|u| !u.is_empty()),
            scopes: listed(written.scopes.as_deref()),
            access_token_ttl_seconds: written.terms.ttl(),
            require_state: written.terms.require_state,
        }
    }
}

fn listed(scopes: Option<&str>) -> Option<Vec<String>> {
    scopes.map(|s| s.split_whitespace().map(ToOwned::to_owned).collect())
}

pub(super) async fn run(args: Apps) -> Result<(), CliError> {
    let Apps { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move { act(&*admin, action, json).await }).await
}

async fn act(admin: &dyn Administration, action: Action, json: bool) -> Result<(), CliError> {
    let one = match action {
        Action::List { org, page } => {
            let ask = async |page| admin.apps(Within::of(org.clone(), None, page)).await;
            return pages::list(json, page, ask, list).await;
        }
        Action::Show { app } => return show(json, &admin.app(&app).await?, details),
        Action::Diff { app } => return show(json, &admin.app(&app).await?.changes, |changes| differences(changes)),
        Action::Create(args) => return show(json, &admin.create_app(args.into()).await?, made),
        Action::Publish { app, app_uuid } => {
            if let Some(warning) = untried(&admin.app(&app).await?.untried_scopes) {
                eprintln!("warning: {warning}");
            }
            return show(json, &admin.publish_app(&app, Publish { app_uuid }).await?, published);
        }
        Action::Delete { app } => {
            admin.delete_app(&app).await?;
            return done(json, "deleted with its clients; their grants are revoked\n");
        }
        Action::Secret(action) => return secret(admin, action, json).await,
        Action::Scopes(action) => return private::scopes(admin, action, json).await,
        Action::Installed { org, page } => return private::installed(admin, &org, page, json).await,
        Action::Install { app, org } => return private::install(admin, (&app, &org), json).await,
        Action::Uninstall { app, org } => return private::uninstall(admin, (&app, &org), json).await,
        Action::Export { app, version } => return print(&admin.export_app(&app, version).await?.to_text()),
        Action::Import { org, file } => {
            let manifest = Manifest::read(&read(&file)?).map_err(|e| CliError::failed(e.to_string()))?;
            return show(json, &admin.import_app(&org, manifest).await?, imported);
        }
        Action::Edit(args) => {
            let app = args.app.clone();
            admin.update_app(&app, args.into()).await?
        }
        Action::Stable { app, undo } => {
            let maturity = if undo { Maturity::InWork } else { Maturity::Stable };
            admin.mark_app(&app, StableMark { maturity }).await?
        }
        Action::Enable { app } => admin.switch_app(&app, Switch::Active).await?,
        Action::Disable { app } => admin.switch_app(&app, Switch::Disabled).await?,
    };
    show(json, &one, overview)
}

async fn secret(admin: &dyn Administration, action: SecretAction, json: bool) -> Result<(), CliError> {
    match action {
        SecretAction::Add { app, of, overlap, lives } => {
            let new = AppSecret { stage: of.into(), others_live_seconds: overlap, lives_seconds: lives };
            show(json, &admin.add_app_secret(&app, new).await?, made_secret)
        }
        SecretAction::Remove { app, secret, of } => {
            admin.remove_app_secret(&app, of.into(), &secret).await?;
            done(json, "removed\n")
        }
    }
}

fn done(json: bool, text: &str) -> Result<(), CliError> {
    print(if json { "{}\n" } else { text })
}

/// A file, or standard input for `-`.
fn read(file: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let outcome = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_MANIFEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(MAX_MANIFEST).read_to_string(&mut text))
    };
    outcome.map_err(|e| CliError::failed(format!("{} can't be read: {e}", file.display())))?;
    Ok(text)
}

fn versions(app: &AppView) -> String {
    if app.version == 0 { "draft".to_owned() } else { format!("published v{}", app.version) }
}

fn list(apps: &[AppView]) -> String {
    let row = |a: &AppView| [a.id.to_string(), a.name.clone(), versions(a), name_of(&a.state), a.org.to_string()];
    table(["APP", "NAME", "VERSION", "STATE", "ORG"], apps.iter().map(row))
}

fn overview(app: &AppView) -> String {
    card([
        ("app", app.id.to_string()),
        ("app_uuid", app.app_uuid.to_string()),
        ("org", app.org.to_string()),
        ("name", app.name.clone()),
        ("state", name_of(&app.state)),
        ("version", versions(app)),
        ("draft", format!("revision {}, {}", app.revision, name_of(&app.maturity))),
        ("description", app.description.clone()),
        ("documentation", or_dash(app.documentation_url.as_ref())),
        ("onboarding URL", or_dash(app.onboarding_url.as_ref())),
        ("redirect URIs", app.redirect_uris.join(" ")),
        ("scopes", app.scopes.to_string()),
        ("draft client", app.draft_client.to_string()),
        ("published client", or_dash(app.published_client.as_ref())),
        ("created", app.created_at.to_string()),
    ])
}

fn details(all: &AppDetails) -> String {
    let mut text = overview(&all.app);
    let secret = |s: &SecretView| match s.expires_at {
        Some(end) => format!("{} (…{}, until {end})", s.id, s.last4),
        None => format!("{} (…{})", s.id, s.last4),
    };
    let client = |c: &ClientView| {
        let secrets = c.secrets.iter().map(secret).collect::<Vec<_>>().join(", ");
        [c.id.to_string(), or_dash(c.stage.as_ref().map(name_of)), name_of(&c.kind), name_of(&c.state), secrets]
    };
    text.push('\n');
    text.push_str(&table(["CLIENT ID", "STAGE", "KIND", "STATE", "SECRETS"], all.clients.iter().map(client)));
    if !all.versions.is_empty() {
        let row = |v: &crate::admin::AppVersionView| {
            let by = v.published_by.as_ref().map_or_else(|| "operator".to_owned(), ToString::to_string);
            [v.number.to_string(), v.published_at.to_string(), by, v.scopes.to_string()]
        };
        text.push('\n');
        text.push_str(&table(["VERSION", "PUBLISHED", "BY", "SCOPES"], all.versions.iter().map(row)));
    }
    text.push_str("\nBefore the draft is published:\n");
    for condition in &all.conditions {
        let mark = if condition.met { "met    " } else { "not met" };
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {mark}  {}", condition.sentence);
    }
    if let Some(warning) = untried(&all.untried_scopes) {
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    text
}

/// What to say of scopes that are published without having been tried.
fn untried(scopes: &ScopeSet) -> Option<String> {
    (!scopes.is_empty()).then(|| format!("never tried in a test authorization of the draft: {scopes}"))
}

fn differences(changes: &[ChangeView]) -> String {
    if changes.is_empty() {
        return "the draft is what the last version says\n".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        let _ = writeln!(text, "{}", change.field);
        for (sign, values) in [('-', &change.removed), ('+', &change.added)] {
            for value in values.iter().flat_map(|v| v.lines()) {
                let _ = writeln!(text, "  {sign} {}", plain(value));
            }
        }
    }
    text
}

fn once(secret: Option<&String>) -> String {
    secret.map_or_else(String::new, |s| format!("\nSecret, shown this once:\n{s}\n"))
}

fn made(created: &CreatedApp) -> String {
    overview(&created.app) + &once(created.client_secret.as_ref())
}

fn imported(imported: &ImportedApp) -> String {
    let what = if imported.created { "a new app was made\n\n" } else { "the draft is what the manifest says\n\n" };
    let left_out = match imported.left_out.to_string() {
        none if none.is_empty() => none,
        scopes => format!("\nleft out, because the operator gives it: {scopes}\n"),
    };
    what.to_owned() + &overview(&imported.app) + &left_out + &once(imported.client_secret.as_ref())
}

fn published(release: &PublishedApp) -> String {
    let told = card([
        ("version", release.version.to_string()),
        ("app_uuid", release.app_uuid.to_string()),
        ("client_id", release.client_id.to_string()),
        ("grants narrowed", release.narrowed_grants.to_string()),
        ("grants ended", release.ended_grants.to_string()),
    ]);
    told + &once(release.client_secret.as_ref())
}

fn made_secret(created: &CreatedSecret) -> String {
    format!("Secret {}, shown this once:\n{}\n", created.secret.id, created.client_secret)
}
